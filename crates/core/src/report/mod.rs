//! A report: what the regions hold that their specs do not say, for people who read it in the morning. A value that
//! serialises, free of times and random ids; every format (text, JSON, Markdown, JUnit, SARIF, HTML) is rendered
//! from it, and can be rendered later from its JSON.
//!
//! [`build`] makes a region's part of a plan, [`judge`] lays acceptances and an earlier report over it, [`rows`] puts it
//! into the handbook's rows, [`memory`] knows what was applied last, [`crate::kind::weight`] how bad a finding is.
//! [`examine`] does all of that for one region, [`unmanaged`] finds what no spec has.

pub mod build;
pub mod examine;
pub mod judge;
pub mod memory;
pub mod rows;
pub mod unmanaged;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::diagnostic::Position;
use crate::diff::FieldChange;
use crate::observe::failure::Gap;
use crate::observe::provider::AuditEvent;
use crate::plan::{Coming, Note, WaitingOn};
use crate::resource::address::Address;

pub use crate::kind::weight::Severity;
pub use rows::{Held, Row, RowState};
pub use unmanaged::Unmanaged;

/// The version of the report's JSON; a reader refuses others.
pub const FORMAT: u32 = 1;

/// What all regions came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The version of this document's form, 1.
    pub format: u32,
    /// The version of regionctl that made it.
    pub tool: String,
    /// Whether it was held against an earlier report, so that findings are new or known.
    pub compared: bool,
    /// The regions, in the order of their spec files.
    pub regions: Vec<Region>,
}

/// What one region came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Region {
    /// The region's code.
    pub region: String,
    /// The account.
    pub account: String,
    /// The spec file's path, as given.
    pub spec: String,
    /// Why nothing could be said of the region at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Failed>,
    /// Whether drift could be told from what nobody applied; why not.
    pub told_apart: ToldApart,
    /// What differs, the worst first.
    pub findings: Vec<Finding>,
    /// What differs and is accepted.
    pub accepted: Vec<Accepted>,
    /// The findings of the earlier report that are gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resolved: Vec<Resolved>,
    /// What waits for people.
    pub waiting: Vec<WaitingOn>,
    /// What is on its way.
    pub coming: Vec<Coming>,
    /// What could not be read.
    pub unread: Vec<Gap>,
    /// What is there and in no spec; none where it was not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unmanaged: Option<Unmanaged>,
    /// What else should be known.
    pub notes: Vec<Note>,
    /// All that was looked at, sorted by address.
    pub resources: Vec<Resource>,
    /// The rows of the handbook, or the kinds where the spec has none.
    pub rows: Vec<Row>,
}

/// Why nothing could be said of a region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failed {
    /// The error's code, as docs/errors.md has it.
    pub code: String,
    /// What happened.
    pub message: String,
    /// What to do.
    pub help: Vec<String>,
}

/// Whether drift could be told from what nobody applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ToldApart {
    /// It could.
    Yes,
    /// It could not, for this reason.
    No(String),
}

/// What kind of drift it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Drift {
    /// Somebody changed it.
    Changed,
    /// It is not there.
    Missing,
    /// It is there, and the spec has it not.
    Extra,
    /// What it follows is another.
    SourceMoved,
    /// The spec says something else than what was applied.
    NotApplied,
    /// The spec does not state it, and it is not AWS's default.
    Unstated,
    /// It is as the spec wants it, and it is a risk that no waiver of the spec explains.
    Unwaived,
}

impl Drift {
    /// All of them, in the order of a report.
    pub const ALL: [Self; 7] = [
        Self::Changed,
        Self::Missing,
        Self::Extra,
        Self::SourceMoved,
        Self::NotApplied,
        Self::Unstated,
        Self::Unwaived,
    ];

    /// The title of its section.
    pub fn title(self, told_apart: &ToldApart) -> &'static str {
        match (self, told_apart) {
            (Self::Changed, ToldApart::Yes) => "Changed by hand",
            (Self::Changed, ToldApart::No(_)) => "Changed",
            (Self::Missing, _) => "Missing",
            (Self::Extra, _) => "Not in the spec",
            (Self::SourceMoved, _) => "Source moved",
            (Self::NotApplied, _) => "Spec not applied",
            (Self::Unstated, _) => "Not AWS's default",
            (Self::Unwaived, _) => "Risk without a waiver",
        }
    }

    /// The word by which formats know it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::SourceMoved => "source-moved",
            Self::NotApplied => "not-applied",
            Self::Unstated => "unstated",
            Self::Unwaived => "unwaived",
        }
    }

    /// What it means, in a sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Changed => "Live is not what the spec says",
            Self::Missing => "The spec wants it, and it is not there",
            Self::Extra => "It is there, and the spec, which is to have all of them, has it not",
            Self::SourceMoved => "What it follows in another region is no longer what was taken over",
            Self::NotApplied => "The spec was changed and nobody applied it",
            Self::Unstated => "The spec does not state it, and it is not AWS's default",
            Self::Unwaived => "It is a risk, as the spec wants it, and the spec does not say why",
        }
    }
}

