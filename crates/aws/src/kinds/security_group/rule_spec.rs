// SPDX-License-Identifier: Apache-2.0
//! How a spec states the rules of a security group, and how a rule is written as a spec.

use std::borrow::Cow;

use regionctl_core::diff::Keyed;
use regionctl_core::kind::Notes;
use regionctl_core::resource::setting::Setting;
use regionctl_core::spec::write;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::rule::{Direction, Peer, Rule, SELF};
use super::{protocol, text_fault};

/// A security group rule: exactly one of `tcp`, `udp`, `icmp`, `icmpv6` and `protocol`, and at least one peer (`from`
/// or `to`, `group`). A rule with several peers becomes one EC2 rule per peer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleSpec {
    /// A TCP port or port range, 0 to 65535: 5432, 3567-3600.
    tcp: Option<Ports>,
    /// A UDP port or port range, 0 to 65535.
    udp: Option<Ports>,
    /// ICMP messages: `ping` for echo requests, `all` for every type, a type such as `3`, or a type and a code such as
    /// `3/4`.
    icmp: Option<Messages>,
    /// ICMPv6 messages: `ping` for echo requests, `all` for every type, a type such as `1`, or a type and a code such
    /// as `1/4`.
    icmpv6: Option<Messages>,
    /// `all`: every protocol and port. Or another IP protocol by its IANA name or number: `esp`, `50`. EC2 then allows
    /// all ports.
    protocol: Option<Protocol>,
    /// The sources of an ingress rule: CIDR blocks, `self` (this group), security group ids, prefix list ids, or
    /// security groups of other accounts in peered VPCs (`ACCOUNT/sg-…`).
    from: Option<Peers>,
    /// The destinations of an egress rule, in the forms of `from`.
    to: Option<Peers>,
    /// A security group of this spec, by name, as a further source or destination.
    group: Option<String>,
    /// The description of the EC2 rule, up to 255 characters. `unset` removes it.
    #[serde(default)]
    note: Setting<String>,
    /// The reason why the rule is open to the internet. It waives the risk `ec2-open-to-the-world` of this rule.
    waiver: Option<String>,
}

/// ICMP messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Messages {
    Ping,
    All,
    /// A type, and a code or -1 for all codes.
    Type(i32, i32),
}

impl Messages {
    /// Returns the type and the code; `ping` is the type of an echo request.
    fn range(self, ping: i32) -> (Option<i32>, Option<i32>) {
        match self {
            Self::Ping => (Some(ping), Some(-1)),
            Self::All => (Some(-1), Some(-1)),
            Self::Type(kind, code) => (Some(kind), Some(code)),
        }
    }
}

impl<'de> Deserialize<'de> for Messages {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = |text: &str| text.parse::<u8>().ok().map(i32::from);
        let (kind, code) = text.split_once('/').map_or((text.as_str(), None), |(kind, code)| (kind, Some(code)));
        match (text.as_str(), number(kind), code.map(number)) {
            ("ping", ..) => Ok(Self::Ping),
            ("all", ..) => Ok(Self::All),
            (_, Some(kind), None) => Ok(Self::Type(kind, -1)),
            (_, Some(kind), Some(Some(code))) => Ok(Self::Type(kind, code)),
            _ => Err(serde::de::Error::custom(format!(
                "'{text}' is not an ICMP type\nuse `ping`, `all`, a type from 0 to 255 such as 3, or a type and a code \
                 such as 3/4"
            ))),
        }
    }
}

impl JsonSchema for Messages {
    fn schema_name() -> Cow<'static, str> {
        "IcmpMessages".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "`ping` (echo requests), `all`, an ICMP type (3), or a type and a code (3/4).",
            "anyOf": [
                { "type": "integer", "minimum": 0, "maximum": 255 },
                { "type": "string", "pattern": r"^(ping|all|\d+(/\d+)?)$" },
            ],
        })
    }
}

/// All protocols, or one without ports, in EC2's form.
#[derive(Debug)]
struct Protocol(String);

impl<'de> Deserialize<'de> for Protocol {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let stated = if text == "all" { protocol::ALL } else { text.as_str() };
        match protocol::canonical(stated) {
            Some(known) if protocol::has_ports(&known) => {
                let example = if known.starts_with("icmp") { "all" } else { "443" };
                let message =
                    format!("rules of the protocol '{text}' have a field of their own\nwrite `{known}: {example}`");
                Err(serde::de::Error::custom(message))
            }
            Some(known) => Ok(Self(known)),
            None => Err(serde::de::Error::custom(format!(
                "'{text}' is not an IP protocol\nuse `all`, an IANA name such as esp, or a number from 0 to 255"
            ))),
        }
    }
}

