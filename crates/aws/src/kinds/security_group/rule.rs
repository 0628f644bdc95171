// SPDX-License-Identifier: Apache-2.0
//! Security group rules, desired or live: protocol, ports and one peer each. The note is not part of a rule's identity.
//! How a spec states them is in `rule_spec.rs`.

use regionctl_core::diff::Keyed;
use regionctl_core::model::cidr;
use regionctl_core::resource::setting::Setting;
use serde::{Deserialize, Serialize};

use super::protocol;

/// The source or destination of a rule: a normalized CIDR block, an id (`sg-…`, `pl-…`), a group of another account
/// (`ACCOUNT/sg-…`) or a reference. A live peer is kept as AWS returns it, even if a spec could not contain it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Peer(pub String);

/// The word in a spec for the group itself.
pub const SELF: &str = "self";

impl Peer {
    /// Parses a peer of a spec. The error's second line is the help text.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == SELF || text.starts_with("${") || text.starts_with("sg-") || text.starts_with("pl-") {
            return Ok(Self(text.to_owned()));
        }
        if let Some((account, group)) = text.split_once("/sg-") {
            let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
            return if is_account && !group.is_empty() {
                Ok(Self(text.to_owned()))
            } else {
                let help = "write the account's twelve digits and the group's id, such as 123456789012/sg-0a1b2c3d";
                Err(format!("'{text}' is not a security group of another account\n{help}"))
            };
        }
        cidr::parse(text).map(|block| Self(block.to_string()))
    }

    /// Returns the account and the id of a security group. The account is `None` if it is the group's own.
    pub fn group(&self) -> Option<(Option<&str>, &str)> {
        let (account, id) = self.0.split_once('/').map_or((None, self.0.as_str()), |(owner, id)| (Some(owner), id));
        id.starts_with("sg-").then_some((account, id))
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
    pub fn preposition(self) -> &'static str {
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
    /// The first port, or the ICMP type (-1 for all types). `None` for protocols without ports.
    pub from_port: Option<i32>,
    /// The last port, or the ICMP code (-1 for all codes). `None` for protocols without ports.
    pub to_port: Option<i32>,
    /// The source of an ingress rule, the destination of an egress rule.
    pub peer: Peer,
    /// The description of the EC2 rule, up to 255 characters. Unset: it has none.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub note: Setting<String>,
}

impl Keyed for Rule {
    fn key(&self) -> String {
        format!("{} {} {}", self.what(), self.direction.preposition(), self.peer.0)
    }

    fn detail(&self) -> Option<String> {
        match &self.note {
            Setting::Set(note) => Some(note.clone()),
            Setting::Unset => Some(String::new()),
            Setting::Unstated => None,
        }
    }
}

impl Rule {
    /// Returns an egress rule that allows all traffic to this CIDR block. EC2 adds one to a new group for `0.0.0.0/0`,
    /// and in a VPC with an IPv6 block another one for `::/0`
    /// (<https://docs.aws.amazon.com/vpc/latest/userguide/default-custom-security-groups.html>).
    pub fn all_egress_to(block: &str) -> Self {
        Self {
            direction: Direction::Egress,
            protocol: protocol::ALL.to_owned(),
            from_port: None,
            to_port: None,
            peer: Peer(block.to_owned()),
            note: Setting::Unset,
        }
    }

    /// Returns a live rule in one canonical form: no ports for protocols without ports, and -1 for all ICMP types or
    /// codes.
    pub fn normalized(mut self) -> Self {
        match self.protocol.as_str() {
            "tcp" | "udp" => {}
            "icmp" | "icmpv6" => {
                self.from_port = Some(self.from_port.unwrap_or(-1));
                let code = if self.from_port == Some(-1) { -1 } else { self.to_port.unwrap_or(-1) };
                self.to_port = Some(code);
            }
            _ => (self.from_port, self.to_port) = (None, None),
        }
        self
    }

    /// Whether the rule is an echo request. Its only code is 0, so -1 (all codes) is the same.
    fn is_ping(&self) -> bool {
        let kind = if self.protocol == "icmp" { 8 } else { 128 };
        self.protocol.starts_with("icmp") && self.from_port == Some(kind) && matches!(self.to_port, Some(-1 | 0))
    }

    /// Returns the protocol and ports as text, such as `tcp 443`.
    fn what(&self) -> String {
        let protocol = self.protocol.as_str();
        match (protocol, self.from_port, self.to_port) {
            (protocol::ALL, ..) => "all traffic".to_owned(),
            ("icmp" | "icmpv6", _, Some(-1)) if self.is_ping() => format!("{protocol} ping"),
            ("icmp" | "icmpv6", Some(-1) | None, _) => format!("{protocol} all"),
            ("icmp" | "icmpv6", Some(kind), Some(-1) | None) => format!("{protocol} type {kind}"),
            ("icmp" | "icmpv6", Some(kind), Some(code)) => format!("{protocol} type {kind} code {code}"),
            (_, Some(first), Some(last)) if first == last => format!("{protocol} {first}"),
            (_, Some(first), Some(last)) => format!("{protocol} {first}-{last}"),
            _ => format!("protocol {}", protocol::name(protocol)),
        }
    }

