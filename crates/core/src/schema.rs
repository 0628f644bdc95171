//! The JSON Schemas of what users and machines write and read, and the reference of the kinds, all
//! generated from the types themselves. Checked in under `schema/` and `docs/`; a test keeps them fresh.

use std::fmt::Write;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::kind::{Facts, Registry};
use crate::plan::saved::SavedPlan;

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
    });
    match properties {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Returns the schema of a saved plan; the plan that `--format json` prints is its `plan` part.
pub fn plan() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<SavedPlan>().to_value()
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
        let _ = writeln!(text, "- Writes with: {}", actions(facts.writes));
        if !facts.checks.is_empty() {
            let _ = writeln!(text, "- Looks first with: {}", actions(facts.checks));
        }
    }
    text
}
