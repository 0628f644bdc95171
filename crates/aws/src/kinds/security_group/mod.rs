// SPDX-License-Identifier: Apache-2.0
//! `ec2.security_group`: a security group of the region's VPC and its ingress and egress rules.
//!
//! Rules that the spec does not list are removed (`rules: exclusive`) or kept (`rules: additive`). New rules are
//! authorized before others are revoked, so that traffic allowed before and after is never blocked in between. Rules that
//! somebody else added to a group that regionctl did not create are removed only with `--allow-destroy`.

mod api;
mod protocol;
mod rule;
mod rule_spec;

use regionctl_core::diff::{Diff, Keyed, KeyedDelta, Mode, Phase};
use regionctl_core::kind::weight::{Severity, Weight, When};
use regionctl_core::kind::{Facts, Kind, Notes, Risk};
use regionctl_core::model::tags::Tags;
use regionctl_core::resource::setting::Setting;
use regionctl_core::spec::write;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::tags::{self, TagSettings};
use rule::{Direction, Rule, in_live_form};
use rule_spec::{RuleSpec, expand, written};

/// The kind `ec2.security_group`.
pub struct SecurityGroup;

/// An EC2 security group in the region's VPC. The name `default` is the VPC's default security group, which regionctl
/// never creates or deletes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Ec2SecurityGroup")]
pub struct GroupSpec {
    /// The description, up to 255 characters. It cannot change after creation. Default: "managed by regionctl".
    description: Option<String>,
    /// The ingress (inbound) rules. Default: none. If `rules` is exclusive, other live rules are removed, which needs
    /// `--allow-destroy` for a group that regionctl did not create.
    #[serde(default)]
    ingress: Vec<RuleSpec>,
    /// The egress (outbound) rules. If omitted, egress rules are not managed; EC2 gives a new group a rule that allows
    /// all outbound traffic. With a list, also an empty one, that rule is removed unless the list has it or `rules` is
    /// additive.
    egress: Option<Vec<RuleSpec>>,
    /// What happens to rules that the spec does not list: `exclusive` removes them, `additive` keeps them. Default:
    /// exclusive; for the group `default`, additive.
    rules: Option<RuleMode>,
    /// Tags. Tags with other keys do not change. `unset` removes one tag, or all of them.
    #[serde(default)]
    tags: Setting<TagSettings>,
}

/// What happens to rules that the spec does not list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum RuleMode {
    /// They are removed.
    Exclusive,
    /// They are kept.
    Additive,
}

impl RuleMode {
    fn mode(self) -> Mode {
        match self {
            Self::Exclusive => Mode::Exclusive,
            Self::Additive => Mode::Additive,
        }
    }
}

/// The name of a VPC's default security group.
const DEFAULT: &str = "default";

/// A security group, desired or live.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GroupModel {
    /// Whether it is the VPC's default security group.
    is_default: bool,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    description: Setting<String>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    ingress: Setting<Vec<Rule>>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    egress: Setting<Vec<Rule>>,
    /// Desired only: what happens to rules that the spec does not list. Live: exclusive, as the model has all of them.
    rules: RuleMode,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    tags: Setting<TagSettings>,
}

