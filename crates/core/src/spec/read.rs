//! A whole spec: the region, the account, the VPC and what is wanted of each resource.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::diagnostic::{Diagnostic, Diagnostics, Position, Sources, Span};
use crate::digest::hex;
use crate::kind::{Notes, Registry};
use crate::model::pattern;
use crate::resource::address::Address;
use crate::resource::reference::{self, Reference, Target};
use crate::spec::accept::{self, Acceptance, Ignored, Row};
use crate::spec::load::{ReadFile, load};
use crate::spec::manual::{self, Manual};
use crate::spec::names;
use crate::spec::selector::{self, Selector, Source};
use crate::spec::suggest::did_you_mean;
use crate::spec::tree::{Entry, Node, Value};
use crate::spec::vars::Variables;

/// What a region should hold.
#[derive(Debug)]
pub struct Spec {
    /// The spec file's path, as given.
    pub path: String,
    /// The region's code.
    pub region: String,
    /// The only account that plan and apply accept.
    pub account: String,
    /// Which VPC `vpc` means.
    pub vpc: VpcSelector,
    /// Whether a kind or a reference of the spec needs the VPC.
    pub needs_vpc: bool,
    /// What is wanted, sorted by address.
    pub wants: Vec<Want>,
    /// What only people can do, sorted by name.
    pub manual: Vec<Manual>,
    /// A digest of everything that the spec wants, after includes and variables.
    pub digest: String,
    /// With whose credentials the region is reached.
    pub access: Access,
    /// Whether AWS keeps a digest of what was applied, so that drift can be told from what nobody applied.
    pub remember: bool,
    /// Drift that is known and accepted.
    pub accepted: Vec<Acceptance>,
    /// What may be there without being in a spec.
    pub ignored: Vec<Ignored>,
    /// The rows of the handbook, in their order.
    pub runbook: Vec<Row>,
}

/// With whose credentials a region is reached; the caller's own where nothing is stated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// The profile of the AWS configuration.
    pub profile: Option<String>,
    /// The ARN of the role that is taken on.
    pub role: Option<String>,
}

/// Which VPC of the region is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VpcSelector {
    /// The default VPC.
    Default,
    /// The one with this id.
    Id(String),
    /// The one with this tag.
    Tag {
        /// The tag's key.
        key: String,
        /// Its value.
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

/// What is wanted of one resource, or of all that an entry stands for.
#[derive(Debug, Clone)]
pub struct Want {
    /// The resource; its name is a pattern or a template where the entry stands for many.
    pub address: Address,
    /// What the entry stands for.
    pub stands: Selector,
    /// The live resource that it follows.
    pub source: Option<Source>,
    /// Whether the spec wants it gone.
    pub absent: bool,
    /// The desired model; references are still text. Null where it is to be gone.
    pub model: Json,
    /// The references that the spec states, which make the order of steps when the model no longer shows them.
    pub references: BTreeSet<Reference>,
    /// Where the spec says so.
    pub at: Position,
    /// The risks that are meant.
    pub waivers: Vec<Waiver>,
    /// Whether what the spec leaves out is held against AWS's defaults.
    pub whole: bool,
}

impl Spec {
    /// Holds what the spec leaves out against AWS's defaults too.
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.wants.iter_mut().for_each(|want| want.whole = true);
        self
    }
}

impl Want {
    /// Says whether it stands for the one resource of its name.
    pub fn is_one(&self) -> bool {
        self.stands == Selector::One
    }

    /// Its name, with `*` for what is known only when all is read.
    pub fn name_pattern(&self) -> String {
        match &self.stands {
            Selector::One | Selector::EveryLive => self.address.name.clone(),
            Selector::EveryOfSource => {
                self.source.as_ref().map_or_else(|| "*".to_owned(), |source| source.name.clone())
            }
            Selector::ForEach(_) => template_pattern(&self.address.name),
        }
    }

    /// Says whether a resource may come from this entry.
    pub fn may_make(&self, address: &Address) -> bool {
        let named = match &self.stands {
            Selector::One => self.address.name == address.name,
            Selector::EveryLive => pattern::matches(&self.address.name, &address.name),
            Selector::EveryOfSource => self.source.as_ref().is_some_and(|source| source.covers(&address.name)),
            Selector::ForEach(_) => pattern::matches(&template_pattern(&self.address.name), &address.name),
        };
        self.address.kind == address.kind && named
    }
}

/// A template's name with `*` for what is filled in.
fn template_pattern(name: &str) -> String {
    let piece = |piece: reference::Piece<'_>| match piece {
        reference::Piece::Plain(plain) | reference::Piece::Open(plain) => plain.to_owned(),
        reference::Piece::Escaped | reference::Piece::Braced(_) => "*".to_owned(),
    };
    reference::pieces(name).into_iter().map(piece).collect()
}

/// A stated reason for a risk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    /// Which risk of the resource, in the kind's words.
    pub key: String,
    /// Why it is meant.
    pub reason: String,
    /// Where the spec says so.
    pub at: Position,
}

const ROOT: [&str; 12] = [
    "region", "account", "include", "vars", "vpc", "profile", "role", "remember", "manual", "accept", "ignore",
    "runbook",
];

/// What an entry says when its resource is to be gone.
const ABSENT: &str = "absent";

/// Reads a spec file whole. The sources are filled even when it fails, so that faults can be shown.
///
/// # Errors
/// Every fault that can be found at once: syntax first, then everything else together.
pub fn read(
    path: &str,
    read_file: &ReadFile<'_>,
    registry: Registry,
    sources: &mut Sources,
) -> Result<Spec, Diagnostics> {
    let root = load(path, read_file, sources)?;
    Reader { root: &root, registry, sources, faults: Diagnostics::default() }.read(path)
}

