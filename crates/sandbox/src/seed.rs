// SPDX-License-Identifier: Apache-2.0
//! The example company before it opens eu-central-1: its older regions, shared policies, and resources in eu-central-1
//! that regionctl does not manage.

#![expect(clippy::disallowed_methods, reason = "these clients are the example company's, not regionctl's")]

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cloudwatch::types::{ComparisonOperator, Statistic};
use aws_sdk_ec2::types::{Filter, IpPermission, IpRange};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Environment, FunctionCode, Runtime};
use aws_sdk_s3::types::{
    BucketLifecycleConfiguration, BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration,
    DeleteMarkerReplication, DeleteMarkerReplicationStatus, Destination, ExpirationStatus, LifecycleExpiration,
    LifecycleRule, LifecycleRuleFilter, NoncurrentVersionExpiration, ObjectOwnership, OwnershipControls,
    OwnershipControlsRule, PublicAccessBlockConfiguration, ReplicationConfiguration, ReplicationRule,
    ReplicationRuleFilter, ReplicationRuleStatus, ServerSideEncryption, ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration, ServerSideEncryptionRule, VersioningConfiguration,
};

use crate::{Sandbox, SandboxError};

/// A bucket name that belongs to another account.
pub const FOREIGN_BUCKET: &str = "supertokens-someone-else";

/// The regions in which the example company has buckets.
pub(crate) const REGIONS: [&str; 4] = ["eu-central-1", "us-east-1", "eu-west-1", "ap-south-1"];

/// Creates the resources of the example company in an empty account of the sandbox or another emulator.
///
/// `config` returns the SDK configuration of a region.
///
/// # Errors
/// The emulator returned an error.
pub async fn company(config: impl Fn(&str) -> SdkConfig) -> Result<(), SandboxError> {
    older_regions(&config).await?;
    resources_of_others(&config("eu-central-1")).await
}

/// Creates only the resources in the older regions of the example company, in an empty account.
///
/// # Errors
/// The emulator returned an error.
pub async fn older_regions(config: impl Fn(&str) -> SdkConfig) -> Result<(), SandboxError> {
    let (us_east_1, eu_west_1) = (config("us-east-1"), config("eu-west-1"));
    roles(&us_east_1).await?;
    buckets(&us_east_1).await?;
    policies(&us_east_1).await?;
    documents(&us_east_1).await?;
    cluster(&us_east_1).await?;
    functions(&eu_west_1).await
}

/// Returns the SDK configuration of one region of the sandbox.
pub fn config(sandbox: &Sandbox, region: &str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(region.to_owned()))
        .http_client(sandbox.http_client())
        .credentials_provider(sandbox.credentials_of("somebody"))
        .build()
}

/// Returns the SDK configuration of one region of another emulator, at `url`.
pub fn config_of(url: &str, region: &str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(region.to_owned()))
        .endpoint_url(url)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(
            aws_credential_types::Credentials::new("test", "test", None, None, "emulator"),
        ))
        .build()
}

fn failed(error: impl std::error::Error) -> SandboxError {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    SandboxError::Seed(text)
}

/// Creates the roles of the functions and of the replication.
async fn roles(config: &SdkConfig) -> Result<(), SandboxError> {
    let iam = aws_sdk_iam::Client::new(config);
    for (name, service) in [("lambda", "lambda"), (REPLICATION_ROLE, "s3")] {
        let trust = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"Service":"{service}.amazonaws.com"}},"Action":"sts:AssumeRole"}}]}}"#
        );
        iam.create_role().role_name(name).assume_role_policy_document(trust).send().await.map_err(failed)?;
    }
    Ok(())
}

const REPLICATION_ROLE: &str = "s3crr_for_supertokens-ssl";
const SAAS: &str = "supertokens-saas-us-east-1";
const LOGS: &str = "supertokens-s3-access-logs-us-east-1";
const CERTIFICATES: &str = "supertokens-ssl";

