//! `regionctl drift`

use regionctl_core::plan::Plan;

use super::{exit_of, look_at_all};
use crate::args::{self, Global};
use crate::exit::{Exit, Failed};
use crate::files;

/// Shows what is no longer what the spec says.
pub async fn run(global: &Global, args: &args::Drift) -> Result<Exit, Failed> {
    let specs = files::load_all(&args.specs)?;
    let plans = look_at_all(global, &specs, args.format, false, verdict).await?;
    Ok(plans.iter().map(|plan| exit_of(plan, Exit::Differs)).max().unwrap_or(Exit::Done))
}

fn verdict(plan: &Plan) -> String {
    let Plan { spec, changes, .. } = plan;
    match changes.len() {
        0 => String::new(),
        1 => format!("Drift: 1 resource is not what {spec} says. Mend it with: regionctl apply {spec}\n"),
        several => {
            format!("Drift: {several} resources are not what {spec} says. Mend them with: regionctl apply {spec}\n")
        }
    }
}
