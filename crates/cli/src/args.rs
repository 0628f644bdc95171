//! The arguments.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use regionctl_core::resource::address::Address;

const EXIT_CODES: &str = "\
Exit codes:
  0    nothing to do, or done
  1    an error, or something could not be read (the answer is not complete, and says so)
  2    changes or drift (plan only with --detailed-exitcode, drift always)
  3    refused before anything was changed
  4    applied in part
  130  interrupted, with what was done and what was not";

/// Says what an AWS region should hold, shows what it does hold, and converges.
#[derive(Debug, Parser)]
#[command(name = "regionctl", version, after_help = EXIT_CODES, propagate_version = true)]
pub struct Args {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, ClapArgs)]
pub struct Global {
    /// Use the AWS in the box instead of AWS; its state is in FILE
    #[cfg(feature = "sandbox")]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "REGIONCTL_SANDBOX",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = ".regionctl/sandbox.json"
    )]
    pub sandbox: Option<PathBuf>,
    /// The AWS profile to use
    #[arg(long, global = true)]
    pub profile: Option<String>,
    /// Another endpoint than AWS's own
    #[arg(long, global = true, value_name = "URL")]
    pub endpoint_url: Option<String>,
    /// How many steps run at once
    #[arg(long, global = true, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    pub parallelism: u16,
    /// When to use colour; NO_COLOR is honoured
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
    /// Show the calls that were made
    #[arg(long, global = true)]
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
    /// Show what would be done. Changes nothing
    Plan(Plan),
    /// Do it, and prove that it is done
    Apply(Apply),
    /// Show what is no longer what the spec says. Changes nothing
    Drift(Drift),
    /// Save what AWS holds to a file, or compare two such files. Changes nothing
    Snapshot(Snapshot),
    /// Show an earlier report in another format
    Report(Report),
    /// Write into the spec that a resource's drift is known, and until when
    Accept(Accept),
    /// Print the IAM policy that the specs need
    Permissions(Permissions),
    /// Print a JSON Schema, or the reference of the kinds
    Schema(Schema),
    /// Print completions for a shell
    Completions {
        /// Which
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
    /// Look after the AWS in the box
    #[cfg(feature = "sandbox")]
    #[command(subcommand)]
    Sandbox(Sandbox),
}

#[derive(Debug, ClapArgs)]
pub struct Plan {
    /// Spec files; every region in regions/ where none is named
    pub specs: Vec<PathBuf>,
    /// Save the plan for `apply FILE`; it holds for an hour, once
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Exit with 2 when there are changes
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// Look also at what a plan cannot see: permissions, quotas, what is on offer
    #[arg(long, conflicts_with = "snapshot")]
    pub preflight: bool,
    /// Read this snapshot instead of AWS; needs no credentials
    #[arg(long, value_name = "FILE")]
    pub snapshot: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
#[allow(clippy::struct_excessive_bools)] // each is a switch of its own
pub struct Apply {
    /// Spec files or a saved plan; every region in regions/ where none is named
    pub specs: Vec<PathBuf>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Only these resources, and what they need
    #[arg(long, value_name = "KIND/NAME")]
    pub target: Vec<Address>,
    /// Let through a plan that changes more than a third of what exists
    #[arg(long)]
    pub allow_large: bool,
    /// Let through a plan that deletes something
    #[arg(long)]
    pub allow_destroy: bool,
    /// Whether to wait for what takes minutes; with `--wait=false` the next plan says how far it is
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub wait: bool,
    /// Do not look first at what a plan cannot see
    #[arg(long)]
    pub skip_preflight: bool,
    /// Ask the people again that something waits for, where AWS can
    #[arg(long)]
    pub resend: bool,
}

#[derive(Debug, ClapArgs)]
pub struct Drift {
    /// Spec files; every region in regions/ where none is named
    pub specs: Vec<PathBuf>,
    #[command(flatten)]
    pub rendering: Rendering,
    /// What makes the job fail (exit code 2): new findings, or those of at least a severity; both together narrow it
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',')]
    pub fail_on: Vec<FailOnWord>,
    /// An earlier report (JSON), against which findings are new or known; one that is not there yet is empty
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// List also what is there and in no spec
    #[arg(long, conflicts_with = "snapshot")]
    pub unmanaged: bool,
    /// Read this snapshot instead of AWS; needs no credentials
    #[arg(long, value_name = "FILE")]
    pub snapshot: Option<PathBuf>,
    /// Hold what a spec does not state against AWS's defaults
    #[arg(long)]
    pub strict: bool,
    /// Whether to ask CloudTrail who made the changes
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub who: bool,
}

