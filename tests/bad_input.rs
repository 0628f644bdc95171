// SPDX-License-Identifier: Apache-2.0
//! Error messages for invalid input, compared with golden files. Each message has a position, a cause and a help text.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;

use crate::harness::{Aws, Place};

const HEAD: &str = "region: eu-central-1\naccount: \"123456789012\"\n";

/// Names of the cases, and the sections of their specs.
const SPECS: &[(&str, &str)] = &[
    ("unknown field", "sns.topic:\n  alarms:\n    subscription: [email: a@example.com]\n"),
    ("unknown section", "sns.topics:\n  alarms:\n"),
    ("wrong type", "sns.topic:\n  alarms:\n    tags: [a, b]\n"),
    ("missing field", "cloudwatch.alarm:\n  cpu:\n    namespace: AWS/RDS\n    metric: CPUUtilization\n"),
    ("duplicate key", "sns.topic:\n  alarms: {}\n  alarms: {}\n"),
    ("duplicate resource", "vars: {name: alarms}\nsns.topic:\n  alarms: {}\n  ${name}: {}\n"),
    ("unknown variable", "sns.topic:\n  alarms-${regoin}:\n"),
    (
        "unknown reference",
        "cloudwatch.alarm:\n  cpu: {namespace: AWS/RDS, metric: CPU, statistic: Sum, comparison: \">\", threshold: 1, period: 60, topic: alarm}\nsns.topic:\n  alarms:\n",
    ),
    ("missing include", "include: nowhere.yaml\n"),
    (
        "typographic quote in a policy",
        "s3.bucket:\n  data-bucket:\n    policy: |\n      {\n        \"Version\": \"2012-10-17\",\n        “Statement”: []\n      }\n",
    ),
    (
        "invalid JSON in a policy",
        "s3.bucket:\n  data-bucket:\n    policy: |\n      {\n        \"Version\": \"2012-10-17\"\n        \"Statement\": []\n      }\n",
    ),
    (
        "policy without an effect",
        "s3.bucket:\n  data-bucket:\n    policy:\n      Statement:\n        - {Sid: A, Action: s3:GetObject, Resource: '*'}\n      Stament: []\n",
    ),
    ("invalid CIDR", "ec2.security_group:\n  web:\n    ingress:\n      - {tcp: 22, from: 198.51.100.7/24}\n"),
    (
        "invalid port range",
        "ec2.security_group:\n  web:\n    ingress:\n      - {tcp: 3600-3567, from: 198.51.100.0/24}\n",
    ),
    ("invalid port", "ec2.security_group:\n  web:\n    ingress:\n      - {tcp: 70000, from: 198.51.100.0/24}\n"),
    ("invalid protocol", "ec2.security_group:\n  web:\n    ingress:\n      - {tpc: 22, from: 198.51.100.0/24}\n"),
    (
        "rule without protocol or peer",
        "ec2.security_group:\n  web:\n    ingress:\n      - {from: 198.51.100.0/24}\n      - {tcp: 22}\n",
    ),
    (
        "invalid rules and sources",
        "cloudwatch.alarm:\n  same: {for_each: lambda.functoin, namespace: A, metric: B, statistic: Sum, comparison: \">\", threshold: 1, period: 60}\n  of ${each.nmae}: {for_each: lambda.function, namespace: A, metric: B, statistic: Sum, comparison: \">\", threshold: 1, period: 60}\n  ${each.name}: {namespace: A, metric: B, statistic: Sum, comparison: \">\", threshold: 1, period: 60}\nsns.topic:\n  a: {like: us-east-1/a}\n  ${each.name}: {for_each: sns.topic}\nlambda.function:\n  a: {like: us-east-1}\n  b: {copy: frankfurt}\n  c: {like: us-east-1/c, copy: us-east-1}\n  d: {code: external, rewrite: {a: b}}\n  e:\n",
    ),
    (
        "password in a spec",
        "rds.cluster:\n  orders: {engine: aurora-postgresql, master_username: root, master_user_password: hunter2}\n",
    ),
    (
        "invalid settings of a cluster",
        "rds.cluster:\n  orders:\n    engine: aurora-postgresql\n    master_username: 1st\n    port: 80\n    database: a-b\n    backup_window: 02:00-02:10\n    kms_key: alias/own\n    global_cluster: world\n    storage_type: gp3\n    log_exports: [slowquery]\n    database_insights: advanced\n    serverless: {min: 2, max: 1, pause_after_seconds: 300}\n    roles: [{role: import}]\n    instance_tags: {'aws:a': b}\n    instances:\n      orders-1: {class: db.r6g.large, promotion_tier: 16, monitoring: {interval_seconds: 2, role: \"arn:aws:iam::123456789012:role/m\"}}\n  other:\n    engine: aurora-mysql\n    master_username: root\n    backup_window: 04:00-05:00\n    maintenance_window: sun:04:30-sun:05:30\n",
    ),
    ("private key in a spec", "ec2.key_pair:\n  team:\n    public_key: |\n      -----BEGIN OPENSSH PRIVATE KEY-----\n"),
    (
        "invalid shared entries",
        "iam.policy:\n  p: {statements: {not-a-sid: {Effect: Allow, Action: a, Resource: b}, B: {Effect: Allow, Principal: \"*\", Action: a, Resource: b}, C: {Effect: Allow, Action: a}}, absent: [\"\", B], unnamed: [{Sid: D, Effect: Allow, Action: a, Resource: b}], path: app}\ns3.replication:\n  b: {region: nowhere, rules: {r: {destination: b, priority: 1}, s: {destination: c, priority: 1, tags: {a: b}, delete_markers: true, account: '1', owner_override: true}}}\n",
    ),
    (
        "invalid values of several kinds",
        "ec2.vpc_endpoint:\n  S3:\nec2.flow_log:\n  f: {bucket: \"arn:aws:s3:::b\", aggregation_minutes: 5, prefix: /x}\nec2.instance:\n  i: {image: {id: x}, instance_type: small}\nssm.document:\n  aws-mine: {content: {}}\nlambda.function:\n  f: {code: {pinned: abc}}\nrds.cluster:\n  Orders_1: {engine: mysql, master_username: a, backup_days: 0, instances: {i: {class: large}}}\n",
    ),
    ("manual step without `who`", "manual:\n  vanta: {what: add it}\n"),
    ("invalid retention", "logs.log_group:\n  \"*\": {retention_days: 364}\n"),
    (
        "invalid alarm period",
        "cloudwatch.alarm:\n  cpu: {namespace: AWS/RDS, metric: CPU, statistic: Sum, comparison: \">\", threshold: 1, period: 100}\n",
    ),
    (
        "invalid alarm comparison",
        "cloudwatch.alarm:\n  cpu: {namespace: AWS/RDS, metric: CPU, statistic: Sum, comparison: GreaterThenThreshold, threshold: 1, period: 60}\n",
    ),
    ("invalid bucket name", "s3.bucket:\n  My_Bucket:\n"),
    ("bucket that is its own logging target", "s3.bucket:\n  data-bucket:\n    logging: {bucket: data-bucket}\n"),
    (
        "unknown storage class",
        "s3.bucket:\n  data-bucket:\n    lifecycle: [{id: a, transitions: [{days: 30, storage_class: GLACIR}]}]\n    cors: [{origins: [], methods: [GET]}]\n",
    ),
    ("invalid security-group description", "ec2.security_group:\n  web:\n    description: Büro\n"),
    (
        "password in an endpoint",
        "sns.topic:\n  alarms:\n    subscriptions: [https: \"https://user:secret@example.com/\"]\n",
    ),
    ("invalid VPC selector", "vpc: main\n"),
    ("variable without quotes in a flow mapping", "s3.bucket:\n  data-bucket: {logging: {bucket: logs-${region}}}\n"),
    ("tabs", "sns.topic:\n\talarms:\n"),
    ("unclosed quote", "vars: {a: \"b}\n"),
    ("two documents", "---\nregion: eu-west-1\n"),
    (
        "several errors",
        "vars: {bad: \"${none}\"}\nsns.topic:\n  ${bad}: {tag: {}}\ns3.bucket:\n  B: {versioning: Off}\nlogs.log_group:\n  /a: {retention_days: forever}\n",
    ),
];

