//! Reads everything that a plan rests on: who we are, the VPC, and every kind's live resources.
//!
//! Two round trips and no more where AWS allows: the identity with the VPC, then all kinds at once.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use serde_json::Value;

use crate::address::Address;
use crate::diagnostic::Diagnostic;
use crate::kind::Registry;
use crate::model::pattern;
use crate::reference::{Known, Outputs, Target};
use crate::spec::{Spec, Want, names};
use crate::world::{Failure, FailureClass, Identity, Place, Scope, Seen, Unread, Vpc, World};

/// What was read, and what follows from it.
#[derive(Debug, Clone)]
pub struct Inventory {
    /// Where the spec applies.
    pub place: Place,
    /// What is there, by address.
    pub live: BTreeMap<Address, Seen<Value>>,
    /// What could not be read.
    pub unread: Vec<Unread>,
    /// What is wanted: patterns expanded over what is there, known references filled in.
    pub wants: Vec<Expanded>,
    /// The values that references can be filled with.
    pub known: Known,
}

/// A want for one resource.
#[derive(Debug, Clone)]
pub struct Expanded {
    /// The want; its address is the resource's own.
    pub want: Want,
    /// The pattern that it comes from.
    pub pattern: Option<String>,
}

/// Why nothing could be surveyed at all.
#[derive(Debug, Clone)]
pub enum SurveyError {
    /// A call failed on which everything rests.
    Failed(Failure),
    /// The credentials belong to another account than the spec's.
    WrongAccount {
        /// The spec's account.
        spec: String,
        /// The account of the credentials.
        credentials: String,
    },
    /// The VPC that the spec selects is not there, or not the only one.
    Vpc {
        /// The selector, in words.
        selector: String,
        /// The region.
        region: String,
        /// How many there are.
        found: usize,
    },
}

impl SurveyError {
    /// Says what happened, for the user.
    pub fn diagnostic(&self) -> Diagnostic {
        match self {
            Self::Failed(failure) => explain(failure),
            Self::WrongAccount { spec, credentials } => Diagnostic::new(
                "wrong-account",
                format!("the spec is for account {spec}, and these credentials belong to account {credentials}"),
            )
            .help("choose the right profile with --profile or AWS_PROFILE; nothing was changed"),
            Self::Vpc { selector, region, found: 0 } => {
                Diagnostic::new("no-vpc", format!("{selector} does not exist in {region}"))
                    .help("name another with `vpc:` in the spec, as an id or as {tag: {Name: …}}")
            }
            Self::Vpc { selector, region, found } => {
                Diagnostic::new("no-vpc", format!("{selector} is not one but {found} in {region}"))
                    .help("name it by its id with `vpc:` in the spec")
            }
        }
    }
}

/// Says what a failed call means and what to do about it.
pub fn explain(failure: &Failure) -> Diagnostic {
    let code = match failure.class {
        FailureClass::NotFound => "not-found",
        FailureClass::Denied => "access-denied",
        FailureClass::Throttled => "throttled",
        FailureClass::Conflict => "conflict",
        FailureClass::Invalid => "refused-by-aws",
        FailureClass::Taken => "name-taken",
        FailureClass::Credentials => "credentials",
        FailureClass::Transport => "unreachable",
        FailureClass::Refused => "read-only",
        FailureClass::Other => "aws-error",
    };
    let help = match failure.class {
        FailureClass::Denied => "give the caller the permission for this call",
        FailureClass::Throttled => "try again later, or with a smaller --parallelism",
        FailureClass::Conflict => "somebody else changes the same thing; run it again when they are done",
        FailureClass::Taken => "names of buckets are shared by all AWS accounts; choose another in the spec",
        FailureClass::Credentials => {
            "log in again (aws sso login, or new keys), or name a profile with --profile or AWS_PROFILE"
        }
        FailureClass::Transport => "check the network, the region's name and --endpoint-url or AWS_ENDPOINT_URL",
        FailureClass::Refused => "this is a fault in regionctl: reading must not write. Please report it",
        FailureClass::NotFound | FailureClass::Invalid | FailureClass::Other => "",
    };
    let mut diagnostic = Diagnostic::new(code, failure.message.clone()).note(match &failure.code {
        Some(code) => format!("{} answered {code}", failure.call),
        None => format!("the call was {}", failure.call),
    });
    if let Some(id) = &failure.request_id {
        diagnostic = diagnostic.note(format!("request id {id}"));
    }
    if help.is_empty() { diagnostic } else { diagnostic.help(help) }
}

