// SPDX-License-Identifier: Apache-2.0
//! Topics and subscriptions in AWS answers that no emulator returns.

use std::collections::BTreeSet;

use regionctl_aws::kinds::REGISTRY;
use regionctl_core::diagnostic::SourceFiles;
use regionctl_core::diff::Draft;
use regionctl_core::kind::DiffContext;
use regionctl_core::observe::failure::FailureClass;
use regionctl_core::observe::provider::Provider;
use regionctl_core::observe::scope::{Depth, LiveResource, Observation, Scope};
use regionctl_core::observe::seen::Seen;
use regionctl_core::observe::snapshot::Snapshot;
use regionctl_core::spec::write::yaml;
use regionctl_core::spec::{self, Spec};
use serde_json::{Value, json};

use crate::replay::{Replay, location, open, run};

const KIND: &str = "sns.topic";
const QUEUE: &str = "arn:aws:sqs:eu-central-1:123456789012:q";

/// An answer to the call of this action.
type Answer = (u16, &'static str, &'static str);

/// Returns an answer with attributes.
fn attributes(action: &'static str, attributes: &[(&str, &str)]) -> Answer {
    let call = action.trim_start_matches("Action=");
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    let entries = attributes
        .iter()
        .map(|(key, value)| format!("<entry><key>{key}</key><value>{}</value></entry>", escaped(value)));
    let entries: String = entries.collect();
    let text =
        format!("<{call}Response><{call}Result><Attributes>{entries}</Attributes></{call}Result></{call}Response>");
    (200, action, text.leak())
}

fn topic(pairs: &[(&str, &str)]) -> Answer {
    attributes("Action=GetTopicAttributes", pairs)
}

fn subscription(pairs: &[(&str, &str)]) -> Answer {
    attributes("Action=GetSubscriptionAttributes", pairs)
}

/// Returns the list of subscriptions: ARN, protocol and endpoint.
fn subscriptions(all: &[(&str, &str, &str)]) -> Answer {
    let members = all.iter().map(|(arn, protocol, endpoint)| {
        format!(
            "<member><SubscriptionArn>{arn}</SubscriptionArn><Protocol>{protocol}</Protocol><Endpoint>{endpoint}\
             </Endpoint><Owner>123456789012</Owner></member>"
        )
    });
    let members: String = members.collect();
    let text = format!(
        "<ListSubscriptionsByTopicResponse><ListSubscriptionsByTopicResult><Subscriptions>{members}</Subscriptions>\
         </ListSubscriptionsByTopicResult></ListSubscriptionsByTopicResponse>"
    );
    (200, "Action=ListSubscriptionsByTopic", text.leak())
}

const TAGS: Answer = (
    200,
    "Action=ListTagsForResource",
    "<ListTagsForResourceResponse><ListTagsForResourceResult><Tags><member><Key>Team</Key><Value>sre</Value></member>\
     </Tags></ListTagsForResourceResult></ListTagsForResourceResponse>",
);

const PROTECTION: Answer = (
    200,
    "Action=GetDataProtectionPolicy",
    "<GetDataProtectionPolicyResponse><GetDataProtectionPolicyResult><DataProtectionPolicy>{&quot;Name&quot;:&quot;n\
     &quot;,&quot;Statement&quot;:[]}</DataProtectionPolicy></GetDataProtectionPolicyResult>\
     </GetDataProtectionPolicyResponse>",
);

fn error(action: &'static str, status: u16, code: &str) -> Answer {
    let text = format!("<ErrorResponse><Error><Code>{code}</Code><Message>m</Message></Error></ErrorResponse>");
    (status, action, text.leak())
}

async fn observe(name: &str, depth: Depth, answers: &[Answer]) -> Observation<Value> {
    let mut scope = Scope::of(location());
    scope.ask(name, depth);
    open(&Replay::coded(answers)).await.observe(KIND, scope).await.unwrap()
}

/// Reads the whole topic. Asserts law 11 too: the spec written from the model has the model.
async fn whole(name: &str, answers: &[Answer]) -> LiveResource<Value> {
    let mut found = observe(name, Depth::Whole, answers).await;
    let seen = found.resources.pop().unwrap_or_else(|| panic!("{:?}", found.gaps));
    let written = REGISTRY.of(KIND).write(&seen.model).unwrap().unwrap();
    let wanted = spec(&format!("{KIND}:\n  {name}:\n{}", yaml(&written, 4)));
    let [desired, live] = [&wanted.wants[0].model, &seen.model].map(|model| REGISTRY.of(KIND).relevant(None, model));
    assert_eq!(desired, live);
    seen
}

