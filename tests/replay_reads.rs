// SPDX-License-Identifier: Apache-2.0
//! Reads of AWS answers that no emulator returns. An unknown value makes the resource a gap that names the value, and
//! never `(not set)`. Settings that a spec cannot state are read completely.

use regionctl_aws::kinds::REGISTRY;
use regionctl_core::diagnostic::SourceFiles;
use regionctl_core::kind::DiffContext;
use regionctl_core::observe::failure::FailureClass;
use regionctl_core::observe::provider::Provider;
use regionctl_core::observe::scope::{Depth, Observation, Scope};
use regionctl_core::spec::write::yaml;
use regionctl_core::spec::{self, Spec};
use serde_json::{Value, json};

use crate::replay::{Replay, location, open, run};

/// Observes a resource with replayed answers. Asserts law 11 too: the spec written from a model has that model.
pub async fn observe(kind: &str, name: &str, answers: &[(u16, &'static str)]) -> Observation<Value> {
    observe_parts(kind, name, &[], answers).await
}

async fn observe_parts(kind: &str, name: &str, parts: &[&str], answers: &[(u16, &'static str)]) -> Observation<Value> {
    let mut scope = Scope::of(location());
    scope.ask(name, Depth::Named(parts.iter().map(|part| (*part).to_owned()).collect()));
    let found = open(&Replay::new(answers)).await.observe(kind, scope).await.unwrap();
    for seen in &found.resources {
        let Some(written) = REGISTRY.of(kind).write(&seen.model).unwrap() else { continue };
        let wanted = spec(&format!("{kind}:\n  {}:\n{}", Value::from(seen.name.as_str()), yaml(&written, 4)));
        let [desired, live] =
            [&wanted.wants[0].model, &seen.model].map(|model| REGISTRY.of(kind).relevant(None, model));
        assert_eq!(desired, live, "{kind}");
    }
    found
}

/// Asserts that a resource is a gap whose failure contains a text.
pub async fn assert_gap(kind: &str, name: &str, answers: &[(u16, &'static str)], named: &str) {
    let found = observe(kind, name, answers).await;
    assert!(found.resources.is_empty(), "{kind}: {:?}", found.resources);
    let [(gap, failure)] = found.gaps.as_slice() else { panic!("{kind}: {:?}", found.gaps) };
    assert_eq!((gap.as_str(), failure.class), (name, FailureClass::Unknown), "{failure}");
    assert!(failure.to_string().contains(named), "{failure}");
}

pub fn spec(sections: &str) -> Spec {
    let text = format!("region: eu-central-1\naccount: '123456789012'\n{sections}");
    spec::read("spec.yaml", &|_: &str| Ok(text.clone()), REGISTRY, &mut SourceFiles::default()).unwrap()
}

/// Lambda returns status 200 with an error inside if it cannot decrypt the variables
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_EnvironmentResponse.html>).
#[tokio::test]
async fn an_environment_that_lambda_cannot_decrypt_makes_the_function_a_gap() {
    let answer = r#"{"Functions":[{"FunctionName":"f","FunctionArn":"arn:f","Environment":{"Error":{"ErrorCode":"AccessDeniedException","Message":"Lambda was unable to decrypt your environment variables"}}},{"FunctionName":"g","FunctionArn":"arn:g"}]}"#;
    let mut scope = Scope::of(location());
    scope.everything = Some(Depth::existence());
    let found = open(&Replay::new(&[(200, answer)])).await.observe("lambda.function", scope).await.unwrap();
    assert_eq!(found.resources.iter().map(|seen| seen.name.as_str()).collect::<Vec<_>>(), ["g"]);
    let (name, failure) = &found.gaps[0];
    assert_eq!((name.as_str(), failure.code.as_deref()), ("f", Some("AccessDeniedException")));
    assert_eq!(failure.class, FailureClass::Denied);
}

#[tokio::test]
async fn a_policy_with_invalid_json_makes_the_resource_a_gap() {
    let topic = "<GetTopicAttributesResponse><GetTopicAttributesResult><Attributes><entry><key>Policy</key><value>not json</value></entry></Attributes></GetTopicAttributesResult></GetTopicAttributesResponse>";
    assert_gap("sns.topic", "t", &[(200, topic)], "a policy that is not valid JSON").await;
    let endpoint = "<DescribeVpcEndpointsResponse><vpcEndpointSet><item><vpcEndpointId>vpce-1</vpcEndpointId><vpcEndpointType>Gateway</vpcEndpointType><serviceName>com.amazonaws.eu-central-1.s3</serviceName><state>available</state><policyDocument>{</policyDocument></item></vpcEndpointSet></DescribeVpcEndpointsResponse>";
    let tables = "<DescribeRouteTablesResponse><routeTableSet/></DescribeRouteTablesResponse>";
    assert_gap("ec2.vpc_endpoint", "s3", &[(200, endpoint), (200, tables)], "a policy that is not valid JSON").await;
}

#[tokio::test]
async fn an_unknown_value_makes_the_resource_a_gap() {
    let function = r#"{"Functions":[{"FunctionName":"f","FunctionArn":"arn:f","TracingConfig":{"Mode":"Sometimes"}}]}"#;
    assert_gap("lambda.function", "f", &[(200, function)], "'Sometimes'").await;
}

/// EC2's service model capitalizes states
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcEndpoints.html>), but the service returns
/// them in lower case.
#[tokio::test]
async fn a_deleted_endpoint_does_not_exist_whatever_the_case_of_its_state() {
    let tables = "<DescribeRouteTablesResponse><routeTableSet/></DescribeRouteTablesResponse>";
    for state in ["deleted", "Deleted", "deleting"] {
        let text = format!(
            "<DescribeVpcEndpointsResponse><vpcEndpointSet><item><vpcEndpointId>vpce-1</vpcEndpointId><vpcEndpointType>Gateway</vpcEndpointType><serviceName>com.amazonaws.eu-central-1.s3</serviceName><state>{state}</state></item></vpcEndpointSet></DescribeVpcEndpointsResponse>"
        );
        let answers: [(u16, &'static str); 2] = [(200, Box::leak(text.into_boxed_str())), (200, tables)];
        assert!(observe("ec2.vpc_endpoint", "s3", &answers).await.resources.is_empty(), "{state}");
    }
}

/// EC2 accepts CIDR blocks with host bits set, and a spec does not. Planning must not fail.
#[tokio::test]
async fn a_live_rule_that_a_spec_cannot_state_is_read() {
    let group = "<DescribeSecurityGroupsResponse><securityGroupInfo><item><groupId>sg-1</groupId><groupName>g</groupName><groupDescription>d</groupDescription><ipPermissions><item><ipProtocol>tcp</ipProtocol><fromPort>22</fromPort><toPort>22</toPort><ipRanges><item><cidrIp>192.168.0.1/31</cidrIp></item></ipRanges></item></ipPermissions></item></securityGroupInfo></DescribeSecurityGroupsResponse>";
    let found = observe("ec2.security_group", "g", &[(200, group)]).await;
    let wanted = spec("ec2.security_group:\n  g:\n    ingress:\n      - {tcp: 22, from: 10.0.0.0/8}\n");
    let draft = REGISTRY
        .of("ec2.security_group")
        .diff(&wanted.wants[0].model, Some(&found.resources[0]), &DiffContext::default())
        .unwrap();
    let paths: Vec<&str> = draft.fields.iter().map(|field| field.path.as_str()).collect();
    assert_eq!(paths, ["ingress[tcp 22 from 10.0.0.0/8]", "ingress[tcp 22 from 192.168.0.1/31]"]);
}

/// Lambda returns an empty text for a setting that was removed.
#[tokio::test]
async fn an_empty_key_is_unset() {
    let answer = r#"{"Functions":[{"FunctionName":"f","FunctionArn":"arn:f","Role":"arn:aws:iam::123456789012:role/run","CodeSha256":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=","KMSKeyArn":"","DeadLetterConfig":{"TargetArn":""}}]}"#;
    let found = observe("lambda.function", "f", &[(200, answer)]).await;
    let wanted = spec("lambda.function:\n  f: {code: external, kms_key: unset, dead_letter: unset}\n");
    let draft = REGISTRY
        .of("lambda.function")
        .diff(&wanted.wants[0].model, Some(&found.resources[0]), &DiffContext::default())
        .unwrap();
    assert!(draft.fields.is_empty() && draft.steps.is_empty(), "{draft:?}");
}

/// The default version need not be the newest one. Newer versions that existed before are not concurrent changes, and
/// statements are merged into the default version.
#[tokio::test]
async fn statements_are_merged_into_the_default_version_even_if_newer_ones_exist() {
    fn versions(newest: &str) -> &'static str {
        let text = format!(
            "<ListPolicyVersionsResponse><ListPolicyVersionsResult><Versions>{newest}<member><VersionId>v3</VersionId><IsDefaultVersion>false</IsDefaultVersion></member><member><VersionId>v2</VersionId><IsDefaultVersion>{}</IsDefaultVersion></member></Versions></ListPolicyVersionsResult></ListPolicyVersionsResponse>",
            newest.is_empty()
        );
        Box::leak(text.into_boxed_str())
    }
    let before = "<GetPolicyVersionResponse><GetPolicyVersionResult><PolicyVersion><VersionId>v2</VersionId><Document>%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Sid%22%3A%22InForce%22%2C%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22a%3AB%22%2C%22Resource%22%3A%22%2A%22%7D%5D%7D</Document></PolicyVersion></GetPolicyVersionResult></GetPolicyVersionResponse>";
    let created = "<CreatePolicyVersionResponse><CreatePolicyVersionResult><PolicyVersion><VersionId>v4</VersionId></PolicyVersion></CreatePolicyVersionResult></CreatePolicyVersionResponse>";
    let after = versions("<member><VersionId>v4</VersionId><IsDefaultVersion>true</IsDefaultVersion></member>");
    let replay = Replay::new(&[(200, versions("")), (200, before), (200, created), (200, after)]);
    let statement = json!({"Version": "2012-10-17", "Statement": [{"Sid": "Ours", "Effect": "Allow", "Action": "c:D", "Resource": "*"}]});
    run(&replay, "iam.policy", json!({"CreatePolicyVersion": {"statements": {"Ours": statement}, "absent": []}}))
        .await
        .unwrap();
    let requests = replay.requests();
    assert_eq!(requests.len(), 4, "expected one new version and no deletion: {requests:?}");
    assert!(requests[2].contains("InForce") && requests[2].contains("Ours"), "{}", requests[2]);
}

/// A custom policy may have the `Id` of SNS's default policy.
#[tokio::test]
async fn only_the_exact_default_policy_of_sns_is_unset() {
    let everyone = r#"{"Version":"2008-10-17","Id":"__default_policy_ID","Statement":[{"Sid":"__default_statement_ID","Effect":"Allow","Principal":{"AWS":"*"},"Action":"SNS:Publish","Resource":"arn:aws:sns:eu-central-1:123456789012:t"}]}"#;
    let answer = format!(
        "<GetTopicAttributesResponse><GetTopicAttributesResult><Attributes><entry><key>Policy</key><value>{}</value></entry></Attributes></GetTopicAttributesResult></GetTopicAttributesResponse>",
        everyone.replace('"', "&quot;")
    );
    let found = observe("sns.topic", "t", &[(200, answer.leak())]).await;
    assert_eq!(found.resources[0].model["policy"]["Id"], "__default_policy_ID");
}

#[tokio::test]
async fn unusual_live_settings_survive_writing_and_reading() {
    let group = r#"{"logGroups":[{"logGroupName":"g","arn":"arn:aws:logs:eu-central-1:123456789012:log-group:g:*","creationTime":1,"retentionInDays":3653,"logGroupClass":"INFREQUENT_ACCESS","kmsKeyId":"arn:aws:kms:eu-central-1:123456789012:key/1","deletionProtectionEnabled":true,"metricFilterCount":2,"storedBytes":9}]}"#;
    let found = observe("logs.log_group", "g", &[(200, group)]).await;
    assert_eq!(found.resources[0].model["retention_days"], 3653);
    let rules = "<LifecycleConfiguration><Rule><ID>a</ID><Prefix>logs/</Prefix><Status>Disabled</Status><Expiration><Date>2035-01-31T00:00:00Z</Date></Expiration></Rule><Rule><ID>b</ID><Filter><And><Prefix>x</Prefix><Tag><Key>unset</Key><Value>unset</Value></Tag><ObjectSizeGreaterThan>0</ObjectSizeGreaterThan></And></Filter><Status>Enabled</Status><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>3</NewerNoncurrentVersions></NoncurrentVersionExpiration></Rule></LifecycleConfiguration>";
    let found = observe_parts("s3.bucket", "data-bucket", &["lifecycle"], &[(200, rules), (200, rules)]).await;
    assert_eq!(found.resources[0].model["lifecycle"].as_array().unwrap().len(), 2);
    let alarm = |rest: &str| -> (u16, &'static str) {
        let common = r#""AlarmName":"a","AlarmArn":"arn:aws:cloudwatch:eu-central-1:123456789012:alarm:a","StateValue":"OK","ActionsEnabled":false,"OKActions":[],"AlarmActions":["arn:aws:sns:eu-central-1:123456789012:t"],"InsufficientDataActions":[],"EvaluationPeriods":3,"DatapointsToAlarm":2"#;
        (200, format!(r#"{{"MetricAlarms":[{{{common},{rest}}}],"CompositeAlarms":[]}}"#).leak())
    };
    let tags = (200, r#"{"Tags":[{"Key":"unset","Value":""}]}"#);
    let band = r#""ComparisonOperator":"LessThanLowerOrGreaterThanUpperThreshold","ThresholdMetricId":"band","TreatMissingData":"missing","Metrics":[{"Id":"m","MetricStat":{"Metric":{"Namespace":"N","MetricName":"M","Dimensions":[{"Name":"D","Value":"null"}]},"Period":30,"Stat":"IQM","Unit":"Bytes/Second"},"ReturnData":true},{"Id":"band","Expression":"ANOMALY_DETECTION_BAND(m, 2)","Label":"~","Period":0,"ReturnData":true}]"#;
    let found = observe_parts("cloudwatch.alarm", "a", &["tags"], &[alarm(band), tags]).await;
    assert_eq!(found.resources[0].model["metrics"]["m"]["statistic"], "IQM", "{:?}", found.resources);
    let of_another_account = r#""ComparisonOperator":"LessThanThreshold","Threshold":-0.5,"Metrics":[{"Id":"m","AccountId":"210987654321","MetricStat":{"Metric":{"Namespace":"N","MetricName":"M","Dimensions":[]},"Period":86400,"Stat":"tc99"},"ReturnData":true}]"#;
    let found = observe_parts("cloudwatch.alarm", "a", &[], &[alarm(of_another_account)]).await;
    assert_eq!(found.resources[0].model["metrics"]["m"]["account"], "210987654321", "{:?}", found.resources);
}