/// What `snapshot` takes.
#[derive(Debug, ClapArgs)]
pub struct Snapshot {
    /// Spec files, of which all that they rest on is read; region codes, of which everything is read; every region in
    /// regions/ if none is named
    #[arg(value_name = "SPEC|REGION")]
    pub of: Vec<String>,
    /// Write the snapshot to this file. It holds no secrets
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Show what changed between two snapshots, the earlier one first; exit with 2 if anything did
    #[arg(long, num_args = 2, value_names = ["A", "B"], conflicts_with_all = ["of", "out"])]
    pub diff: Vec<PathBuf>,
    /// How differences are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Where a report goes.
#[derive(Debug, ClapArgs)]
pub struct Rendering {
    /// What is printed on standard output
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub format: ReportFormat,
    /// Write the report also to a file; may be given several times
    #[arg(long, value_name = "FORMAT=PATH")]
    pub output: Vec<OutputTo>,
}

/// A format and a file.
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
                    .map_err(|_| format!("'{format}' is no format; there are {}", formats()))?;
                Ok(Self { format, path: path.into() })
            }
            _ => Err(format!("write FORMAT=PATH; the formats are {}", formats())),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For a terminal or a log
    Text,
    /// The report itself; schema/report.schema.json
    Json,
    /// For a job's summary, 1,024 KiB at most
    Markdown,
    /// For a comment or an issue, 65,535 characters at most
    Comment,
    /// One suite a region, one case a resource
    Junit,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// One page with everything in it
    Html,
    /// GitHub's workflow commands, ten at most
    Annotations,
    /// The payload of a Slack webhook; empty when there is nothing new
    Slack,
    /// For scripts: a line a region with its code, its state and the number of findings, with tabs between
    States,
}

fn day(text: &str) -> Result<jiff::civil::Date, String> {
    text.parse().map_err(|_| "a day is written as 2026-12-31".to_owned())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailOnWord {
    /// Only what the baseline did not have
    New,
    /// Only what exposes something, or what nobody would notice
    High,
    /// All but cosmetics
    Medium,
    /// Everything
    Low,
}

#[derive(Debug, ClapArgs)]
pub struct Report {
    /// The report, as `drift --output json=FILE` wrote it
    pub file: PathBuf,
    /// Only these regions, by code or spec file
    #[arg(long, value_name = "REGION")]
    pub only: Vec<String>,
    #[command(flatten)]
    pub rendering: Rendering,
}

#[derive(Debug, ClapArgs)]
pub struct Accept {
    /// The resource, KIND/NAME
    pub address: Address,
    /// The spec file; the one in regions/ that has the resource where none is named
    pub spec: Option<PathBuf>,
    /// Why
    #[arg(long)]
    pub reason: String,
    /// The last day on which it is accepted, YYYY-MM-DD
    #[arg(long, value_name = "DAY", value_parser = day)]
    pub until: jiff::civil::Date,
    /// Who says so
    #[arg(long, env = "USER")]
    pub by: String,
}

#[derive(Debug, ClapArgs)]
pub struct Permissions {
    /// Spec files; every region in regions/ where none is named
    pub specs: Vec<PathBuf>,
    /// What the caller is to do: plan and drift, or apply too
    #[arg(long = "for", value_enum, value_name = "COMMAND")]
    pub purpose: Purpose,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Purpose {
    /// plan, drift and accept: nothing in it writes
    Plan,
    /// apply, and all that plan needs
    Apply,
}

#[derive(Debug, ClapArgs)]
pub struct Schema {
    /// Which
    #[arg(value_enum, default_value_t = Which::Region)]
    pub which: Which,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Which {
    /// The schema of a spec file
    Region,
    /// The schema of a saved plan
    Plan,
    /// The schema of a report
    Report,
    /// The schema of a snapshot
    Snapshot,
    /// The table of severities, in Markdown
    Severities,
    /// AWS's defaults that `drift --strict` knows, in Markdown
    Defaults,
    /// The reference of the kinds, in Markdown
    Reference,
}

#[cfg(feature = "sandbox")]
#[derive(Debug, Subcommand)]
pub enum Sandbox {
    /// Start anew, with what the company has in its older regions
    Seed {
        /// Only so many alarms in eu-central-1, for measuring
        #[arg(long, value_name = "N")]
        alarms: Option<u32>,
        /// Only so many log groups in eu-central-1, with a year of retention, for measuring
        #[arg(long, value_name = "N")]
        log_groups: Option<u32>,
        /// Only so many functions in eu-west-1 and a third as many documents in us-east-1, for measuring
        #[arg(long, value_name = "N")]
        functions: Option<u32>,
    },
    /// Serve it on a loopback port, for the AWS CLI and others
    Serve {
        /// The port; 0 takes a free one
        #[arg(long, default_value_t = 4577)]
        port: u16,
        /// Milliseconds that are added to every answer
        #[arg(long, default_value_t = 0, value_name = "MS")]
        delay: u64,
    },
    /// Throw it away
    Reset,
    /// Change three things behind regionctl's back, as somebody in a hurry would
    Tamper,
}
