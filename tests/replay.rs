// SPDX-License-Identifier: Apache-2.0
//! Behavior that no emulator has: AWS's answers are replayed through the SDK's HTTP layer, and the requests that follow
//! are checked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use regionctl_aws::kinds::REGISTRY;
use regionctl_aws::provider::Aws;
use regionctl_aws::session::{Access, Session, SessionSettings};
use regionctl_core::desire::fill::fill;
use regionctl_core::diagnostic::SourceFiles;
use regionctl_core::kind::DiffContext;
use regionctl_core::observe::failure::{Failure, FailureClass};
use regionctl_core::observe::location::{Location, Vpc};
use regionctl_core::observe::provider::{Provider, StepTarget, Verdict};
use regionctl_core::observe::refresh::refresh;
use regionctl_core::observe::scope::{Depth, Scope};
use regionctl_core::plan::build::plan;
use regionctl_core::resource::reference::Attributes;
use serde_json::{Value, json};

/// The HTTP status, the error code for the header or the call that it answers (`Action=…`, `Path=…` with the end of its
/// path, or `Target=…` with the operation of a JSON protocol), and the body.
pub type Answer = (u16, &'static str, &'static str);

/// An HTTP client that returns its answers in order and records the requests.
#[derive(Debug, Clone, Default)]
pub struct Replay {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Replay {
    pub fn new(answers: &[(u16, &'static str)]) -> Self {
        let answers: Vec<_> = answers.iter().map(|(status, text)| (*status, "", *text)).collect();
        Self::coded(&answers)
    }

    /// Creates a replay with error codes in headers.
    pub fn coded(answers: &[Answer]) -> Self {
        Self { answers: Arc::new(Mutex::new(answers.iter().copied().collect())), requests: Arc::default() }
    }

    /// Returns the requests, each as method, query and body.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Replay {
    /// Returns the answer for the request's action, path or target, or else the next one. Concurrent calls need such
    /// answers.
    fn answer(&self, request: &str, path: &str, target: &str) -> Answer {
        let mut answers = self.answers.lock().unwrap();
        let own = answers.iter().position(|(_, action, _)| {
            let ends = |prefix: &str, text: &str| action.strip_prefix(prefix).is_some_and(|end| text.ends_with(end));
            ends("Path=", path) || ends("Target=", target) || action.starts_with("Action=") && request.contains(action)
        });
        answers.remove(own.unwrap_or(0)).unwrap_or((500, "", "no answer left"))
    }
}

impl HttpConnector for Replay {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        let (path, query) = request.uri().split_once('?').unwrap_or((request.uri(), ""));
        let path = path.to_owned();
        let recorded = format!("{} ?{query} {body}", request.method());
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let (status, code, text) = self.answer(&recorded, &path, target);
        self.requests.lock().unwrap().push(recorded);
        let mut answer = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(text));
        // CloudWatch uses CBOR. Its answers are written here in JSON.
        if let Some(protocol) = request.headers().get("smithy-protocol") {
            let value: Value = serde_json::from_str(text).unwrap();
            let mut bytes = Vec::new();
            ciborium::into_writer(&value, &mut bytes).unwrap();
            *answer.body_mut() = SdkBody::from(bytes);
            answer.headers_mut().insert("smithy-protocol", protocol.to_owned());
        }
        if !code.is_empty() && !code.contains('=') {
            answer.headers_mut().insert("x-amzn-errortype", code);
        }
        HttpConnectorFuture::ready(Ok(answer))
    }
}

impl HttpClient for Replay {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

pub async fn run(replay: &Replay, kind: &str, op: Value) -> Result<Attributes, Failure> {
    let attributes = Attributes::from([("id".to_owned(), "sg-1".to_owned())]);
    let target = StepTarget { name: "data-bucket".to_owned(), location: location(), attributes };
    open(replay).await.run(kind, target, op).await
}

pub fn location() -> Location {
    Location {
        partition: "aws".to_owned(),
        region: "eu-central-1".to_owned(),
        account: "123456789012".to_owned(),
        vpc: Some(Vpc { id: "vpc-1".to_owned(), cidr: "10.0.0.0/16".to_owned(), ..Vpc::default() }),
    }
}

pub async fn open(replay: &Replay) -> Aws {
    let credentials = SharedCredentialsProvider::new(Credentials::new("a", "b", None, None, "replay"));
    let settings = SessionSettings {
        region: "eu-central-1".to_owned(),
        profile: None,
        role: None,
        endpoint_url: None,
        access: Access::Write,
        http: Some((SharedHttpClient::new(replay.clone()), credentials)),
        on_pause: None,
    };
    Aws::new(Session::open(settings).await)
}

#[tokio::test]
async fn changing_the_encryption_keeps_blocked_encryption_types() {
    let replay = Replay::new(&[
        (
            200,
            "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256\
             </SSEAlgorithm></ApplyServerSideEncryptionByDefault><BlockedEncryptionTypes><EncryptionType>SSE-C\
             </EncryptionType></BlockedEncryptionTypes></Rule></ServerSideEncryptionConfiguration>",
        ),
        (200, ""),
    ]);
    let op = json!({"PutBucketEncryption": {"algorithm": "aws:kms", "bucket_key": true}});
    run(&replay, "s3.bucket", op).await.unwrap();
    let put = &replay.requests()[1];
    assert!(put.contains("<SSEAlgorithm>aws:kms</SSEAlgorithm>"), "{put}");
    assert!(put.contains("<EncryptionType>SSE-C</EncryptionType>"), "{put}");
}

#[tokio::test]
async fn changing_the_log_prefix_keeps_the_key_format() {
    let replay = Replay::new(&[
        (
            200,
            "<BucketLoggingStatus><LoggingEnabled><TargetBucket>logs</TargetBucket><TargetPrefix>a</TargetPrefix>\
             <TargetObjectKeyFormat><PartitionedPrefix><PartitionDateSource>EventTime</PartitionDateSource>\
             </PartitionedPrefix></TargetObjectKeyFormat></LoggingEnabled></BucketLoggingStatus>",
        ),
        (200, ""),
    ]);
    run(&replay, "s3.bucket", json!({"PutBucketLogging": {"bucket": "logs", "prefix": "b"}})).await.unwrap();
    let put = &replay.requests()[1];
    assert!(put.contains("<TargetPrefix>b</TargetPrefix>"), "{put}");
    assert!(put.contains("<PartitionDateSource>EventTime</PartitionDateSource>"), "{put}");
}

#[tokio::test]
async fn changing_tags_keeps_other_tags_and_aws_tags() {
    let replay = Replay::new(&[
        (
            200,
            "<Tagging><TagSet><Tag><Key>aws:cloudformation:stack-name</Key><Value>s</Value></Tag>\
             <Tag><Key>Theirs</Key><Value>t</Value></Tag></TagSet></Tagging>",
        ),
        (204, ""),
    ]);
    run(&replay, "s3.bucket", json!({"PutBucketTagging": {"Ours": "o"}})).await.unwrap();
    let put = &replay.requests()[1];
    for key in ["aws:cloudformation:stack-name", "Theirs", "Ours"] {
        assert!(put.contains(&format!("<Key>{key}</Key>")), "{put}");
    }
}

#[tokio::test]
async fn removing_all_tags_keeps_aws_tags() {
    let replay = Replay::new(&[
        (
            200,
            "<Tagging><TagSet><Tag><Key>aws:cloudformation:stack-name</Key><Value>s</Value></Tag>\
             <Tag><Key>Ours</Key><Value>t</Value></Tag></TagSet></Tagging>",
        ),
        (204, ""),
    ]);
    run(&replay, "s3.bucket", json!("DeleteBucketTagging")).await.unwrap();
    let put = &replay.requests()[1];
    assert!(put.starts_with("PUT") && put.contains("aws:cloudformation:stack-name"), "{put}");
    assert!(!put.contains("Ours"), "{put}");
}

#[tokio::test]
async fn an_unknown_storage_class_makes_the_bucket_a_gap() {
    let rules = "<LifecycleConfiguration><Rule><ID>a</ID><Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter>\
                 <Status>Enabled</Status><Transition><Days>1</Days><StorageClass>FOO</StorageClass></Transition>\
                 </Rule></LifecycleConfiguration>";
    // The first answer is for HeadBucket, whose body is ignored.
    let replay = Replay::new(&[(200, rules), (200, rules)]);
    let mut scope = Scope::of(location());
    scope.ask("data-bucket", Depth::Named(["lifecycle".to_owned()].into()));
    let found = open(&replay).await.observe("s3.bucket", scope).await.unwrap();
    assert!(found.resources.is_empty());
    let (_, failure) = &found.gaps[0];
    assert_eq!(failure.class, FailureClass::Unknown);
    assert!(failure.message.contains("the storage class 'FOO'"), "{failure}");
}

#[tokio::test]
async fn a_conflicting_bucket_operation_is_retried() {
    let aborted = "<Error><Code>OperationAborted</Code><Message>A conflicting conditional operation</Message></Error>";
    let replay = Replay::new(&[(409, aborted), (200, "")]);
    run(&replay, "s3.bucket", json!({"PutBucketVersioning": "Enabled"})).await.unwrap();
    assert_eq!(replay.requests().len(), 2);
}

#[tokio::test]
async fn a_bucket_name_taken_by_another_account_is_not_retried() {
    let taken =
        "<Error><Code>BucketAlreadyExists</Code><Message>The requested bucket name is not available</Message></Error>";
    let replay = Replay::new(&[(409, taken)]);
    let failure = run(&replay, "s3.bucket", json!({"CreateBucket": {"tags": {}}})).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Taken);
    assert_eq!(replay.requests().len(), 1);
    assert!(replay.requests()[0].contains("<LocationConstraint>eu-central-1</LocationConstraint>"));
}

/// EC2 rejects the whole call if one rule is a duplicate. The other rules must still be authorized
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupIngress.html>).
#[tokio::test]
async fn a_duplicate_rule_does_not_block_the_others() {
    const DUPLICATE: &str = "<Response><Errors><Error><Code>InvalidPermission.Duplicate</Code><Message>exists</Message>\
                             </Error></Errors><RequestID>r</RequestID></Response>";
    const DONE: &str =
        "<AuthorizeSecurityGroupIngressResponse><return>true</return></AuthorizeSecurityGroupIngressResponse>";
    let rule = |port: u16| json!({"direction": "ingress", "protocol": "tcp", "from_port": port, "to_port": port, "peer": "10.0.0.0/8", "note": null});
    let replay = Replay::new(&[(400, DUPLICATE), (400, DUPLICATE), (200, DONE)]);
    let op = json!({"AuthorizeSecurityGroupIngress": {"rules": [rule(1), rule(2)]}});
    run(&replay, "ec2.security_group", op).await.unwrap();
    let ports: Vec<usize> = replay.requests().iter().map(|request| request.matches("FromPort").count()).collect();
    assert_eq!(ports, [2, 1, 1]);
}

