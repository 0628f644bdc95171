//! Tags as each service's SDK has them, to and from the one canonical form.

use regionctl_core::model::tags::{Tags, is_aws};

/// Collects tags that a service answered with, AWS's own left out.
pub fn collect<'a>(tags: impl Iterator<Item = (Option<&'a str>, Option<&'a str>)>) -> Tags {
    tags.filter_map(|(key, value)| Some((key?.to_owned(), value.unwrap_or_default().to_owned())))
        .filter(|(key, _)| !is_aws(key))
        .collect()
}
