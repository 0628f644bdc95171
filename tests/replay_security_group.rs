// SPDX-License-Identifier: Apache-2.0
//! Security groups and key pairs with answers of EC2 that no emulator returns.

use regionctl_aws::kinds::REGISTRY;
use regionctl_aws::kinds::security_group::{GroupOp, SecurityGroup};
use regionctl_aws::live::Live;
use regionctl_aws::session::FromSession;
use regionctl_core::kind::DiffContext;
use regionctl_core::observe::location::Vpc;
use regionctl_core::observe::provider::{Provider, StepTarget};
use regionctl_core::resource::reference::Attributes;
use serde_json::json;

use crate::replay::{Replay, location, open, run};
use crate::replay_reads::{assert_gap, observe, spec};

/// Returns an answer with one group and these ingress permissions.
fn group(permissions: &str) -> &'static str {
    let text = format!(
        "<DescribeSecurityGroupsResponse><securityGroupInfo><item><ownerId>123456789012</ownerId><groupId>sg-1</groupId>\
         <groupName>g</groupName><groupDescription>d</groupDescription><vpcId>vpc-1</vpcId><ipPermissions>{permissions}\
         </ipPermissions></item></securityGroupInfo></DescribeSecurityGroupsResponse>"
    );
    Box::leak(text.into_boxed_str())
}

const RANGE: &str = "<ipRanges><item><cidrIp>10.0.0.0/8</cidrIp><description>inside</description></item></ipRanges>";

#[tokio::test]
async fn every_form_of_rule_is_read_and_can_be_stated() {
    let every = format!(
        "<item><ipProtocol>icmp</ipProtocol><fromPort>15</fromPort><toPort>-1</toPort>{RANGE}</item>\
         <item><ipProtocol>icmp</ipProtocol><fromPort>8</fromPort><toPort>0</toPort>{RANGE}</item>\
         <item><ipProtocol>58</ipProtocol><fromPort>1</fromPort><toPort>4</toPort><ipv6Ranges><item><cidrIpv6>fd00::/8\
         </cidrIpv6></item></ipv6Ranges></item><item><ipProtocol>50</ipProtocol>{RANGE}</item>\
         <item><ipProtocol>tcp</ipProtocol><fromPort>1</fromPort><toPort>2</toPort><groups>\
         <item><userId>123456789012</userId><groupId>sg-2</groupId><description>ours</description></item>\
         <item><userId>210987654321</userId><groupId>sg-3</groupId><groupName>x</groupName><vpcId>vpc-9</vpcId>\
         <vpcPeeringConnectionId>pcx-1</vpcPeeringConnectionId><peeringStatus>active</peeringStatus></item></groups>\
         <prefixListIds><item><prefixListId>pl-1</prefixListId></item></prefixListIds></item>\
         <item><ipProtocol>-1</ipProtocol>{RANGE}</item>"
    );
    let found = observe("ec2.security_group", "g", &[(200, group(&every))]).await;
    let wanted = spec(
        "ec2.security_group:
  g:
    ingress:
      - {icmp: 15, from: 10.0.0.0/8}
      - {icmp: ping, from: 10.0.0.0/8}
      - {icmpv6: 1/4, from: 'fd00::/8'}
      - {protocol: esp, from: 10.0.0.0/8}
      - {tcp: 1-2, from: [sg-2, 210987654321/sg-3, pl-1]}
      - {protocol: all, from: 10.0.0.0/8, note: unset}
",
    );
    let kind = REGISTRY.of("ec2.security_group");
    let draft = kind.diff(&wanted.wants[0].model, Some(&found.resources[0]), &DiffContext::default()).unwrap();
    let paths: Vec<&str> = draft.fields.iter().map(|field| field.path.as_str()).collect();
    assert_eq!(paths, ["ingress[all traffic from 10.0.0.0/8]"], "only the note differs");
    assert!(draft.deletes.is_empty(), "{:?}", draft.deletes);
}

#[tokio::test]
async fn an_incomplete_rule_makes_the_group_a_gap() {
    for (rule, named) in [
        (format!("<item>{RANGE}</item>"), "without protocol"),
        (format!("<item><ipProtocol>tcp</ipProtocol>{RANGE}</item>"), "without ports"),
        (format!("<item><ipProtocol>quic</ipProtocol>{RANGE}</item>"), "quic"),
        ("<item><ipProtocol>50</ipProtocol><ipRanges><item/></ipRanges></item>".to_owned(), "without source"),
    ] {
        assert_gap("ec2.security_group", "g", &[(200, group(&rule))], named).await;
    }
}

#[tokio::test]
async fn removing_rules_of_an_adopted_group_is_a_deletion() {
    let rule = format!("<item><ipProtocol>50</ipProtocol>{RANGE}</item>");
    let found = observe("ec2.security_group", "g", &[(200, group(&rule))]).await;
    let kind = REGISTRY.of("ec2.security_group");
    let draft = |rules: &str| {
        let wanted = spec(&format!("ec2.security_group:\n  g: {{ingress: [], rules: {rules}}}\n"));
        let context = DiffContext { is_adopted: true, ..DiffContext::default() };
        kind.diff(&wanted.wants[0].model, Some(&found.resources[0]), &context).unwrap()
    };
    let deletes = draft("exclusive").deletes;
    assert!(
        deletes.len() == 1 && deletes[0].contains("ingress protocol esp from 10.0.0.0/8 is removed"),
        "{deletes:?}"
    );
    assert!(draft("additive").deletes.is_empty());
}