/// Reads a spec's tree, and collects what is wrong with it.
pub(super) struct Reader<'a> {
    root: &'a Node,
    pub(super) registry: Registry,
    pub(super) sources: &'a Sources,
    pub(super) faults: Diagnostics,
}

impl Reader<'_> {
    fn read(mut self, path: &str) -> Result<Spec, Diagnostics> {
        let region = self.region();
        let account = self.account();
        let own = self.own_variables();
        let mut variables = Variables::new(built_in(&region.0, &account.0, self.root.span), own, self.sources);
        let (mut sections, mut vpc, mut manual) = (Vec::new(), VpcSelector::Default, Vec::new());
        let (mut access, mut remember) = (Access::default(), false);
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
                "remember" => remember = accept::flag(&entry.value, &mut self.faults),
                word @ ("accept" | "ignore" | "runbook") => {
                    let (section, faults) = (variables.fill(&entry.value), &mut self.faults);
                    match word {
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
            remember,
            accepted,
            ignored,
            runbook,
        })
    }

    /// Says whether a want, or what its rule goes over, belongs to the VPC.
    fn needs_vpc(&self, want: &Want) -> bool {
        let gone_over = match &want.stands {
            Selector::ForEach(each) => self.registry.get(&each.kind).is_some_and(|kind| kind.facts().needs_vpc),
            _ => false,
        };
        gone_over || self.registry.of(&want.address.kind).facts().needs_vpc
    }

    fn role(&mut self, node: &Node) -> Option<String> {
        let role = accept::text(node, &mut self.faults)?;
        let parts: Vec<&str> = role.splitn(6, ':').collect();
        if !matches!(parts.as_slice(), ["arn", _, "iam", "", _, name] if name.starts_with("role/")) {
            let help = "write its ARN, such as arn:aws:iam::123456789012:role/regionctl-plan";
            let message = format!("'{role}' is not a role");
            self.faults.push(Diagnostic::at("invalid-value", node.span, message).help(help));
        }
        Some(role)
    }

    fn text(&mut self, field: &'static str, help: &str) -> (String, Span) {
        match self.root.get(field).map(|entry| &entry.value) {
            Some(Node { value: Value::Text(text), span }) => (text.clone(), *span),
            Some(Node { value: Value::Int(number), span }) => (number.to_string(), *span),
            Some(Node { value, span }) => {
                let message = format!("expected a text for '{field}', found {}", value.describe());
                self.faults.push(Diagnostic::at("wrong-type", *span, message).help(help));
                (String::new(), *span)
            }
            None => {
                let message = format!("the field '{field}' is missing");
                self.faults.push(Diagnostic::at("missing-field", self.root.span, message).help(help));
                (String::new(), self.root.span)
            }
        }
    }

    fn region(&mut self) -> (String, Span) {
        let (region, span) = self.text("region", "the region this file describes, such as region: eu-central-1");
        if !region.is_empty() && !names::is_region(&region) {
            let message = format!("'{region}' does not have the shape of a region's code");
            self.faults.push(Diagnostic::at("invalid-value", span, message).help("one looks like eu-central-1"));
        }
        (region, span)
    }

    fn account(&mut self) -> (String, Span) {
        let help =
            "the twelve digits of the only account this spec may be applied to, such as account: \"123456789012\"";
        let (account, span) = self.text("account", help);
        let fits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        if !account.is_empty() && !fits {
            let message = format!("'{account}' is not an account id: those have twelve digits");
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
        let known: Vec<&str> = ROOT.into_iter().chain(self.registry.0.iter().map(|kind| kind.facts().name)).collect();
        let message = format!("there is no field or kind '{}'", entry.key);
        let help = match did_you_mean(&entry.key, known.iter().copied()) {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("possible here: {}", known.join(", ")),
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
            let stands = Selector::One;
            return Some(Want {
                address,
                stands,
                source: None,
                absent: true,
                model: Json::Null,
                references: BTreeSet::new(),
                at,
                waivers: Vec::new(),
                whole: false,
            });
        }
        // `name:` with nothing behind it wants the resource with all that a spec may leave out left out.
        let mut node = match entry.value.value {
            Value::Null => Node { value: Value::Map(Vec::new()), span: entry.span },
            _ => entry.value.clone(),
        };
        let follows = ["like", "copy"].iter().any(|word| node.get(word).is_some());
        let (stands, source) = selector::take(entry, &mut node, kind.facts(), self.registry, &mut self.faults);
        // What fills a template in is checked when it is known.
        let is_template = entry.key.contains("${");
        let name = if is_template { template_pattern(&entry.key).replace('*', "x") } else { entry.key.clone() };
        if matches!(stands, Selector::One | Selector::ForEach(_))
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
        self.faults.0.append(&mut notes.faults.0);
        let waivers = notes.waivers;
        let model = model?;
        let references = reference::find(&model).into_iter().collect();
        Some(Want { address, stands, source, absent: false, model, references, at, waivers, whole: false })
    }
}

/// The variables that every spec has.
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

/// Every resource that the spec names, faulty ones included, so that one fault does not make another.
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
        let Want { address, stands, source, absent, model, references: _, at: _, waivers: _, whole: _ } = want;
        hasher.update(format!("{address} {stands:?} {source:?} {absent} {model}\n"));
    }
    hex(&hasher.finalize())
}
