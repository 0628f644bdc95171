//! The names that S3 takes for a bucket.

/// Says what is wrong with a name (S3 User Guide, "Bucket naming rules").
///
/// # Errors
/// The name is one that S3 refuses.
pub fn check(name: &str) -> Result<(), String> {
    let edge = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let bytes = name.as_bytes();
    let fits = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(byte);
    let reserved = ["xn--", "sthree-", "amzn-s3-demo-"].iter().any(|prefix| name.starts_with(prefix))
        || ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"].iter().any(|suffix| name.ends_with(suffix));
    let why = if !(3..=63).contains(&bytes.len()) {
        format!("it has {} characters, and a bucket's name has 3 to 63", bytes.len())
    } else if let Some(byte) = bytes.iter().find(|byte| !fits(byte)) {
        format!("'{}' is not among the lower-case letters, digits, dots and hyphens it may have", char::from(*byte))
    } else if !edge(bytes.first()) || !edge(bytes.last()) {
        "it starts and ends with a letter or digit".to_owned()
    } else if name.contains("..") {
        "it has two dots in a row".to_owned()
    } else if name.parse::<std::net::Ipv4Addr>().is_ok() {
        "it looks like an address".to_owned()
    } else if reserved {
        "its beginning or end is reserved by AWS".to_owned()
    } else {
        return Ok(());
    };
    Err(format!("S3 does not take '{name}' as a bucket's name: {why}\nchoose another; names are shared by all of AWS"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_s3_refuses_are_refused_with_the_reason() {
        assert!(check("supertokens-saas-eu-central-1").is_ok());
        for (name, why) in [
            ("ab", "3 to 63"),
            ("Bucket_1", "'B' is not among"),
            ("-a-b", "starts and ends"),
            ("a..b", "two dots"),
            ("192.168.0.1", "looks like an address"),
            ("xn--abc", "reserved"),
            ("abc-s3alias", "reserved"),
        ] {
            let message = check(name).unwrap_err();
            assert!(message.contains(why), "{name}: {message}");
        }
    }
}
