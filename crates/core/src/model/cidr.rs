// SPDX-License-Identifier: Apache-2.0
//! CIDR blocks in the canonical form that EC2 returns: no host bits, IPv6 shortened
//! (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpRange.html>).

use ipnet::IpNet;

/// Parses a block. The error's second line is the help text.
///
/// # Errors
/// The text is not a block, is an address without a prefix length, or has host bits, which EC2 clears silently.
pub fn parse(text: &str) -> Result<IpNet, String> {
    let Ok(block) = text.parse::<IpNet>() else {
        return Err(match text.parse::<std::net::IpAddr>() {
            Ok(address) => {
                let block = IpNet::from(address);
                format!("'{text}' is an address, not a CIDR block\nwrite {block} for this one address")
            }
            Err(_) => format!("'{text}' is not a CIDR block\nwrite a block such as 203.0.113.0/24 or 2001:db8::/32"),
        });
    };
    if block.addr() == block.network() {
        Ok(block)
    } else {
        Err(format!("'{text}' has host bits set\nwrite {} for the block", block.trunc()))
    }
}

/// Returns whether a block is the internet or a large part of it: a prefix shorter than `/8` (IPv4) or `/7` (IPv6). The
/// private ranges `10.0.0.0/8` (RFC 1918) and `fc00::/7` (RFC 4193) are not.
pub fn is_world(block: &IpNet) -> bool {
    match block {
        IpNet::V4(block) => block.prefix_len() < 8,
        IpNet::V6(block) => block.prefix_len() < 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_has_the_correct_block_in_its_help() {
        assert_eq!(parse("198.51.100.0/24").unwrap().to_string(), "198.51.100.0/24");
        assert_eq!(parse("2001:DB8:0:0::/32").unwrap().to_string(), "2001:db8::/32");
        assert!(parse("198.51.100.7").unwrap_err().ends_with("write 198.51.100.7/32 for this one address"));
        assert!(parse("198.51.100.7/24").unwrap_err().ends_with("write 198.51.100.0/24 for the block"));
        let is = |text| is_world(&parse(text).unwrap());
        assert!(is("0.0.0.0/0") && is("0.0.0.0/1") && is("128.0.0.0/1") && is("::/0") && is("2000::/3"));
        assert!(!is("10.0.0.0/8") && !is("fc00::/7"));
        assert!(parse("198.51.100.0/33").is_err() && parse("world").is_err());
    }
}
