// SPDX-License-Identifier: Apache-2.0
//! Follows live resources of other regions: `like:`, `copy:` and `rewrite:`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::expand::{ExpandError, Expander, Followed};
use super::fingerprint;
use super::rules::rule_at;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::diff::head;
use crate::observe::failure::{Failure, FailureClass, Gap};
use crate::observe::location::Location;
use crate::observe::scope::{LiveResource, Observation};
use crate::resource::address::Address;
use crate::resource::secret;
use crate::spec::Want;
use crate::spec::selector::{Selector, Source};

impl<'a> Expander<'a> {
    /// Returns the resources of the entry's kind in the source region. Records a gap if they could not be read.
    fn source(&mut self, want: &Want, source: &Source) -> Option<&'a Observation<Value>> {
        match self.sources.get(&(source.region.clone(), want.address.kind.clone())) {
            Some(Ok(observation)) => Some(observation),
            Some(Err(failure)) => {
                self.gap(want, source, failure.clone());
                None
            }
            None => None,
        }
    }

    fn gap(&mut self, want: &Want, source: &Source, mut failure: Failure) {
        failure.message = format!("{} (source {}/{})", failure.message, source.region, source.name);
        if failure.class == FailureClass::Credentials {
            failure.message += "; if the credentials are valid, the region may not be enabled in this account";
        }
        self.out.gaps.push(Gap { address: want.address.to_string(), failure });
    }

    pub(super) fn like(&mut self, want: &Want, source: &Source) -> Result<(), ExpandError> {
        let Some(observation) = self.source(want, source) else { return Ok(()) };
        if let Some(resource) = observation.resources.iter().find(|resource| resource.name == source.name) {
            return self.follow(want, source, resource, None);
        }
        let gap = observation.gaps.iter().find(|(name, _)| *name == source.name);
        let failure = gap.map_or_else(
            || {
                Failure::new(
                    FailureClass::NotFound,
                    format!("{} in {}", want.address.kind, source.region),
                    "it does not exist",
                )
            },
            |(_, failure)| failure.clone(),
        );
        self.gap(want, source, failure);
        Ok(())
    }

    pub(super) fn copy(&mut self, want: &Want, source: &Source) -> Result<(), ExpandError> {
        let Some(observation) = self.source(want, source) else { return Ok(()) };
        for (name, failure) in observation.gaps.iter().filter(|(name, _)| source.covers(name)) {
            let address = Address::new(&want.address.kind, name);
            self.gap(&Want { address, ..want.clone() }, source, failure.clone());
        }
        let mut any = !observation.gaps.is_empty();
        let mut faults = Diagnostics::default();
        for resource in observation.resources.iter().filter(|resource| source.covers(&resource.name)) {
            any = true;
            let address = Address::new(&want.address.kind, &resource.name);
            if !self.named.contains(&address) {
                if let Err(why) = self.registry.of(&address.kind).check_name(&resource.name) {
                    faults.push(invalid_name(want, source, &resource.name, &why));
                    continue;
                }
                let entry = Some(want.address.name.clone());
                self.follow(&Want { address, selector: Selector::One, ..want.clone() }, source, resource, entry)?;
            }
        }
        if !any {
            self.note(&want.address, format!("copies nothing: no resource in {} matches", source.region));
        }
        faults.or(()).map_err(ExpandError::Rules)
    }

    fn follow(
        &mut self,
        want: &Want,
        source: &Source,
        resource: &LiveResource<Value>,
        entry: Option<String>,
    ) -> Result<(), ExpandError> {
        let mut rewritten = BTreeMap::new();
        let mut model = rewrite(&resource.model, &source.rewrite, "", &mut rewritten);
        if source.region != self.location.region {
            let in_region = self.registry.of(&want.address.kind).facts().in_region;
            for path in in_region.iter().filter(|path| !rewritten.contains_key(**path)) {
                let field = head(path);
                let text = model.pointer(&format!("/{}", path.replace('.', "/"))).and_then(Value::as_str);
                if let (Some(text), None) = (text, want.model.get(field)) {
                    let what = format!(
                        "`{field}` is not copied, because '{text}' is in the source's region; add `{field}:`, or replace the \
                         name with `rewrite:` (from {}/{})",
                        source.region, resource.name
                    );
                    self.note(&want.address, what);
                    model.as_object_mut().and_then(|model| model.remove(field));
                }
            }
        }
        let read = resource.clone().map(|_| model);
        let location = Location { region: source.region.clone(), ..self.location.clone() };
        let (model, left) = self.registry.of(&want.address.kind).follow(&want.model, &read, &location)?;
        let extras =
            resource.extras.iter().map(|extra| format!("{} is not copied: a spec cannot state it", extra.said()));
        for what in left.into_iter().chain(extras) {
            self.note(&want.address, format!("{what} (from {}/{})", source.region, resource.name));
        }
        if let Some(model) = model {
            // The digest covers only what is copied: other changes of the source must not invalidate a plan.
            let followed = Followed {
                region: source.region.clone(),
                name: resource.name.clone(),
                fingerprint: fingerprint::of_followed(&model, resource),
                rewritten,
            };
            self.add(Want { model, ..want.clone() }, entry, Some(followed));
        }
        Ok(())
    }
}

/// Returns the fault of a source's resource with a name that AWS accepts from no user, such as one of AWS's own.
fn invalid_name(want: &Want, source: &Source, name: &str, why: &str) -> Diagnostic {
    let message = format!("for {}/{name}: {}", source.region, why.lines().next().unwrap_or_default());
    let fault = Diagnostic::new("invalid-name", message).note(rule_at(want));
    fault.help(format!("add `except: [{name}]` to the entry, or create a copy with another name by hand"))
}

/// Applies `pairs` to all strings of a value, keys included, and records each rewritten string in `found` by its path.
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
    let mut applied: Vec<String> = Vec::new();
    for (from, to) in pairs.iter().filter(|(from, to)| from != to && text.contains(from.as_str())) {
        rewritten = rewritten.replace(from.as_str(), to);
        applied.push(format!("{from} → {to}"));
    }
    if !applied.is_empty() {
        found.insert(path.to_owned(), applied.join(", "));
    }
    rewritten
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rewritten_strings_are_recorded_by_path() {
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
