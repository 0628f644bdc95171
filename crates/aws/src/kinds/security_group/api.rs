// SPDX-License-Identifier: Apache-2.0
//! Reads security groups in bulk, and sends the calls that change them.
//! AWS's rules for reads: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSecurityGroups.html>.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{
    IpPermission, IpRange, Ipv6Range, PrefixListId, ResourceType, SecurityGroup as SdkGroup, UserIdGroupPair,
};
use futures::future::try_join_all;
use regionctl_core::model::cidr;
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::StepTarget;
use regionctl_core::observe::scope::{LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;

use super::rule::{Direction, Peer, Rule};
use super::{DEFAULT, GroupModel, GroupOp, RuleMode, SecurityGroup};
use crate::ec2::{filter, sdk_tags, tag_specification};
use crate::error::{CallError, done_if, if_found};
use crate::live::{Live, names_of};
use crate::tags::collect;

/// EC2 accepts up to 200 values in a filter.
const NAMES_PER_CALL: usize = 200;

impl Live for SecurityGroup {
    type Api = Client;

    async fn observe(api: &Client, scope: &Scope) -> Result<Observation<GroupModel>, CallError> {
        let Some(vpc) = &scope.location.vpc else { return Ok(Observation::default()) };
        let names: Vec<&str> = scope.names.keys().map(String::as_str).collect();
        let groups = try_join_all(names.chunks(NAMES_PER_CALL).map(|names| describe(api, &vpc.id, names))).await?;
        let seen = groups.into_iter().flatten().map(|group| {
            let attributes = Attributes::from([("id".to_owned(), group.group_id().unwrap_or_default().to_owned())]);
            LiveResource::new(group.group_name().unwrap_or_default(), model(&group), attributes)
        });
        Ok(Observation { resources: seen.collect(), gaps: Vec::new() })
    }

    async fn list(api: &Client, location: &Location) -> Result<Vec<String>, CallError> {
        let Some(vpc) = &location.vpc else { return Ok(Vec::new()) };
        let of_vpc = filter("vpc-id", [vpc.id.clone()]);
        let groups = api.describe_security_groups().filters(of_vpc).max_results(1000).into_paginator().items().send();
        names_of(groups, |group| group.group_name).await
    }

    async fn run(api: &Client, target: &StepTarget, op: GroupOp) -> Result<Attributes, CallError> {
        let id = target.attributes.get("id").map_or("", String::as_str);
        match op {
            GroupOp::CreateSecurityGroup { description, tags } => {
                let vpc = target.location.vpc.as_ref().map(|vpc| vpc.id.clone());
                let made = api
                    .create_security_group()
                    .group_name(&target.name)
                    .description(description)
                    .set_vpc_id(vpc)
                    .set_tag_specifications(tag_specification(ResourceType::SecurityGroup, &tags))
                    .send()
                    .await?;
                return Ok(Attributes::from([("id".to_owned(), made.group_id().unwrap_or_default().to_owned())]));
            }
            GroupOp::AuthorizeSecurityGroupIngress { rules } => {
                all(api, id, RuleCall::AuthorizeIngress, &rules).await?;
            }
            GroupOp::AuthorizeSecurityGroupEgress { rules } => all(api, id, RuleCall::AuthorizeEgress, &rules).await?,
            GroupOp::RevokeSecurityGroupIngress { rules } => all(api, id, RuleCall::RevokeIngress, &rules).await?,
            GroupOp::RevokeSecurityGroupEgress { rules } => all(api, id, RuleCall::RevokeEgress, &rules).await?,
            GroupOp::UpdateSecurityGroupRuleDescriptionsIngress { rules } => {
                let call = api.update_security_group_rule_descriptions_ingress().group_id(id);
                call.set_ip_permissions(Some(permissions(&rules))).send().await?;
            }
            GroupOp::UpdateSecurityGroupRuleDescriptionsEgress { rules } => {
                let call = api.update_security_group_rule_descriptions_egress().group_id(id);
                call.set_ip_permissions(Some(permissions(&rules))).send().await?;
            }
            GroupOp::DeleteSecurityGroup => {
                if_found(api.delete_security_group().group_id(id).send().await.map_err(CallError::from))?;
            }
            GroupOp::CreateTags { tags } => {
                api.create_tags().resources(id).set_tags(Some(sdk_tags(&tags))).send().await?;
            }
        }
        Ok(Attributes::new())
    }
}

#[derive(Clone, Copy)]
enum RuleCall {
    AuthorizeIngress,
    AuthorizeEgress,
    RevokeIngress,
    RevokeEgress,
}

impl RuleCall {
    /// Returns the error code that means that the rule already exists, or does not exist any more.
    fn done(self) -> &'static str {
        match self {
            Self::AuthorizeIngress | Self::AuthorizeEgress => "InvalidPermission.Duplicate",
            Self::RevokeIngress | Self::RevokeEgress => "InvalidPermission.NotFound",
        }
    }

    async fn send(self, api: &Client, id: &str, rules: &[Rule]) -> Result<(), CallError> {
        let rules = Some(permissions(rules));
        match self {
            Self::AuthorizeIngress => {
                api.authorize_security_group_ingress().group_id(id).set_ip_permissions(rules).send().await?;
            }
            Self::AuthorizeEgress => {
                api.authorize_security_group_egress().group_id(id).set_ip_permissions(rules).send().await?;
            }
            Self::RevokeIngress => {
                api.revoke_security_group_ingress().group_id(id).set_ip_permissions(rules).send().await?;
            }
            Self::RevokeEgress => {
                api.revoke_security_group_egress().group_id(id).set_ip_permissions(rules).send().await?;
            }
        }
        Ok(())
    }
}

