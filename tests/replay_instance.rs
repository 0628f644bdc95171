// SPDX-License-Identifier: Apache-2.0
//! Instances: requests and errors of EC2 that no emulator has.

use regionctl_core::observe::provider::{Provider, Status, StepTarget};
use regionctl_core::observe::scope::{Depth, Scope};
use regionctl_core::resource::reference::Attributes;
use serde_json::{Value, json};

use regionctl_aws::kinds::REGISTRY;
use regionctl_core::diff::Draft;
use regionctl_core::kind::DiffContext;
use regionctl_core::observe::failure::FailureClass;
use regionctl_core::observe::scope::Observation;

use crate::replay::{Answer, Replay, location, open, run};
use crate::replay_reads::spec;

const MADE: &str = "<RunInstancesResponse><instancesSet><item><instanceId>i-1</instanceId></item></instancesSet></RunInstancesResponse>";
const SUBNETS: &str = "<DescribeSubnetsResponse><subnetSet><item><subnetId>subnet-1</subnetId><availableIpAddressCount>3</availableIpAddressCount></item><item><subnetId>subnet-2</subnetId><availableIpAddressCount>9</availableIpAddressCount></item></subnetSet></DescribeSubnetsResponse>";

fn launch(subnet: &Value) -> Value {
    let settings = json!({"instance_type": "t3.small", "image": {"id": "ami-1"}, "subnet": subnet});
    json!({"RunInstances": {"settings": settings, "tags": {"Name": "data-bucket"}}})
}

fn instance(state: &str) -> &'static str {
    format!("<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>i-1</instanceId><instanceState><name>{state}</name></instanceState><stateReason><message>Client.InternalError: the key is not accessible</message></stateReason></item></instancesSet></item></reservationSet></DescribeInstancesResponse>").leak()
}

/// EC2 rejects the token of a terminated instance, and a token that was used with other parameters
/// (EC2 User Guide, "Ensuring idempotency in Amazon EC2 API requests").
#[tokio::test]
async fn each_launch_has_its_own_token() {
    let replay = Replay::new(&[(200, MADE), (200, MADE)]);
    for _ in 0..2 {
        run(&replay, "ec2.instance", launch(&json!("subnet-9"))).await.unwrap();
    }
    let token = |sent: &String| {
        let (_, token) = sent.split_once("ClientToken=").expect("a request with a token");
        token.split('&').next().unwrap().to_owned()
    };
    let tokens: Vec<String> = replay.requests().iter().map(token).collect();
    assert!(tokens.len() == 2 && tokens[0] != tokens[1] && tokens[0].len() >= 32, "{tokens:?}");
}

#[tokio::test]
async fn a_launch_without_a_subnet_uses_the_vpc_of_the_spec() {
    let replay = Replay::new(&[(200, SUBNETS), (200, MADE)]);
    run(&replay, "ec2.instance", launch(&Value::Null)).await.unwrap();
    let requests = replay.requests();
    assert!(requests[0].contains("Filter.1.Value.1=vpc-1"), "{requests:?}");
    assert!(requests[1].contains("SubnetId=subnet-2"), "{requests:?}");
    let none = "<DescribeSubnetsResponse><subnetSet/></DescribeSubnetsResponse>";
    let failure = run(&Replay::new(&[(200, none)]), "ec2.instance", launch(&Value::Null)).await.unwrap_err();
    assert!(failure.message.contains("vpc-1 has no subnet"), "{failure}");
}

