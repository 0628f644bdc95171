//! The rows of the handbook: what a region came to, as the people read it who wrote the handbook. Pure.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Accepted, Finding, Region};
use crate::diagnostic::Position;
use crate::diff::head;
use crate::model::pattern;
use crate::resource::address::Address;
use crate::spec::Spec;
use crate::spec::accept::{MANUAL, Row as SpecRow};

/// A row of the handbook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// Its title.
    pub title: String,
    /// How it stands.
    pub state: RowState,
    /// How many resources and manual steps stand for it.
    pub resources: usize,
    /// The findings, each with those of its attributes that belong to this row; all where there are none.
    pub findings: Vec<Held>,
    /// What of it waits for people.
    pub waiting: Vec<String>,
    /// What of it could not be read.
    pub unread: Vec<String>,
}

/// How a row stands, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RowState {
    /// Nothing stands for it.
    Empty,
    /// It is what the spec says.
    Clean,
    /// It is, but for what is accepted.
    Accepted,
    /// Something is on its way.
    Coming,
    /// It is, but for what people owe.
    Waiting,
    /// It is not.
    Drift,
    /// Something could not be read.
    Unreadable,
}

impl RowState {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Empty => "nothing here",
            Self::Clean => "as the spec says",
            Self::Accepted => "accepted",
            Self::Coming => "on its way",
            Self::Waiting => "waiting for people",
            Self::Drift => "drift",
            Self::Unreadable => "unreadable",
        }
    }

    /// The word by which scripts know it.
    pub fn key(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Clean => "clean",
            Self::Accepted => "accepted",
            Self::Coming => "coming",
            Self::Waiting => "waiting",
            Self::Drift => "drift",
            Self::Unreadable => "unreadable",
        }
    }

    /// A sign that carries the meaning without colour.
    pub fn symbol(self) -> char {
        match self {
            Self::Empty => '·',
            Self::Clean => '✓',
            Self::Accepted => '≈',
            Self::Coming => '…',
            Self::Waiting => '?',
            Self::Drift => '!',
            Self::Unreadable => '✗',
        }
    }
}

/// A finding as it is held in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Held {
    /// The finding's id.
    pub id: String,
    /// The paths of the attributes.
    pub fields: Vec<String>,
    /// Whether it is the part that is accepted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accepted: bool,
}

/// In a row of fields, the word for what waits for people or is on its way.
const WAITING: &str = "waiting";

/// Puts what a region came to into the rows of the handbook; what no row holds is by its kind.
pub fn rows(spec: &Spec, region: &Region) -> Vec<Row> {
    let manual: Vec<(Address, Position)> =
        spec.manual.iter().map(|manual| (Address::new(MANUAL, &manual.name), manual.at.clone())).collect();
    let everything: Vec<&Address> = region
        .resources
        .iter()
        .map(|resource| &resource.address)
        .chain(manual.iter().map(|(address, _)| address))
        .collect();
    let mut rows: Vec<Row> = spec.runbook.iter().map(|row| one_row(row, region, &everything)).collect();
    let mut kinds: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let held = |address: &Address, field: Option<&str>| spec.runbook.iter().any(|row| row.holds(address, field));
    for address in &everything {
        if !held(address, None) {
            kinds.entry(&address.kind).or_default().push(address.to_string());
        }
    }
    // A field that no row holds, of a resource that one does.
    for finding in all_findings(region) {
        for field in finding.fields.iter().filter(|field| !held(&finding.address, Some(&field.change.path))) {
            let holds = format!("{}#{}", finding.address, head(&field.change.path));
            kinds.entry(&finding.address.kind).or_default().push(holds);
        }
    }
    let late = region.waiting.iter().map(|it| &it.address).chain(region.coming.iter().map(|it| &it.address));
    for address in late.filter(|address| !held(address, Some(WAITING))) {
        kinds.entry(&address.kind).or_default().push(format!("{address}#{WAITING}"));
    }
    for unread in &region.unread {
        let kind = unread.address.split('/').next().unwrap_or_default();
        if !rows.iter().any(|row| row.unread.iter().any(|text| text.starts_with(&unread.address))) {
            kinds.entry(kind).or_default().push(unread.address.clone());
        }
    }
    let nowhere = Position { file: spec.path.clone(), line: 1, column: 1 };
    for (kind, holds) in kinds {
        let title = if kind == MANUAL { "what people owe".to_owned() } else { kind.to_owned() };
        rows.push(one_row(&SpecRow { title, holds, at: nowhere.clone() }, region, &everything));
    }
    rows
}

fn all_findings(region: &Region) -> impl Iterator<Item = &Finding> {
    region.findings.iter().chain(region.accepted.iter().map(|accepted| &accepted.finding))
}

fn one_row(row: &SpecRow, region: &Region, everything: &[&Address]) -> Row {
    let held = |finding: &Finding, accepted: bool| {
        let fields: Vec<String> = finding
            .fields
            .iter()
            .map(|field| field.change.path.clone())
            .filter(|path| row.holds(&finding.address, Some(path)))
            .collect();
        let whole = finding.fields.is_empty() || finding.absent;
        let belongs = row.holds(&finding.address, None) && (whole || !fields.is_empty());
        belongs.then(|| Held { id: finding.id.clone(), fields, accepted })
    };
    let findings: Vec<Held> = region.findings.iter().filter_map(|finding| held(finding, false)).collect();
    let accepted: Vec<Held> =
        region.accepted.iter().filter_map(|Accepted { finding, .. }| held(finding, true)).collect();
    let waiting: Vec<String> = region
        .waiting
        .iter()
        .filter(|waiting| row.holds(&waiting.address, Some(WAITING)))
        .map(|waiting| format!("{}: {}", waiting.address, waiting.what))
        .collect();
    let unread: Vec<String> = region
        .unread
        .iter()
        .filter(|unread| row.holds.iter().any(|holds| meets(holds, &unread.address)))
        .map(|unread| format!("{}: {}", unread.address, unread.failure))
        .collect();
    let coming = region.coming.iter().any(|coming| row.holds(&coming.address, Some(WAITING)));
    let resources = everything.iter().filter(|address| row.holds(address, None)).count();
    let states = [
        (!unread.is_empty(), RowState::Unreadable),
        (!findings.is_empty(), RowState::Drift),
        (!waiting.is_empty(), RowState::Waiting),
        (coming, RowState::Coming),
        (!accepted.is_empty(), RowState::Accepted),
        (resources > 0, RowState::Clean),
    ];
    let state = states.into_iter().find(|(holds, _)| *holds).map_or(RowState::Empty, |(_, state)| state);
    let findings = findings.into_iter().chain(accepted).collect();
    Row { title: row.title.clone(), state, resources, findings, waiting, unread }
}

/// Says whether what could not be read (`kind/name`, or `kind/*`) touches what a row holds.
fn meets(holds: &str, unread: &str) -> bool {
    let holds = holds.split('#').next().unwrap_or_default();
    let kind = |text: &str| text.split('/').next().unwrap_or_default().to_owned();
    let whole = unread.ends_with("/*") && kind(holds) == kind(unread);
    whole || pattern::matches(holds, unread)
}
