// SPDX-License-Identifier: Apache-2.0
//! Clusters in answers of RDS that no emulator returns: with every member, of other engines, with changes that wait, and
//! documented errors.

use regionctl_aws::kinds::REGISTRY;
use regionctl_core::diff::Draft;
use regionctl_core::kind::DiffContext;
use regionctl_core::observe::failure::FailureClass;
use regionctl_core::observe::provider::Provider;
use regionctl_core::observe::scope::{Depth, LiveResource, Observation, Scope};
use regionctl_core::spec::write::yaml;
use serde_json::{Value, json};

use crate::replay::{Answer, Replay, location, open, run};
use crate::replay_reads::spec;

const KIND: &str = "rds.cluster";

/// A cluster with every setting. Changes of its version and storage type wait for the maintenance window.
const FULL: &str = "<DBCluster><DBClusterIdentifier>orders</DBClusterIdentifier>\
    <DBClusterArn>arn:aws:rds:eu-central-1:123456789012:cluster:orders</DBClusterArn><Status>available</Status>\
    <Engine>aurora-postgresql</Engine><EngineMode>provisioned</EngineMode><EngineVersion>16.4</EngineVersion>\
    <EngineLifecycleSupport>open-source-rds-extended-support-disabled</EngineLifecycleSupport>\
    <MasterUsername>root</MasterUsername><MasterUserSecret><SecretArn>arn:s</SecretArn><SecretStatus>active\
    </SecretStatus><KmsKeyId>arn:aws:kms:eu-central-1:123456789012:key/1</KmsKeyId></MasterUserSecret>\
    <DatabaseName>orders</DatabaseName><Port>5433</Port><NetworkType>DUAL</NetworkType>\
    <DBSubnetGroup>orders</DBSubnetGroup><DBClusterParameterGroup>orders-16</DBClusterParameterGroup>\
    <VpcSecurityGroups><VpcSecurityGroupMembership><VpcSecurityGroupId>sg-1</VpcSecurityGroupId><Status>active</Status>\
    </VpcSecurityGroupMembership><VpcSecurityGroupMembership><VpcSecurityGroupId>sg-2</VpcSecurityGroupId>\
    </VpcSecurityGroupMembership></VpcSecurityGroups><DeletionProtection>true</DeletionProtection>\
    <BackupRetentionPeriod>14</BackupRetentionPeriod><PreferredBackupWindow>02:00-03:00</PreferredBackupWindow>\
    <PreferredMaintenanceWindow>sun:04:00-sun:05:00</PreferredMaintenanceWindow>\
    <AutoMinorVersionUpgrade>false</AutoMinorVersionUpgrade><BacktrackWindow>0</BacktrackWindow>\
    <StorageEncrypted>true</StorageEncrypted><KmsKeyId>arn:aws:kms:eu-central-1:123456789012:key/2</KmsKeyId>\
    <StorageType>aurora</StorageType><IAMDatabaseAuthenticationEnabled>true</IAMDatabaseAuthenticationEnabled>\
    <HttpEndpointEnabled>true</HttpEndpointEnabled><LocalWriteForwardingStatus>requested</LocalWriteForwardingStatus>\
    <CopyTagsToSnapshot>true</CopyTagsToSnapshot><EnabledCloudwatchLogsExports><member>postgresql</member>\
    <member>instance</member></EnabledCloudwatchLogsExports><DatabaseInsightsMode>advanced</DatabaseInsightsMode>\
    <PerformanceInsightsEnabled>true</PerformanceInsightsEnabled><PerformanceInsightsKMSKeyId>arn:aws:kms:eu-central-1:\
    123456789012:key/3</PerformanceInsightsKMSKeyId><PerformanceInsightsRetentionPeriod>465\
    </PerformanceInsightsRetentionPeriod><MonitoringInterval>60</MonitoringInterval><MonitoringRoleArn>\
    arn:aws:iam::123456789012:role/m</MonitoringRoleArn><AssociatedRoles><DBClusterRole><RoleArn>\
    arn:aws:iam::123456789012:role/import</RoleArn><Status>ACTIVE</Status><FeatureName>s3Import</FeatureName>\
    </DBClusterRole></AssociatedRoles><ServerlessV2ScalingConfiguration><MinCapacity>0</MinCapacity><MaxCapacity>8\
    </MaxCapacity></ServerlessV2ScalingConfiguration><TagList><Tag><Key>Team</Key><Value>sre</Value></Tag><Tag>\
    <Key>aws:cloudformation:stack-name</Key><Value>s</Value></Tag></TagList><DBClusterMembers><DBClusterMember>\
    <DBInstanceIdentifier>orders-1</DBInstanceIdentifier><IsClusterWriter>true</IsClusterWriter>\
    <DBClusterParameterGroupStatus>pending-reboot</DBClusterParameterGroupStatus></DBClusterMember></DBClusterMembers>\
    <PendingModifiedValues><EngineVersion>16.6</EngineVersion><StorageType>aurora-iopt1</StorageType>\
    <PendingCloudwatchLogsExports><LogTypesToDisable><member>instance</member></LogTypesToDisable>\
    </PendingCloudwatchLogsExports></PendingModifiedValues><GlobalClusterIdentifier>world</GlobalClusterIdentifier>\
    <CharacterSetName>utf8</CharacterSetName><CustomEndpoints><member>readers</member></CustomEndpoints>\
    <ActivityStreamStatus>started</ActivityStreamStatus><ActivityStreamMode>async</ActivityStreamMode>\
    <DomainMemberships><DomainMembership><Domain>d-1</Domain></DomainMembership></DomainMemberships></DBCluster>";

