// SPDX-License-Identifier: Apache-2.0
//! Every row of the runbook, verified on both emulators: after one apply, each row is checked with AWS's own SDK.
//! docs/runbook.md is generated from the rows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use aws_config::SdkConfig;
use aws_sdk_ec2::types::Filter;
use regionctl_sandbox::seed;

use crate::harness::{Aws, Place, Server, assert_up_to_date, root, sample};

const SPEC: &str = "regions/eu-central-1.yaml";
const SAAS: &str = "supertokens-saas-eu-central-1";
const LOGS: &str = "supertokens-s3-access-logs-eu-central-1";
const VPC_POLICY: &str = "Stmt1594127148960";

/// SDK configurations for the regions of an emulator.
struct Region {
    here: SdkConfig,
    us_east_1: SdkConfig,
    eu_west_1: SdkConfig,
}

impl Region {
    fn of(url: &str) -> Self {
        let config = |region| seed::config_of(url, region);
        Self { here: config("eu-central-1"), us_east_1: config("us-east-1"), eu_west_1: config("eu-west-1") }
    }

    fn s3(&self) -> aws_sdk_s3::Client {
        // Emulators do not support virtual-hosted bucket URLs.
        let config = aws_sdk_s3::config::Builder::from(&self.here).force_path_style(true);
        aws_sdk_s3::Client::from_conf(config.build())
    }

    fn ec2(&self) -> aws_sdk_ec2::Client {
        aws_sdk_ec2::Client::new(&self.here)
    }

    async fn vpc(&self) -> String {
        let default = Filter::builder().name("is-default").values("true").build();
        let vpcs = self.ec2().describe_vpcs().filters(default).send().await.unwrap();
        vpcs.vpcs()[0].vpc_id().unwrap().to_owned()
    }

    /// Returns the ingress rules of a group: `tcp 22-22 10.0.0.0/8`.
    async fn rules(&self, group: &str) -> BTreeSet<String> {
        let vpc = Filter::builder().name("vpc-id").values(self.vpc().await).build();
        let name = Filter::builder().name("group-name").values(group).build();
        let groups = self.ec2().describe_security_groups().filters(vpc).filters(name).send().await.unwrap();
        let mut rules = BTreeSet::new();
        for rule in groups.security_groups()[0].ip_permissions() {
            let ports = rule.from_port().zip(rule.to_port()).map_or(String::new(), |(from, to)| format!("{from}-{to}"));
            for range in rule.ip_ranges() {
                rules.insert(format!("{} {ports} {}", rule.ip_protocol().unwrap(), range.cidr_ip().unwrap()));
            }
        }
        rules
    }

    async fn functions(config: &SdkConfig) -> BTreeMap<String, aws_sdk_lambda::types::FunctionConfiguration> {
        let functions = aws_sdk_lambda::Client::new(config).list_functions().send().await.unwrap();
        let functions = functions.functions.unwrap().into_iter();
        functions.map(|function| (function.function_name().unwrap().to_owned(), function)).collect()
    }

    async fn documents(config: &SdkConfig) -> BTreeMap<String, String> {
        let ssm = aws_sdk_ssm::Client::new(config);
        let own = aws_sdk_ssm::types::DocumentKeyValuesFilter::builder().key("Owner").values("Self").build();
        let listed = ssm.list_documents().filters(own).send().await.unwrap();
        let mut documents = BTreeMap::new();
        for document in listed.document_identifiers() {
            let name = document.name().unwrap();
            let content = ssm.get_document().name(name).send().await.unwrap().content.unwrap();
            documents.insert(name.to_owned(), content);
        }
        documents
    }

    async fn alarms(&self) -> BTreeMap<String, aws_sdk_cloudwatch::types::MetricAlarm> {
        let alarms = aws_sdk_cloudwatch::Client::new(&self.here).describe_alarms().send().await.unwrap();
        let alarms = alarms.metric_alarms.unwrap().into_iter();
        alarms.map(|alarm| (alarm.alarm_name().unwrap().to_owned(), alarm)).collect()
    }
}

/// A row: its requirement, texts whose first lines in regions/base.yaml state it, and the function that verifies it.
struct Row {
    number: u8,
    requirement: &'static str,
    spec: &'static [&'static str],
    check: &'static str,
}