/// EC2 is eventually consistent: it may not find an instance that it has just created.
#[tokio::test]
async fn a_new_instance_that_ec2_does_not_find_yet_is_pending() {
    const MISSING: &str = "<Response><Errors><Error><Code>InvalidInstanceID.NotFound</Code><Message>no</Message></Error></Errors><RequestID>r</RequestID></Response>";
    const EMPTY: &str = "<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>";
    let status = async |answer: (u16, &'static str)| {
        let attributes = Attributes::from([("id".to_owned(), "i-1".to_owned())]);
        let target = StepTarget { name: "dev".to_owned(), location: location(), attributes };
        open(&Replay::new(&[answer])).await.status("ec2.instance", target).await.unwrap()
    };
    for answer in [(400, MISSING), (200, EMPTY), (200, instance("pending"))] {
        assert_eq!(status(answer).await, Status::InProgress("pending".to_owned()));
    }
    assert_eq!(status((200, instance("stopped"))).await, Status::Ready);
    let failed = status((200, instance("terminated"))).await;
    assert!(matches!(&failed, Status::Failed(why) if why.contains("the key is not accessible")), "{failed:?}");
}

#[tokio::test]
async fn a_filter_has_at_most_200_names() {
    const EMPTY: &str = "<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>";
    let replay = Replay::new(&[(200, EMPTY), (200, EMPTY)]);
    let mut scope = Scope::of(location());
    for number in 0..201 {
        scope.ask(&format!("i{number}"), Depth::existence());
    }
    open(&replay).await.observe("ec2.instance", scope).await.unwrap();
    let mut sizes: Vec<usize> = replay.requests().iter().map(|sent| sent.matches("Filter.1.Value.").count()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 200]);
}

/// An instance with every member that EC2 returns, by what a spec can state and what it cannot.
const WHOLE: &str = "<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>i-1</instanceId><imageId>ami-1</imageId><instanceState><name>running</name></instanceState><keyName>team</keyName><instanceType>m7i.large</instanceType><placement><availabilityZone>eu-central-1a</availabilityZone><groupName>near</groupName><partitionNumber>2</partitionNumber><tenancy>dedicated</tenancy><hostId>h-1</hostId><affinity>host</affinity><hostResourceGroupArn>arn:hosts</hostResourceGroupArn><spreadDomain>s</spreadDomain></placement><kernelId>aki-1</kernelId><ramdiskId>ari-1</ramdiskId><monitoring><state>pending</state></monitoring><subnetId>subnet-1</subnetId><vpcId>vpc-1</vpcId><privateIpAddress>10.0.0.5</privateIpAddress><ipAddress>203.0.113.7</ipAddress><sourceDestCheck>false</sourceDestCheck><groupSet><item><groupId>sg-1</groupId></item></groupSet><rootDeviceName>/dev/xvda</rootDeviceName><blockDeviceMapping><item><deviceName>/dev/xvda</deviceName><ebs><volumeId>vol-1</volumeId><deleteOnTermination>true</deleteOnTermination></ebs></item><item><deviceName>/dev/sdf</deviceName><ebs><volumeId>vol-2</volumeId><deleteOnTermination>false</deleteOnTermination></ebs></item></blockDeviceMapping><instanceLifecycle>spot</instanceLifecycle><tagSet><item><key>Name</key><value>dev</value></item><item><key>aws:autoscaling:groupName</key><value>g</value></item></tagSet><networkInterfaceSet><item><networkInterfaceId>eni-1</networkInterfaceId><description>by hand</description><association><publicIp>203.0.113.7</publicIp><ipOwnerId>123456789012</ipOwnerId></association><attachment><deviceIndex>0</deviceIndex><deleteOnTermination>true</deleteOnTermination></attachment><privateIpAddressesSet><item><privateIpAddress>10.0.0.5</privateIpAddress><primary>true</primary></item><item><privateIpAddress>10.0.0.6</privateIpAddress><primary>false</primary></item></privateIpAddressesSet><interfaceType>interface</interfaceType></item></networkInterfaceSet><iamInstanceProfile><arn>arn:aws:iam::123456789012:instance-profile/team/dev</arn></iamInstanceProfile><ebsOptimized>true</ebsOptimized><cpuOptions><coreCount>1</coreCount><threadsPerCore>2</threadsPerCore><amdSevSnp>enabled</amdSevSnp></cpuOptions><capacityReservationSpecification><capacityReservationPreference>none</capacityReservationPreference></capacityReservationSpecification><hibernationOptions><configured>true</configured></hibernationOptions><licenseSet><item><licenseConfigurationArn>arn:license</licenseConfigurationArn></item></licenseSet><metadataOptions><state>applied</state><httpTokens>optional</httpTokens><httpPutResponseHopLimit>2</httpPutResponseHopLimit><httpEndpoint>enabled</httpEndpoint><httpProtocolIpv6>enabled</httpProtocolIpv6><instanceMetadataTags>enabled</instanceMetadataTags></metadataOptions><enclaveOptions><enabled>true</enabled></enclaveOptions><privateDnsNameOptions><hostnameType>resource-name</hostnameType><enableResourceNameDnsARecord>true</enableResourceNameDnsARecord></privateDnsNameOptions><maintenanceOptions><autoRecovery>disabled</autoRecovery></maintenanceOptions><networkPerformanceOptions><bandwidthWeighting>vpc-1</bandwidthWeighting></networkPerformanceOptions></item></instancesSet></item></reservationSet></DescribeInstancesResponse>";