/// Another cluster with the same groups.
const OTHER: &str = "<DBCluster><DBClusterIdentifier>other</DBClusterIdentifier><Engine>aurora-postgresql</Engine>\
    <DBSubnetGroup>orders</DBSubnetGroup><DBClusterParameterGroup>orders-16</DBClusterParameterGroup></DBCluster>";

const INSTANCES: &str = "<DBInstance><DBInstanceIdentifier>orders-1</DBInstanceIdentifier><DBClusterIdentifier>orders\
    </DBClusterIdentifier><DBInstanceStatus>available</DBInstanceStatus><DBInstanceClass>db.r6gd.large\
    </DBInstanceClass><AvailabilityZone>eu-central-1a</AvailabilityZone><PubliclyAccessible>true</PubliclyAccessible>\
    <PromotionTier>0</PromotionTier><AutoMinorVersionUpgrade>false</AutoMinorVersionUpgrade>\
    <PreferredMaintenanceWindow>sun:05:00-sun:06:00</PreferredMaintenanceWindow><CACertificateIdentifier>rds-ca-2019\
    </CACertificateIdentifier><DBParameterGroups><DBParameterGroup><DBParameterGroupName>own</DBParameterGroupName>\
    <ParameterApplyStatus>in-sync</ParameterApplyStatus></DBParameterGroup></DBParameterGroups>\
    <PerformanceInsightsEnabled>true</PerformanceInsightsEnabled><PerformanceInsightsRetentionPeriod>731\
    </PerformanceInsightsRetentionPeriod><MonitoringInterval>5</MonitoringInterval><MonitoringRoleArn>\
    arn:aws:iam::123456789012:role/m</MonitoringRoleArn><TagList><Tag><Key>Role</Key><Value>writer</Value></Tag>\
    </TagList><PendingModifiedValues><DBInstanceClass>db.r6gd.xlarge</DBInstanceClass><CACertificateIdentifier>\
    rds-ca-rsa2048-g1</CACertificateIdentifier></PendingModifiedValues></DBInstance>\
    <DBInstance><DBInstanceIdentifier>application-autoscaling-1</DBInstanceIdentifier><DBClusterIdentifier>orders\
    </DBClusterIdentifier><DBInstanceStatus>creating</DBInstanceStatus><DBInstanceClass>db.r6g.large</DBInstanceClass>\
    <AutoMinorVersionUpgrade>false</AutoMinorVersionUpgrade></DBInstance>\
    <DBInstance><DBInstanceIdentifier>plain</DBInstanceIdentifier><DBSubnetGroup><DBSubnetGroupName>orders\
    </DBSubnetGroupName></DBSubnetGroup></DBInstance>";

