// SPDX-License-Identifier: Apache-2.0
//! `ec2.security_group`: a security group of the region's VPC and its ingress and egress rules.
//!
//! Rules that the spec does not list are removed (`rules: exclusive`) or kept (`rules: additive`). New rules are
//! authorized before others are revoked, so that traffic allowed before and after is never blocked in between.

mod api;
mod rule;

use regionctl_core::diff::{Diff, Keyed, KeyedDelta, Mode, Phase};
use regionctl_core::kind::weight::{Severity, Weight, When};
use regionctl_core::kind::{Facts, Kind, Notes, Risk};
use regionctl_core::model::tags::{self, Tags};
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use rule::{Direction, Rule, RuleSpec};

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
    /// The ingress (inbound) rules. Default: none.
    #[serde(default)]
    ingress: Vec<RuleSpec>,
    /// The egress (outbound) rules. If omitted, egress rules are not managed; EC2 gives a new group a rule that allows
    /// all outbound traffic. With a list, also an empty one, that rule is removed unless the list has it or `rules` is
    /// additive.
    egress: Option<Vec<RuleSpec>>,
    /// What happens to rules that the spec does not list: `exclusive` removes them, `additive` keeps them. Default:
    /// exclusive; for the group `default`, additive.
    rules: Option<RuleMode>,
    /// Tags to set. Other tags on the group are kept.
    tags: Option<Tags>,
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

/// The name of a VPC's default security group.
const DEFAULT: &str = "default";

/// A security group, desired or live.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GroupModel {
    /// Whether it is the VPC's default security group.
    is_default: bool,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    description: Setting<String>,
    ingress: Vec<Rule>,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    egress: Setting<Vec<Rule>>,
    rules: RuleMode,
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    tags: Setting<Tags>,
}

/// An EC2 API call that creates, changes or deletes a security group.
#[derive(Debug, Serialize, Deserialize)]
pub enum GroupOp {
    /// Creates the group. EC2 adds an egress rule that allows all outbound traffic
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html>).
    CreateSecurityGroup {
        /// The spec's description, or `managed by regionctl`: EC2 requires one.
        description: String,
        /// The spec's tags.
        tags: Tags,
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
            "DeleteSecurityGroup",
        ],
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
  default:
    ingress:
      - {tcp: 5432, group: web}
",
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
        tags::check(spec.tags.as_ref(), notes);
        let by_default = if name == DEFAULT { RuleMode::Additive } else { RuleMode::Exclusive };
        GroupModel {
            is_default: name == DEFAULT,
            description: Setting::stated(spec.description),
            ingress: rule::expand(name, Direction::Ingress, spec.ingress, notes),
            egress: Setting::stated(spec.egress.map(|rules| rule::expand(name, Direction::Egress, rules, notes))),
            rules: spec.rules.unwrap_or(by_default),
            tags: Setting::stated(spec.tags),
        }
    }

    /// Returns one risk per ingress rule that is open to the internet. Its waiver is the `waiver` of that rule.
    fn risks(model: &GroupModel) -> Vec<Risk> {
        let risk = |rule: &Rule| Some(Risk::new("ec2-open-to-the-world", rule.key(), rule.exposure()?));
        model.ingress.iter().filter_map(risk).collect()
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
        let tagged = out.stated_entries("tags", tags.value(), live.and_then(|live| live.tags.value()));
        if live.is_some() {
            out.blocked(
                &described,
                "the description of a security group cannot change: keep it, or create a group with another name",
            );
            out.step(Phase::Change, tagged, GroupOp::CreateTags { tags: tags.clone().unwrap_or_default() });
        } else if *is_default {
            let missing = out.creation();
            out.blocked(
                &missing,
                "the VPC's default security group does not exist and cannot be created: check the VPC that the spec \
                 selects",
            );
        } else {
            let covers = out.creation().and(described).and(tagged);
            let description = description.get().unwrap_or_else(|| "managed by regionctl".to_owned());
            out.step(
                Phase::Create,
                covers,
                GroupOp::CreateSecurityGroup { description, tags: tags.clone().unwrap_or_default() },
            );
        }
        let mode = match rules {
            RuleMode::Exclusive => Mode::Exclusive,
            RuleMode::Additive => Mode::Additive,
        };
        let ingress_delta = out.keyed("ingress", ingress, live.map_or(&[], |live| &live.ingress), mode);
        steps(
            ingress_delta,
            out,
            |rules| GroupOp::AuthorizeSecurityGroupIngress { rules },
            |rules| GroupOp::UpdateSecurityGroupRuleDescriptionsIngress { rules },
            |rules| GroupOp::RevokeSecurityGroupIngress { rules },
        );
        let Setting::Set(egress) = egress else { return };
        let current = live.map_or_else(Rule::egress_of_a_new_group, |live| live.egress.clone().unwrap_or_default());
        let egress_delta = out.keyed("egress", egress, &current, mode);
        steps(
            egress_delta,
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
    out: &mut Diff<'_, GroupOp>,
    authorize: impl Fn(Vec<Rule>) -> GroupOp,
    describe: impl Fn(Vec<Rule>) -> GroupOp,
    revoke: impl Fn(Vec<Rule>) -> GroupOp,
) {
    let KeyedDelta { added, removed, changed } = delta;
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
