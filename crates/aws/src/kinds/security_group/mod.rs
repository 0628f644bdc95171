//! `ec2.security_group`: a group of the region's VPC with its rules, one by one.
//!
//! A named group holds the spec's rules and no others, unless it says `rules: additive`; the VPC's
//! own `default` group is additive unless it says otherwise, and is never made. A rule is authorised
//! before another is revoked, so that no connection drops.

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

/// What a person writes of a security group.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Ec2SecurityGroup")]
pub struct GroupSpec {
    /// What it is for. AWS never lets it change; the group's name where it is left out.
    description: Option<String>,
    /// What may come in.
    #[serde(default)]
    ingress: Vec<RuleSpec>,
    /// What may go out. Where it is left out it is not managed: AWS lets everything out of a new group.
    egress: Option<Vec<RuleSpec>>,
    /// Whether rules that are not here go (exclusive) or stay (additive, the default for `default`).
    rules: Option<RuleMode>,
    /// Tags; others stay.
    tags: Option<Tags>,
}

/// Whether rules that the spec does not name stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum RuleMode {
    /// They go.
    Exclusive,
    /// They stay.
    Additive,
}

/// The group that every VPC has.
const DEFAULT: &str = "default";

/// A group, desired or live.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GroupModel {
    /// Whether it is the VPC's own `default`.
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

/// A call.
#[derive(Debug, Serialize, Deserialize)]
pub enum GroupOp {
    /// The group, without rules but for AWS's egress.
    CreateSecurityGroup {
        /// What it is for.
        description: String,
        /// The spec's tags.
        tags: Tags,
    },
    /// Lets these in.
    AuthorizeSecurityGroupIngress {
        /// Which.
        rules: Vec<Rule>,
    },
    /// Lets these out.
    AuthorizeSecurityGroupEgress {
        /// Which.
        rules: Vec<Rule>,
    },
    /// Lets these in no longer.
    RevokeSecurityGroupIngress {
        /// Which.
        rules: Vec<Rule>,
    },
    /// Lets these out no longer.
    RevokeSecurityGroupEgress {
        /// Which.
        rules: Vec<Rule>,
    },
    /// Changes what is said of these, and nothing else.
    UpdateSecurityGroupRuleDescriptionsIngress {
        /// Which.
        rules: Vec<Rule>,
    },
    /// Changes what is said of these, and nothing else.
    UpdateSecurityGroupRuleDescriptionsEgress {
        /// Which.
        rules: Vec<Rule>,
    },
    /// EC2 refuses it while something uses the group.
    DeleteSecurityGroup,
    /// Adds or changes these; others stay.
    CreateTags {
        /// The spec's.
        tags: Tags,
    },
}

impl Kind for SecurityGroup {
    const FACTS: Facts = Facts {
        name: "ec2.security_group",
        service: "EC2",
        summary: "A security group of the region's VPC, rule by rule; `default` is the VPC's own.",
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
        outputs: &["id"],
        needs_vpc: true,
        inventory: &["DescribeSecurityGroups"],
        weights: &[
            Weight {
                path: "ingress*",
                when: When::Extra,
                severity: Severity::High,
                why: "lets in what the spec does not",
            },
            Weight {
                path: "egress*",
                when: When::Extra,
                severity: Severity::High,
                why: "lets out what the spec does not",
            },
            Weight {
                path: "ingress*",
                when: When::Lacking,
                severity: Severity::Medium,
                why: "does not let in what the spec does",
            },
            Weight {
                path: "egress*",
                when: When::Lacking,
                severity: Severity::Medium,
                why: "does not let out what the spec does",
            },
            Weight { path: "ingress*", when: When::Differs, severity: Severity::Low, why: "a note" },
            Weight { path: "egress*", when: When::Differs, severity: Severity::Low, why: "a note" },
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
            return Err(format!("a security group's name cannot start with sg-, and '{name}' does\nthat is for ids"));
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

    /// A waiver stands in the rule that it is for.
    fn risks(model: &GroupModel) -> Vec<Risk> {
        let risk = |rule: &Rule| Some(Risk::new("ec2-open-to-the-world", rule.key(), rule.exposure()?));
        model.ingress.iter().filter_map(risk).collect()
    }

    fn remove(live: &GroupModel, out: &mut Diff<'_, GroupOp>) {
        if live.is_default {
            out.never_removed("nobody can delete a VPC's default group; take `absent` out");
        } else {
            out.removed(GroupOp::DeleteSecurityGroup);
        }
    }

    /// Of a group to which rules are only added, nobody claims the rest.
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
            out.blocked(&described, "AWS never changes a security group's description; make a group of another name");
            out.step(Phase::Change, tagged, GroupOp::CreateTags { tags: tags.clone().unwrap_or_default() });
        } else if *is_default {
            let missing = out.birth();
            out.blocked(&missing, "the VPC's default group is not there, and nobody can make it");
        } else {
            let covers = out.birth().and(described).and(tagged);
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
        let inward = out.keyed("ingress", ingress, live.map_or(&[], |live| &live.ingress), mode);
        steps(
            inward,
            out,
            |rules| GroupOp::AuthorizeSecurityGroupIngress { rules },
            |rules| GroupOp::UpdateSecurityGroupRuleDescriptionsIngress { rules },
            |rules| GroupOp::RevokeSecurityGroupIngress { rules },
        );
        let Setting::Set(egress) = egress else { return };
        let there = live.map_or_else(Rule::egress_of_a_new_group, |live| live.egress.clone().unwrap_or_default());
        let outward = out.keyed("egress", egress, &there, mode);
        steps(
            outward,
            out,
            |rules| GroupOp::AuthorizeSecurityGroupEgress { rules },
            |rules| GroupOp::UpdateSecurityGroupRuleDescriptionsEgress { rules },
            |rules| GroupOp::RevokeSecurityGroupEgress { rules },
        );
    }
}

/// One call a direction and purpose: authorise, describe anew, revoke.
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

/// EC2 takes few characters in names and descriptions (CreateSecurityGroup).
fn text_fault(what: &str, text: &str) -> Option<String> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(letter);
    let wrong = text.chars().find(|letter| !fits(*letter));
    let allowed = "EC2 takes a-z A-Z 0-9, spaces and ._-:/()#,@[]+=&;{}!$*, 255 of them at most";
    match wrong {
        Some(letter) => Some(format!("EC2 does not take '{letter}' in a security group's {what}\n{allowed}")),
        None if text.is_empty() || text.chars().count() > 255 => {
            Some(format!("a security group's {what} has 1 to 255 characters\n{allowed}"))
        }
        None => None,
    }
}
