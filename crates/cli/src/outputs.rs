//! Where a report goes: standard output in one format, and files in others. Each file is written whole or not at all,
//! and whether it can be written is known before anything is read.

use std::io::Write;
use std::path::{Path, PathBuf};

use regionctl_core::diagnostic::{Diagnostic, Diagnostics};
use regionctl_core::render::report::{annotations, html, junit, markdown, sarif, slack, text};
use regionctl_core::report::{FORMAT, Report};

use crate::args::{OutputTo, Rendering, ReportFormat};
use crate::exit::Failed;
use crate::files;
use crate::output;

/// The places of a report.
pub struct Outputs {
    stdout: ReportFormat,
    files: Vec<(ReportFormat, File)>,
}

enum File {
    /// A regular file, which is replaced when all is written.
    Whole(PathBuf),
    /// A pipe or a device, into which is written.
    Stream(PathBuf),
}

impl Outputs {
    /// Tries every place; nothing is left there if the run ends before it has anything to write.
    pub fn open(rendering: &Rendering) -> Result<Self, Failed> {
        let mut faults = Diagnostics::default();
        let mut files = Vec::new();
        for OutputTo { format, path } in &rendering.output {
            match File::open(path) {
                Ok(file) => files.push((*format, file)),
                Err(error) => faults.push(unwritable(path, &error)),
            }
        }
        faults.or(Self { stdout: rendering.format, files }).map_err(Failed::errors)
    }

    /// Writes the report everywhere; one place that fails does not keep it from the others.
    pub fn write(self, report: &Report) -> Result<(), Failed> {
        let style = output::style();
        let shown = match self.stdout {
            ReportFormat::Text => text::text(report, style),
            other => render(report, other),
        };
        anstream::print!("{shown}");
        // All of it is out before the files are, also where standard output is a pipe.
        let _ = std::io::stdout().flush();
        let mut faults = Diagnostics::default();
        for (format, file) in self.files {
            let (path, result) = file.write(&render(report, format));
            if let Err(error) = result {
                faults.push(unwritable(&path, &error));
            }
        }
        faults.or(()).map_err(Failed::errors)
    }
}

impl File {
    fn open(path: &Path) -> std::io::Result<Self> {
        if path.is_dir() {
            return Err(std::io::Error::other("it is a directory"));
        }
        if path.exists() && !path.is_file() {
            return Ok(Self::Stream(path.to_owned()));
        }
        let folder = files::folder_of(path);
        if !folder.is_dir() {
            return Err(std::io::Error::other(format!("there is no folder {}", folder.display())));
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
    let message = format!("the report {} cannot be written: {error}", path.display());
    Diagnostic::new("unwritable", message).help("name another file with --output FORMAT=PATH")
}

/// Renders a report for a file; text is without colour there.
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

/// Reads a report that was written as JSON.
pub fn read_report(path: &Path) -> Result<Report, Failed> {
    let unreadable = |why: String| {
        let message = format!("{} is not a report: {why}", path.display());
        let help = "make one with: regionctl drift --output json=report.json";
        Failed::error(Diagnostic::new("unreadable-report", message).help(help))
    };
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    let report: Report = serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
    if report.format != FORMAT {
        return Err(unreadable(format!("it has format {}, and this regionctl reads format {FORMAT}", report.format)));
    }
    Ok(report)
}
