// SPDX-License-Identifier: Apache-2.0
//! Reads security groups in bulk, and sends the calls that change them.
//! AWS's rules for reads: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSecurityGroups.html>.

use std::collections::BTreeSet;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::operation::describe_network_interfaces::DescribeNetworkInterfacesOutput;
use aws_sdk_ec2::operation::describe_security_groups::DescribeSecurityGroupsOutput;
use aws_sdk_ec2::types::{
    IpPermission, IpRange, Ipv6Range, PrefixListId, ResourceType, SecurityGroup as SdkGroup, UserIdGroupPair,
};
use futures::future::{join3, try_join_all};
use regionctl_core::model::cidr;
use regionctl_core::model::tags::{CREATED_BY, Tags};
use regionctl_core::observe::location::Location;
use regionctl_core::observe::provider::StepTarget;
use regionctl_core::observe::scope::{LiveResource, Observation, Scope};
use regionctl_core::resource::reference::Attributes;
use regionctl_core::resource::setting::Setting;

use super::rule::{Direction, Peer, Rule};
use super::{DEFAULT, GroupModel, GroupOp, RuleMode, SecurityGroup, protocol};
use crate::ec2::{delete_tags, filter, sdk_tags, tag_specification};
use crate::error::{CallError, done_if, if_found};
use crate::live::{Live, collect_results, names_of};
use crate::tags::{self, collect};

/// EC2 accepts up to 200 values in a filter.
const NAMES_PER_CALL: usize = 200;

impl Live for SecurityGroup {
    type Api = Client;

