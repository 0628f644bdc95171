// SPDX-License-Identifier: Apache-2.0
//! References between resources: `${kind/name.attribute}` in any text of a spec, and the attributes that replace them.
//!
//! A reference is plain text in a serialized model. The engine finds references by searching the JSON; kinds do not
//! declare their dependencies. `${aws:username}` (a colon before any slash) is an IAM policy variable and not replaced.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::address::Address;

/// The values of a resource's attributes by name: `arn`, `id`, `name`.
pub type Attributes = BTreeMap<String, String>;

/// Where a text that equals an attribute of a resource is a reference to that resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ties {
    /// Everywhere except in tags and descriptions: an ARN or an id identifies one resource.
    Anywhere,
    /// Only in fields with these names: in other fields an equal name can mean another resource.
    Fields(&'static [&'static str]),
}

/// The target of a reference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// The region's VPC, which the spec selects. regionctl does not create it.
    Vpc,
    /// The resource of the current iteration of a `for_each`.
    Each,
    /// A resource of the spec.
    Resource(Address),
}

/// A parsed `${…}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// What the part before the last dot names: a resource, the VPC, or `each`.
    pub target: Target,
    /// The attribute of the target: `arn`, `id`.
    pub attribute: String,
}

impl Reference {
    /// Parses the text inside `${…}`. Returns `None` for a variable or an IAM policy variable.
    pub fn parse(inside: &str) -> Option<Self> {
        let (target, attribute) = inside.rsplit_once('.')?;
        let target = match target {
            "vpc" => Target::Vpc,
            "each" => Target::Each,
            address => Target::Resource(address.parse().ok()?),
        };
        Some(Self { target, attribute: attribute.to_owned() })
    }

    /// Returns the reference as in a spec, with `${` and `}`.
    pub fn text(&self) -> String {
        match &self.target {
            Target::Vpc => format!("${{vpc.{}}}", self.attribute),
            Target::Each => format!("${{each.{}}}", self.attribute),
            Target::Resource(address) => format!("${{{address}.{}}}", self.attribute),
        }
    }
}

/// A piece of a text: plain text, or the text inside `${…}`.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Literal characters.
    Plain(&'a str),
    /// The text between `${` and its `}`, including nested `${…}`.
    Braced(&'a str),
    /// `$${`, the escape for a literal `${`.
    Escaped,
    /// The rest of a text after a `${` without a closing `}`; it includes the `${`.
    Open(&'a str),
}

/// Splits a text into its `${…}` and the text between them.
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if at > 0 && rest[..at].ends_with('$') {
            if at > 1 {
                found.push(Piece::Plain(&rest[..at - 1]));
            }
            found.push(Piece::Escaped);
            rest = &rest[at + 2..];
            continue;
        }
        if at > 0 {
            found.push(Piece::Plain(&rest[..at]));
        }
        let inside = &rest[at + 2..];
        let Some(end) = closing(inside) else {
            found.push(Piece::Open(&rest[at..]));
            return found;
        };
        found.push(Piece::Braced(&inside[..end]));
        rest = &inside[end + 1..];
    }
    if !rest.is_empty() {
        found.push(Piece::Plain(rest));
    }
    found
}

