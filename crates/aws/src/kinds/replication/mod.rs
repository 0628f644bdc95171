// SPDX-License-Identifier: Apache-2.0
//! `s3.replication`: rules in a bucket's replication configuration. Several specs can contribute rules to one bucket,
//! and the bucket can be in another region. PutBucketReplication replaces the whole configuration
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketReplication.html>): regionctl writes the rules
//! whose ids the spec names and sends the others back unchanged.

mod rules;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_s3::Client;
use aws_sdk_s3::types as s3;
use regionctl_core::diff::{Diff, Phase};
use regionctl_core::kind::weight::{MISSING, Severity, Weight, When};
use regionctl_core::kind::{Facts, Kind, Notes};
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::StepTarget;
use regionctl_core::observe::scope::{LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;
use regionctl_core::spec::names;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use rules::{merge, model};

use crate::error::{CallError, build_error, if_found, if_set};
use crate::live::{Live, read_concurrently};
use crate::session::Anywhere;

/// The kind `s3.replication`.
pub struct Replication;

/// Replication rules of an S3 bucket. The resource's name is the name of the source bucket.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "S3Replication")]
pub struct ReplicationSpec {
    /// The region of the source bucket.
    region: String,
    /// The ARN of the IAM role that S3 assumes to replicate objects. Required if the bucket has no replication
    /// configuration. An existing role applies to all rules of the bucket and is kept.
    role: Option<String>,
    /// The replication rules of this spec, by rule id. Other rules on the bucket are kept.
    rules: BTreeMap<String, ReplicationRuleSpec>,
    /// Ids of rules to remove.
    #[serde(default)]
    absent: BTreeSet<String>,
}

/// One replication rule.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "S3ReplicationRule")]
struct ReplicationRuleSpec {
    /// The name of the destination bucket. Versioning must be enabled on both buckets.
    destination: String,
    /// Replicates only objects whose key starts with this prefix. Default: all objects.
    #[serde(default)]
    prefix: String,
    /// Replicates only objects that have all of these tags. Default: objects with any tags.
    #[serde(default)]
    tags: BTreeMap<String, String>,
    /// The priority, 0 or more: if rules conflict, S3 applies the rule with the highest priority. Default: the rule's
    /// live priority, or the next free one for a new rule.
    priority: Option<i32>,
    /// Whether S3 replicates delete markers to the destination bucket. Default: false.
    #[serde(default)]
    delete_markers: bool,
    /// The storage class of the replicas. Default: the storage class of the source object.
    storage_class: Option<StorageClass>,
}

/// The storage class of replicas.
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

/// A bucket's replication configuration, desired or live.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReplicationModel {
    /// The source bucket's name. It orders this resource after the bucket if the spec creates both.
    bucket: String,
    region: String,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    role: Setting<String>,
    rules: BTreeMap<String, ReplicationRule>,
    absent: BTreeSet<String>,
    /// Whether versioning is enabled on the source bucket, which S3 requires for replication; meaningful only in a live
    /// model.
    versioned: bool,
    /// Whether the source bucket is in the spec's region, so that the same apply can create it and enable versioning;
    /// meaningful only in a desired model.
    local: bool,
}

/// A replication rule, desired or live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicationRule {
    /// The destination bucket's ARN.
    destination: String,
    prefix: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
    priority: Option<i32>,
    delete_markers: bool,
    storage_class: Option<String>,
    enabled: bool,
}

/// The S3 API call that changes a bucket's replication configuration.
#[derive(Debug, Serialize, Deserialize)]
pub enum ReplicationOp {
    /// Reads the live configuration, merges the spec's rules into it, and puts the result.
    PutBucketReplication {
        /// The source bucket's name.
        bucket: String,
        /// The source bucket's region, to which the call is sent.
        region: String,
        /// The ARN of the IAM role that S3 assumes. Used only if the live configuration has none.
        role: Option<String>,
        /// The spec's rules, by rule id.
        rules: BTreeMap<String, ReplicationRule>,
        /// Ids of rules to remove.
        absent: BTreeSet<String>,
    },
}

