// SPDX-License-Identifier: Apache-2.0
//! IP protocols by name and number (<https://www.iana.org/assignments/protocol-numbers/protocol-numbers.xhtml>), in the
//! form that EC2 returns: `tcp`, `udp`, `icmp`, `icmpv6`, a number, or `-1` for all protocols.

/// EC2's value for all protocols.
pub const ALL: &str = "-1";

/// IANA's keywords in lower case. A spec states other protocols by number.
const NAMES: [(u8, &str); 50] = [
    (0, "hopopt"),
    (1, "icmp"),
    (2, "igmp"),
    (3, "ggp"),
    (4, "ipv4"),
    (5, "st"),
    (6, "tcp"),
    (7, "cbt"),
    (8, "egp"),
    (9, "igp"),
    (12, "pup"),
    (17, "udp"),
    (20, "hmp"),
    (22, "xns-idp"),
    (27, "rdp"),
    (29, "iso-tp4"),
    (33, "dccp"),
    (36, "xtp"),
    (37, "ddp"),
    (41, "ipv6"),
    (43, "ipv6-route"),
    (44, "ipv6-frag"),
    (45, "idrp"),
    (46, "rsvp"),
    (47, "gre"),
    (50, "esp"),
    (51, "ah"),
    (57, "skip"),
    (58, "icmpv6"),
    (59, "ipv6-nonxt"),
    (60, "ipv6-opts"),
    (81, "vmtp"),
    (88, "eigrp"),
    (89, "ospf"),
    (94, "ipip"),
    (97, "etherip"),
    (98, "encap"),
    (103, "pim"),
    (108, "ipcomp"),
    (112, "vrrp"),
    (115, "l2tp"),
    (124, "isis"),
    (132, "sctp"),
    (133, "fc"),
    (135, "mobility-header"),
    (136, "udplite"),
    (137, "mpls-in-ip"),
    (138, "manet"),
    (139, "hip"),
    (140, "shim6"),
];

/// Returns EC2's form of a protocol that is given by name, by number or as `-1`; `None` if it is none of these.
pub fn canonical(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    if text == ALL {
        return Some(text);
    }
    let named = NAMES.iter().find(|(_, name)| *name == text).map(|(number, _)| *number);
    let number = named.or_else(|| text.parse::<u8>().ok())?;
    Some(match number {
        1 => "icmp".to_owned(),
        6 => "tcp".to_owned(),
        17 => "udp".to_owned(),
        58 => "icmpv6".to_owned(),
        number => number.to_string(),
    })
}

/// Whether rules of this protocol have ports, or ICMP types and codes. EC2 ignores the ports of other protocols
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html>).
pub fn has_ports(protocol: &str) -> bool {
    matches!(protocol, "tcp" | "udp" | "icmp" | "icmpv6")
}

/// Returns the name of a protocol in EC2's form, or its number if it has no name.
pub fn name(protocol: &str) -> String {
    let number = protocol.parse::<u8>().ok();
    let named = NAMES.iter().find(|(known, _)| Some(*known) == number);
    named.map_or_else(|| protocol.to_owned(), |(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_its_number_are_one_protocol() {
        for (text, form) in [("esp", "50"), ("50", "50"), ("6", "tcp"), ("TCP", "tcp"), ("58", "icmpv6"), ("-1", "-1")]
        {
            assert_eq!(canonical(text).as_deref(), Some(form));
        }
        assert_eq!((name("50").as_str(), name("253").as_str(), name("tcp").as_str()), ("esp", "253", "tcp"));
        assert!(canonical("256").is_none() && canonical("esq").is_none() && canonical("").is_none());
    }
}
