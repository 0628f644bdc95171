//! One module a command.

pub mod accept;
pub mod apply;
pub mod drift;
pub mod generate;
pub mod permissions;
pub mod plan;
pub mod report;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod snapshot;
mod stats;

use regionctl_aws::kinds::REGISTRY;
use regionctl_aws::session::Access;
use regionctl_core::look::{LookError, look, look_at};
use regionctl_core::observe::provider::Provider;
use regionctl_core::observe::snapshot::Snapshot;
use regionctl_core::plan::Plan;
use regionctl_core::render;
use regionctl_core::spec::Spec;

use crate::args::{Format, Global};
use crate::connect::Connector;
use crate::exit::{Exit, Failed};
use crate::output;

/// Plans every spec without writing, and prints the plans: each as text, or all as JSON.
async fn look_at_all(global: &Global, specs: &[Spec], format: Format, preflight: bool) -> Result<Vec<Plan>, Failed> {
    let connector = Connector::new(global).await?;
    let mut plans = Vec::new();
    for spec in specs {
        let provider = connector.open(spec, Access::ReadOnly, None).await;
        let (inventory, plan) = look(&provider, REGISTRY, spec).await.map_err(|error| look_failed(&error))?;
        if format == Format::Text {
            anstream::print!("{}", render::text(&plan, output::style()));
        }
        if preflight && !plan.is_empty() {
            let checks = provider.preflight(&plan, &inventory.location).await;
            let text = render::checks(&checks, output::style());
            // What is printed on standard output as JSON is the plan and nothing else.
            match format {
                Format::Text => anstream::print!("{text}"),
                Format::Json => anstream::eprint!("{text}"),
            }
        }
        if global.stats {
            stats::print(&provider.session().calls());
        }
        plans.push(plan);
    }
    if format == Format::Json {
        print_json(&plans);
    }
    Ok(plans)
}

/// Plans every spec from a snapshot, without AWS and without credentials.
fn look_at_snapshot(snapshot: &Snapshot, specs: &[Spec], format: Format) -> Result<Vec<Plan>, Failed> {
    let mut plans = Vec::new();
    for spec in specs {
        let (_, plan) = look_at(REGISTRY, spec, snapshot).map_err(|error| look_failed(&error))?;
        if format == Format::Text {
            anstream::print!("{}", render::text(&plan, output::style()));
        }
        plans.push(plan);
    }
    if format == Format::Json {
        print_json(&plans);
    }
    Ok(plans)
}

fn look_failed(error: &LookError) -> Failed {
    let exit = if error.is_refusal() { Exit::Refused } else { Exit::Error };
    Failed { exit, ..Failed::errors(error.diagnostics()) }
}

/// The exit code of a command that only reads.
fn exit_of(plan: &Plan, differs: Exit) -> Exit {
    match (plan.is_complete(), plan.is_settled()) {
        (false, _) => Exit::Error,
        (true, true) => Exit::Done,
        (true, false) => differs,
    }
}

/// Prints plans as JSON: the plan itself for one spec, a list for several.
fn print_json(plans: &[Plan]) {
    let text = match plans {
        [only] => serde_json::to_string_pretty(only),
        several => serde_json::to_string_pretty(several),
    };
    anstream::println!("{}", text.expect("invariant: plans are plain data"));
}