impl JsonSchema for Protocol {
    fn schema_name() -> Cow<'static, str> {
        "IpProtocol".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "`all`, or an IP protocol by its IANA name (esp) or number (50).",
            "anyOf": [{ "type": "integer", "minimum": 0, "maximum": 255 }, { "type": "string" }],
        })
    }
}

/// A port or a range of ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ports(i32, i32);

impl<'de> Deserialize<'de> for Ports {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (first, last) = text.split_once('-').unwrap_or((&text, &text));
        let port = |text: &str| text.trim().parse::<u16>().ok().map(i32::from);
        match (port(first), port(last)) {
            (Some(first), Some(last)) if first <= last => Ok(Self(first, last)),
            (Some(first), Some(last)) => {
                Err(serde::de::Error::custom(format!("the port range '{text}' is reversed\nwrite {last}-{first}")))
            }
            _ => Err(serde::de::Error::custom(format!(
                "'{text}' is not a port or a port range\nuse ports from 0 to 65535, such as 5432 or 3567-3600"
            ))),
        }
    }
}

impl JsonSchema for Ports {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Ports".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A port (5432) or a port range (3567-3600).",
            "anyOf": [
                { "type": "integer", "minimum": 0, "maximum": 65535 },
                { "type": "string", "pattern": r"^\d+(-\d+)?$" },
            ],
        })
    }
}

/// One peer or several.
#[derive(Debug)]
struct Peers(Vec<Peer>);

/// A peer in a form that a spec accepts.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct StatedPeer(Peer);

impl TryFrom<String> for StatedPeer {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Peer::parse(&text).map(Self)
    }
}

impl<'de> Deserialize<'de> for Peers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> serde::de::Visitor<'de> for OneOrMany {
            type Value = Peers;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a CIDR block or a list of CIDR blocks")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Peers, E> {
                Ok(Peers(vec![Peer::parse(text).map_err(E::custom)?]))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Peers, A::Error> {
                let mut peers = Vec::new();
                while let Some(StatedPeer(peer)) = items.next_element()? {
                    peers.push(peer);
                }
                Ok(Peers(peers))
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}

impl JsonSchema for Peers {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Peers".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A CIDR block, `self` (this group), a security group id (sg-…; of another account \
                            ACCOUNT/sg-…), a prefix list id (pl-…) or a reference; or a list of these.",
            "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" }, "minItems": 1 }],
        })
    }
}

/// Expands the rules of one direction into one rule per peer, sorted; faults go into the notes.
pub fn expand(group: &str, direction: Direction, specs: Vec<RuleSpec>, notes: &mut Notes<'_>) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    for (index, spec) in specs.into_iter().enumerate() {
        let path = format!("{}[{index}]", direction.field());
        for rule in expand_one(group, direction, &path, spec, notes) {
            if rules.iter().any(|earlier| earlier.key() == rule.key()) {
                notes.fault(&path, format!("the rule '{}' is listed twice", rule.key()), "remove one of them");
            } else {
                rules.push(rule);
            }
        }
    }
    rules.sort();
    rules
}

fn expand_one(group: &str, direction: Direction, path: &str, spec: RuleSpec, notes: &mut Notes<'_>) -> Vec<Rule> {
    let RuleSpec { tcp, udp, icmp, icmpv6, protocol, from, to, group: other, note, waiver } = spec;
    let ports = |Ports(first, last)| (Some(first), Some(last));
    let mut protocols = [
        tcp.map(|it| ("tcp".to_owned(), ports(it))),
        udp.map(|it| ("udp".to_owned(), ports(it))),
        icmp.map(|it| ("icmp".to_owned(), it.range(8))),
        icmpv6.map(|it| ("icmpv6".to_owned(), it.range(128))),
        protocol.map(|Protocol(name)| (name, (None, None))),
    ]
    .into_iter()
    .flatten();
    let (Some((protocol, (from_port, to_port))), None) = (protocols.next(), protocols.next()) else {
        notes.fault(
            path,
            "a rule must have exactly one protocol",
            "set one of `tcp: PORT`, `udp: PORT`, `icmp: ping`, `icmpv6: ping`, `protocol: esp`, `protocol: all`",
        );
        return Vec::new();
    };
    if let Some(fault) = note.value().and_then(|note| text_fault("rule description", note)) {
        let (message, help) = fault.split_once('\n').unwrap_or((&fault, ""));
        notes.fault(&format!("{path}.note"), message, help);
    }
    let field = direction.preposition();
    let (peers, misplaced) = if direction == Direction::Ingress { (from, to) } else { (to, from) };
    if misplaced.is_some() {
        let (wrong, direction) = (if field == "from" { "to" } else { "from" }, direction.field());
        let message = format!("the field `{wrong}` is not allowed in an {direction} rule");
        notes.fault(path, message, format!("rename it to `{field}`"));
    }
    let reference = |name: &str| Peer(format!("${{ec2.security_group/{name}.id}}"));
    let mut peers = peers.map(|peers| peers.0).unwrap_or_default();
    peers.extend(other.as_deref().map(reference));
    if peers.is_empty() {
        let help = format!("set `{field}: CIDR` or `group: NAME`; for all IPv4 addresses, `{field}: 0.0.0.0/0`");
        notes.fault(path, format!("the rule has no `{field}` and no `group`"), help);
    }
    let rule = |peer: Peer| Rule {
        direction,
        protocol: protocol.clone(),
        from_port,
        to_port,
        peer: if peer.0 == SELF { reference(group) } else { peer },
        note: note.clone(),
    };
    let rules: Vec<Rule> = peers.into_iter().map(rule).collect();
    if let Some(reason) = waiver {
        for rule in &rules {
            notes.waive(&rule.key(), &reason, &format!("{path}.waiver"));
        }
    }
    rules
}

