//! One rule: protocol, ports and one peer. The note is not part of its identity.

use regionctl_core::diff::Keyed;
use regionctl_core::kind::Notes;
use regionctl_core::model::cidr;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use super::text_fault;

/// What a person writes of a rule: exactly one protocol, and who.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleSpec {
    /// A TCP port or range: 5432, 3567-3600.
    tcp: Option<Ports>,
    /// A UDP port or range.
    udp: Option<Ports>,
    /// `ping` or `all` of ICMP.
    icmp: Option<Icmp>,
    /// `ping` or `all` of ICMPv6.
    icmpv6: Option<Icmp>,
    /// `all`: every protocol and port.
    protocol: Option<AllProtocols>,
    /// Who: CIDR blocks, `self`, a group's id, a prefix list's id.
    from: Option<Peers>,
    /// Where to, for egress; takes what `from` takes.
    to: Option<Peers>,
    /// A security group of this spec.
    group: Option<String>,
    /// What the rule is for; AWS calls it the rule's description.
    note: Option<String>,
    /// Why it is meant that the whole internet is let in.
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
                Err(serde::de::Error::custom(format!("the range {text} runs backwards\nwrite {last}-{first}")))
            }
            _ => Err(serde::de::Error::custom(format!(
                "'{text}' is neither a port nor a range of ports\nports are 0 to 65535: 5432, or 3567-3600"
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
            "description": "A port (5432) or a range of ports (3567-3600).",
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

/// A peer as a spec may state it.
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
                f.write_str("a CIDR block or a list of them")
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
            "description": "A CIDR block, `self`, sg-…, pl-… or a reference; or a list of them.",
            "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" }, "minItems": 1 }],
        })
    }
}

/// Who is let through, as a text: a normalised CIDR block, an id or a reference. What AWS answers is kept as it is,
/// also where a spec could not state it.
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

/// Which way a rule lets through.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// In.
    Ingress,
    /// Out.
    Egress,
}

impl Direction {
    /// The spec's field of these rules.
    pub fn field(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }

    /// The word before the peer; in a rule, the field that says who.
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
    /// Which way.
    pub direction: Direction,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, a protocol's number, or `-1` for all.
    pub protocol: String,
    /// The first port, or the ICMP type; none for all protocols.
    pub from_port: Option<i32>,
    /// The last port, or the ICMP code.
    pub to_port: Option<i32>,
    /// Who.
    pub peer: Peer,
    /// AWS's description of the rule.
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
    /// AWS lets everything out of a new group.
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

    /// Brings what AWS answers into one form: all protocols have no ports, and the one code of an echo
    /// request is "any".
    pub fn normalised(mut self) -> Self {
        match (self.protocol.as_str(), self.from_port) {
            ("-1", _) => (self.from_port, self.to_port) = (None, None),
            ("icmp", Some(8)) | ("icmpv6", Some(128)) => self.to_port = Some(-1),
            _ => {}
        }
        self
    }

    /// Protocol and ports, in words.
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

    /// Says what it opens to the whole internet, if it does. Answering a ping gives nothing away.
    pub fn exposure(&self) -> Option<String> {
        (self.peer.is_world() && !self.what().ends_with(" ping")).then(|| format!("opens {} to the world", self.what()))
    }
}

/// Turns the rules of one direction into one rule a peer.
pub fn expand(group: &str, direction: Direction, specs: Vec<RuleSpec>, notes: &mut Notes<'_>) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    for (index, spec) in specs.into_iter().enumerate() {
        let path = format!("{}[{index}]", direction.field());
        for rule in expand_one(group, direction, &path, spec, notes) {
            if rules.iter().any(|earlier| earlier.key() == rule.key()) {
                notes.fault(&path, format!("the rule '{}' stands here twice", rule.key()), "keep one of them");
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
            "a rule has exactly one protocol",
            "write one of tcp: PORT, udp: PORT, icmp: ping, icmpv6: ping, protocol: all",
        );
        return Vec::new();
    };
    if let Some(fault) = note.as_deref().and_then(|note| text_fault("rule", note)) {
        let (message, help) = fault.split_once('\n').unwrap_or((&fault, ""));
        notes.fault(&format!("{path}.note"), message, help);
    }
    let field = direction.preposition();
    let (peers, misplaced) = if direction == Direction::Ingress { (from, to) } else { (to, from) };
    if misplaced.is_some() {
        let direction = direction.field();
        notes.fault(path, format!("a rule of {direction} says who with `{field}`"), format!("rename it to `{field}`"));
    }
    let reference = |name: &str| Peer(format!("${{ec2.security_group/{name}.id}}"));
    let mut peers = peers.map(|peers| peers.0).unwrap_or_default();
    peers.extend(other.as_deref().map(reference));
    if peers.is_empty() {
        let help = format!("say who with `{field}: CIDR` or `group: NAME`; nothing stands for everyone but 0.0.0.0/0");
        notes.fault(path, "a rule without a peer", help);
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
            .normalised()
    }

    #[test]
    fn what_aws_answers_has_the_identity_of_what_was_asked() {
        let asked = rule("icmp", Some(8), Some(-1), "0.0.0.0/0");
        assert_eq!(asked.key(), rule("icmp", Some(8), Some(0), "0.0.0.0/0").key());
        let all = rule("-1", None, None, "10.0.0.0/8");
        assert_eq!(all.key(), rule("-1", Some(-1), Some(-1), "10.0.0.0/8").key());
    }

    #[test]
    fn what_opens_to_the_world_is_said_and_a_ping_is_not() {
        let open = rule("tcp", Some(5432), Some(5432), "::/0");
        assert_eq!(open.exposure().as_deref(), Some("opens tcp 5432 to the world"));
        assert_eq!(rule("icmp", Some(8), Some(-1), "0.0.0.0/0").exposure(), None);
        assert_eq!(rule("tcp", Some(22), Some(22), "198.51.100.0/24").exposure(), None);
    }
}
