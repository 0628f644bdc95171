//! How a run ends: the exit code, and what went wrong.

use std::process::ExitCode;

use regionctl_core::diagnostic::{Diagnostic, Diagnostics, Sources};

/// The published exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Nothing to do, or done.
    Done,
    /// Changes or drift.
    Differs,
    /// An error, or reads that failed.
    Error,
    /// Refused before anything was changed.
    Refused,
    /// Applied in part.
    Partly,
    /// Interrupted.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Error => 1,
            Exit::Differs => 2,
            Exit::Refused => 3,
            Exit::Partly => 4,
            Exit::Interrupted => 130,
        })
    }
}

/// A run that ended early. Printed once, in `main`.
#[derive(Debug)]
pub struct Failed {
    pub exit: Exit,
    pub diagnostics: Diagnostics,
    /// The spec files, for showing positions.
    pub sources: Sources,
}

impl Failed {
    /// An error that has nothing to do with a place in a spec.
    pub fn error(diagnostic: Diagnostic) -> Self {
        Self::errors(diagnostic.into())
    }

    /// Several of them.
    pub fn errors(diagnostics: Diagnostics) -> Self {
        Self { exit: Exit::Error, diagnostics, sources: Sources::default() }
    }

    /// A refusal before anything was changed.
    pub fn refused(diagnostics: impl Into<Diagnostics>) -> Self {
        Self { exit: Exit::Refused, diagnostics: diagnostics.into(), sources: Sources::default() }
    }
}
