// SPDX-License-Identifier: Apache-2.0
//! Policy documents, compared by meaning.
//!
//! AWS returns documents in another form: a list of one item becomes a text, the order changes, `"*"` becomes
//! `{"AWS": "*"}`, an account id becomes its root ARN. [`Policy`] keeps the author's document for requests and compares
//! a canonical form (IAM User Guide, "Grammar of the IAM JSON policy language").

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::kind::notes::Notes;

/// A policy document. Two documents are equal if their canonical forms are.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Policy(Value);

impl PartialEq for Policy {
    fn eq(&self, other: &Self) -> bool {
        fold(self.canonical()) == fold(other.canonical())
    }
}

/// The elements of a statement whose lists are sets: their order has no meaning.
const SETS: [&str; 4] = ["Action", "NotAction", "Resource", "NotResource"];

impl Policy {
    /// Parses a document that AWS returned.
    ///
    /// # Errors
    /// The text is not JSON.
    pub fn from_aws(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text).map(Self)
    }

    /// Creates a document with one statement.
    pub fn of_statement(statement: &Value) -> Self {
        Self(json!({ "Version": "2012-10-17", "Statement": [statement] }))
    }

    /// Returns the first statement in the author's form.
    pub fn statement(&self) -> Value {
        as_list(self.0.get("Statement")).into_iter().next().unwrap_or_default()
    }

    /// Returns the document as compact JSON for a request, in the author's order.
    pub fn to_aws(&self) -> String {
        self.0.to_string()
    }

    /// Returns the canonical form, in which documents of equal meaning are equal except for the case of action names
    /// and condition keys: lists of one item are texts, sets are sorted, principals have one form.
    pub fn canonical(&self) -> Value {
        let Value::Object(document) = &self.0 else { return self.0.clone() };
        let mut canonical = Map::new();
        let version = document.get("Version").cloned().unwrap_or_else(|| "2008-10-17".into());
        canonical.insert("Version".into(), version);
        if let Some(id) = document.get("Id") {
            canonical.insert("Id".into(), id.clone());
        }
        let mut statements: Vec<Value> = as_list(document.get("Statement")).iter().map(statement).collect();
        statements.sort_by_key(|statement| (statement["Sid"].to_string(), statement.to_string()));
        canonical.insert("Statement".into(), Value::Array(statements));
        Value::Object(canonical)
    }

    /// Returns what is lost, in words, if another document replaces this one: the statements that have no equal and no
    /// one with the same Sid in the other, the `Id`, and the `Version`. Without a `Version`, AWS reads policy variables
    /// literally (IAM User Guide, "IAM JSON policy elements: Version").
    pub fn lost_to(&self, other: &Self) -> Vec<String> {
        let (own, other) = (fold(self.canonical()), fold(other.canonical()));
        let elements = ["Version", "Id"].into_iter().filter(|element| own.get(element) != other.get(element));
        let elements = elements.filter_map(|element| Some(format!("the {element} {}", own.get(element)?)));
        let others = as_list(other.get("Statement"));
        let has = |statement: &Value| {
            let same_sid = |it: &Value| statement["Sid"].is_string() && it["Sid"] == statement["Sid"];
            others.iter().any(|it| it == statement || same_sid(it))
        };
        let statements = statements(&own, |statement| !has(statement));
        statements.into_iter().map(|(sid, _)| format!("the statement {sid}")).chain(elements).collect()
    }

    /// Returns the public statements, as pairs of the Sid and the canonical form.
    ///
    /// A grant to `*` is not public if a condition restricts it to fixed values of, among others, the source VPC,
    /// endpoint, account, ARN or organization (S3 User Guide, "The meaning of public").
    pub fn public_statements(&self) -> Vec<(String, String)> {
        // Other operators also match if the key is missing, or are negated.
        const OPERATORS: [&str; 5] = ["stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike"];
        const KEYS: [&str; 9] = [
            "aws:sourceowner",
            "aws:sourcevpc",
            "aws:sourcevpce",
            "aws:sourcearn",
            "aws:sourceaccount",
            "aws:principalorgid",
            "aws:principalaccount",
            "aws:userid",
            "s3:dataaccesspointaccount",
        ];
        let canonical = fold(self.canonical());
        let public = |statement: &&Value| {
            let operators = statement["Condition"].as_object().into_iter().flatten();
            let checked = operators.filter(|(operator, _)| OPERATORS.contains(&operator.to_ascii_lowercase().as_str()));
            let fixed = checked.map(|(_, keys)| keys).any(|keys| {
                keys.as_object().is_some_and(|keys| {
                    keys.iter().any(|(key, value)| KEYS.contains(&key.as_str()) && !value.to_string().contains('*'))
                })
            });
            statement["Effect"] == "Allow" && is_everyone(statement) && !fixed
        };
        statements(&canonical, public)
    }

    /// Returns the statements that deny all requests from outside a VPC, which include those of the console and of
    /// regionctl. The form is that of [`Self::public_statements`].
    pub fn lockout_statements(&self) -> Vec<(String, String)> {
        let canonical = fold(self.canonical());
        let by_vpc = |keys: &Value| keys.get("aws:sourcevpc").or(keys.get("aws:sourcevpce")).is_some();
        statements(&canonical, |statement| {
            let conditions = statement["Condition"].as_object();
            statement["Effect"] == "Deny"
                && is_everyone(statement)
                && conditions.is_some_and(|conditions| {
                    conditions.iter().any(|(operator, keys)| operator.contains("Not") && by_vpc(keys))
                })
        })
    }
}