fn result(call: &str, inside: &str) -> &'static str {
    format!("<{call}Response><{call}Result>{inside}</{call}Result></{call}Response>").leak()
}

fn clusters(clusters: &str) -> Answer {
    let inside = format!("<DBClusters>{clusters}</DBClusters>");
    (200, "Action=DescribeDBClusters&", result("DescribeDBClusters", &inside))
}

fn instances(instances: &str) -> Answer {
    let inside = format!("<DBInstances>{instances}</DBInstances>");
    (200, "Action=DescribeDBInstances&", result("DescribeDBInstances", &inside))
}

fn subnet_group() -> Answer {
    let inside = "<DBSubnetGroups><DBSubnetGroup><DBSubnetGroupName>orders</DBSubnetGroupName><VpcId>vpc-1</VpcId>\
        <Subnets><Subnet><SubnetIdentifier>subnet-a</SubnetIdentifier></Subnet><Subnet><SubnetIdentifier>subnet-b\
        </SubnetIdentifier></Subnet></Subnets></DBSubnetGroup></DBSubnetGroups>";
    (200, "Action=DescribeDBSubnetGroups&", result("DescribeDBSubnetGroups", inside))
}

const OF_VPC: Answer = (
    200,
    "Action=DescribeSubnets&",
    "<DescribeSubnetsResponse><subnetSet><item><subnetId>subnet-a</subnetId></item><item><subnetId>subnet-b</subnetId>\
     </item><item><subnetId>subnet-c</subnetId></item></subnetSet></DescribeSubnetsResponse>",
);

fn parameter_group() -> [Answer; 2] {
    let group = "<DBClusterParameterGroups><DBClusterParameterGroup><DBClusterParameterGroupName>orders-16\
        </DBClusterParameterGroupName><DBParameterGroupFamily>aurora-postgresql16</DBParameterGroupFamily>\
        </DBClusterParameterGroup></DBClusterParameterGroups>";
    let parameters = "<Parameters><Parameter><ParameterName>log_statement</ParameterName><ParameterValue>ddl\
        </ParameterValue><Source>user</Source><ApplyType>dynamic</ApplyType></Parameter></Parameters>";
    [
        (200, "Action=DescribeDBClusterParameterGroups&", result("DescribeDBClusterParameterGroups", group)),
        (200, "Action=DescribeDBClusterParameters&", result("DescribeDBClusterParameters", parameters)),
    ]
}

fn error(action: &'static str, status: u16, code: &str) -> Answer {
    let text = format!("<ErrorResponse><Error><Code>{code}</Code><Message>m</Message></Error></ErrorResponse>");
    (status, action, text.leak())
}

async fn observe(depth: Depth, answers: &[Answer]) -> Observation<Value> {
    let mut scope = Scope::of(location());
    scope.ask("orders", depth);
    open(&Replay::coded(answers)).await.observe(KIND, scope).await.unwrap()
}

/// Reads the whole cluster. Asserts law 11 too: the spec written from the model has the model.
async fn whole(answers: &[Answer]) -> LiveResource<Value> {
    let found = observe(Depth::Whole, answers).await;
    let seen = found.resources.into_iter().next().unwrap_or_else(|| panic!("{:?}", found.gaps));
    let written = REGISTRY.of(KIND).write(&seen.model).unwrap().unwrap();
    let wanted = spec(&format!("{KIND}:\n  orders:\n{}", yaml(&written, 4)));
    let [desired, live] = [&wanted.wants[0].model, &seen.model].map(|model| REGISTRY.of(KIND).relevant(None, model));
    assert_eq!(desired, live);
    seen
}

async fn full() -> LiveResource<Value> {
    let [group, parameters] = parameter_group();
    whole(&[clusters(&[FULL, OTHER].concat()), instances(INSTANCES), subnet_group(), OF_VPC, group, parameters]).await
}