/// Writes a rule in spec form.
pub fn written(rule: &Rule) -> Value {
    let Rule { direction, protocol, from_port, to_port, peer, note } = rule;
    let (first, last) = (from_port.unwrap_or(-1), to_port.unwrap_or(-1));
    let ping = if protocol == "icmp" { 8 } else { 128 };
    let (field, value) = match (protocol.as_str(), first, last) {
        (protocol::ALL, ..) => ("protocol", Value::from("all")),
        ("icmp" | "icmpv6", -1, _) => (protocol.as_str(), Value::from("all")),
        ("icmp" | "icmpv6", kind, -1) if kind == ping => (protocol.as_str(), Value::from("ping")),
        ("icmp" | "icmpv6", kind, -1) => (protocol.as_str(), Value::from(kind)),
        ("icmp" | "icmpv6", kind, code) => (protocol.as_str(), Value::from(format!("{kind}/{code}"))),
        ("tcp" | "udp", first, last) if first == last => (protocol.as_str(), Value::from(first)),
        ("tcp" | "udp", first, last) => (protocol.as_str(), Value::from(format!("{first}-{last}"))),
        (other, ..) => ("protocol", Value::from(protocol::name(other))),
    };
    let mut fields = Map::new();
    fields.insert(field.to_owned(), value);
    fields.insert(direction.preposition().to_owned(), Value::from(peer.0.as_str()));
    write::setting("note", note, &mut fields);
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use regionctl_core::spec::decode::decode;
    use regionctl_core::spec::tree::parse;

    use super::*;

    fn spec(yaml: &str) -> Result<RuleSpec, String> {
        decode(&parse(yaml, 0).unwrap()).map_err(|fault| fault.message)
    }

    #[test]
    fn icmp_messages_are_words_types_or_types_with_codes() {
        let icmp = |text: &str| spec(&format!("icmp: {text}\n")).map(|rule| rule.icmp.unwrap());
        assert_eq!(icmp("ping"), Ok(Messages::Ping));
        assert_eq!(icmp("15"), Ok(Messages::Type(15, -1)));
        assert_eq!(icmp("3/4"), Ok(Messages::Type(3, 4)));
        for wrong in ["256", "3/", "pong", "3/4/5", "-1"] {
            assert!(icmp(wrong).unwrap_err().contains("is not an ICMP type"), "{wrong}");
        }
    }

    #[test]
    fn a_protocol_is_a_name_or_a_number_without_ports() {
        let protocol = |text: &str| spec(&format!("protocol: {text}\n")).map(|rule| rule.protocol.unwrap().0);
        assert_eq!(protocol("all").as_deref(), Ok("-1"));
        assert_eq!((protocol("esp").as_deref(), protocol("50").as_deref()), (Ok("50"), Ok("50")));
        assert!(protocol("tcp").unwrap_err().contains("field of their own"));
        assert!(protocol("256").unwrap_err().contains("is not an IP protocol"));
    }

    #[test]
    fn a_peer_of_another_account_has_twelve_digits() {
        assert!(spec("from: 123456789012/sg-1\n").is_ok());
        assert!(spec("from: 12345/sg-1\n").unwrap_err().contains("another account"));
    }
}
