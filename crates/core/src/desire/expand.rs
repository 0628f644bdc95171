//! From what a spec says to what is wanted of each resource: follows sources, goes over kinds, and
//! lays patterns over what is live. Pure.

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

/// A want for one resource.
#[derive(Debug, Clone)]
pub struct Expanded {
    /// The want; its address is the resource's own.
    pub want: Want,
    /// The entry that it comes from, where that stands for many.
    pub by: Option<String>,
    /// The live resource that it follows.
    pub followed: Option<Followed>,
    /// The attributes that the spec does not state, and that are held against AWS's defaults.
    pub unstated: BTreeSet<String>,
}

/// A live resource that a want follows.
#[derive(Debug, Clone)]
pub struct Followed {
    /// Its region.
    pub region: String,
    /// Its name.
    pub name: String,
    /// The digest of what is taken over from it.
    pub fingerprint: String,
    /// The texts that were written anew, by their path, each as `from → to`.
    pub rewritten: BTreeMap<String, String>,
}

/// What the source regions hold, by region and kind.
pub type Sources = BTreeMap<(String, String), Result<Observation<Value>, Failure>>;

/// What came of expanding.
#[derive(Debug, Default)]
pub struct Expansion {
    /// The wants, sorted by address.
    pub wants: Vec<Expanded>,
    /// What should be said and changes nothing.
    pub notes: Vec<Note>,
    /// What cannot be known, since a source could not be read.
    pub unread: Vec<Gap>,
}

/// Why wants cannot be expanded.
#[derive(Debug, Clone)]
pub enum Unexpanded {
    /// The rules of the spec contradict each other on what is live.
    Rules(Diagnostics),
    /// A fault in a kind.
    Broken(String),
}

impl From<Broken> for Unexpanded {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken.to_string())
    }
}

/// Expands the wants of a spec over its sources and over what is live.
///
/// # Guarantees
/// A name beats a rule, a rule beats a pattern, and of two patterns the more specific one wins.
///
/// # Errors
/// Two rules produce one resource, or a rule produces a name that AWS refuses.
pub fn expand(
    registry: Registry,
    location: &Location,
    wants: &[Want],
    live: &BTreeMap<Address, LiveResource<Value>>,
    sources: &Sources,
) -> Result<Expansion, Unexpanded> {
    let named = wants.iter().filter(|want| want.is_one()).map(|want| want.address.clone()).collect();
    let mut expander =
        Expander { registry, location, live, sources, named, made: BTreeMap::new(), out: Expansion::default() };
    for want in wants {
        match &want.source {
            None if want.is_one() => expander.make(want.clone(), None, None),
            None => {}
            Some(source) if want.is_one() => expander.like(want, source)?,
            Some(source) => expander.copy(want, source)?,
        }
    }
    expander.rules(wants)?;
    expander.patterns(wants);
    let Expander { made, mut out, .. } = expander;
    out.wants = made.into_values().collect();
    Ok(out)
}

/// Builds an expansion; see `follow` and `rules` for the entries that stand for many.
pub(super) struct Expander<'a> {
    pub(super) registry: Registry,
    pub(super) location: &'a Location,
    pub(super) live: &'a BTreeMap<Address, LiveResource<Value>>,
    pub(super) sources: &'a Sources,
    pub(super) named: BTreeSet<Address>,
    pub(super) made: BTreeMap<Address, Expanded>,
    pub(super) out: Expansion,
}

impl Expander<'_> {
    /// Adds a want for one resource.
    pub(super) fn make(&mut self, mut want: Want, by: Option<String>, followed: Option<Followed>) {
        // What follows another has that one's settings where the spec has none.
        let unstated = if want.whole && followed.is_none() && !want.absent {
            lay_under(&mut want.model, self.registry.of(&want.address.kind).facts().defaults)
        } else {
            BTreeSet::new()
        };
        self.made.insert(want.address.clone(), Expanded { want, by, followed, unstated });
    }

    pub(super) fn note(&mut self, about: &Address, what: impl Into<String>) {
        self.out.notes.push(Note { about: about.to_string(), what: what.into() });
    }
}

