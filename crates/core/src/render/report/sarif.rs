// SPDX-License-Identifier: Apache-2.0
//! Renders a report as SARIF 2.1.0, so that code scanning shows findings at the lines of the spec.
//!
//! There is one run per region with its own category. A finding has the same fingerprint in every report.

use serde_json::{Value, json};

use super::{accepted, describe, newest_event, summarize};
use crate::diagnostic::Position;
use crate::report::{Drift, Finding, RegionReport, Report, Severity, Since};

/// Returns how a kind of drift is resolved.
fn help(drift: Drift) -> &'static str {
    match drift {
        Drift::Unwaived => "Remove the risk, or state `waiver:` with the reason in the spec.",
        _ => {
            "Fix it with the command in the message, change the spec, or accept it: \
             regionctl accept KIND/NAME --reason … --until …"
        }
    }
}

/// Renders a report as a SARIF log with one run per region.
pub fn sarif(report: &Report) -> Value {
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": report.regions.iter().map(|region| run(report, region)).collect::<Vec<_>>(),
    })
}

fn run(report: &Report, region: &RegionReport) -> Value {
    let open = region.findings.iter().map(|finding| result(report, finding, None));
    let accepted = region.accepted.iter().map(|it| result(report, &it.finding, Some(accepted(&it.acceptance))));
    let resolved = region.resolved.iter().map(|resolved| {
        json!({
            "ruleId": resolved.drift.word(),
            "ruleIndex": index(resolved.drift),
            "level": "none",
            "kind": "pass",
            "message": { "text": format!("{} matches the spec again", resolved.address) },
            "locations": [location(&resolved.at)],
            "partialFingerprints": { "regionctl/v1": resolved.id },
            "baselineState": "absent",
        })
    });
    let version = report.tool.split(' ').nth(1).unwrap_or_default();
    json!({
        "tool": { "driver": {
            "name": "regionctl",
            "version": version,
            "semanticVersion": version,
            "rules": Drift::ALL.map(rule),
        } },
        "automationDetails": { "id": format!("regionctl/{}/{}/", region.account, region.region) },
        "originalUriBaseIds": { "%SRCROOT%": { "description": { "text": "the directory in which regionctl ran" } } },
        "columnKind": "unicodeCodePoints",
        "invocations": [{
            "executionSuccessful": region.is_complete(),
            "toolExecutionNotifications": notifications(region),
        }],
        "results": open.chain(accepted).chain(resolved).collect::<Vec<_>>(),
    })
}

fn rule(drift: Drift) -> Value {
    json!({
        "id": drift.word(),
        "name": pascal(drift.word()),
        "shortDescription": { "text": drift.meaning() },
        "fullDescription": { "text": format!("{}.", drift.meaning()) },
        "help": { "text": help(drift) },
        "defaultConfiguration": { "level": "warning" },
    })
}

/// Converts `source-changed` to `SourceChanged`.
fn pascal(word: &str) -> String {
    word.split('-')
        .filter_map(|part| {
            let mut letters = part.chars();
            letters.next().map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
        })
        .collect()
}

fn index(drift: Drift) -> usize {
    Drift::ALL.iter().position(|known| *known == drift).unwrap_or_default()
}

fn result(report: &Report, finding: &Finding, accepted: Option<String>) -> Value {
    let level = match finding.severity {
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    };
    let mut lines: Vec<String> =
        finding.fields.iter().filter(|_| !finding.absent).map(|field| describe(field, finding.drift)).collect();
    lines.extend(finding.blocked.iter().cloned());
    lines.extend(newest_event(finding));
    let mut text = format!("{}: {} ({})", finding.address, summarize(finding), finding.why);
    if lines.len() > 1 {
        text = format!("{text}\n{}", lines.join("\n"));
    }
    let text = format!("{text}\nFix: {}", finding.fix);
    let mut result = json!({
        "ruleId": finding.drift.word(),
        "ruleIndex": index(finding.drift),
        "level": level,
        "message": { "text": text },
        "locations": [location(&finding.at)],
        "partialFingerprints": { "regionctl/v1": finding.id },
        "fingerprints": { "regionctl/v1": format!("{}{}", finding.id, finding.content) },
        "properties": {
            "address": finding.address.to_string(),
            "severity": finding.severity.word(),
            "fields": finding.fields.iter().map(|field| &field.change.path).collect::<Vec<_>>(),
        },
    });
    if report.compared {
        let state = match finding.since {
            Some(Since::Known) | None => "unchanged",
            Some(Since::Changed) => "updated",
            Some(Since::New) => "new",
        };
        result["baselineState"] = state.into();
    }
    if let Some(why) = accepted {
        result["suppressions"] = json!([{ "kind": "external", "status": "accepted", "justification": why }]);
    }
    result
}

fn location(at: &Position) -> Value {
    // Code scanning resolves paths against the root of the repository.
    let uri = at.file.trim_start_matches("./").replace('\\', "/");
    json!({ "physicalLocation": {
        "artifactLocation": { "uri": escaped(&uri), "uriBaseId": "%SRCROOT%" },
        "region": { "startLine": at.line.max(1), "startColumn": at.column.max(1) },
    } })
}

/// Returns a path as a relative URI (RFC 3986).
fn escaped(path: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-~".contains(byte);
    path.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn notifications(region: &RegionReport) -> Vec<Value> {
    let failed = region.failed.iter().map(|failed| failed.message.clone());
    let gaps = region.gaps.iter().map(|gap| format!("{}: {}", gap.address, gap.failure));
    failed.chain(gaps).map(|text| json!({ "level": "error", "message": { "text": text } })).collect()
}
