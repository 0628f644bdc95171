//! What went wrong, as a value: a stable code, a sentence, where, and what to do.
//!
//! Diagnostics are made where the fault is found and printed once, by the command line.
//! [`Sources`] keeps the texts of the spec files, so that a position can be shown with its line.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One spec file as it was read.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// The path as the user would write it.
    pub path: String,
    /// The whole text.
    pub text: Arc<str>,
}

/// The spec files of one run, by number.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<SourceFile>,
}

impl Sources {
    /// Adds a file and returns its number.
    pub fn add(&mut self, path: String, text: Arc<str>) -> usize {
        self.files.push(SourceFile { path, text });
        self.files.len() - 1
    }

    /// Returns the file with this number.
    pub fn get(&self, file: usize) -> &SourceFile {
        &self.files[file]
    }

    /// Returns the files in the order they were read.
    pub fn files(&self) -> &[SourceFile] {
        &self.files
    }

    /// Returns the first place at or after `span` where `needle` stands in its file; else `span`.
    ///
    /// Values lose their inner positions when YAML is parsed (block scalars are unindented), so a
    /// fault inside a long text is found again in the file itself.
    pub fn narrow(&self, span: Span, needle: &str) -> Span {
        let text = &self.get(span.file).text;
        let Some(found) = text.get(span.start..).and_then(|rest| rest.find(needle)) else { return span };
        let start = span.start + found;
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let lines = text[..start].matches('\n').count();
        Span {
            file: span.file,
            line: u32::try_from(lines + 1).unwrap_or(u32::MAX),
            column: u32::try_from(text[line_start..start].chars().count() + 1).unwrap_or(u32::MAX),
            start,
            len: needle.len(),
        }
    }

    /// Turns a span into the position that plans and reports carry.
    pub fn position(&self, span: Span) -> Position {
        Position { file: self.get(span.file).path.clone(), line: span.line, column: span.column }
    }
}

/// A stretch of a spec file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The file's number in [`Sources`].
    pub file: usize,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Byte offset of the first character.
    pub start: usize,
    /// Length in bytes; 0 where only the start is known.
    pub len: usize,
}

/// `file:line:column`, as it stands in plans and reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Position {
    /// The spec file's path.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// One fault, with all that a user needs to mend it.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// A stable, searchable word such as `unknown-field`.
    pub code: &'static str,
    /// What is wrong, one sentence without a full stop.
    pub message: String,
    /// Where in the spec; the first label is where the fault is, the others explain it.
    pub labels: Vec<(Span, String)>,
    /// Facts about the fault: the AWS call, the request id.
    pub notes: Vec<String>,
    /// What to do, as exactly as can be said.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// Starts a diagnostic without a position.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), labels: Vec::new(), notes: Vec::new(), help: Vec::new() }
    }

    /// Starts a diagnostic at a place in the spec.
    pub fn at(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self::new(code, message).label(span, "")
    }

    /// Adds a place in the spec with what it has to do with the fault.
    #[must_use]
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push((span, text.into()));
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }
}

/// Several faults found at once. Never empty when returned as an error.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// Adds a fault.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Returns the value, or the faults if there are any.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}
