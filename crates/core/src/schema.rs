// SPDX-License-Identifier: Apache-2.0
//! The JSON Schemas of specs, plans, reports and snapshots, and the reference of the kinds, generated from the types.
//! The results are checked in under `schema/` and `docs/`; a test fails if they are outdated.

use std::fmt::Write;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::kind::weight::{GENERAL, MISSING, Weight};
use crate::kind::{Facts, Registry};
use crate::observe::stored::Stored;
use crate::plan::saved::SavedPlan;
use crate::report::Report;

/// Returns the JSON Schema of a spec file.
pub fn region(registry: Registry) -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let mut properties = root_properties();
    for kind in registry.0 {
        let facts = kind.facts();
        let resource = kind.schema(&mut generator);
        properties.insert(
            facts.name.to_owned(),
            json!({
                "description": facts.summary,
                "type": ["object", "null"],
                "additionalProperties": { "anyOf": [resource, { "type": "null" }, { "const": "absent" }] },
            }),
        );
    }
    let mut definitions = generator.take_definitions(true);
    for kind in registry.0 {
        let schema = kind.schema(&mut generator).to_value();
        let name = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
        if let Some(definition) = definitions.get_mut(name) {
            add_common_fields(definition, kind.facts());
        }
    }
    definitions.values_mut().for_each(allow_variables);
    definitions.insert("Variable".to_owned(), json!({ "type": "string", "pattern": r"^\$\{[^}]+\}$" }));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "regionctl region spec",
        "description": "The desired state of one AWS region.",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "$defs": definitions,
    })
}

/// Adds the fields that every kind accepts to a kind's own.
fn add_common_fields(schema: &mut Value, facts: &Facts) {
    let texts = json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] });
    let mut common = json!({
        "for_each": {
            "description": "One resource for each resource of a kind, desired or live; ${each.name} is its name.",
            "anyOf": [
                { "type": "string" },
                {
                    "type": "object",
                    "properties": { "kind": { "type": "string" }, "matching": { "type": "string" } },
                    "required": ["kind"],
                    "additionalProperties": false,
                },
            ],
        },
        "except": { "description": "Names or patterns that for_each or copy excludes.", "anyOf": texts["anyOf"] },
    });
    if facts.follows {
        common["like"] = json!({
            "description": "Copies a live resource, REGION/NAME; settings in this entry take precedence.",
            "type": "string",
        });
        common["copy"] = json!({
            "description": "Copies every live resource of this region whose name matches the entry's name.",
            "type": "string",
        });
        common["rewrite"] = json!({
            "description": "Replacements in every copied text: old text to new text.",
            "type": "object",
            "additionalProperties": { "type": "string" },
        });
        // The source supplies the fields that the entry leaves out.
        if let Some(fields) = schema.as_object_mut() {
            fields.remove("required");
        }
    }
    let Some(fields) = schema.as_object_mut() else { return };
    let properties = fields.entry("properties").or_insert_with(|| json!({}));
    if let (Value::Object(common), Value::Object(properties)) = (common, properties) {
        properties.extend(common);
    }
}

/// Allows a variable, `${name}`, in the place of a value of any type.
fn allow_variables(schema: &mut Value) {
    let Value::Object(fields) = schema else { return };
    for (name, value) in fields.iter_mut() {
        match (name.as_str(), value) {
            ("properties", Value::Object(properties)) => properties.values_mut().for_each(or_variable),
            ("items" | "additionalProperties", value) => or_variable(value),
            ("anyOf" | "oneOf", Value::Array(choices)) => choices.iter_mut().for_each(allow_variables),
            _ => {}
        }
    }
}

fn or_variable(schema: &mut Value) {
    allow_variables(schema);
    let is_text =
        schema.get("type").is_some_and(|it| it.to_string().contains("\"string\"")) && schema.get("enum").is_none();
    if is_text || !schema.is_object() {
        return;
    }
    let description = schema.get("description").cloned();
    let mut either = json!({ "anyOf": [schema.take(), { "$ref": "#/$defs/Variable" }] });
    if let Some(description) = description {
        either["description"] = description;
    }
    *schema = either;
}

