//! The JSON Schemas of what users and machines write and read, and the reference of the kinds, all
//! generated from the types themselves. Checked in under `schema/` and `docs/`; a test keeps them fresh.

use std::fmt::Write;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::kind::weight::{GENERAL, MISSING, Weight};
use crate::kind::{Facts, Registry};
use crate::observe::stored::Stored;
use crate::plan::saved::SavedPlan;
use crate::report::Report;

/// Returns the schema of a spec file.
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
            add_words(definition, kind.facts());
        }
    }
    definitions.values_mut().for_each(allow_variables);
    definitions.insert("Variable".to_owned(), json!({ "type": "string", "pattern": r"^\$\{[^}]+\}$" }));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "regionctl region spec",
        "description": "What one AWS region should hold.",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "$defs": definitions,
    })
}

/// The words that every kind takes beside its own.
fn add_words(schema: &mut Value, facts: &Facts) {
    let texts = json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] });
    let mut words = json!({
        "for_each": {
            "description": "One of these for each resource of a kind, wanted or live; ${each.name} is its name.",
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
        "except": { "description": "Names, or patterns of names, that for_each or copy leaves out.", "anyOf": texts["anyOf"] },
    });
    if facts.follows {
        words["like"] = json!({
            "description": "A live one that this one follows, as REGION/NAME; what stands here wins.",
            "type": "string",
        });
        words["copy"] = json!({
            "description": "The region from which every one that the name matches is copied.",
            "type": "string",
        });
        words["rewrite"] = json!({
            "description": "Texts that are written anew in all that is taken over.",
            "type": "object",
            "additionalProperties": { "type": "string" },
        });
        // What is left out comes from the source.
        if let Some(fields) = schema.as_object_mut() {
            fields.remove("required");
        }
    }
    let Some(fields) = schema.as_object_mut() else { return };
    let properties = fields.entry("properties").or_insert_with(|| json!({}));
    if let (Value::Object(words), Value::Object(properties)) = (words, properties) {
        properties.extend(words);
    }
}

/// A value of any type may be written as one variable, `${name}`, which has that type.
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
        "region": { "type": "string", "description": "The region's code.", "examples": ["eu-central-1"] },
        "account": {
            "type": ["string", "integer"],
            "description": "The twelve digits of the only account that plan and apply accept.",
        },
        "include": {
            "description": "Spec files that this one builds on, relative to it. What stands here wins; `~` takes out.",
            "anyOf": [path, { "type": "array", "items": path }],
        },
        "vars": {
            "type": "object",
            "description": "Variables, used as ${name} in values and keys. Built in: region, Region, RegionId, account, partition.",
        },
        "manual": {
            "description": "What only people can do; every plan shows it until there is evidence.",
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "properties": {
                    "what": { "type": "string", "description": "What is to be done." },
                    "who": { "type": "string", "description": "Who does it." },
                    "when": { "type": "string", "description": "Until when, in words or a date." },
                    "evidence": { "type": ["string", "null"], "description": "What shows that it was done." },
                },
                "required": ["what", "who"],
                "additionalProperties": false,
            },
        },
        "profile": { "type": "string", "description": "The profile of the AWS configuration by which the region is reached." },
        "role": { "type": "string", "description": "The ARN of the role that is taken on in the region's account." },
    });
    let mut all = map(properties);
    all.extend(report_properties());
    all
}

