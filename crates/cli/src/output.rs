//! Standard output and error: colour and width.

use std::io::IsTerminal;

use anstream::{AutoStream, ColorChoice};
use regionctl_core::render::Style;

use crate::args::Color;

/// The width where nobody looks: wide enough that no line is broken.
const UNBOUNDED: usize = 200;

/// Sets the colour choice for everything that is printed.
pub fn choose_color(color: Color) {
    match color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    }
    .write_global();
}

/// Returns how to render for standard output.
pub fn style() -> Style {
    let stdout = std::io::stdout();
    let width = if stdout.is_terminal() { width(&console::Term::stdout()) } else { UNBOUNDED };
    Style { color: AutoStream::choice(&stdout) != ColorChoice::Never, width }
}

/// Returns how to render for a file.
pub fn plain() -> Style {
    Style { color: false, width: UNBOUNDED }
}

/// Says whether progress can be drawn.
pub fn stderr_is_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// Says whether standard error takes colour.
pub fn stderr_has_color() -> bool {
    AutoStream::choice(&std::io::stderr()) != ColorChoice::Never
}

/// Returns the width of the terminal that errors go to.
pub fn width_of_stderr() -> usize {
    if stderr_is_terminal() { width(&console::Term::stderr()) } else { UNBOUNDED }
}

fn width(terminal: &console::Term) -> usize {
    terminal.size_checked().map_or(80, |(_, columns)| usize::from(columns))
}