/// Adds a case to the golden text and asserts that no call was sent: the sandbox file does not exist.
fn record(golden: &mut String, name: &str, place: &Place, args: &[&str], code: i32) {
    let run = place.run(args).exits(code);
    assert_eq!(run.stdout, "", "{name}: standard output is not empty");
    assert!(!place.folder.path().join("sandbox.json").exists(), "{name}: a call was sent");
    let _ = writeln!(golden, "===== {name}\n{}", run.stderr.trim_end());
    golden.push('\n');
}

fn golden(name: &str, text: &str) {
    insta::with_settings!({snapshot_path => "golden", prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!(name, text);
    });
}

#[test]
fn invalid_specs_have_golden_messages() {
    let mut text = String::new();
    for (name, sections) in SPECS {
        let place = Place::with_spec(&format!("{HEAD}{sections}"));
        record(&mut text, name, &place, &["plan", "spec.yaml"], 1);
    }
    assert!(!text.contains("user:secret"), "a message contains a secret");
    golden("wrong_specs", &text);
}

#[test]
fn unreadable_files_have_golden_messages() {
    let mut text = String::new();
    let place = Place::with_spec("");
    record(&mut text, "empty file", &place, &["plan", "spec.yaml"], 1);
    place.write("spec.yaml", "- a\n- b\n");
    record(&mut text, "list instead of a mapping", &place, &["plan", "spec.yaml"], 1);
    place.write("spec.yaml", b"region: eu-central-1\naccount: \"\xff\"\n");
    record(&mut text, "not UTF-8", &place, &["plan", "spec.yaml"], 1);
    record(&mut text, "directory", &place, &["plan", "regions"], 1);
    record(&mut text, "no such file", &place, &["plan", "region/eu-central-1.yaml"], 1);
    place.write("a.yaml", "include: b.yaml\nregion: eu-central-1\naccount: \"123456789012\"\n");
    place.write("b.yaml", "include: a.yaml\n");
    record(&mut text, "include cycle", &place, &["plan", "a.yaml"], 1);
    place.write("spec.yaml", "region: frankfurt\naccount: 12\n");
    record(&mut text, "wrong region and account", &place, &["plan", "spec.yaml"], 1);
    place.write("spec.yaml", "vars: {}\n");
    record(&mut text, "no region, no account", &place, &["plan", "spec.yaml"], 1);
    place.write("spec.yaml", alias_bomb());
    record(&mut text, "alias bomb", &place, &["plan", "spec.yaml"], 1);
    golden("wrong_files", &text);
}

