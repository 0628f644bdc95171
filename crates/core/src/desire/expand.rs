// SPDX-License-Identifier: Apache-2.0
//! Expands the entries of a spec into one desired resource each: follows sources, evaluates `for_each` rules, and
//! matches patterns against live resources. Pure: no I/O.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::diagnostic::Diagnostics;
use crate::kind::{Broken, Registry};
use crate::observe::failure::{Failure, Gap};
use crate::observe::location::Location;
use crate::observe::scope::{LiveResource, Observation};
use crate::plan::Note;
use crate::resource::address::Address;
use crate::spec::Want;

/// A desired resource: an entry of the spec, applied to one name.
#[derive(Debug, Clone)]
pub struct Expanded {
    /// The spec entry, with the resource's own address.
    pub want: Want,
    /// The name of the rule, pattern or copy that produced it. `None` if the spec names the resource.
    pub entry: Option<String>,
    /// The source resource that it follows, if any.
    pub followed: Option<Followed>,
    /// The fields that the spec does not state and that are compared with AWS's defaults.
    pub unstated: BTreeSet<String>,
}

/// The source of a desired resource: a live resource of another region.
#[derive(Debug, Clone)]
pub struct Followed {
    /// The source's region code.
    pub region: String,
    /// The source's name.
    pub name: String,
    /// The SHA-256 digest of the copied model.
    pub fingerprint: String,
    /// The rewritten strings by path in the model, each as `from → to`.
    pub rewritten: BTreeMap<String, String>,
}

/// The reads of the source regions, by region and kind.
pub type SourceReads = BTreeMap<(String, String), Result<Observation<Value>, Failure>>;

/// The result of [`expand`].
#[derive(Debug, Default)]
pub struct Expansion {
    /// The desired resources, sorted by address.
    pub wants: Vec<Expanded>,
    /// Informational notes.
    pub notes: Vec<Note>,
    /// The sources that could not be read.
    pub gaps: Vec<Gap>,
}

/// Why the entries of a spec cannot be expanded.
#[derive(Debug, Clone)]
pub enum ExpandError {
    /// Two rules produce one resource, or a rule produces an invalid name.
    Rules(Diagnostics),
    /// A bug in a kind.
    Broken(String),
}

impl From<Broken> for ExpandError {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken.to_string())
    }
}

/// Expands the entries of a spec against its sources and the live resources.
///
/// `gone` are the live resources that the plan deletes: no rule iterates over them.
///
/// # Guarantees
/// A named entry overrides a rule, a rule overrides a pattern, and a more specific pattern overrides a less specific
/// one.
///
/// # Errors
/// Two rules produce one resource, a rule produces a name that AWS does not accept, or a kind has a bug.
pub fn expand(
    registry: Registry,
    location: &Location,
    wants: &[Want],
    live: &BTreeMap<Address, LiveResource<Value>>,
    sources: &SourceReads,
    gone: &BTreeSet<Address>,
) -> Result<Expansion, ExpandError> {
    let named = wants.iter().filter(|want| want.is_one()).map(|want| want.address.clone()).collect();
    let mut expander = Expander {
        registry,
        location,
        live,
        sources,
        gone,
        named,
        expanded: BTreeMap::new(),
        out: Expansion::default(),
    };
    for want in wants {
        match &want.source {
            None if want.is_one() => expander.add(want.clone(), None, None),
            None => {}
            Some(source) if want.is_one() => expander.like(want, source)?,
            Some(source) => expander.copy(want, source)?,
        }
    }
    expander.rules(wants)?;
    expander.patterns(wants);
    let Expander { expanded, mut out, .. } = expander;
    out.wants = expanded.into_values().collect();
    Ok(out)
}

/// Builds an expansion. `follow` and `rules` implement the entries that produce many resources.
pub(super) struct Expander<'a> {
    pub(super) registry: Registry,
    pub(super) location: &'a Location,
    pub(super) live: &'a BTreeMap<Address, LiveResource<Value>>,
    pub(super) sources: &'a SourceReads,
    pub(super) gone: &'a BTreeSet<Address>,
    pub(super) named: BTreeSet<Address>,
    pub(super) expanded: BTreeMap<Address, Expanded>,
    pub(super) out: Expansion,
}

