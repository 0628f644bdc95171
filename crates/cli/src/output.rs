// SPDX-License-Identifier: Apache-2.0
//! What is printed: color, width and character set of standard output and standard error. Nothing else prints.

use std::borrow::Cow;
use std::fmt::{Arguments, Display};
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use anstream::{AutoStream, ColorChoice};
use regionctl_core::diagnostic::Diagnostic;
use regionctl_core::render::Style;

use crate::args::Color;
use crate::exit::CommandError;

/// The width of files and pipes, in columns: wide enough that no line is wrapped.
const UNBOUNDED: usize = 200;

/// The first error of writing to standard output.
static FAILURE: OnceLock<String> = OnceLock::new();

/// Whether text is printed in ASCII only.
static ASCII: AtomicBool = AtomicBool::new(false);

/// Sets the character set of all text: ASCII if it is asked for, or if the locale is not UTF-8 (POSIX: `LC_ALL`,
/// `LC_CTYPE`, `LANG`; the first one that is set counts). Without a locale UTF-8 is assumed.
pub fn choose_charset(ascii: bool) {
    let set = |name: &&str| std::env::var_os(name).filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(set);
    let is_utf8 = locale.is_none_or(|locale| {
        let locale = locale.to_string_lossy().to_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    });
    ASCII.store(ascii || !is_utf8, Ordering::Relaxed);
}

/// Returns a text in the character set of the output.
pub fn in_charset(text: &str) -> Cow<'_, str> {
    if ASCII.load(Ordering::Relaxed) { regionctl_core::render::ascii(text).into() } else { text.into() }
}

/// Prints text to standard output.
pub fn out(text: Arguments<'_>) {
    document(in_charset(&text.to_string()));
}

/// Prints text to standard error. An error is ignored: a full disk must not stop an apply between two calls.
pub fn err(text: Arguments<'_>) {
    let _ = write!(anstream::stderr(), "{}", in_charset(&text.to_string()));
}

/// Prints a document in a format of its own (JSON, HTML) to standard output: always UTF-8.
pub fn document(text: impl Display) {
    let mut stdout = anstream::stdout();
    if let Err(error) = write!(stdout, "{text}").and_then(|()| stdout.flush())
        && error.kind() != ErrorKind::BrokenPipe
    {
        let _ = FAILURE.set(error.to_string());
    }
}

/// Returns the error if something could not be written to standard output. A reader that closed its pipe is not one.
pub fn failure() -> Option<CommandError> {
    let why = FAILURE.get()?;
    let fault = Diagnostic::new("unwritable", format!("cannot write to standard output: {why}"));
    Some(CommandError::error(fault.help("free space on the device, or write somewhere else")))
}

/// Prints a formatted line to standard output.
macro_rules! outln {
    ($($arguments:tt)*) => {
        $crate::output::out(format_args!("{}\n", format_args!($($arguments)*)))
    };
}

/// Prints a formatted line to standard error.
macro_rules! errln {
    ($($arguments:tt)*) => {
        $crate::output::err(format_args!("{}\n", format_args!($($arguments)*)))
    };
}

pub(crate) use {errln, outln};

/// Sets the color choice of all output.
pub fn choose_color(color: Color) {
    match color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    }
    .write_global();
}

/// Returns the style of standard output.
pub fn style() -> Style {
    let stdout = std::io::stdout();
    let width = if stdout.is_terminal() { width(&console::Term::stdout()) } else { UNBOUNDED };
    Style { color: AutoStream::choice(&stdout) != ColorChoice::Never, width }
}

/// Returns the style of a file.
pub fn plain() -> Style {
    Style { color: false, width: UNBOUNDED }
}

/// Returns whether a progress bar can be drawn.
pub fn stderr_is_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// Returns whether standard error is colored.
pub fn stderr_has_color() -> bool {
    AutoStream::choice(&std::io::stderr()) != ColorChoice::Never
}

/// Returns the width of standard error, in columns.
pub fn width_of_stderr() -> usize {
    if stderr_is_terminal() { width(&console::Term::stderr()) } else { UNBOUNDED }
}

fn width(terminal: &console::Term) -> usize {
    terminal.size_checked().map_or(80, |(_, columns)| usize::from(columns))
}