fn root_properties() -> Map<String, Value> {
    let path = json!({ "type": "string" });
    let properties = json!({
        "region": { "type": "string", "description": "The region code.", "examples": ["eu-central-1"] },
        "account": {
            "type": ["string", "integer"],
            "description": "The 12-digit id of the only account that plan and apply accept.",
        },
        "include": {
            "description": "Spec files to merge, by paths relative to this one. This file takes precedence; \
                `~` removes an entry.",
            "anyOf": [path, { "type": "array", "items": path }],
        },
        "vars": {
            "type": "object",
            "description": "Variables, used as ${name} in values and keys. \
                Built in: region, Region, RegionId, account, partition.",
        },
        "manual": {
            "description": "Manual steps. Every plan shows a step until it has evidence.",
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "properties": {
                    "what": { "type": "string", "description": "What to do." },
                    "who": { "type": "string", "description": "Who does it: a person or a team." },
                    "when": { "type": "string", "description": "The deadline, as a date or in words." },
                    "evidence": { "type": ["string", "null"], "description": "The proof: a link, a date, a name." },
                },
                "required": ["what", "who"],
                "additionalProperties": false,
            },
        },
        "profile": { "type": "string", "description": "The AWS configuration profile for this region." },
        "role": { "type": "string", "description": "The ARN of the role to assume in the region's account." },
    });
    let mut all = map(properties);
    all.extend(report_properties());
    all
}

/// The root sections for reports, and `vpc`.
fn report_properties() -> Map<String, Value> {
    map(json!({
        "record_applied": {
            "type": "boolean",
            "description": "Store a digest of each applied change as SSM parameters under /regionctl, to \
                distinguish drift from spec changes that were not applied.",
        },
        "accept": {
            "description": "Accepted drift by resource; `*` matches any characters. It is listed, and does not \
                fail `drift` until the date has passed.",
            "type": ["object", "null"],
            "additionalProperties": {
                "type": "object",
                "properties": {
                    "reason": { "type": "string", "description": "Why the drift is accepted." },
                    "by": { "type": "string", "description": "Who accepts it." },
                    "until": { "type": "string", "description": "The last day it holds.", "examples": ["2026-12-31"] },
                    "fields": {
                        "type": "object",
                        "description": "Accepts only these attributes, and only while they have these live values.",
                    },
                    "missing": { "type": "boolean", "description": "Accepts only that the resource does not exist." },
                },
                "required": ["reason", "by", "until"],
                "additionalProperties": false,
            },
        },
        "ignore": {
            "description": "Resources that `drift --unmanaged` does not report, each with the reason; `*` matches any \
                characters.",
            "type": ["object", "null"],
            "additionalProperties": { "type": "string" },
        },
        "runbook": {
            "description": "The rows of the runbook, in order: a title, and its resources (or fields, as \
                kind/name#field).",
            "type": "object",
            "additionalProperties": { "type": "array", "items": { "type": "string" } },
        },
        "vpc": {
            "description": "The region's VPC: `default`, an id or a tag. ${vpc.id} and ${vpc.cidr} refer to it.",
            "anyOf": [
                { "const": "default" },
                { "type": "string", "pattern": "^vpc-[0-9a-f]+$" },
                {
                    "type": "object",
                    "properties": { "tag": {
                        "type": "object", "additionalProperties": { "type": "string" },
                        "minProperties": 1, "maxProperties": 1,
                    } },
                    "required": ["tag"],
                    "additionalProperties": false,
                },
            ],
        },
    }))
}

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Returns the JSON Schema of a saved plan; `plan --format json` prints its `plan` member.
pub fn plan() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<SavedPlan>().to_value()
}

/// Returns the JSON Schema of a report.
pub fn report() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Report>().to_value()
}

/// Returns the JSON Schema of a snapshot.
pub fn snapshot() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Stored>().to_value()
}

