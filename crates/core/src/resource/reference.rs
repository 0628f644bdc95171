//! References between resources: `${kind/name.attribute}` inside any text of a spec, and the values
//! that other resources give out.
//!
//! A reference is plain text in a serialised model, so the engine finds it by walking JSON; no kind
//! declares what it depends on. `${aws:username}` and the like (a colon before any slash) are IAM
//! policy variables and stay as they are.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::address::Address;

/// Values that a resource gives to others, by attribute name: `arn`, `id`, `name`.
pub type Outputs = BTreeMap<String, String>;

/// Where a text that equals an output is a reference to the resource that gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ties {
    /// Everywhere but in tags and descriptions: an ARN or an id belongs to one resource.
    Anywhere,
    /// In the fields of these names: another resource's field may hold the same plain name and mean something else.
    Fields(&'static [&'static str]),
}

/// Something that a reference can point at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// The region's VPC, which specs select and regionctl never makes.
    Vpc,
    /// The resource that a `for_each` is at.
    Each,
    /// A resource of the spec.
    Resource(Address),
}

/// A parsed `${…}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// What is pointed at.
    pub target: Target,
    /// Which of its values.
    pub attribute: String,
}

impl Reference {
    /// Parses the inside of `${…}`; `None` when it is not a reference (a variable, or IAM's own).
    pub fn parse(inside: &str) -> Option<Self> {
        let (target, attribute) = inside.rsplit_once('.')?;
        let target = match target {
            "vpc" => Target::Vpc,
            "each" => Target::Each,
            address => Target::Resource(address.parse().ok()?),
        };
        Some(Self { target, attribute: attribute.to_owned() })
    }

    /// Writes the reference as a spec would.
    pub fn text(&self) -> String {
        match &self.target {
            Target::Vpc => format!("${{vpc.{}}}", self.attribute),
            Target::Each => format!("${{each.{}}}", self.attribute),
            Target::Resource(address) => format!("${{{address}.{}}}", self.attribute),
        }
    }
}

/// A piece of a text: plain, or the inside of `${…}`.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Characters that stand for themselves.
    Plain(&'a str),
    /// What stands between `${` and its `}`; inner `${…}` included.
    Braced(&'a str),
    /// `$${`, which stands for a literal `${`.
    Escaped,
    /// `${` without its `}`.
    Open(&'a str),
}

/// Splits a text at its `${…}`.
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

/// Returns every reference in a serialised model, in reading order.
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

/// Fields whose texts are for people.
const DESCRIBING: [&str; 4] = ["tags", "instance_tags", "description", "comment"];

/// The values known so far, by what gives them.
#[derive(Debug, Clone, Default)]
pub struct Known {
    values: BTreeMap<Target, Outputs>,
    givers: BTreeMap<String, Vec<(Address, Ties)>>,
}

impl Known {
    /// Adds a resource's values. A text that equals one of them is a reference to it where `ties` of the output's name
    /// says so.
    pub fn identify(&mut self, address: &Address, outputs: Outputs, ties: impl Fn(&str) -> Ties) {
        for (name, value) in &outputs {
            let giver = (address.clone(), ties(name));
            let givers = self.givers.entry(value.clone()).or_default();
            if !givers.contains(&giver) {
                givers.push(giver);
            }
        }
        self.add(Target::Resource(address.clone()), outputs);
    }

    /// Adds values; what was known of the same attribute is replaced.
    pub fn add(&mut self, target: Target, outputs: Outputs) {
        self.values.entry(target).or_default().extend(outputs);
    }

    /// Returns all values of one target.
    pub fn of(&self, target: &Target) -> Outputs {
        self.values.get(target).cloned().unwrap_or_default()
    }

    /// Replaces each known reference by its value; unknown ones stay as text.
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

    /// Returns a text with its known references filled in; `None` where it holds no reference at all.
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

    /// Returns the value that a reference stands for, where it is known.
    pub fn value(&self, reference: &Reference) -> Option<&String> {
        self.values.get(&reference.target)?.get(&reference.attribute)
    }

    /// Returns the resources that a text of this value identifies as a whole. Tags and descriptions identify nothing.
    pub fn givers(&self, value: &Value) -> BTreeSet<Address> {
        let mut givers = BTreeSet::new();
        self.collect_givers("", value, &mut givers);
        givers
    }

    fn collect_givers(&self, field: &str, value: &Value, givers: &mut BTreeSet<Address>) {
        match value {
            Value::String(text) => givers.extend(self.identified(field, text)),
            Value::Array(items) => items.iter().for_each(|item| self.collect_givers(field, item, givers)),
            Value::Object(fields) => {
                for (key, item) in fields.iter().filter(|(key, _)| !DESCRIBING.contains(&key.as_str())) {
                    givers.extend(self.identified("", key));
                    self.collect_givers(key, item, givers);
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
        let givers = self.givers.get(text).into_iter().flatten();
        givers.filter(move |(_, ties)| here(ties)).map(|(address, _)| address.clone())
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
    fn a_name_may_hold_dots_and_the_last_part_is_the_attribute() {
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
    fn known_references_are_filled_and_unknown_ones_stay() {
        let mut known = Known::default();
        known.add(Target::Vpc, Outputs::from([("id".into(), "vpc-1".into())]));
        let mut value = json!({"a": ["x-${vpc.id}", "${ec2.security_group/a.id}", "${aws:username}"]});
        known.fill(&mut value);
        assert_eq!(value, json!({"a": ["x-vpc-1", "${ec2.security_group/a.id}", "${aws:username}"]}));
        assert_eq!(find(&value).len(), 1);
    }
}