/// IAM has no compare-and-swap, but its version numbers increase: a version between the one that was read and the one
/// that was created is a concurrent change
/// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicyVersion.html>).
#[tokio::test]
async fn a_concurrent_policy_change_is_read_and_merged_again() {
    const V7: &str = "<ListPolicyVersionsResponse><ListPolicyVersionsResult><Versions><member><VersionId>v7</VersionId>\
        <IsDefaultVersion>true</IsDefaultVersion></member></Versions></ListPolicyVersionsResult></ListPolicyVersionsResponse>";
    const V9: &str = "<ListPolicyVersionsResponse><ListPolicyVersionsResult><Versions><member><VersionId>v9</VersionId>\
        <IsDefaultVersion>true</IsDefaultVersion></member><member><VersionId>v8</VersionId><IsDefaultVersion>false\
        </IsDefaultVersion></member></Versions></ListPolicyVersionsResult></ListPolicyVersionsResponse>";
    // v9, the first version that the run created, is between v8 and v10, and is not a concurrent change.
    const V10: &str = "<ListPolicyVersionsResponse><ListPolicyVersionsResult><Versions><member><VersionId>v10</VersionId>\
        <IsDefaultVersion>true</IsDefaultVersion></member><member><VersionId>v9</VersionId><IsDefaultVersion>false\
        </IsDefaultVersion></member><member><VersionId>v8</VersionId><IsDefaultVersion>false</IsDefaultVersion></member>\
        </Versions></ListPolicyVersionsResult></ListPolicyVersionsResponse>";
    const TEXT7: &str = "<GetPolicyVersionResponse><GetPolicyVersionResult><PolicyVersion><Document>%7B%22Statement%22%3A%5B%5D%7D\
        </Document></PolicyVersion></GetPolicyVersionResult></GetPolicyVersionResponse>";
    // {"Statement":[{"Sid":"Theirs","Effect":"Deny","Action":"a:B","Resource":"*"}]}
    const TEXT8: &str = "<GetPolicyVersionResponse><GetPolicyVersionResult><PolicyVersion><Document>%7B%22Statement%22%3A%5B%7B\
        %22Sid%22%3A%22Theirs%22%2C%22Effect%22%3A%22Deny%22%2C%22Action%22%3A%22a%3AB%22%2C%22Resource%22%3A%22%2A%22%7D%5D\
        %7D</Document></PolicyVersion></GetPolicyVersionResult></GetPolicyVersionResponse>";
    let made = |id| match id {
        9 => {
            "<CreatePolicyVersionResponse><CreatePolicyVersionResult><PolicyVersion><VersionId>v9</VersionId></PolicyVersion>\
              </CreatePolicyVersionResult></CreatePolicyVersionResponse>"
        }
        _ => {
            "<CreatePolicyVersionResponse><CreatePolicyVersionResult><PolicyVersion><VersionId>v10</VersionId></PolicyVersion>\
              </CreatePolicyVersionResult></CreatePolicyVersionResponse>"
        }
    };
    let replay =
        Replay::new(&[(200, V7), (200, TEXT7), (200, made(9)), (200, V9), (200, TEXT8), (200, made(10)), (200, V10)]);
    let statement = json!({"Statement": [{"Sid": "Ours", "Effect": "Allow", "Action": "a:B", "Resource": "*"}]});
    let op = json!({"CreatePolicyVersion": {"statements": {"Ours": statement}, "absent": []}});
    run(&replay, "iam.policy", op).await.unwrap();
    let requests = replay.requests();
    let (first, second) = (&requests[2], &requests[5]);
    assert!(first.contains("Ours") && !first.contains("Theirs"), "{first}");
    assert!(second.contains("Ours") && second.contains("Theirs"), "{second}");
    assert_eq!(requests.len(), 7, "more calls were sent: {requests:?}");
}

