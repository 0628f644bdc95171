//! What neither emulator can show: answers as AWS gives them, through the SDK's own HTTP layer, and
//! what regionctl sends then.

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
use regionctl_aws::session::{Access, Session, Settings};
use regionctl_aws::world::Aws;
use regionctl_core::reference::Outputs;
use regionctl_core::world::{Failure, Place, StepTarget, Vpc, World};
use serde_json::{Value, json};

/// Gives its answers in their order, and remembers what was asked.
#[derive(Debug, Clone, Default)]
struct Replay {
    answers: Arc<Mutex<VecDeque<(u16, &'static str)>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Replay {
    fn new(answers: &[(u16, &'static str)]) -> Self {
        Self { answers: Arc::new(Mutex::new(answers.iter().copied().collect())), asked: Arc::default() }
    }

    /// What was asked, a text a request: method, query and body.
    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl HttpConnector for Replay {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        let query = request.uri().split_once('?').map_or("", |(_, query)| query);
        self.asked.lock().unwrap().push(format!("{} ?{query} {body}", request.method()));
        let (status, text) = self.answers.lock().unwrap().pop_front().unwrap_or((500, "nothing more to answer"));
        let status = StatusCode::try_from(status).unwrap();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(text))))
    }
}

impl HttpClient for Replay {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

async fn run(replay: &Replay, kind: &str, op: Value) -> Result<Outputs, Failure> {
    let credentials = SharedCredentialsProvider::new(Credentials::new("a", "b", None, None, "replay"));
    let settings = Settings {
        region: "eu-central-1".to_owned(),
        profile: None,
        endpoint_url: None,
        access: Access::Write,
        http: Some((SharedHttpClient::new(replay.clone()), credentials)),
        on_pause: None,
    };
    let place = Place {
        partition: "aws".to_owned(),
        region: "eu-central-1".to_owned(),
        account: "123456789012".to_owned(),
        vpc: Some(Vpc { id: "vpc-1".to_owned(), cidr: "10.0.0.0/16".to_owned() }),
    };
    let outputs = Outputs::from([("id".to_owned(), "sg-1".to_owned())]);
    let target = StepTarget { name: "data-bucket".to_owned(), place, outputs };
    Aws::new(Session::open(settings).await).run(kind, target, op).await
}

#[tokio::test]
async fn changing_the_encryption_keeps_what_is_blocked() {
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
    let put = &replay.asked()[1];
    assert!(put.contains("<SSEAlgorithm>aws:kms</SSEAlgorithm>"), "{put}");
    assert!(put.contains("<EncryptionType>SSE-C</EncryptionType>"), "{put}");
}

#[tokio::test]
async fn changing_where_logs_go_keeps_the_form_of_their_keys() {
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
    let put = &replay.asked()[1];
    assert!(put.contains("<TargetPrefix>b</TargetPrefix>"), "{put}");
    assert!(put.contains("<PartitionDateSource>EventTime</PartitionDateSource>"), "{put}");
}

#[tokio::test]
async fn tags_of_others_and_of_aws_are_sent_along() {
    let replay = Replay::new(&[
        (
            200,
            "<Tagging><TagSet><Tag><Key>aws:cloudformation:stack-name</Key><Value>s</Value></Tag>\
             <Tag><Key>Theirs</Key><Value>t</Value></Tag></TagSet></Tagging>",
        ),
        (204, ""),
    ]);
    run(&replay, "s3.bucket", json!({"PutBucketTagging": {"Ours": "o"}})).await.unwrap();
    let put = &replay.asked()[1];
    for key in ["aws:cloudformation:stack-name", "Theirs", "Ours"] {
        assert!(put.contains(&format!("<Key>{key}</Key>")), "{put}");
    }
}

#[tokio::test]
async fn a_bucket_that_somebody_else_changes_is_tried_again() {
    let aborted = "<Error><Code>OperationAborted</Code><Message>A conflicting conditional operation</Message></Error>";
    let replay = Replay::new(&[(409, aborted), (200, "")]);
    run(&replay, "s3.bucket", json!({"PutBucketVersioning": "Enabled"})).await.unwrap();
    assert_eq!(replay.asked().len(), 2);
}

#[tokio::test]
async fn a_name_that_another_account_took_is_told_and_not_tried_again() {
    let taken =
        "<Error><Code>BucketAlreadyExists</Code><Message>The requested bucket name is not available</Message></Error>";
    let replay = Replay::new(&[(409, taken)]);
    let failure = run(&replay, "s3.bucket", json!("CreateBucket")).await.unwrap_err();
    assert_eq!(failure.class, regionctl_core::world::FailureClass::Taken);
    assert_eq!(replay.asked().len(), 1);
    assert!(replay.asked()[0].contains("<LocationConstraint>eu-central-1</LocationConstraint>"));
}

/// EC2 refuses a call with one duplicate whole: the others must still be let in.
#[tokio::test]
async fn a_rule_that_is_there_already_does_not_keep_the_others_out() {
    const DUPLICATE: &str = "<Response><Errors><Error><Code>InvalidPermission.Duplicate</Code><Message>exists</Message>\
                             </Error></Errors><RequestID>r</RequestID></Response>";
    const DONE: &str =
        "<AuthorizeSecurityGroupIngressResponse><return>true</return></AuthorizeSecurityGroupIngressResponse>";
    let rule = |port: u16| json!({"direction": "ingress", "protocol": "tcp", "from_port": port, "to_port": port, "peer": "10.0.0.0/8", "note": null});
    let replay = Replay::new(&[(400, DUPLICATE), (400, DUPLICATE), (200, DONE)]);
    let op = json!({"AuthorizeSecurityGroupIngress": {"rules": [rule(1), rule(2)]}});
    run(&replay, "ec2.security_group", op).await.unwrap();
    let ports: Vec<usize> = replay.asked().iter().map(|request| request.matches("FromPort").count()).collect();
    assert_eq!(ports, [2, 1, 1]);
}
