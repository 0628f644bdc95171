//! Two specs that claim one thing would undo each other's work for ever. What is shared is claimed entry by
//! entry, so that many specs can add to one policy.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Spec, Want};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::kind::Registry;

/// Finds what more than one of these specs claims.
pub fn contested<'a>(specs: impl IntoIterator<Item = &'a Spec>, registry: Registry) -> Diagnostics {
    let mut claimed: BTreeMap<[String; 4], (&Spec, &Want)> = BTreeMap::new();
    let mut faults = Diagnostics::default();
    for spec in specs {
        for want in &spec.wants {
            for claim in claims(want, registry) {
                let kind = registry.of(&want.address.kind).facts();
                // What is global is the same in every region of the account.
                let region = if kind.global { String::new() } else { spec.region.clone() };
                let key = [spec.account.clone(), region, kind.name.to_owned(), claim.clone()];
                match claimed.get(&key) {
                    Some((other, first)) if other.path != spec.path => {
                        let message = format!("two specs claim {}/{claim}", kind.name);
                        let at = |want: &Want| format!("it is claimed at {}", want.at);
                        faults.push(
                            Diagnostic::new("two-specs", message)
                                .note(format!("{} of {}", at(first), other.path))
                                .note(format!("{} of {}", at(want), spec.path))
                                .help("take it out of one of them, or give it another name there"),
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

/// What a want claims for its spec alone. Who wants something gone claims it too.
fn claims(want: &Want, registry: Registry) -> Vec<String> {
    if want.model == Value::Null {
        return vec![want.address.name.clone()];
    }
    registry.of(&want.address.kind).claims(&want.address.name, &want.model)
}
