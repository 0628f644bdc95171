// SPDX-License-Identifier: Apache-2.0
//! Groups a region's report by the rows of the spec's runbook.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AcceptedFinding, Finding, RegionReport};
use crate::diagnostic::Position;
use crate::diff::head;
use crate::model::pattern;
use crate::resource::address::Address;
use crate::spec::Spec;
use crate::spec::accept::{MANUAL, RunbookRow};

/// A row of the runbook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// The title: the runbook's, or the name of a kind.
    pub title: String,
    /// The worst state of what belongs to this row.
    pub state: RowState,
    /// The number of resources and manual steps in this row.
    pub resources: usize,
    /// The findings, open and accepted, each with its fields that belong to this row.
    pub findings: Vec<RowFinding>,
    /// What waits for a person, `KIND/NAME: …`.
    pub waiting: Vec<String>,
    /// What could not be read, `KIND/NAME: …`.
    pub gaps: Vec<String>,
}

/// The state of a row or a region, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RowState {
    /// No resource belongs to the row.
    Empty,
    /// Everything matches the spec.
    Clean,
    /// Everything matches the spec except accepted drift.
    Accepted,
    /// A resource is in progress.
    InProgress,
    /// A resource or a manual step waits for a person.
    Waiting,
    /// There are open findings.
    Drift,
    /// A resource could not be read.
    Unreadable,
}

impl RowState {
    /// Returns the display text.
    pub fn word(self) -> &'static str {
        match self {
            Self::Empty => "no resources",
            Self::Clean => "matches the spec",
            Self::Accepted => "accepted",
            Self::InProgress => "in progress",
            Self::Waiting => "waiting for a person",
            Self::Drift => "drift",
            Self::Unreadable => "not read",
        }
    }

    /// Returns the stable key for scripts and CSS classes.
    pub fn key(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Clean => "clean",
            Self::Accepted => "accepted",
            Self::InProgress => "in_progress",
            Self::Waiting => "waiting",
            Self::Drift => "drift",
            Self::Unreadable => "not read",
        }
    }

    /// Returns a symbol that carries the meaning without color.
    pub fn symbol(self) -> char {
        match self {
            Self::Empty => '·',
            Self::Clean => '✓',
            Self::Accepted => '≈',
            Self::InProgress => '…',
            Self::Waiting => '?',
            Self::Drift => '!',
            Self::Unreadable => '✗',
        }
    }
}

/// The part of a finding that belongs to a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RowFinding {
    /// The finding's id.
    pub id: String,
    /// The paths of the fields.
    pub fields: Vec<String>,
    /// Whether this is accepted drift.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accepted: bool,
}

/// The field in a row's `#field` list that selects resources waiting for a person or in progress.
const WAITING: &str = "waiting";

/// Groups a region's report by the rows of the runbook. Whatever no row contains is grouped by kind.
pub fn rows(spec: &Spec, region: &RegionReport) -> Vec<Row> {
    let manual: Vec<(Address, Position)> =
        spec.manual.iter().map(|manual| (Address::new(MANUAL, &manual.name), manual.at.clone())).collect();
    let addresses: Vec<&Address> = region
        .resources
        .iter()
        .map(|resource| &resource.address)
        .chain(manual.iter().map(|(address, _)| address))
        .collect();
    let mut rows: Vec<Row> = spec.runbook.iter().map(|row| one_row(row, region, &addresses)).collect();
    let mut kinds: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let held = |address: &Address, field: Option<&str>| spec.runbook.iter().any(|row| row.holds(address, field));
    for address in &addresses {
        if !held(address, None) {
            kinds.entry(&address.kind).or_default().push(address.to_string());
        }
    }
    // Fields that no row contains, of resources that a row does contain.
    for finding in all_findings(region) {
        for field in finding.fields.iter().filter(|field| !held(&finding.address, Some(&field.change.path))) {
            let holds = format!("{}#{}", finding.address, head(&field.change.path));
            kinds.entry(&finding.address.kind).or_default().push(holds);
        }
    }
    let unfinished = region.waiting.iter().map(|it| &it.address).chain(region.in_progress.iter().map(|it| &it.address));
    for address in unfinished.filter(|address| !held(address, Some(WAITING))) {
        kinds.entry(&address.kind).or_default().push(format!("{address}#{WAITING}"));
    }
    for gap in &region.gaps {
        let kind = gap.address.split('/').next().unwrap_or_default();
        if !rows.iter().any(|row| row.gaps.iter().any(|text| text.starts_with(&gap.address))) {
            kinds.entry(kind).or_default().push(gap.address.clone());
        }
    }
    let nowhere = Position { file: spec.path.clone(), line: 1, column: 1 };
    for (kind, holds) in kinds {
        let title = if kind == MANUAL { "manual steps".to_owned() } else { kind.to_owned() };
        rows.push(one_row(&RunbookRow { title, holds, at: nowhere.clone() }, region, &addresses));
    }
    rows
}