async fn buckets(config: &SdkConfig) -> Result<(), SandboxError> {
    let s3 = aws_sdk_s3::Client::new(config);
    for bucket in [SAAS, LOGS, CERTIFICATES] {
        s3.create_bucket().bucket(bucket).send().await.map_err(failed)?;
    }
    for bucket in [SAAS, CERTIFICATES] {
        let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        s3.put_bucket_versioning().bucket(bucket).versioning_configuration(enabled).send().await.map_err(failed)?;
    }
    for (bucket, rule) in [
        (
            SAAS,
            LifecycleRule::builder()
                .id("old-versions")
                .noncurrent_version_expiration(NoncurrentVersionExpiration::builder().noncurrent_days(30).build()),
        ),
        (LOGS, LifecycleRule::builder().id("expire").expiration(LifecycleExpiration::builder().days(365).build())),
    ] {
        let rule = rule.status(ExpirationStatus::Enabled).filter(LifecycleRuleFilter::builder().prefix("").build());
        let rules = BucketLifecycleConfiguration::builder().rules(rule.build().map_err(failed)?);
        s3.put_bucket_lifecycle_configuration()
            .bucket(bucket)
            .lifecycle_configuration(rules.build().map_err(failed)?)
            .send()
            .await
            .map_err(failed)?;
    }
    for bucket in [SAAS, LOGS] {
        lock_down(&s3, bucket).await?;
    }
    replicate(&s3).await
}

/// Sets public-access block, ownership, encryption and tags of a bucket.
async fn lock_down(s3: &aws_sdk_s3::Client, bucket: &str) -> Result<(), SandboxError> {
    let blocks = PublicAccessBlockConfiguration::builder()
        .block_public_acls(true)
        .ignore_public_acls(true)
        .block_public_policy(true)
        .restrict_public_buckets(true)
        .build();
    s3.put_public_access_block()
        .bucket(bucket)
        .public_access_block_configuration(blocks)
        .send()
        .await
        .map_err(failed)?;
    let rule = OwnershipControlsRule::builder().object_ownership(ObjectOwnership::BucketOwnerEnforced).build();
    let controls = OwnershipControls::builder().rules(rule.map_err(failed)?).build().map_err(failed)?;
    s3.put_bucket_ownership_controls().bucket(bucket).ownership_controls(controls).send().await.map_err(failed)?;
    let default = ServerSideEncryptionByDefault::builder().sse_algorithm(ServerSideEncryption::Aes256).build();
    let rule = ServerSideEncryptionRule::builder().apply_server_side_encryption_by_default(default.map_err(failed)?);
    let encryption = ServerSideEncryptionConfiguration::builder().rules(rule.build()).build().map_err(failed)?;
    s3.put_bucket_encryption()
        .bucket(bucket)
        .server_side_encryption_configuration(encryption)
        .send()
        .await
        .map_err(failed)?;
    let tag = aws_sdk_s3::types::Tag::builder().key("CostCenter").value("managed-service").build().map_err(failed)?;
    let tagging = aws_sdk_s3::types::Tagging::builder().tag_set(tag).build().map_err(failed)?;
    s3.put_bucket_tagging().bucket(bucket).tagging(tagging).send().await.map_err(failed)?;
    Ok(())
}

/// Replicates the bucket of certificates to us-east-1.
async fn replicate(s3: &aws_sdk_s3::Client) -> Result<(), SandboxError> {
    let rule = ReplicationRule::builder()
        .id("to-us-east-1")
        .priority(1)
        .filter(ReplicationRuleFilter::builder().prefix("").build())
        .status(ReplicationRuleStatus::Enabled)
        .destination(Destination::builder().bucket(format!("arn:aws:s3:::{SAAS}")).build().map_err(failed)?)
        .delete_marker_replication(
            DeleteMarkerReplication::builder().status(DeleteMarkerReplicationStatus::Disabled).build(),
        )
        .build()
        .map_err(failed)?;
    let configuration = ReplicationConfiguration::builder()
        .role(format!("arn:aws:iam::{}:role/{REPLICATION_ROLE}", crate::ACCOUNT))
        .rules(rule)
        .build()
        .map_err(failed)?;
    s3.put_bucket_replication()
        .bucket(CERTIFICATES)
        .replication_configuration(configuration)
        .send()
        .await
        .map_err(failed)?;
    Ok(())
}

