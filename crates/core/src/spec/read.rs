// SPDX-License-Identifier: Apache-2.0
//! A complete spec: the region, the account, the VPC and the entries of each kind.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::diagnostic::{Diagnostic, Diagnostics, Position, SourceFiles, Span};
use crate::digest::hex;
use crate::kind::{Notes, Registry};
use crate::model::pattern;
use crate::resource::address::Address;
use crate::resource::reference::{self, Reference, Target};
use crate::spec::accept::{self, Acceptance, Ignored, RunbookRow};
use crate::spec::load::{ReadFile, load};
use crate::spec::manual::{self, Manual};
use crate::spec::names;
use crate::spec::selector::{self, Selector, Source};
use crate::spec::suggest::did_you_mean;
use crate::spec::tree::{Entry, Node, Value};
use crate::spec::vars::Variables;

/// The desired state of a region.
#[derive(Debug)]
pub struct Spec {
    /// The spec file's path, as given.
    pub path: String,
    /// The region code: `eu-central-1`. Only its form is checked, because AWS adds regions.
    pub region: String,
    /// The 12-digit id of the only account that plan and apply accept.
    pub account: String,
    /// The VPC that `vpc` selects.
    pub vpc: VpcSelector,
    /// Whether a kind or a reference in the spec needs the VPC.
    pub needs_vpc: bool,
    /// The entries of all kinds, sorted by address.
    pub wants: Vec<Want>,
    /// The manual steps, sorted by name.
    pub manual: Vec<Manual>,
    /// A SHA-256 digest of the desired state, after includes and variables.
    pub digest: String,
    /// The credentials for the region.
    pub access: CredentialSource,
    /// Whether apply stores a last-applied record in AWS, which distinguishes drift from unapplied spec changes.
    pub record_applied: bool,
    /// The entries of the section `accept`, including those that have expired.
    pub accepted: Vec<Acceptance>,
    /// The unmanaged resources that reports leave out.
    pub ignored: Vec<Ignored>,
    /// The rows of the runbook, in the spec's order.
    pub runbook: Vec<RunbookRow>,
}

impl Spec {
    /// Returns the name of the spec file without its folder and extension, in the characters that AWS allows in a tag.
    pub fn name(&self) -> String {
        let stem = Path::new(&self.path).file_stem().unwrap_or_default().to_string_lossy();
        let allowed = |c: char| c.is_alphanumeric() || " _.:/=+-@".contains(c);
        stem.chars().take(256).map(|c| if allowed(c) { c } else { '_' }).collect()
    }
}

/// The credentials for a region. If neither field is set, the caller's own are used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CredentialSource {
    /// The profile in the AWS configuration files. The option `--profile` overrides it.
    pub profile: Option<String>,
    /// The ARN of the role to assume.
    pub role: Option<String>,
}

/// The selection of one of the region's VPCs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VpcSelector {
    /// The region's default VPC: `vpc: default`, or no `vpc`.
    Default,
    /// The VPC with this id.
    Id(String),
    /// The VPC with this tag.
    Tag {
        /// The key, such as `Name`.
        key: String,
        /// The value, which must be equal: it is not a pattern.
        value: String,
    },
}

impl std::fmt::Display for VpcSelector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("the default VPC"),
            Self::Id(id) => write!(f, "the VPC {id}"),
            Self::Tag { key, value } => write!(f, "the VPC with the tag {key}={value}"),
        }
    }
}

/// An entry of a kind's section: the desired state of the resources that it matches.
#[derive(Debug, Clone)]
pub struct Want {
    /// The kind and the entry's name. The name is a pattern or a template if the entry can match several resources.
    pub address: Address,
    /// Which resources the entry matches.
    pub selector: Selector,
    /// The live resource that the entry copies (`like`, `copy`).
    pub source: Option<Source>,
    /// Whether the entry is `absent`: the resource is deleted if it exists.
    pub absent: bool,
    /// The desired model; references are still text. Null if the entry is `absent`.
    pub model: Json,
    /// The references in the spec. They determine the order of steps after they are replaced in the model.
    pub references: BTreeSet<Reference>,
    /// The entry's position in the spec.
    pub at: Position,
    /// The risks that the entry accepts. Without a waiver, a risk that a plan adds is a gate.
    pub waivers: Vec<Waiver>,
    /// Whether unstated settings are compared with AWS's defaults (`drift --strict`).
    pub whole: bool,
}

impl Spec {
    /// Returns the spec with all unstated settings compared with AWS's defaults.
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.wants.iter_mut().for_each(|want| want.whole = true);
        self
    }
}

impl Want {
    /// Whether the entry matches exactly the resource with its name.
    pub fn is_one(&self) -> bool {
        self.selector == Selector::One
    }

