// SPDX-License-Identifier: Apache-2.0
//! `regionctl permissions`: the IAM policies that the specs require.

use regionctl_aws::permissions::{LARGEST, Purpose, policies, size};

use crate::args;
use crate::exit::{CommandError, Exit};
use crate::files;
use crate::output::{self, errln};

/// Prints the policy, or a list of policies if one would exceed IAM's size limit.
pub fn run(args: &args::Permissions) -> Result<Exit, CommandError> {
    let specs = files::load_all(&args.specs)?;
    let purpose = match args.purpose {
        args::PurposeArg::Plan => Purpose::Plan,
        args::PurposeArg::Apply => Purpose::Apply,
    };
    let policies = policies(&specs, purpose);
    let text = match policies.as_slice() {
        [only] => serde_json::to_string_pretty(only),
        several => {
            let sizes: Vec<String> = several.iter().map(|policy| size(policy).to_string()).collect();
            errln!(
                "A managed policy is limited to {LARGEST} characters: create and attach every policy above ({}: {} characters).",
                several.len(),
                sizes.join(" and ")
            );
            serde_json::to_string_pretty(several)
        }
    };
    output::document(format_args!("{}\n", text.expect("invariant: policies are plain data")));
    Ok(Exit::Done)
}
