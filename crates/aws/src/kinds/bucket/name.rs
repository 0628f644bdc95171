// SPDX-License-Identifier: Apache-2.0
//! Validates bucket names.

/// Checks a name against the S3 User Guide, "Bucket naming rules"
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html>).
///
/// # Errors
/// S3 would reject the name. The second line of the message is the help.
pub fn check(name: &str) -> Result<(), String> {
    let edge = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let bytes = name.as_bytes();
    let allowed = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(byte);
    let reserved = ["xn--", "sthree-", "amzn-s3-demo-"].iter().any(|prefix| name.starts_with(prefix))
        || ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"].iter().any(|suffix| name.ends_with(suffix));
    let why = if !(3..=63).contains(&bytes.len()) {
        format!("its length is {}, expected 3 to 63", bytes.len())
    } else if let Some(byte) = bytes.iter().find(|byte| !allowed(byte)) {
        format!("'{}' is not a lowercase letter, digit, dot or hyphen", char::from(*byte))
    } else if !edge(bytes.first()) || !edge(bytes.last()) {
        "it must start and end with a letter or digit".to_owned()
    } else if name.contains("..") {
        "it has two dots in a row".to_owned()
    } else if name.parse::<std::net::Ipv4Addr>().is_ok() {
        "it has the form of an IP address".to_owned()
    } else if reserved {
        "its prefix or suffix is reserved by AWS".to_owned()
    } else {
        return Ok(());
    };
    Err(format!(
        "'{name}' is not a valid bucket name: {why}\nchoose another name; bucket names are unique across AWS accounts"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_name_is_rejected_with_the_reason() {
        assert!(check("supertokens-saas-eu-central-1").is_ok());
        for (name, why) in [
            ("ab", "3 to 63"),
            ("Bucket_1", "'B' is not a"),
            ("-a-b", "must start and end"),
            ("a..b", "two dots"),
            ("192.168.0.1", "an IP address"),
            ("xn--abc", "reserved"),
            ("abc-s3alias", "reserved"),
        ] {
            let message = check(name).unwrap_err();
            assert!(message.contains(why), "{name}: {message}");
        }
    }
}
