//! From what a spec says to what is wanted of each resource: follows sources, goes over kinds, and
//! lays patterns over what is live. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Note;
use super::build::{ABSENT, digest};
use crate::address::Address;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::kind::{Broken, Registry};
use crate::model::pattern;
use crate::reference::{Known, Outputs, Target};
use crate::spec::Want;
use crate::spec::stands::{Each, Source, Stands};
use crate::world::{Failure, FailureClass, Observation, Place, Seen, Unread};

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
    pub unread: Vec<Unread>,
}

/// Returns the live resources that a copy of the spec covers and nothing wants: their source may be gone.
pub fn orphans<'a>(
    wants: &'a [Want],
    expanded: &'a [Expanded],
    live: &'a BTreeMap<Address, Seen<Value>>,
    sources: &'a Sources,
) -> impl Iterator<Item = (&'a Want, &'a Address)> {
    let wanted: BTreeSet<&Address> = expanded.iter().map(|expanded| &expanded.want.address).collect();
    let copies = wants.iter().filter(|want| want.stands == Stands::EveryOfSource);
    copies.flat_map(move |copy| {
        // What could not be read is not gone.
        let source = copy.source.as_ref().map_or("", |source| &source.region);
        let read = sources.get(&(source.to_owned(), copy.address.kind.clone()));
        let whole = read.is_some_and(|read| read.as_ref().is_ok_and(|observation| observation.unread.is_empty()));
        let wanted = wanted.clone();
        live.keys()
            .filter(move |address| whole && copy.may_make(address) && !wanted.contains(address))
            .map(move |address| (copy, address))
    })
}

/// Makes a want of each orphan that says it was copied from the source's region: it is to be gone.
pub fn gone(
    registry: Registry,
    wants: &[Want],
    expanded: &[Expanded],
    live: &BTreeMap<Address, Seen<Value>>,
    sources: &Sources,
) -> Vec<Expanded> {
    let copied_from = |want: &Want, address: &Address| {
        let origin = registry.of(&address.kind).origin(&live[address].model);
        origin.is_some() && origin.as_deref() == want.source.as_ref().map(|source| source.region.as_str())
    };
    orphans(wants, expanded, live, sources)
        .filter(|(want, address)| copied_from(want, address))
        .map(|(copy, address)| {
            let region = copy.source.as_ref().map(|source| source.region.clone()).unwrap_or_default();
            let followed = Followed {
                region,
                name: address.name.clone(),
                fingerprint: ABSENT.to_owned(),
                rewritten: BTreeMap::new(),
            };
            let want = Want { address: address.clone(), stands: Stands::One, absent: true, ..copy.clone() };
            Expanded { want, by: Some(copy.address.name.clone()), followed: Some(followed), unstated: BTreeSet::new() }
        })
        .collect()
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
    place: &Place,
    wants: &[Want],
    live: &BTreeMap<Address, Seen<Value>>,
    sources: &Sources,
) -> Result<Expansion, Unexpanded> {
    let named = wants.iter().filter(|want| want.is_one()).map(|want| want.address.clone()).collect();
    let mut expander =
        Expander { registry, place, live, sources, named, made: BTreeMap::new(), out: Expansion::default() };
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

struct Expander<'a> {
    registry: Registry,
    place: &'a Place,
    live: &'a BTreeMap<Address, Seen<Value>>,
    sources: &'a Sources,
    named: BTreeSet<Address>,
    made: BTreeMap<Address, Expanded>,
    out: Expansion,
}

impl<'a> Expander<'a> {
    fn make(&mut self, mut want: Want, by: Option<String>, followed: Option<Followed>) {
        // What follows another has that one's settings where the spec has none.
        let unstated = if want.whole && followed.is_none() && !want.absent {
            lay_under(&mut want.model, self.registry.of(&want.address.kind).facts().defaults)
        } else {
            BTreeSet::new()
        };
        self.made.insert(want.address.clone(), Expanded { want, by, followed, unstated });
    }

    fn note(&mut self, about: &Address, what: impl Into<String>) {
        self.out.notes.push(Note { about: about.to_string(), what: what.into() });
    }