fn closing(inside: &str) -> Option<usize> {
    let mut depth = 1_u32;
    for (at, character) in inside.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// Returns every reference in a serialized model, in document order.
pub fn find(value: &Value) -> Vec<Reference> {
    let mut found = Vec::new();
    walk(value, &mut |text| {
        for piece in pieces(text) {
            if let Piece::Braced(inside) = piece {
                found.extend(Reference::parse(inside));
            }
        }
    });
    found
}

/// Calls `visit` for every text in a JSON value, mapping keys included.
pub fn walk(value: &Value, visit: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(items) => items.iter().for_each(|item| walk(item, visit)),
        Value::Object(map) => map.iter().for_each(|(key, item)| {
            visit(key);
            walk(item, visit);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Fields with texts for people, in which an equal text is not a reference.
const DESCRIBING: [&str; 4] = ["tags", "instance_tags", "description", "comment"];

/// The attribute values that are known so far, by target.
#[derive(Debug, Clone, Default)]
pub struct Known {
    values: BTreeMap<Target, Attributes>,
    identifiers: BTreeMap<String, Vec<(Address, Ties)>>,
}

impl Known {
    /// Adds a resource's attributes. `ties` returns, for an attribute's name, where a text that equals its value is a
    /// reference to the resource.
    pub fn identify(&mut self, address: &Address, attributes: Attributes, ties: impl Fn(&str) -> Ties) {
        for (name, value) in &attributes {
            let owner = (address.clone(), ties(name));
            let owners = self.identifiers.entry(value.clone()).or_default();
            if !owners.contains(&owner) {
                owners.push(owner);
            }
        }
        self.add(Target::Resource(address.clone()), attributes);
    }

    /// Adds attributes of a target. An attribute that is already known is replaced.
    pub fn add(&mut self, target: Target, attributes: Attributes) {
        self.values.entry(target).or_default().extend(attributes);
    }

    /// Returns the known attributes of a target.
    pub fn of(&self, target: &Target) -> Attributes {
        self.values.get(target).cloned().unwrap_or_default()
    }

    /// Replaces each known reference by its value. Unknown references remain.
    pub fn fill(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Some(filled) = self.fill_text(text) {
                    *text = filled;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.fill(item)),
            Value::Object(map) => map.values_mut().for_each(|item| self.fill(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Returns a text with its known references replaced, or `None` if the text contains no `${`.
    pub fn fill_text(&self, text: &str) -> Option<String> {
        if !text.contains("${") {
            return None;
        }
        let mut filled = String::new();
        for piece in pieces(text) {
            match piece {
                Piece::Plain(plain) | Piece::Open(plain) => filled.push_str(plain),
                Piece::Escaped => filled.push_str("$${"),
                Piece::Braced(inside) => match self.lookup(inside) {
                    Some(value) => filled.push_str(value),
                    None => {
                        filled.push_str("${");
                        filled.push_str(inside);
                        filled.push('}');
                    }
                },
            }
        }
        Some(filled)
    }

    fn lookup(&self, inside: &str) -> Option<&String> {
        self.value(&Reference::parse(inside)?)
    }

    /// Returns the value of a reference if it is known.
    pub fn value(&self, reference: &Reference) -> Option<&String> {
        self.values.get(&reference.target)?.get(&reference.attribute)
    }

    /// Returns the resources whose attributes equal a text in this value. Texts in tags and descriptions are ignored.
    pub fn identified_by(&self, value: &Value) -> BTreeSet<Address> {
        let mut owners = BTreeSet::new();
        self.collect_owners("", value, &mut owners);
        owners
    }

    fn collect_owners(&self, field: &str, value: &Value, owners: &mut BTreeSet<Address>) {
        match value {
            Value::String(text) => owners.extend(self.identified(field, text)),
            Value::Array(items) => items.iter().for_each(|item| self.collect_owners(field, item, owners)),
            Value::Object(fields) => {
                for (key, item) in fields.iter().filter(|(key, _)| !DESCRIBING.contains(&key.as_str())) {
                    owners.extend(self.identified("", key));
                    self.collect_owners(key, item, owners);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn identified(&self, field: &str, text: &str) -> impl Iterator<Item = Address> {
        let here = move |ties: &Ties| match ties {
            Ties::Anywhere => true,
            Ties::Fields(fields) => fields.contains(&field),
        };
        let owners = self.identifiers.get(text).into_iter().flatten();
        owners.filter(move |(_, ties)| here(ties)).map(|(address, _)| address.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_text_splits_into_plain_braced_and_escaped_pieces() {
        assert_eq!(
            pieces("a${b}c$${d}${e/${f}.g}"),
            [
                Piece::Plain("a"),
                Piece::Braced("b"),
                Piece::Plain("c"),
                Piece::Escaped,
                Piece::Plain("d}"),
                Piece::Braced("e/${f}.g"),
            ]
        );
        assert_eq!(pieces("x${y"), [Piece::Plain("x"), Piece::Open("${y")]);
    }

    #[test]
    fn a_name_may_contain_dots_and_the_last_part_is_the_attribute() {
        let reference = Reference::parse("route53.private_zone/eu-central-1.dns.id").unwrap();
        assert_eq!(reference.target, Target::Resource(Address::new("route53.private_zone", "eu-central-1.dns")));
        assert_eq!(reference.attribute, "id");
        assert_eq!(reference.text(), "${route53.private_zone/eu-central-1.dns.id}");
    }

    #[test]
    fn iam_policy_variables_are_not_references() {
        assert!(Reference::parse("aws:username").is_none());
        assert!(Reference::parse("aws:PrincipalTag/team.name").is_none());
    }

    #[test]
    fn known_references_are_replaced_and_unknown_ones_remain() {
        let mut known = Known::default();
        known.add(Target::Vpc, Attributes::from([("id".into(), "vpc-1".into())]));
        let mut value = json!({"a": ["x-${vpc.id}", "${ec2.security_group/a.id}", "${aws:username}"]});
        known.fill(&mut value);
        assert_eq!(value, json!({"a": ["x-vpc-1", "${ec2.security_group/a.id}", "${aws:username}"]}));
        assert_eq!(find(&value).len(), 1);
    }
}
