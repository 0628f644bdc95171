//! Reading a bucket's stated sub-configurations, all at once, and the calls that change them.
//!
//! Every call names the account that must own the bucket, so that a name taken by somebody else is
//! never written to.

use aws_sdk_s3::Client;
use aws_sdk_s3::types as s3;
use regionctl_core::model::policy::Policy;
use regionctl_core::model::tags::{Tags, is_aws};
use regionctl_core::observe::failure::{Failure, FailureClass};
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::StepTarget;
use regionctl_core::observe::scope::{Depth, LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Outputs;

use super::config::{
    Algorithm, CorsRule, Encryption, LifecycleRule, Logging, Method, Ownership, PublicAccessBlock, Transition,
    Versioning, sorted_by_id,
};
use super::{Bucket, BucketModel, BucketOp};
use crate::error::{CallError, done_if, if_found, if_set, unbuilt};
use crate::live::{Live, all_at_once, names_of};
use crate::tags::collect;
use regionctl_core::kind::Kind;

impl Live for Bucket {
    type Api = Client;

    async fn observe(api: &Client, scope: &Scope) -> Result<Observation<BucketModel>, CallError> {
        let reads = scope.names.iter().map(|(name, depth)| {
            let bucket = At { api, name, owner: &scope.location.account };
            let read = async move {
                let model = Box::pin(bucket.read(depth, &scope.location.region)).await?;
                Ok(model.map(|model| LiveResource::new(name, model, Self::outputs(name, &scope.location))))
            };
            (name.clone(), read)
        });
        Ok(all_at_once(reads).await)
    }

    /// Buckets of other regions are left out by S3, or here where it does not know the filter.
    async fn list(api: &Client, location: &Location) -> Result<Vec<String>, CallError> {
        let buckets =
            api.list_buckets().bucket_region(&location.region).max_buckets(1000).into_paginator().items().send();
        names_of(buckets, |bucket| {
            let elsewhere = bucket.bucket_region().is_some_and(|region| region != location.region);
            bucket.name.filter(|_| !elsewhere)
        })
        .await
    }

    async fn run(api: &Client, target: &StepTarget, op: BucketOp) -> Result<Outputs, CallError> {
        let bucket = At { api, name: &target.name, owner: &target.location.account };
        bucket.run(op, &target.location.region).await?;
        Ok(Self::outputs(&target.name, &target.location))
    }
}

/// A bucket and the account that must own it.
struct At<'a> {
    api: &'a Client,
    name: &'a str,
    owner: &'a str,
}

/// Starts a request on this bucket for its owner.
macro_rules! on {
    ($at:expr, $call:ident) => {
        $at.api.$call().bucket($at.name).expected_bucket_owner($at.owner)
    };
}

/// Sends a read if the spec states the part, and turns AWS's "there is none" into `None`.
macro_rules! read_if {
    ($at:expr, $depth:ident.$part:ident, $call:ident) => {
        async {
            if !$depth.reads(stringify!($part)) {
                return Ok(None);
            }
            if_set(on!($at, $call).send().await.map_err(CallError::from))
        }
    };
}