impl Kind for Replication {
    const FACTS: Facts = Facts {
        name: "s3.replication",
        service: "S3",
        summary: "Replication rules of a bucket in any region, by rule id. Rules that the spec does not name are kept.",
        reads: &["GetBucketReplication", "GetBucketVersioning"],
        writes: &["PutBucketReplication"],
        // The call passes the bucket's live role if it has one, so the spec's role alone is not enough for the policy.
        also: &[regionctl_core::kind::Need::always("iam:PassRole", crate::services::ROLES)],
        global: true,
        part_of: Some("s3.bucket"),
        weights: &[
            Weight { path: MISSING, when: When::Differs, severity: Severity::High, why: "nothing is replicated" },
            Weight {
                path: "rules*",
                when: When::Lacking,
                severity: Severity::High,
                why: "some objects are not replicated",
            },
            Weight {
                path: "role",
                when: When::Differs,
                severity: Severity::High,
                why: "the replication role differs from the spec",
            },
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
            let message = format!("'{}' is not a region code", spec.region);
            notes.fault("region", message, "use the region of the source bucket, such as us-east-1");
        }
        if let Some(role) = spec.role.as_ref().filter(|role| !role.starts_with("arn:") && !role.contains("${")) {
            let message = format!("'{role}' is not an ARN");
            notes.fault("role", message, "use the role's ARN, such as arn:aws:iam::123456789012:role/name");
        }
        if spec.rules.is_empty() && spec.absent.is_empty() {
            notes.fault(
                "rules",
                "`rules` and `absent` are both empty",
                "add a rule, such as `rules: {to-here: {destination: copies}}`",
            );
        }
        for (id, rule) in &spec.rules {
            let at = format!("rules.{id}");
            if id.is_empty() || id.chars().count() > 255 {
                notes.fault(&at, "a rule id must have 1 to 255 characters", "change the rule id");
            }
            if rule.destination == name {
                notes.fault(&at, "the destination is the source bucket", "set `destination` to another bucket");
            }
            if rule.priority.is_some_and(|priority| priority < 0) {
                notes.fault(&format!("{at}.priority"), "the priority is negative", "use 0 or a higher number");
            }
            if spec.absent.contains(id) {
                notes.fault(&at, format!("rule '{id}' is in both `rules` and `absent`"), "remove one of the two");
            }
        }
        let (partition, local) = (names::partition(&spec.region), spec.region == notes.region);
        let rule = |rule: ReplicationRuleSpec| ReplicationRule {
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

    /// Leaves out rules that the spec does not name: the call reads and sends them back at apply time, so a change to
    /// them does not invalidate a saved plan.
    fn relevant(want: Option<&ReplicationModel>, live: ReplicationModel) -> ReplicationModel {
        let Some(want) = want else { return live };
        let named = |id: &String| want.rules.contains_key(id) || want.absent.contains(id);
        let rules = live.rules.into_iter().filter(|(id, _)| named(id)).collect();
        ReplicationModel { rules, versioned: live.versioned || want.local, ..live }
    }

    fn claims(name: &str, model: &ReplicationModel) -> Vec<String> {
        model.rules.keys().chain(&model.absent).map(|id| format!("{name} rule {id}")).collect()
    }

    /// Returns `iam:PassRole`: the call passes the role to S3.
    fn also_needs(ReplicationOp::PutBucketReplication { role, .. }: &ReplicationOp) -> Vec<(&'static str, String)> {
        role.iter().map(|role| ("iam:PassRole", role.clone())).collect()
    }

    fn diff(want: &ReplicationModel, live: Option<&ReplicationModel>, out: &mut Diff<'_, ReplicationOp>) {
        let ReplicationModel { bucket, region, role, rules, absent, versioned: _, local } = want;
        let none = ReplicationModel { role: Setting::Unset, rules: BTreeMap::new(), ..want.clone() };
        let exists = live.is_some();
        let (creation, live) = (out.creation(), live.unwrap_or(&none));
        let new_role = role.value().filter(|_| !live.role.is_set());
        let mut covers = out.stated("role", new_role, None);
        for (id, rule) in rules {
            let current = live.rules.get(id);
            let ReplicationRule { destination, prefix, tags, priority, delete_markers, storage_class, enabled } = rule;
            let at = |part: &str| format!("rules.{id}.{part}");
            covers = covers
                .and(out.value(&at("destination"), destination, current.map(|it| &it.destination)))
                .and(out.value(&at("prefix"), prefix, current.map(|it| &it.prefix)))
                .and(out.value(&at("tags"), tags, current.map(|it| &it.tags)))
                .and(out.stated(&at("priority"), priority.as_ref(), current.and_then(|it| it.priority.as_ref())))
                .and(out.value(&at("delete_markers"), delete_markers, current.map(|it| &it.delete_markers)))
                .and(out.value(&at("storage_class"), storage_class, current.map(|it| &it.storage_class)))
                .and(out.value(&at("enabled"), enabled, current.map(|it| &it.enabled)));
        }
        for (id, rule) in live.rules.iter().filter(|(id, _)| absent.contains(*id)) {
            covers = covers.and(out.gone(&format!("rules.{id}"), rule));
        }
        if !exists && !local {
            out.never_made(&format!(
                "the bucket '{bucket}' does not exist in {region}: create it first, or correct `region`"
            ));
        } else if !live.versioned && !local {
            out.blocked(
                &covers,
                "versioning is not enabled on the source bucket: enable it, S3 replication requires it",
            );
        } else if !live.role.is_set() && !role.is_set() {
            out.blocked(&covers, "the bucket has no replication role: set `role`");
        }
        let op = ReplicationOp::PutBucketReplication {
            bucket: bucket.clone(),
            region: region.clone(),
            role: role.get(),
            rules: rules.clone(),
            absent: absent.clone(),
        };
        out.step(if creation.is_empty() { Phase::Change } else { Phase::Create }, creation.and(covers), op);
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
                Ok(model.map(|model| LiveResource::new(name, model, Attributes::new())))
            };
            (name.clone(), read)
        });
        Ok(read_concurrently(reads).await)
    }

    async fn run(api: &Anywhere<Client>, target: &StepTarget, op: ReplicationOp) -> Result<Attributes, CallError> {
        let ReplicationOp::PutBucketReplication { bucket, region, role, rules, absent } = op;
        let (client, owner) = (api.at(&region), &target.location.account);
        let current = configuration(&client, &bucket, owner).await?;
        let (current_role, current_rules) = current.map_or((None, Vec::new()), |it| (Some(it.role), it.rules));
        let merged = merge(current_rules, rules, &absent)?;
        let configuration = s3::ReplicationConfiguration::builder()
            .role(current_role.or(role).unwrap_or_default())
            .set_rules(Some(merged))
            .build()
            .map_err(build_error)?;
        client
            .put_bucket_replication()
            .bucket(&bucket)
            .expected_bucket_owner(owner)
            .replication_configuration(configuration)
            .send()
            .await?;
        Ok(Attributes::new())
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
    // A rule without an id cannot be one of the spec's. `merge` keeps it.
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
