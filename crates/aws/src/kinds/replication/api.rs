// SPDX-License-Identifier: Apache-2.0
//! Reads replication configurations and runs the calls that change them.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_s3::Client;
use aws_sdk_s3::types as s3;
use regionctl_core::observe::failure::FailureClass;
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::StepTarget;
use regionctl_core::observe::scope::{Extra, LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;

use super::elements::{UnknownElements, changes_meaning};
use super::merge::merge;
use super::rules::{ReplicationRule, from_sdk};
use super::{Replication, ReplicationModel, ReplicationOp};
use crate::error::{CallError, build_error, if_found, if_set};
use crate::live::{Live, read_concurrently};
use crate::session::Anywhere;

const GET: &str = "S3 GetBucketReplication";

impl Live for Replication {
    type Api = Anywhere<Client>;

    async fn observe(api: &Anywhere<Client>, scope: &Scope) -> Result<Observation<ReplicationModel>, CallError> {
        let client = &api.at(&scope.location.region);
        let reads = scope.names.keys().map(|name| (name.clone(), async { read(client, name, &scope.location).await }));
        Ok(read_concurrently(reads).await)
    }

    async fn run(api: &Anywhere<Client>, target: &StepTarget, op: ReplicationOp) -> Result<Attributes, CallError> {
        let (bucket, region, role, rules, absent) = match op {
            ReplicationOp::PutBucketReplication { bucket, region, role, rules, absent } => {
                (bucket, region, role, rules, absent)
            }
            ReplicationOp::DeleteBucketReplication { bucket, region, absent } => {
                (bucket, region, None, BTreeMap::new(), absent)
            }
        };
        let client = api.at(&region);
        let here = api.at(&target.location.region);
        let change = Change { client: &client, here: &here, bucket: &bucket, owner: &target.location.account };
        change.run(role, rules, &absent).await?;
        Ok(Attributes::new())
    }
}

/// A change of a bucket's replication configuration.
struct Change<'a> {
    client: &'a Client,
    /// The client of the spec's region, in which the destination usually is.
    here: &'a Client,
    bucket: &'a str,
    owner: &'a str,
}

impl Change<'_> {
    async fn run(
        &self,
        role: Option<String>,
        rules: BTreeMap<String, ReplicationRule>,
        absent: &BTreeSet<String>,
    ) -> Result<(), CallError> {
        let (current, unknown) = configuration(self.client, self.bucket, self.owner).await?;
        if let Some(element) = unknown.first() {
            return Err(CallError::unknown(GET, "the element", element));
        }
        let Some(current) = current else {
            return self.put(role, merge(Vec::new(), rules, absent)?).await;
        };
        let role = Some(current.role).filter(|role| !role.is_empty()).or(role);
        self.put(role, merge(current.rules, rules, absent)?).await
    }

    /// Puts the rules. S3 rejects a configuration without rules, so the configuration is deleted then
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketReplication.html>).
    async fn put(&self, role: Option<String>, rules: Vec<s3::ReplicationRule>) -> Result<(), CallError> {
        let (client, bucket, owner) = (self.client, self.bucket, self.owner);
        if rules.is_empty() {
            client.delete_bucket_replication().bucket(bucket).expected_bucket_owner(owner).send().await?;
            return Ok(());
        }
        let destinations: Vec<String> =
            rules.iter().filter_map(|rule| Some(rule.destination.as_ref()?.bucket.clone())).collect();
        let configuration = s3::ReplicationConfiguration::builder()
            .role(role.unwrap_or_default())
            .set_rules(Some(rules))
            .build()
            .map_err(build_error)?;
        let call = client.put_bucket_replication().bucket(bucket).expected_bucket_owner(owner);
        match call.replication_configuration(configuration).send().await.map_err(CallError::from) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.or_not_ready(error, &destinations).await),
        }
    }

    /// Classifies the failure as "not ready" if S3 has not propagated that versioning was turned on. This can take 15
    /// minutes (S3 User Guide, "Enabling versioning on buckets").
    async fn or_not_ready(&self, error: CallError, destinations: &[String]) -> CallError {
        // S3 has no error code of its own for this, so only the message tells it from an invalid configuration.
        if !error.is("InvalidRequest") || !error.0.message.to_ascii_lowercase().contains("versioning") {
            return error;
        }
        let is_of_destination = error.0.message.starts_with("Destination");
        let of_source = [self.bucket.to_owned()];
        let names = destinations.iter().filter_map(|arn| arn.rsplit(':').next()).map(ToOwned::to_owned).collect();
        let (client, buckets) =
            if is_of_destination { (self.here, names) } else { (self.client, Vec::from(of_source)) };
        for bucket in buckets {
            let versioning = client.get_bucket_versioning().bucket(bucket).send().await.map_err(CallError::from);
            match versioning {
                Ok(answer) if answer.status() == Some(&s3::BucketVersioningStatus::Enabled) => {}
                Ok(_) => return error,
                // A destination in another region or account cannot be read here, so it is retried for a shorter time.
                Err(_) => return with_class(error, FailureClass::Conflict),
            }
        }
        with_class(error, FailureClass::NotReady)
    }
}