/// Whether a statement applies to everyone. `NotPrincipal` counts as everyone.
fn is_everyone(statement: &Value) -> bool {
    let principal = &statement["Principal"];
    let aws = as_list(principal.get("AWS"));
    principal == "*" || aws.iter().any(|who| who == "*") || statement.get("NotPrincipal").is_some()
}

fn statements(canonical: &Value, which: impl Fn(&&Value) -> bool) -> Vec<(String, String)> {
    let statements = canonical["Statement"].as_array().into_iter().flatten();
    let sid = |statement: &Value| statement["Sid"].as_str().unwrap_or("without a Sid").to_owned();
    statements.filter(which).map(|statement| (sid(statement), statement.to_string())).collect()
}

fn as_list(value: Option<&Value>) -> Vec<Value> {
    match value {
        None => Vec::new(),
        Some(Value::Array(items)) => items.clone(),
        Some(other) => vec![other.clone()],
    }
}

fn set(value: &Value, one: impl Fn(&str) -> String) -> Value {
    let mut texts: Vec<String> = as_list(Some(value))
        .iter()
        .map(|item| match item {
            Value::String(text) => one(text),
            other => one(&other.to_string()),
        })
        .collect();
    texts.sort();
    texts.dedup();
    match texts.as_slice() {
        [only] => only.as_str().into(),
        _ => texts.into(),
    }
}

fn statement(statement: &Value) -> Value {
    let Value::Object(fields) = statement else { return statement.clone() };
    let mut canonical = Map::new();
    for name in ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource"] {
        let Some(value) = fields.get(name) else { continue };
        let value = match name {
            "Principal" | "NotPrincipal" => principal(value),
            name if SETS.contains(&name) => set(value, str::to_owned),
            _ => value.clone(),
        };
        canonical.insert(name.into(), value);
    }
    if let Some(Value::Object(operators)) = fields.get("Condition")
        && !operators.is_empty()
    {
        canonical.insert("Condition".into(), condition(operators));
    }
    for (name, value) in fields {
        if name != "Condition" && !canonical.contains_key(name) {
            canonical.insert(name.clone(), value.clone());
        }
    }
    Value::Object(canonical)
}

fn principal(value: &Value) -> Value {
    let Value::Object(kinds) = value else { return value.clone() };
    let mut canonical = Map::new();
    let mut sorted: Vec<_> = kinds.iter().collect();
    sorted.sort_by_key(|(kind, _)| kind.as_str());
    for (kind, who) in sorted {
        canonical.insert(kind.clone(), set(who, account_of_root));
    }
    if canonical.len() == 1 && canonical.get("AWS").is_some_and(|who| who == "*") {
        return "*".into();
    }
    Value::Object(canonical)
}