fn diff_of(fields: &str, live: &LiveResource<Value>, is_adopted: bool) -> Draft {
    let fields = format!("engine: aurora-postgresql, master_username: root, {fields}");
    let wanted = spec(&format!("{KIND}:\n  orders: {{{fields}}}\n"));
    let context = DiffContext { is_adopted, ..DiffContext::default() };
    REGISTRY.of(KIND).diff(&wanted.wants[0].model, Some(live), &context).unwrap()
}

fn diff(fields: &str, live: &LiveResource<Value>) -> Draft {
    diff_of(fields, live, false)
}

/// Returns the remark of the first difference.
fn remark(draft: &Draft) -> &str {
    draft.fields[0].note.as_deref().unwrap_or_default()
}

/// Changes of the version, storage type, log exports, class and CA wait for the maintenance window. They were requested,
/// so the model has their new values.
#[tokio::test]
async fn a_cluster_with_every_setting_is_read_and_written() {
    let live = full().await;
    let model = &live.model;
    assert_eq!((&model["engine_version"], &model["storage_type"]), (&json!("16.6"), &json!("aurora-iopt1")));
    assert_eq!(model["log_exports"], json!(["postgresql"]));
    assert_eq!(model["serverless"], json!({"min": 0.0, "max": 8.0, "pause_after_seconds": 300}));
    assert_eq!(model["roles"][0]["feature"], "s3Import");
    assert_eq!(model["tags"], json!({"Team": "sre"}));
    assert_eq!((&model["auto_minor_version_upgrade"], &model["local_write_forwarding"]), (&json!(false), &json!(true)));
    assert_eq!(model["parameter_group"]["parameters"], json!({"log_statement": "ddl"}));
    let member = &model["instances"]["orders-1"];
    assert_eq!((&member["class"], &member["ca_certificate"]), (&json!("db.r6gd.xlarge"), &json!("rds-ca-rsa2048-g1")));
    assert_eq!((&member["publicly_accessible"], &member["parameter_group"]), (&json!(true), &json!("own")));
    assert_eq!(model["instances"].as_object().unwrap().len(), 1);
    let extras: Vec<&str> = live.extras.iter().map(|extra| extra.path.as_str()).collect();
    let scaled = "scaled_instances.application-autoscaling-1";
    assert_eq!(extras, ["global_cluster", "character_set", "activity_stream", "domain", "custom_endpoints", scaled]);
    let draft = diff("deletion_protection: true", &live);
    assert!(draft.fields.is_empty(), "{:?}", draft.fields);
    let waiting: Vec<&str> = draft.waiting.iter().map(|waiting| waiting.what.as_str()).collect();
    for named in ["engine_version 16.6", "aurora-iopt1", "class db.r6gd.xlarge", "instance orders-1 restarts"] {
        assert!(waiting.iter().any(|what| what.contains(named)), "{named} is not in {waiting:?}");
    }
}

/// RDS omits members that were never set, and some while it creates a cluster.
#[tokio::test]
async fn what_rds_omits_is_its_default() {
    let bare = "<DBCluster><DBClusterIdentifier>orders</DBClusterIdentifier><Engine>aurora-postgresql</Engine>\
        <MasterUsername>root</MasterUsername></DBCluster>";
    let member = "<DBInstance><DBInstanceIdentifier>orders-1</DBInstanceIdentifier><DBClusterIdentifier>orders\
        </DBClusterIdentifier><DBInstanceClass>db.r6g.large</DBInstanceClass></DBInstance>";
    let found = observe(Depth::Whole, &[clusters(bare), instances(member)]).await;
    let live = &found.resources[0];
    let written = REGISTRY.of(KIND).write(&live.model).unwrap().unwrap();
    let wanted = spec(&format!("{KIND}:\n  orders:\n{}", yaml(&written, 4)));
    let draft = REGISTRY.of(KIND).diff(&wanted.wants[0].model, Some(live), &DiffContext::default()).unwrap();
    assert!(draft.fields.is_empty() && draft.blocked.is_empty(), "{draft:?}");
    assert_eq!((&live.model["backup_days"], &live.model["storage_type"]), (&json!(1), &json!("aurora")));
    let fields = "backup_days: 1, storage_type: aurora, iam_auth: false, data_api: false, network_type: IPV4, \
        database_insights: standard, roles: [], log_exports: [], monitoring: unset, auto_minor_version_upgrade: true, \
        storage_encrypted: false, deletion_protection: false, instances: {orders-1: {class: db.r6g.large}}";
    let wanted = spec(&format!("{KIND}:\n  orders: {{engine: aurora-postgresql, master_username: root, {fields}}}\n"));
    let draft = REGISTRY.of(KIND).diff(&wanted.wants[0].model, Some(live), &DiffContext::default()).unwrap();
    assert!(draft.fields.is_empty() && draft.blocked.is_empty(), "{draft:?}");
}