const fn row(number: u8, requirement: &'static str, spec: &'static [&'static str], check: &'static str) -> Row {
    Row { number, requirement, spec, check }
}

const ROWS: [Row; 27] = [
    row(1, "four topics", &["sns.topic:"], "rows_1_2_topics_and_their_mails"),
    row(
        2,
        "an email subscription on each, confirmed by a person",
        &["_EC2: {subscriptions"],
        "rows_1_2_topics_and_their_mails",
    ),
    row(
        3,
        "the saas bucket, with the settings of the older one",
        &["/supertokens-saas-${buckets_of}"],
        "rows_3_to_8_buckets",
    ),
    row(
        4,
        "the log bucket, with the settings of the older one",
        &["/supertokens-s3-access-logs-${buckets_of}"],
        "rows_3_to_8_buckets",
    ),
    row(5, "the policy of the saas bucket", &["Policy1594127151493"], "rows_3_to_8_buckets"),
    row(6, "all four public-access blocks", &["public_access_block: all"], "rows_3_to_8_buckets"),
    row(7, "the tags for Vanta", &["VantaDescription: access logs", "VantaDescription: files"], "rows_3_to_8_buckets"),
    row(8, "server access logging", &["prefix: saas"], "rows_3_to_8_buckets"),
    row(9, "the shared policies include the bucket", &["iam.policy:"], "row_9_shared_policies"),
    row(10, "the certificates are replicated to the saas bucket", &["s3.replication:"], "row_10_replication"),
    row(11, "a private zone", &["route53.private_zone:"], "row_11_private_zone"),
    row(12, "the ports of the cores", &["supertokens-nginx-port:"], "rows_12_to_16_security_groups"),
    row(13, "PostgreSQL for development", &["dev-postgresql:"], "rows_12_to_16_security_groups"),
    row(14, "ping", &["ping-ssh:"], "rows_12_to_16_security_groups"),
    row(15, "two ports in the VPC's default group", &["  default:"], "rows_12_to_16_security_groups"),
    row(16, "ssh for the team", &["ec2-internal-team-access:"], "rows_12_to_16_security_groups"),
    row(17, "an Aurora cluster like the older one, with tags", &["rds.cluster:"], "row_17_cluster"),
    row(18, "four alarms for each cluster", &["db-${each.name} FreeableMemory:"], "rows_18_21_alarms"),
    row(19, "a copy of all own documents", &["ssm.document:"], "row_19_documents"),
    row(20, "a copy of all functions", &["lambda.function:"], "row_20_functions"),
    row(21, "one alarm for each function", &["  ${each.name} Errors:"], "rows_18_21_alarms"),
    row(22, "a gateway endpoint for S3", &["ec2.vpc_endpoint:"], "rows_22_23_endpoint_and_flow_log"),
    row(23, "flow logs to the log bucket", &["ec2.flow_log:"], "rows_22_23_endpoint_and_flow_log"),
    row(24, "twelve months of retention for every log group", &["\"*\": {retention_days: 365}"], "row_24_log_groups"),
    row(25, "a running dev instance", &["ec2.instance:"], "rows_25_26_instance_and_keys"),
    row(26, "the team's keys, and their handover", &["ec2.key_pair:", "  keys:"], "rows_25_26_instance_and_keys"),
    row(27, "manual steps: Vanta, the mails, the keys", &["manual:"], "row_27_people"),
];

/// Applies the spec and verifies every row.
async fn apply_and_verify(url: &str) {
    let place = Place::new(Aws::Endpoint(url.to_owned()));
    place.run(&["sandbox", "seed"]).exits(0);
    place.run(&["apply", "--yes", SPEC]).exits(0);
    let region = Region::of(url);
    rows_1_2_topics_and_their_mails(&region).await;
    rows_3_to_8_buckets(&region).await;
    row_9_shared_policies(&region).await;
    row_10_replication(&region).await;
    row_11_private_zone(&region).await;
    rows_12_to_16_security_groups(&region).await;
    row_17_cluster(&region).await;
    rows_18_21_alarms(&region).await;
    row_19_documents(&region).await;
    row_20_functions(&region).await;
    rows_22_23_endpoint_and_flow_log(&region).await;
    row_24_log_groups(&region).await;
    rows_25_26_instance_and_keys(&region).await;
    row_27_people(&place);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_apply_makes_every_row_true() {
    let place = Place::with_spec("");
    for on_moto in sample([false, true], 2) {
        // A served sandbox is empty until `sandbox seed` is run against its URL.
        let server = if on_moto { Server::moto() } else { Server::sandbox(&place, 0) };
        apply_and_verify(&server.url).await;
    }
}

async fn rows_1_2_topics_and_their_mails(region: &Region) {
    let sns = aws_sdk_sns::Client::new(&region.here);
    for service in ["EC2", "ELB", "Lambda", "RDS"] {
        let arn = format!("arn:aws:sns:eu-central-1:123456789012:CloudWatch_Alarms_EU_Central_1_{service}");
        let subscriptions = sns.list_subscriptions_by_topic().topic_arn(arn).send().await.unwrap();
        let [mail] = subscriptions.subscriptions() else { panic!("one subscription on {service}") };
        assert_eq!((mail.protocol(), mail.endpoint()), (Some("email"), Some("cloudwatch-alarms@example.com")));
    }
}

async fn rows_3_to_8_buckets(region: &Region) {
    let s3 = region.s3();
    for (bucket, lifecycle) in [(SAAS, "old-versions"), (LOGS, "expire")] {
        let rules = s3.get_bucket_lifecycle_configuration().bucket(bucket).send().await.unwrap();
        assert_eq!(rules.rules()[0].id(), Some(lifecycle), "{bucket}: not copied from the older bucket");
        let block = s3.get_public_access_block().bucket(bucket).send().await.unwrap();
        let block = block.public_access_block_configuration.unwrap();
        let four = [
            block.block_public_acls,
            block.ignore_public_acls,
            block.block_public_policy,
            block.restrict_public_buckets,
        ];
        assert_eq!(four, [Some(true); 4], "{bucket}");
        let tags = s3.get_bucket_tagging().bucket(bucket).send().await.unwrap();
        let keys: BTreeSet<&str> = tags.tag_set().iter().map(aws_sdk_s3::types::Tag::key).collect();
        assert_eq!(
            keys,
            BTreeSet::from(["CostCenter", "VantaDescription", "VantaOwner", "regionctl:spec"]),
            "{bucket}"
        );
    }
    let policy = s3.get_bucket_policy().bucket(SAAS).send().await.unwrap().policy.unwrap();
    let policy: serde_json::Value = serde_json::from_str(&policy).unwrap();
    let statement = &policy["Statement"][0];
    assert_eq!((&policy["Id"], &statement["Sid"]), (&"Policy1594127151493".into(), &VPC_POLICY.into()));
    assert_eq!(statement["Condition"]["StringEquals"]["aws:sourceVpc"], region.vpc().await.as_str());
    let logging = s3.get_bucket_logging().bucket(SAAS).send().await.unwrap().logging_enabled.unwrap();
    assert_eq!((logging.target_bucket(), logging.target_prefix()), (LOGS, "saas"));
}

async fn row_9_shared_policies(region: &Region) {
    let iam = aws_sdk_iam::Client::new(&region.here);
    let shared = ["S3SSLUpdater", "listBucketItems", "s3crr_for_supertokens-ssl_to_supertokens-saas-us-east-1"];
    for name in shared {
        let arn = format!("arn:aws:iam::123456789012:policy/{name}");
        let id = iam.get_policy().policy_arn(&arn).send().await.unwrap().policy.unwrap().default_version_id.unwrap();
        let text = |id: String| {
            let call = iam.get_policy_version().policy_arn(&arn).version_id(id).send();
            async move { percent_decode(call.await.unwrap().policy_version.unwrap().document().unwrap()) }
        };
        let (first, now) = (text("v1".to_owned()).await, text(id).await);
        let theirs = &first[first.find("{\"Sid\"").unwrap()..=first.find("]}").unwrap() + 1];
        assert!(now.contains(theirs), "{name}: other statements changed:\n{first}\n{now}");
        let now: serde_json::Value = serde_json::from_str(&now).unwrap();
        let ours =
            now["Statement"].as_array().unwrap().iter().find(|statement| statement["Sid"] == "EUCentral1").unwrap();
        assert!(ours["Resource"].to_string().contains(SAAS), "{name}: {ours}");
    }
}

/// Decodes a policy document; IAM returns it URL-encoded.
fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| char::from(byte.unwrap()).to_digit(16).unwrap();
        bytes.push(if byte == b'%' {
            u8::try_from(digit(rest.next()) * 16 + digit(rest.next())).unwrap()
        } else {
            byte
        });
    }
    String::from_utf8(bytes).unwrap()
}