/// CreateFlowLogs returns status 200 even if it fails
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateFlowLogs.html>).
#[tokio::test]
async fn a_flow_log_error_inside_http_200_is_a_failure() {
    let answer = "<CreateFlowLogsResponse><unsuccessful><item><error><code>400</code><message>Access Denied for LogDestination\
                  </message></error><resourceId>vpc-1</resourceId></item></unsuccessful></CreateFlowLogsResponse>";
    let replay = Replay::new(&[(200, answer)]);
    let op = json!({"CreateFlowLogs": {
        "log": {"bucket": "arn:aws:s3:::b", "traffic": "ALL", "aggregation_seconds": 600}, "tags": {},
    }});
    let failure = run(&replay, "ec2.flow_log", op).await.unwrap_err();
    assert_eq!(failure.code.as_deref(), Some("400"));
    assert_eq!(failure.message, "Access Denied for LogDestination");
}

/// Lambda rejects a change with ResourceConflictException while another one is in progress
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html>).
#[tokio::test]
async fn a_function_change_waits_for_the_previous_one() {
    let busy =
        r#"{"Type":"User","Message":"The operation cannot be performed at this time. An update is in progress"}"#;
    let replay = Replay::coded(&[(409, "ResourceConflictException", busy), (200, "", "{}")]);
    run(&replay, "lambda.function", json!({"UpdateFunctionConfiguration": {"config": {"timeout": 3}}})).await.unwrap();
    assert_eq!(replay.requests().len(), 2);
}