#[tokio::test]
async fn an_unknown_value_makes_the_cluster_a_gap() {
    let with = |inside: &str| {
        format!(
            "<DBCluster><DBClusterIdentifier>orders</DBClusterIdentifier><Engine>aurora-mysql</Engine>{inside}</DBCluster>"
        )
    };
    for inside in [
        "<LocalWriteForwardingStatus>sometimes</LocalWriteForwardingStatus>",
        "<ServerlessV2ScalingConfiguration><MinCapacity>1</MinCapacity></ServerlessV2ScalingConfiguration>",
    ] {
        let found = observe(Depth::existence(), &[clusters(&with(inside)), instances("")]).await;
        assert_eq!(found.gaps[0].1.class, FailureClass::Unknown, "{inside}");
    }
}

/// The groups of a cluster are never taken for "not set".
#[tokio::test]
async fn a_group_that_cannot_be_read_makes_the_cluster_a_gap() {
    let [group, parameters] = parameter_group();
    let ok = [clusters(FULL), instances(INSTANCES), subnet_group(), OF_VPC, group, parameters];
    for (status, code, class) in
        [(404, "DBSubnetGroupNotFoundFault", FailureClass::NotFound), (403, "AccessDenied", FailureClass::Denied)]
    {
        let mut answers = ok;
        answers[2] = error("Action=DescribeDBSubnetGroups&", status, code);
        assert_eq!(observe(Depth::Whole, &answers).await.gaps[0].1.class, class, "{code}");
    }
    for (status, code, class) in
        [(404, "DBParameterGroupNotFound", FailureClass::NotFound), (403, "AccessDenied", FailureClass::Denied)]
    {
        let mut answers = ok;
        answers[4] = error("Action=DescribeDBClusterParameterGroups&", status, code);
        assert_eq!(observe(Depth::Whole, &answers).await.gaps[0].1.class, class, "{code}");
    }
}

/// DescribeDBClusters also returns clusters of other services
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBClusters.html>).
#[tokio::test]
async fn a_cluster_of_another_engine_is_never_taken_for_ours() {
    let named = |id: &str, inside: &str| {
        format!("<DBCluster><DBClusterIdentifier>{id}</DBClusterIdentifier>{inside}</DBCluster>")
    };
    let all = [
        named("docs", "<Engine>docdb</Engine>"),
        named("graph", "<Engine>neptune</Engine>"),
        named("plain", "<Engine>postgres</Engine>"),
        named("old", "<Engine>aurora-mysql</Engine><EngineMode>serverless</EngineMode>"),
    ];
    let replay = || Replay::coded(&[clusters(&all.concat()), instances("")]);
    let mut scope = Scope::of(location());
    scope.everything = Some(Depth::existence());
    let found = open(&replay()).await.observe(KIND, scope).await.unwrap();
    assert!(found.resources.is_empty() && found.gaps.is_empty(), "{found:?}");
    for (name, named) in [("docs", "docdb"), ("plain", "postgres"), ("old", "Serverless v1")] {
        let mut scope = Scope::of(location());
        scope.ask(name, Depth::existence());
        let found = open(&replay()).await.observe(KIND, scope).await.unwrap();
        let [(gap, failure)] = found.gaps.as_slice() else { panic!("{:?}", found.gaps) };
        assert!(gap == name && failure.to_string().contains(named), "{failure}");
    }
}

