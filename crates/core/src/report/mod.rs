// SPDX-License-Identifier: Apache-2.0
//! The drift report: how regions differ from their specs. It contains no times and no random ids, and every format
//! (text, JSON, Markdown, JUnit, SARIF, HTML) is rendered from it, also later from its JSON.
//!
//! [`build`] builds a region's report from its plan, [`judge`] applies acceptances and an earlier report, [`rows`]
//! groups it by runbook row, and [`last_applied`] attributes the drift. [`examine`] does all of that for one region.
//! [`unmanaged`] finds resources that are in no spec. [`crate::kind::weight`] contains the severities.

pub mod build;
pub mod examine;
pub mod judge;
pub mod last_applied;
pub mod rows;
pub mod unmanaged;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::diagnostic::Position;
use crate::diff::FieldChange;
use crate::observe::failure::Gap;
use crate::observe::provider::AuditEvent;
use crate::plan::{InProgress, Note, WaitingOn};
use crate::resource::address::Address;

pub use crate::kind::weight::Severity;
pub use rows::{Row, RowFinding, RowState};
pub use unmanaged::Unmanaged;

/// The version of the report's JSON. Other versions are refused.
pub const FORMAT: u32 = 2;

/// The report of all regions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The version of this document's format, 2.
    pub format: u32,
    /// The regionctl that created the report, `regionctl 0.1.0`.
    pub tool: String,
    /// Whether the report was compared with an earlier one, so that each finding has `since`.
    pub compared: bool,
    /// The regions, in the order of their spec files.
    pub regions: Vec<RegionReport>,
}

/// The report of one region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RegionReport {
    /// The region's code, `eu-central-1`.
    pub region: String,
    /// The account's id.
    pub account: String,
    /// The spec file's path, as given.
    pub spec: String,
    /// The error, if the region could not be read at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<RegionFailure>,
    /// Whether drift can be distinguished from unapplied spec changes.
    pub attribution: Attribution,
    /// The open findings, the most severe first.
    pub findings: Vec<Finding>,
    /// The findings, or some of their fields, that the spec's section `accept` accepts.
    pub accepted: Vec<AcceptedFinding>,
    /// The findings of the earlier report that no longer exist.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resolved: Vec<Resolved>,
    /// The resources that wait for a person.
    pub waiting: Vec<WaitingOn>,
    /// The resources without differences that have an operation in progress in AWS.
    pub in_progress: Vec<InProgress>,
    /// The resources that could not be read.
    pub gaps: Vec<Gap>,
    /// The live resources that are in no spec. Absent unless requested with `--unmanaged`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unmanaged: Option<Unmanaged>,
    /// Informational notes.
    pub notes: Vec<Note>,
    /// The compared resources, sorted by address.
    pub resources: Vec<Resource>,
    /// The runbook's rows, and one row per kind for resources that no row matches.
    pub rows: Vec<Row>,
}

/// The error of a region that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RegionFailure {
    /// The error's code. See docs/errors.md.
    pub code: String,
    /// What is wrong. Several messages are joined by `; `.
    pub message: String,
    /// The next steps: an imperative, a command or a correct value.
    pub help: Vec<String>,
}

/// Whether drift can be distinguished from unapplied spec changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Attribution {
    /// It can, with the last-applied record.
    Yes,
    /// It cannot, for this reason.
    No(String),
}

/// The kind of drift: how live differs from the spec, or that both contain a risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Drift {
    /// A setting in AWS differs from the spec.
    Changed,
    /// The resource does not exist in AWS.
    Missing,
    /// It exists in AWS, but not in the spec's exclusive list, or the spec says `absent`.
    NotInSpec,
    /// The source changed since it was copied, or no longer exists.
    SourceChanged,
    /// The spec changed since the last apply.
    NotApplied,
    /// The spec does not state the setting, and its live value is not AWS's default.
    Unstated,
    /// Live matches the spec, and the spec contains a risk without a waiver.
    Unwaived,
}

impl Drift {
    /// All kinds of drift in the order of a report.
    pub const ALL: [Self; 7] = [
        Self::Changed,
        Self::Missing,
        Self::NotInSpec,
        Self::SourceChanged,
        Self::NotApplied,
        Self::Unstated,
        Self::Unwaived,
    ];

    /// Returns the title of the section in a report.
    pub fn title(self, attribution: &Attribution) -> &'static str {
        match (self, attribution) {
            (Self::Changed, Attribution::Yes) => "Changed in AWS",
            (Self::Changed, Attribution::No(_)) => "Differs from the spec",
            (Self::Missing, _) => "Missing in AWS",
            (Self::NotInSpec, _) => "Not in the spec",
            (Self::SourceChanged, _) => "Source changed",
            (Self::NotApplied, _) => "Spec changed, not applied",
            (Self::Unstated, _) => "Not stated in the spec (differs from AWS's default)",
            (Self::Unwaived, _) => "Risk without a waiver",
        }
    }

    /// Returns the stable id in JUnit and SARIF.
    pub fn word(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::NotInSpec => "not-in-spec",
            Self::SourceChanged => "source-changed",
            Self::NotApplied => "not-applied",
            Self::Unstated => "unstated",
            Self::Unwaived => "unwaived",
        }
    }

    /// Returns the meaning as a sentence without a full stop.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Changed => "A setting in AWS differs from the spec",
            Self::Missing => "A resource of the spec does not exist in AWS",
            Self::NotInSpec => "It exists in AWS, but not in the spec's exclusive list, or the spec says `absent`",
            Self::SourceChanged => "The source in another region changed since it was copied, or no longer exists",
            Self::NotApplied => "The spec changed since the last apply",
            Self::Unstated => "The spec does not state the setting, and its live value is not AWS's default",
            Self::Unwaived => "The spec contains a risk without a waiver",
        }
    }
}