const VOLUMES: &str = "<DescribeVolumesResponse><volumeSet><item><volumeId>vol-1</volumeId><size>30</size><volumeType>gp3</volumeType><iops>4000</iops><throughput>250</throughput><encrypted>true</encrypted><kmsKeyId>arn:aws:kms:eu-central-1:123456789012:key/1</kmsKeyId></item><item><volumeId>vol-2</volumeId><size>100</size><volumeType>gp2</volumeType><iops>300</iops><encrypted>false</encrypted></item></volumeSet></DescribeVolumesResponse>";

fn attribute(name: &str, value: &str) -> &'static str {
    let value = if value.is_empty() { String::new() } else { format!("<value>{value}</value>") };
    let text = format!(
        "<DescribeInstanceAttributeResponse><instanceId>i-1</instanceId><{name}>{value}</{name}></DescribeInstanceAttributeResponse>"
    );
    Box::leak(text.into_boxed_str())
}

/// Returns the answers of a whole read, with this answer of DescribeInstances and this user data in base64.
fn answers(instances: &'static str, user_data: &str) -> Vec<Answer> {
    vec![
        (200, "Action=DescribeInstances&", instances),
        (200, "Action=DescribeVolumes&", VOLUMES),
        (
            200,
            "Action=DescribeInstanceAttribute&Version=2016-11-15&InstanceId=i-1&Attribute=userData",
            attribute("userData", user_data),
        ),
        (
            200,
            "Action=DescribeInstanceAttribute&Version=2016-11-15&InstanceId=i-1&Attribute=disableApiTermination",
            attribute("disableApiTermination", "true"),
        ),
        (
            200,
            "Action=DescribeInstanceAttribute&Version=2016-11-15&InstanceId=i-1&Attribute=disableApiStop",
            attribute("disableApiStop", "false"),
        ),
        (
            200,
            "Action=DescribeInstanceAttribute&Version=2016-11-15&InstanceId=i-1&Attribute=instanceInitiatedShutdownBehavior",
            attribute("instanceInitiatedShutdownBehavior", "terminate"),
        ),
    ]
}

async fn observed(answers: &[Answer], depth: Depth) -> Observation<Value> {
    let mut scope = Scope::of(location());
    scope.ask("dev", depth);
    open(&Replay::coded(answers)).await.observe("ec2.instance", scope).await.unwrap()
}