impl Expander<'_> {
    /// Adds a desired resource.
    pub(super) fn add(&mut self, mut want: Want, entry: Option<String>, followed: Option<Followed>) {
        // A follower takes the fields that its spec does not state from the source, not from AWS's defaults.
        let unstated = if want.whole && followed.is_none() && !want.absent {
            apply_defaults(&mut want.model, self.registry.of(&want.address.kind).facts().defaults)
        } else {
            BTreeSet::new()
        };
        self.expanded.insert(want.address.clone(), Expanded { want, entry, followed, unstated });
    }

    pub(super) fn note(&mut self, about: &Address, what: impl Into<String>) {
        self.out.notes.push(Note { about: about.to_string(), what: what.into() });
    }
}

/// Sets the fields that a model leaves out to AWS's defaults, and returns their names.
fn apply_defaults(model: &mut Value, defaults: &str) -> BTreeSet<String> {
    let mut unstated = BTreeSet::new();
    let defaults: Value = serde_json::from_str(defaults).unwrap_or_default();
    if let (Value::Object(model), Value::Object(defaults)) = (model, defaults) {
        for (name, default) in defaults {
            if !model.contains_key(&name) {
                model.insert(name.clone(), default);
                unstated.insert(name);
            }
        }
    }
    unstated
}

#[cfg(test)]
mod tests {
    use super::super::leftover::Search;
    use super::*;
    use crate::diff::Diff;
    use crate::kind::{Erased, Facts, Kind, Notes};
    use crate::observe::failure::FailureClass;
    use crate::resource::reference::Attributes;
    use crate::spec;
    use serde_json::json;

    /// A minimal kind. Its model is a map of strings, and a follower copies the keys that it does not state.
    struct Plain;

    impl Kind for Plain {
        const FACTS: Facts = Facts {
            name: "t.t",
            service: "T",
            attributes: &["arn", "owner"],
            patterns: true,
            lists: true,
            follows: true,
            defaults: r#"{"of": "nothing"}"#,
            ..Facts::DEFAULT
        };
        type Spec = BTreeMap<String, String>;
        type Model = BTreeMap<String, String>;
        type Op = ();

        fn desire(_: &str, spec: Self::Spec, _: &mut Notes<'_>) -> Self::Model {
            spec
        }

        fn attributes(name: &str, _: &Location) -> Attributes {
            Attributes::from([("arn".to_owned(), format!("arn:{name}"))])
        }

        fn follow(
            own: Self::Model,
            source: &LiveResource<Self::Model>,
            _: &Location,
            left: &mut Vec<String>,
        ) -> Option<Self::Model> {
            let mut followed = source.model.clone();
            left.extend(followed.remove("regional").map(|what| format!("{what} is not copied")));
            followed.extend(own);
            Some(followed)
        }

        fn diff(_: &Self::Model, _: Option<&Self::Model>, _: &mut Diff<'_, ()>) {}
    }

    const REGISTRY: Registry = Registry(&[&Erased::<Plain>::NEW]);

    fn location() -> Location {
        let text = |text: &str| text.to_owned();
        Location { partition: text("aws"), region: text("eu-central-1"), account: text("1"), vpc: None }
    }

    fn wants(sections: &str) -> Vec<Want> {
        let text = format!("region: eu-central-1\naccount: '123456789012'\nt.t:\n{sections}");
        let read = |_: &str| Ok(text.clone());
        spec::read("spec.yaml", &read, REGISTRY, &mut crate::diagnostic::SourceFiles::default()).unwrap().wants
    }

    fn observed(names: &[&str]) -> Observation<Value> {
        let model = json!({"of": "us-east-1", "regional": "a key"});
        let live = |name: &&str| LiveResource::new(*name, model.clone(), Attributes::new());
        Observation { resources: names.iter().map(live).collect(), gaps: Vec::new() }
    }

    fn expanded(sections: &str, live: &[&str], source: Result<Observation<Value>, Failure>) -> Expansion {
        let live = observed(live)
            .resources
            .into_iter()
            .map(|resource| (Address::new("t.t", &resource.name), resource))
            .collect();
        let sources = SourceReads::from([(("us-east-1".to_owned(), "t.t".to_owned()), source)]);
        expand(REGISTRY, &location(), &wants(sections), &live, &sources, &BTreeSet::new()).unwrap()
    }