/// A resource that differs from the spec, or a risk without a waiver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// A digest of the account, the region and the address, 16 hexadecimal digits. Equal in every report.
    pub id: String,
    /// A digest of the differences, 16 hexadecimal digits. Equal only while the same fields have the same live values.
    pub content: String,
    /// The resource: `kind/name`.
    pub address: Address,
    /// The AWS service, as the SDK names it: `SNS`.
    pub service: String,
    /// The kind of drift. Reports group findings by it.
    pub drift: Drift,
    /// The rule id of the risk, if this is a risk without a waiver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Whether the resource does not exist.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub absent: bool,
    /// The severity: the highest of the fields.
    pub severity: Severity,
    /// The consequence of the worst field: `a public access block is off`.
    pub why: String,
    /// Compared with the earlier report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Since>,
    /// The position in the spec.
    pub at: Position,
    /// The name of the rule or pattern that the resource comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// The source that it copies, `region/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<String>,
    /// The fields that differ, the most severe first.
    pub fields: Vec<Field>,
    /// The reasons why it cannot be changed in place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocked: Vec<String>,
    /// The audit events (CloudTrail) of the resource, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audit_events: Vec<AuditEvent>,
    /// An acceptance of this finding that has expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expired: Option<AcceptanceNote>,
    /// The command, or the change of the spec, that fixes it.
    pub fix: String,
}

/// A field that differs. `before` is the live value, `after` the desired one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Field {
    /// The path and the values.
    #[serde(flatten)]
    pub change: FieldChange,
    /// The severity of this field's difference.
    pub severity: Severity,
    /// The consequence: `a public access block is off`.
    pub why: String,
    /// Whether the spec does not state the field, so that `after` is AWS's default.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unstated: bool,
}

/// A finding compared with the earlier report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Since {
    /// The earlier report does not contain it.
    New,
    /// The earlier report contains it with other differences.
    Changed,
    /// The earlier report contains it with the same differences.
    Known,
}

/// A finding of the earlier report that no longer exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Resolved {
    /// The finding's id.
    pub id: String,
    /// The resource: `kind/name`.
    pub address: Address,
    /// The kind of drift in the earlier report.
    pub drift: Drift,
    /// The position in the spec.
    pub at: Position,
}

/// A finding, or some of its fields, that the spec accepts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AcceptedFinding {
    /// The finding with its accepted fields.
    pub finding: Finding,
    /// The entry of the spec that accepts it.
    pub acceptance: AcceptanceNote,
}

/// An entry of the spec's section `accept`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AcceptanceNote {
    /// Why the drift is accepted, as stated in the spec.
    pub reason: String,
    /// The person or team that accepts the drift.
    pub by: String,
    /// The last day of the acceptance, `2026-12-31`.
    pub until: String,
    /// The position in the spec.
    pub at: Position,
}

/// A resource of the spec that was compared, with or without findings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Resource {
    /// The resource's address.
    pub address: Address,
    /// The AWS service.
    pub service: String,
    /// The position in the spec.
    pub at: Position,
}

impl RegionReport {
    /// Returns whether the region was read without gaps.
    pub fn is_complete(&self) -> bool {
        self.failed.is_none() && self.gaps.is_empty()
    }

    /// Returns the state of the region: the worst that applies.
    pub fn state(&self) -> RowState {
        let states = [
            (!self.is_complete(), RowState::Unreadable),
            (!self.findings.is_empty(), RowState::Drift),
            (!self.waiting.is_empty(), RowState::Waiting),
            (!self.in_progress.is_empty(), RowState::InProgress),
            (!self.accepted.is_empty(), RowState::Accepted),
        ];
        states.into_iter().find(|(holds, _)| *holds).map_or(RowState::Clean, |(_, state)| state)
    }
}

impl Report {
    /// Combines the reports of regions.
    pub fn of(regions: Vec<RegionReport>) -> Self {
        Self { format: FORMAT, tool: crate::plan::build::TOOL.to_owned(), compared: false, regions }
    }

    /// Returns all open findings with their regions.
    pub fn findings(&self) -> impl Iterator<Item = (&RegionReport, &Finding)> {
        self.regions.iter().flat_map(|region| region.findings.iter().map(move |finding| (region, finding)))
    }

    /// Returns the number of open findings with a severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings().filter(|(_, finding)| finding.severity == severity).count()
    }

    /// Returns whether all regions were read without gaps.
    pub fn is_complete(&self) -> bool {
        self.regions.iter().all(RegionReport::is_complete)
    }

    /// Keeps only the given regions, named by code or spec file. An empty list keeps all.
    #[must_use]
    pub fn only(mut self, regions: &[String]) -> Self {
        if !regions.is_empty() {
            self.regions.retain(|region| regions.contains(&region.region) || regions.contains(&region.spec));
        }
        self
    }
}