async fn row_10_replication(region: &Region) {
    let config = aws_sdk_s3::config::Builder::from(&region.us_east_1).force_path_style(true);
    let s3 = aws_sdk_s3::Client::from_conf(config.build());
    let answer = s3.get_bucket_replication().bucket("supertokens-ssl").send().await.unwrap();
    let configuration = answer.replication_configuration.unwrap();
    let rules: Vec<(&str, &str)> =
        configuration.rules().iter().map(|rule| (rule.id().unwrap(), rule.destination().unwrap().bucket())).collect();
    let own = format!("arn:aws:s3:::{SAAS}");
    assert_eq!(rules, [("to-us-east-1", "arn:aws:s3:::supertokens-saas-us-east-1"), ("to-eu-central-1", own.as_str())]);
    let priorities: BTreeSet<_> =
        configuration.rules().iter().map(aws_sdk_s3::types::ReplicationRule::priority).collect();
    assert_eq!(priorities.len(), 2, "priorities are not unique");
}

async fn row_11_private_zone(region: &Region) {
    let route53 = aws_sdk_route53::Client::new(&region.here);
    let zones = route53.list_hosted_zones().send().await.unwrap();
    let zone = zones.hosted_zones().iter().find(|zone| zone.name() == "eu-central-1.dns.").unwrap();
    assert!(zone.config().unwrap().private_zone());
    let zone = route53.get_hosted_zone().id(zone.id().trim_start_matches("/hostedzone/")).send().await.unwrap();
    assert_eq!(zone.vpcs()[0].vpc_id(), Some(region.vpc().await.as_str()));
}

