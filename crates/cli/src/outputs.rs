// SPDX-License-Identifier: Apache-2.0
//! Writes a report to standard output in one format, and to files in others. Files are written atomically, and checked
//! before AWS is read.

use std::io::Write;
use std::path::{Path, PathBuf};

use regionctl_core::diagnostic::{Diagnostic, Diagnostics};
use regionctl_core::format::{self, Document};
use regionctl_core::render::report::{annotations, html, junit, markdown, sarif, slack, text};
use regionctl_core::report::{FORMAT, Report};

use crate::args::{OutputTo, Rendering, ReportFormat};
use crate::exit::CommandError;
use crate::files;
use crate::output;

/// The destinations of a report.
pub struct ReportOutputs {
    stdout: ReportFormat,
    files: Vec<(ReportFormat, File)>,
}

enum File {
    /// A regular file, replaced atomically.
    Whole(PathBuf),
    /// A pipe or a device, written to directly.
    Stream(PathBuf),
}

impl ReportOutputs {
    /// Checks every destination without creating a file.
    ///
    /// # Errors
    /// One diagnostic per file that cannot be written.
    pub fn open(rendering: &Rendering) -> Result<Self, CommandError> {
        let mut faults = Diagnostics::default();
        let mut files = Vec::new();
        for OutputTo { format, path } in &rendering.output {
            match File::open(path) {
                Ok(file) => files.push((*format, file)),
                Err(error) => faults.push(unwritable(path, &error)),
            }
        }
        faults.or(Self { stdout: rendering.format, files }).map_err(CommandError::errors)
    }

    /// Writes the report to every destination, also if one of them fails.
    ///
    /// # Errors
    /// One diagnostic per file that could not be written.
    pub fn write(self, report: &Report) -> Result<(), CommandError> {
        let style = output::style();
        match self.stdout {
            ReportFormat::Text => output::out(format_args!("{}", text::text(report, style))),
            other => output::document(render(report, other)),
        }
        // Standard output may be a pipe whose reader waits for the report before it opens the files.
        let _ = std::io::stdout().flush();
        let mut faults = Diagnostics::default();
        for (format, file) in self.files {
            let (path, result) = file.write(&render(report, format));
            if let Err(error) = result {
                faults.push(unwritable(&path, &error));
            }
        }
        faults.or(()).map_err(CommandError::errors)
    }
}

impl File {
    fn open(path: &Path) -> std::io::Result<Self> {
        if path.is_dir() {
            return Err(std::io::ErrorKind::IsADirectory.into());
        }
        if path.exists() && !path.is_file() {
            return Ok(Self::Stream(path.to_owned()));
        }
        files::try_writing(path)?;
        Ok(Self::Whole(path.to_owned()))
    }

    fn write(self, text: &str) -> (PathBuf, std::io::Result<()>) {
        match self {
            Self::Whole(path) => {
                let written = files::write_shared(&path, text);
                (path, written)
            }
            Self::Stream(path) => {
                let opened = std::fs::OpenOptions::new().append(true).open(&path);
                let written = opened.and_then(|mut stream| stream.write_all(text.as_bytes()));
                (path, written)
            }
        }
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Diagnostic {
    let message = format!("cannot write the report to '{}': {error}", path.display());
    Diagnostic::new("unwritable", message).help("choose another file with --output FORMAT=PATH")
}

/// Renders a report for a file. Text has no color.
fn render(report: &Report, format: ReportFormat) -> String {
    let pretty = |value| serde_json::to_string_pretty(&value).expect("invariant: reports are plain data") + "\n";
    match format {
        ReportFormat::Text => text::text(report, output::plain()),
        ReportFormat::Json => pretty(serde_json::to_value(report).expect("invariant: reports are plain data")),
        ReportFormat::Markdown => markdown::markdown(report, markdown::SUMMARY),
        ReportFormat::Comment => markdown::markdown(report, markdown::COMMENT),
        ReportFormat::Junit => junit::junit(report),
        ReportFormat::Sarif => pretty(sarif::sarif(report)),
        ReportFormat::Html => html::page(report),
        ReportFormat::Annotations => annotations::annotations(report),
        ReportFormat::States => text::states(report),
        ReportFormat::Slack => slack::slack(report).map(pretty).unwrap_or_default(),
    }
}

/// Reads a report in JSON.
pub fn read_report(path: &Path) -> Result<Report, CommandError> {
    let unreadable = |why: String| {
        let message = format!("cannot read the report '{}': {why}", path.display());
        let help = "create one with: regionctl drift --output json=report.json";
        CommandError::error(Diagnostic::new("unreadable-report", message).help(help))
    };
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    format::expect(&text, Document::Report, FORMAT).map_err(|wrong| unreadable(wrong.to_string()))?;
    serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))
}
