// SPDX-License-Identifier: Apache-2.0
//! The command-line arguments. Their doc comments are the texts of `--help` and of the manual page.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum, ValueHint};
use regionctl_core::resource::address::Address;

const EXIT_CODES: &str = "\
Exit codes:
  0    success: nothing to do, or everything was applied
  1    error, or the result is incomplete because a read failed
  2    changes or drift found (`plan` only with --detailed-exitcode), or invalid arguments
  3    refused; nothing was changed
  4    partially applied
  130  interrupted";

/// The heading of the options that every command takes.
const GLOBAL: &str = "Global options";

/// Manage AWS regions declaratively: plan changes, apply them and detect drift
#[derive(Debug, Parser)]
#[command(name = "regionctl", version, after_help = EXIT_CODES, propagate_version = true)]
pub struct Args {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// The options that every command takes.
#[derive(Debug, ClapArgs)]
pub struct Global {
    /// Use the embedded AWS emulator, with its state in FILE [if omitted: .regionctl/sandbox.json]
    #[cfg(feature = "sandbox")]
    #[arg(
        long,
        global = true,
        help_heading = GLOBAL,
        value_name = "FILE",
        env = "REGIONCTL_SANDBOX",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = ".regionctl/sandbox.json"
    )]
    pub sandbox: Option<PathBuf>,
    /// AWS profile to use; overrides the profile in the spec
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "NAME")]
    pub profile: Option<String>,
    /// Send all requests to this URL instead of AWS's endpoints
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "URL", value_hint = ValueHint::Url)]
    pub endpoint_url: Option<String>,
    /// Maximum number of steps that run concurrently
    #[arg(
        long,
        global = true,
        help_heading = GLOBAL,
        value_name = "N",
        default_value_t = 16,
        allow_negative_numbers = true,
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    pub parallelism: u16,
    /// When to color the output; `auto` colors on a terminal unless NO_COLOR is set
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "WHEN", value_enum, default_value_t = Color::Auto)]
    pub color: Color,
    /// Print text in ASCII only; the default in a locale that is not UTF-8
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub ascii: bool,
    /// Print the number of AWS API calls on standard error
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub stats: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the changes required by the spec; changes nothing
    Plan(PlanArgs),
    /// Apply the changes and verify the result
    Apply(Apply),
    /// Report drift between the specs and AWS; changes nothing
    Drift(DriftArgs),
    /// Save the live state to a file, or compare two snapshots; changes nothing
    Snapshot(SnapshotArgs),
    /// Convert a saved drift report to another format
    Report(ReportArgs),
    /// Record in the spec that a resource's drift is accepted until a given day; an apply still reverts it
    Accept(Accept),
    /// Print the IAM policies that the specs require
    Permissions(Permissions),
    /// Print a JSON Schema or a reference document
    Schema(Schema),
    /// Print the completion script for a shell
    Completions {
        /// Shell to generate the script for
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
    /// Manage the embedded AWS emulator
    #[cfg(feature = "sandbox")]
    #[command(subcommand)]
    Sandbox(SandboxCommand),
}

