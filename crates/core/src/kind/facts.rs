//! What is the same for all resources of a kind.

use super::weight::Weight;
use crate::resource::reference::Ties;

/// What is the same for all resources of a kind.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // each says what may be written of a kind, and none excludes another
pub struct Facts {
    /// The kind's name and its section in a spec: `sns.topic`.
    pub name: &'static str,
    /// The AWS service, as the SDK names it: `SNS`, `CloudWatch Logs`. Plans are grouped by it.
    pub service: &'static str,
    /// What it is, in one line, for the reference.
    pub summary: &'static str,
    /// The API operations that observing it may call.
    pub reads: &'static [&'static str],
    /// The API operations that its steps may call.
    pub writes: &'static [&'static str],
    /// The API operations by which what a plan cannot see is looked at before the first write.
    pub checks: &'static [&'static str],
    /// The IAM actions that its calls may need beside their operations' own.
    pub also: &'static [Need],
    /// The values it gives to others, as in `${kind/name.arn}`.
    pub outputs: &'static [&'static str],
    /// Those of `outputs` that say what a resource is like and not which one it is (`engine`). The same text elsewhere
    /// is no reference to it.
    pub descriptive: &'static [&'static str],
    /// The fields, of any kind's operations, in which one's plain name is a reference to it (`log_group`). The same text
    /// in another field is not: a database may be named as another cluster is.
    pub name_fields: &'static [&'static str],
    /// Fields of the model that cost calls of their own, and are read only where the depth includes them.
    pub parts: &'static [&'static str],
    /// Those of `parts` that a follower does not take over from its source, and that are read only where they are stated.
    pub uncarried: &'static [&'static str],
    /// Those of `parts` that are read of a source only, to say what a follower lacks.
    pub of_sources: &'static [&'static str],
    /// The operations of `writes` that are needed only to take a resource away: the spec says `absent`, or a copy's
    /// source is gone.
    pub removes: &'static [&'static str],
    /// Whether its names are the same in every region of an account.
    pub global: bool,
    /// Whether it lives in the VPC that the spec selects.
    pub needs_vpc: bool,
    /// Whether a name may be a pattern (`*`) that stands for every live resource it matches.
    pub patterns: bool,
    /// Whether one may have no name of its own, so that it is known by what it is; see [`super::Kind::adopts`].
    pub adopts: bool,
    /// Whether other accounts and regions share the names, so that one that this region lacks may be taken.
    pub global_names: bool,
    /// Whether observing it can list every live one, so that a rule may go over them.
    pub lists: bool,
    /// Whether one can follow a live one of another region (`like`, `copy`).
    pub follows: bool,
    /// The kind whose resources it is a part of, under their names (`s3.bucket`): it has no list of its own.
    pub part_of: Option<&'static str>,
    /// The API operations by which all live ones of a region are listed.
    pub inventory: &'static [&'static str],
    /// How bad it is when an attribute differs; the first line that fits counts.
    pub weights: &'static [Weight],
    /// What AWS gives where a spec states nothing: a part of the model, as JSON. Empty where nothing is known.
    pub defaults: &'static str,
    /// A YAML section as a user would write it, for the reference; a test parses it.
    pub example: &'static str,
}

impl Facts {
    /// A kind of which nothing is said: every literal states only what differs.
    pub const DEFAULT: Self = Self {
        name: "",
        service: "",
        summary: "",
        reads: &[],
        writes: &[],
        checks: &[],
        also: &[],
        outputs: &[],
        descriptive: &[],
        name_fields: &[],
        parts: &[],
        uncarried: &[],
        of_sources: &[],
        removes: &[],
        global: false,
        needs_vpc: false,
        patterns: false,
        adopts: false,
        global_names: false,
        lists: false,
        follows: false,
        part_of: None,
        inventory: &[],
        weights: &[],
        defaults: "",
        example: "",
    };

    /// Says where a text that equals this output of a resource is a reference to it.
    pub fn ties(&self, output: &str) -> Ties {
        match output {
            "name" => Ties::Fields(self.name_fields),
            _ if self.descriptive.contains(&output) => Ties::Fields(&[]),
            _ => Ties::Anywhere,
        }
    }
}

/// An IAM action that the calls of a kind need beside their own.
#[derive(Debug, Clone, Copy)]
pub struct Need {
    /// The IAM action, such as `iam:PassRole`.
    pub action: &'static str,
    /// What the action is for, where the spec does not state it: ARNs in which `{partition}`, `{region}`, `{account}` and
    /// `{name}` stand for the spec's and the resource's own, or `*`.
    pub resources: &'static [&'static str],
    /// When it is needed.
    pub when: NeededWhen,
    /// Whether reading needs it too.
    pub reads: bool,
}

/// When an IAM action is needed. An attribute is a field of the kind's model, by its path: `birth.profile`.
#[derive(Debug, Clone, Copy)]
pub enum NeededWhen {
    /// For every resource.
    Always,
    /// For every resource, and for what this attribute names where the spec states it.
    For(&'static str),
    /// Only where the spec states this attribute, and for what it names where it is an ARN.
    Stated(&'static str),
}

impl Need {
    /// An action that a resource's steps need whatever the spec says of it.
    pub const fn always(action: &'static str, resources: &'static [&'static str]) -> Self {
        Self { action, resources, when: NeededWhen::Always, reads: false }
    }

    /// An action that steps need for what `attribute` names.
    pub const fn named_by(attribute: &'static str, action: &'static str, resources: &'static [&'static str]) -> Self {
        Self { action, resources, when: NeededWhen::For(attribute), reads: false }
    }

    /// An action that steps need only where the spec states `attribute`.
    pub const fn if_stated(attribute: &'static str, action: &'static str, resources: &'static [&'static str]) -> Self {
        Self { action, resources, when: NeededWhen::Stated(attribute), reads: false }
    }

    /// The same action, for reading too.
    #[must_use]
    pub const fn to_read(self) -> Self {
        Self { reads: true, ..self }
    }
}