    /// What the source's region holds of the want's kind; a failure is kept as unread.
    fn source(&mut self, want: &Want, source: &Source) -> Option<&'a Observation<Value>> {
        match self.sources.get(&(source.region.clone(), want.address.kind.clone())) {
            Some(Ok(observation)) => Some(observation),
            Some(Err(failure)) => {
                self.unread(want, source, failure.clone());
                None
            }
            None => None,
        }
    }

    fn unread(&mut self, want: &Want, source: &Source, mut failure: Failure) {
        failure.message = format!("{} (as the source {}/{})", failure.message, source.region, source.name);
        if failure.class == FailureClass::Credentials {
            failure.message += "; the credentials may be good and the region not enabled in this account";
        }
        self.out.unread.push(Unread { address: want.address.to_string(), failure });
    }

    fn like(&mut self, want: &Want, source: &Source) -> Result<(), Unexpanded> {
        let Some(observation) = self.source(want, source) else { return Ok(()) };
        if let Some(seen) = observation.seen.iter().find(|seen| seen.name == source.name) {
            return self.follow(want, source, seen, None);
        }
        let unread = observation.unread.iter().find(|(name, _)| *name == source.name);
        let failure = unread.map_or_else(
            || {
                Failure::new(
                    FailureClass::NotFound,
                    format!("{} in {}", want.address.kind, source.region),
                    "it is not there",
                )
            },
            |(_, failure)| failure.clone(),
        );
        self.unread(want, source, failure);
        Ok(())
    }

    fn copy(&mut self, want: &Want, source: &Source) -> Result<(), Unexpanded> {
        let Some(observation) = self.source(want, source) else { return Ok(()) };
        for (name, failure) in observation.unread.iter().filter(|(name, _)| source.covers(name)) {
            let address = Address::new(&want.address.kind, name);
            self.unread(&Want { address, ..want.clone() }, source, failure.clone());
        }
        let mut any = !observation.unread.is_empty();
        for seen in observation.seen.iter().filter(|seen| source.covers(&seen.name)) {
            any = true;
            let address = Address::new(&want.address.kind, &seen.name);
            if !self.named.contains(&address) {
                let by = Some(want.address.name.clone());
                self.follow(&Want { address, stands: Stands::One, ..want.clone() }, source, seen, by)?;
            }
        }
        if !any {
            self.note(&want.address, format!("copies nothing: {} has none that matches", source.region));
        }
        Ok(())
    }

    fn follow(
        &mut self,
        want: &Want,
        source: &Source,
        seen: &Seen<Value>,
        by: Option<String>,
    ) -> Result<(), Unexpanded> {
        let mut rewritten = BTreeMap::new();
        let model = rewrite(&seen.model, &source.rewrite, "", &mut rewritten);
        let read = Seen { name: seen.name.clone(), model, outputs: seen.outputs.clone() };
        let place = Place { region: source.region.clone(), ..self.place.clone() };
        let (model, left) = self.registry.of(&want.address.kind).follow(&want.model, &read, &place)?;
        for what in left {
            self.note(&want.address, format!("{what} (of {}/{})", source.region, seen.name));
        }
        if let Some(model) = model {
            // Of the source only what is taken over matters.
            let followed = Followed {
                region: source.region.clone(),
                name: seen.name.clone(),
                fingerprint: digest(&model),
                rewritten,
            };
            self.make(Want { model, ..want.clone() }, by, Some(followed));
        }
        Ok(())
    }

    /// Rules may go over what other rules make, so they are gone through until nothing new comes.
    fn rules(&mut self, wants: &[Want]) -> Result<(), Unexpanded> {
        let rules: Vec<(&Want, &Each)> = wants
            .iter()
            .filter_map(|want| match &want.stands {
                Stands::ForEach(each) => Some((want, each)),
                _ => None,
            })
            .collect();
        let mut faults = Diagnostics::default();
        let mut matched: BTreeSet<usize> = BTreeSet::new();
        let mut produced: BTreeMap<Address, usize> = BTreeMap::new();
        let mut done: BTreeSet<(usize, String)> = BTreeSet::new();
        loop {
            let before = done.len();
            for (index, (want, each)) in rules.iter().enumerate() {
                for name in self.names(each) {
                    if !done.insert((index, name.clone())) {
                        continue;
                    }
                    matched.insert(index);
                    let made = self.template(want, each, &name)?;
                    if self.named.contains(&made.address) {
                        continue;
                    }
                    if let Err(why) = self.registry.of(&made.address.kind).check_name(&made.address.name) {
                        let message = format!("for {}/{name}: {}", each.kind, why.lines().next().unwrap_or_default());
                        faults.push(Diagnostic::new("invalid-name", message).note(wanted_at(want)));
                        continue;
                    }
                    match produced.get(&made.address) {
                        Some(&other) if other != index => faults.push(twice(&made.address, rules[other].0, want)),
                        _ => {
                            produced.insert(made.address.clone(), index);
                            self.make(made, Some(want.address.name.clone()), None);
                        }
                    }
                }
            }
            if done.len() == before {
                break;
            }
        }
        for (_, (want, each)) in rules.iter().enumerate().filter(|(index, _)| !matched.contains(index)) {
            self.note(&want.address, format!("matches nothing: no {} is here or wanted", each.kind));
        }
        faults.or(()).map_err(Unexpanded::Rules)
    }

    /// The names that a rule goes over: what is wanted, and what is there and not to be gone.
    fn names(&self, each: &Each) -> BTreeSet<String> {
        let wanted = self.made.values().map(|expanded| &expanded.want);
        let (gone, wanted): (Vec<&Want>, Vec<&Want>) =
            wanted.filter(|want| want.address.kind == each.kind).partition(|want| want.absent);
        let live = self.live.keys().filter(|address| address.kind == each.kind);
        wanted
            .into_iter()
            .map(|want| &want.address)
            .chain(live.filter(|address| !gone.iter().any(|want| want.address == **address)))
            .map(|address| address.name.clone())
            .filter(|name| each.covers(name))
            .collect()
    }

    fn template(&self, want: &Want, each: &Each, name: &str) -> Result<Want, Unexpanded> {
        let kind = self.registry.of(&each.kind);
        let address = Address::new(&each.kind, name);
        // What only AWS gives stays a reference to the resource.
        let mut values: Outputs = kind
            .facts()
            .outputs
            .iter()
            .map(|output| ((*output).to_owned(), format!("${{{address}.{output}}}")))
            .collect();
        values.extend(kind.outputs(name, self.place));
        if let Some(seen) = self.live.get(&address) {
            values.extend(kind.given(&seen.model)?);
            values.extend(seen.outputs.clone());
        }
        if let Some(expanded) = self.made.get(&address) {
            values.extend(kind.given(&expanded.want.model)?);
        }
        values.insert("name".to_owned(), name.to_owned());
        let mut known = Known::default();
        known.add(Target::Each, values);
        let mut made = Want { stands: Stands::One, ..want.clone() };
        known.fill(&mut made.model);
        if let Some(filled) = known.fill_text(&want.address.name) {
            made.address.name = filled;
        }
        Ok(made)
    }

    fn patterns(&mut self, wants: &[Want]) {
        let mut patterns: Vec<&Want> = wants.iter().filter(|want| want.stands == Stands::EveryLive).collect();
        patterns.sort_by_key(|want| std::cmp::Reverse(pattern::specificity(&want.address.name)));
        for address in self.live.keys() {
            let matching = patterns.iter().find(|want| want.may_make(address));
            if let Some(want) = matching.filter(|_| !self.made.contains_key(address)) {
                let by = Some(want.address.name.clone());
                let want = Want { address: address.clone(), stands: Stands::One, ..(*want).clone() };
                self.make(want, by, None);
            }
        }
        for want in patterns {
            let any = self.made.keys().any(|address| want.may_make(address));
            if !any {
                self.note(&want.address, "matches nothing: none is here");
            }
        }
    }
}