/// An EC2 API call that creates, changes or deletes a security group.
#[derive(Debug, Serialize, Deserialize)]
pub enum GroupOp {
    /// Creates the group. EC2 adds an egress rule that allows all outbound traffic
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html>).
    CreateSecurityGroup {
        /// The spec's description, or `managed by regionctl`: EC2 requires one.
        description: String,
        /// The spec's tags, and regionctl's own.
        tags: Tags,
        /// Whether to revoke the egress rule for `::/0`, which EC2 also adds if the VPC has an IPv6 block.
        #[serde(default)]
        without_ipv6_egress: bool,
    },
    /// Adds ingress rules.
    AuthorizeSecurityGroupIngress {
        /// Rules to add.
        rules: Vec<Rule>,
    },
    /// Adds egress rules.
    AuthorizeSecurityGroupEgress {
        /// Rules to add.
        rules: Vec<Rule>,
    },
    /// Removes ingress rules.
    RevokeSecurityGroupIngress {
        /// Rules to remove.
        rules: Vec<Rule>,
    },
    /// Removes egress rules.
    RevokeSecurityGroupEgress {
        /// Rules to remove.
        rules: Vec<Rule>,
    },
    /// Changes the descriptions of ingress rules, without revoking them.
    UpdateSecurityGroupRuleDescriptionsIngress {
        /// Rules with their new descriptions.
        rules: Vec<Rule>,
    },
    /// Changes the descriptions of egress rules, without revoking them.
    UpdateSecurityGroupRuleDescriptionsEgress {
        /// Rules with their new descriptions.
        rules: Vec<Rule>,
    },
    /// Deletes the group. EC2 rejects the call while the group is in use (`DependencyViolation`,
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSecurityGroup.html>).
    DeleteSecurityGroup,
    /// Adds or overwrites tags; other tags are kept.
    CreateTags {
        /// The spec's tags.
        tags: Tags,
    },
    /// Removes the tags that the spec unsets; other tags are kept.
    DeleteTags {
        /// The keys of live tags to remove.
        keys: Vec<String>,
    },
}

