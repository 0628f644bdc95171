// SPDX-License-Identifier: Apache-2.0
//! Prints diagnostics: the code, the message, the source line with a caret, notes and help.

use std::fmt::Write;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use anstyle::{AnsiColor, Style};
use regionctl_core::diagnostic::{Diagnostic, SourceFiles, Span};

use crate::exit::CommandError;
use crate::output::{self, errln};

/// Prints all diagnostics of an error to standard error.
pub fn print(failed: &CommandError) {
    for diagnostic in &failed.diagnostics.0 {
        errln!("{}\n", render(diagnostic, &failed.sources));
    }
}

fn render(diagnostic: &Diagnostic, sources: &SourceFiles) -> String {
    if diagnostic.labels.is_empty() {
        return plain(diagnostic);
    }
    let mut group = Group::with_title(Level::ERROR.primary_title(&diagnostic.message).id(diagnostic.code));
    let mut files: Vec<usize> = diagnostic.labels.iter().map(|(span, _)| span.file).collect();
    files.dedup();
    for file in files {
        let source = sources.get(file);
        let mut snippet = Snippet::source(&*source.text).path(&source.path);
        for (index, (span, label)) in diagnostic.labels.iter().enumerate().filter(|(_, (span, _))| span.file == file) {
            let kind = if index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
            let annotation = kind.span(range(*span, &source.text));
            snippet = snippet.annotation(if label.is_empty() { annotation } else { annotation.label(label) });
        }
        group = group.element(snippet);
    }
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(note));
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(help));
    }
    let renderer = Renderer::styled().decor_style(DecorStyle::Ascii).term_width(output::width_of_stderr());
    renderer.render(&[group])
}

/// Renders a diagnostic that has no position in a spec.
fn plain(diagnostic: &Diagnostic) -> String {
    let red = AnsiColor::BrightRed.on_default().bold();
    let bold = Style::new().bold();
    let Diagnostic { code, message, notes, help, .. } = diagnostic;
    let mut text = format!("{red}error[{code}]{red:#}{bold}: {message}{bold:#}");
    for (word, lines) in [("note", notes), ("help", help)] {
        for line in lines {
            let _ = write!(text, "\n  {bold}{word}{bold:#}: {}", line.replace('\n', "\n        "));
        }
    }
    text
}

/// Returns the bytes to underline: at least one character, and not beyond the end of the line.
fn range(span: Span, text: &str) -> std::ops::Range<usize> {
    let start = span.start.min(text.len());
    let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
    let one = text[start..].chars().next().map_or(0, char::len_utf8);
    let end = (start + span.len.max(one)).min(line_end.max(start + one)).min(text.len());
    start..end
}
