//! Reads everything that a plan rests on: who we are, the VPC, and every kind's live resources.
//!
//! Two round trips and no more where AWS allows: the identity with the VPC, then all kinds at once.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::{FutureExt, join, join_all, join3};
use serde_json::Value;

use super::Note;
use super::expand::{Expanded, Expansion, Sources, Unexpanded, expand, gone, orphans};
use crate::address::Address;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::kind::Registry;
use crate::model::secret::{self, Secrets};
use crate::reference::{Known, Outputs, Target};
use crate::spec::stands::Stands;
use crate::spec::{Spec, Want, names};
use crate::world::{Failure, FailureClass, Identity, Observation, Place, Scope, Seen, Unread, Vpc, Wanted, World};

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
    /// What should be said and changes nothing.
    pub notes: Vec<Note>,
    /// What a plan must not hold, by resource and by the token that stands for it.
    pub secrets: BTreeMap<Address, Secrets>,
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
    /// What the spec says cannot be laid over what is live.
    Unexpanded(Unexpanded),
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
    pub fn diagnostics(&self) -> Diagnostics {
        Diagnostics::from(match self {
            Self::Unexpanded(Unexpanded::Rules(faults)) => return faults.clone(),
            Self::Unexpanded(Unexpanded::Broken(what)) => Diagnostic::new("internal", what.clone()),
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
        })
    }
}

/// Says what a failed call means and what to do about it.
pub fn explain(failure: &Failure) -> Diagnostic {
    let code = match failure.class {
        FailureClass::NotFound => "not-found",
        FailureClass::Denied => "access-denied",
        FailureClass::Throttled => "throttled",
        FailureClass::Conflict => "conflict",
        FailureClass::NotReady => "not-ready",
        FailureClass::Invalid => "refused-by-aws",
        FailureClass::Taken => "name-taken",
        FailureClass::Credentials => "credentials",
        FailureClass::Transport => "unreachable",
        FailureClass::Refused => "read-only",
        FailureClass::Other => "aws-error",
    };
    let help = help_by_code(failure).unwrap_or(match failure.class {
        FailureClass::Denied => "give the caller the permission for this call",
        FailureClass::Throttled => "try again later, or with a smaller --parallelism",
        FailureClass::NotReady => "it is still being made or changed; run it again when it is done",
        FailureClass::Conflict => "somebody else changes the same thing; run it again when they are done",
        FailureClass::Taken => "names of buckets are shared by all AWS accounts; choose another in the spec",
        FailureClass::Credentials => {
            "log in again (aws sso login, or new keys), or name a profile with --profile or AWS_PROFILE"
        }
        FailureClass::Transport => "check the network, the region's name and --endpoint-url or AWS_ENDPOINT_URL",
        FailureClass::Refused => "this is a fault in regionctl: reading must not write. Please report it",
        FailureClass::NotFound | FailureClass::Invalid | FailureClass::Other => "",
    });
    let mut diagnostic = Diagnostic::new(code, failure.message.clone()).note(match &failure.code {
        Some(code) => format!("{} answered {code}", failure.call),
        None => format!("the call was {}", failure.call),
    });
    if let Some(id) = &failure.request_id {
        diagnostic = diagnostic.note(format!("request id {id}"));
    }
    if help.is_empty() { diagnostic } else { diagnostic.help(help) }
}

/// Says what to do where the code tells more than the failure's class.
fn help_by_code(failure: &Failure) -> Option<&'static str> {
    let code = failure.code.as_deref()?;
    let is_quota = ["LimitExceeded", "LimitsExceeded", "QuotaExceeded"].iter().any(|word| code.contains(word));
    match code {
        "RequestTimeTooSkewed" | "RequestExpired" => Some("set this machine's clock: it differs too much from AWS's"),
        "InvalidSignatureException" | "SignatureDoesNotMatch" => {
            Some("check this machine's clock, then the secret key: AWS does not accept the signature of the request")
        }
        "RegionDisabledException" | "OptInRequired" => Some("enable the region or the service for this account"),
        "DependencyViolation" | "DeleteConflict" | "ResourceInUse" => {
            Some("something else still uses it: remove that first, or run it again when it is gone")
        }
        // Codes for too many calls have the same words.
        _ if is_quota && failure.class == FailureClass::Invalid => {
            Some("a quota is reached: ask for a higher one, or remove what is no longer needed")
        }
        _ => None,
    }
}