/// Returns a spec with ten levels of ten aliases: expanded, it has 10^10 texts.
fn alias_bomb() -> String {
    let mut text = format!("{HEAD}vars:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..10 {
        let inner = vec![format!("*a{}", level - 1); 10].join(", ");
        let _ = writeln!(text, "  a{level}: &a{level} [{inner}]");
    }
    text
}

#[test]
fn a_file_of_one_gigabyte_is_refused_without_reading_it() {
    let place = Place::with_spec(HEAD);
    File::create(place.folder.path().join("spec.yaml")).unwrap().set_len(1 << 30).unwrap();
    let binary = env!("CARGO_BIN_EXE_regionctl");
    let limited = format!("ulimit -v 700000; exec {binary} plan spec.yaml");
    let output = Command::new("bash").args(["-c", &limited]).current_dir(place.folder.path()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("error[unreadable-spec]: spec.yaml is larger than 8 MiB, the maximum size of a spec"),
        "{stderr}"
    );
}

#[test]
fn wrong_accounts_credentials_and_endpoints_have_golden_messages() {
    let mut text = String::new();
    let spec = format!("{HEAD}sns.topic:\n  alarms:\n");

    let place = Place::with_spec(&spec.replace("123456789012", "210987654321"));
    let run = place.run(&["apply", "--yes", "spec.yaml"]).exits(3);
    let _ = writeln!(text, "===== wrong account\n{}", run.stderr);

    let place = Place { aws: Aws::Endpoint("http://127.0.0.1:9".to_owned()), ..Place::with_spec(&spec) };
    let mut command = place.command(&["plan", "spec.yaml"]);
    let output = command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let _ = writeln!(text, "===== no credentials\n{}", String::from_utf8_lossy(&output.stderr));

    let run = place.run(&["plan", "spec.yaml"]).exits(1);
    let _ = writeln!(text, "===== unreachable endpoint\n{}", run.stderr);

    let place = Place { aws: Aws::Endpoint(expired_credentials()), ..Place::with_spec(&spec) };
    let run = place.run(&["plan", "spec.yaml"]).exits(1);
    let _ = writeln!(text, "===== expired credentials\n{}", run.stderr);

    let place = Place::with_spec(&format!("{HEAD}s3.bucket:\n  supertokens-someone-else:\n"));
    let run = place.run(&["plan", "spec.yaml"]).exits(1);
    let _ = writeln!(text, "===== bucket name taken by another account\n{}", run.stdout);

    let place = Place::seeded();
    place.write("spec.yaml", format!("{HEAD}s3.bucket:\n  supertokens-saas-us-east-1:\n"));
    let run = place.run(&["plan", "spec.yaml"]).exits(1);
    let _ = writeln!(text, "===== bucket in another region\n{}", run.stdout);

    let place = Place::with_spec(&format!("{HEAD}vpc: vpc-0123456789abcdef0\nroute53.private_zone:\n  a.dns:\n"));
    let run = place.run(&["plan", "spec.yaml"]).exits(1);
    let _ = writeln!(text, "===== VPC that does not exist\n{}", run.stderr);
    golden("wrong_places", &text);
}

/// Starts a server that answers every request with `ExpiredToken`. Returns its URL.
fn expired_credentials() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut request = [0; 4096];
            // The request is ignored, and the client may have disconnected.
            let _ = stream.read(&mut request);
            let body = "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>The security token \
                        included in the request is expired</Message></Error><RequestId>11111111-2222-3333-4444-555555555555\
                        </RequestId></ErrorResponse>";
            let head = format!(
                "HTTP/1.1 403 Forbidden\r\nContent-Type: text/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    });
    url
}
