// SPDX-License-Identifier: Apache-2.0
//! Answers of Lambda with every member set, and the errors of its read operations, which no emulator returns.

use regionctl_aws::kinds::REGISTRY;
use regionctl_core::diagnostic::SourceFiles;
use regionctl_core::diff::Draft;
use regionctl_core::kind::DiffContext;
use regionctl_core::observe::failure::FailureClass;
use regionctl_core::observe::provider::Provider;
use regionctl_core::observe::scope::{Depth, LiveResource, Observation, Scope};
use regionctl_core::spec::write::yaml;
use regionctl_core::spec::{self, Spec};
use serde_json::{Value, json};

use crate::replay::{Replay, location, open, run};

const KIND: &str = "lambda.function";

/// The configuration of a function with every member that Lambda documents.
fn configuration() -> Value {
    json!({
        "FunctionName": "f", "FunctionArn": "arn:aws:lambda:eu-central-1:123456789012:function:f",
        "Runtime": "java21", "Role": "arn:aws:iam::123456789012:role/run", "Handler": "app.Main::handle",
        "CodeSize": 512, "Description": "d", "Timeout": 60, "MemorySize": 512,
        "LastModified": "2026-01-01T00:00:00.000+0000", "CodeSha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "Version": "$LATEST",
        "VpcConfig": {"SubnetIds": ["subnet-2", "subnet-1"], "SecurityGroupIds": ["sg-1"], "VpcId": "vpc-1",
            "Ipv6AllowedForDualStack": true},
        "DeadLetterConfig": {"TargetArn": "arn:aws:sqs:eu-central-1:123456789012:dead"},
        "Environment": {"Variables": {"MODE": "fast", "EMPTY": ""}},
        "KMSKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/1", "TracingConfig": {"Mode": "Active"},
        "RevisionId": "r",
        "Layers": [{"Arn": "arn:aws:lambda:eu-central-1:123456789012:layer:b:2", "CodeSize": 1},
            {"Arn": "arn:aws:lambda:eu-central-1:123456789012:layer:a:1", "CodeSize": 1}],
        "State": "Active", "LastUpdateStatus": "Successful", "PackageType": "Zip",
        "FileSystemConfigs": [{"Arn": "arn:aws:elasticfilesystem:eu-central-1:123456789012:access-point/fsap-1",
            "LocalMountPath": "/mnt/data"}],
        "ImageConfigResponse": {"ImageConfig": {"EntryPoint": ["run"], "Command": ["a", "b"], "WorkingDirectory": "/w"}},
        "Architectures": ["arm64"], "EphemeralStorage": {"Size": 1024},
        "SnapStart": {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"},
        "RuntimeVersionConfig": {"RuntimeVersionArn": "arn:aws:lambda:eu-central-1::runtime:1"},
        "LoggingConfig": {"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG", "SystemLogLevel": "WARN",
            "LogGroup": "/app/f"},
        "TenancyConfig": {"TenantIsolationMode": "PER_TENANT"},
        "CapacityProviderConfig": {"LambdaManagedInstancesCapacityProviderConfig": {"CapacityProviderArn": "arn:cp",
            "PerExecutionEnvironmentMaxConcurrency": 4, "ExecutionEnvironmentMemoryGiBPerVCpu": 2.0}},
        "DurableConfig": {"KMSKeyArn": "arn:k", "RetentionPeriodInDays": 7, "ExecutionTimeout": 600},
    })
}

/// A policy with a statement of each form that AddPermission creates, and one that it cannot create.
fn policy() -> Value {
    let arn = "arn:aws:lambda:eu-central-1:123456789012:function:f";
    json!({"Version": "2012-10-17", "Id": "default", "Statement": [
        {"Sid": "bucket", "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"},
            "Action": "lambda:InvokeFunction", "Resource": arn,
            "Condition": {"StringEquals": {"AWS:SourceAccount": "123456789012"},
                "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::uploads"}}},
        {"Sid": "account", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::210987654321:root"},
            "Action": "lambda:InvokeFunction", "Resource": arn,
            "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}},
        {"Sid": "url", "Effect": "Allow", "Principal": "*", "Action": "lambda:InvokeFunctionUrl", "Resource": arn,
            "Condition": {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}}},
        {"Sid": "skill", "Effect": "Allow", "Principal": {"Service": "alexa-appkit.amazon.com"},
            "Action": "lambda:InvokeFunction", "Resource": arn,
            "Condition": {"StringEquals": {"lambda:EventSourceToken": "t"},
                "Bool": {"lambda:InvokedViaFunctionUrl": "true"}}},
        {"Sid": "denied", "Effect": "Deny", "Principal": "*", "Action": "lambda:InvokeFunction", "Resource": arn},
    ]})
}

