// SPDX-License-Identifier: Apache-2.0
//! What is live before the first apply: the `given` list of a case.

use regionctl_sandbox::{Sandbox, seed};

use super::cases::Case;
use super::{converge, spec};

/// Returns a sandbox with the resources of a case's `given` list.
pub async fn sandbox(case: &Case) -> Sandbox {
    let sandbox = Sandbox::in_memory();
    for given in &case.given {
        let here = seed::config(&sandbox, "eu-central-1");
        match given.as_str() {
            "older-regions" => seed::older_regions(|region| seed::config(&sandbox, region)).await.unwrap(),
            "second-vpc" => second_vpc(&here).await,
            "stopped-instance" => stopped_instance(&here).await,
            "five-version-policy" => five_version_policy(&here).await,
            "unnamed-flow-logs" => {
                converge(&sandbox, &spec("s3.bucket:\n  flow-bucket:\n")).await;
                unnamed_flow_logs(&here).await;
            }
            "tagged-bucket" => tagged_bucket(&here).await,
            other => panic!("{}: unknown `given` name '{other}'", case.name),
        }
    }
    sandbox
}

/// Creates a VPC with the Name `second`.
pub async fn second_vpc(config: &aws_config::SdkConfig) {
    let ec2 = aws_sdk_ec2::Client::new(config);
    let vpc = ec2.create_vpc().cidr_block("10.1.0.0/16").send().await.unwrap();
    let id = vpc.vpc().unwrap().vpc_id().unwrap();
    let tag = aws_sdk_ec2::types::Tag::builder().key("Name").value("second").build();
    ec2.create_tags().resources(id).tags(tag).send().await.unwrap();
}

/// Creates and stops an instance with the Name `stopped`.
async fn stopped_instance(config: &aws_config::SdkConfig) {
    let ec2 = aws_sdk_ec2::Client::new(config);
    let name = aws_sdk_ec2::types::Tag::builder().key("Name").value("stopped").build();
    let kind = aws_sdk_ec2::types::ResourceType::Instance;
    let tags = aws_sdk_ec2::types::TagSpecification::builder().resource_type(kind).tags(name).build();
    let micro = aws_sdk_ec2::types::InstanceType::T3Micro;
    let request = ec2.run_instances().image_id("ami-12c6146b").instance_type(micro).min_count(1).max_count(1);
    let created = request.tag_specifications(tags).send().await.unwrap();
    let id = created.instances()[0].instance_id().unwrap();
    ec2.stop_instances().instance_ids(id).send().await.unwrap();
}

/// Creates the policy `five-versions` with five versions, IAM's maximum.
async fn five_version_policy(config: &aws_config::SdkConfig) {
    let iam = aws_sdk_iam::Client::new(config);
    let document =
        r#"{"Version":"2012-10-17","Statement":[{"Sid":"Theirs","Effect":"Allow","Action":"a:B","Resource":"*"}]}"#;
    let created = iam.create_policy().policy_name("five-versions").policy_document(document).send().await.unwrap();
    let arn = created.policy().unwrap().arn().unwrap();
    for _ in 0..4 {
        let version = iam.create_policy_version().policy_arn(arn).policy_document(document).set_as_default(true);
        version.send().await.unwrap();
    }
}

/// Creates the bucket `tagged-bucket` with a tag of its own.
async fn tagged_bucket(config: &aws_config::SdkConfig) {
    use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration, Tag, Tagging};
    let s3 = aws_sdk_s3::Client::new(config);
    let location = BucketLocationConstraint::EuCentral1;
    let configuration = CreateBucketConfiguration::builder().location_constraint(location).build();
    s3.create_bucket().bucket("tagged-bucket").create_bucket_configuration(configuration).send().await.unwrap();
    let tag = Tag::builder().key("Team").value("sre").build().unwrap();
    let tagging = Tagging::builder().tag_set(tag).build().unwrap();
    s3.put_bucket_tagging().bucket("tagged-bucket").tagging(tagging).send().await.unwrap();
}

/// Creates two flow logs without a Name and with the same destination: rejected traffic first, then accepted traffic.
async fn unnamed_flow_logs(config: &aws_config::SdkConfig) {
    use aws_sdk_ec2::types::{FlowLogsResourceType, LogDestinationType, TrafficType};
    let ec2 = aws_sdk_ec2::Client::new(config);
    let vpcs = ec2.describe_vpcs().send().await.unwrap();
    for traffic in [TrafficType::Reject, TrafficType::Accept] {
        let create = ec2.create_flow_logs().resource_type(FlowLogsResourceType::Vpc).traffic_type(traffic);
        let create = create.set_resource_ids(vpcs.vpcs()[0].vpc_id().map(|id| vec![id.to_owned()]));
        let create = create.log_destination_type(LogDestinationType::S3).log_destination("arn:aws:s3:::flow-bucket");
        create.max_aggregation_interval(600).send().await.unwrap();
    }
}