/// Returns docs/severities.md: the severity of each kind of difference.
pub fn severities(registry: Registry) -> String {
    let mut text = String::from(
        "# Severities\n\nGenerated from the kinds. A finding has the highest severity of its attributes. For each\n\
         attribute the first matching row of the kind applies, then the rows of \"Every kind\".\n\
         `drift --fail-on high` fails only on high findings.\n\n\
         - **high**: exposure, loss of data, an outage, or loss of monitoring: an opened security group, a missing alarm,\n\
         disabled logging.\n\
         - **medium**: the resource behaves differently from the spec.\n\
         - **low**: cosmetic: a description, a tag.\n",
    );
    let mut table = |title: &str, weights: &[Weight]| {
        let _ =
            write!(text, "\n## {title}\n\n| attribute | condition | severity | effect |\n| --- | --- | --- | --- |\n");
        for Weight { path, when, severity, why } in weights {
            let (path, when) = if *path == MISSING { ("the resource", "missing") } else { (*path, when.words()) };
            let _ = writeln!(text, "| `{path}` | {when} | {} | {why} |", severity.word());
        }
    };
    for facts in registry.0.iter().map(|kind| kind.facts()).filter(|facts| !facts.weights.is_empty()) {
        table(facts.name, facts.weights);
    }
    table("Every kind", GENERAL);
    text
}

/// The date of the last review of AWS's defaults.
const DEFAULTS_REVIEWED: &str = "2026-11-23";

/// Returns docs/defaults.md: the AWS defaults that `drift --strict` compares with.
pub fn defaults(registry: Registry) -> String {
    let mut text = format!(
        "# AWS's defaults\n\nGenerated from the kinds; last reviewed on {DEFAULTS_REVIEWED}.\n\
         `drift --strict` compares the settings that a spec does not state with these defaults and reports a\n\
         difference as \"Not stated in the spec\". Settings that are not in this table are not compared. A follower\n\
         (`like`, `copy`) is compared with its source instead.\n\n\
         | kind | attribute | AWS's default |\n| --- | --- | --- |\n",
    );
    for facts in registry.0.iter().map(|kind| kind.facts()) {
        let defaults: Value = serde_json::from_str(facts.defaults).unwrap_or_default();
        for (name, default) in defaults.as_object().into_iter().flatten() {
            let _ = writeln!(text, "| {} | `{name}` | `{default}` |", facts.name);
        }
    }
    text
}

/// Returns docs/kinds.md: the reference of all kinds.
///
/// `iam` returns the IAM action of an API operation: its arguments are the service and the operation.
pub fn reference(registry: Registry, iam: &dyn Fn(&str, &str) -> String) -> String {
    let mut text = String::from(
        "# Kinds\n\nGenerated from the kinds by `make bless`. Every field, with its type and values, is in\n\
         [`schema/region.schema.json`](../schema/region.schema.json), which editors use for completion.\n",
    );
    for kind in registry.0 {
        let facts = kind.facts();
        let actions = |operations: &[&str]| {
            let mut actions: Vec<String> = operations.iter().map(|operation| iam(facts.service, operation)).collect();
            actions.sort();
            actions.dedup();
            actions.iter().map(|action| format!("`{action}`")).collect::<Vec<_>>().join(", ")
        };
        let _ = write!(text, "\n## {}\n\n{}\n\n```yaml\n{}\n```\n\n", facts.name, facts.summary, facts.example.trim());
        let attributes: Vec<String> =
            facts.attributes.iter().map(|name| format!("`${{{}/NAME.{name}}}`", facts.name)).collect();
        if !attributes.is_empty() {
            let _ = writeln!(text, "- Attributes: {}", attributes.join(", "));
        }
        if facts.follows {
            text.push_str(
                "- Can copy live resources: `like: REGION/NAME` copies one, `copy: REGION` all whose names match.\n",
            );
        }
        if facts.lists {
            let _ = writeln!(text, "- A rule can iterate over all of them: `for_each: {}`.", facts.name);
        }
        if facts.patterns {
            text.push_str("- A name with `*` matches live resources.\n");
        }
        let _ = writeln!(text, "- Read permissions: {}", actions(facts.reads));
        if !facts.inventory.is_empty() {
            let _ = writeln!(text, "- Permissions for `drift --unmanaged`: {}", actions(facts.inventory));
        }
        let writes = if facts.writes.is_empty() { "none".to_owned() } else { actions(facts.writes) };
        let _ = writeln!(text, "- Write permissions: {writes}");
        if !facts.checks.is_empty() {
            let _ = writeln!(text, "- Permissions for checks before the first write: {}", actions(facts.checks));
        }
    }
    text
}
