//! What is generated from the program itself: schemas, the reference, completions, the manual page.

use clap::CommandFactory;
use regionctl_aws::{iam, kinds::REGISTRY};
use regionctl_core::diagnostic::Diagnostic;
use regionctl_core::schema as generated;

use crate::args::{Args, Schema, Which};
use crate::exit::{Exit, Failed};

/// Prints a schema or the reference.
pub fn schema(args: &Schema) -> Result<Exit, Failed> {
    let text = match args.which {
        Which::Region => serde_json::to_string_pretty(&generated::region(REGISTRY)),
        Which::Plan => serde_json::to_string_pretty(&generated::plan()),
        Which::Report => serde_json::to_string_pretty(&generated::report()),
        Which::Snapshot => serde_json::to_string_pretty(&generated::snapshot()),
        Which::Severities => Ok(generated::severities(REGISTRY).trim_end().to_owned()),
        Which::Defaults => Ok(generated::defaults(REGISTRY).trim_end().to_owned()),
        Which::Reference => Ok(generated::reference(REGISTRY, &iam::action).trim_end().to_owned()),
    };
    let text = text.map_err(|error| Failed::error(Diagnostic::new("internal", error.to_string())))?;
    anstream::println!("{text}");
    Ok(Exit::Done)
}

/// Prints completions.
pub fn completions(shell: clap_complete::Shell) -> Exit {
    clap_complete::generate(shell, &mut Args::command(), "regionctl", &mut std::io::stdout());
    Exit::Done
}

/// Prints the manual page.
pub fn man() -> Result<Exit, Failed> {
    clap_mangen::Man::new(Args::command())
        .render(&mut std::io::stdout())
        .map_err(|error| Failed::error(Diagnostic::new("unwritable", error.to_string())))?;
    Ok(Exit::Done)
}
