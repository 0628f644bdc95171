//! `s3.replication`: rules in a bucket's replication configuration, to which several specs may add.
//!
//! S3 keeps the rules of a bucket in one document that is put whole; a spec owns the rules that it
//! names by id, and the others are sent back as they came. The bucket may lie in another region.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_s3::Client;
use aws_sdk_s3::types as s3;
use regionctl_core::diff::{Diff, Phase};
use regionctl_core::kind::weight::{MISSING, Severity, Weight, When};
use regionctl_core::kind::{Facts, Kind, Notes};
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::StepTarget;
use regionctl_core::observe::scope::{LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Outputs;
use regionctl_core::resource::setting::Setting;
use regionctl_core::spec::names;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{CallError, if_found, if_set, unbuilt};
use crate::live::{Live, all_at_once};
use crate::session::Anywhere;

/// The kind `s3.replication`.
pub struct Replication;

/// What a person writes of a bucket's replication; the name is the bucket's.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "S3Replication")]
pub struct ReplicationSpec {
    /// The region of the bucket that is replicated.
    region: String,
    /// The ARN of the role that S3 replicates with, for a bucket that is not replicated yet. A role that is there is
    /// the other rules' too, and stays.
    role: Option<String>,
    /// The rules that this spec contributes, by id. Others stay as they are.
    rules: BTreeMap<String, RuleSpec>,
    /// Ids of rules that are to go.
    #[serde(default)]
    absent: BTreeSet<String>,
}

/// A rule.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "S3ReplicationRule")]
struct RuleSpec {
    /// The bucket that objects are copied to. Both buckets must keep versions.
    destination: String,
    /// The objects it is for; all where it is left out.
    #[serde(default)]
    prefix: String,
    /// Only objects with all of these tags; all where it is left out.
    #[serde(default)]
    tags: BTreeMap<String, String>,
    /// Of two rules for one object, the higher counts. Left out, it is the next one that is free.
    priority: Option<i32>,
    /// Whether what is deleted there is marked as deleted here. It is not where it is left out.
    #[serde(default)]
    delete_markers: bool,
    /// The storage class of the copies; the originals' where it is left out.
    storage_class: Option<StorageClass>,
}

/// The storage classes that copies can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum StorageClass {
    Standard,
    StandardIa,
    OnezoneIa,
    IntelligentTiering,
    GlacierIr,
    Glacier,
    DeepArchive,
}

/// A bucket's replication, desired or live.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReplicationModel {
    /// The bucket's name, so that it comes after the bucket where this spec makes that too.
    bucket: String,
    region: String,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    role: Setting<String>,
    rules: BTreeMap<String, Rule>,
    absent: BTreeSet<String>,
    /// Whether the bucket keeps versions, without which nothing is replicated; only live.
    versioned: bool,
    /// Whether the bucket is in the spec's own region, so that one apply may make it and turn its versioning on; only
    /// desired.
    local: bool,
}

/// A rule, desired or live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// The bucket's ARN.
    destination: String,
    prefix: String,
    /// Only objects with all of these tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
    priority: Option<i32>,
    delete_markers: bool,
    storage_class: Option<String>,
    enabled: bool,
}

/// A call.
#[derive(Debug, Serialize, Deserialize)]
pub enum ReplicationOp {
    /// Reads the rules that are there, merges this spec's, and puts them whole.
    PutBucketReplication {
        /// The bucket.
        bucket: String,
        /// The bucket's region.
        region: String,
        /// The role, for a bucket that has none.
        role: Option<String>,
        /// By id.
        rules: BTreeMap<String, Rule>,
        /// Ids that go.
        absent: BTreeSet<String>,
    },
}