#[tokio::test]
async fn a_change_waits_until_the_cluster_is_available() {
    let busy = "<ErrorResponse><Error><Code>InvalidDBClusterStateFault</Code><Message>creating</Message></Error></ErrorResponse>";
    let done = "<ModifyDBInstanceResponse><ModifyDBInstanceResult/></ModifyDBInstanceResponse>";
    let replay = Replay::new(&[(400, busy), (200, done)]);
    let op = json!({"ModifyDBInstance": {"id": "i", "settings": {"class": "db.r6g.large"}, "apply_immediately": true}});
    run(&replay, "rds.cluster", op).await.unwrap();
    assert_eq!(replay.requests().len(), 2);
}

/// A pending value matches the spec, and so does a later minor version if automatic upgrades are enabled.
#[tokio::test]
async fn pending_modifications_and_minor_versions_are_not_drift() {
    let clusters = "<DescribeDBClustersResponse><DescribeDBClustersResult><DBClusters><DBCluster><DBClusterIdentifier>orders\
        </DBClusterIdentifier><Engine>aurora-postgresql</Engine><EngineVersion>16.6</EngineVersion><Status>available</Status>\
        <MasterUsername>root</MasterUsername><StorageEncrypted>true</StorageEncrypted><DeletionProtection>true\
        </DeletionProtection><BackupRetentionPeriod>1</BackupRetentionPeriod><PendingModifiedValues><BackupRetentionPeriod>14\
        </BackupRetentionPeriod></PendingModifiedValues></DBCluster></DBClusters></DescribeDBClustersResult>\
        </DescribeDBClustersResponse>";
    let instances = "<DescribeDBInstancesResponse><DescribeDBInstancesResult><DBInstances><DBInstance><DBInstanceIdentifier>\
        orders-1</DBInstanceIdentifier><DBClusterIdentifier>orders</DBClusterIdentifier><DBInstanceClass>db.r6g.large\
        </DBInstanceClass><DBInstanceStatus>available</DBInstanceStatus><AutoMinorVersionUpgrade>true</AutoMinorVersionUpgrade>\
        </DBInstance></DBInstances></DescribeDBInstancesResult></DescribeDBInstancesResponse>";
    let text = "region: eu-central-1\naccount: '123456789012'\nrds.cluster:\n  orders: {engine: aurora-postgresql, engine_version: \
                '16.4', master_username: root, backup_days: 14, instances: {orders-1: {class: db.r6g.large}}}\n";
    let spec =
        regionctl_core::spec::read("spec.yaml", &|_: &str| Ok(text.to_owned()), REGISTRY, &mut SourceFiles::default());
    let want = &spec.unwrap().wants[0];
    let replay = Replay::new(&[(200, clusters), (200, instances)]);
    let mut scope = Scope::of(location());
    scope.ask("orders", Depth::existence());
    let seen = open(&replay).await.observe("rds.cluster", scope).await.unwrap().resources;
    let draft = REGISTRY.of("rds.cluster").diff(&want.model, Some(&seen[0]), &DiffContext::default()).unwrap();
    assert!(draft.fields.is_empty() && draft.steps.is_empty(), "{draft:?}");
    assert_eq!(draft.waiting[0].what, "backup_days 14 waits for the cluster's maintenance window");
}