#[tokio::test]
async fn every_setting_of_an_instance_is_read_and_can_be_written() {
    let found = observed(&answers(WHOLE, "IyEvYmluL3NoCg=="), Depth::Whole).await;
    let live = &found.resources[0];
    let key = "arn:aws:kms:eu-central-1:123456789012:key/1";
    let expected = json!({
        "image": {"id": "ami-1"}, "instance_type": "m7i.large", "key_pair": "team", "security_groups": ["sg-1"],
        "subnet": "subnet-1", "profile": "dev", "running": true, "public_address": true, "source_dest_check": false,
        "metadata": {"tokens": "optional", "hop_limit": 2, "ipv6": true, "tags": true, "endpoint": true},
        "monitoring": true, "ebs_optimized": true, "termination_protection": true, "stop_protection": false,
        "shutdown_behavior": "terminate",
        "root_volume": {"size_gib": 30, "type": "gp3", "iops": 4000, "throughput": 250, "encrypted": true, "kms_key": key,
            "delete_on_termination": true},
        "volumes": {"/dev/sdf": {"size_gib": 100, "type": "gp2", "iops": null, "throughput": null, "encrypted": false,
            "kms_key": null, "delete_on_termination": false}},
        "user_data": {"$secret": "#!/bin/sh\n"}, "tags": {"Name": "dev"},
    });
    assert_eq!(live.model, expected);
    let extras: Vec<&str> = live.extras.iter().map(|extra| extra.path.as_str()).collect();
    let named = [
        "placement",
        "capacity",
        "cpu_options",
        "hostname",
        "maintenance",
        "network_interfaces",
        "lifecycle",
        "hibernation",
        "enclave",
        "licenses",
        "bandwidth",
        "kernel",
        "ramdisk",
    ];
    assert_eq!(extras, named);
    let interface =
        json!({"eni-1": {"description": "by hand", "elastic_ip": "203.0.113.7", "secondary_addresses": ["10.0.0.6"]}});
    assert_eq!(live.extras[5].value, interface);
    let kind = REGISTRY.of("ec2.instance");
    let written = kind.write(&live.model).unwrap().unwrap();
    let wanted = spec(&format!("ec2.instance:\n  dev:\n{}", regionctl_core::spec::write::yaml(&written, 4)));
    assert_eq!(kind.relevant(None, &wanted.wants[0].model), kind.relevant(None, &live.model));
}

#[tokio::test]
async fn a_spec_without_parts_needs_one_call() {
    let replay = Replay::new(&[(200, WHOLE)]);
    let mut scope = Scope::of(location());
    scope.ask("dev", Depth::Named(["metadata".to_owned(), "profile".to_owned()].into()));
    let found = open(&replay).await.observe("ec2.instance", scope).await.unwrap();
    assert_eq!((found.resources.len(), replay.requests().len()), (1, 1));
}

#[tokio::test]
async fn a_volume_that_is_not_returned_and_an_unknown_option_are_gaps() {
    let without = [
        (200, "Action=DescribeInstances&", WHOLE),
        (200, "Action=DescribeVolumes&", "<DescribeVolumesResponse><volumeSet/></DescribeVolumesResponse>"),
    ];
    let found = observed(&without, Depth::Named(["root_volume".to_owned()].into())).await;
    assert!(found.resources.is_empty() && found.gaps[0].1.class == FailureClass::Unknown, "{:?}", found.gaps);
    let unknown = WHOLE.replace("<httpTokens>optional", "<httpTokens>sometimes");
    let found = observed(&[(200, "", Box::leak(unknown.into_boxed_str()))], Depth::existence()).await;
    assert!(found.gaps[0].1.message.contains("'sometimes'"), "{:?}", found.gaps);
}

#[tokio::test]
async fn user_data_that_is_not_text_is_an_extra_and_none_is_unset() {
    let found = observed(&answers(WHOLE, "H4sI/w=="), Depth::Whole).await;
    assert!(found.resources[0].model.get("user_data").is_none());
    let extra = found.resources[0].extras.iter().find(|extra| extra.path == "user_data").unwrap();
    assert_eq!(extra.value, json!("4 bytes that are not text"));
    let found = observed(&answers(WHOLE, ""), Depth::Whole).await;
    assert_eq!(found.resources[0].model["user_data"], Value::Null);
}

/// EC2 releases the address that it assigned when the instance stops.
#[tokio::test]
async fn whether_a_stopped_instance_has_a_public_address_is_not_known() {
    let stopped = WHOLE.replace("<name>running</name>", "<name>stopped</name>");
    let stopped = stopped.replace("<ipAddress>203.0.113.7</ipAddress>", "");
    let found = observed(&[(200, "", Box::leak(stopped.into_boxed_str()))], Depth::existence()).await;
    assert!(found.resources[0].model.get("public_address").is_none());
}