impl At<'_> {
    async fn read(&self, depth: &Depth, region: &str) -> Result<Option<BucketModel>, CallError> {
        let head = async { if_found(on!(self, head_bucket).send().await.map_err(CallError::from)) };
        let (head, block, ownership, encryption, versioning, policy, lifecycle, cors, logging, tags) = tokio::join!(
            head,
            read_if!(self, depth.public_access_block, get_public_access_block),
            read_if!(self, depth.ownership, get_bucket_ownership_controls),
            read_if!(self, depth.encryption, get_bucket_encryption),
            read_if!(self, depth.versioning, get_bucket_versioning),
            read_if!(self, depth.policy, get_bucket_policy),
            read_if!(self, depth.lifecycle, get_bucket_lifecycle_configuration),
            read_if!(self, depth.cors, get_bucket_cors),
            read_if!(self, depth.logging, get_bucket_logging),
            read_if!(self, depth.tags, get_bucket_tagging),
        );
        let Some(head) = head.map_err(|error| self.not_ours(error))? else { return Ok(None) };
        self.check_region(head.bucket_region(), region)?;
        let rules = |rules: Vec<s3::LifecycleRule>| sorted_by_id(rules.into_iter().map(lifecycle_rule).collect());
        Ok(Some(BucketModel {
            public_access_block: block?
                .and_then(|answer| answer.public_access_block_configuration)
                .map(|block| public_access_block(&block)),
            ownership: ownership?.and_then(|answer| answer.ownership_controls).and_then(|rule| ownership_of(&rule)),
            encryption: encryption?
                .and_then(|answer| answer.server_side_encryption_configuration)
                .and_then(|rule| encryption_of(&rule)),
            versioning: versioning?.and_then(|answer| answer.status).and_then(|status| versioning_of(&status)),
            policy: policy?.and_then(|answer| answer.policy).and_then(|policy| Policy::from_aws(&policy).ok()),
            lifecycle: lifecycle?.and_then(|answer| answer.rules).map(rules),
            cors: cors?.and_then(|answer| answer.cors_rules).map(|rules| rules.into_iter().map(cors_rule).collect()),
            logging: logging?
                .and_then(|answer| answer.logging_enabled)
                .map(|target| Logging { bucket: target.target_bucket, prefix: target.target_prefix }),
            tags: tags?.map(|answer| collect(answer.tag_set().iter().map(|tag| (Some(tag.key()), Some(tag.value()))))),
        }))
    }

    /// HeadBucket answers without a word: 403 when a bucket belongs to another account, 301 when it is
    /// in another region.
    fn not_ours(&self, mut error: CallError) -> CallError {
        let Self { name, owner, .. } = self;
        match error.0.class {
            FailureClass::Denied => {
                error.0.class = FailureClass::Taken;
                error.0.message =
                    format!("the bucket {name} belongs to another account, or its policy shuts account {owner} out");
            }
            FailureClass::Taken => error.0.message = format!("the bucket {name} exists in another region"),
            _ => {}
        }
        error
    }

    fn check_region(&self, found: Option<&str>, region: &str) -> Result<(), CallError> {
        match found {
            Some(found) if found != region => Err(CallError(Failure::new(
                FailureClass::Taken,
                "S3 HeadBucket",
                format!("the bucket {} exists in {found}, not in {region}", self.name),
            ))),
            _ => Ok(()),
        }
    }

    async fn run(&self, op: BucketOp, region: &str) -> Result<(), CallError> {
        match op {
            BucketOp::CreateBucket => self.create(region).await?,
            BucketOp::PutPublicAccessBlock(block) => {
                let configuration = s3::PublicAccessBlockConfiguration::builder()
                    .block_public_acls(block.block_public_acls)
                    .ignore_public_acls(block.ignore_public_acls)
                    .block_public_policy(block.block_public_policy)
                    .restrict_public_buckets(block.restrict_public_buckets)
                    .build();
                on!(self, put_public_access_block).public_access_block_configuration(configuration).send().await?;
            }
            BucketOp::PutBucketOwnershipControls(ownership) => {
                let rule = s3::OwnershipControlsRule::builder().object_ownership(ownership_to_sdk(ownership)).build();
                let controls = s3::OwnershipControls::builder().rules(rule.map_err(unbuilt)?).build();
                on!(self, put_bucket_ownership_controls).ownership_controls(controls.map_err(unbuilt)?).send().await?;
            }
            BucketOp::PutBucketEncryption(encryption) => {
                let configuration = encryption_to_sdk(encryption, self.blocked_encryption_types().await?)?;
                on!(self, put_bucket_encryption).server_side_encryption_configuration(configuration).send().await?;
            }
            BucketOp::PutBucketVersioning(versioning) => {
                let status = match versioning {
                    Versioning::Enabled => s3::BucketVersioningStatus::Enabled,
                    Versioning::Suspended => s3::BucketVersioningStatus::Suspended,
                };
                let configuration = s3::VersioningConfiguration::builder().status(status).build();
                on!(self, put_bucket_versioning).versioning_configuration(configuration).send().await?;
            }
            BucketOp::PutBucketPolicy(policy) => {
                on!(self, put_bucket_policy).policy(policy.to_aws()).send().await?;
            }
            BucketOp::PutBucketLifecycleConfiguration(rules) => self.lifecycle(rules).await?,
            BucketOp::DeleteBucketLifecycle => {
                on!(self, delete_bucket_lifecycle).send().await?;
            }
            BucketOp::PutBucketCors(rules) => {
                let rules = rules.into_iter().map(cors_to_sdk).collect::<Result<_, _>>()?;
                let configuration = s3::CorsConfiguration::builder().set_cors_rules(Some(rules)).build();
                on!(self, put_bucket_cors).cors_configuration(configuration.map_err(unbuilt)?).send().await?;
            }
            BucketOp::DeleteBucketCors => {
                on!(self, delete_bucket_cors).send().await?;
            }
            BucketOp::PutBucketTagging(tags) => self.tag(tags).await?,
            BucketOp::PutBucketLogging(target) => self.log_into(target).await?,
        }
        Ok(())
    }

    /// us-east-1 takes no LocationConstraint, every other region needs one.
    async fn create(&self, region: &str) -> Result<(), CallError> {
        let constraint = || {
            let location = s3::BucketLocationConstraint::from(region);
            s3::CreateBucketConfiguration::builder().location_constraint(location).build()
        };
        let configuration = (region != "us-east-1").then(constraint);
        let made =
            self.api.create_bucket().bucket(self.name).set_create_bucket_configuration(configuration).send().await;
        done_if(made.map(|_| ()).map_err(CallError::from), "BucketAlreadyOwnedByYou")
    }

    /// PutBucketEncryption replaces the rule, and with it which encryption uploads may not bring: what is
    /// blocked (SSE-C, in new buckets) stays blocked.
    async fn blocked_encryption_types(&self) -> Result<Option<s3::BlockedEncryptionTypes>, CallError> {
        let there = if_set(on!(self, get_bucket_encryption).send().await.map_err(CallError::from))?;
        let rules = there.and_then(|answer| answer.server_side_encryption_configuration).map(|it| it.rules);
        Ok(rules.into_iter().flatten().find_map(|rule| rule.blocked_encryption_types))
    }

    /// PutBucketLifecycleConfiguration sets the smallest size that is moved to AWS's default unless it
    /// is said again.
    async fn lifecycle(&self, rules: Vec<LifecycleRule>) -> Result<(), CallError> {
        let there = if_set(on!(self, get_bucket_lifecycle_configuration).send().await.map_err(CallError::from))?;
        let rules = rules.into_iter().map(lifecycle_to_sdk).collect::<Result<_, _>>()?;
        let configuration = s3::BucketLifecycleConfiguration::builder().set_rules(Some(rules)).build();
        on!(self, put_bucket_lifecycle_configuration)
            .set_transition_default_minimum_object_size(
                there.and_then(|answer| answer.transition_default_minimum_object_size),
            )
            .lifecycle_configuration(configuration.map_err(unbuilt)?)
            .send()
            .await?;
        Ok(())
    }

    /// PutBucketLogging replaces the target whole: the form of its keys and its grants are said again.
    async fn log_into(&self, Logging { bucket, prefix }: Logging) -> Result<(), CallError> {
        let there = if_set(on!(self, get_bucket_logging).send().await.map_err(CallError::from))?;
        let there = there.and_then(|answer| answer.logging_enabled);
        let (grants, form) = there.map_or((None, None), |it| (it.target_grants, it.target_object_key_format));
        let target = s3::LoggingEnabled::builder()
            .target_bucket(bucket)
            .target_prefix(prefix)
            .set_target_grants(grants)
            .set_target_object_key_format(form)
            .build();
        let status = s3::BucketLoggingStatus::builder().logging_enabled(target.map_err(unbuilt)?).build();
        on!(self, put_bucket_logging).bucket_logging_status(status).send().await?;
        Ok(())
    }

    /// PutBucketTagging replaces the whole set, so the others are read and sent along; AWS's own too,
    /// as taking them away is refused.
    async fn tag(&self, tags: Tags) -> Result<(), CallError> {
        let there = if_set(on!(self, get_bucket_tagging).send().await.map_err(CallError::from))?;
        let mut all: Tags =
            there.into_iter().flat_map(|answer| answer.tag_set).map(|tag| (tag.key, tag.value)).collect();
        all.extend(tags.into_iter().filter(|(key, _)| !is_aws(key)));
        let set = all
            .into_iter()
            .map(|(key, value)| s3::Tag::builder().key(key).value(value).build().map_err(unbuilt))
            .collect::<Result<_, _>>()?;
        let tagging = s3::Tagging::builder().set_tag_set(Some(set)).build().map_err(unbuilt)?;
        on!(self, put_bucket_tagging).tagging(tagging).send().await?;
        Ok(())
    }
}