/// Returns the account id of a root ARN: `arn:aws:iam::123456789012:root` and `123456789012` are the same principal.
fn account_of_root(text: &str) -> String {
    let parts: Vec<&str> = text.split(':').collect();
    match parts.as_slice() {
        ["arn", _, "iam", "", account, "root"] => (*account).to_owned(),
        _ => text.to_owned(),
    }
}

fn condition(operators: &Map<String, Value>) -> Value {
    let mut canonical = Map::new();
    let mut sorted: Vec<_> = operators.iter().collect();
    sorted.sort_by_key(|(operator, _)| operator.as_str());
    for (operator, keys) in sorted {
        let mut by_key = Map::new();
        let mut sorted: Vec<_> = keys.as_object().into_iter().flatten().collect();
        sorted.sort_by_key(|(key, _)| key.to_ascii_lowercase());
        for (key, values) in sorted {
            by_key.insert(key.clone(), set(values, str::to_owned));
        }
        canonical.insert(operator.clone(), Value::Object(by_key));
    }
    Value::Object(canonical)
}

/// Converts action names and condition keys to lower case: IAM ignores their case.
fn fold(mut canonical: Value) -> Value {
    for statement in canonical["Statement"].as_array_mut().into_iter().flatten() {
        for name in ["Action", "NotAction"] {
            if let Some(actions) = statement.get_mut(name) {
                *actions = set(actions, str::to_ascii_lowercase);
            }
        }
        for keys in statement.get_mut("Condition").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut)
        {
            if let Value::Object(keys) = keys {
                *keys =
                    std::mem::take(keys).into_iter().map(|(key, value)| (key.to_ascii_lowercase(), value)).collect();
            }
        }
    }
    canonical
}

/// A policy document in a spec: YAML, or JSON in a text.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct PolicySpec(Value);

impl JsonSchema for PolicySpec {
    fn schema_name() -> Cow<'static, str> {
        "Policy".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A policy document, as YAML or as a text with JSON. Documents are compared by meaning.",
            "type": ["object", "string"],
        })
    }
}

/// Quotes that word processors insert instead of `"` and `'`. They are not valid in JSON.
const TYPOGRAPHIC: [char; 8] = ['“', '”', '„', '‟', '‘', '’', '«', '»'];

impl PolicySpec {
    /// Creates a document with one statement from a Sid and the statement's other fields.
    pub fn of_statement(sid: &str, fields: Map<String, Value>) -> Self {
        let mut statement = Map::from_iter([("Sid".to_owned(), sid.into())]);
        statement.extend(fields);
        Self(json!({ "Version": "2012-10-17", "Statement": [statement] }))
    }

    /// Checks the document, whose size must not exceed `max_bytes`. Returns `None` if it added faults to `notes`.
    pub fn check(self, path: &str, max_bytes: usize, notes: &mut Notes<'_>) -> Option<Policy> {
        if let Some(quote) = self.0.to_string().chars().find(|character| TYPOGRAPHIC.contains(character)) {
            notes.fault_within(
                "typographic-quote",
                path,
                &quote.to_string(),
                format!("the policy contains a typographic quote {quote}"),
                "replace each typographic quote with a plain \"",
            );
            return None;
        }
        let document = match self.0 {
            Value::String(text) => match serde_json::from_str::<Value>(&text) {
                Ok(document) => document,
                Err(error) => {
                    let full = error.to_string();
                    let what = full.split(" at line ").next().unwrap_or(&full).to_owned();
                    let message = format!("the policy is not valid JSON: {what}");
                    notes.fault_in_text("invalid-json", path, error.line(), error.column(), message);
                    return None;
                }
            },
            document => document,
        };
        let before = notes.faults.0.len();
        check_document(&document, path, notes);
        let policy = Policy(document);
        let size = policy.to_aws().len();
        if size > max_bytes {
            notes.fault(path, format!("the policy has {size} bytes; the AWS limit is {max_bytes}"), "shorten it");
        }
        (notes.faults.0.len() == before).then_some(policy)
    }
}

