// SPDX-License-Identifier: Apache-2.0
//! The commands, one module each.

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
use regionctl_core::observe::provider::Provider;
use regionctl_core::observe::snapshot::Snapshot;
use regionctl_core::plan::Plan;
use regionctl_core::read_plan::{ReadPlanError, plan_of, read_plan};
use regionctl_core::render;
use regionctl_core::spec::Spec;

use crate::args::{Format, Global};
use crate::connect::Connector;
use crate::exit::{CommandError, Exit};
use crate::output;

/// Plans every spec without writing, and prints the plans.
async fn plan_all(global: &Global, specs: &[Spec], format: Format, preflight: bool) -> Result<Vec<Plan>, CommandError> {
    let connector = Connector::new(global).await?;
    let mut plans = Vec::new();
    for spec in specs {
        let provider = connector.open(spec, Access::ReadOnly, None).await;
        let (inventory, plan) = read_plan(&provider, REGISTRY, spec).await.map_err(|error| command_error(&error))?;
        if format == Format::Text {
            output::out(format_args!("{}", render::text(&plan, output::style())));
        }
        if preflight && !plan.is_empty() {
            let checks = provider.preflight(spec, &plan, &inventory.location).await;
            let text = render::checks(&checks, output::style());
            // With JSON, standard output contains only the plans.
            match format {
                Format::Text => output::out(format_args!("{text}")),
                Format::Json => output::err(format_args!("{text}")),
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

/// Plans every spec from a snapshot, without AWS, and prints the plans.
fn plan_all_from(snapshot: &Snapshot, specs: &[Spec], format: Format) -> Result<Vec<Plan>, CommandError> {
    let mut plans = Vec::new();
    for spec in specs {
        let (_, plan) = plan_of(REGISTRY, spec, snapshot).map_err(|error| command_error(&error))?;
        if format == Format::Text {
            output::out(format_args!("{}", render::text(&plan, output::style())));
        }
        plans.push(plan);
    }
    if format == Format::Json {
        print_json(&plans);
    }
    Ok(plans)
}

/// Converts an error of a read or a plan to an error or a refusal.
fn command_error(error: &ReadPlanError) -> CommandError {
    let exit = if error.is_refusal() { Exit::Refused } else { Exit::Error };
    CommandError { exit, ..CommandError::errors(error.diagnostics()) }
}

/// Returns the exit code of a plan: `differs` if it has changes.
fn exit_of(plan: &Plan, differs: Exit) -> Exit {
    match (plan.is_complete(), plan.has_nothing_to_do()) {
        (false, _) => Exit::Error,
        (true, true) => Exit::Done,
        (true, false) => differs,
    }
}

/// Prints plans as JSON: an object for one spec, an array for several.
fn print_json(plans: &[Plan]) {
    let text = match plans {
        [only] => serde_json::to_string_pretty(only),
        several => serde_json::to_string_pretty(several),
    };
    output::document(format_args!("{}\n", text.expect("invariant: plans are plain data")));
}