    /// Returns the name as a pattern, with `*` for the parts that are known only after the live resources are read.
    pub fn name_pattern(&self) -> String {
        match &self.selector {
            Selector::One | Selector::EveryLive => self.address.name.clone(),
            Selector::EveryOfSource => {
                self.source.as_ref().map_or_else(|| "*".to_owned(), |source| source.name.clone())
            }
            Selector::ForEach(_) => template_pattern(&self.address.name),
        }
    }

    /// Returns whether this entry can produce a resource with this address.
    pub fn may_make(&self, address: &Address) -> bool {
        let named = match &self.selector {
            Selector::One => self.address.name == address.name,
            Selector::EveryLive => pattern::matches(&self.address.name, &address.name),
            Selector::EveryOfSource => self.source.as_ref().is_some_and(|source| source.covers(&address.name)),
            Selector::ForEach(_) => pattern::matches(&template_pattern(&self.address.name), &address.name),
        };
        self.address.kind == address.kind && named
    }
}

/// Returns a template's name with `*` for each `${…}`.
fn template_pattern(name: &str) -> String {
    let piece = |piece: reference::Piece<'_>| match piece {
        reference::Piece::Plain(plain) | reference::Piece::Open(plain) => plain.to_owned(),
        reference::Piece::Escaped | reference::Piece::Braced(_) => "*".to_owned(),
    };
    reference::pieces(name).into_iter().map(piece).collect()
}

/// A waiver: an accepted risk with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    /// The key of the risk: the rule's id, or the key that the kind gives it.
    pub key: String,
    /// Why the risk is accepted.
    pub reason: String,
    /// Its position in the spec.
    pub at: Position,
}

const ROOT: [&str; 12] = [
    "region",
    "account",
    "include",
    "vars",
    "vpc",
    "profile",
    "role",
    "record_applied",
    "manual",
    "accept",
    "ignore",
    "runbook",
];

/// Sections that were renamed: the old and the new name.
const RENAMED: [(&str, &str); 1] = [("remember", "record_applied")];

/// The value of an entry whose resource is deleted.
const ABSENT: &str = "absent";

/// Reads a spec file with its includes. `sources` is filled even if it fails, because diagnostics need the texts.
///
/// # Errors
/// The syntax errors if there are any, otherwise all other faults together.
pub fn read(
    path: &str,
    read_file: &ReadFile<'_>,
    registry: Registry,
    sources: &mut SourceFiles,
) -> Result<Spec, Diagnostics> {
    let root = load(path, read_file, sources)?;
    SpecReader { root: &root, registry, sources, faults: Diagnostics::default() }.read(path)
}

/// Reads a spec's tree and collects its faults.
pub(super) struct SpecReader<'a> {
    root: &'a Node,
    pub(super) registry: Registry,
    pub(super) sources: &'a SourceFiles,
    pub(super) faults: Diagnostics,
}

