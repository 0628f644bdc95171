// SPDX-License-Identifier: Apache-2.0
//! The kinds and format versions of regionctl's JSON documents. Both are checked before a document is parsed.

use serde::Deserialize;
use serde::de::IgnoredAny;

/// A kind of JSON document that regionctl writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Document {
    /// A plan saved by `plan -o`; the input of `apply`.
    SavedPlan,
    /// A plan printed by `plan --format json`.
    Plan,
    /// A report written by `drift`.
    Report,
    /// A snapshot written by `snapshot`.
    Snapshot,
    /// The state of the embedded AWS emulator.
    Sandbox,
}

impl Document {
    /// Returns the name with its article, for messages: `a saved plan`.
    pub fn name(self) -> &'static str {
        match self {
            Self::SavedPlan => "a saved plan",
            Self::Plan => "a plan printed by `plan --format json`",
            Self::Report => "a report",
            Self::Snapshot => "a snapshot",
            Self::Sandbox => "a sandbox file",
        }
    }
}

/// The reason why a text is not the expected document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WrongDocument {
    /// The text is not JSON, or is truncated. Contains the parser's message.
    #[error("it is not valid JSON: {0}")]
    NotJson(String),
    /// The text is JSON, but another document.
    #[error(
        "{}",
        match found {
            Some(found) => format!("it is {}", found.name()),
            None => "it was not written by regionctl".to_owned(),
        }
    )]
    Other {
        /// The document that was found; `None` if regionctl does not write such documents.
        found: Option<Document>,
    },
    /// The document has the format of another version of regionctl.
    #[error(
        "it has format {found}{}; this version reads format {expected}",
        tool.as_ref().map(|tool| format!(" and was written by {tool}")).unwrap_or_default()
    )]
    Format {
        /// The document's format.
        found: u64,
        /// The format that this version reads.
        expected: u32,
        /// The version of regionctl that wrote it.
        tool: Option<String>,
    },
}

/// The members by which documents are identified; the others are skipped.
#[derive(Deserialize)]
struct Head {
    format: Option<u64>,
    tool: Option<String>,
    seal: Option<IgnoredAny>,
    plan: Option<PlanHead>,
    changes: Option<IgnoredAny>,
    compared: Option<IgnoredAny>,
    regions: Option<IgnoredAny>,
    services: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct PlanHead {
    format: Option<u64>,
    tool: Option<String>,
}

/// Identifies a JSON document by its top-level members. Returns `None` if regionctl does not write such documents.
///
/// # Errors
/// The text is not JSON.
pub fn identify(text: &str) -> Result<Option<Document>, WrongDocument> {
    head(text).map(|(document, ..)| document)
}

/// Checks that a JSON text is a document of this kind and format.
///
/// # Errors
/// See [`WrongDocument`].
pub fn expect(text: &str, wanted: Document, format: u32) -> Result<(), WrongDocument> {
    let (document, found, tool) = head(text)?;
    match found.filter(|_| document == Some(wanted)) {
        Some(found) if found == u64::from(format) => Ok(()),
        Some(found) => Err(WrongDocument::Format { found, expected: format, tool }),
        None => Err(WrongDocument::Other { found: document.filter(|document| *document != wanted) }),
    }
}

/// What a text is, its format, and the version of regionctl that wrote it.
type Identity = (Option<Document>, Option<u64>, Option<String>);

fn head(text: &str) -> Result<Identity, WrongDocument> {
    let parsed: Result<Head, _> = serde_json::from_str(text);
    let head = match parsed {
        Ok(head) => head,
        // A list, a number, or members of other types: valid JSON, but not a document of regionctl.
        Err(error) if error.is_data() => return Ok((None, None, None)),
        Err(error) => {
            let cut_off = if error.is_eof() { "; the file is probably truncated" } else { "" };
            return Err(WrongDocument::NotJson(format!("{error}{cut_off}")));
        }
    };
    Ok(match head {
        Head { seal: Some(_), plan: Some(PlanHead { format, tool }), .. } => (Some(Document::SavedPlan), format, tool),
        Head { services: Some(_), format, tool, .. } => (Some(Document::Sandbox), format, tool),
        Head { changes: Some(_), format, tool, .. } => (Some(Document::Plan), format, tool),
        Head { compared: Some(_), format, tool, .. } => (Some(Document::Report), format, tool),
        Head { regions: Some(_), format, tool, .. } => (Some(Document::Snapshot), format, tool),
        Head { format, tool, .. } => (None, format, tool),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_identified_by_their_members_and_the_format_is_checked_first() {
        assert_eq!(identify(r#"{"seal": {}, "plan": {"format": 1}}"#), Ok(Some(Document::SavedPlan)));
        assert_eq!(identify(r#"{"format": 1, "regions": [], "seals": {}}"#), Ok(Some(Document::Snapshot)));
        assert_eq!(identify("[1]"), Ok(None));
        let report = r#"{"format": 1, "tool": "regionctl 0.1.0", "compared": false, "regions": [{"gaps": []}]}"#;
        assert_eq!(expect(report, Document::Report, 1), Ok(()));
        let message = |result: Result<(), WrongDocument>| result.unwrap_err().to_string();
        assert_eq!(
            message(expect(report, Document::Report, 2)),
            "it has format 1 and was written by regionctl 0.1.0; this version reads format 2"
        );
        assert_eq!(message(expect(report, Document::SavedPlan, 2)), "it is a report");
        assert_eq!(message(expect("{}", Document::Report, 2)), "it was not written by regionctl");
        assert!(message(expect(&report[..30], Document::Report, 2)).ends_with("the file is probably truncated"));
    }
}
