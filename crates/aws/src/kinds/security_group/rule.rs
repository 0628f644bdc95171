// SPDX-License-Identifier: Apache-2.0
//! Security group rules: protocol, ports and one peer each. The note is not part of a rule's identity.

use regionctl_core::diff::Keyed;
use regionctl_core::kind::Notes;
use regionctl_core::model::cidr;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use super::text_fault;

/// A security group rule: exactly one of `tcp`, `udp`, `icmp`, `icmpv6` and `protocol`, and at least one peer (`from`
/// or `to`, `group`). A rule with several peers becomes one EC2 rule per peer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleSpec {
    /// A TCP port or port range, 0 to 65535: 5432, 3567-3600.
    tcp: Option<Ports>,
    /// A UDP port or port range, 0 to 65535.
    udp: Option<Ports>,
    /// ICMP messages: `ping` for echo requests, `all` for every type.
    icmp: Option<Icmp>,
    /// ICMPv6 messages: `ping` for echo requests, `all` for every type.
    icmpv6: Option<Icmp>,
    /// `all`: every protocol and port.
    protocol: Option<AllProtocols>,
    /// The sources of an ingress rule: CIDR blocks, `self` (this group), security group ids or prefix list ids.
    from: Option<Peers>,
    /// The destinations of an egress rule, in the forms of `from`.
    to: Option<Peers>,
    /// A security group of this spec, by name, as a further source or destination.
    group: Option<String>,
    /// The description of the EC2 rule, up to 255 characters.
    note: Option<String>,
    /// The reason why the rule is open to the internet. It waives the risk `ec2-open-to-the-world` of this rule.
    waiver: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Icmp {
    Ping,
    All,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum AllProtocols {
    All,
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
            "description": "A CIDR block, `self` (this group), a security group id (sg-…), a prefix list id (pl-…) or \
                            a reference; or a list of these.",
            "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" }, "minItems": 1 }],
        })
    }
}

/// The source or destination of a rule: a normalized CIDR block, an id or a reference. A live peer is kept as AWS
/// returns it, even if a spec could not contain it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Peer(pub String);

const SELF: &str = "self";

impl Peer {
    fn parse(text: &str) -> Result<Self, String> {
        if text == SELF || text.starts_with("${") || text.starts_with("sg-") || text.starts_with("pl-") {
            return Ok(Self(text.to_owned()));
        }
        cidr::parse(text).map(|block| Self(block.to_string()))
    }

    fn is_world(&self) -> bool {
        cidr::parse(&self.0).is_ok_and(|block| cidr::is_world(&block))
    }
}

/// The direction of the traffic that a rule allows.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Inbound traffic, from the peer to the group's instances.
    Ingress,
    /// Outbound traffic, from the group's instances to the peer.
    Egress,
}

impl Direction {
    /// Returns the name of the spec's field with these rules.
    pub fn field(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }

    /// Returns the preposition before the peer, which is also the rule's field with the peers.
    fn preposition(self) -> &'static str {
        match self {
            Self::Ingress => "from",
            Self::Egress => "to",
        }
    }
}

/// A rule, desired or live.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    /// The list that holds the rule: the group's `ingress` or `egress`.
    pub direction: Direction,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, a protocol number, or `-1` for all protocols.
    pub protocol: String,
    /// The first port, or the ICMP type (-1 for all types). `None` for all protocols.
    pub from_port: Option<i32>,
    /// The last port, or the ICMP code (-1 for all codes). `None` for all protocols.
    pub to_port: Option<i32>,
    /// The source of an ingress rule, the destination of an egress rule.
    pub peer: Peer,
    /// The description of the EC2 rule, up to 255 characters; `None` if it has none.
    pub note: Option<String>,
}

impl Keyed for Rule {
    fn key(&self) -> String {
        format!("{} {} {}", self.what(), self.direction.preposition(), self.peer.0)
    }

    fn detail(&self) -> Option<String> {
        self.note.clone()
    }
}