/// Compares the instance of `WHOLE` with an entry that also states its image and its type.
async fn compared(fields: &str) -> Draft {
    let found = observed(&answers(WHOLE, "IyEvYmluL3NoCg=="), Depth::Whole).await;
    let instance_type = if fields.contains("instance_type") { "" } else { "instance_type: m7i.large, " };
    let image = if fields.contains("image") { "" } else { "image: {id: ami-1}, " };
    let wanted = spec(&format!("ec2.instance:\n  dev: {{{image}{instance_type}{fields}}}\n"));
    let kind = REGISTRY.of("ec2.instance");
    let context = DiffContext { is_adopted: true, ..DiffContext::default() };
    kind.diff(&wanted.wants[0].model, Some(&found.resources[0]), &context).unwrap()
}

#[tokio::test]
async fn what_an_instance_cannot_change_is_blocked_with_what_to_do() {
    for (fields, named) in [
        ("image: {id: ami-2}", "the AMI of an instance cannot change"),
        ("instance_type: t3.small", "EC2 changes the type of an instance only while it is stopped"),
        ("ebs_optimized: false", "EC2 changes the EBS optimization of an instance only while it is stopped"),
        ("user_data: other", "EC2 changes the user data of an instance only while it is stopped"),
        ("key_pair: other", "the key pair of an instance cannot change"),
        ("subnet: subnet-2", "the subnet of an instance cannot change"),
        ("public_address: false", "regionctl does not change the public address"),
        ("volume_gib: 40", "aws ec2 modify-volume"),
        ("root_volume: {encrypted: false}", "encryption cannot change"),
        ("volumes: {/dev/sdg: {size_gib: 1}}", "aws ec2 attach-volume"),
    ] {
        let draft = compared(fields).await;
        assert!(draft.blocked.len() == 1 && draft.blocked[0].contains(named), "{fields}: {:?}", draft.blocked);
        assert!(draft.steps.is_empty() && draft.fields.len() == 1, "{fields}: {:?}", draft.fields);
    }
}

#[tokio::test]
async fn settings_that_are_equal_or_not_stated_do_not_differ() {
    let draft = compared(
        "key_pair: team, profile: dev, volume_gib: 30, user_data: \"#!/bin/sh\\n\", termination_protection: true, \
         metadata: {hop_limit: 2}, volumes: {/dev/sdf: {type: gp2}}",
    )
    .await;
    assert!(draft.fields.is_empty() && draft.blocked.is_empty() && draft.steps.is_empty(), "{:?}", draft.fields);
}

#[tokio::test]
async fn the_options_of_the_metadata_service_that_do_not_change_are_sent_too() {
    let draft = compared("metadata: {tokens: required}").await;
    let options = json!({"tokens": "required", "hop_limit": 2, "ipv6": true, "tags": true, "endpoint": true});
    assert_eq!(draft.steps[0].op, json!({"ModifyInstanceMetadataOptions": {"options": options}}));
    let replay = Replay::new(&[(200, "<ModifyInstanceMetadataOptionsResponse/>")]);
    run(&replay, "ec2.instance", draft.steps[0].op.clone()).await.unwrap();
    let sent = &replay.requests()[0];
    for part in ["HttpTokens=required", "HttpPutResponseHopLimit=2", "HttpProtocolIpv6=enabled"] {
        assert!(sent.contains(part), "{sent}");
    }
}

#[tokio::test]
async fn imds_v1_and_a_public_address_are_risks() {
    let rules = |fields: &str| {
        let wanted =
            spec(&format!("ec2.instance:\n  dev: {{image: {{id: ami-1}}, instance_type: t3.small{fields}}}\n"));
        let risks = REGISTRY.of("ec2.instance").risks(&wanted.wants[0].model).unwrap();
        risks.into_iter().map(|risk| risk.rule).collect::<Vec<_>>()
    };
    assert!(rules("").is_empty() && rules(", metadata: {tokens: required}").is_empty());
    assert_eq!(rules(", metadata: {tokens: optional}, public_address: true"), ["ec2-imdsv1", "ec2-public-address"]);
}