/// What a spec says of reports, and the VPC.
fn report_properties() -> Map<String, Value> {
    map(json!({
        "remember": {
            "type": "boolean",
            "description": "Keep a digest of what was applied as SSM parameters below /regionctl, so that drift can be told from what nobody applied.",
        },
        "accept": {
            "description": "Drift that is known, by resource (`*` stands for anything); it is listed and fails nothing until its day is over.",
            "type": ["object", "null"],
            "additionalProperties": {
                "type": "object",
                "properties": {
                    "reason": { "type": "string", "description": "Why." },
                    "by": { "type": "string", "description": "Who says so." },
                    "until": { "type": "string", "description": "The last day on which it holds.", "examples": ["2026-12-31"] },
                    "fields": {
                        "type": "object",
                        "description": "Only these attributes, and only while they have these live values.",
                    },
                    "missing": { "type": "boolean", "description": "Only that it is not there." },
                },
                "required": ["reason", "by", "until"],
                "additionalProperties": false,
            },
        },
        "ignore": {
            "description": "What may be there without being in a spec, by resource (`*` stands for anything), with the reason.",
            "type": ["object", "null"],
            "additionalProperties": { "type": "string" },
        },
        "runbook": {
            "description": "The rows of the handbook, in their order: a title, and the resources (or fields, as kind/name#field) that stand for it.",
            "type": "object",
            "additionalProperties": { "type": "array", "items": { "type": "string" } },
        },
        "vpc": {
            "description": "The region's VPC: `default`, its id, or a tag. ${vpc.id} and ${vpc.cidr} give its values.",
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

/// Returns the schema of a saved plan; the plan that `--format json` prints is its `plan` part.
pub fn plan() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<SavedPlan>().to_value()
}

/// Returns the schema of a report.
pub fn report() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Report>().to_value()
}

/// Returns the schema of a snapshot.
pub fn snapshot() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Stored>().to_value()
}

/// Returns the table of severities, in Markdown.
pub fn severities(registry: Registry) -> String {
    let mut text = String::from(
        "# How bad a finding is\n\nGenerated from the kinds themselves. A finding is as bad as the worst of its attributes; of a kind's lines the\n\
         first that fits counts, then the general ones. `drift --fail-on high` fails the job only on the first kind.\n\n\
         - **high**: something is exposed, or nobody would notice: a group opened, a block lifted, an alarm gone, logging off.\n\
         - **medium**: it works otherwise than the spec says.\n\
         - **low**: cosmetics.\n",
    );
    let mut table = |title: &str, weights: &[Weight]| {
        let _ = write!(
            text,
            "\n## {title}\n\n| attribute | when it | severity | what it means |\n| --- | --- | --- | --- |\n"
        );
        for Weight { path, when, severity, why } in weights {
            let (path, when) = if *path == MISSING { ("the whole", "is not there") } else { (*path, when.words()) };
            let _ = writeln!(text, "| `{path}` | {when} | {} | {why} |", severity.word());
        }
    };
    for facts in registry.0.iter().map(|kind| kind.facts()).filter(|facts| !facts.weights.is_empty()) {
        table(facts.name, facts.weights);
    }
    table("Every kind", GENERAL);
    text
}

/// The day on which AWS's defaults were last looked through.
const DEFAULTS_OF: &str = "2026-11-23";

/// Returns AWS's defaults that reports know, in Markdown.
pub fn defaults(registry: Registry) -> String {
    let mut text = format!(
        "# AWS's defaults\n\nGenerated from the kinds themselves; looked through on {DEFAULTS_OF}. With `drift --strict` what a spec does not\n\
         state is held against these, and what is another is shown as \"Not AWS's default\". What is not in this table is not\n\
         looked at, and what follows another region (`like`, `copy`) has that one's settings instead.\n\n\
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

/// Returns the reference of all kinds, in Markdown.
///
/// `iam` names the IAM action of a service's API operation.
pub fn reference(registry: Registry, iam: &dyn Fn(&str, &str) -> String) -> String {
    let mut text = String::from(
        "# Kinds\n\nGenerated from the kinds themselves by `make schema`. Every field, with its type and values, is in\n\
         [`schema/region.schema.json`](../schema/region.schema.json), which editors complete from.\n",
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
        let outputs: Vec<String> =
            facts.outputs.iter().map(|name| format!("`${{{}/NAME.{name}}}`", facts.name)).collect();
        if !outputs.is_empty() {
            let _ = writeln!(text, "- Gives: {}", outputs.join(", "));
        }
        if facts.follows {
            text.push_str("- Can follow a live one of another region: `like: REGION/NAME`, or `copy: REGION` for all that the name matches.\n");
        }
        if facts.lists {
            let _ = writeln!(text, "- A rule can go over all of them: `for_each: {}`.", facts.name);
        }
        if facts.patterns {
            text.push_str("- A name with `*` stands for every live resource that it matches.\n");
        }
        let _ = writeln!(text, "- Reads with: {}", actions(facts.reads));
        if !facts.inventory.is_empty() {
            let _ = writeln!(text, "- Listed (`drift --unmanaged`) with: {}", actions(facts.inventory));
        }
        let _ = writeln!(text, "- Writes with: {}", actions(facts.writes));
        if !facts.checks.is_empty() {
            let _ = writeln!(text, "- Looks first with: {}", actions(facts.checks));
        }
    }
    text
}