/// Sends all rules in one call. EC2 rejects the whole call if one rule already exists (or is already revoked). Then
/// each rule is sent in a call of its own, and that error counts as success
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupIngress.html>).
async fn all(api: &Client, id: &str, call: RuleCall, rules: &[Rule]) -> Result<(), CallError> {
    match call.send(api, id, rules).await {
        Err(error) if error.is(call.done()) => {
            for rule in rules {
                done_if(call.send(api, id, std::slice::from_ref(rule)).await, call.done())?;
            }
            Ok(())
        }
        other => other,
    }
}

async fn describe(api: &Client, vpc: &str, names: &[&str]) -> Result<Vec<SdkGroup>, CallError> {
    let mut items = api
        .describe_security_groups()
        .filters(filter("vpc-id", [vpc.to_owned()]))
        .filters(filter("group-name", names.iter().map(ToString::to_string)))
        .into_paginator()
        .items()
        .send();
    let mut groups = Vec::new();
    while let Some(group) = items.next().await {
        groups.push(group?);
    }
    Ok(groups)
}

fn model(group: &SdkGroup) -> GroupModel {
    let rules = |direction, permissions: &[IpPermission]| {
        let mut rules: Vec<Rule> = permissions.iter().flat_map(|permission| flatten(direction, permission)).collect();
        rules.sort();
        rules
    };
    GroupModel {
        is_default: group.group_name() == Some(DEFAULT),
        description: Setting::live(group.description().map(ToOwned::to_owned)),
        ingress: rules(Direction::Ingress, group.ip_permissions()),
        egress: Setting::Set(rules(Direction::Egress, group.ip_permissions_egress())),
        rules: RuleMode::Exclusive,
        tags: Setting::Set(collect(group.tags().iter().map(|tag| (tag.key(), tag.value())))),
    }
}

/// Splits an EC2 permission into one rule per peer: EC2 combines all peers with the same protocol and ports.
fn flatten(direction: Direction, permission: &IpPermission) -> Vec<Rule> {
    let block = |text: Option<&str>| {
        let text = text.unwrap_or_default();
        cidr::parse(text).map_or_else(|_| text.to_owned(), |block| block.to_string())
    };
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let v4 = permission.ip_ranges().iter().map(|range| (block(range.cidr_ip()), range.description()));
    let v6 = permission.ipv6_ranges().iter().map(|range| (block(range.cidr_ipv6()), range.description()));
    let groups = permission.user_id_group_pairs().iter().map(|pair| (text(pair.group_id()), pair.description()));
    let lists = permission.prefix_list_ids().iter().map(|list| (text(list.prefix_list_id()), list.description()));
    let rule = |(peer, note): (String, Option<&str>)| {
        Rule {
            direction,
            protocol: permission.ip_protocol().unwrap_or("-1").to_owned(),
            from_port: permission.from_port(),
            to_port: permission.to_port(),
            peer: Peer(peer),
            note: note.filter(|note| !note.is_empty()).map(ToOwned::to_owned),
        }
        .normalized()
    };
    v4.chain(v6).chain(groups).chain(lists).map(rule).collect()
}

fn permissions(rules: &[Rule]) -> Vec<IpPermission> {
    rules.iter().map(permission).collect()
}

fn permission(rule: &Rule) -> IpPermission {
    let Rule { direction: _, protocol, from_port, to_port, peer: Peer(peer), note } = rule;
    let base = IpPermission::builder().ip_protocol(protocol).set_from_port(*from_port).set_to_port(*to_port);
    let note = note.clone();
    if peer.starts_with("sg-") {
        base.user_id_group_pairs(UserIdGroupPair::builder().group_id(peer).set_description(note).build()).build()
    } else if peer.starts_with("pl-") {
        base.prefix_list_ids(PrefixListId::builder().prefix_list_id(peer).set_description(note).build()).build()
    } else if peer.contains(':') {
        base.ipv6_ranges(Ipv6Range::builder().cidr_ipv6(peer).set_description(note).build()).build()
    } else {
        base.ip_ranges(IpRange::builder().cidr_ip(peer).set_description(note).build()).build()
    }
}