async fn policies(config: &SdkConfig) -> Result<(), SandboxError> {
    let iam = aws_sdk_iam::Client::new(config);
    for (name, action) in [
        ("S3SSLUpdater", "s3:PutObject"),
        ("listBucketItems", "s3:ListBucket"),
        ("s3crr_for_supertokens-ssl_to_supertokens-saas-us-east-1", "s3:ReplicateObject"),
    ] {
        // White space, to test that documents are compared by content.
        let document = format!(
            "{{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {{\"Sid\": \"UsEast1\", \"Effect\": \"Allow\", \
             \"Action\": [\"{action}\"], \"Resource\": [\"arn:aws:s3:::{SAAS}\", \"arn:aws:s3:::{SAAS}/*\"]}}\n  ]\n}}"
        );
        iam.create_policy().policy_name(name).policy_document(document).send().await.map_err(failed)?;
    }
    Ok(())
}

async fn documents(config: &SdkConfig) -> Result<(), SandboxError> {
    let ssm = aws_sdk_ssm::Client::new(config);
    for (name, command) in [
        ("restart-core", "systemctl restart core"),
        ("rotate-logs", "aws s3 sync /var/log/core s3://supertokens-s3-access-logs-us-east-1/core --region us-east-1"),
    ] {
        let content = format!(
            r#"{{"schemaVersion":"2.2","description":"operations","mainSteps":[{{"action":"aws:runShellScript","name":"run","inputs":{{"runCommand":["{command}"]}}}}]}}"#
        );
        ssm.create_document()
            .name(name)
            .content(content)
            .document_type(aws_sdk_ssm::types::DocumentType::Command)
            .document_format(aws_sdk_ssm::types::DocumentFormat::Json)
            .send()
            .await
            .map_err(failed)?;
    }
    Ok(())
}

async fn cluster(config: &SdkConfig) -> Result<(), SandboxError> {
    let rds = aws_sdk_rds::Client::new(config);
    let owner = aws_sdk_rds::types::Tag::builder().key("VantaOwner").value("platform@example.com").build();
    rds.create_db_cluster()
        .db_cluster_identifier("supertokens-us-east-1")
        .engine("aurora-postgresql")
        .engine_version("16.4")
        .master_username("root")
        .manage_master_user_password(true)
        .storage_encrypted(true)
        .backup_retention_period(7)
        .copy_tags_to_snapshot(true)
        .deletion_protection(true)
        .tags(owner)
        .send()
        .await
        .map_err(failed)?;
    rds.create_db_instance()
        .db_instance_identifier("supertokens-us-east-1-1")
        .db_cluster_identifier("supertokens-us-east-1")
        .db_instance_class("db.r6g.large")
        .engine("aurora-postgresql")
        .send()
        .await
        .map_err(failed)?;
    Ok(())
}

async fn functions(config: &SdkConfig) -> Result<(), SandboxError> {
    let lambda = aws_sdk_lambda::Client::new(config);
    for (name, timeout, package) in [("create-deployment", 60, PACKAGES[0]), ("renew-certificates", 300, PACKAGES[1])] {
        let environment = Environment::builder()
            .variables("QUEUE_URL", format!("https://sqs.eu-west-1.amazonaws.com/{}/jobs", crate::ACCOUNT))
            .variables("API_KEY", "not-to-be-shown");
        lambda
            .create_function()
            .function_name(name)
            .runtime(Runtime::Nodejs22x)
            .role(format!("arn:aws:iam::{}:role/lambda", crate::ACCOUNT))
            .handler("index.handler")
            .timeout(timeout)
            .memory_size(256)
            .environment(environment.build())
            .tags("Team", "core")
            .code(FunctionCode::builder().zip_file(Blob::new(package)).build())
            .send()
            .await
            .map_err(failed)?;
    }
    Ok(())
}