/// Reads all that a spec's plan rests on: the sources in their regions at the same time as this one.
///
/// # Guarantees
/// Sends no write. What cannot be read is in `unread`; no other resource is missing for it.
///
/// # Errors
/// The identity or the VPC could not be read, or are not what the spec says; or two rules of the spec
/// produce one resource.
pub async fn survey(world: &dyn World, registry: Registry, spec: &Spec) -> Result<Inventory, SurveyError> {
    let gone_over = kinds_gone_over(&spec.wants);
    let (first, others): (Vec<_>, Vec<_>) =
        scopes_of_sources(spec).into_iter().partition(|((_, kind), _)| gone_over.contains(kind.as_str()));
    // Rules wait for the sources of the kinds that they go over, and for no others.
    let first = read_sources(world, first).shared();
    let here = survey_here(world, registry, spec, first.clone());
    let (here, mut sources, others) = join3(here, first, read_sources(world, others)).await;
    sources.extend(others);
    let Here { mut inventory, wants } = here?;
    let Expansion { wants: expanded, notes, unread } =
        expand(registry, &inventory.place, &wants, &inventory.live, &sources).map_err(SurveyError::Unexpanded)?;
    let left: Vec<Address> =
        orphans(&wants, &expanded, &inventory.live, &sources).map(|(_, address)| address.clone()).collect();
    let scopes = scopes_of_orphans(&inventory.place, &left);
    absorb(&mut inventory, read(world, scopes).await);
    let gone = gone(registry, &wants, &expanded, &inventory.live, &sources);
    inventory.wants = expanded;
    inventory.wants.extend(gone);
    inventory.wants.sort_by(|a, b| a.want.address.cmp(&b.want.address));
    inventory.notes = notes;
    inventory.unread.extend(unread);
    inventory.unread.sort_by(|a, b| a.address.cmp(&b.address));
    fill(registry, &mut inventory)?;
    Ok(inventory)
}

/// What was read in the spec's own region.
struct Here {
    inventory: Inventory,
    wants: Vec<Want>,
}

/// Reads the spec's own region. What rules make is read by its name as soon as the kinds that they go over
/// are read, beside everything else.
async fn survey_here(
    world: &dyn World,
    registry: Registry,
    spec: &Spec,
    sources: impl Future<Output = Sources>,
) -> Result<Here, SurveyError> {
    let identity = world.identify(spec.needs_vpc.then_some(&spec.vpc)).await.map_err(SurveyError::Failed)?;
    let place = place(spec, &identity)?;
    let known = known_before(registry, spec, &place);
    let mut wants: Vec<Want> = spec.wants.clone();
    for want in &mut wants {
        known.fill(&mut want.model);
    }
    let (live, unread) = (BTreeMap::new(), Vec::new());
    let (notes, secrets) = (Vec::new(), BTreeMap::new());
    let mut inventory = Inventory { place, live, unread, wants: Vec::new(), known, notes, secrets };
    let gone_over = kinds_gone_over(&wants);
    let (first, others): (Vec<_>, Vec<_>) =
        scopes_of_spec(&inventory.place, &wants).into_iter().partition(|(kind, _)| gone_over.contains(kind.as_str()));
    let of_rules = async {
        let (found, sources) = join(read(world, first), sources).await;
        absorb(&mut inventory, found);
        let made = expand(registry, &inventory.place, &wants, &inventory.live, &sources)?;
        let made = read(world, scopes_of_made(&inventory.place, &wants, &made.wants)).await;
        absorb(&mut inventory, made);
        Ok(())
    };
    let (of_rules, others) = join(of_rules, read(world, others)).await;
    of_rules.map_err(SurveyError::Unexpanded)?;
    absorb(&mut inventory, others);
    Ok(Here { inventory, wants })
}

