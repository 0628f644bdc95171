// SPDX-License-Identifier: Apache-2.0
//! The properties of a kind itself: its name, its API operations and what an entry may state.

use std::time::Duration;

use super::weight::Weight;
use crate::resource::reference::Ties;

/// The properties of a kind.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // the flags are independent of each other
pub struct Facts {
    /// The kind's name, which is its section in a spec: `sns.topic`.
    pub name: &'static str,
    /// The AWS service as in the SDK: `SNS`, `CloudWatch Logs`. Plans are grouped by it.
    pub service: &'static str,
    /// A description of the kind in one line, for the reference.
    pub summary: &'static str,
    /// The API operations that reading may call.
    pub reads: &'static [&'static str],
    /// The API operations that its steps may call.
    pub writes: &'static [&'static str],
    /// The operations in `reads` that steps and the wait for their effects also send, on the resource and its source, and
    /// that a plan need not have sent.
    pub step_reads: &'static [&'static str],
    /// The API operations of the checks before the first write, for conditions that a plan cannot know.
    pub checks: &'static [&'static str],
    /// The IAM actions that the calls may need besides those of their operations.
    pub also: &'static [Need],
    /// The attributes for references such as `${kind/name.arn}`.
    pub attributes: &'static [&'static str],
    /// The names in `attributes` that do not identify a resource (`engine`). An equal text is not a reference.
    pub descriptive: &'static [&'static str],
    /// The fields, of any kind's operations, in which a plain name is a reference to a resource of this kind
    /// (`log_group`). An equal text in another field is not a reference: a database may have the name of a cluster.
    pub name_fields: &'static [&'static str],
    /// The fields of the model that need additional API calls. They are read only if the requested depth includes them.
    pub parts: &'static [&'static str],
    /// The names in `parts` that are not copied from a source, and are read only if the spec states them.
    pub not_copied: &'static [&'static str],
    /// The names in `parts` that are read only from a source, to report what a follower lacks.
    pub source_only: &'static [&'static str],
    /// The names in `parts` that are read before a resource is deleted, because they decide how or whether it can be.
    pub read_to_remove: &'static [&'static str],
    /// The operations in `writes` that are needed only to delete a resource: its entry is `absent`, or a copy's source
    /// was deleted.
    pub removes: &'static [&'static str],
    /// Whether the resources are global: the same in every region of an account.
    pub global: bool,
    /// Whether the resources are in the VPC that the spec selects.
    pub needs_vpc: bool,
    /// Whether an entry's name may be a pattern (`*`) that matches live resources.
    pub patterns: bool,
    /// Whether a resource may have no name, so that it is identified by its model; see [`super::Kind::adopts`].
    pub adopts: bool,
    /// Whether names are unique across accounts and regions, so that a name may be in use elsewhere.
    pub global_names: bool,
    /// Whether all live resources can be listed, so that a rule (`for_each`) may iterate over them.
    pub lists: bool,
    /// Whether an entry can copy a live resource of another region (`like`, `copy`).
    pub follows: bool,
    /// The dotted paths of the texts that name a resource of the same region, although they contain no region code. They
    /// are not copied from another region unless `rewrite:` changes them.
    pub in_region: &'static [&'static str],
    /// Whether a new resource gets the tags of [`crate::diff::Diff::creation_tags`]. Without them nobody can tell who
    /// created a resource.
    pub creation_tags: bool,
    /// The rules of the risks that [`super::Kind::defects`] can return. An entry's `waiver` waives all of them.
    pub defect_rules: &'static [&'static str],
    /// The kinds whose resources [`super::Kind::defects`] asks for.
    pub looks_up: &'static [&'static str],
    /// The kind that this one is a part of, with the same names (`s3.bucket`). It has no list of its own.
    pub part_of: Option<&'static str>,
    /// The API operations that list all live resources of a region.
    pub inventory: &'static [&'static str],
    /// The severities of differences; the first match applies.
    pub weights: &'static [Weight],
    /// How long a read may return the state from before a write. After an apply, a difference counts only if it remains
    /// for this time.
    pub patience: Duration,
    /// AWS's defaults for unstated settings: a part of the model, as JSON. Empty if none are known.
    pub defaults: &'static str,
    /// An example section in YAML, for the reference; a test parses it.
    pub example: &'static str,
}