#[derive(Debug, ClapArgs)]
pub struct PlanArgs {
    /// Spec files [default: every region in regions/]
    #[arg(value_name = "SPEC")]
    pub specs: Vec<PathBuf>,
    /// Save the plan to FILE for `apply FILE`; it can be applied once, within an hour
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Exit with code 2 if there are changes
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// Also check permissions, quotas and availability in AWS
    #[arg(long, conflicts_with = "snapshot")]
    pub preflight: bool,
    /// Read the live state from this snapshot instead of AWS; needs no credentials
    #[arg(long, value_name = "FILE")]
    pub snapshot: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
#[allow(clippy::struct_excessive_bools)] // each is a switch of its own
pub struct Apply {
    /// Spec files or one saved plan (*.json) [default: every region in regions/]
    #[arg(value_name = "SPEC|PLAN")]
    pub specs: Vec<PathBuf>,
    /// Apply without asking for confirmation
    #[arg(long)]
    pub yes: bool,
    /// Apply only this resource and its dependencies; can be repeated
    #[arg(long, value_name = "KIND/NAME")]
    pub target: Vec<Address>,
    /// Allow a plan that changes at least 10 existing resources and more than a third of them
    #[arg(long)]
    pub allow_large: bool,
    /// Allow a plan that deletes resources, parts of them, or data
    #[arg(long)]
    pub allow_destroy: bool,
    /// Allow a plan that interrupts a service: a restart, a failover, connections that end
    #[arg(long)]
    pub allow_interrupt: bool,
    /// Wait until resources that take minutes are ready; with `--wait=false`, the next plan shows their state
    #[arg(
        long,
        value_name = "BOOL",
        default_value_t = true,
        action = clap::ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub wait: bool,
    /// Skip the checks of `plan --preflight`
    #[arg(long)]
    pub skip_preflight: bool,
    /// Send pending confirmation requests again, if AWS supports it
    #[arg(long)]
    pub resend: bool,
}

#[derive(Debug, ClapArgs)]
pub struct DriftArgs {
    /// Spec files [default: every region in regions/]
    #[arg(value_name = "SPEC")]
    pub specs: Vec<PathBuf>,
    #[command(flatten)]
    pub rendering: Rendering,
    /// Exit with code 2 only for these findings; `new` with a severity requires both [default: any finding]
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',')]
    pub fail_on: Vec<FailOnWord>,
    /// Earlier report in JSON, to tell new findings from known ones; the file need not exist yet
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Also list resources that are in no spec
    #[arg(long, conflicts_with = "snapshot")]
    pub unmanaged: bool,
    /// Read the live state from this snapshot instead of AWS; needs no credentials
    #[arg(long, value_name = "FILE")]
    pub snapshot: Option<PathBuf>,
    /// Compare settings that the spec does not state with AWS's defaults
    #[arg(long)]
    pub strict: bool,
    /// Look up in CloudTrail who made the changes
    #[arg(
        long,
        value_name = "BOOL",
        default_value_t = true,
        action = clap::ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub who: bool,
}