impl Kind for SecurityGroup {
    const FACTS: Facts = Facts {
        name: "ec2.security_group",
        service: "EC2",
        summary: "A security group of the region's VPC with its rules. `default` is the VPC's default security group.",
        reads: &["DescribeSecurityGroups"],
        removes: &["DeleteSecurityGroup"],
        writes: &[
            "CreateSecurityGroup",
            "AuthorizeSecurityGroupIngress",
            "AuthorizeSecurityGroupEgress",
            "RevokeSecurityGroupIngress",
            "RevokeSecurityGroupEgress",
            "UpdateSecurityGroupRuleDescriptionsIngress",
            "UpdateSecurityGroupRuleDescriptionsEgress",
            "CreateTags",
            "DeleteTags",
            "DeleteSecurityGroup",
        ],
        // After a DependencyViolation, the message names the network interfaces that use the group.
        checks: &["DescribeNetworkInterfaces"],
        attributes: &["id"],
        needs_vpc: true,
        inventory: &["DescribeSecurityGroups"],
        weights: &[
            Weight {
                path: "ingress*",
                when: When::NotInSpec,
                severity: Severity::High,
                why: "allows ingress that is not in the spec",
            },
            Weight {
                path: "egress*",
                when: When::NotInSpec,
                severity: Severity::High,
                why: "allows egress that is not in the spec",
            },
            Weight {
                path: "ingress*",
                when: When::Lacking,
                severity: Severity::Medium,
                why: "does not allow ingress that is in the spec",
            },
            Weight {
                path: "egress*",
                when: When::Lacking,
                severity: Severity::Medium,
                why: "does not allow egress that is in the spec",
            },
            Weight {
                path: "ingress*",
                when: When::Differs,
                severity: Severity::Low,
                why: "a rule's description differs",
            },
            Weight {
                path: "egress*",
                when: When::Differs,
                severity: Severity::Low,
                why: "a rule's description differs",
            },
        ],
        example: "
ec2.security_group:
  web:
    description: the load balancers
    ingress:
      - {tcp: 443, from: 0.0.0.0/0, waiver: it is the public web site}
      - {tcp: 3567-3600, from: [10.0.0.0/8, \"${vpc.cidr}\"], note: cores}
      - {icmp: ping, from: self}
      - {icmp: 3/4, from: 10.0.0.0/8} # fragmentation needed
      - {protocol: esp, from: 123456789012/sg-0a1b2c3d4e5f60718} # a group in a peered VPC of another account
  default:
    ingress:
      - {tcp: 5432, group: web}
",
        creation_tags: true,
        ..Facts::DEFAULT
    };

    type Spec = GroupSpec;
    type Model = GroupModel;
    type Op = GroupOp;

    fn check_name(name: &str) -> Result<(), String> {
        if name.starts_with("sg-") {
            let help = "choose another name: `sg-` is the prefix of security group ids";
            return Err(format!("'{name}' is not a valid security group name: it starts with 'sg-'\n{help}"));
        }
        text_fault("name", name).map_or(Ok(()), Err)
    }

    fn desire(name: &str, spec: GroupSpec, notes: &mut Notes<'_>) -> GroupModel {
        if let Some(fault) = spec.description.as_deref().and_then(|text| text_fault("description", text)) {
            let (message, help) = fault.split_once('\n').unwrap_or((&fault, ""));
            notes.fault("description", message, help);
        }
        tags::check(&spec.tags, notes);
        let by_default = if name == DEFAULT { RuleMode::Additive } else { RuleMode::Exclusive };
        GroupModel {
            is_default: name == DEFAULT,
            description: Setting::stated(spec.description),
            ingress: Setting::Set(expand(name, Direction::Ingress, spec.ingress, notes)),
            egress: Setting::stated(spec.egress.map(|rules| expand(name, Direction::Egress, rules, notes))),
            rules: spec.rules.unwrap_or(by_default),
            tags: spec.tags,
        }
    }

    /// Returns `None` if a rule has a CIDR block with host bits, which old groups have and no spec can state.
    fn write(model: &GroupModel) -> Option<Value> {
        let GroupModel { is_default: _, description, ingress, egress, rules, tags } = model;
        let is_stateable = |rule: &Rule| !rule.peer.0.contains('/') || rule::Peer::parse(&rule.peer.0).is_ok();
        if !ingress.value().into_iter().chain(egress.value()).flatten().all(is_stateable) {
            return None;
        }
        let list = |rules: &Vec<Rule>| rules.iter().map(written).collect::<Vec<_>>();
        let mut fields = Map::new();
        write::setting("description", description, &mut fields);
        write::setting("ingress", &ingress.as_ref().map(list), &mut fields);
        write::setting("egress", &egress.as_ref().map(list), &mut fields);
        write::setting("rules", &Setting::Set(*rules), &mut fields);
        tags::write(tags, &mut fields);
        Some(Value::Object(fields))
    }

    /// Returns one risk per ingress rule that is open to the internet. Its waiver is the `waiver` of that rule.
    fn risks(model: &GroupModel) -> Vec<Risk> {
        let risk = |rule: &Rule| Some(Risk::new("ec2-open-to-the-world", rule.key(), rule.exposure()?));
        model.ingress.value().into_iter().flatten().filter_map(risk).collect()
    }

    fn remove(live: &GroupModel, out: &mut Diff<'_, GroupOp>) {
        if live.is_default {
            out.never_removed("EC2 does not allow deleting a VPC's default security group: remove `absent`");
        } else {
            out.removed(GroupOp::DeleteSecurityGroup);
        }
    }

    /// Returns the group's name if the spec owns all its rules. Several specs can add rules to an additive group.
    fn claims(name: &str, model: &GroupModel) -> Vec<String> {
        match model.rules {
            RuleMode::Exclusive => vec![name.to_owned()],
            RuleMode::Additive => Vec::new(),
        }
    }

    fn diff(want: &GroupModel, live: Option<&GroupModel>, out: &mut Diff<'_, GroupOp>) {
        let GroupModel { is_default, description, ingress, egress, rules, tags } = want;
        let described = out.setting("description", description, live.map(|live| &live.description));
        let changes = tags::compare(tags, live.map(|live| &live.tags), out);
        if live.is_some() {
            out.blocked(
                &described,
                "the description of a security group cannot change: keep it, or create a group with another name",
            );
            out.step(Phase::Change, changes.set, GroupOp::CreateTags { tags: changes.tags });
            out.step(Phase::Change, changes.removed, GroupOp::DeleteTags { keys: changes.keys });
        } else if *is_default {
            let missing = out.creation();
            out.blocked(
                &missing,
                "the VPC's default security group does not exist and cannot be created: check the VPC that the spec \
                 selects",
            );
        } else {
            let covers = out.creation().and(described);
            let (tagged, tags) = tags::of_new(changes, out);
            let description = description.get().unwrap_or_else(|| "managed by regionctl".to_owned());
            let to_ipv6 = Rule::all_egress_to("::/0").key();
            let keeps_ipv6 = |rules: &Vec<Rule>| rules.iter().any(|rule| rule.key() == to_ipv6);
            let without_ipv6_egress = *rules == RuleMode::Exclusive && egress.is_set_and(|rules| !keeps_ipv6(rules));
            let create = GroupOp::CreateSecurityGroup { description, tags, without_ipv6_egress };
            out.step(Phase::Create, covers.and(tagged), create);
        }
        let is_live = live.is_some();
        if let Setting::Set(ingress) = ingress {
            let current = live.and_then(|live| live.ingress.value()).map_or(&[][..], Vec::as_slice);
            let delta = out.keyed("ingress", &in_live_form(ingress, current), current, rules.mode());
            steps(
                delta,
                is_live,
                out,
                |rules| GroupOp::AuthorizeSecurityGroupIngress { rules },
                |rules| GroupOp::UpdateSecurityGroupRuleDescriptionsIngress { rules },
                |rules| GroupOp::RevokeSecurityGroupIngress { rules },
            );
        }
        let Setting::Set(egress) = egress else { return };
        let of_new = || vec![Rule::all_egress_to("0.0.0.0/0")];
        let current = live.map_or_else(of_new, |live| live.egress.clone().unwrap_or_default());
        let delta = out.keyed("egress", &in_live_form(egress, &current), &current, rules.mode());
        steps(
            delta,
            is_live,
            out,
            |rules| GroupOp::AuthorizeSecurityGroupEgress { rules },
            |rules| GroupOp::UpdateSecurityGroupRuleDescriptionsEgress { rules },
            |rules| GroupOp::RevokeSecurityGroupEgress { rules },
        );
    }
}

/// Records the steps of one direction: one call that authorizes, one that updates descriptions, one that revokes.
fn steps(
    delta: KeyedDelta<Rule>,
    is_live: bool,
    out: &mut Diff<'_, GroupOp>,
    authorize: impl Fn(Vec<Rule>) -> GroupOp,
    describe: impl Fn(Vec<Rule>) -> GroupOp,
    revoke: impl Fn(Vec<Rule>) -> GroupOp,
) {
    let KeyedDelta { added, removed, changed } = delta;
    // EC2's own default rule of a new group is nobody's.
    for (rule, _) in removed.iter().filter(|_| is_live) {
        out.displaces(format!("{} {} is removed", rule.direction.field(), rule.key()));
    }
    for (phase, rules, op) in [
        (Phase::Widen, added, &authorize as &dyn Fn(Vec<Rule>) -> GroupOp),
        (Phase::Change, changed, &describe),
        (Phase::Narrow, removed, &revoke),
    ] {
        let (rules, covers): (Vec<Rule>, Vec<_>) = rules.into_iter().unzip();
        if let Some(covers) = covers.into_iter().reduce(regionctl_core::diff::Covers::and) {
            out.step(phase, covers, op(rules));
        }
    }
}

/// Returns the message and, on a second line, the help if EC2 rejects a name or description
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html>).
fn text_fault(what: &str, text: &str) -> Option<String> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(letter);
    let wrong = text.chars().find(|letter| !fits(*letter));
    let allowed = "use up to 255 characters of a-z A-Z 0-9, space and ._-:/()#,@[]+=&;{}!$*";
    match wrong {
        Some(letter) => Some(format!("EC2 does not allow '{letter}' in a security group {what}\n{allowed}")),
        None if text.is_empty() || text.chars().count() > 255 => {
            Some(format!("a security group {what} must have 1 to 255 characters\n{allowed}"))
        }
        None => None,
    }
}