    fn names_and_entries(expansion: &Expansion) -> Vec<(&str, Option<&str>)> {
        expansion.wants.iter().map(|it| (it.want.address.name.as_str(), it.entry.as_deref())).collect()
    }

    fn denied() -> Failure {
        Failure::new(FailureClass::Denied, "T ListTs", "no")
    }

    #[test]
    fn a_name_overrides_a_rule_and_a_rule_overrides_a_pattern() {
        let sections =
            "  \"*\": {}\n  of-${each.name}: {for_each: t.t, except: [of-*], x: \"${each.arn}\"}\n  of-b: {}\n";
        let expansion = expanded(sections, &["a", "b"], Ok(observed(&[])));
        let rule = Some("of-${each.name}");
        assert_eq!(names_and_entries(&expansion), [("a", Some("*")), ("b", Some("*")), ("of-a", rule), ("of-b", None)]);
        assert_eq!(expansion.wants[2].want.model, json!({"x": "arn:a"}));
    }

    #[test]
    fn a_rule_leaves_out_a_resource_without_an_attribute_that_it_uses() {
        let sections = "  of-${each.name}: {for_each: {kind: t.t, matching: a}, x: \"${each.owner}\"}\n";
        let expansion = expanded(sections, &["a"], Ok(observed(&[])));
        assert!(expansion.wants.is_empty(), "{:?}", expansion.wants);
        assert_eq!(expansion.notes[0].what, "leaves out t.t/a, which has no `owner`");
    }

    #[test]
    fn a_copy_includes_each_match_that_is_not_named_or_excepted() {
        let sections = "  \"*\": {copy: us-east-1, except: [tmp-*], rewrite: {us-east-1: eu-central-1}}\n  own: {}\n";
        let expansion = expanded(sections, &[], Ok(observed(&["a", "own", "tmp-1"])));
        assert_eq!(names_and_entries(&expansion), [("a", Some("*")), ("own", None)]);
        assert_eq!(expansion.wants[0].want.model, json!({"of": "eu-central-1"}));
        assert_eq!(expansion.notes[0].what, "a key is not copied (from us-east-1/a)");
    }

    #[test]
    fn an_unreadable_source_is_a_gap_and_no_copy_is_an_orphan() {
        let sections = "  \"*\": {copy: us-east-1}\n  one: {like: us-east-1/one}\n";
        let expansion = expanded(sections, &["a"], Err(denied()));
        let gaps: Vec<&str> = expansion.gaps.iter().map(|gap| gap.address.as_str()).collect();
        assert_eq!(gaps, ["t.t/*", "t.t/one"]);
        assert_eq!(expansion.gaps[0].failure.message, "no (source us-east-1/*)");
        let live = observed(&["a"])
            .resources
            .into_iter()
            .map(|resource| (Address::new("t.t", &resource.name), resource))
            .collect();
        let sources = SourceReads::from([(("us-east-1".to_owned(), "t.t".to_owned()), Err(denied()))]);
        let (wants, location, incomplete) = (wants(sections), location(), BTreeSet::new());
        let search = Search {
            registry: REGISTRY,
            location: &location,
            wants: &wants,
            live: &live,
            sources: &sources,
            incomplete: &incomplete,
        };
        assert!(search.candidates(&expansion.wants).is_empty());
    }

    #[test]
    fn a_credentials_failure_in_a_source_mentions_that_the_region_may_be_disabled() {
        let failure = Failure { class: FailureClass::Credentials, ..denied() };
        let expansion = expanded("  \"*\": {copy: us-east-1}\n", &[], Err(failure));
        assert!(expansion.gaps[0].failure.message.contains("the region may not be enabled in this account"));
    }

    #[test]
    fn a_rule_iterates_over_resources_that_another_rule_produces() {
        let sections = "  b-${each.name}: {for_each: {kind: t.t, matching: a-*}}\n  a-${each.name}: {for_each: {kind: t.t, matching: x}}\n";
        let expansion = expanded(sections, &["x"], Ok(observed(&[])));
        let names: Vec<&str> = names_and_entries(&expansion).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a-x", "b-a-x"]);
    }
}