/// Sets what a model leaves out to AWS's defaults, and returns what that is.
fn lay_under(model: &mut Value, defaults: &str) -> BTreeSet<String> {
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
    use super::super::leftover::orphans;
    use super::*;
    use crate::diff::Diff;
    use crate::kind::{Erased, Facts, Kind, Notes};
    use crate::observe::failure::FailureClass;
    use crate::resource::reference::Outputs;
    use crate::spec;
    use serde_json::json;

    /// A kind with nothing to it: its model is a mapping of texts, of which a follower takes what it lacks.
    struct Plain;

    impl Kind for Plain {
        const FACTS: Facts = Facts {
            name: "t.t",
            service: "T",
            outputs: &["arn"],
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

        fn outputs(name: &str, _: &Location) -> Outputs {
            Outputs::from([("arn".to_owned(), format!("arn:{name}"))])
        }

        fn follow(
            own: Self::Model,
            source: &LiveResource<Self::Model>,
            _: &Location,
            left: &mut Vec<String>,
        ) -> Option<Self::Model> {
            let mut followed = source.model.clone();
            left.extend(followed.remove("regional").map(|what| format!("{what} is left")));
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
        spec::read("spec.yaml", &read, REGISTRY, &mut crate::diagnostic::Sources::default()).unwrap().wants
    }

    fn observed(names: &[&str]) -> Observation<Value> {
        let model = json!({"of": "us-east-1", "regional": "a key"});
        let seen = |name: &&str| LiveResource::new(*name, model.clone(), Outputs::new());
        Observation { seen: names.iter().map(seen).collect(), unread: Vec::new() }
    }

    fn expanded(sections: &str, live: &[&str], source: Result<Observation<Value>, Failure>) -> Expansion {
        let live = observed(live).seen.into_iter().map(|seen| (Address::new("t.t", &seen.name), seen)).collect();
        let sources = Sources::from([(("us-east-1".to_owned(), "t.t".to_owned()), source)]);
        expand(REGISTRY, &location(), &wants(sections), &live, &sources).unwrap()
    }

    fn made(expansion: &Expansion) -> Vec<(&str, Option<&str>)> {
        expansion.wants.iter().map(|it| (it.want.address.name.as_str(), it.by.as_deref())).collect()
    }

    fn denied() -> Failure {
        Failure::new(FailureClass::Denied, "T ListTs", "no")
    }

    #[test]
    fn a_name_beats_a_rule_and_a_rule_beats_a_pattern() {
        let sections =
            "  \"*\": {}\n  of-${each.name}: {for_each: t.t, except: [of-*], x: \"${each.arn}\"}\n  of-b: {}\n";
        let expansion = expanded(sections, &["a", "b"], Ok(observed(&[])));
        let rule = Some("of-${each.name}");
        assert_eq!(made(&expansion), [("a", Some("*")), ("b", Some("*")), ("of-a", rule), ("of-b", None)]);
        assert_eq!(expansion.wants[2].want.model, json!({"x": "arn:a"}));
    }

    #[test]
    fn a_copy_takes_all_that_its_name_matches_but_what_is_named_or_left_out() {
        let sections = "  \"*\": {copy: us-east-1, except: [tmp-*], rewrite: {us-east-1: eu-central-1}}\n  own: {}\n";
        let expansion = expanded(sections, &[], Ok(observed(&["a", "own", "tmp-1"])));
        assert_eq!(made(&expansion), [("a", Some("*")), ("own", None)]);
        assert_eq!(expansion.wants[0].want.model, json!({"of": "eu-central-1"}));
        assert_eq!(expansion.notes[0].what, "a key is left (of us-east-1/a)");
    }

    #[test]
    fn a_source_that_cannot_be_read_is_unread_and_nothing_is_taken_for_gone() {
        let sections = "  \"*\": {copy: us-east-1}\n  one: {like: us-east-1/one}\n";
        let expansion = expanded(sections, &["a"], Err(denied()));
        let unread: Vec<&str> = expansion.unread.iter().map(|unread| unread.address.as_str()).collect();
        assert_eq!(unread, ["t.t/*", "t.t/one"]);
        assert_eq!(expansion.unread[0].failure.message, "no (as the source us-east-1/*)");
        let live = observed(&["a"]).seen.into_iter().map(|seen| (Address::new("t.t", &seen.name), seen)).collect();
        let sources = Sources::from([(("us-east-1".to_owned(), "t.t".to_owned()), Err(denied()))]);
        assert_eq!(orphans(&wants(sections), &expansion.wants, &live, &sources).count(), 0);
    }

    #[test]
    fn credentials_that_fail_in_a_source_may_mean_that_the_region_is_not_enabled() {
        let failure = Failure { class: FailureClass::Credentials, ..denied() };
        let expansion = expanded("  \"*\": {copy: us-east-1}\n", &[], Err(failure));
        assert!(expansion.unread[0].failure.message.contains("the region not enabled in this account"));
    }

    #[test]
    fn a_rule_may_go_over_what_another_rule_makes() {
        let sections = "  b-${each.name}: {for_each: {kind: t.t, matching: a-*}}\n  a-${each.name}: {for_each: {kind: t.t, matching: x}}\n";
        let expansion = expanded(sections, &["x"], Ok(observed(&[])));
        let names: Vec<&str> = made(&expansion).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a-x", "b-a-x"]);
    }
}
