// SPDX-License-Identifier: Apache-2.0
//! Collects the faults and waivers that a kind's `desire` finds.

use crate::diagnostic::{Diagnostic, Diagnostics, SourceFiles, Span};
use crate::spec::Waiver;
use crate::spec::tree::Node;

/// The faults and waivers of one entry. Paths are relative to the entry.
pub struct Notes<'a> {
    node: &'a Node,
    sources: &'a SourceFiles,
    /// The spec's region code.
    pub region: &'a str,
    /// Whether the entry has a source (`like`, `copy`), which supplies the fields that it leaves out.
    pub follows: bool,
    /// Faults found so far.
    pub faults: Diagnostics,
    /// Waivers stated so far.
    pub waivers: Vec<Waiver>,
}

impl<'a> Notes<'a> {
    /// Creates empty notes for the entry at this node.
    pub fn new(node: &'a Node, sources: &'a SourceFiles, region: &'a str, follows: bool) -> Self {
        Self { node, sources, region, follows, faults: Diagnostics::default(), waivers: Vec::new() }
    }

    /// Records a fault of the value at `path`, with the code `invalid-value`.
    pub fn fault(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        let span = self.node.locate(path);
        self.faults.push(Diagnostic::at("invalid-value", span, message).help(help));
    }

    /// Records that the value at `path` contains a secret. The diagnostic has the position but does not show the line.
    pub fn fault_of_a_secret(&mut self, path: &str, message: &str, help: &str) {
        let at = self.sources.position(self.node.locate(path));
        let fault = Diagnostic::new("secret-in-spec", message);
        self.faults.push(fault.note(format!("the value is at {at}")).help(help));
    }

    /// Records a fault at the first occurrence of `needle` in the text at `path`.
    pub fn fault_within(
        &mut self,
        code: &'static str,
        path: &str,
        needle: &str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let span = self.sources.narrow(self.node.locate(path), needle);
        self.faults.push(Diagnostic::at(code, span, message).help(help));
    }

    /// Records a fault at a line and column (from 1) of the text at `path`.
    ///
    /// A block scalar is indented in the file, so the column of the text is added to the column of the scalar.
    pub fn fault_in_text(&mut self, code: &'static str, path: &str, line: usize, column: usize, message: String) {
        let mut span: Span = self.node.locate(path);
        if line > 1 {
            span.line += u32::try_from(line - 1).unwrap_or(0);
            span.column += u32::try_from(column.saturating_sub(1)).unwrap_or(0);
        } else {
            span.column += u32::try_from(column.saturating_sub(1)).unwrap_or(0);
        }
        let text = &self.sources.get(span.file).text;
        span.start = crate::spec::tree::offset_of(text, span.line, span.column);
        span.len = 1;
        self.faults.push(Diagnostic::at(code, span, message));
    }

    /// Records the entry's `waiver` for several rules. `reason` is `None` if the entry has none.
    pub fn waive_all(&mut self, rules: &[&str], reason: Option<&String>) {
        let Some(reason) = reason else { return };
        for rule in rules {
            self.waive(rule, reason, "waiver");
        }
    }

    /// Records a waiver for the risk `key`, with the reason and position of the field at `path`.
    pub fn waive(&mut self, key: &str, reason: &str, path: &str) {
        let at = self.sources.position(self.node.locate(path));
        self.waivers.push(Waiver { key: key.to_owned(), reason: reason.to_owned(), at });
    }
}