async fn rows_12_to_16_security_groups(region: &Region) {
    let expected = |rules: &[&str]| rules.iter().map(|rule| (*rule).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(region.rules("supertokens-nginx-port").await, expected(&["tcp 3567-3600 0.0.0.0/0"]));
    assert_eq!(region.rules("dev-postgresql").await, expected(&["tcp 5432-5432 0.0.0.0/0"]));
    let ping = region.rules("ping-ssh").await;
    assert_eq!(ping, expected(&["icmp 8--1 0.0.0.0/0"]), "expected ping only");
    let team = region.rules("ec2-internal-team-access").await;
    assert_eq!(team, expected(&["tcp 22-22 198.51.100.0/24", "tcp 22-22 203.0.113.7/32"]));
    let default = region.rules("default").await;
    for rule in ["tcp 4243-4243 172.31.0.0/16", "tcp 5432-5432 172.31.0.0/16", "tcp 8443-8443 192.0.2.0/24"] {
        assert!(default.contains(rule), "{rule} is not in {default:?}");
    }
}

async fn row_17_cluster(region: &Region) {
    let rds = aws_sdk_rds::Client::new(&region.here);
    let clusters = rds.describe_db_clusters().send().await.unwrap();
    let [cluster] = clusters.db_clusters() else { panic!("one cluster") };
    assert_eq!(cluster.db_cluster_identifier(), Some("supertokens-eu-central-1"));
    assert_eq!((cluster.engine(), cluster.status()), (Some("aurora-postgresql"), Some("available")));
    assert_eq!((cluster.deletion_protection(), cluster.storage_encrypted()), (Some(true), Some(true)));
    let instances = rds.describe_db_instances().send().await.unwrap();
    let [instance] = instances.db_instances() else { panic!("one instance") };
    assert_eq!(instance.db_instance_class(), Some("db.r6g.large"));
    let tags: BTreeMap<_, _> =
        instance.tag_list().iter().map(|tag| (tag.key().unwrap(), tag.value().unwrap())).collect();
    assert_eq!(tags["VantaContainsUserData"], "true");
    assert_eq!(tags["VantaDescription"], "db cluster to store development/production containers data");
    assert_eq!(tags["VantaOwner"], "platform@example.com");
}

async fn rows_18_21_alarms(region: &Region) {
    let alarms = region.alarms().await;
    let topic =
        |service: &str| format!("arn:aws:sns:eu-central-1:123456789012:CloudWatch_Alarms_EU_Central_1_{service}");
    for (metric, statistic, threshold) in [
        ("FreeableMemory", "Minimum", 52_428_800.0),
        ("FreeLocalStorage", "Minimum", 1_073_741_824.0),
        ("CPUUtilization", "Maximum", 80.0),
        ("ReadIOPS", "Maximum", 1000.0),
    ] {
        let alarm = &alarms[&format!("db-supertokens-eu-central-1 {metric}")];
        assert_eq!(
            (alarm.namespace(), alarm.period(), alarm.threshold()),
            (Some("AWS/RDS"), Some(900), Some(threshold))
        );
        assert_eq!(alarm.statistic().unwrap().as_str(), statistic);
        let dimensions: BTreeMap<_, _> =
            alarm.dimensions().iter().map(|it| (it.name().unwrap(), it.value().unwrap())).collect();
        assert_eq!(dimensions, BTreeMap::from([("DBClusterIdentifier", "supertokens-eu-central-1")]));
        assert_eq!(alarm.alarm_actions(), [topic("RDS")]);
    }
    for function in Region::functions(&region.here).await.keys() {
        let alarm = &alarms[&format!("{function} Errors")];
        assert_eq!((alarm.namespace(), alarm.metric_name()), (Some("AWS/Lambda"), Some("Errors")));
        assert_eq!((alarm.period(), alarm.threshold()), (Some(900), Some(1.0)));
        assert_eq!(alarm.comparison_operator().unwrap().as_str(), "GreaterThanOrEqualToThreshold");
        assert_eq!(alarm.alarm_actions(), [topic("Lambda")]);
    }
}

async fn row_19_documents(region: &Region) {
    let (source, here) = (Region::documents(&region.us_east_1).await, Region::documents(&region.here).await);
    assert_eq!(source.len(), 2);
    for (name, content) in source {
        let expected: serde_json::Value = serde_json::from_str(&content.replace("us-east-1", "eu-central-1")).unwrap();
        assert_eq!(serde_json::from_str::<serde_json::Value>(&here[&name]).unwrap(), expected, "{name}");
    }
}

async fn row_20_functions(region: &Region) {
    let (source, here) = (Region::functions(&region.eu_west_1).await, Region::functions(&region.here).await);
    assert_eq!(source.len(), 2);
    for (name, function) in source {
        let copy = &here[&name];
        assert_eq!(copy.code_sha256(), function.code_sha256(), "{name}");
        assert_eq!(
            (copy.runtime(), copy.handler(), copy.role()),
            (function.runtime(), function.handler(), function.role())
        );
        assert_eq!((copy.timeout(), copy.memory_size()), (function.timeout(), function.memory_size()));
        let variables = copy.environment().unwrap().variables().unwrap();
        assert_eq!(variables["API_KEY"], "not-to-be-shown");
        assert_eq!(variables["QUEUE_URL"], "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs");
    }
}

async fn rows_22_23_endpoint_and_flow_log(region: &Region) {
    let (ec2, vpc) = (region.ec2(), region.vpc().await);
    let of_vpc = || Filter::builder().name("vpc-id").values(&vpc).build();
    let endpoints = ec2.describe_vpc_endpoints().filters(of_vpc()).send().await.unwrap();
    let [endpoint] = endpoints.vpc_endpoints() else { panic!("one endpoint") };
    assert_eq!(endpoint.service_name(), Some("com.amazonaws.eu-central-1.s3"));
    let tables = ec2.describe_route_tables().filters(of_vpc()).send().await.unwrap();
    for table in tables.route_tables() {
        assert!(endpoint.route_table_ids().contains(&table.route_table_id().unwrap().to_owned()));
    }
    let of_resource = Filter::builder().name("resource-id").values(&vpc).build();
    let logs = ec2.describe_flow_logs().filter(of_resource).send().await.unwrap();
    let [log] = logs.flow_logs() else { panic!("one flow log") };
    assert_eq!(log.log_destination(), Some(format!("arn:aws:s3:::{LOGS}/vpc-flow-logs/").as_str()));
}

async fn row_24_log_groups(region: &Region) {
    let groups = aws_sdk_cloudwatchlogs::Client::new(&region.here).describe_log_groups().send().await.unwrap();
    assert!(groups.log_groups().len() >= 4);
    for group in groups.log_groups() {
        assert_eq!(group.retention_in_days(), Some(365), "{:?}", group.log_group_name());
    }
}

async fn rows_25_26_instance_and_keys(region: &Region) {
    let ec2 = region.ec2();
    let instances = ec2.describe_instances().send().await.unwrap();
    let instance = &instances.reservations()[0].instances()[0];
    assert_eq!(instance.state().unwrap().name().unwrap().as_str(), "running");
    assert_eq!(instance.key_name(), Some("supertokens-team"));
    let keys = ec2.describe_key_pairs().include_public_key(true).send().await.unwrap();
    assert!(keys.key_pairs()[0].public_key().unwrap().starts_with("ssh-ed25519 "));
}

fn row_27_people(place: &Place) {
    let plan = place.run(&["plan", SPEC, "--detailed-exitcode"]).exits(0);
    for step in ["Add eu-central-1 to the SOC 2 software (Vanta)", "Hand out the private half of supertokens-team"] {
        assert!(plan.stdout.contains(step), "{step} is not in\n{}", plan.stdout);
    }
}

/// Where the spec departs from the page, and why.
const DEPARTURES: &str = "
## Where the spec departs from the page

- Row 18: the page names the dimensions `DbClusterIdentifier` and `EngineName`. CloudWatch publishes this pair for volume
  metrics only. `FreeableMemory`, `FreeLocalStorage`, `CPUUtilization` and `ReadIOPS` have the dimension
  `DBClusterIdentifier` alone, or with `Role`. With the page's dimensions the alarms would never fire, so the spec states
  `DBClusterIdentifier`.
- Row 18: the page watches `FreeStorageSpace`, which Aurora does not publish. The spec watches `FreeLocalStorage`.
- Row 5: the page's policy has typographic quotes, which are not valid JSON.
- Row 21: the page's label names a metric of load balancers. The metric is `Errors`.
- Rows 5 and 13 grant access to everyone. The spec states why, in a `waiver:`.

AWS documents the metrics and their dimensions in
<https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html> and
<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/dimensions.html>.
";

#[test]
fn the_runbook_page_is_up_to_date() {
    let base = std::fs::read_to_string(root().join("regions/base.yaml")).unwrap();
    let own = std::fs::read_to_string(root().join("tests/runbook.rs")).unwrap();
    let mut table = String::from(
        "# The runbook, row by row\n\n\
         This table lists the rows of the runbook page \"Add new region\", and the lines of\n\
         [`regions/base.yaml`](../regions/base.yaml) that state them. A function in\n\
         [`tests/runbook.rs`](../tests/runbook.rs) verifies each row with AWS's own client after one `regionctl apply`:\n\
         on the sandbox and, with `CI=true`, on moto (`one_apply_makes_every_row_true`). A test keeps this table up to\n\
         date.\n\n\
         | row | requirement | spec | verified by |\n| ---: | --- | --- | --- |\n",
    );
    for Row { number, requirement, spec, check } in ROWS {
        let lines = spec.iter().map(|text| {
            let line = base.lines().position(|line| line.contains(text));
            line.unwrap_or_else(|| panic!("row {number}: '{text}' is not in regions/base.yaml")) + 1
        });
        let lines: Vec<String> = lines.map(|line| format!("[{line}](../regions/base.yaml#L{line})")).collect();
        assert!(own.contains(&format!("fn {check}(")), "row {number}: {check}");
        let _ = writeln!(table, "| {number} | {requirement} | {} | `{check}` |", lines.join(", "));
    }
    table.push_str(DEPARTURES);
    assert_up_to_date("docs/runbook.md", &table);
}
