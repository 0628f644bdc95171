//! `regionctl drift`

use regionctl_aws::session::Access;
use regionctl_core::plan::Plan;
use regionctl_core::render;

use super::{exit_of, look, print_json, stats};
use crate::args::{self, Format, Global};
use crate::connect::Connector;
use crate::exit::{Exit, Failed};
use crate::{files, output};

/// Shows what is no longer what the spec says.
pub async fn run(global: &Global, args: &args::Drift) -> Result<Exit, Failed> {
    let specs = files::load_all(&args.specs)?;
    let connector = Connector::new(global).await?;
    let mut plans = Vec::new();
    for spec in &specs {
        let world = connector.open(spec, Access::ReadOnly, None).await;
        let (_, plan) = look(&world, spec).await?;
        if args.format == Format::Text {
            anstream::print!("{}", render::text(&plan, output::style()));
            anstream::print!("{}", verdict(&plan));
        }
        if global.stats {
            stats::print(&world.session().calls());
        }
        plans.push(plan);
    }
    if args.format == Format::Json {
        print_json(&plans);
    }
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