/// Reads all that a spec's plan rests on.
///
/// # Guarantees
/// Sends no write. What cannot be read is in `unread`; no other resource is missing for it.
///
/// # Errors
/// The identity or the VPC could not be read, or are not what the spec says.
pub async fn survey(world: &dyn World, registry: Registry, spec: &Spec) -> Result<Inventory, SurveyError> {
    let identity = world.identify(spec.needs_vpc.then_some(&spec.vpc)).await.map_err(SurveyError::Failed)?;
    let place = place(spec, &identity)?;
    let known = known_before(registry, spec, &place);
    let mut wants: Vec<Want> = spec.wants.clone();
    for want in &mut wants {
        known.fill(&mut want.model);
    }
    let mut inventory = Inventory { place, live: BTreeMap::new(), unread: Vec::new(), wants: Vec::new(), known };
    observe(world, &wants, &mut inventory).await;
    inventory.wants = expand(wants, &inventory.live);
    let ids: Vec<_> = inventory.live.iter().map(|(address, seen)| (address.clone(), seen.outputs.clone())).collect();
    for (address, outputs) in ids {
        inventory.known.add(Target::Resource(address), outputs);
    }
    for expanded in &mut inventory.wants {
        inventory.known.fill(&mut expanded.want.model);
    }
    Ok(inventory)
}

fn place(spec: &Spec, identity: &Identity) -> Result<Place, SurveyError> {
    if identity.account != spec.account {
        return Err(SurveyError::WrongAccount { spec: spec.account.clone(), credentials: identity.account.clone() });
    }
    let vpc: Option<Vpc> = match (spec.needs_vpc, identity.vpcs.as_slice()) {
        (false, _) => None,
        (true, [only]) => Some(only.clone()),
        (true, several) => {
            return Err(SurveyError::Vpc {
                selector: spec.vpc.to_string(),
                region: spec.region.clone(),
                found: several.len(),
            });
        }
    };
    Ok(Place {
        partition: names::partition(&spec.region).to_owned(),
        region: spec.region.clone(),
        account: spec.account.clone(),
        vpc,
    })
}

/// The values that are known before anything is read: the VPC's, and ARNs that follow from names.
fn known_before(registry: Registry, spec: &Spec, place: &Place) -> Known {
    let mut known = Known::default();
    if let Some(vpc) = &place.vpc {
        let outputs = [("id", &vpc.id), ("cidr", &vpc.cidr), ("region", &place.region)];
        let outputs = outputs.map(|(name, value)| (name.to_owned(), value.clone()));
        known.add(Target::Vpc, Outputs::from(outputs));
    }
    for want in spec.wants.iter().filter(|want| !want.pattern) {
        let outputs = registry.of(&want.address.kind).outputs(&want.address.name, place);
        known.add(Target::Resource(want.address.clone()), outputs);
    }
    known
}

/// Observes every kind of the wants at once.
async fn observe(world: &dyn World, wants: &[Want], inventory: &mut Inventory) {
    let kinds: BTreeSet<&str> = wants.iter().map(|want| want.address.kind.as_str()).collect();
    let reads = kinds.into_iter().map(|kind| {
        let of_kind = || wants.iter().filter(move |want| want.address.kind == kind);
        let scope = Scope {
            place: inventory.place.clone(),
            wanted: of_kind()
                .filter(|want| !want.pattern)
                .map(|want| (want.address.name.clone(), want.model.clone()))
                .collect(),
            everything: of_kind().any(|want| want.pattern),
        };
        async move { (kind, world.observe(kind, scope).await) }
    });
    for (kind, result) in join_all(reads).await {
        match result {
            Ok(observation) => {
                for seen in observation.seen {
                    inventory.live.insert(Address::new(kind, &seen.name), seen);
                }
                inventory.unread.extend(
                    observation
                        .unread
                        .into_iter()
                        .map(|(name, failure)| Unread { address: format!("{kind}/{name}"), failure }),
                );
            }
            Err(failure) => inventory.unread.push(Unread { address: format!("{kind}/*"), failure }),
        }
    }
    inventory.unread.sort_by(|a, b| a.address.cmp(&b.address));
}

/// Makes a want for each live resource that a pattern matches; a name beats a pattern, and of two
/// patterns the more specific one wins.
fn expand(wants: Vec<Want>, live: &BTreeMap<Address, Seen<Value>>) -> Vec<Expanded> {
    let (mut patterns, named): (Vec<Want>, Vec<Want>) = wants.into_iter().partition(|want| want.pattern);
    patterns.sort_by_key(|want| std::cmp::Reverse(pattern::specificity(&want.address.name)));
    let by_name: BTreeSet<Address> = named.iter().map(|want| want.address.clone()).collect();
    let mut expanded: Vec<Expanded> = named.into_iter().map(|want| Expanded { want, pattern: None }).collect();
    for address in live.keys().filter(|address| !by_name.contains(*address)) {
        let matching = patterns
            .iter()
            .find(|want| want.address.kind == address.kind && pattern::matches(&want.address.name, &address.name));
        if let Some(want) = matching {
            let pattern = Some(want.address.name.clone());
            expanded.push(Expanded { want: Want { address: address.clone(), ..want.clone() }, pattern });
        }
    }
    expanded.sort_by(|a, b| a.want.address.cmp(&b.want.address));
    expanded
}
