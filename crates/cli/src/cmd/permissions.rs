//! `regionctl permissions`: the IAM policies that the specs need.

use regionctl_aws::permissions::{LARGEST, Purpose, policies, size};

use crate::args;
use crate::exit::{Exit, Failed};
use crate::files;

/// Prints the policy; several, as a list, where IAM would not take it as one.
pub fn run(args: &args::Permissions) -> Result<Exit, Failed> {
    let specs = files::load_all(&args.specs)?;
    let purpose = match args.purpose {
        args::Purpose::Plan => Purpose::Plan,
        args::Purpose::Apply => Purpose::Apply,
    };
    let policies = policies(&specs, purpose);
    let text = match policies.as_slice() {
        [only] => serde_json::to_string_pretty(only),
        several => {
            let sizes: Vec<String> = several.iter().map(|policy| size(policy).to_string()).collect();
            anstream::eprintln!(
                "One policy takes {LARGEST} characters, so these are {}, of {} characters: make each a policy and attach all.",
                several.len(),
                sizes.join(" and ")
            );
            serde_json::to_string_pretty(several)
        }
    };
    anstream::println!("{}", text.expect("invariant: policies are plain data"));
    Ok(Exit::Done)
}
