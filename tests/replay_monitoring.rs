// SPDX-License-Identifier: Apache-2.0
//! Log groups and composite alarms in AWS answers that no emulator returns.

use regionctl_aws::kinds::REGISTRY;
use regionctl_core::observe::failure::FailureClass;
use regionctl_core::observe::provider::Provider;
use regionctl_core::observe::scope::{Depth, LiveResource, Observation, Scope};
use regionctl_core::spec::write::yaml;
use serde_json::{Value, json};

use crate::replay::{Answer, Replay, location, open, run};
use crate::replay_reads::spec;

const GROUP: &str = "logs.log_group";

const GROUPS: Answer = (
    200,
    "Target=DescribeLogGroups",
    r#"{"logGroups":[{"logGroupName":"/app","logGroupClass":"STANDARD","metricFilterCount":1},
        {"logGroupName":"/web","logGroupClass":"STANDARD"}]}"#,
);
const METRIC_FILTERS: Answer = (
    200,
    "Target=DescribeMetricFilters",
    r#"{"metricFilters":[{"filterName":"latency (a)","logGroupName":"/app","filterPattern":"{$.latency > 1}",
        "creationTime":1700000000000,"applyOnTransformedLogs":true,"fieldSelectionCriteria":"@aws.region = \"r\"",
        "emitSystemFieldDimensions":["@aws.region","@aws.account"],"metricTransformations":[{"metricName":"Latency",
        "metricNamespace":"App","metricValue":"$.latency","unit":"Milliseconds","dimensions":{"Service":"$.service"}}]}],
        "nextToken":"more"}"#,
);
const MORE_METRIC_FILTERS: Answer = (
    200,
    "Target=DescribeMetricFilters",
    r#"{"metricFilters":[{"filterName":"errors","logGroupName":"/web","filterPattern":"","metricTransformations":[
        {"metricName":"Errors","metricNamespace":"App","metricValue":"1","defaultValue":0,"unit":"None"}]}]}"#,
);
const SUBSCRIPTION_FILTERS: Answer = (
    200,
    "Target=DescribeSubscriptionFilters",
    r#"{"subscriptionFilters":[{"filterName":"ship","logGroupName":"/app","filterPattern":"ERROR",
        "destinationArn":"arn:aws:kinesis:eu-central-1:123456789012:stream/s","creationTime":1700000000000,
        "roleArn":"arn:aws:iam::123456789012:role/r","distribution":"Random","applyOnTransformedLogs":true,
        "fieldSelectionCriteria":"@aws.account = \"1\"","emitSystemFields":["@source.log"]},{"filterName":"call",
        "logGroupName":"/app","filterPattern":"","destinationArn":"arn:aws:lambda:eu-central-1:123456789012:function:f",
        "distribution":"ByLogStream"}]}"#,
);
const NO_SUBSCRIPTION_FILTERS: Answer = (200, "Target=DescribeSubscriptionFilters", r#"{"subscriptionFilters":[]}"#);
const NO_TAGS: Answer = (200, "Target=ListTagsForResource", "{}");

/// Reads all log groups. Asserts law 11 too: the spec written from a model has the model.
async fn all_groups(answers: &[Answer]) -> (Observation<Value>, usize) {
    let replay = Replay::coded(answers);
    let scope = Scope { everything: Some(Depth::Whole), ..Scope::of(location()) };
    let found = open(&replay).await.observe(GROUP, scope).await.unwrap();
    found.resources.iter().for_each(|seen| assert_written(GROUP, seen));
    (found, replay.requests().len())
}

fn assert_written(kind: &str, seen: &LiveResource<Value>) {
    let written = REGISTRY.of(kind).write(&seen.model).unwrap().unwrap();
    let wanted = spec(&format!("{kind}:\n  {}:\n{}", Value::from(seen.name.as_str()), yaml(&written, 4)));
    let [desired, live] = [&wanted.wants[0].model, &seen.model].map(|model| REGISTRY.of(kind).relevant(None, model));
    assert_eq!(desired, live, "{kind}");
}

#[tokio::test]
async fn all_settings_of_filters_are_read_and_written_and_metric_filters_in_bulk() {
    let answers =
        [GROUPS, METRIC_FILTERS, MORE_METRIC_FILTERS, SUBSCRIPTION_FILTERS, NO_SUBSCRIPTION_FILTERS, NO_TAGS, NO_TAGS];
    let (found, requests) = all_groups(&answers).await;
    assert!(found.gaps.is_empty(), "{:?}", found.gaps);
    assert_eq!(requests, answers.len(), "the metric filters of all groups are two pages");
    let [app, web] = [0, 1].map(|index: usize| &found.resources[index].model);
    assert_eq!(
        app["metric_filters"]["latency (a)"],
        json!({
            "pattern": "{$.latency > 1}", "metric": "Latency", "namespace": "App", "value": "$.latency",
            "dimensions": {"Service": "$.service"}, "unit": "Milliseconds", "apply_on_transformed_logs": true,
            "field_selection_criteria": "@aws.region = \"r\"",
            "emit_system_field_dimensions": ["@aws.account", "@aws.region"],
        })
    );
    assert_eq!(
        app["subscription_filters"],
        json!({
            "ship": {
                "pattern": "ERROR", "destination": "arn:aws:kinesis:eu-central-1:123456789012:stream/s",
                "role": "arn:aws:iam::123456789012:role/r", "distribution": "Random",
                "apply_on_transformed_logs": true, "field_selection_criteria": "@aws.account = \"1\"",
                "emit_system_fields": ["@source.log"],
            },
            "call": {"destination": "arn:aws:lambda:eu-central-1:123456789012:function:f"},
        })
    );
    let errors = json!({"metric": "Errors", "namespace": "App", "value": "1", "default_value": 0.0});
    assert_eq!(web["metric_filters"], json!({ "errors": errors }));
    assert_eq!(web["subscription_filters"], json!({}));
}

#[tokio::test]
async fn filters_that_are_not_asked_for_cost_no_call() {
    let replay = Replay::coded(&[GROUPS, MORE_METRIC_FILTERS]);
    let mut scope = Scope::of(location());
    scope.ask("/app", Depth::Named(["retention_days".to_owned()].into()));
    let found = open(&replay).await.observe(GROUP, scope).await.unwrap();
    assert_eq!((found.resources.len(), replay.requests().len()), (1, 1));
    assert!(found.resources[0].model.get("metric_filters").is_none());
}

#[tokio::test]
async fn an_unknown_value_of_a_filter_makes_the_log_group_a_gap() {
    let random = (
        200,
        "Target=DescribeSubscriptionFilters",
        r#"{"subscriptionFilters":[{"filterName":"a","destinationArn":"arn:d","distribution":"Sometimes"}]}"#,
    );
    let two = (
        200,
        "Target=DescribeMetricFilters",
        r#"{"metricFilters":[{"filterName":"errors","logGroupName":"/web","metricTransformations":[]}]}"#,
    );
    let answers = [GROUPS, two, random, random, NO_TAGS, NO_TAGS];
    let (found, _) = all_groups(&answers).await;
    let named: Vec<String> = found.gaps.iter().map(|(name, failure)| format!("{name}: {failure}")).collect();
    assert!(named.len() == 2 && named[0].contains("'Sometimes'"), "{named:?}");
    assert!(found.gaps.iter().all(|(_, failure)| failure.class == FailureClass::Unknown));
}

#[tokio::test]
async fn a_denied_read_of_all_metric_filters_makes_the_log_groups_gaps() {
    let denied = (400, "Target=DescribeMetricFilters", r#"{"__type":"AccessDeniedException","message":"no"}"#);
    let answers = [GROUPS, denied, NO_SUBSCRIPTION_FILTERS, NO_SUBSCRIPTION_FILTERS, NO_TAGS, NO_TAGS];
    let (found, _) = all_groups(&answers).await;
    assert_eq!(found.gaps.len(), 2);
    assert!(found.gaps.iter().all(|(_, failure)| failure.class == FailureClass::Denied), "{:?}", found.gaps);
}

/// PutSubscriptionFilter sends a test message, which fails until a new role or permission is effective.
#[tokio::test]
async fn a_subscription_filter_waits_for_its_role_and_reports_the_limit() {
    let op = json!({"PutSubscriptionFilter": {"name": "a", "filter": {
        "destination": "arn:aws:kinesis:eu-central-1:123456789012:stream/s", "role": "arn:aws:iam::123456789012:role/r",
    }}});
    let early = r#"{"__type":"InvalidParameterException","message":"Could not deliver test message to specified Kinesis stream. Check if the given kinesis stream is in ACTIVE state."}"#;
    let replay = Replay::new(&[(400, early), (200, "{}")]);
    run(&replay, GROUP, op.clone()).await.unwrap();
    assert_eq!(replay.requests().len(), 2);
    assert!(replay.requests()[1].contains(r#""distribution":"ByLogStream""#), "{:?}", replay.requests());
    let many = r#"{"__type":"LimitExceededException","message":"Resource limit exceeded."}"#;
    // The SDK tries five times: it takes every LimitExceededException for throttling.
    let failure = run(&Replay::new(&[(400, many); 5]), GROUP, op).await.unwrap_err();
    assert_eq!((failure.class, failure.code.as_deref()), (FailureClass::Invalid, Some("LimitExceededException")));
    let gone = r#"{"__type":"ResourceNotFoundException","message":"The specified filter does not exist."}"#;
    run(&Replay::new(&[(400, gone)]), GROUP, json!({"DeleteSubscriptionFilter": {"name": "a"}})).await.unwrap();
}

#[test]
fn the_faults_of_filters_are_found_at_once() {
    let filters = "logs.log_group:
  /aws/lambda/ship:
    metric_filters:
      a:b: {metric: 'M:x', namespace: N, value: '', default_value: 0, dimensions: {a: b}, unit: Parsecs}
      c:
    subscription_filters:
      stream: {destination: arn:aws:kinesis:eu-central-1:1:stream/s, distribution: Random}
      loop: {destination: arn:aws:lambda:eu-central-1:1:function:ship, role: arn:aws:iam::1:role/r, distribution: Random}
      far: {destination: arn:aws:lambda:us-east-1:1:function:f, emit_system_fields: [time]}
      queue: {destination: arn:aws:sqs:eu-central-1:1:q}
";
    let faults = faults_of(filters);
    for expected in [
        "'a:b' is not a valid filter name",
        "the filter 'c' has no settings",
        "`metric` must have 1 to 255 characters and none of : * $",
        "`value` must have 1 to 100 characters",
        "`default_value` cannot be combined with dimensions",
        "unknown unit",
        "a log group can have at most 2 entries in `subscription_filters`, and there are 4",
        "the destination of the service kinesis needs a role",
        "`role` cannot be combined with a Lambda function",
        "`distribution` has an effect for a Kinesis data stream only",
        "the function logs to this log group, and each of its events would invoke it again",
        "the destination is in us-east-1; it must be in the log group's region",
        "unknown system field 'time'",
        "a subscription filter cannot deliver to the service sqs",
    ] {
        assert!(faults.iter().any(|fault| fault == expected), "{expected}: {faults:#?}");
    }
}

const COMPOSITE: &str = "cloudwatch.composite_alarm";

/// DescribeAlarms with every member of a composite alarm, and one without the optional members.
const COMPOSITE_ALARMS: Answer = (
    200,
    "Path=/operation/DescribeAlarms",
    r#"{"MetricAlarms":[],"CompositeAlarms":[{"AlarmName":"all","AlarmArn":"arn:aws:cloudwatch:eu-central-1:123456789012:alarm:all",
        "AlarmRule":"ALARM(\"a\") AND\n NOT OK(b)","AlarmDescription":"d","ActionsEnabled":false,
        "AlarmActions":["arn:aws:sns:eu-central-1:123456789012:t"],"OKActions":["arn:aws:lambda:eu-central-1:1:function:f"],
        "InsufficientDataActions":["arn:aws:sns:eu-central-1:123456789012:t"],"StateValue":"ALARM","StateReason":"r",
        "StateReasonData":"{}","ActionsSuppressedBy":"WaitPeriod","ActionsSuppressedReason":"r",
        "ActionsSuppressor":"arn:aws:cloudwatch:eu-central-1:123456789012:alarm:s","ActionsSuppressorWaitPeriod":60,
        "ActionsSuppressorExtensionPeriod":0,"ActionConfiguration":{"AlarmTagsPropagation":{"Enabled":true,
        "IncludedTagKeys":["Team"]}}},{"AlarmName":"least","AlarmRule":"FALSE","AlarmDescription":"",
        "ActionsSuppressor":"","ActionConfiguration":{"AlarmTagsPropagation":{"Enabled":false,"ExcludedTagKeys":["x"]}}}]}"#,
);
const TAGS_OF_ALARM: Answer =
    (200, "Path=/operation/ListTagsForResource", r#"{"Tags":[{"Key":"Team","Value":"sre"}]}"#);

async fn composites(depth: Depth, answers: &[Answer]) -> Observation<Value> {
    let scope = Scope { everything: Some(depth), ..Scope::of(location()) };
    let found = open(&Replay::coded(answers)).await.observe(COMPOSITE, scope).await.unwrap();
    found.resources.iter().for_each(|seen| assert_written(COMPOSITE, seen));
    found
}

#[tokio::test]
async fn all_settings_of_a_composite_alarm_are_read_and_written() {
    let found = composites(Depth::Whole, &[COMPOSITE_ALARMS, TAGS_OF_ALARM, TAGS_OF_ALARM]).await;
    let [all, least] = [0, 1].map(|index: usize| &found.resources[index]);
    assert_eq!(
        all.model,
        json!({
            "rule": "ALARM(\"a\") AND\n NOT OK(b)", "description": "d", "actions_enabled": false,
            "alarm_actions": ["arn:aws:sns:eu-central-1:123456789012:t"],
            "ok_actions": ["arn:aws:lambda:eu-central-1:1:function:f"],
            "insufficient_data_actions": ["arn:aws:sns:eu-central-1:123456789012:t"],
            "suppressor": {
                "alarm": "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:s", "wait_seconds": 60,
                "extension_seconds": 0,
            },
            "notified_tags": {"included": ["Team"]}, "tags": {"Team": "sre"},
        })
    );
    assert!(all.extras.is_empty());
    assert_eq!((&least.model["rule"], &least.model["actions_enabled"]), (&json!("FALSE"), &json!(true)));
    assert!(least.extras.len() == 1 && !least.extras[0].kept, "{:?}", least.extras);
}

#[tokio::test]
async fn a_composite_alarm_without_its_rule_or_periods_is_a_gap() {
    let answer = (
        200,
        "Path=/operation/DescribeAlarms",
        r#"{"CompositeAlarms":[{"AlarmName":"a"},{"AlarmName":"b","AlarmRule":"TRUE","ActionsSuppressor":"s"}]}"#,
    );
    let found = composites(Depth::existence(), &[answer]).await;
    assert_eq!(found.gaps.len(), 2);
    assert!(found.gaps.iter().all(|(_, failure)| failure.class == FailureClass::Unknown), "{:?}", found.gaps);
}

/// An alarm that was created a moment ago may not be found yet; another change of the alarm may be in progress; a
/// composite alarm that was deleted a moment ago may still count.
#[tokio::test]
async fn calls_for_composite_alarms_wait_for_other_changes() {
    let alarm = json!({
        "rule": "ALARM(a)", "alarm_actions": [], "ok_actions": [], "insufficient_data_actions": [], "actions_enabled": true,
    });
    let put = json!({"PutCompositeAlarm": {"alarm": alarm, "children": ["a"]}});
    let delete = json!({"DeleteAlarms": {"children": ["a"]}});
    let early = r#"{"__type":"ValidationError","message":"Could not save the composite alarm as alarms [a] in the alarm rule do not exist"}"#;
    let busy = r#"{"__type":"ValidationError","message":"A separate request to update this alarm is in progress."}"#;
    let needed =
        r#"{"__type":"ValidationError","message":"Cannot delete a as there are composite alarm(s) depending on it."}"#;
    for (op, text) in [(&put, early), (&put, busy), (&delete, needed)] {
        let replay = Replay::new(&[(400, text), (200, "{}")]);
        run(&replay, COMPOSITE, op.clone()).await.unwrap();
        assert_eq!(replay.requests().len(), 2, "{text}");
    }
    let gone = r#"{"__type":"ResourceNotFound","message":"m"}"#;
    run(&Replay::new(&[(404, gone)]), COMPOSITE, delete).await.unwrap();
    let many = r#"{"__type":"LimitExceededFault","message":"m"}"#;
    let failure = run(&Replay::new(&[(400, many)]), COMPOSITE, put).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Invalid);
}

fn faults_of(sections: &str) -> Vec<String> {
    let text = format!("region: eu-central-1\naccount: '123456789012'\n{sections}");
    let mut sources = regionctl_core::diagnostic::SourceFiles::default();
    let read = |_: &str| Ok::<_, regionctl_core::spec::load::Unreadable>(text.clone());
    let faults = regionctl_core::spec::read("spec.yaml", &read, REGISTRY, &mut sources).unwrap_err();
    faults.0.iter().map(|fault| fault.message.clone()).collect()
}

#[test]
fn the_faults_of_a_composite_alarm_are_found_at_once() {
    let faults = faults_of(
        "cloudwatch.composite_alarm:
  a:
    rule: ALARM(a) ALARM(b)
    suppressor: {alarm: a, wait_seconds: -1, extension_seconds: 0}
    alarm_actions: ['arn:aws:automate:eu-central-1:ec2:reboot', mail]
",
    );
    for expected in [
        "the rule is not valid: ALARM(\"b\") cannot be here",
        "the rule contains the alarm itself",
        "the suppressor must be another alarm",
        "`wait_seconds` cannot be -1",
        "'mail' is not an ARN",
        "a composite alarm cannot run the action 'arn:aws:automate:eu-central-1:ec2:reboot'",
    ] {
        assert!(faults.iter().any(|fault| fault == expected), "{expected}: {faults:#?}");
    }
    let many: Vec<String> = (0..101).map(|number| format!("ALARM(a{number})")).collect();
    let faults = faults_of(&format!("cloudwatch.composite_alarm:\n  a: {{rule: {}}}\n", many.join(" OR ")));
    assert!(faults[0].contains("at most 100 alarms and 500 elements"), "{faults:?}");
}