#[tokio::test]
async fn the_account_of_a_peer_is_sent() {
    let done = "<RevokeSecurityGroupIngressResponse><return>true</return></RevokeSecurityGroupIngressResponse>";
    let replay = Replay::new(&[(200, done)]);
    let rule =
        json!({"direction": "ingress", "protocol": "tcp", "from_port": 1, "to_port": 1, "peer": "210987654321/sg-3"});
    run(&replay, "ec2.security_group", json!({"RevokeSecurityGroupIngress": {"rules": [rule]}})).await.unwrap();
    let request = &replay.requests()[0];
    assert!(request.contains("UserId=210987654321") && request.contains("GroupId=sg-3"), "{request}");
}

/// EC2 adds an egress rule for `::/0` in a VPC with an IPv6 block
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/default-custom-security-groups.html>).
#[tokio::test]
async fn the_default_ipv6_egress_of_a_new_group_is_revoked() {
    let created = "<CreateSecurityGroupResponse><groupId>sg-1</groupId></CreateSecurityGroupResponse>";
    let revoked = "<RevokeSecurityGroupEgressResponse><return>true</return></RevokeSecurityGroupEgressResponse>";
    for (ipv6, expected) in [(true, 2), (false, 1)] {
        let replay = Replay::new(&[(200, created), (200, revoked)]);
        let mut location = location();
        location.vpc = Some(Vpc { id: "vpc-1".to_owned(), ipv6, ..Vpc::default() });
        let target = StepTarget { name: "g".to_owned(), location, attributes: std::collections::BTreeMap::new() };
        let op = json!({"CreateSecurityGroup": {"description": "d", "tags": {}, "without_ipv6_egress": true}});
        open(&replay).await.run("ec2.security_group", target, op).await.unwrap();
        assert_eq!(replay.requests().len(), expected);
    }
}

#[tokio::test]
async fn a_group_in_use_names_what_uses_it() {
    const VIOLATION: &str = "<Response><Errors><Error><Code>DependencyViolation</Code><Message>resource sg-1 has a \
                             dependent object</Message></Error></Errors><RequestID>r</RequestID></Response>";
    let interfaces = "<DescribeNetworkInterfacesResponse><networkInterfaceSet><item><networkInterfaceId>eni-1\
                      </networkInterfaceId><description>RDSNetworkInterface</description></item></networkInterfaceSet>\
                      </DescribeNetworkInterfacesResponse>";
    let groups = "<DescribeSecurityGroupsResponse><securityGroupInfo><item><groupId>sg-2</groupId><groupName>web\
                  </groupName></item></securityGroupInfo></DescribeSecurityGroupsResponse>";
    let replay = Replay::coded(&[
        (400, "Action=DeleteSecurityGroup", VIOLATION),
        (200, "Action=DescribeNetworkInterfaces", interfaces),
        (200, "Action=DescribeSecurityGroups", groups),
        (200, "Action=DescribeSecurityGroups", groups),
    ]);
    // The provider would retry for half a minute: an instance that is shutting down still uses its groups.
    let api = aws_sdk_ec2::Client::from_session(open(&replay).await.session());
    let attributes = Attributes::from([("id".to_owned(), "sg-1".to_owned())]);
    let target = StepTarget { name: "g".to_owned(), location: location(), attributes };
    let failure = SecurityGroup::run(&api, &target, GroupOp::DeleteSecurityGroup).await.unwrap_err();
    let expected = "it is used by a rule of sg-2 (web), eni-1 (RDSNetworkInterface)";
    assert!(failure.0.message.contains(expected), "{}", failure.0.message);
}

#[tokio::test]
async fn a_key_pair_without_its_public_key_is_a_gap() {
    let answer = "<DescribeKeyPairsResponse><keySet><item><keyPairId>key-1</keyPairId><keyName>k</keyName></item>\
                  </keySet></DescribeKeyPairsResponse>";
    assert_gap("ec2.key_pair", "k", &[(200, answer)], "the public key").await;
}

#[tokio::test]
async fn an_existing_key_pair_is_the_imported_one_only_if_its_key_is_equal() {
    const DUPLICATE: &str = "<Response><Errors><Error><Code>InvalidKeyPair.Duplicate</Code><Message>The keypair already \
                             exists</Message></Error></Errors><RequestID>r</RequestID></Response>";
    let existing = "<DescribeKeyPairsResponse><keySet><item><keyPairId>key-1</keyPairId><keyName>data-bucket</keyName>\
                    <keyType>ed25519</keyType><keyFingerprint>f</keyFingerprint><publicKey>ssh-ed25519 AAAAC3 a@b\
                    </publicKey></item></keySet></DescribeKeyPairsResponse>";
    let import = |key: &str| json!({"ImportKeyPair": {"public_key": key, "tags": {}}});
    let answers = [(400, DUPLICATE), (200, existing)];
    let attributes = run(&Replay::new(&answers), "ec2.key_pair", import("ssh-ed25519 AAAAC3")).await.unwrap();
    assert_eq!(attributes["id"], "key-1");
    let failure = run(&Replay::new(&answers), "ec2.key_pair", import("ssh-ed25519 AAAAC4")).await.unwrap_err();
    assert!(failure.message.contains("another public key"), "{}", failure.message);
}