fn with_class(mut error: CallError, class: FailureClass) -> CallError {
    error.0.class = class;
    error
}

/// Reads a bucket's replication configuration, `None` if it has none, and the names of its elements that the SDK drops.
async fn configuration(
    client: &Client,
    bucket: &str,
    owner: &str,
) -> Result<(Option<s3::ReplicationConfiguration>, Vec<String>), CallError> {
    let unknown = UnknownElements::default();
    let call = client.get_bucket_replication().bucket(bucket).expected_bucket_owner(owner);
    let answer = call.customize().interceptor(unknown.clone()).send().await;
    let found = if_set(answer.map_err(CallError::from))?.and_then(|answer| answer.replication_configuration);
    Ok((found, unknown.names()))
}

async fn read(
    client: &Client,
    bucket: &str,
    location: &Location,
) -> Result<Option<LiveResource<ReplicationModel>>, CallError> {
    let owner = &location.account;
    let versioning = client.get_bucket_versioning().bucket(bucket).expected_bucket_owner(owner).send();
    let (configuration, versioning) = tokio::join!(configuration(client, bucket, owner), versioning);
    let Some(versioning) = if_found(versioning.map_err(CallError::from))? else { return Ok(None) };
    let (configuration, unknown) = configuration?;
    if let Some(element) = unknown.iter().find(|name| changes_meaning(name)) {
        return Err(CallError::unknown(GET, "the element", element));
    }
    let (role, rules) = configuration.map_or((None, Vec::new()), |it| (Some(it.role), it.rules));
    let mut by_id = BTreeMap::new();
    for rule in &rules {
        // S3 assigns an id to a rule without one.
        let id = rule.id().ok_or_else(|| CallError::unknown(GET, "a rule without an id in the bucket", bucket))?;
        by_id.insert(id.to_owned(), from_sdk(rule)?);
    }
    let status = versioning.status().map(s3::BucketVersioningStatus::as_str);
    let versioned = match status {
        Some("Enabled") => true,
        None | Some("Suspended") => false,
        Some(other) => return Err(CallError::unknown("S3 GetBucketVersioning", "the status", other)),
    };
    let model = ReplicationModel {
        bucket: bucket.to_owned(),
        region: location.region.clone(),
        role: Setting::live(role.filter(|role| !role.is_empty())),
        rules: by_id,
        absent: BTreeSet::new(),
        versioned,
        local: false,
    };
    let mfa = versioning.mfa_delete().filter(|status| **status == s3::MfaDeleteStatus::Enabled);
    let mfa = mfa.map(|status| Extra::kept("mfa_delete", status.as_str()));
    let lost = unknown.iter().map(|name| Extra::lost(format!("rules.{name}"), "(not known)"));
    let extras = mfa.into_iter().chain(lost).collect();
    Ok(Some(LiveResource::new(bucket, model, Attributes::new()).with_extras(extras)))
}
