//! Where a kind's `desire` puts the faults and waivers that it finds.

use crate::diagnostic::{Diagnostic, Diagnostics, Sources, Span};
use crate::spec::Waiver;
use crate::spec::tree::Node;

/// Where a kind's `desire` puts faults and waivers, by path within the resource.
pub struct Notes<'a> {
    node: &'a Node,
    sources: &'a Sources,
    /// The spec's region.
    pub region: &'a str,
    /// Whether the resource follows another, so that what is left out comes from there.
    pub follows: bool,
    /// Faults found so far.
    pub faults: Diagnostics,
    /// Waivers stated so far.
    pub waivers: Vec<Waiver>,
}

impl<'a> Notes<'a> {
    /// Starts the notes for the resource that stands at this node.
    pub fn new(node: &'a Node, sources: &'a Sources, region: &'a str, follows: bool) -> Self {
        Self { node, sources, region, follows, faults: Diagnostics::default(), waivers: Vec::new() }
    }

    /// Records that the value at `path` is wrong.
    pub fn fault(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        let span = self.node.locate(path);
        self.faults.push(Diagnostic::at("invalid-value", span, message).help(help));
    }

    /// Records that the value at `path` holds a secret. Its line is named and not shown.
    pub fn fault_of_a_secret(&mut self, path: &str, message: &str, help: &str) {
        let at = self.sources.position(self.node.locate(path));
        let fault = Diagnostic::new("secret-in-spec", message);
        self.faults.push(fault.note(format!("it stands at {at}")).help(help));
    }

    /// Records a fault inside the text at `path`, at the first place where `needle` stands.
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
    /// A block scalar stands in the file with its indentation, which is added back.
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

    /// Records that the risk `key` is meant, for this reason, stated at `path`.
    pub fn waive(&mut self, key: &str, reason: &str, path: &str) {
        let at = self.sources.position(self.node.locate(path));
        self.waivers.push(Waiver { key: key.to_owned(), reason: reason.to_owned(), at });
    }
}