fn public_access_block(block: &s3::PublicAccessBlockConfiguration) -> PublicAccessBlock {
    PublicAccessBlock {
        block_public_acls: block.block_public_acls.unwrap_or(false),
        ignore_public_acls: block.ignore_public_acls.unwrap_or(false),
        block_public_policy: block.block_public_policy.unwrap_or(false),
        restrict_public_buckets: block.restrict_public_buckets.unwrap_or(false),
    }
}

fn ownership_of(controls: &s3::OwnershipControls) -> Option<Ownership> {
    match controls.rules().first()?.object_ownership() {
        s3::ObjectOwnership::BucketOwnerEnforced => Some(Ownership::BucketOwnerEnforced),
        s3::ObjectOwnership::BucketOwnerPreferred => Some(Ownership::BucketOwnerPreferred),
        s3::ObjectOwnership::ObjectWriter => Some(Ownership::ObjectWriter),
        _ => None,
    }
}

fn ownership_to_sdk(ownership: Ownership) -> s3::ObjectOwnership {
    match ownership {
        Ownership::BucketOwnerEnforced => s3::ObjectOwnership::BucketOwnerEnforced,
        Ownership::BucketOwnerPreferred => s3::ObjectOwnership::BucketOwnerPreferred,
        Ownership::ObjectWriter => s3::ObjectOwnership::ObjectWriter,
    }
}