/// The preflight checks the caller's permissions per call and resource, before the first write
/// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>).
#[tokio::test]
async fn a_missing_permission_fails_the_preflight() {
    const CALLER: &str = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:sts::123456789012:assumed-role/deploy/ci\
        </Arn><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
    const ROLE: &str = "<GetRoleResponse><GetRoleResult><Role><Path>/ci/</Path><RoleName>deploy</RoleName><RoleId>AROA</RoleId>\
        <Arn>arn:aws:iam::123456789012:role/ci/deploy</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate></Role></GetRoleResult>\
        </GetRoleResponse>";
    const REGIONS: &str = "<DescribeRegionsResponse><regionInfo><item><regionName>eu-central-1</regionName><optInStatus>\
        not-opted-in</optInStatus></item></regionInfo></DescribeRegionsResponse>";
    // The calls on all resources are simulated first.
    const ALLOWED: &str = "<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><EvaluationResults><member>\
        <EvalActionName>sns:GetSubscriptionAttributes</EvalActionName><EvalDecision>allowed</EvalDecision>\
        <EvalResourceName>*</EvalResourceName></member></EvaluationResults></SimulatePrincipalPolicyResult>\
        </SimulatePrincipalPolicyResponse>";
    const DENIED: &str = "<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><EvaluationResults><member>\
        <EvalActionName>sns:CreateTopic</EvalActionName><EvalDecision>implicitDeny</EvalDecision><EvalResourceName>\
        arn:aws:sns:eu-central-1:123456789012:a</EvalResourceName></member></EvaluationResults></SimulatePrincipalPolicyResult>\
        </SimulatePrincipalPolicyResponse>";
    let replay = Replay::coded(&[
        (200, "Action=GetCallerIdentity", CALLER),
        (200, "Action=DescribeRegions", REGIONS),
        (200, "Action=GetRole", ROLE),
        (200, "Action=SimulatePrincipalPolicy", ALLOWED),
        (200, "Action=SimulatePrincipalPolicy", DENIED),
    ]);
    let text = "region: eu-central-1\naccount: '123456789012'\nsns.topic:\n  a:\n";
    let spec =
        regionctl_core::spec::read("spec.yaml", &|_: &str| Ok(text.to_owned()), REGISTRY, &mut SourceFiles::default());
    let spec = spec.unwrap();
    let empty_region = Replay::coded(&[
        (200, "Action=GetCallerIdentity", CALLER),
        (404, "Action=GetTopicAttributes", "<ErrorResponse><Error><Code>NotFound</Code></Error></ErrorResponse>"),
    ]);
    let snapshot = refresh(&open(&empty_region).await, REGISTRY, &spec).await;
    let inventory = fill(REGISTRY, &spec, &snapshot.unwrap_or_else(|error| panic!("{error:?}"))).unwrap();
    let plan = plan(REGISTRY, &spec, &inventory).unwrap();
    let checks = open(&replay).await.preflight(&spec, &plan, &location()).await;
    let failed: Vec<&str> =
        checks.iter().filter(|check| check.verdict == Verdict::Failed).map(|check| check.what.as_str()).collect();
    let denied = "arn:aws:iam::123456789012:role/ci/deploy is not authorized to perform sns:CreateTopic on \
                  arn:aws:sns:eu-central-1:123456789012:a";
    assert_eq!(failed, [denied, "not-opted-in"]);
    assert!(
        replay
            .requests()
            .iter()
            .any(|call| call.contains("PolicySourceArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fci%2Fdeploy"))
    );
}