/// The arguments of `snapshot`.
#[derive(Debug, ClapArgs)]
pub struct SnapshotArgs {
    /// Spec files (read what they need) or region codes (read all) [default: every region in regions/]
    #[arg(value_name = "SPEC|REGION")]
    pub of: Vec<String>,
    /// Write the snapshot to FILE; it contains no secrets
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Compare two snapshots, the earlier one first; exit with code 2 if they differ
    #[arg(long, num_args = 2, value_names = ["EARLIER", "LATER"], conflicts_with_all = ["of", "out"])]
    pub diff: Vec<PathBuf>,
    /// Output format of `--diff`
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// The formats and files of a report.
#[derive(Debug, ClapArgs)]
pub struct Rendering {
    /// Format of the report on standard output
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub format: ReportFormat,
    /// Also write the report to a file; can be repeated
    #[arg(long, value_name = "FORMAT=PATH")]
    pub output: Vec<OutputTo>,
}

/// One `--output FORMAT=PATH`.
#[derive(Debug, Clone)]
pub struct OutputTo {
    pub format: ReportFormat,
    pub path: PathBuf,
}

impl std::str::FromStr for OutputTo {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let formats = || {
            let names = ReportFormat::value_variants().iter().filter_map(ValueEnum::to_possible_value);
            names.map(|name| name.get_name().to_owned()).collect::<Vec<_>>().join(", ")
        };
        match text.split_once('=') {
            Some((format, path)) if !path.is_empty() => {
                let format = ReportFormat::from_str(format, false)
                    .map_err(|_| format!("unknown format '{format}'; expected one of: {}", formats()))?;
                Ok(Self { format, path: path.into() })
            }
            _ => Err(format!("expected FORMAT=PATH, with one of the formats: {}", formats())),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// Text for a terminal or a log
    Text,
    /// The complete report, as in schema/report.schema.json; input of `report` and `--baseline`
    Json,
    /// Markdown for a job summary, at most 1,024 KiB
    Markdown,
    /// Markdown for a comment or an issue, at most 65,535 characters
    Comment,
    /// JUnit XML: one suite per region, one case per resource
    Junit,
    /// SARIF 2.1.0 for code scanning
    Sarif,
    /// One self-contained HTML page
    Html,
    /// GitHub workflow commands, at most ten
    Annotations,
    /// Payload of a Slack webhook; empty if nothing is new, changed or fixed and everything could be read
    Slack,
    /// For scripts: one line per region with its code, state and number of findings, separated by tabs
    States,
}

fn day(text: &str) -> Result<jiff::civil::Date, String> {
    text.parse().map_err(|_| "expected a date such as 2026-12-31".to_owned())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailOnWord {
    /// Findings that are not in the baseline
    New,
    /// High severity: exposure, loss of data, an outage, or loss of monitoring
    High,
    /// Medium or high severity: everything except cosmetic differences
    Medium,
    /// Any severity
    Low,
}

#[derive(Debug, ClapArgs)]
pub struct ReportArgs {
    /// Report written by `drift --output json=FILE`
    pub file: PathBuf,
    /// Include only this region, given by its code or spec file; can be repeated
    #[arg(long, value_name = "REGION")]
    pub only: Vec<String>,
    #[command(flatten)]
    pub rendering: Rendering,
}

#[derive(Debug, ClapArgs)]
pub struct Accept {
    /// Resource whose drift to accept
    #[arg(value_name = "KIND/NAME")]
    pub address: Address,
    /// Spec file [default: the file in regions/ that has the resource]
    pub spec: Option<PathBuf>,
    /// Why the drift is accepted
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Last day on which the drift is accepted, as YYYY-MM-DD in UTC
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub until: jiff::civil::Date,
    /// Who accepts the drift
    #[arg(long, value_name = "NAME", env = "USER")]
    pub by: String,
}

#[derive(Debug, ClapArgs)]
pub struct Permissions {
    /// Spec files [default: every region in regions/]
    #[arg(value_name = "SPEC")]
    pub specs: Vec<PathBuf>,
    /// Command that the policy must allow
    #[arg(long = "for", value_enum, value_name = "COMMAND")]
    pub purpose: PurposeArg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PurposeArg {
    /// `plan`, `drift`, `accept` and `snapshot` of specs: read-only
    Plan,
    /// `apply` and everything that `plan` needs
    Apply,
}

#[derive(Debug, ClapArgs)]
pub struct Schema {
    /// Document to print
    #[arg(value_name = "DOCUMENT", value_enum, default_value_t = Which::Region)]
    pub which: Which,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Which {
    /// JSON Schema of a spec file
    Region,
    /// JSON Schema of a saved plan
    Plan,
    /// JSON Schema of a report
    Report,
    /// JSON Schema of a snapshot
    Snapshot,
    /// Severities of drift, in Markdown
    Severities,
    /// AWS's defaults that `drift --strict` compares with, in Markdown
    Defaults,
    /// Reference of the kinds, in Markdown
    Reference,
}

#[cfg(feature = "sandbox")]
#[derive(Debug, Subcommand)]
pub enum SandboxCommand {
    /// Reset the sandbox and create the older regions of the example company
    Seed {
        /// For benchmarks: create only N alarms in eu-central-1
        #[arg(long, value_name = "N")]
        alarms: Option<u32>,
        /// For benchmarks: create only N log groups in eu-central-1
        #[arg(long, value_name = "N")]
        log_groups: Option<u32>,
        /// For benchmarks: create only N functions in eu-west-1 and N/3 documents in us-east-1
        #[arg(long, value_name = "N")]
        functions: Option<u32>,
    },
    /// Serve the sandbox on a loopback port, for the AWS CLI and other tools
    Serve {
        /// Port on 127.0.0.1; 0 selects a free port
        #[arg(long, default_value_t = 4577)]
        port: u16,
        /// Milliseconds to add to every response
        #[arg(long, default_value_t = 0, value_name = "MS")]
        delay: u64,
    },
    /// Delete the state of the sandbox
    Reset,
    /// Change three settings in eu-central-1 outside regionctl, to try `drift`
    Tamper,
}