fn versioning_of(status: &s3::BucketVersioningStatus) -> Option<Versioning> {
    match status {
        s3::BucketVersioningStatus::Enabled => Some(Versioning::Enabled),
        s3::BucketVersioningStatus::Suspended => Some(Versioning::Suspended),
        _ => None,
    }
}

fn encryption_of(configuration: &s3::ServerSideEncryptionConfiguration) -> Option<Encryption> {
    let rule = configuration.rules().first()?;
    let default = rule.apply_server_side_encryption_by_default()?;
    let algorithm = match default.sse_algorithm() {
        s3::ServerSideEncryption::Aes256 => Algorithm::AES256,
        s3::ServerSideEncryption::AwsKms => Algorithm::Kms,
        s3::ServerSideEncryption::AwsKmsDsse => Algorithm::KmsDsse,
        _ => return None,
    };
    Some(Encryption {
        algorithm,
        kms_key: default.kms_master_key_id().map(ToOwned::to_owned),
        // A bucket key means nothing to SSE-S3, and AWS answers with either value there.
        bucket_key: algorithm != Algorithm::AES256 && rule.bucket_key_enabled().unwrap_or(false),
    })
}

fn encryption_to_sdk(
    encryption: Encryption,
    blocked: Option<s3::BlockedEncryptionTypes>,
) -> Result<s3::ServerSideEncryptionConfiguration, CallError> {
    let algorithm = match encryption.algorithm {
        Algorithm::AES256 => s3::ServerSideEncryption::Aes256,
        Algorithm::Kms => s3::ServerSideEncryption::AwsKms,
        Algorithm::KmsDsse => s3::ServerSideEncryption::AwsKmsDsse,
    };
    let default = s3::ServerSideEncryptionByDefault::builder()
        .sse_algorithm(algorithm)
        .set_kms_master_key_id(encryption.kms_key)
        .build()
        .map_err(unbuilt)?;
    let rule = s3::ServerSideEncryptionRule::builder()
        .apply_server_side_encryption_by_default(default)
        .bucket_key_enabled(encryption.bucket_key)
        .set_blocked_encryption_types(blocked)
        .build();
    s3::ServerSideEncryptionConfiguration::builder().rules(rule).build().map_err(unbuilt)
}

fn lifecycle_rule(rule: s3::LifecycleRule) -> LifecycleRule {
    let beyond = beyond(&rule);
    let prefix = rule.filter.as_ref().and_then(|filter| filter.prefix().map(ToOwned::to_owned));
    #[allow(deprecated)] // where a bucket's rules were made with the old form, S3 still answers with it
    let prefix = prefix.or(rule.prefix).unwrap_or_default();
    let transition = |transition: s3::Transition| Transition {
        days: transition.days.unwrap_or_default(),
        storage_class: transition.storage_class.map(|class| class.as_str().to_owned()).unwrap_or_default(),
    };
    LifecycleRule {
        id: rule.id.unwrap_or_default(),
        prefix,
        enabled: rule.status == s3::ExpirationStatus::Enabled,
        expire_days: rule.expiration.and_then(|expiration| expiration.days),
        noncurrent_expire_days: rule.noncurrent_version_expiration.and_then(|expiration| expiration.noncurrent_days),
        abort_uploads_days: rule.abort_incomplete_multipart_upload.and_then(|abort| abort.days_after_initiation),
        transitions: rule.transitions.unwrap_or_default().into_iter().map(transition).collect(),
        beyond,
    }
}