/// RDS changes a port at once, also without ApplyImmediately
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Modifying.html>).
#[tokio::test]
async fn what_interrupts_the_database_at_once_needs_a_flag() {
    let live = full().await;
    for (fields, interruptions, named) in [
        ("port: 5434", 1, "restarts at once"),
        ("data_api: false", 1, "fail at once"),
        ("network_type: IPV4", 0, "in the maintenance window"),
        ("network_type: IPV4, apply_immediately: true", 1, "changes at once"),
        ("engine_version: '16.8'", 0, "in the maintenance window"),
        ("engine_version: '16.8', apply_immediately: true", 1, "changes at once"),
        // The instances have an Optimized Reads class.
        ("storage_type: aurora, apply_immediately: true", 1, "changes at once"),
        ("storage_type: aurora", 0, "in the maintenance window"),
        ("backup_days: 15, apply_immediately: true", 0, ""),
        ("parameter_group: {name: new, family: aurora-postgresql16}", 0, "reboot them"),
    ] {
        let draft = diff(fields, &live);
        assert_eq!(draft.interrupts.len(), interruptions, "{fields}: {:?}", draft.interrupts);
        assert!(remark(&draft).contains(named), "{fields}: {:?}", draft.fields);
    }
    let instance = |fields: &str| format!("instances: {{orders-1: {{class: db.r6gd.xlarge, {fields}}}}}");
    let draft = diff(&instance("publicly_accessible: false"), &live);
    assert!(draft.interrupts[0].contains("from outside the VPC"), "{:?}", draft.interrupts);
    let public = instance("publicly_accessible: true, waiver: w, ca_certificate: rds-ca-ecc384-g1");
    assert!(remark(&diff(&public, &live)).contains("in the maintenance window"));
    assert_eq!(diff(&format!("{public}, apply_immediately: true"), &live).interrupts.len(), 1);
}

#[tokio::test]
async fn what_rds_cannot_change_is_blocked() {
    let live = full().await;
    for (fields, named) in [
        ("engine_version: '17'", "major version"),
        ("engine_version: '16.3'", "older version"),
        ("database: other", "in place"),
        ("subnet_group: {name: new}", "subnet group"),
        ("managed_password: false", "Secrets Manager"),
        ("parameter_group: {name: orders-16, family: aurora-postgresql17}", "family"),
        ("serverless: unset", "capacity range"),
    ] {
        let draft = diff(fields, &live);
        assert!(draft.blocked.iter().any(|why| why.contains(named)), "{fields}: {:?}", draft.blocked);
    }
    let stopped = FULL.replace("<Status>available</Status><Engine>", "<Status>stopped</Status><Engine>");
    let found = observe(Depth::existence(), &[clusters(&stopped), instances(INSTANCES)]).await;
    for fields in ["backup_days: 3", "data_api: false", "roles: []", "instances: {new: {class: db.r6g.large}}"] {
        let draft = diff(fields, &found.resources[0]);
        assert!(draft.blocked.iter().any(|why| why.contains("is stopped")), "{fields}: {:?}", draft.blocked);
    }
}

#[tokio::test]
async fn what_somebody_else_set_on_the_cluster_is_removed_only_with_a_flag() {
    let live = full().await;
    for (fields, named) in [
        ("security_groups: [sg-1]", "sg-2"),
        ("log_exports: []", "'postgresql'"),
        ("roles: []", "role/import"),
        ("subnet_group: {name: orders, subnets: [subnet-a, subnet-c]}", "subnet-b"),
    ] {
        let draft = diff_of(fields, &live, true);
        assert!(draft.deletes.len() == 1 && draft.deletes[0].contains(named), "{fields}: {:?}", draft.deletes);
        assert!(diff(fields, &live).deletes.is_empty(), "{fields}");
    }
    let draft = diff_of("security_groups: [sg-1, sg-2, sg-3]", &live, true);
    assert!(draft.deletes.is_empty(), "{:?}", draft.deletes);
}

/// Other clusters may use the same groups.
#[tokio::test]
async fn a_change_of_a_shared_group_names_who_uses_it_too() {
    let live = full().await;
    let fields = "parameter_group: {name: orders-16, family: aurora-postgresql16, parameters: {log_statement: all}}";
    let draft = diff(fields, &live);
    assert!(remark(&draft).contains("other use this group too"), "{:?}", draft.fields);
    let draft = diff("subnet_group: {name: orders, subnets: [subnet-a]}", &live);
    assert!(remark(&draft).contains("other, plain use this group too"), "{:?}", draft.fields);
}