impl Rule {
    /// Returns the egress rule that EC2 adds to a new group: it allows all outbound IPv4 traffic
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html>).
    pub fn egress_of_a_new_group() -> Vec<Self> {
        vec![Self {
            direction: Direction::Egress,
            protocol: "-1".to_owned(),
            from_port: None,
            to_port: None,
            peer: Peer("0.0.0.0/0".to_owned()),
            note: None,
        }]
    }

    /// Returns the rule in one canonical form: no ports for all protocols, and code -1 for an echo request, which has
    /// only one code.
    pub fn normalized(mut self) -> Self {
        match (self.protocol.as_str(), self.from_port) {
            ("-1", _) => (self.from_port, self.to_port) = (None, None),
            ("icmp", Some(8)) | ("icmpv6", Some(128)) => self.to_port = Some(-1),
            _ => {}
        }
        self
    }

    /// Returns the protocol and ports as text, such as `tcp 443`.
    fn what(&self) -> String {
        match (self.protocol.as_str(), self.from_port, self.to_port) {
            ("-1", ..) => "all traffic".to_owned(),
            ("icmp", Some(8), _) | ("icmpv6", Some(128), _) => format!("{} ping", self.protocol),
            ("icmp" | "icmpv6", Some(-1) | None, _) => format!("{} all", self.protocol),
            (protocol, Some(first), Some(last)) if first == last => format!("{protocol} {first}"),
            (protocol, Some(first), Some(last)) => format!("{protocol} {first}-{last}"),
            (protocol, ..) => format!("{protocol} all"),
        }
    }

    /// Returns what the rule opens to the internet, as a clause; `None` if nothing. A ping is not a risk.
    pub fn exposure(&self) -> Option<String> {
        (self.peer.is_world() && !self.what().ends_with(" ping")).then(|| format!("opens {} to everyone", self.what()))
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
    let icmp_type = |kind, ping| match kind {
        Icmp::Ping => (Some(ping), Some(-1)),
        Icmp::All => (Some(-1), Some(-1)),
    };
    let mut protocols = [
        tcp.map(|it| ("tcp", ports(it))),
        udp.map(|it| ("udp", ports(it))),
        icmp.map(|it| ("icmp", icmp_type(it, 8))),
        icmpv6.map(|it| ("icmpv6", icmp_type(it, 128))),
        protocol.map(|AllProtocols::All| ("-1", (None, None))),
    ]
    .into_iter()
    .flatten();
    let (Some((protocol, (from_port, to_port))), None) = (protocols.next(), protocols.next()) else {
        notes.fault(
            path,
            "a rule must have exactly one protocol",
            "set one of `tcp: PORT`, `udp: PORT`, `icmp: ping`, `icmpv6: ping`, `protocol: all`",
        );
        return Vec::new();
    };
    if let Some(fault) = note.as_deref().and_then(|note| text_fault("rule description", note)) {
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
        protocol: protocol.to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(protocol: &str, from_port: Option<i32>, to_port: Option<i32>, peer: &str) -> Rule {
        let direction = Direction::Ingress;
        Rule { direction, protocol: protocol.into(), from_port, to_port, peer: Peer(peer.into()), note: None }
            .normalized()
    }

    #[test]
    fn a_rule_as_ec2_returns_it_has_the_key_of_the_desired_rule() {
        let desired = rule("icmp", Some(8), Some(-1), "0.0.0.0/0");
        assert_eq!(desired.key(), rule("icmp", Some(8), Some(0), "0.0.0.0/0").key());
        let all = rule("-1", None, None, "10.0.0.0/8");
        assert_eq!(all.key(), rule("-1", Some(-1), Some(-1), "10.0.0.0/8").key());
    }

    #[test]
    fn a_rule_open_to_the_internet_is_a_risk_and_a_ping_is_not() {
        let open = rule("tcp", Some(5432), Some(5432), "::/0");
        assert_eq!(open.exposure().as_deref(), Some("opens tcp 5432 to everyone"));
        assert_eq!(rule("icmp", Some(8), Some(-1), "0.0.0.0/0").exposure(), None);
        assert_eq!(rule("tcp", Some(22), Some(22), "198.51.100.0/24").exposure(), None);
    }
}