    async fn observe(api: &Client, scope: &Scope) -> Result<Observation<GroupModel>, CallError> {
        let Some(vpc) = &scope.location.vpc else { return Ok(Observation::default()) };
        let names: Vec<&str> = scope.names.keys().map(String::as_str).collect();
        let groups = try_join_all(names.chunks(NAMES_PER_CALL).map(|names| describe(api, &vpc.id, names))).await?;
        let read = groups.into_iter().flatten().map(|group| {
            let name = group.group_name().unwrap_or_default().to_owned();
            let attributes = Attributes::from([("id".to_owned(), group.group_id().unwrap_or_default().to_owned())]);
            let seen = model(&group).map(|model| LiveResource::new(name.clone(), model, attributes));
            (name, seen)
        });
        Ok(collect_results(read))
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
            GroupOp::CreateSecurityGroup { description, tags, without_ipv6_egress } => {
                let id = create(api, target, description, &tags).await?;
                if without_ipv6_egress && target.location.vpc.as_ref().is_some_and(|vpc| vpc.ipv6) {
                    all(api, &id, RuleCall::RevokeEgress, &[Rule::all_egress_to("::/0")]).await?;
                }
                return Ok(Attributes::from([("id".to_owned(), id)]));
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
                match if_found(api.delete_security_group().group_id(id).send().await.map_err(CallError::from)) {
                    Err(error) if error.is("DependencyViolation") => return Err(used_by(api, id, error).await),
                    result => drop(result?),
                }
            }
            GroupOp::CreateTags { tags } => {
                api.create_tags().resources(id).set_tags(Some(sdk_tags(&tags))).send().await?;
            }
            GroupOp::DeleteTags { keys } => delete_tags(api, id, &keys).await?,
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

/// Creates the group and returns its id. A group of this name that the same spec created is the group of a try whose
/// answer was lost.
async fn create(api: &Client, target: &StepTarget, description: String, tags: &Tags) -> Result<String, CallError> {
    let vpc = target.location.vpc.as_ref().map(|vpc| vpc.id.clone()).unwrap_or_default();
    let made = api
        .create_security_group()
        .group_name(&target.name)
        .description(description)
        .vpc_id(&vpc)
        .set_tag_specifications(tag_specification(ResourceType::SecurityGroup, tags))
        .send()
        .await
        .map_err(CallError::from);
    let error = match made {
        Ok(made) => return Ok(made.group_id().unwrap_or_default().to_owned()),
        Err(error) if error.is("InvalidGroup.Duplicate") => error,
        Err(error) => return Err(error),
    };
    let creator = tags.get(CREATED_BY);
    let is_ours = |group: &SdkGroup| {
        let of = group.tags().iter().find(|tag| tag.key() == Some(CREATED_BY)).and_then(|tag| tag.value());
        creator.is_some() && of == creator.map(String::as_str)
    };
    let found = describe(api, &vpc, &[target.name.as_str()]).await?;
    found.into_iter().find(is_ours).and_then(|group| group.group_id).ok_or(error)
}

/// Adds what uses the group to a DependencyViolation: network interfaces, and rules of other groups
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/deleting-security-groups.html>). Groups in peered VPCs are not
/// visible.
async fn used_by(api: &Client, id: &str, mut error: CallError) -> CallError {
    let interfaces = api.describe_network_interfaces().filters(filter("group-id", [id.to_owned()])).send();
    let of_group = |name: &str| api.describe_security_groups().filters(filter(name, [id.to_owned()])).send();
    let (interfaces, ingress, egress) =
        join3(interfaces, of_group("ip-permission.group-id"), of_group("egress.ip-permission.group-id")).await;
    let mut users = BTreeSet::new();
    for interface in interfaces.iter().flat_map(DescribeNetworkInterfacesOutput::network_interfaces) {
        let eni = interface.network_interface_id().unwrap_or_default();
        let of = interface.attachment().and_then(|attachment| attachment.instance_id());
        let of = of.or(interface.description()).filter(|of| !of.is_empty());
        users.insert(of.map_or_else(|| eni.to_owned(), |of| format!("{eni} ({of})")));
    }
    for group in ingress.iter().chain(&egress).flat_map(DescribeSecurityGroupsOutput::security_groups) {
        if let Some(other) = group.group_id().filter(|other| *other != id) {
            users.insert(format!("a rule of {other} ({})", group.group_name().unwrap_or_default()));
        }
    }
    if !users.is_empty() {
        let users = users.into_iter().collect::<Vec<_>>().join(", ");
        error.0.message = format!("{}; it is used by {users}", error.0.message);
    }
    error
}

/// Converts a group.
///
/// # Errors
/// A rule has no protocol, no ports although its protocol has some, or no peer.
fn model(group: &SdkGroup) -> Result<GroupModel, CallError> {
    let owner = group.owner_id();
    let rules = |direction, permissions: &[IpPermission]| -> Result<Setting<Vec<Rule>>, CallError> {
        let mut rules = Vec::new();
        for permission in permissions {
            rules.extend(flatten(direction, owner, permission)?);
        }
        rules.sort();
        Ok(Setting::Set(rules))
    };
    Ok(GroupModel {
        is_default: group.group_name() == Some(DEFAULT),
        description: Setting::live(group.description().map(ToOwned::to_owned)),
        ingress: rules(Direction::Ingress, group.ip_permissions())?,
        egress: rules(Direction::Egress, group.ip_permissions_egress())?,
        rules: RuleMode::Exclusive,
        tags: tags::live(collect(group.tags().iter().map(|tag| (tag.key(), tag.value())))),
    })
}

/// Returns the failure of a rule without a member that AWS documents.
fn incomplete(what: &str, permission: &IpPermission) -> CallError {
    CallError::unknown("EC2 DescribeSecurityGroups", &format!("a rule without {what}:"), &format!("{permission:?}"))
}

/// Splits an EC2 permission into one rule per peer: EC2 combines all peers with the same protocol and ports.
fn flatten(direction: Direction, owner: Option<&str>, permission: &IpPermission) -> Result<Vec<Rule>, CallError> {
    let stated = permission.ip_protocol().ok_or_else(|| incomplete("protocol", permission))?;
    let unknown = || CallError::unknown("EC2 DescribeSecurityGroups", "the IP protocol", stated);
    let protocol = protocol::canonical(stated).ok_or_else(unknown)?;
    let has_range = permission.from_port().is_some() && permission.to_port().is_some();
    if matches!(protocol.as_str(), "tcp" | "udp") && !has_range {
        return Err(incomplete("ports", permission));
    }
    let block = |text: &str| cidr::parse(text).map_or_else(|_| text.to_owned(), |block| block.to_string());
    let group = |pair: &UserIdGroupPair| {
        let id = pair.group_id()?;
        // EC2 returns the account also for groups of the same account.
        let other = pair.user_id().filter(|account| owner.is_some_and(|owner| owner != *account));
        Some(other.map_or_else(|| id.to_owned(), |account| format!("{account}/{id}")))
    };
    let v4 = permission.ip_ranges().iter().map(|range| (range.cidr_ip().map(block), range.description()));
    let v6 = permission.ipv6_ranges().iter().map(|range| (range.cidr_ipv6().map(block), range.description()));
    let groups = permission.user_id_group_pairs().iter().map(|pair| (group(pair), pair.description()));
    let lists = permission.prefix_list_ids().iter();
    let lists = lists.map(|list| (list.prefix_list_id().map(ToOwned::to_owned), list.description()));
    let rule = |(peer, note): (Option<String>, Option<&str>)| {
        let rule = Rule {
            direction,
            protocol: protocol.clone(),
            from_port: permission.from_port(),
            to_port: permission.to_port(),
            peer: Peer(peer.ok_or_else(|| incomplete("source or destination", permission))?),
            note: Setting::live(note.filter(|note| !note.is_empty()).map(ToOwned::to_owned)),
        };
        Ok(rule.normalized())
    };
    v4.chain(v6).chain(groups).chain(lists).map(rule).collect()
}

fn permissions(rules: &[Rule]) -> Vec<IpPermission> {
    rules.iter().map(permission).collect()
}

fn permission(rule: &Rule) -> IpPermission {
    let Rule { direction: _, protocol, from_port, to_port, peer: Peer(peer), note } = rule;
    let base = IpPermission::builder().ip_protocol(protocol).set_from_port(*from_port).set_to_port(*to_port);
    let note = note.get();
    if let Some((account, id)) = rule.peer.group() {
        let pair = UserIdGroupPair::builder().set_user_id(account.map(ToOwned::to_owned)).group_id(id);
        base.user_id_group_pairs(pair.set_description(note).build()).build()
    } else if peer.starts_with("pl-") {
        base.prefix_list_ids(PrefixListId::builder().prefix_list_id(peer).set_description(note).build()).build()
    } else if peer.contains(':') {
        base.ipv6_ranges(Ipv6Range::builder().cidr_ipv6(peer).set_description(note).build()).build()
    } else {
        base.ip_ranges(IpRange::builder().cidr_ip(peer).set_description(note).build()).build()
    }
}