fn check_document(document: &Value, path: &str, notes: &mut Notes<'_>) {
    let Value::Object(fields) = document else {
        notes.fault(path, "expected a mapping with `Version` and `Statement`", "see this kind in docs/kinds.md");
        return;
    };
    let known = ["Version", "Id", "Statement"];
    for field in fields.keys().filter(|field| !known.contains(&field.as_str())) {
        let help = crate::spec::decode::choices(field, &known);
        notes.fault(&format!("{path}.{field}"), format!("unknown field '{field}' of a policy"), help);
    }
    let statements = as_list(fields.get("Statement"));
    if statements.is_empty() {
        notes.fault(path, "the policy has no `Statement`", "add at least one statement; AWS requires one");
    }
    for (index, statement) in statements.iter().enumerate() {
        let at = if fields["Statement"].is_array() {
            format!("{path}.Statement[{index}]")
        } else {
            format!("{path}.Statement")
        };
        if !matches!(statement["Effect"].as_str(), Some("Allow" | "Deny")) {
            notes.fault(&at, "the statement has no valid `Effect`", "write Allow or Deny, with a capital letter");
        }
        if statement.get("Action").is_none() && statement.get("NotAction").is_none() {
            notes.fault(&at, "the statement has no `Action`", "add one, such as Action: s3:GetObject");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn policy(value: Value) -> Policy {
        Policy(value)
    }

    fn statement_of(extra: &Value) -> Policy {
        let mut statement = json!({"Sid": "A", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"});
        statement.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        policy(json!({"Version": "2012-10-17", "Statement": [statement]}))
    }

    #[test]
    fn a_document_equals_the_form_that_aws_returns() {
        let ours = policy(json!({
            "Version": "2012-10-17",
            "Statement": {
                "Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": ["s3:GetObject"],
                "Resource": ["b", "a"], "Condition": {"Bool": {"aws:SecureTransport": true}}
            }
        }));
        let theirs = policy(json!({
            "Statement": [{
                "Condition": {"Bool": {"AWS:securetransport": ["true"]}}, "Resource": ["a", "b", "a"],
                "Action": "S3:getobject", "Principal": "*", "Effect": "Allow"
            }],
            "Version": "2012-10-17"
        }));
        assert_eq!(ours, theirs);
    }

    #[test]
    fn an_account_id_equals_its_root_arn_and_a_deleted_principal_does_not() {
        let by_id = statement_of(&json!({"Principal": {"AWS": "123456789012"}}));
        let by_arn = statement_of(&json!({"Principal": {"AWS": "arn:aws:iam::123456789012:root"}}));
        let deleted = statement_of(&json!({"Principal": {"AWS": "AIDAEXAMPLE"}}));
        assert_eq!(by_id, by_arn);
        assert_ne!(by_id, deleted);
    }

    #[test]
    fn resources_and_values_keep_their_case() {
        assert_ne!(statement_of(&json!({"Resource": "A"})), statement_of(&json!({"Resource": "a"})));
    }

    #[test]
    fn a_fixed_source_vpc_is_not_public_and_a_wildcard_is() {
        let fixed = statement_of(&json!({
            "Principal": "*", "Condition": {"StringEquals": {"aws:sourceVpc": "vpc-1"}}
        }));
        let open = statement_of(&json!({"Principal": {"AWS": "*"}}));
        let wild = statement_of(&json!({"Principal": "*", "Condition": {"StringLike": {"aws:SourceVpc": "vpc-*"}}}));
        assert!(fixed.public_statements().is_empty());
        assert_eq!(open.public_statements()[0].0, "A");
        assert_eq!(wild.public_statements()[0].0, "A");
        // Each of these allows requests from any source.
        for open in [
            json!({"Principal": "*", "Condition": {"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}}),
            json!({"Principal": "*", "Condition": {"StringEqualsIfExists": {"aws:SourceVpc": "vpc-1"}}}),
            json!({"Principal": "*", "Condition": {"Null": {"aws:SourceVpc": "true"}}}),
            json!({"Principal": {"AWS": ["*", "arn:aws:iam::123456789012:root"]}}),
            json!({"NotPrincipal": {"AWS": "arn:aws:iam::123456789012:root"}}),
        ] {
            assert_eq!(statement_of(&open).public_statements().len(), 1, "{open}");
        }
    }

    /// Returns a document in a form that AWS might return: lists of one item as texts or not, another order, other
    /// forms of principals, another case where IAM ignores it.
    fn rewritten(value: &Value, path: &str, choice: &mut impl FnMut() -> usize) -> Value {
        match value {
            Value::Object(fields) => {
                let mut entries: Vec<(String, Value)> = fields
                    .iter()
                    .map(|(key, value)| {
                        let folded = path.ends_with("StringEquals") && choice().is_multiple_of(2);
                        let written = if folded { key.to_ascii_uppercase() } else { key.clone() };
                        (written, rewritten(value, &format!("{path}/{key}"), choice))
                    })
                    .collect();
                entries.rotate_left(choice() % fields.len().max(1));
                Value::Object(entries.into_iter().collect())
            }
            Value::Array(items) => {
                let mut items: Vec<Value> = items.iter().map(|item| rewritten(item, path, choice)).collect();
                let by = choice() % items.len().max(1);
                items.rotate_left(by);
                if items.len() == 1 && choice().is_multiple_of(2) { items.remove(0) } else { Value::Array(items) }
            }
            Value::String(text) if path.ends_with("/Action") && choice().is_multiple_of(2) => {
                text.to_ascii_uppercase().into()
            }
            Value::String(text) if path.ends_with("/AWS") && choice().is_multiple_of(2) && text != "*" => {
                format!("arn:aws:iam::{text}:root").into()
            }
            Value::String(text) if !path.ends_with("/Statement") && text == "*" && path.ends_with("/Principal") => {
                if choice().is_multiple_of(2) {
                    json!({"AWS": "*"})
                } else {
                    text.as_str().into()
                }
            }
            other => other.clone(),
        }
    }

    fn documents() -> impl Strategy<Value = Value> {
        let names = |of: &'static str| proptest::collection::btree_set(of, 1..4).prop_map(Vec::from_iter);
        let principal = prop_oneof![
            Just(json!("*")),
            proptest::collection::btree_set("[0-9]{12}", 1..3).prop_map(|accounts| json!({"AWS": accounts})),
        ];
        let statement =
            (names("s3:[A-Z][a-z]{2,5}"), names("arn:aws:s3:::[a-z]{3}/[A-Za-z]{2}"), principal, names("vpc-[0-9]"));
        proptest::collection::vec(statement, 1..4).prop_map(|statements| {
            let statements: Vec<Value> = statements
                .into_iter()
                .enumerate()
                .map(|(index, (actions, resources, principal, vpcs))| {
                    json!({
                        "Sid": format!("S{index}"), "Effect": "Allow", "Principal": principal, "Action": actions,
                        "Resource": resources, "Condition": {"StringEquals": {"aws:sourceVpc": vpcs}},
                    })
                })
                .collect();
            json!({"Version": "2012-10-17", "Statement": statements})
        })
    }

    proptest! {
        #[test]
        fn every_form_that_aws_returns_equals_the_document(document in documents(), choices: Vec<u8>) {
            let mut choices = choices.iter().cycle();
            let theirs = rewritten(&document, "", &mut || choices.next().map_or(0, |choice| usize::from(*choice)));
            prop_assert_eq!(policy(document), policy(theirs));
        }

        #[test]
        fn a_document_that_grants_more_is_not_equal(document in documents(), index in 0_usize..3) {
            let mut wider = document.clone();
            let statements = wider["Statement"].as_array_mut().expect("documents have statements");
            let index = index % statements.len();
            statements[index]["Resource"].as_array_mut().expect("resources are a list").push("*".into());
            prop_assert_ne!(policy(document), policy(wider));
        }
    }
}