fn all_findings(region: &RegionReport) -> impl Iterator<Item = &Finding> {
    region.findings.iter().chain(region.accepted.iter().map(|accepted| &accepted.finding))
}

fn one_row(row: &RunbookRow, region: &RegionReport, addresses: &[&Address]) -> Row {
    let held = |finding: &Finding, accepted: bool| {
        let fields: Vec<String> = finding
            .fields
            .iter()
            .map(|field| field.change.path.clone())
            .filter(|path| row.holds(&finding.address, Some(path)))
            .collect();
        let is_whole = finding.fields.is_empty() || finding.absent;
        let belongs = row.holds(&finding.address, None) && (is_whole || !fields.is_empty());
        belongs.then(|| RowFinding { id: finding.id.clone(), fields, accepted })
    };
    let findings: Vec<RowFinding> = region.findings.iter().filter_map(|finding| held(finding, false)).collect();
    let accepted: Vec<RowFinding> =
        region.accepted.iter().filter_map(|AcceptedFinding { finding, .. }| held(finding, true)).collect();
    let waiting: Vec<String> = region
        .waiting
        .iter()
        .filter(|waiting| row.holds(&waiting.address, Some(WAITING)))
        .map(|waiting| format!("{}: {}", waiting.address, waiting.what))
        .collect();
    let gaps: Vec<String> = region
        .gaps
        .iter()
        .filter(|gap| row.holds.iter().any(|holds| overlaps(holds, &gap.address)))
        .map(|gap| format!("{}: {}", gap.address, gap.failure))
        .collect();
    let in_progress = region.in_progress.iter().any(|in_progress| row.holds(&in_progress.address, Some(WAITING)));
    let resources = addresses.iter().filter(|address| row.holds(address, None)).count();
    let states = [
        (!gaps.is_empty(), RowState::Unreadable),
        (!findings.is_empty(), RowState::Drift),
        (!waiting.is_empty(), RowState::Waiting),
        (in_progress, RowState::InProgress),
        (!accepted.is_empty(), RowState::Accepted),
        (resources > 0, RowState::Clean),
    ];
    let state = states.into_iter().find(|(holds, _)| *holds).map_or(RowState::Empty, |(_, state)| state);
    let findings = findings.into_iter().chain(accepted).collect();
    Row { title: row.title.clone(), state, resources, findings, waiting, gaps }
}

/// Returns whether a gap (`kind/name` or `kind/*`) overlaps an entry of a row.
fn overlaps(holds: &str, gap: &str) -> bool {
    let holds = holds.split('#').next().unwrap_or_default();
    let kind = |text: &str| text.split('/').next().unwrap_or_default().to_owned();
    let is_whole_kind = gap.ends_with("/*") && kind(holds) == kind(gap);
    is_whole_kind || pattern::matches(holds, gap)
}