impl Kind for Replication {
    const FACTS: Facts = Facts {
        name: "s3.replication",
        service: "S3",
        summary: "Rules by which a bucket is replicated, also one of another region: a spec adds its rules by id, and the others stay.",
        reads: &["GetBucketReplication", "GetBucketVersioning"],
        writes: &["PutBucketReplication"],
        // The call sends the bucket's live role where it has one, whatever the spec states.
        also: &[regionctl_core::kind::Need::always("iam:PassRole", crate::services::ROLES)],
        global: true,
        part_of: Some("s3.bucket"),
        weights: &[
            Weight { path: MISSING, when: When::Differs, severity: Severity::High, why: "nothing is replicated" },
            Weight {
                path: "rules*",
                when: When::Lacking,
                severity: Severity::High,
                why: "something is not replicated",
            },
            Weight { path: "role", when: When::Differs, severity: Severity::High, why: "another role replicates" },
        ],
        example: "
s3.replication:
  certificates:
    region: us-east-1
    role: arn:${partition}:iam::${account}:role/replicate-certificates
    rules:
      to-${region}: {destination: \"certificates-${region}\"}
",
        ..Facts::DEFAULT
    };

    type Spec = ReplicationSpec;
    type Model = ReplicationModel;
    type Op = ReplicationOp;

    fn desire(name: &str, spec: ReplicationSpec, notes: &mut Notes<'_>) -> ReplicationModel {
        if !names::is_region(&spec.region) {
            let message = format!("'{}' does not have the shape of a region's code", spec.region);
            notes.fault("region", message, "the region of the bucket that is replicated, such as us-east-1");
        }
        if spec.role.as_ref().is_some_and(|role| !role.starts_with("arn:") && !role.contains("${")) {
            notes.fault("role", "a role is named by its ARN", "one looks like arn:aws:iam::123456789012:role/name");
        }
        if spec.rules.is_empty() && spec.absent.is_empty() {
            notes.fault(
                "rules",
                "no rule is wanted and none is to go",
                "such as rules: {to-here: {destination: copies}}",
            );
        }
        for (id, rule) in &spec.rules {
            let at = format!("rules.{id}");
            if id.is_empty() || id.chars().count() > 255 {
                notes.fault(&at, "a rule's id has 1 to 255 characters", "shorten it");
            }
            if rule.destination == name {
                notes.fault(&at, "a bucket is not replicated to itself", "name another bucket");
            }
            if rule.priority.is_some_and(|priority| priority < 0) {
                notes.fault(&format!("{at}.priority"), "a priority is 0 or more", "the higher counts");
            }
            if spec.absent.contains(id) {
                notes.fault(&at, format!("'{id}' is wanted and to be absent"), "keep one of the two");
            }
        }
        let (partition, local) = (names::partition(&spec.region), spec.region == notes.region);
        let rule = |rule: RuleSpec| Rule {
            destination: format!("arn:{partition}:s3:::{}", rule.destination),
            prefix: rule.prefix,
            tags: rule.tags,
            priority: rule.priority,
            delete_markers: rule.delete_markers,
            storage_class: rule.storage_class.map(class_name),
            enabled: true,
        };
        ReplicationModel {
            bucket: name.to_owned(),
            region: spec.region,
            role: Setting::stated(spec.role),
            rules: spec.rules.into_iter().map(|(id, it)| (id, rule(it))).collect(),
            absent: spec.absent,
            versioned: true,
            local,
        }
    }

    fn region(want: &ReplicationModel) -> Option<String> {
        Some(want.region.clone())
    }

    /// Others' rules may change under a saved plan: they are sent along as they are then.
    fn relevant(want: Option<&ReplicationModel>, live: ReplicationModel) -> ReplicationModel {
        let Some(want) = want else { return live };
        let named = |id: &String| want.rules.contains_key(id) || want.absent.contains(id);
        let rules = live.rules.into_iter().filter(|(id, _)| named(id)).collect();
        ReplicationModel { rules, versioned: live.versioned || want.local, ..live }
    }

    fn claims(name: &str, model: &ReplicationModel) -> Vec<String> {
        model.rules.keys().chain(&model.absent).map(|id| format!("{name} rule {id}")).collect()
    }

    /// The role is passed to S3.
    fn also_needs(ReplicationOp::PutBucketReplication { role, .. }: &ReplicationOp) -> Vec<(&'static str, String)> {
        role.iter().map(|role| ("iam:PassRole", role.clone())).collect()
    }

    fn diff(want: &ReplicationModel, live: Option<&ReplicationModel>, out: &mut Diff<'_, ReplicationOp>) {
        let ReplicationModel { bucket, region, role, rules, absent, versioned: _, local } = want;
        let none = ReplicationModel { role: Setting::Unset, rules: BTreeMap::new(), ..want.clone() };
        let exists = live.is_some();
        let (birth, live) = (out.birth(), live.unwrap_or(&none));
        let new_role = role.value().filter(|_| !live.role.is_set());
        let mut covers = out.stated("role", new_role, None);
        for (id, rule) in rules {
            let there = live.rules.get(id);
            let Rule { destination, prefix, tags, priority, delete_markers, storage_class, enabled } = rule;
            let at = |part: &str| format!("rules.{id}.{part}");
            covers = covers
                .and(out.value(&at("destination"), destination, there.map(|it| &it.destination)))
                .and(out.value(&at("prefix"), prefix, there.map(|it| &it.prefix)))
                .and(out.value(&at("tags"), tags, there.map(|it| &it.tags)))
                .and(out.stated(&at("priority"), priority.as_ref(), there.and_then(|it| it.priority.as_ref())))
                .and(out.value(&at("delete_markers"), delete_markers, there.map(|it| &it.delete_markers)))
                .and(out.value(&at("storage_class"), storage_class, there.map(|it| &it.storage_class)))
                .and(out.value(&at("enabled"), enabled, there.map(|it| &it.enabled)));
        }
        for (id, there) in live.rules.iter().filter(|(id, _)| absent.contains(*id)) {
            covers = covers.and(out.gone(&format!("rules.{id}"), there));
        }
        if !exists && !local {
            out.never_made(&format!("there is no bucket {bucket} in {region}: create it first, or correct `region:`"));
        } else if !live.versioned && !local {
            out.blocked(
                &covers,
                "the bucket does not keep versions, and S3 replicates only what has them: turn versioning on",
            );
        } else if !live.role.is_set() && !role.is_set() {
            out.blocked(&covers, "the bucket is not replicated yet, so that a role is needed: state `role:`");
        }
        let op = ReplicationOp::PutBucketReplication {
            bucket: bucket.clone(),
            region: region.clone(),
            role: role.get(),
            rules: rules.clone(),
            absent: absent.clone(),
        };
        out.step(if birth.is_empty() { Phase::Change } else { Phase::Create }, birth.and(covers), op);
    }
}

fn class_name(class: StorageClass) -> String {
    match serde_json::to_value(class) {
        Ok(serde_json::Value::String(text)) => text,
        _ => String::new(),
    }
}

impl Live for Replication {
    type Api = Anywhere<Client>;