/// RDS accepts `immediate` for dynamic parameters only, and 20 parameters in one request
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBClusterParameterGroup.html>).
#[tokio::test]
async fn dynamic_parameters_are_applied_at_once_in_requests_of_20() {
    let types = "<DescribeDBClusterParametersResponse><DescribeDBClusterParametersResult><Parameters><Parameter>\
        <ParameterName>p00</ParameterName><ApplyType>dynamic</ApplyType></Parameter><Parameter><ParameterName>p01\
        </ParameterName><ApplyType>static</ApplyType></Parameter></Parameters></DescribeDBClusterParametersResult>\
        </DescribeDBClusterParametersResponse>";
    let done = "<ModifyDBClusterParameterGroupResponse><ModifyDBClusterParameterGroupResult/>\
        </ModifyDBClusterParameterGroupResponse>";
    let replay = Replay::new(&[(200, types), (200, done), (200, done)]);
    let parameters: serde_json::Map<_, _> = (0..21).map(|number| (format!("p{number:02}"), json!("1"))).collect();
    let op = json!({"ModifyDBClusterParameterGroup": {"name": "g", "parameters": parameters}});
    run(&replay, "rds.cluster", op).await.unwrap();
    let requests = replay.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests[1].contains("Parameters.Parameter.1.ApplyMethod=immediate"), "{}", requests[1]);
    assert!(requests[1].contains("Parameters.Parameter.2.ApplyMethod=pending-reboot"), "{}", requests[1]);
    assert!(requests[2].contains("Parameters.Parameter.1.ParameterName=p20"), "{}", requests[2]);
}

/// An earlier attempt, of which the answer was lost, had the effect.
#[tokio::test]
async fn what_exists_or_is_gone_already_is_done() {
    let role = json!({"role": "arn:aws:iam::123456789012:role/r"});
    for (action, status, code, op) in [
        ("Action=AddRoleToDBCluster&", 400, "DBClusterRoleAlreadyExists", json!({"AddRoleToDBCluster": role})),
        ("Action=RemoveRoleFromDBCluster&", 404, "DBClusterRoleNotFound", json!({"RemoveRoleFromDBCluster": role})),
        ("Action=CreateDBCluster&", 400, "DBClusterAlreadyExistsFault", json!({"CreateDBCluster": {}})),
    ] {
        run(&Replay::coded(&[error(action, status, code)]), KIND, op).await.unwrap();
    }
    let quota = error("Action=CreateDBCluster&", 403, "DBClusterQuotaExceededFault");
    let failure = run(&Replay::coded(&[quota]), KIND, json!({"CreateDBCluster": {}})).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Invalid);
}

/// A subnet group of the same name may be one of another VPC.
#[tokio::test]
async fn a_subnet_group_with_other_subnets_is_never_used() {
    let exists = || error("Action=CreateDBSubnetGroup&", 400, "DBSubnetGroupAlreadyExists");
    let create = |subnets: Value| json!({"CreateDBSubnetGroup": {"name": "orders", "subnets": subnets}});
    let same = create(json!(["subnet-a", "subnet-b"]));
    run(&Replay::coded(&[exists(), subnet_group()]), KIND, same).await.unwrap();
    let other = create(json!(["subnet-a", "subnet-c"]));
    let failure = run(&Replay::coded(&[exists(), subnet_group()]), KIND, other).await.unwrap_err();
    assert!(failure.message.contains("(subnet-a, subnet-b)"), "{failure}");
}