/// Two empty zip archives with different digests: the second has a comment of one byte.
const PACKAGES: [&[u8]; 2] = [
    &[0x50, 0x4b, 5, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    &[0x50, 0x4b, 5, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, b'2'],
];

/// Creates resources that belong to other teams: log groups, a topic, a bucket and a rule in the default group. The
/// spec manages only the retention of the log groups.
async fn resources_of_others(config: &SdkConfig) -> Result<(), SandboxError> {
    let logs = aws_sdk_cloudwatchlogs::Client::new(config);
    for name in ["/aws/lambda/billing-export", "/ecs/legacy-worker"] {
        logs.create_log_group().log_group_name(name).send().await.map_err(failed)?;
    }
    aws_sdk_sns::Client::new(config).create_topic().name("billing-team").send().await.map_err(failed)?;
    let location = BucketLocationConstraint::EuCentral1;
    aws_sdk_s3::Client::new(config)
        .create_bucket()
        .bucket("billing-exports-eu-central-1")
        .create_bucket_configuration(CreateBucketConfiguration::builder().location_constraint(location).build())
        .send()
        .await
        .map_err(failed)?;
    let ec2 = aws_sdk_ec2::Client::new(config);
    let by_name = Filter::builder().name("group-name").values("default").build();
    let groups = ec2.describe_security_groups().filters(by_name).send().await.map_err(failed)?;
    let id = groups.security_groups().first().and_then(|group| group.group_id()).unwrap_or_default();
    let office = IpRange::builder().cidr_ip("192.0.2.0/24").description("billing office").build();
    let rule = IpPermission::builder().ip_protocol("tcp").from_port(8443).to_port(8443).ip_ranges(office).build();
    ec2.authorize_security_group_ingress().group_id(id).ip_permissions(rule).send().await.map_err(failed)?;
    Ok(())
}

/// Creates many alarms and log groups in eu-central-1, to measure how the cost of a plan grows.
///
/// # Errors
/// The sandbox returned an error.
pub async fn bulk(sandbox: &Sandbox, alarms: u32, log_groups: u32) -> Result<(), SandboxError> {
    let config = config(sandbox, "eu-central-1");
    sandbox.defer_saves().await;
    let cloudwatch = aws_sdk_cloudwatch::Client::new(&config);
    for number in 0..alarms {
        cloudwatch
            .put_metric_alarm()
            .alarm_name(format!("bulk-{number:05} Errors"))
            .namespace("AWS/Lambda")
            .metric_name("Errors")
            .statistic(Statistic::Maximum)
            .comparison_operator(ComparisonOperator::GreaterThanOrEqualToThreshold)
            .threshold(1.0)
            .period(900)
            .evaluation_periods(1)
            .send()
            .await
            .map_err(failed)?;
    }
    let logs = aws_sdk_cloudwatchlogs::Client::new(&config);
    for number in 0..log_groups {
        let name = format!("/aws/lambda/bulk-{number:05}");
        logs.create_log_group().log_group_name(&name).send().await.map_err(failed)?;
        logs.put_retention_policy().log_group_name(&name).retention_in_days(365).send().await.map_err(failed)?;
    }
    sandbox.save_now().await
}

/// Creates many functions in eu-west-1 and documents in us-east-1, to measure the cost of copying them.
///
/// # Errors
/// The sandbox returned an error.
pub async fn copies(sandbox: &Sandbox, functions: u32, documents: u32) -> Result<(), SandboxError> {
    sandbox.defer_saves().await;
    let lambda = aws_sdk_lambda::Client::new(&config(sandbox, "eu-west-1"));
    for number in 0..functions {
        lambda
            .create_function()
            .function_name(format!("bulk-{number:05}"))
            .runtime(Runtime::Nodejs22x)
            .role(format!("arn:aws:iam::{}:role/lambda", crate::ACCOUNT))
            .handler("index.handler")
            .code(FunctionCode::builder().zip_file(Blob::new(PACKAGES[0])).build())
            .send()
            .await
            .map_err(failed)?;
    }
    let ssm = aws_sdk_ssm::Client::new(&config(sandbox, "us-east-1"));
    for number in 0..documents {
        let content = format!(
            r#"{{"schemaVersion":"2.2","mainSteps":[{{"action":"aws:runShellScript","name":"run","inputs":{{"runCommand":["echo {number}"]}}}}]}}"#
        );
        ssm.create_document()
            .name(format!("bulk-{number:05}"))
            .content(content)
            .document_type(aws_sdk_ssm::types::DocumentType::Command)
            .document_format(aws_sdk_ssm::types::DocumentFormat::Json)
            .send()
            .await
            .map_err(failed)?;
    }
    sandbox.save_now().await
}

/// Changes three settings in eu-central-1: opens ssh to the internet, raises the threshold of an alarm, and turns off a
/// public-access block of a bucket. Returns one sentence per change.
///
/// # Errors
/// regions/eu-central-1.yaml has not been applied, or the emulator returned an error.
pub async fn tamper(config: &SdkConfig) -> Result<Vec<String>, SandboxError> {
    let ec2 = aws_sdk_ec2::Client::new(config);
    let by_name = Filter::builder().name("group-name").values("ec2-internal-team-access").build();
    let groups = ec2.describe_security_groups().filters(by_name).send().await.map_err(failed)?;
    let group = groups.security_groups().first().and_then(|group| group.group_id());
    let id = group.ok_or_else(|| SandboxError::Missing("security group 'ec2-internal-team-access'".to_owned()))?;
    let anyone = IpRange::builder().cidr_ip("0.0.0.0/0").description("just for today").build();
    let ssh = IpPermission::builder().ip_protocol("tcp").from_port(22).to_port(22).ip_ranges(anyone).build();
    ec2.authorize_security_group_ingress().group_id(id).ip_permissions(ssh).send().await.map_err(failed)?;

    let cloudwatch = aws_sdk_cloudwatch::Client::new(config);
    let alarm = "db-supertokens-eu-central-1 CPUUtilization";
    let alarms = cloudwatch.describe_alarms().alarm_names(alarm).send().await.map_err(failed)?;
    let found = alarms.metric_alarms().first();
    let current = found.ok_or_else(|| SandboxError::Missing(format!("alarm '{alarm}'")))?;
    cloudwatch
        .put_metric_alarm()
        .alarm_name(alarm)
        .set_namespace(current.namespace.clone())
        .set_metric_name(current.metric_name.clone())
        .set_dimensions(current.dimensions.clone())
        .set_statistic(current.statistic.clone())
        .set_comparison_operator(current.comparison_operator.clone())
        .set_period(current.period)
        .set_evaluation_periods(current.evaluation_periods)
        .set_datapoints_to_alarm(current.datapoints_to_alarm)
        .set_treat_missing_data(current.treat_missing_data.clone())
        .set_alarm_actions(current.alarm_actions.clone())
        .set_alarm_description(current.alarm_description.clone())
        .threshold(99.0)
        .send()
        .await
        .map_err(failed)?;

    let bucket = "supertokens-saas-eu-central-1";
    aws_sdk_s3::Client::new(config)
        .put_public_access_block()
        .bucket(bucket)
        .public_access_block_configuration(
            PublicAccessBlockConfiguration::builder()
                .block_public_acls(true)
                .ignore_public_acls(true)
                .block_public_policy(false)
                .restrict_public_buckets(true)
                .build(),
        )
        .send()
        .await
        .map_err(failed)?;
    Ok(vec![
        "opened tcp 22 of ec2-internal-team-access to 0.0.0.0/0".to_owned(),
        format!("raised the threshold of '{alarm}' to 99"),
        format!("turned off block_public_policy of {bucket}"),
    ])
}