#[tokio::test]
async fn removing_a_security_group_of_an_adopted_instance_is_a_deletion() {
    let draft = compared("security_groups: [sg-2]").await;
    assert!(draft.deletes[0].contains("the security group sg-1 is removed"), "{:?}", draft.deletes);
}

#[tokio::test]
async fn a_protected_instance_is_not_deleted() {
    let found = observed(&answers(WHOLE, ""), Depth::Whole).await;
    let draft = REGISTRY.of("ec2.instance").remove(&found.resources[0].model).unwrap();
    assert!(
        draft.steps.is_empty() && draft.blocked[0].contains("termination_protection: false"),
        "{:?}",
        draft.blocked
    );
}

/// The answer of the first try was lost: EC2 says that the instance has a profile.
#[tokio::test]
async fn a_profile_that_an_earlier_try_set_is_no_error_and_another_one_is() {
    const EXISTS: &str = "<Response><Errors><Error><Code>IncorrectState</Code><Message>There is an existing association for instance i-1</Message></Error></Errors><RequestID>r</RequestID></Response>";
    const CURRENT: &str = "<DescribeIamInstanceProfileAssociationsResponse><iamInstanceProfileAssociationSet><item><associationId>iip-assoc-1</associationId><instanceId>i-1</instanceId><iamInstanceProfile><arn>arn:aws:iam::123456789012:instance-profile/team/dev</arn></iamInstanceProfile><state>associated</state></item></iamInstanceProfileAssociationSet></DescribeIamInstanceProfileAssociationsResponse>";
    let associate = |profile: &str| json!({"AssociateIamInstanceProfile": {"profile": profile}});
    run(&Replay::new(&[(400, EXISTS), (200, CURRENT)]), "ec2.instance", associate("dev")).await.unwrap();
    let failure = run(&Replay::new(&[(400, EXISTS), (200, CURRENT)]), "ec2.instance", associate("other")).await;
    assert!(failure.unwrap_err().message.contains("existing association"));
    let replay = Replay::new(&[(200, CURRENT), (200, "<ReplaceIamInstanceProfileAssociationResponse/>")]);
    let replace = json!({"ReplaceIamInstanceProfileAssociation": {"profile": "other"}});
    run(&replay, "ec2.instance", replace).await.unwrap();
    assert!(replay.requests()[1].contains("AssociationId=iip-assoc-1"), "{:?}", replay.requests());
}

#[tokio::test]
async fn a_launch_is_encrypted_and_requires_imds_v2_unless_stated_otherwise() {
    const IMAGE: &str = "<DescribeImagesResponse><imagesSet><item><imageId>ami-1</imageId><rootDeviceName>/dev/sda1</rootDeviceName></item></imagesSet></DescribeImagesResponse>";
    let settings = json!({"instance_type": "t3.small", "image": {"id": "ami-1"}, "subnet": "subnet-1",
        "root_volume": {"size_gib": 20}, "public_address": true, "security_groups": ["sg-1"]});
    let replay = Replay::new(&[(200, IMAGE), (200, MADE)]);
    run(&replay, "ec2.instance", json!({"RunInstances": {"settings": settings, "tags": {}}})).await.unwrap();
    let sent = &replay.requests()[1];
    for part in [
        "BlockDeviceMapping.1.DeviceName=%2Fdev%2Fsda1",
        "Ebs.Encrypted=true",
        "Ebs.VolumeType=gp3",
        "HttpTokens=required",
        "NetworkInterface.1.AssociatePublicIpAddress=true",
        "NetworkInterface.1.SecurityGroupId.1=sg-1",
    ] {
        assert!(sent.contains(part), "{part} is not in {sent}");
    }
}