impl Facts {
    /// Empty facts, so that a kind states only the fields that it needs.
    pub const DEFAULT: Self = Self {
        name: "",
        service: "",
        summary: "",
        reads: &[],
        writes: &[],
        step_reads: &[],
        checks: &[],
        also: &[],
        attributes: &[],
        descriptive: &[],
        name_fields: &[],
        parts: &[],
        not_copied: &[],
        source_only: &[],
        read_to_remove: &[],
        removes: &[],
        global: false,
        needs_vpc: false,
        patterns: false,
        adopts: false,
        global_names: false,
        lists: false,
        follows: false,
        in_region: &[],
        creation_tags: false,
        defect_rules: &[],
        looks_up: &[],
        part_of: None,
        inventory: &[],
        weights: &[],
        patience: Duration::from_secs(7),
        defaults: "",
        example: "",
    };

    /// Returns where a text that equals this attribute of a resource is a reference to it.
    pub fn ties(&self, attribute: &str) -> Ties {
        match attribute {
            "name" => Ties::Fields(self.name_fields),
            _ if self.descriptive.contains(&attribute) => Ties::Fields(&[]),
            _ => Ties::Anywhere,
        }
    }
}

/// An IAM action that the calls of a kind need besides those of their operations.
#[derive(Debug, Clone, Copy)]
pub struct Need {
    /// The IAM action, such as `iam:PassRole`.
    pub action: &'static str,
    /// The resources of the action if the spec does not state their ARNs: `*`, or ARNs in which `{partition}`,
    /// `{region}`, `{account}` and `{name}` are replaced by the spec's and the resource's values.
    pub resources: &'static [&'static str],
    /// The condition for the action.
    pub when: NeededWhen,
    /// Whether reading needs it too.
    pub reads: bool,
    /// The API operations that need it. Empty for all writes, except those that only delete.
    pub calls: &'static [&'static str],
}

/// The condition for an IAM action. An attribute is the path of a field in the kind's model: `creation.profile`, or
/// `instances.*.role` for a field of every item.
#[derive(Debug, Clone, Copy)]
pub enum NeededWhen {
    /// For every resource.
    Always,
    /// For every resource. The ARNs in this attribute, if the spec states them, are the resources of the action.
    For(&'static str),
    /// Only if the spec states this attribute. The ARNs in it are the resources of the action.
    Stated(&'static str),
}

impl Need {
    /// Creates an action that the steps of every resource need.
    pub const fn always(action: &'static str, resources: &'static [&'static str]) -> Self {
        Self { action, resources, when: NeededWhen::Always, reads: false, calls: &[] }
    }

    /// Creates an action that steps need for the resource that `attribute` names.
    pub const fn named_by(attribute: &'static str, action: &'static str, resources: &'static [&'static str]) -> Self {
        Self { action, resources, when: NeededWhen::For(attribute), reads: false, calls: &[] }
    }

    /// Creates an action that steps need only if the spec states `attribute`.
    pub const fn if_stated(attribute: &'static str, action: &'static str, resources: &'static [&'static str]) -> Self {
        Self { action, resources, when: NeededWhen::Stated(attribute), reads: false, calls: &[] }
    }

    /// Returns the same action, needed only by these operations.
    #[must_use]
    pub const fn for_calls(self, calls: &'static [&'static str]) -> Self {
        Self { calls, ..self }
    }

    /// Returns the same action, needed for reading too.
    #[must_use]
    pub const fn to_read(self) -> Self {
        Self { reads: true, ..self }
    }
}