/// Answers for all reads of a function with every setting.
fn everything() -> Vec<(u16, &'static str, String)> {
    let mapping = json!({"EventSourceMappings": [
        {"UUID": "2", "EventSourceArn": "arn:aws:kinesis:eu-central-1:123456789012:stream/s",
            "FunctionArn": "arn:aws:lambda:eu-central-1:123456789012:function:f:live", "State": "Disabled",
            "StartingPosition": "TRIM_HORIZON", "BatchSize": 100, "MaximumBatchingWindowInSeconds": 5,
            "ParallelizationFactor": 2, "FilterCriteria": {"Filters": [{"Pattern": "{\"data\": {\"a\": [1]}}"}]},
            "KMSKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/1", "MetricsConfig": {"Metrics": ["EventCount"]},
            "LoggingConfig": {"SystemLogLevel": "WARN"}, "MaximumRecordAgeInSeconds": 60,
            "BisectBatchOnFunctionError": true, "MaximumRetryAttempts": 3, "TumblingWindowInSeconds": 10,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:eu-central-1:123456789012:dead"}}},
        {"UUID": "1", "EventSourceArn": "arn:aws:sqs:eu-central-1:123456789012:q",
            "FunctionArn": "arn:aws:lambda:eu-central-1:123456789012:function:f", "State": "Enabled", "BatchSize": 10,
            "MaximumBatchingWindowInSeconds": 0, "ScalingConfig": {"MaximumConcurrency": 5}},
        {"UUID": "3", "EventSourceArn": "arn:aws:kafka:eu-central-1:123456789012:cluster/k",
            "FunctionArn": "arn:aws:lambda:eu-central-1:123456789012:function:f", "State": "Enabled", "BatchSize": 100,
            "StartingPosition": "LATEST", "Topics": ["t"], "MaximumRecordAgeInSeconds": -1, "MaximumRetryAttempts": -1,
            "SourceAccessConfigurations": [{"Type": "CLIENT_CERTIFICATE_TLS_AUTH", "URI": "arn:secret"}],
            "AmazonManagedKafkaEventSourceConfig": {"ConsumerGroupId": "g"},
            "ProvisionedPollerConfig": {"MinimumPollers": 1, "MaximumPollers": 3}},
        {"UUID": "4", "SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["h:1"]}},
            "FunctionArn": "arn:aws:lambda:eu-central-1:123456789012:function:f", "State": "Enabled"},
    ]});
    let url = |arn: &str| {
        json!({"FunctionUrl": "https://x.lambda-url.eu-central-1.on.aws/", "FunctionArn": arn, "AuthType": "AWS_IAM",
            "InvokeMode": "RESPONSE_STREAM", "CreationTime": "t", "LastModifiedTime": "t",
            "Cors": {"AllowCredentials": true, "AllowHeaders": ["a"], "AllowMethods": ["GET"], "AllowOrigins": ["*"],
                "ExposeHeaders": ["b"], "MaxAge": 60}})
    };
    let arn = "arn:aws:lambda:eu-central-1:123456789012:function:f";
    let alias = "arn:aws:lambda:eu-central-1:123456789012:function:f:live";
    let invoke = |arn: &str| {
        json!({"FunctionArn": arn, "MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60, "LastModified": 1,
            "DestinationConfig": {"OnSuccess": {"Destination": "arn:aws:sqs:eu-central-1:123456789012:done"},
                "OnFailure": {"Destination": "arn:aws:sqs:eu-central-1:123456789012:dead"}}})
    };
    let answers = [
        ("Path=/functions", json!({"Functions": [configuration()]})),
        ("Path=/event-source-mappings", mapping),
        (
            "Path=/functions/f",
            json!({"Configuration": configuration(), "Tags": {"Team": "sre", "aws:x": "y"},
            "Code": {"RepositoryType": "S3", "Location": "https://x", "SourceKMSKeyArn": "arn:code-key"},
            "Concurrency": {"ReservedConcurrentExecutions": 0}}),
        ),
        ("Path=/policy", json!({"Policy": policy().to_string(), "RevisionId": "r"})),
        (
            "Path=/provisioned-concurrency",
            json!({"ProvisionedConcurrencyConfigs": [{"FunctionArn": alias,
            "RequestedProvisionedConcurrentExecutions": 3, "Status": "IN_PROGRESS"}]}),
        ),
        ("Path=/urls", json!({"FunctionUrlConfigs": [url(arn), url(alias)]})),
        (
            "Path=/event-invoke-config/list",
            json!({"FunctionEventInvokeConfigs": [
            invoke("arn:aws:lambda:eu-central-1:123456789012:function:f:$LATEST"), invoke(alias)]}),
        ),
        ("Path=/recursion-config", json!({"RecursiveLoop": "Allow"})),
        (
            "Path=/runtime-management-config",
            json!({"UpdateRuntimeOn": "Manual", "FunctionArn": arn,
            "RuntimeVersionArn": "arn:aws:lambda:eu-central-1::runtime:1"}),
        ),
        ("Path=/code-signing-config", json!({"CodeSigningConfigArn": "arn:csc", "FunctionName": "f"})),
        (
            "Path=/aliases",
            json!({"Aliases": [{"AliasArn": alias, "Name": "live", "FunctionVersion": "3",
            "Description": "d", "RoutingConfig": {"AdditionalVersionWeights": {"4": 0.1}}}]}),
        ),
    ];
    answers.map(|(path, answer)| (200, path, answer.to_string())).into()
}

fn replayed(answers: Vec<(u16, &'static str, String)>) -> Replay {
    let leaked: Vec<(u16, &str, &str)> =
        answers.into_iter().map(|(status, path, text)| (status, path, &*text.leak())).collect();
    Replay::coded(&leaked)
}

async fn observe(answers: Vec<(u16, &'static str, String)>, depth: Depth) -> Observation<Value> {
    let mut scope = Scope::of(location());
    scope.ask("f", depth);
    open(&replayed(answers)).await.observe(KIND, scope).await.unwrap()
}

fn spec(sections: &str) -> Spec {
    let text = format!("region: eu-central-1\naccount: '123456789012'\n{sections}");
    spec::read("spec.yaml", &|_: &str| Ok(text.clone()), REGISTRY, &mut SourceFiles::default()).unwrap()
}

fn diff(fields: &str, live: &LiveResource<Value>) -> Draft {
    let wanted = spec(&format!("lambda.function:\n  f:\n    code: external\n{fields}"));
    REGISTRY.of(KIND).diff(&wanted.wants[0].model, Some(live), &DiffContext::default()).unwrap()
}

/// Returns the function with every setting.
async fn whole() -> LiveResource<Value> {
    let found = observe(everything(), Depth::Whole).await;
    assert!(found.gaps.is_empty(), "{:?}", found.gaps);
    found.resources.into_iter().next().unwrap()
}

#[tokio::test]
async fn a_function_with_every_setting_survives_writing_and_reading() {
    let seen = whole().await;
    let model = &seen.model;
    assert_eq!(
        model["permissions"].as_object().unwrap().keys().collect::<Vec<_>>(),
        ["account", "bucket", "skill", "url"]
    );
    assert_eq!(model["permissions"]["account"]["principal"], "210987654321");
    assert_eq!(model["reserved_concurrency"], 0);
    assert_eq!(model["provisioned_concurrency"]["live"], 3);
    assert_eq!(model["tags"], json!({"Team": "sre"}));
    assert_eq!(model["async_config"]["max_retries"], 0);
    let stream = &model["event_sources"]["arn:aws:kinesis:eu-central-1:123456789012:stream/s"];
    assert_eq!((&stream["alias"], &stream["enabled"]), (&json!("live"), &json!(false)));
    let written = REGISTRY.of(KIND).write(model).unwrap().unwrap();
    let wanted = spec(&format!("lambda.function:\n  f:\n{}", yaml(&written, 4)));
    let [desired, live] = [&wanted.wants[0].model, model].map(|model| REGISTRY.of(KIND).relevant(None, model));
    assert_eq!(desired, live);
    let said: Vec<String> = seen.extras.iter().map(|extra| extra.path.clone()).collect();
    for path in [
        "tenancy.isolation_mode",
        "capacity_provider.arn",
        "durable.execution_timeout",
        "permissions.denied",
        "url.of_alias.live",
        "async_config.of_alias.live",
        "alias.live.weights",
        "code.kms_key",
        "event_sources.4",
        "event_sources.arn:aws:kafka:eu-central-1:123456789012:cluster/k.access",
    ] {
        assert!(said.contains(&path.to_owned()), "{path} is not in {said:?}");
    }
}

/// Lambda omits what was never set, and answers 404 for a function without a policy.
#[tokio::test]
async fn a_function_without_settings_has_the_defaults_and_nothing_unstated() {
    let bare = json!({"FunctionName": "f", "FunctionArn": "arn:aws:lambda:eu-central-1:123456789012:function:f",
        "Role": "arn:aws:iam::123456789012:role/run", "CodeSha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="});
    let mut answers = vec![
        (200, "Path=/functions", json!({"Functions": [bare]}).to_string()),
        (
            404,
            "Path=/policy",
            json!({"Type": "User", "Message": "not found", "__type": "ResourceNotFoundException"}).to_string(),
        ),
    ];
    for path in [
        "event-source-mappings",
        "functions/f",
        "provisioned-concurrency",
        "urls",
        "event-invoke-config/list",
        "recursion-config",
        "runtime-management-config",
        "code-signing-config",
        "aliases",
    ] {
        answers.push((200, format!("Path=/{path}").leak(), "{}".to_owned()));
    }
    let found = observe(answers, Depth::Whole).await;
    assert!(found.gaps.is_empty(), "{:?}", found.gaps);
    let model = &found.resources[0].model;
    let expected = json!({"architecture": "x86_64", "timeout": 3, "memory_mb": 128, "ephemeral_mb": 512,
        "tracing": "PassThrough", "log_group": "/aws/lambda/f", "log_format": "Text", "application_log_level": null,
        "snap_start": "None", "layers": null, "vpc": null, "environment": null, "permissions": {},
        "reserved_concurrency": null, "provisioned_concurrency": {}, "url": null, "async_config": null,
        "recursive_loop": "Terminate", "runtime_updates": {"mode": "Auto"}, "code_signing": null, "event_sources": {},
        "tags": {}});
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(model.get(field), Some(value), "{field}");
    }
}

#[tokio::test]
async fn parts_are_read_only_if_a_spec_states_them() {
    let replay = replayed(everything());
    let mut scope = Scope::of(location());
    scope.ask("f", Depth::Named(["timeout", "code"].map(ToOwned::to_owned).into()));
    open(&replay).await.observe(KIND, scope).await.unwrap();
    assert_eq!(replay.requests().len(), 1);
}

/// GetFunction omits tags if the caller may not list them
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html>).
#[tokio::test]
async fn tags_that_the_caller_may_not_list_make_the_function_a_gap() {
    let mut answers = everything();
    let hidden = json!({"TagsError": {"ErrorCode": "AccessDeniedException", "Message": "not authorized"}});
    answers[2] = (200, "Path=/functions/f", hidden.to_string());
    let found = observe(answers, Depth::Named(["tags".to_owned()].into())).await;
    assert!(found.resources.is_empty());
    assert_eq!(found.gaps[0].1.class, FailureClass::Denied, "{:?}", found.gaps);
    let mut answers = everything();
    answers[2] = (200, "Path=/functions/f", hidden.to_string());
    let found = observe(answers, Depth::Named(["reserved_concurrency".to_owned()].into())).await;
    assert!(found.gaps.is_empty(), "only the tags need the permission: {:?}", found.gaps);
}

/// UpdateFunctionConfiguration replaces LoggingConfig as a whole.
#[tokio::test]
async fn a_changed_log_group_is_sent_with_the_live_format_and_levels() {
    let draft = diff("    log_group: /app/other\n", &whole().await);
    let config = &draft.steps[0].op["UpdateFunctionConfiguration"]["config"];
    let expected = json!({"log_group": "/app/other", "log_format": "JSON", "application_log_level": "DEBUG",
        "system_log_level": "WARN"});
    assert_eq!(*config, expected);
    assert_eq!(draft.fields.len(), 1, "{:?}", draft.fields);
}

#[tokio::test]
async fn a_change_of_another_setting_does_not_send_logging() {
    let fields = "    log_group: /app/f\n    timeout: 61\n";
    let draft = diff(fields, &whole().await);
    assert_eq!(draft.steps[0].op["UpdateFunctionConfiguration"]["config"], json!({"timeout": 61}));
}

/// PutFunctionEventInvokeConfig, UpdateFunctionUrlConfig and VpcConfig replace what they contain.
#[tokio::test]
async fn what_a_call_replaces_is_sent_with_its_live_values() {
    let fields = "    async_config: {max_retries: 1}\n    url: {auth: AWS_IAM, cors: unset}\n    \
        vpc: {subnets: [subnet-1], security_groups: [sg-1]}\n    image_config: {command: [c]}\n";
    let draft = diff(fields, &whole().await);
    let of = |operation: &str| {
        let found = draft.steps.iter().find_map(|step| step.op.get(operation));
        found.unwrap_or_else(|| panic!("{operation} is not in {:?}", draft.steps)).clone()
    };
    let invoke = of("PutFunctionEventInvokeConfig");
    assert_eq!((&invoke["max_retries"], &invoke["max_age_seconds"]), (&json!(1), &json!(60)));
    assert_eq!(invoke["on_failure"], "arn:aws:sqs:eu-central-1:123456789012:dead");
    assert_eq!(
        of("UpdateFunctionUrlConfig"),
        json!({"auth": "AWS_IAM", "invoke_mode": "RESPONSE_STREAM", "cors": null})
    );
    let config = &of("UpdateFunctionConfiguration")["config"];
    assert_eq!(config["vpc"]["ipv6"], true);
    assert_eq!(config["image_config"], json!({"entry_point": ["run"], "command": ["c"], "working_directory": "/w"}));
}

#[tokio::test]
async fn an_empty_text_is_the_same_as_unset() {
    let mut bare = configuration();
    for member in ["Description", "KMSKeyArn"] {
        bare[member] = "".into();
    }
    bare["DeadLetterConfig"]["TargetArn"] = "".into();
    let answers = vec![(200, "Path=/functions", json!({"Functions": [bare]}).to_string())];
    let found = observe(answers, Depth::existence()).await;
    let draft = diff("    description: ''\n    kms_key: ''\n    dead_letter: ''\n", &found.resources[0]);
    assert!(draft.fields.is_empty() && draft.steps.is_empty(), "{draft:?}");
    let draft = diff("    description: ''\n    kms_key: ''\n    dead_letter: ''\n", &whole().await);
    assert_eq!(draft.fields.len(), 3, "{:?}", draft.fields);
}

#[test]
fn an_alias_or_an_id_of_a_key_is_refused() {
    for key in ["alias/k", "11111111-2222-3333-4444-555555555555", "arn:aws:kms:eu-central-1:123456789012:alias/k"] {
        let text = format!(
            "region: eu-central-1\naccount: '123456789012'\nlambda.function:\n  f: {{code: external, kms_key: '{key}'}}\n"
        );
        let read = spec::read("spec.yaml", &|_: &str| Ok(text.clone()), REGISTRY, &mut SourceFiles::default());
        assert!(read.is_err(), "{key}");
    }
}

/// Only the source account, organization or source restricts a principal of `*`.
#[tokio::test]
async fn public_permissions_and_urls_are_risks() {
    let fields = "    permissions:\n      all: {principal: '*'}\n      org: {principal: '*', organization: o-a1b2c3d4e5}\n    \
        url: {auth: NONE}\n";
    let draft = diff(fields, &whole().await);
    let rules: Vec<&str> = draft.risks.iter().map(|risk| risk.rule.as_str()).collect();
    assert_eq!(rules, ["lambda-public-permission", "lambda-public-url"], "{:?}", draft.risks);
}

/// A structure that is cleared is sent empty, and a mapping of an alias is created for the alias.
#[tokio::test]
async fn requests_clear_what_is_unset_and_name_the_alias() {
    let done = || Replay::new(&[(202, "{}")]);
    let replay = done();
    let source = json!({"max_concurrency": null, "filters": null, "report_item_failures": null, "max_retries": null});
    run(&replay, KIND, json!({"UpdateEventSourceMapping": {"id": "1", "source": source}})).await.unwrap();
    let request = replay.requests()[0].clone();
    for part in [
        r#""ScalingConfig":{}"#,
        r#""FilterCriteria":{"#,
        r#""FunctionResponseTypes":[]"#,
        r#""MaximumRetryAttempts":-1"#,
    ] {
        assert!(request.contains(part), "{part} is not in {request}");
    }
    assert!(!request.contains("Enabled") && !request.contains("BatchSize"), "{request}");
    let replay = done();
    let op = json!({"CreateEventSourceMapping": {"arn": "arn:aws:sqs:eu-central-1:123456789012:q", "source": {"alias": "live"}}});
    run(&replay, KIND, op).await.unwrap();
    assert!(replay.requests()[0].contains(":live\""), "{:?}", replay.requests());
    let replay = done();
    let config = json!({"vpc": null, "layers": null, "file_systems": null, "environment": null, "dead_letter": null});
    run(&replay, KIND, json!({"UpdateFunctionConfiguration": {"config": config}})).await.unwrap();
    let request = replay.requests()[0].clone();
    for part in
        [r#""SubnetIds":[]"#, r#""Layers":[]"#, r#""FileSystemConfigs":[]"#, r#""Variables":{}"#, r#""TargetArn":"""#]
    {
        assert!(request.contains(part), "{part} is not in {request}");
    }
    assert!(!request.contains("LoggingConfig") && !request.contains("Role"), "{request}");
}

/// A function from an image is created from the image of this region, with the source's tags that the spec keeps.
#[tokio::test]
async fn an_image_function_is_created_by_the_digest_of_its_image() {
    let tags = json!({"Tags": {"Team": "sre", "Old": "x", "aws:stack": "s", "regionctl:spec": "other"}}).to_string();
    let replay = Replay::new(&[(200, tags.leak()), (201, "{}")]);
    let image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/app@sha256:ab";
    let code = json!({"region": "eu-west-1", "function": "f", "sha256": "ab", "architecture": "arm64", "image": image});
    let op = json!({"CreateFunction": {"code": code, "config": {"role": "arn:aws:iam::123456789012:role/run"},
        "tags": {"New": "y"}, "untagged": ["Old"]}});
    run(&replay, KIND, op).await.unwrap();
    let body: Value = serde_json::from_str(replay.requests()[1].splitn(3, ' ').nth(2).unwrap()).unwrap();
    assert_eq!((&body["PackageType"], &body["Code"]), (&json!("Image"), &json!({"ImageUri": image})));
    assert_eq!(body["Tags"], json!({"Team": "sre", "New": "y", "regionctl:source": "eu-west-1"}));
    assert_eq!(body["Architectures"], json!(["arm64"]));
}
