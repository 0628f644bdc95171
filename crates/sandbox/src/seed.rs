//! What the company has before the new region is opened: older regions, shared policies, and things
//! in the new region that belong to somebody else and must stay as they are.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cloudwatch::types::{ComparisonOperator, Statistic};
use aws_sdk_ec2::types::{Filter, IpPermission, IpRange};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionCode, Runtime};
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration, PublicAccessBlockConfiguration};

use crate::{Sandbox, SandboxError};

/// A bucket name that another account has.
pub const FOREIGN_BUCKET: &str = "supertokens-someone-else";

/// The regions in which the company has or opens something.
pub(crate) const REGIONS: [&str; 4] = ["eu-central-1", "us-east-1", "eu-west-1", "ap-south-1"];

/// Puts the company's account into an empty sandbox.
///
/// # Errors
/// The sandbox refused something.
pub async fn company(sandbox: &Sandbox) -> Result<(), SandboxError> {
    let us_east_1 = config(sandbox, "us-east-1");
    let eu_west_1 = config(sandbox, "eu-west-1");
    let eu_central_1 = config(sandbox, "eu-central-1");
    older_buckets(&us_east_1).await?;
    shared_policies(&us_east_1).await?;
    documents(&us_east_1).await?;
    older_cluster(&us_east_1).await?;
    functions(&eu_west_1).await?;
    somebody_elses(&eu_central_1).await
}

/// An SDK configuration for one region of the sandbox.
pub fn config(sandbox: &Sandbox, region: &str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(region.to_owned()))
        .http_client(sandbox.http_client())
        .credentials_provider(sandbox.credentials())
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

async fn older_buckets(config: &SdkConfig) -> Result<(), SandboxError> {
    let s3 = aws_sdk_s3::Client::new(config);
    for bucket in ["supertokens-saas-us-east-1", "supertokens-s3-access-logs-us-east-1", "supertokens-ssl"] {
        s3.create_bucket().bucket(bucket).send().await.map_err(failed)?;
    }
    Ok(())
}

async fn shared_policies(config: &SdkConfig) -> Result<(), SandboxError> {
    let iam = aws_sdk_iam::Client::new(config);
    for name in ["S3SSLUpdater", "listBucketItems", "s3crr_for_supertokens-ssl_to_supertokens-saas-us-east-1"] {
        let document = r#"{"Version":"2012-10-17","Statement":[{"Sid":"UsEast1","Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::supertokens-saas-us-east-1"}]}"#;
        iam.create_policy().policy_name(name).policy_document(document).send().await.map_err(failed)?;
    }
    Ok(())
}

async fn documents(config: &SdkConfig) -> Result<(), SandboxError> {
    let ssm = aws_sdk_ssm::Client::new(config);
    for name in ["restart-core", "rotate-logs"] {
        let content = r#"{"schemaVersion":"2.2","description":"operations","mainSteps":[{"action":"aws:runShellScript","name":"run","inputs":{"runCommand":["true"]}}]}"#;
        ssm.create_document()
            .name(name)
            .content(content)
            .document_type(aws_sdk_ssm::types::DocumentType::Command)
            .send()
            .await
            .map_err(failed)?;
    }
    Ok(())
}

async fn older_cluster(config: &SdkConfig) -> Result<(), SandboxError> {
    aws_sdk_rds::Client::new(config)
        .create_db_cluster()
        .db_cluster_identifier("supertokens-us-east-1")
        .engine("aurora-postgresql")
        .master_username("root")
        .manage_master_user_password(true)
        .send()
        .await
        .map_err(failed)?;
    Ok(())
}

async fn functions(config: &SdkConfig) -> Result<(), SandboxError> {
    let lambda = aws_sdk_lambda::Client::new(config);
    for name in ["create-deployment", "renew-certificates"] {
        lambda
            .create_function()
            .function_name(name)
            .runtime(Runtime::Nodejs22x)
            .role(format!("arn:aws:iam::{}:role/lambda", crate::ACCOUNT))
            .handler("index.handler")
            .code(FunctionCode::builder().zip_file(Blob::new(EMPTY_ZIP)).build())
            .send()
            .await
            .map_err(failed)?;
    }
    Ok(())
}

/// The end-of-directory record alone: an archive without files.
const EMPTY_ZIP: [u8; 22] = [0x50, 0x4b, 5, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// Log groups without retention, a topic, a bucket, and a rule in the default group: only the log
/// groups' retention is the spec's business.
async fn somebody_elses(config: &SdkConfig) -> Result<(), SandboxError> {
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

/// Puts many alarms and log groups into eu-central-1, for measuring how a plan's cost grows.
///
/// # Errors
/// The sandbox refused something.
pub async fn bulk(sandbox: &Sandbox, alarms: u32, log_groups: u32) -> Result<(), SandboxError> {
    let config = config(sandbox, "eu-central-1");
    sandbox.keep_later().await;
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
    sandbox.keep_now().await
}

/// Does in eu-central-1 what somebody in a hurry does: opens ssh to the world, raises an alarm's threshold, and lifts a
/// bucket's public-access block. Returns what was done, in words.
///
/// # Errors
/// The region of the company's demo is not there yet.
pub async fn tamper(config: &SdkConfig) -> Result<Vec<String>, SandboxError> {
    let ec2 = aws_sdk_ec2::Client::new(config);
    let by_name = Filter::builder().name("group-name").values("ec2-internal-team-access").build();
    let groups = ec2.describe_security_groups().filters(by_name).send().await.map_err(failed)?;
    let id = groups.security_groups().first().and_then(|group| group.group_id()).unwrap_or_default();
    let world = IpRange::builder().cidr_ip("0.0.0.0/0").description("just for today").build();
    let ssh = IpPermission::builder().ip_protocol("tcp").from_port(22).to_port(22).ip_ranges(world).build();
    ec2.authorize_security_group_ingress().group_id(id).ip_permissions(ssh).send().await.map_err(failed)?;

    let cloudwatch = aws_sdk_cloudwatch::Client::new(config);
    let alarm = "db-supertokens-eu-central-1 CPUUtilization";
    let alarms = cloudwatch.describe_alarms().alarm_names(alarm).send().await.map_err(failed)?;
    let there = alarms.metric_alarms().first().ok_or_else(|| SandboxError::Seed(format!("no alarm '{alarm}'")))?;
    cloudwatch
        .put_metric_alarm()
        .alarm_name(alarm)
        .set_namespace(there.namespace.clone())
        .set_metric_name(there.metric_name.clone())
        .set_dimensions(there.dimensions.clone())
        .set_statistic(there.statistic.clone())
        .set_comparison_operator(there.comparison_operator.clone())
        .set_period(there.period)
        .set_evaluation_periods(there.evaluation_periods)
        .set_datapoints_to_alarm(there.datapoints_to_alarm)
        .set_treat_missing_data(there.treat_missing_data.clone())
        .set_alarm_actions(there.alarm_actions.clone())
        .set_alarm_description(there.alarm_description.clone())
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
        format!("lifted block_public_policy of {bucket}"),
    ])
}
