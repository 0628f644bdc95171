// SPDX-License-Identifier: Apache-2.0
//! Finds resources that more than one spec manages: each apply would revert the other's changes. A resource with
//! entries of several specs, such as an IAM policy, is claimed entry by entry.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Spec, Want};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::kind::Registry;

/// Returns a fault for each resource or entry that more than one of these specs claims.
pub fn contested<'a>(specs: impl IntoIterator<Item = &'a Spec>, registry: Registry) -> Diagnostics {
    let mut claimed: BTreeMap<[String; 4], (&Spec, &Want)> = BTreeMap::new();
    let mut faults = Diagnostics::default();
    for spec in specs {
        for want in &spec.wants {
            for claim in claims(want, registry) {
                let kind = registry.of(&want.address.kind).facts();
                // A global resource is the same resource in every region of the account.
                let region = if kind.global { String::new() } else { spec.region.clone() };
                let key = [spec.account.clone(), region, kind.name.to_owned(), claim.clone()];
                match claimed.get(&key) {
                    Some((other, first)) if other.path != spec.path => {
                        let message = format!("two specs manage {}/{claim}", kind.name);
                        let at = |want: &Want| format!("it is defined at {}", want.at);
                        faults.push(
                            Diagnostic::new("two-specs", message)
                                .note(format!("{} of {}", at(first), other.path))
                                .note(format!("{} of {}", at(want), spec.path))
                                .help("remove it from one of the specs, or rename it there"),
                        );
                    }
                    Some(_) => {}
                    None => {
                        claimed.insert(key, (spec, want));
                    }
                }
            }
        }
    }
    faults
}

/// Returns what an entry claims for its spec. An entry that says `absent` claims the resource too.
fn claims(want: &Want, registry: Registry) -> Vec<String> {
    if want.model == Value::Null {
        return vec![want.address.name.clone()];
    }
    registry.of(&want.address.kind).claims(&want.address.name, &want.model)
}