/// Sets what a model leaves out to AWS's defaults, and returns what that is.
fn lay_under(model: &mut Value, defaults: &str) -> BTreeSet<String> {
    let mut unstated = BTreeSet::new();
    let defaults: Value = serde_json::from_str(defaults).unwrap_or_default();
    if let (Value::Object(model), Value::Object(defaults)) = (model, defaults) {
        for (name, default) in defaults {
            if model.get(&name).is_none_or(Value::is_null) {
                model.insert(name.clone(), default);
                unstated.insert(name);
            }
        }
    }
    unstated
}

fn wanted_at(want: &Want) -> String {
    format!("the rule stands at {}:{}", want.at.file, want.at.line)
}

fn twice(address: &Address, first: &Want, second: &Want) -> Diagnostic {
    Diagnostic::new("two-rules", format!("two rules both produce {address}"))
        .note(wanted_at(first))
        .note(wanted_at(second))
        .help("narrow one of them with `except`, or name the resource itself: a name beats a rule")
}

/// Writes texts anew, keys of mappings included, and says where.
fn rewrite(value: &Value, pairs: &[(String, String)], path: &str, found: &mut BTreeMap<String, String>) -> Value {
    let joined = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::String(text) => rewrite_text(text, pairs, path, found).into(),
        Value::Array(items) => {
            let item = |(index, item): (usize, &Value)| rewrite(item, pairs, &joined(&index.to_string()), found);
            items.iter().enumerate().map(item).collect()
        }
        Value::Object(fields) => {
            let mut rewritten = serde_json::Map::new();
            for (key, item) in fields {
                let key = rewrite_text(key, pairs, &joined(key), found);
                let item = rewrite(item, pairs, &joined(&key), found);
                rewritten.insert(key, item);
            }
            Value::Object(rewritten)
        }
        other => other.clone(),
    }
}

