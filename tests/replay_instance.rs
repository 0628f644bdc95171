// SPDX-License-Identifier: Apache-2.0
//! Instances: requests and errors of EC2 that no emulator has.

use regionctl_core::observe::provider::{Provider, Status, StepTarget};
use regionctl_core::observe::scope::{Depth, Scope};
use regionctl_core::resource::reference::Attributes;
use serde_json::{Value, json};

use crate::replay::{Replay, location, open, run};

const MADE: &str = "<RunInstancesResponse><instancesSet><item><instanceId>i-1</instanceId></item></instancesSet></RunInstancesResponse>";
const SUBNETS: &str = "<DescribeSubnetsResponse><subnetSet><item><subnetId>subnet-1</subnetId><availableIpAddressCount>3</availableIpAddressCount></item><item><subnetId>subnet-2</subnetId><availableIpAddressCount>9</availableIpAddressCount></item></subnetSet></DescribeSubnetsResponse>";

fn launch(subnet: &Value) -> Value {
    json!({"RunInstances": {"instance_type": "t3.small", "key_pair": null, "security_groups": null, "subnet": subnet,
        "profile": null, "tags": {"Name": "data-bucket"},
        "creation": {"image": {"id": "ami-1"}, "volume_gib": null, "user_data": null}}})
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