/// A resource that is not what the spec says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The same tomorrow for the same resource.
    pub id: String,
    /// The same only while the same differs in the same way.
    pub content: String,
    /// The resource.
    pub address: Address,
    /// The AWS service.
    pub service: String,
    /// What kind of drift it is.
    pub drift: Drift,
    /// The stable id of the rule, where it is a risk without a waiver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Whether the resource is not there at all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub absent: bool,
    /// The worst of its attributes'.
    pub severity: Severity,
    /// What it means: `lifts a block on public access`.
    pub why: String,
    /// Against the earlier report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Since>,
    /// Where the spec wants it.
    pub at: Position,
    /// The entry that it comes from, if it is not named itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What it follows, as `region/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<String>,
    /// What differs, the worst first.
    pub fields: Vec<Field>,
    /// Why it cannot be mended in place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocked: Vec<String>,
    /// Who did it, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deeds: Vec<AuditEvent>,
    /// The acceptance that ran out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expired: Option<Acceptance>,
    /// What to type to mend it.
    pub mend: String,
}

/// An attribute that differs: `before` is live, `after` what the spec says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Field {
    /// The attribute.
    #[serde(flatten)]
    pub change: FieldChange,
    /// How bad it is.
    pub severity: Severity,
    /// What it means.
    pub why: String,
    /// Whether the spec does not state it, and it is held against AWS's default.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unstated: bool,
}

/// How a finding stands to the earlier report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Since {
    /// It was not there.
    New,
    /// It was there, and is another one now.
    Changed,
    /// It was there as it is.
    Known,
}

/// A finding of the earlier report that is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Resolved {
    /// The finding's id.
    pub id: String,
    /// The resource.
    pub address: Address,
    /// What kind of drift it was.
    pub drift: Drift,
    /// Where the spec wanted it.
    pub at: Position,
}

/// Drift that is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Accepted {
    /// What it is.
    pub finding: Finding,
    /// Why nobody minds.
    pub acceptance: Acceptance,
}

/// Why drift is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Acceptance {
    /// Why.
    pub reason: String,
    /// Who says so.
    pub by: String,
    /// The last day on which it holds.
    pub until: String,
    /// Where the spec says so.
    pub at: Position,
}

/// Something that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Resource {
    /// Which.
    pub address: Address,
    /// The AWS service.
    pub service: String,
    /// Where the spec wants it.
    pub at: Position,
}

impl Region {
    /// Says whether all that the report rests on was read.
    pub fn is_complete(&self) -> bool {
        self.failed.is_none() && self.unread.is_empty()
    }

    /// Says how the region stands as a whole.
    pub fn state(&self) -> RowState {
        let states = [
            (!self.is_complete(), RowState::Unreadable),
            (!self.findings.is_empty(), RowState::Drift),
            (!self.waiting.is_empty(), RowState::Waiting),
            (!self.coming.is_empty(), RowState::Coming),
            (!self.accepted.is_empty(), RowState::Accepted),
        ];
        states.into_iter().find(|(holds, _)| *holds).map_or(RowState::Clean, |(_, state)| state)
    }
}

impl Report {
    /// Puts regions together.
    pub fn of(regions: Vec<Region>) -> Self {
        Self { format: FORMAT, tool: crate::plan::build::TOOL.to_owned(), compared: false, regions }
    }

    /// All open findings with their regions.
    pub fn findings(&self) -> impl Iterator<Item = (&Region, &Finding)> {
        self.regions.iter().flat_map(|region| region.findings.iter().map(move |finding| (region, finding)))
    }

    /// How many open findings are of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings().filter(|(_, finding)| finding.severity == severity).count()
    }

    /// Says whether everything was read.
    pub fn is_complete(&self) -> bool {
        self.regions.iter().all(Region::is_complete)
    }

    /// Keeps only some regions, by their codes or spec files; all where none is named.
    #[must_use]
    pub fn only(mut self, regions: &[String]) -> Self {
        if !regions.is_empty() {
            self.regions.retain(|region| regions.contains(&region.region) || regions.contains(&region.spec));
        }
        self
    }
}
