// SPDX-License-Identifier: Apache-2.0
//! Diagnostics: a stable code, a message, positions in the spec, notes and help.
//!
//! A diagnostic is created where the fault is found and printed once, by the command line.
//! [`SourceFiles`] keeps the texts of the spec files, so that a position can be printed with its line.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A spec file that was read.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// The path, as given on the command line or derived from an `include`.
    pub path: String,
    /// The full text of the file.
    pub text: Arc<str>,
}

/// The spec files of one run. A file's number is its index in the order of reading.
#[derive(Debug, Clone, Default)]
pub struct SourceFiles {
    files: Vec<SourceFile>,
}

impl SourceFiles {
    /// Adds a file and returns its number.
    pub fn add(&mut self, path: String, text: Arc<str>) -> usize {
        self.files.push(SourceFile { path, text });
        self.files.len() - 1
    }

    /// Returns the file with this number.
    ///
    /// # Panics
    /// If [`Self::add`] did not return this number.
    pub fn get(&self, file: usize) -> &SourceFile {
        &self.files[file]
    }

    /// Returns the files in the order they were read.
    pub fn files(&self) -> &[SourceFile] {
        &self.files
    }

    /// Returns the span of the first occurrence of `needle` at or after `span`, or `span` if there is no occurrence.
    ///
    /// A parsed YAML text has no positions of its own (block scalars are unindented), so the file is searched instead.
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

    /// Converts a span to the position that plans and reports contain.
    pub fn position(&self, span: Span) -> Position {
        Position { file: self.get(span.file).path.clone(), line: span.line, column: span.column }
    }
}

/// A range of characters in a spec file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The file's number in [`SourceFiles`].
    pub file: usize,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Byte offset of the first character.
    pub start: usize,
    /// Length in bytes; 0 if only the start is known.
    pub len: usize,
}

/// A file, line and column of a spec, as plans and reports contain it.
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

/// One error, with what a user needs to fix it.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// A stable error code such as `unknown-field`.
    pub code: &'static str,
    /// What is wrong: one sentence, lower case at the start, no full stop.
    pub message: String,
    /// Positions in the spec. The first label is the position of the fault; the others explain it.
    pub labels: Vec<(Span, String)>,
    /// Facts about the fault, such as the AWS call and the request id.
    pub notes: Vec<String>,
    /// The next steps: an imperative, a command or a correct value.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// Creates a diagnostic without a position.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), labels: Vec::new(), notes: Vec::new(), help: Vec::new() }
    }

    /// Creates a diagnostic at a position in the spec.
    pub fn at(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self::new(code, message).label(span, "")
    }

    /// Adds a position in the spec, with a text that relates it to the fault.
    #[must_use]
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push((span, text.into()));
        self
    }

    /// Adds a fact about the fault, such as the AWS call.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Adds a next step: an imperative, a command or a correct value.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }
}

/// A list of diagnostics. It is not empty when it is returned as an error.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// Adds a diagnostic at the end.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Returns the value, or the diagnostics if there are any.
    ///
    /// # Errors
    /// The list is not empty.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}