    /// Returns what the rule opens to the internet, as a clause; `None` if nothing. A ping is not a risk.
    pub fn exposure(&self) -> Option<String> {
        (self.peer.is_world() && !self.is_ping()).then(|| format!("opens {} to everyone", self.what()))
    }

    /// Returns the key of the traffic that the rule allows. Rules that EC2 stores in two forms have one: an echo
    /// request with code 0 or -1, and a group of another account with or without that account.
    fn traffic(&self) -> String {
        let mut rule = self.clone();
        if self.is_ping() {
            rule.to_port = Some(-1);
        }
        if let Some((_, id)) = self.peer.group() {
            rule.peer = Peer(id.to_owned());
        }
        rule.key()
    }
}

/// Returns the desired rules, each in the form of the live rule that allows the same traffic, if there is one: EC2
/// would keep both forms as two rules.
pub fn in_live_form(want: &[Rule], live: &[Rule]) -> Vec<Rule> {
    let has = |rules: &[Rule], rule: &Rule| rules.iter().any(|other| other.key() == rule.key());
    let same = |rule: &Rule| {
        let fits = |other: &&Rule| other.traffic() == rule.traffic() && !has(want, other);
        live.iter().find(fits).filter(|_| !has(live, rule))
    };
    let form = |rule: &Rule| same(rule).map(|other| Rule { note: rule.note.clone(), ..other.clone() });
    want.iter().map(|rule| form(rule).unwrap_or_else(|| rule.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(protocol: &str, from_port: Option<i32>, to_port: Option<i32>, peer: &str) -> Rule {
        let (direction, note) = (Direction::Ingress, Setting::Unset);
        Rule { direction, protocol: protocol.into(), from_port, to_port, peer: Peer(peer.into()), note }.normalized()
    }

    #[test]
    fn a_rule_as_ec2_returns_it_has_the_key_of_the_desired_rule() {
        let all = rule("-1", None, None, "10.0.0.0/8");
        assert_eq!(all.key(), rule("-1", Some(-1), Some(-1), "10.0.0.0/8").key());
        assert_eq!(rule("50", Some(0), Some(0), "10.0.0.0/8"), rule("50", None, None, "10.0.0.0/8"));
        assert_eq!(rule("icmp", Some(-1), Some(0), "10.0.0.0/8"), rule("icmp", None, None, "10.0.0.0/8"));
    }

    #[test]
    fn each_icmp_type_and_protocol_has_a_key_of_its_own() {
        let key = |protocol: &str, from_port, to_port| rule(protocol, from_port, to_port, "10.0.0.0/8").key();
        assert_eq!(key("icmp", Some(3), Some(4)), "icmp type 3 code 4 from 10.0.0.0/8");
        assert_eq!(key("icmp", Some(15), Some(-1)), "icmp type 15 from 10.0.0.0/8");
        assert_eq!(key("icmp", Some(8), Some(-1)), "icmp ping from 10.0.0.0/8");
        assert_eq!(key("icmpv6", Some(-1), Some(-1)), "icmpv6 all from 10.0.0.0/8");
        assert_eq!(key("50", None, None), "protocol esp from 10.0.0.0/8");
    }

    #[test]
    fn two_forms_of_the_same_traffic_are_one_rule() {
        let want = [rule("icmp", Some(8), Some(-1), "10.0.0.0/8"), rule("tcp", Some(1), Some(1), "sg-1")];
        let live = [rule("icmp", Some(8), Some(0), "10.0.0.0/8"), rule("tcp", Some(1), Some(1), "123456789012/sg-1")];
        assert_eq!(in_live_form(&want, &live), live);
        let both = [live[0].clone(), want[0].clone()];
        assert_eq!(in_live_form(&want, &both), want);
    }

    #[test]
    fn a_rule_open_to_the_internet_is_a_risk_and_a_ping_is_not() {
        let open = rule("tcp", Some(5432), Some(5432), "::/0");
        assert_eq!(open.exposure().as_deref(), Some("opens tcp 5432 to everyone"));
        assert_eq!(rule("icmp", Some(8), Some(0), "0.0.0.0/0").exposure(), None);
        assert!(rule("icmp", Some(13), Some(-1), "0.0.0.0/0").exposure().is_some());
        assert_eq!(rule("tcp", Some(22), Some(22), "198.51.100.0/24").exposure(), None);
    }
}