    async fn observe(api: &Anywhere<Client>, scope: &Scope) -> Result<Observation<ReplicationModel>, CallError> {
        let client = &api.at(&scope.location.region);
        let reads = scope.names.keys().map(|name| {
            let read = async move {
                let model = read(client, name, &scope.location).await?;
                Ok(model.map(|model| LiveResource::new(name, model, Outputs::new())))
            };
            (name.clone(), read)
        });
        Ok(all_at_once(reads).await)
    }

    async fn run(api: &Anywhere<Client>, target: &StepTarget, op: ReplicationOp) -> Result<Outputs, CallError> {
        let ReplicationOp::PutBucketReplication { bucket, region, role, rules, absent } = op;
        let (client, owner) = (api.at(&region), &target.location.account);
        let there = configuration(&client, &bucket, owner).await?;
        let (their_role, theirs) = there.map_or((None, Vec::new()), |it| (Some(it.role), it.rules));
        let merged = merge(theirs, rules, &absent)?;
        let configuration = s3::ReplicationConfiguration::builder()
            .role(their_role.or(role).unwrap_or_default())
            .set_rules(Some(merged))
            .build()
            .map_err(unbuilt)?;
        client
            .put_bucket_replication()
            .bucket(&bucket)
            .expected_bucket_owner(owner)
            .replication_configuration(configuration)
            .send()
            .await?;
        Ok(Outputs::new())
    }
}

async fn configuration(
    client: &Client,
    bucket: &str,
    owner: &str,
) -> Result<Option<s3::ReplicationConfiguration>, CallError> {
    let answer = client.get_bucket_replication().bucket(bucket).expected_bucket_owner(owner).send().await;
    Ok(if_set(answer.map_err(CallError::from))?.and_then(|answer| answer.replication_configuration))
}

async fn read(client: &Client, bucket: &str, location: &Location) -> Result<Option<ReplicationModel>, CallError> {
    let owner = &location.account;
    let versioning = client.get_bucket_versioning().bucket(bucket).expected_bucket_owner(owner).send();
    let (configuration, versioning) = tokio::join!(configuration(client, bucket, owner), versioning);
    let Some(versioning) = if_found(versioning.map_err(CallError::from))? else { return Ok(None) };
    let (role, rules) = configuration?.map_or((None, Vec::new()), |it| (Some(it.role), it.rules));
    // A rule without an id is somebody's of the first form; it is sent back as it came.
    let named = rules.into_iter().filter_map(|rule| rule.id.clone().map(|id| (id, rule)));
    let rules = named.map(|(id, rule)| Ok((id, model(&rule)?)));
    Ok(Some(ReplicationModel {
        bucket: bucket.to_owned(),
        region: location.region.clone(),
        role: Setting::live(role.filter(|role| !role.is_empty())),
        rules: rules.collect::<Result<_, CallError>>()?,
        absent: BTreeSet::new(),
        versioned: versioning.status() == Some(&s3::BucketVersioningStatus::Enabled),
        local: false,
    }))
}

fn model(rule: &s3::ReplicationRule) -> Result<Rule, CallError> {
    const CALL: &str = "S3 GetBucketReplication";
    let Some(destination) = &rule.destination else {
        return Err(CallError::unknown(CALL, "a rule without a destination:", rule.id().unwrap_or_default()));
    };
    let filter = rule.filter.as_ref();
    let and = filter.and_then(|filter| filter.and());
    let prefix = filter.and_then(|filter| filter.prefix()).or(and.and_then(|and| and.prefix()));
    let prefix = prefix.map(ToOwned::to_owned);
    let tags = and.map_or(&[][..], |and| and.tags()).iter().chain(filter.and_then(|filter| filter.tag()));
    let tags = tags.map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
    #[allow(deprecated)] // rules of the first form are still answered in it
    let prefix = prefix.or_else(|| rule.prefix.clone()).unwrap_or_default();
    let marked = rule.delete_marker_replication.as_ref().and_then(|it| it.status.as_ref());
    Ok(Rule {
        destination: destination.bucket.clone(),
        prefix,
        tags,
        priority: rule.priority,
        delete_markers: marked == Some(&s3::DeleteMarkerReplicationStatus::Enabled),
        storage_class: destination.storage_class.as_ref().map(|class| class.as_str().to_owned()),
        enabled: rule.status == s3::ReplicationRuleStatus::Enabled,
    })
}

/// The rules of others as they came, then this spec's. Priorities are unique in a bucket.
fn merge(
    theirs: Vec<s3::ReplicationRule>,
    mut ours: BTreeMap<String, Rule>,
    absent: &BTreeSet<String>,
) -> Result<Vec<s3::ReplicationRule>, CallError> {
    let mut next = theirs.iter().filter_map(|rule| rule.priority).max().unwrap_or(0) + 1;
    let mut merged = Vec::new();
    for rule in theirs {
        let id = rule.id.clone().unwrap_or_default();
        match ours.remove(&id) {
            Some(own) => {
                let priority = own.priority.or(rule.priority).unwrap_or(next);
                merged.push(sdk(&id, &own, priority, Some(rule))?);
            }
            None if absent.contains(&id) => {}
            None => merged.push(rule),
        }
    }
    for (id, own) in ours {
        merged.push(sdk(&id, &own, own.priority.unwrap_or(next), None)?);
        next += 1;
    }
    Ok(merged)
}

/// What a spec says of a rule, over what is there of it: replication time, metrics, encryption, ownership and the
/// selection of encrypted objects are kept, as PutBucketReplication replaces the rule as a whole.
fn sdk(
    id: &str,
    rule: &Rule,
    priority: i32,
    live: Option<s3::ReplicationRule>,
) -> Result<s3::ReplicationRule, CallError> {
    let Rule { destination, prefix, tags, priority: _, delete_markers, storage_class, enabled } = rule;
    let (there, criteria) = live.map_or((None, None), |live| (live.destination, live.source_selection_criteria));
    let kept = there.filter(|there| there.bucket == *destination);
    let new = || s3::Destination::builder().bucket(destination).build().map_err(unbuilt);
    let mut destination = kept.map_or_else(new, Ok)?;
    destination.storage_class = storage_class.as_deref().map(s3::StorageClass::from);
    let marked = if *delete_markers {
        s3::DeleteMarkerReplicationStatus::Enabled
    } else {
        s3::DeleteMarkerReplicationStatus::Disabled
    };
    let status = if *enabled { s3::ReplicationRuleStatus::Enabled } else { s3::ReplicationRuleStatus::Disabled };
    s3::ReplicationRule::builder()
        .id(id)
        .priority(priority)
        .filter(filter(prefix, tags)?)
        .status(status)
        .destination(destination)
        .delete_marker_replication(s3::DeleteMarkerReplication::builder().status(marked).build())
        .set_source_selection_criteria(criteria)
        .build()
        .map_err(unbuilt)
}

/// A filter by more than a prefix is an `And` (ReplicationRuleFilter).
fn filter(prefix: &str, tags: &BTreeMap<String, String>) -> Result<s3::ReplicationRuleFilter, CallError> {
    if tags.is_empty() {
        return Ok(s3::ReplicationRuleFilter::builder().prefix(prefix).build());
    }
    let tag = |(key, value)| s3::Tag::builder().key(key).value(value).build().map_err(unbuilt);
    let tags = tags.iter().map(tag).collect::<Result<Vec<_>, _>>()?;
    let and = s3::ReplicationRuleAndOperator::builder().prefix(prefix).set_tags(Some(tags)).build();
    Ok(s3::ReplicationRuleFilter::builder().and(and).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_of_others_stay_and_a_new_one_takes_the_next_priority() {
        let rule = |prefix: &str, priority| Rule {
            destination: "arn:aws:s3:::copies".to_owned(),
            prefix: prefix.to_owned(),
            tags: BTreeMap::new(),
            priority,
            delete_markers: false,
            storage_class: None,
            enabled: true,
        };
        let theirs = sdk("theirs", &rule("a/", None), 7, None).unwrap();
        let ours = BTreeMap::from([("ours".to_owned(), rule("", None))]);
        let merged = merge(vec![theirs.clone()], ours, &BTreeSet::new()).unwrap();
        assert_eq!(merged[0], theirs);
        assert_eq!((merged[1].id(), merged[1].priority()), (Some("ours"), Some(8)));
    }

    /// What somebody set on a rule of ours beside what a spec says stays when the rule is written again.
    #[test]
    fn a_rule_keeps_what_a_spec_does_not_say() {
        let metrics = s3::Metrics::builder().status(s3::MetricsStatus::Enabled).build().unwrap();
        let destination = s3::Destination::builder().bucket("arn:aws:s3:::copies").account("2").metrics(metrics);
        let live = s3::ReplicationRule::builder()
            .id("a")
            .priority(3)
            .filter(filter("x/", &BTreeMap::from([("k".to_owned(), "v".to_owned())])).unwrap())
            .status(s3::ReplicationRuleStatus::Enabled)
            .destination(destination.build().unwrap())
            .source_selection_criteria(s3::SourceSelectionCriteria::builder().build())
            .build()
            .unwrap();
        let read = model(&live).unwrap();
        assert_eq!((read.prefix.as_str(), read.tags.len()), ("x/", 1));
        let own = Rule { delete_markers: true, ..read };
        let merged = merge(vec![live.clone()], BTreeMap::from([("a".to_owned(), own)]), &BTreeSet::new()).unwrap();
        assert_eq!(merged[0].destination, live.destination);
        assert_eq!(merged[0].source_selection_criteria, live.source_selection_criteria);
        assert_eq!((merged[0].filter.clone(), merged[0].priority), (live.filter, Some(3)));
    }
}
