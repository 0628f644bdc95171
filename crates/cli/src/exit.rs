// SPDX-License-Identifier: Apache-2.0
//! Exit codes, and the error that ends a run.

use std::process::ExitCode;

use regionctl_core::diagnostic::{Diagnostic, Diagnostics, SourceFiles};

/// The documented exit codes, from the best to the worst: a run over several specs ends with the worst one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// 0: nothing to do, or everything was applied.
    Done,
    /// 2: changes or drift.
    Differs,
    /// 1: an error, or an incomplete result.
    Error,
    /// 3: refused; nothing was changed.
    Refused,
    /// 4: partially applied.
    Partly,
    /// 130: interrupted by a signal.
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

/// An error that ends a run. `main` prints it.
#[derive(Debug)]
pub struct CommandError {
    pub exit: Exit,
    pub diagnostics: Diagnostics,
    /// The texts of the spec files, to show positions in them.
    pub sources: SourceFiles,
}

impl CommandError {
    /// Makes an error (exit code 1) without a position in a spec.
    pub fn error(diagnostic: Diagnostic) -> Self {
        Self::errors(diagnostic.into())
    }

    /// Makes an error (exit code 1) of several diagnostics.
    pub fn errors(diagnostics: Diagnostics) -> Self {
        Self { exit: Exit::Error, diagnostics, sources: SourceFiles::default() }
    }

    /// Makes a refusal (exit code 3): nothing was changed.
    pub fn refused(diagnostics: impl Into<Diagnostics>) -> Self {
        Self { exit: Exit::Refused, diagnostics: diagnostics.into(), sources: SourceFiles::default() }
    }
}