fn parts(parts: &[&str]) -> Depth {
    Depth::Named(parts.iter().map(|part| (*part).to_owned()).collect())
}

fn spec(sections: &str) -> Spec {
    let text = format!("region: eu-central-1\naccount: '123456789012'\n{sections}");
    spec::read("spec.yaml", &|_: &str| Ok(text.clone()), REGISTRY, &mut SourceFiles::default()).unwrap()
}

fn diff(entry: &str, live: &LiveResource<Value>) -> Draft {
    let wanted = spec(&format!("{KIND}:\n  t: {entry}\n"));
    REGISTRY.of(KIND).diff(&wanted.wants[0].model, Some(live), &DiffContext::default()).unwrap()
}

#[tokio::test]
async fn all_settings_of_a_topic_and_its_subscription_are_read_and_written() {
    let role = "arn:aws:iam::123456789012:role/log";
    let live = whole(
        "t",
        &[
            topic(&[
                ("TopicArn", "arn:aws:sns:eu-central-1:123456789012:t"),
                ("Owner", "123456789012"),
                ("DisplayName", "unset"),
                ("KmsMasterKeyId", "alias/own"),
                ("DeliveryPolicy", r#"{"http":{"defaultHealthyRetryPolicy":{"numRetries":9},"defaultSicklyRetryPolicy":{"numRetries":1}}}"#),
                ("EffectiveDeliveryPolicy", "{}"),
                ("SignatureVersion", "2"),
                ("TracingConfig", "Active"),
                ("MaximumMessageSize", "1024"),
                ("SQSSuccessFeedbackRoleArn", role),
                ("SQSSuccessFeedbackSampleRate", "5"),
                ("HTTPFailureFeedbackRoleArn", role),
                ("SubscriptionsConfirmed", "2"),
                ("NewSetting", "x"),
            ]),
            subscriptions(&[("arn:s1", "sqs", QUEUE), ("PendingConfirmation", "email", "a@example.com")]),
            subscription(&[
                ("FilterPolicy", r#"{"store":{"name":["one",null,1.5]}}"#),
                ("FilterPolicyScope", "MessageBody"),
                ("RawMessageDelivery", "true"),
                ("RedrivePolicy", r#"{"deadLetterTargetArn":"arn:aws:sqs:eu-central-1:123456789012:dead"}"#),
                ("SubscriptionRoleArn", ""),
                ("ReplayPolicy", "{}"),
                ("ConfirmationWasAuthenticated", "true"),
                ("PendingConfirmation", "false"),
            ]),
            PROTECTION,
            TAGS,
        ],
    )
    .await;
    assert_eq!(live.model["display_name"], "unset");
    assert_eq!(live.model["delivery_policy"]["retry"]["num_retries"], 9);
    assert_eq!(live.model["delivery_status"]["sqs"]["success_sample_rate"], 5);
    assert_eq!(live.model["subscription_settings"][0]["filter_policy"]["store"]["name"], json!(["one", null, 1.5]));
    assert_eq!(live.model["data_protection_policy"]["Name"], "n");
    let extras: Vec<&str> = live.extras.iter().map(|extra| extra.path.as_str()).collect();
    let replayed = format!("subscriptions[sqs {QUEUE}].replay_policy");
    assert_eq!(extras, ["delivery_policy.defaultSicklyRetryPolicy", "attributes.NewSetting", replayed.as_str()]);
    let draft = diff("{delivery_policy: {max_receives_per_second: 1}}", &live);
    assert!(draft.blocked[0].contains("defaultSicklyRetryPolicy"), "{:?}", draft.blocked);
}

#[tokio::test]
async fn a_fifo_topic_has_no_data_protection_policy_and_its_settings_have_defaults() {
    let answers = [
        topic(&[("FifoTopic", "true"), ("ArchivePolicy", r#"{"MessageRetentionPeriod":"30"}"#)]),
        subscriptions(&[]),
        TAGS,
    ];
    let live = whole("t.fifo", &answers).await;
    assert_eq!(live.model["archive_retention_days"], 30);
    assert_eq!(live.model["content_based_deduplication"], false);
    assert_eq!(live.model["fifo_throughput_scope"], "Topic");
    assert_eq!(live.model["data_protection_policy"], Value::Null);
    let answers = [topic(&[("ArchivePolicy", "{}")]), subscriptions(&[]), PROTECTION, TAGS];
    assert_eq!(whole("t", &answers).await.model["archive_retention_days"], Value::Null);
}

/// SNS lists a removed subscription with the ARN `Deleted`.
#[tokio::test]
async fn a_subscription_that_is_listed_as_deleted_does_not_exist() {
    let listed = subscriptions(&[("Deleted", "sqs", QUEUE), ("arn:s2", "lambda", "arn:l")]);
    let found = observe("t", parts(&["subscriptions"]), &[topic(&[]), listed]).await;
    assert_eq!(found.resources[0].model["subscriptions"].as_array().unwrap().len(), 1);
    let draft = diff(&format!("{{subscriptions: [sqs: '{QUEUE}']}}"), &found.resources[0]);
    assert_eq!(draft.steps.len(), 1, "{:?}", draft.steps);
}

#[tokio::test]
async fn settings_are_read_only_if_the_spec_states_some() {
    let listed = || subscriptions(&[("arn:s1", "sqs", QUEUE)]);
    let answers = [topic(&[]), listed()];
    let found = observe("t", parts(&["subscriptions"]), &answers).await;
    assert!(found.gaps.is_empty(), "{:?}", found.gaps);
    let stated = spec(&format!("{KIND}:\n  t: {{subscriptions: [{{sqs: '{QUEUE}', raw_delivery: true}}]}}\n"));
    assert!(stated.wants[0].model.get("subscription_settings").is_some());
    let answers = [topic(&[]), listed(), error("Action=GetSubscriptionAttributes", 403, "AuthorizationError")];
    let found = observe("t", parts(&["subscriptions", "subscription_settings"]), &answers).await;
    assert_eq!(found.gaps[0].1.class, FailureClass::Denied);
}

/// It is removed between the list and the call.
#[tokio::test]
async fn a_subscription_without_settings_because_it_was_removed_does_not_exist() {
    let listed = subscriptions(&[("arn:s1", "sqs", QUEUE)]);
    let gone = error("Action=GetSubscriptionAttributes", 404, "NotFound");
    let found = observe("t", parts(&["subscriptions", "subscription_settings"]), &[topic(&[]), listed, gone]).await;
    assert_eq!(found.resources[0].model["subscriptions"], json!([]));
}

#[tokio::test]
async fn a_topic_that_is_deleted_between_two_calls_is_a_gap() {
    for (part, gone) in [
        ("tags", error("Action=ListTagsForResource", 404, "ResourceNotFound")),
        ("subscriptions", error("Action=ListSubscriptionsByTopic", 404, "NotFound")),
        ("data_protection_policy", error("Action=GetDataProtectionPolicy", 404, "NotFound")),
    ] {
        let found = observe("t", parts(&[part]), &[topic(&[]), gone]).await;
        assert_eq!((found.resources.len(), found.gaps.len()), (0, 1), "{part}");
    }
    let gone = [
        error("Action=GetTopicAttributes", 404, "NotFound"),
        error("Action=ListTagsForResource", 404, "ResourceNotFound"),
    ];
    let found = observe("t", parts(&["tags"]), &gone).await;
    assert_eq!((found.resources.len(), found.gaps.len()), (0, 0));
}

#[tokio::test]
async fn an_unknown_value_makes_the_topic_a_gap() {
    let unknown = [
        ("SignatureVersion", "3"),
        ("TracingConfig", "Sometimes"),
        ("MaximumMessageSize", "large"),
        ("SQSSuccessFeedbackSampleRate", "-1"),
        ("FifoThroughputScope", "Other"),
        ("ArchivePolicy", r#"{"Other":1}"#),
        ("DeliveryPolicy", "{"),
    ];
    for (name, value) in unknown {
        let found = observe("t", Depth::existence(), &[topic(&[(name, value)])]).await;
        assert_eq!(found.gaps[0].1.class, FailureClass::Unknown, "{name}");
    }
}

#[tokio::test]
async fn a_stated_default_policy_and_empty_texts_need_no_change() {
    let actions = r#""SNS:Subscribe","SNS:ListSubscriptionsByTopic","SNS:DeleteTopic","SNS:GetTopicAttributes","SNS:Publish","SNS:RemovePermission","SNS:AddPermission","SNS:SetTopicAttributes""#;
    let policy = format!(
        r#"{{"Version":"2008-10-17","Id":"__default_policy_ID","Statement":[{{"Sid":"__default_statement_ID","Effect":"Allow","Principal":{{"AWS":"*"}},"Action":[{actions}],"Resource":"arn:aws:sns:eu-central-1:123456789012:t","Condition":{{"StringEquals":{{"AWS:SourceOwner":"123456789012"}}}}}}]}}"#
    );
    let answer = topic(&[("Policy", &policy), ("DisplayName", ""), ("KmsMasterKeyId", "")]);
    let found = observe("t", Depth::existence(), &[answer]).await;
    let draft = diff(&format!(r#"{{display_name: "", kms_key: "", policy: {policy}}}"#), &found.resources[0]);
    assert!(draft.fields.is_empty() && draft.steps.is_empty(), "{draft:?}");
}

/// SNS rejects an empty RedrivePolicy
/// (<https://docs.aws.amazon.com/sns/latest/api/API_SetSubscriptionAttributes.html>).
#[tokio::test]
async fn a_dead_letter_queue_is_removed_without_a_value() {
    let replay = Replay::new(&[(200, "<SetSubscriptionAttributesResponse/>")]);
    let op = json!({"subscription": "arn:s1", "name": "RedrivePolicy", "value": null});
    run(&replay, KIND, json!({ "SetSubscriptionAttributes": op })).await.unwrap();
    assert!(!replay.requests()[0].contains("AttributeValue"), "{:?}", replay.requests());
}

#[tokio::test]
async fn a_subscription_that_must_be_confirmed_is_shown_as_waiting_at_its_creation() {
    let found = observe("t", parts(&["subscriptions"]), &[topic(&[]), subscriptions(&[])]).await;
    let entry = "{subscriptions: [https: 'https://hooks.example.com/a', email: a@example.com]}";
    let draft = diff(entry, &found.resources[0]);
    assert_eq!(draft.waiting.len(), 2, "{:?}", draft.waiting);
    assert!(draft.waiting.iter().any(|waiting| waiting.what.contains("SubscribeURL")), "{:?}", draft.waiting);
}

#[tokio::test]
async fn a_shorter_archive_deletes_messages_and_an_archiving_topic_cannot_be_deleted() {
    let answer = topic(&[("ArchivePolicy", r#"{"MessageRetentionPeriod":"30"}"#)]);
    let found = observe("t.fifo", Depth::existence(), &[answer]).await;
    for (days, deletions) in [("7", 1), ("unset", 1), ("60", 0)] {
        let wanted = spec(&format!("{KIND}:\n  t.fifo: {{archive_retention_days: {days}}}\n"));
        let draft =
            REGISTRY.of(KIND).diff(&wanted.wants[0].model, Some(&found.resources[0]), &DiffContext::default()).unwrap();
        assert_eq!(draft.deletes.len(), deletions, "{days}");
    }
}

/// A topic whose subscriptions were removed, or never confirmed, loses every message.
#[tokio::test]
async fn a_topic_without_a_confirmed_subscription_is_a_finding() {
    for (confirmed, stated, expected) in
        [("0", "", 1), ("2", "", 0), ("0", "subscriptions: [{email: a@example.com}]", 0)]
    {
        let found = observe("a", Depth::existence(), &[topic(&[("SubscriptionsConfirmed", confirmed)])]).await;
        let want = spec(&format!("{KIND}:\n  a: {{{stated}}}\n")).wants.remove(0).model;
        let (snapshot, here, desired) = (Snapshot::default(), location(), BTreeSet::new());
        let seen = Seen::new(&snapshot, &here, &[], &desired);
        let defects = REGISTRY.of(KIND).defects(&want, Some(&found.resources[0].model), &seen).unwrap();
        assert_eq!(defects.len(), expected, "{confirmed} {stated}: {defects:?}");
    }
}