/// Fills in what is known now that everything is read, and sets the secrets aside.
fn fill(registry: Registry, inventory: &mut Inventory) -> Result<(), SurveyError> {
    for Expanded { want, .. } in inventory.wants.iter().filter(|expanded| !expanded.want.absent) {
        let kind = registry.of(&want.address.kind);
        let mut outputs = kind.outputs(&want.address.name, &inventory.place);
        outputs.extend(kind.given(&want.model).map_err(Unexpanded::from).map_err(SurveyError::Unexpanded)?);
        inventory.known.add(Target::Resource(want.address.clone()), outputs);
    }
    for (address, seen) in &inventory.live {
        inventory.known.add(Target::Resource(address.clone()), seen.outputs.clone());
    }
    for Expanded { want, .. } in &mut inventory.wants {
        inventory.known.fill(&mut want.model);
        let mut secrets = Secrets::new();
        secret::collect(&want.model, "", &mut secrets);
        if !secrets.is_empty() {
            inventory.secrets.insert(want.address.clone(), secrets);
        }
    }
    Ok(())
}

/// What is asked of the sources, by region and kind.
fn scopes_of_sources(spec: &Spec) -> BTreeMap<(String, String), Scope<Value>> {
    let mut scopes: BTreeMap<(String, String), Scope<Value>> = BTreeMap::new();
    for want in &spec.wants {
        let Some(source) = &want.source else { continue };
        let scope = scopes.entry((source.region.clone(), want.address.kind.clone())).or_insert_with(|| Scope {
            place: Place {
                partition: names::partition(&source.region).to_owned(),
                region: source.region.clone(),
                account: spec.account.clone(),
                vpc: None,
            },
            wanted: Vec::new(),
            everything: false,
            source: true,
        });
        if want.is_one() {
            scope.wanted.push(Wanted { name: source.name.clone(), model: None, whole: true });
        } else {
            scope.everything = true;
        }
    }
    scopes
}

/// Reads sources, all at once.
async fn read_sources(world: &dyn World, scopes: Vec<((String, String), Scope<Value>)>) -> Sources {
    let reads = scopes.into_iter().map(|(key, scope)| async move {
        let result = world.observe(&key.1, scope).await;
        (key, result)
    });
    join_all(reads).await.into_iter().collect()
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
    for want in spec.wants.iter().filter(|want| want.is_one() && !want.absent) {
        let outputs = registry.of(&want.address.kind).outputs(&want.address.name, place);
        known.add(Target::Resource(want.address.clone()), outputs);
    }
    known
}

/// What is read at first: what the spec names, and all of the kinds of which it does not know the names.
fn scopes_of_spec(place: &Place, wants: &[Want]) -> Vec<(String, Scope<Value>)> {
    let everything = kinds_read_whole(wants);
    let mut kinds: BTreeSet<&str> = wants.iter().filter(|want| want.is_one()).map(kind_of).collect();
    kinds.extend(&everything);
    let scope = |kind: &str| {
        let named = wants.iter().filter(|want| want.is_one() && want.address.kind == kind);
        let everything = everything.contains(kind);
        Scope { place: place.clone(), wanted: named.map(wanted).collect(), everything, source: false }
    };
    kinds.into_iter().map(|kind| (kind.to_owned(), scope(kind))).collect()
}

/// What is read when rules have made names that were not known before.
fn scopes_of_made(place: &Place, wants: &[Want], expanded: &[Expanded]) -> Vec<(String, Scope<Value>)> {
    let everything = kinds_read_whole(wants);
    let named: BTreeSet<&Address> = wants.iter().filter(|want| want.is_one()).map(|want| &want.address).collect();
    let made = expanded.iter().map(|expanded| &expanded.want);
    let new = made.filter(|want| !everything.contains(kind_of(want)) && !named.contains(&want.address));
    scopes_of_names(place, new.map(|want| (kind_of(want), wanted(want))))
}

