//! What follows a live resource of another region: `like` and `copy`, and the texts that are rewritten on the way.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::expand::{Expander, Followed, Unexpanded};
use super::fingerprint;
use crate::observe::failure::{Failure, FailureClass, Gap};
use crate::observe::location::Location;
use crate::observe::scope::{LiveResource, Observation};
use crate::resource::address::Address;
use crate::resource::secret;
use crate::spec::Want;
use crate::spec::selector::{Selector, Source};

impl<'a> Expander<'a> {
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
        self.out.unread.push(Gap { address: want.address.to_string(), failure });
    }

    pub(super) fn like(&mut self, want: &Want, source: &Source) -> Result<(), Unexpanded> {
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

    pub(super) fn copy(&mut self, want: &Want, source: &Source) -> Result<(), Unexpanded> {
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
                self.follow(&Want { address, stands: Selector::One, ..want.clone() }, source, seen, by)?;
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
        seen: &LiveResource<Value>,
        by: Option<String>,
    ) -> Result<(), Unexpanded> {
        let mut rewritten = BTreeMap::new();
        let model = rewrite(&seen.model, &source.rewrite, "", &mut rewritten);
        let read = seen.clone().map(|_| model);
        let location = Location { region: source.region.clone(), ..self.location.clone() };
        let (model, left) = self.registry.of(&want.address.kind).follow(&want.model, &read, &location)?;
        let extras = seen
            .extras
            .iter()
            .map(|extra| format!("{}: a spec cannot state it, so it is not taken over", extra.said()));
        for what in left.into_iter().chain(extras) {
            self.note(&want.address, format!("{what} (of {}/{})", source.region, seen.name));
        }
        if let Some(model) = model {
            // Of the source only what is taken over matters.
            let followed = Followed {
                region: source.region.clone(),
                name: seen.name.clone(),
                fingerprint: fingerprint::of_followed(&model, seen),
                rewritten,
            };
            self.make(Want { model, ..want.clone() }, by, Some(followed));
        }
        Ok(())
    }
}

/// Writes texts anew, keys of mappings included, and says where.
fn rewrite(value: &Value, pairs: &[(String, String)], path: &str, found: &mut BTreeMap<String, String>) -> Value {
    let joined = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        secret if secret::of(secret).is_some() => {
            let text = rewrite_text(secret::of(secret).unwrap_or_default(), pairs, path, found);
            json!({ secret::KEY: text })
        }
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