impl SpecReader<'_> {
    fn read(mut self, path: &str) -> Result<Spec, Diagnostics> {
        let region = self.region();
        let account = self.account();
        let own = self.own_variables();
        let mut variables = Variables::new(built_in(&region.0, &account.0, self.root.span), own, self.sources);
        let (mut sections, mut vpc, mut manual) = (Vec::new(), VpcSelector::Default, Vec::new());
        let (mut access, mut record_applied) = (CredentialSource::default(), false);
        let (mut accepted, mut ignored, mut runbook) = (Vec::new(), Vec::new(), Vec::new());
        let Value::Map(entries) = &self.root.value else { unreachable!("load returns mappings") };
        for entry in entries {
            match entry.key.as_str() {
                "vpc" => vpc = self.vpc(&variables.fill(&entry.value)),
                "manual" => {
                    manual = manual::read(&variables.fill(&entry.value), self.sources, &mut self.faults);
                }
                "profile" => access.profile = accept::text(&variables.fill(&entry.value), &mut self.faults),
                "role" => access.role = self.role(&variables.fill(&entry.value)),
                "record_applied" => record_applied = accept::flag(&entry.value, &mut self.faults),
                report_section @ ("accept" | "ignore" | "runbook") => {
                    let (section, faults) = (variables.fill(&entry.value), &mut self.faults);
                    match report_section {
                        "accept" => accepted = accept::accepted(&section, self.registry, self.sources, faults),
                        "ignore" => ignored = accept::ignored(&section, self.registry, self.sources, faults),
                        _ => runbook = accept::runbook(&section, self.registry, self.sources, faults),
                    }
                }
                known if ROOT.contains(&known) => {}
                name if self.registry.get(name).is_some() => sections.push((name, variables.fill(&entry.value))),
                _ => self.unknown_section(entry),
            }
        }
        self.faults.0.append(&mut variables.faults.0);
        let references = variables.references;
        let mut wants = Vec::new();
        for (kind, section) in &sections {
            self.section(kind, section, &mut wants);
        }
        wants.sort_by(|a: &Want, b| a.address.cmp(&b.address));
        self.check_references(&references, &wants, &addresses(&sections));
        self.check_each(&wants);
        let refers_to_vpc = references.iter().any(|(reference, _)| reference.target == Target::Vpc);
        let needs_vpc = refers_to_vpc || wants.iter().any(|want| self.needs_vpc(want));
        let digest = digest(&region.0, &account.0, &vpc, &wants);
        let (region, account) = (region.0, account.0);
        self.faults.or(Spec {
            path: path.to_owned(),
            region,
            account,
            vpc,
            needs_vpc,
            wants,
            manual,
            digest,
            access,
            record_applied,
            accepted,
            ignored,
            runbook,
        })
    }

    /// Whether the kind of an entry, or the kind that its rule iterates over, needs the VPC.
    fn needs_vpc(&self, want: &Want) -> bool {
        let iterated = match &want.selector {
            Selector::ForEach(each) => self.registry.get(&each.kind).is_some_and(|kind| kind.facts().needs_vpc),
            _ => false,
        };
        iterated || self.registry.of(&want.address.kind).facts().needs_vpc
    }

    fn role(&mut self, node: &Node) -> Option<String> {
        let role = accept::text(node, &mut self.faults)?;
        let parts: Vec<&str> = role.splitn(6, ':').collect();
        if !matches!(parts.as_slice(), ["arn", _, "iam", "", _, name] if name.starts_with("role/")) {
            let help = "write the role's ARN, such as arn:aws:iam::123456789012:role/regionctl-plan";
            let message = format!("'{role}' is not the ARN of a role");
            self.faults.push(Diagnostic::at("invalid-value", node.span, message).help(help));
        }
        Some(role)
    }

    fn text(&mut self, field: &'static str, help: &str) -> (String, Span) {
        match self.root.get(field).map(|entry| &entry.value) {
            Some(Node { value: Value::Text(text), span }) => (text.clone(), *span),
            Some(Node { value: Value::Int(number), span }) => (number.to_string(), *span),
            Some(Node { value, span }) => {
                let message = format!("expected a text for `{field}`, found {}", value.describe());
                self.faults.push(Diagnostic::at("wrong-type", *span, message).help(help));
                (String::new(), *span)
            }
            None => {
                let message = format!("the field `{field}` is missing");
                self.faults.push(Diagnostic::at("missing-field", self.root.span, message).help(help));
                (String::new(), self.root.span)
            }
        }
    }

    fn region(&mut self) -> (String, Span) {
        let (region, span) = self.text("region", "set the region of this file, such as region: eu-central-1");
        if !region.is_empty() && !names::is_region(&region) {
            let message = format!("'{region}' is not a region code");
            self.faults.push(Diagnostic::at("invalid-value", span, message).help("write a code such as eu-central-1"));
        }
        (region, span)
    }

    fn account(&mut self) -> (String, Span) {
        let help = "set the 12-digit id of the account that this spec is for, such as account: \"123456789012\"";
        let (account, span) = self.text("account", help);
        let fits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        if !account.is_empty() && !fits {
            let message = format!("'{account}' is not a 12-digit account id");
            self.faults.push(Diagnostic::at("invalid-value", span, message).help(help));
        }
        (account, span)
    }

    fn own_variables(&mut self) -> BTreeMap<String, Node> {
        match self.root.get("vars").map(|entry| &entry.value) {
            None => BTreeMap::new(),
            Some(Node { value: Value::Map(entries), .. }) => {
                entries.iter().map(|entry| (entry.key.clone(), entry.value.clone())).collect()
            }
            Some(Node { value, span }) => {
                let message = format!("expected a mapping of names to values, found {}", value.describe());
                self.faults.push(Diagnostic::at("wrong-type", *span, message));
                BTreeMap::new()
            }
        }
    }

    fn vpc(&mut self, node: &Node) -> VpcSelector {
        let tag = node.get("tag").map(|entry| &entry.value.value);
        match (&node.value, tag) {
            (Value::Text(text), _) if text == "default" => return VpcSelector::Default,
            (Value::Text(text), _) if text.starts_with("vpc-") => return VpcSelector::Id(text.clone()),
            (_, Some(Value::Map(entries))) if entries.len() == 1 => {
                if let Value::Text(value) = &entries[0].value.value {
                    return VpcSelector::Tag { key: entries[0].key.clone(), value: value.clone() };
                }
            }
            _ => {}
        }
        let message = format!("expected a VPC, found {}", node.value.describe());
        let help = "write vpc: default, vpc: vpc-0123456789abcdef0, or vpc: {tag: {Name: main}}";
        self.faults.push(Diagnostic::at("invalid-value", node.span, message).help(help));
        VpcSelector::Default
    }

    fn unknown_section(&mut self, entry: &Entry) {
        if let Some((old, new)) = RENAMED.iter().find(|(old, _)| *old == entry.key) {
            let fault = Diagnostic::at("unknown-field", entry.span, format!("`{old}` was renamed"));
            return self.faults.push(fault.help(format!("write `{new}` instead")));
        }
        let known: Vec<&str> = ROOT.into_iter().chain(self.registry.0.iter().map(|kind| kind.facts().name)).collect();
        let message = format!("unknown field or kind '{}'", entry.key);
        let help = match did_you_mean(&entry.key, known.iter().copied()) {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("use one of {}", known.join(", ")),
        };
        self.faults.push(Diagnostic::at("unknown-field", entry.span, message).help(help));
    }

    fn section(&mut self, kind_name: &str, section: &Node, wants: &mut Vec<Want>) {
        let entries = match &section.value {
            Value::Map(entries) => entries,
            Value::Null => return,
            other => {
                let message = format!("expected a mapping of names to resources, found {}", other.describe());
                self.faults.push(Diagnostic::at("wrong-type", section.span, message));
                return;
            }
        };
        for entry in entries {
            wants.extend(self.entry(kind_name, entry));
        }
    }

    fn entry(&mut self, kind_name: &str, entry: &Entry) -> Option<Want> {
        let kind = self.registry.of(kind_name);
        let address = Address::new(kind_name, &entry.key);
        let at = self.sources.position(entry.span);
        if matches!(&entry.value.value, Value::Text(text) if text == ABSENT) {
            let selector = Selector::One;
            return Some(Want {
                address,
                selector,
                source: None,
                absent: true,
                model: Json::Null,
                references: BTreeSet::new(),
                at,
                waivers: Vec::new(),
                whole: false,
            });
        }
        // `name:` without a value is an entry that states no fields.
        let mut node = match entry.value.value {
            Value::Null => Node { value: Value::Map(Vec::new()), span: entry.span },
            _ => entry.value.clone(),
        };
        let follows = ["like", "copy"].iter().any(|field| node.get(field).is_some());
        let (selector, source) = selector::take(entry, &mut node, kind.facts(), self.registry, &mut self.faults);
        // The names that a template produces are checked when they are known.
        let is_template = entry.key.contains("${");
        let name = if is_template { template_pattern(&entry.key).replace('*', "x") } else { entry.key.clone() };
        if matches!(selector, Selector::One | Selector::ForEach(_))
            && let Err(why) = kind.check_name(&name)
        {
            let (message, help) = why.split_once('\n').unwrap_or((&why, ""));
            let fault = Diagnostic::at("invalid-name", entry.span, message);
            self.faults.push(if help.is_empty() { fault } else { fault.help(help) });
        }
        let region = match self.root.get("region").map(|entry| &entry.value.value) {
            Some(Value::Text(region)) => region.as_str(),
            _ => "",
        };
        let mut notes = Notes::new(&node, self.sources, region, follows);
        let model = kind.desire(&entry.key, &node, &mut notes);
        if model.is_none()
            && matches!(&node.value, Value::Text(text) if text.eq_ignore_ascii_case(ABSENT))
            && let Some(fault) = notes.faults.0.last_mut()
        {
            fault.help.push(format!("write `{ABSENT}` in lower case to delete the resource"));
        }
        self.faults.0.append(&mut notes.faults.0);
        let waivers = notes.waivers;
        let model = model?;
        let references = reference::find(&model).into_iter().collect();
        Some(Want { address, selector, source, absent: false, model, references, at, waivers, whole: false })
    }
}

fn built_in(region: &str, account: &str, span: Span) -> BTreeMap<String, Node> {
    let variables = [
        ("region", region.to_owned()),
        ("Region", names::title(region)),
        ("RegionId", names::title(region).replace('_', "")),
        ("partition", names::partition(region).to_owned()),
        ("account", account.to_owned()),
    ];
    variables.map(|(name, text)| (name.to_owned(), Node { value: Value::Text(text), span })).into()
}

/// Returns every resource in the spec. It includes faulty ones: references to them are not another fault.
fn addresses(sections: &[(&str, Node)]) -> Vec<Address> {
    let resources = |(kind, section): &(&str, Node)| match &section.value {
        Value::Map(entries) => entries.iter().map(|entry| Address::new(*kind, &entry.key)).collect(),
        _ => Vec::new(),
    };
    sections.iter().flat_map(resources).collect()
}

fn digest(region: &str, account: &str, vpc: &VpcSelector, wants: &[Want]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(format!("{region}\n{account}\n{vpc}\n"));
    for want in wants {
        let Want { address, selector, source, absent, model, references: _, at: _, waivers: _, whole: _ } = want;
        hasher.update(format!("{address} {selector:?} {source:?} {absent} {model}\n"));
    }
    hex(&hasher.finalize())
}
