// SPDX-License-Identifier: Apache-2.0
//! Documents that are generated from the code: schemas, references, completions and the manual page.

use clap::CommandFactory;
use regionctl_aws::{iam, kinds::REGISTRY};
use regionctl_core::diagnostic::Diagnostic;
use regionctl_core::schema as generated;

use crate::args::{Args, Schema, Which};
use crate::exit::{CommandError, Exit};
use crate::output::{self};

/// Prints a schema or a reference.
pub fn schema(args: &Schema) -> Result<Exit, CommandError> {
    let text = match args.which {
        Which::Region => serde_json::to_string_pretty(&generated::region(REGISTRY)),
        Which::Plan => serde_json::to_string_pretty(&generated::plan()),
        Which::Report => serde_json::to_string_pretty(&generated::report()),
        Which::Snapshot => serde_json::to_string_pretty(&generated::snapshot()),
        Which::Severities => Ok(generated::severities(REGISTRY).trim_end().to_owned()),
        Which::Defaults => Ok(generated::defaults(REGISTRY).trim_end().to_owned()),
        Which::Reference => Ok(generated::reference(REGISTRY, &iam::action).trim_end().to_owned()),
    };
    let text = text.map_err(|error| CommandError::error(Diagnostic::new("internal", error.to_string())))?;
    output::document(format_args!("{text}\n"));
    Ok(Exit::Done)
}

/// Prints the completion script of a shell.
pub fn completions(shell: clap_complete::Shell) -> Exit {
    // Through a buffer: clap_complete panics on a broken pipe, `print!` of anstream ignores it.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "regionctl", &mut script);
    output::document(String::from_utf8_lossy(&script));
    Exit::Done
}

pub fn man() -> Result<Exit, CommandError> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Args::command())
        .render(&mut page)
        .map_err(|error| CommandError::error(Diagnostic::new("internal", error.to_string())))?;
    output::document(String::from_utf8_lossy(&page));
    Ok(Exit::Done)
}