/// What a live rule has that a spec cannot state: it would be lost when the rules are put anew.
fn beyond(rule: &s3::LifecycleRule) -> Option<String> {
    let filter = rule.filter();
    let narrowed = filter.is_some_and(|filter| {
        filter.tag().is_some()
            || filter.and().is_some()
            || filter.object_size_greater_than().is_some()
            || filter.object_size_less_than().is_some()
    });
    let found: Vec<&str> = [
        (narrowed, "a filter by tag or size"),
        (!rule.noncurrent_version_transitions().is_empty(), "transitions of old versions"),
        (rule.expiration().is_some_and(|expiration| expiration.date().is_some()), "an expiry date"),
        (rule.transitions().iter().any(|transition| transition.date().is_some()), "a transition date"),
    ]
    .into_iter()
    .filter_map(|(has, what)| has.then_some(what))
    .collect();
    (!found.is_empty()).then(|| found.join(", "))
}

fn lifecycle_to_sdk(rule: LifecycleRule) -> Result<s3::LifecycleRule, CallError> {
    let status = if rule.enabled { s3::ExpirationStatus::Enabled } else { s3::ExpirationStatus::Disabled };
    let transition = |transition: Transition| {
        let class = s3::TransitionStorageClass::from(transition.storage_class.as_str());
        s3::Transition::builder().days(transition.days).storage_class(class).build()
    };
    let transitions: Vec<_> = rule.transitions.into_iter().map(transition).collect();
    s3::LifecycleRule::builder()
        .id(rule.id)
        .filter(s3::LifecycleRuleFilter::builder().prefix(rule.prefix).build())
        .status(status)
        .set_expiration(rule.expire_days.map(|days| s3::LifecycleExpiration::builder().days(days).build()))
        .set_noncurrent_version_expiration(
            rule.noncurrent_expire_days
                .map(|days| s3::NoncurrentVersionExpiration::builder().noncurrent_days(days).build()),
        )
        .set_abort_incomplete_multipart_upload(
            rule.abort_uploads_days
                .map(|days| s3::AbortIncompleteMultipartUpload::builder().days_after_initiation(days).build()),
        )
        .set_transitions((!transitions.is_empty()).then_some(transitions))
        .build()
        .map_err(unbuilt)
}

fn cors_rule(rule: s3::CorsRule) -> CorsRule {
    let method = |method: String| match method.as_str() {
        "GET" => Some(Method::Get),
        "PUT" => Some(Method::Put),
        "HEAD" => Some(Method::Head),
        "POST" => Some(Method::Post),
        "DELETE" => Some(Method::Delete),
        _ => None,
    };
    CorsRule {
        origins: rule.allowed_origins.into_iter().collect(),
        methods: rule.allowed_methods.into_iter().filter_map(method).collect(),
        headers: rule.allowed_headers.unwrap_or_default().into_iter().collect(),
        expose_headers: rule.expose_headers.unwrap_or_default().into_iter().collect(),
        max_age_seconds: rule.max_age_seconds,
        id: rule.id,
    }
}

fn cors_to_sdk(rule: CorsRule) -> Result<s3::CorsRule, CallError> {
    let method = |method: &Method| match method {
        Method::Get => "GET",
        Method::Put => "PUT",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Delete => "DELETE",
    };
    let list = |set: std::collections::BTreeSet<String>| (!set.is_empty()).then(|| set.into_iter().collect());
    s3::CorsRule::builder()
        .set_allowed_origins(list(rule.origins))
        .set_allowed_methods(Some(rule.methods.iter().map(|it| method(it).to_owned()).collect()))
        .set_allowed_headers(list(rule.headers))
        .set_expose_headers(list(rule.expose_headers))
        .set_max_age_seconds(rule.max_age_seconds)
        .set_id(rule.id)
        .build()
        .map_err(unbuilt)
}