/// What is read of what a copy may have left behind: all that says where it came from.
fn scopes_of_orphans(place: &Place, orphans: &[Address]) -> Vec<(String, Scope<Value>)> {
    let whole = |orphan: &Address| Wanted { name: orphan.name.clone(), model: None, whole: true };
    scopes_of_names(place, orphans.iter().map(|orphan| (orphan.kind.as_str(), whole(orphan))))
}

fn scopes_of_names<'a>(
    place: &Place,
    names: impl Iterator<Item = (&'a str, Wanted<Value>)>,
) -> Vec<(String, Scope<Value>)> {
    let mut scopes: BTreeMap<String, Scope<Value>> = BTreeMap::new();
    for (kind, wanted) in names {
        let empty = || Scope { place: place.clone(), wanted: Vec::new(), everything: false, source: false };
        scopes.entry(kind.to_owned()).or_insert_with(empty).wanted.push(wanted);
    }
    scopes.into_iter().collect()
}

fn kind_of(want: &Want) -> &str {
    &want.address.kind
}

fn wanted(want: &Want) -> Wanted<Value> {
    let model = (!want.absent).then(|| want.model.clone());
    Wanted { name: want.address.name.clone(), model, whole: want.source.is_some() || want.whole }
}

/// The kinds of which every live resource matters: rules go over them, or patterns and copies stand for them.
fn kinds_read_whole(wants: &[Want]) -> BTreeSet<&str> {
    wants
        .iter()
        .filter_map(|want| match &want.stands {
            Stands::One => None,
            Stands::EveryLive | Stands::EveryOfSource => Some(kind_of(want)),
            Stands::ForEach(each) => Some(each.kind.as_str()),
        })
        .collect()
}

/// The kinds that rules go over.
fn kinds_gone_over(wants: &[Want]) -> BTreeSet<String> {
    let each = |want: &Want| match &want.stands {
        Stands::ForEach(each) => Some(each.kind.clone()),
        _ => None,
    };
    wants.iter().filter_map(each).collect()
}

/// What came of reading kinds.
type Found = Vec<(String, Result<Observation<Value>, Failure>)>;

/// Observes kinds, all at once.
async fn read(world: &dyn World, scopes: Vec<(String, Scope<Value>)>) -> Found {
    let reads = scopes.into_iter().map(|(kind, scope)| async move {
        let result = world.observe(&kind, scope).await;
        (kind, result)
    });
    join_all(reads).await
}

/// Puts what was read into the inventory; what could not be read is kept too.
fn absorb(inventory: &mut Inventory, found: Found) {
    for (kind, result) in found {
        match result {
            Ok(observation) => {
                for seen in observation.seen {
                    inventory.live.insert(Address::new(&kind, &seen.name), seen);
                }
                let unread = observation.unread.into_iter();
                inventory
                    .unread
                    .extend(unread.map(|(name, failure)| Unread { address: format!("{kind}/{name}"), failure }));
            }
            Err(failure) => inventory.unread.push(Unread { address: format!("{kind}/*"), failure }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_the_cause_that_the_code_tells() {
        let help = |class: FailureClass, code: &str| {
            let failure = Failure { code: Some(code.to_owned()), ..Failure::new(class, "T Call", "no") };
            help_by_code(&failure).unwrap_or_default()
        };
        for code in ["RequestTimeTooSkewed", "InvalidSignatureException", "SignatureDoesNotMatch", "RequestExpired"] {
            assert!(help(FailureClass::Credentials, code).contains("clock"), "{code}");
        }
        assert_eq!(help(FailureClass::Credentials, "ExpiredToken"), "");
        assert!(help(FailureClass::Invalid, "TopicLimitExceeded").contains("quota"));
        assert_eq!(help(FailureClass::Throttled, "RequestLimitExceeded"), "");
    }
}