/// RDS keeps what a request omits. It changes the mode of Database Insights only together with Performance Insights
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBCluster.html>).
#[tokio::test]
async fn a_change_sends_the_changed_settings_only() {
    let live = full().await;
    let draft = diff("database_insights: standard, log_exports: [instance], backup_days: 21", &live);
    let [step] = draft.steps.as_slice() else { panic!("{:?}", draft.steps) };
    let replay = Replay::new(&[(200, result("ModifyDBCluster", ""))]);
    run(&replay, KIND, step.op.clone()).await.unwrap();
    let request = &replay.requests()[0];
    let (_, form) = request.split_once("Version=2014-10-31").unwrap();
    let mut sent: Vec<&str> = form.split('&').filter(|text| !text.is_empty()).collect();
    sent.sort_unstable();
    assert_eq!(
        sent,
        [
            "ApplyImmediately=false",
            "BackupRetentionPeriod=21",
            "CloudwatchLogsExportConfiguration.DisableLogTypes.member.1=postgresql",
            "CloudwatchLogsExportConfiguration.EnableLogTypes.member.1=instance",
            "DBClusterIdentifier=data-bucket",
            "DatabaseInsightsMode=standard",
            "EnablePerformanceInsights=true",
            "PerformanceInsightsKMSKeyId=arn%3Aaws%3Akms%3Aeu-central-1%3A123456789012%3Akey%2F3",
            "PerformanceInsightsRetentionPeriod=465",
        ]
    );
}

#[tokio::test]
async fn a_shorter_backup_retention_deletes_backups() {
    let live = full().await;
    assert_eq!(diff("backup_days: 7", &live).deletes, ["automated backups older than 7 days are deleted"]);
    assert!(diff("backup_days: 21", &live).deletes.is_empty());
}

/// A copy has no secret of the source, nothing of the source's region, and no tags that others set themselves.
#[tokio::test]
async fn a_copy_names_what_it_leaves_out() {
    let live = full().await;
    let wanted = spec(&format!("{KIND}:\n  copy: {{like: us-east-1/orders, deletion_protection: false}}\n"));
    let (model, left) = REGISTRY.of(KIND).follow(&wanted.wants[0].model, &live, &location()).unwrap();
    let model = model.unwrap();
    for field in ["kms_key", "secret_kms_key", "subnet_group", "security_groups", "roles"] {
        assert!(model.get(field).is_none(), "{field}: {}", model[field]);
    }
    assert_eq!(model["tags"], json!({"Team": "sre", "regionctl:source": "eu-central-1"}));
    assert_eq!((&model["backup_window"], &model["log_exports"]), (&json!("02:00-03:00"), &json!(["postgresql"])));
    let member = &model["instances"]["orders-1"];
    assert_eq!((&member["publicly_accessible"], &member["promotion_tier"]), (&json!(false), &json!(0)));
    for named in [
        "subnet group 'orders'",
        "security groups",
        "the KMS key belongs",
        "KMS key of the secret",
        "KMS key of Performance Insights",
        "role/import",
        "application-autoscaling-1",
        "global cluster 'world'",
        "parameter group 'own'",
        "is publicly accessible",
    ] {
        assert!(left.iter().any(|what| what.contains(named)), "{named} is not in {left:?}");
    }
    let restored = format!("{KIND}:\n  copy: {{like: us-east-1/orders, restore_from: s}}\n");
    let (model, _) = REGISTRY.of(KIND).follow(&spec(&restored).wants[0].model, &live, &location()).unwrap();
    let model = model.unwrap();
    for field in ["master_username", "database", "storage_encrypted"] {
        assert!(model.get(field).is_none(), "{field}");
    }
}

/// Returns why a new cluster cannot be created.
fn never_made(fields: &str) -> Vec<String> {
    let wanted = spec(&format!("{KIND}:\n  new: {{engine: aurora-postgresql, {fields}}}\n"));
    REGISTRY.of(KIND).diff(&wanted.wants[0].model, None, &DiffContext::default()).unwrap().blocked
}

#[test]
fn a_cluster_that_rds_would_not_create_is_blocked() {
    let serverless = "master_username: root, instances: {new-1: {class: db.serverless}}";
    assert!(never_made(serverless)[0].contains("`serverless:`"));
    assert!(never_made(&format!("{serverless}, serverless: {{min: 1, max: 2}}")).is_empty());
    assert!(never_made("master_username: root, managed_password: false")[0].contains("never has a password"));
    assert!(never_made("restore_from: s, managed_password: false").is_empty());
}