fn rewrite_text(text: &str, pairs: &[(String, String)], path: &str, found: &mut BTreeMap<String, String>) -> String {
    let mut rewritten = text.to_owned();
    let mut said: Vec<String> = Vec::new();
    for (from, to) in pairs.iter().filter(|(from, to)| from != to && text.contains(from.as_str())) {
        rewritten = rewritten.replace(from.as_str(), to);
        said.push(format!("{from} → {to}"));
    }
    if !said.is_empty() {
        found.insert(path.to_owned(), said.join(", "));
    }
    rewritten
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::Diff;
    use crate::kind::{Erased, Facts, Kind, Notes};
    use crate::spec;
    use serde_json::json;

    /// A kind with nothing to it: its model is a mapping of texts, of which a follower takes what it lacks.
    struct Plain;

    impl Kind for Plain {
        const FACTS: Facts = Facts {
            name: "t.t",
            service: "T",
            summary: "",
            reads: &[],
            removes: &[],
            writes: &[],
            checks: &[],
            also: &[],
            outputs: &["arn"],
            global: false,
            needs_vpc: false,
            patterns: true,
            lists: true,
            follows: true,
            inventory: &[],
            weights: &[],
            defaults: r#"{"of": "nothing"}"#,
            example: "",
            cases: &[],
        };
        type Spec = BTreeMap<String, String>;
        type Model = BTreeMap<String, String>;
        type Op = ();

        fn desire(_: &str, spec: Self::Spec, _: &mut Notes<'_>) -> Self::Model {
            spec
        }

        fn outputs(name: &str, _: &Place) -> Outputs {
            Outputs::from([("arn".to_owned(), format!("arn:{name}"))])
        }

        fn follow(
            own: Self::Model,
            source: &Seen<Self::Model>,
            _: &Place,
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

    fn place() -> Place {
        let text = |text: &str| text.to_owned();
        Place { partition: text("aws"), region: text("eu-central-1"), account: text("1"), vpc: None }
    }

    fn wants(sections: &str) -> Vec<Want> {
        let text = format!("region: eu-central-1\naccount: '123456789012'\nt.t:\n{sections}");
        let read = |_: &str| Ok(text.clone());
        spec::read("spec.yaml", &read, REGISTRY, &mut crate::diagnostic::Sources::default()).unwrap().wants
    }

    fn observed(names: &[&str]) -> Observation<Value> {
        let seen = |name: &&str| Seen {
            name: (*name).to_owned(),
            model: json!({"of": "us-east-1", "regional": "a key"}),
            outputs: Outputs::new(),
        };
        Observation { seen: names.iter().map(seen).collect(), unread: Vec::new() }
    }

    fn expanded(sections: &str, live: &[&str], source: Result<Observation<Value>, Failure>) -> Expansion {
        let live = observed(live).seen.into_iter().map(|seen| (Address::new("t.t", &seen.name), seen)).collect();
        let sources = Sources::from([(("us-east-1".to_owned(), "t.t".to_owned()), source)]);
        expand(REGISTRY, &place(), &wants(sections), &live, &sources).unwrap()
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

    #[test]
    fn what_is_rewritten_is_known_by_its_place() {
        let pairs = vec![("us-east-1".to_owned(), "eu-central-1".to_owned())];
        let mut found = BTreeMap::new();
        let model = json!({"a": "arn:us-east-1:x", "m": {"db-us-east-1": {"b": ["us-east-1"]}}, "n": 1});
        let rewritten = rewrite(&model, &pairs, "", &mut found);
        assert_eq!(
            rewritten,
            json!({"a": "arn:eu-central-1:x", "m": {"db-eu-central-1": {"b": ["eu-central-1"]}}, "n": 1})
        );
        let paths: Vec<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(paths, ["a", "m.db-eu-central-1.b.0", "m.db-us-east-1"]);
        assert_eq!(found["a"], "us-east-1 → eu-central-1");
    }
}
