// SPDX-License-Identifier: Apache-2.0
//! RDS: clusters, instances, subnet groups and parameter groups. Clusters and instances are `creating` for a moment.

use winterbaume_core::{MockRequest, MockResponse};

use super::{FakeState, Form, Records, element, list, now, tag};
use crate::ACCOUNT;

/// How long a cluster or instance is `creating` or `modifying`, in seconds. In AWS it is many minutes.
const CHANGE_SECONDS: f64 = 0.7;

pub(super) fn answer(memory: &FakeState, region: &str, request: &MockRequest) -> Option<MockResponse> {
    let form = Form::of(request);
    let action = form.get("Action")?.to_owned();
    let done = memory.with(region, |records| Rds { records, region, form }.act(&action))?;
    Some(match done {
        Ok(result) => MockResponse::xml(
            200,
            format!("<{action}Response><{action}Result>{result}</{action}Result></{action}Response>"),
        ),
        Err((code, message)) => {
            let status = if code.contains("NotFound") { 404 } else { 400 };
            MockResponse::xml(
                status,
                format!(
                    "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
                ),
            )
        }
    })
}

type Done = Result<String, (&'static str, String)>;

struct Rds<'a> {
    records: &'a mut Records,
    region: &'a str,
    form: Form,
}

const CLUSTER: &str = "DBClusterIdentifier";
const INSTANCE: &str = "DBInstanceIdentifier";
const SUBNET_GROUP: &str = "DBSubnetGroupName";
const PARAMETER_GROUP: &str = "DBClusterParameterGroupName";

impl Rds<'_> {
    fn act(mut self, action: &str) -> Option<Done> {
        Some(match action {
            "CreateDBCluster" => self.create_cluster(),
            "RestoreDBClusterFromSnapshot" => self.restore(),
            "EnableHttpEndpoint" => self.set_data_api("true"),
            "DisableHttpEndpoint" => self.set_data_api("false"),
            "AddRoleToDBCluster" => self.set_role(true),
            "RemoveRoleFromDBCluster" => self.set_role(false),
            "RemoveTagsFromResource" => self.untag(),
            "ModifyDBCluster" => self.modify(CLUSTER),
            "DescribeDBClusters" => self.describe("DBClusters", "DBCluster", CLUSTER),
            "CreateDBInstance" => self.create_instance(),
            "ModifyDBInstance" => self.modify(INSTANCE),
            "DescribeDBInstances" => self.describe("DBInstances", "DBInstance", INSTANCE),
            "CreateDBSubnetGroup" => self.create(SUBNET_GROUP, "DBSubnetGroupAlreadyExists"),
            "ModifyDBSubnetGroup" => self.modify(SUBNET_GROUP),
            "DescribeDBSubnetGroups" => self.describe("DBSubnetGroups", "DBSubnetGroup", SUBNET_GROUP),
            "CreateDBClusterParameterGroup" => self.create(PARAMETER_GROUP, "DBParameterGroupAlreadyExists"),
            "DescribeDBClusterParameterGroups" => {
                self.describe("DBClusterParameterGroups", "DBClusterParameterGroup", PARAMETER_GROUP)
            }
            "ModifyDBClusterParameterGroup" => self.set_parameters(),
            "ResetDBClusterParameterGroup" => self.reset_parameters(),
            "DescribeDBClusterParameters" => self.parameters(),
            "DescribeDBClusterSnapshots" => Ok(snapshot(self.form.text("DBClusterSnapshotIdentifier"))),
            "AddTagsToResource" => self.tag(),
            _ => return None,
        })
    }

    fn key(kind: &str, name: &str) -> String {
        format!("rds/{kind}/{name}")
    }

    fn existing(&self, kind: &str, name: &str) -> Result<Form, (&'static str, String)> {
        let found = self.records.get(&Self::key(kind, name)).map(Form::kept);
        found.ok_or_else(|| (missing(kind), format!("{name} not found.")))
    }

    fn keep(&mut self, kind: &str, name: &str, resource: &Form) {
        self.records.insert(Self::key(kind, name), resource.keep());
    }

    fn create(&mut self, kind: &str, exists: &'static str) -> Done {
        let name = self.form.text(kind).to_owned();
        if self.records.contains_key(&Self::key(kind, &name)) {
            return Err((exists, format!("{name} already exists.")));
        }
        self.form.set("At", now().to_string());
        let resource = Form(self.form.0.clone());
        self.keep(kind, &name, &resource);
        Ok(String::new())
    }

    fn create_cluster(&mut self) -> Done {
        for (kind, name) in
            [(SUBNET_GROUP, self.form.get(SUBNET_GROUP)), (PARAMETER_GROUP, self.form.get(PARAMETER_GROUP))]
        {
            if let Some(name) = name.filter(|name| !name.starts_with("default")) {
                self.existing(kind, name)?;
            }
        }
        if self.form.get("ManageMasterUserPassword").is_none() && self.form.get("MasterUserPassword").is_none() {
            return Err(("InvalidParameterCombination", "a password or ManageMasterUserPassword is needed".to_owned()));
        }
        self.create(CLUSTER, "DBClusterAlreadyExistsFault")
    }

    /// A restored cluster has the snapshot's master user and its password, which is not in Secrets Manager
    /// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBClusterFromSnapshot.html>).
    fn restore(&mut self) -> Done {
        self.form.set("MasterUsername", "root");
        self.form.set("StorageEncrypted", "true");
        self.create(CLUSTER, "DBClusterAlreadyExistsFault")
    }

    fn set_data_api(&mut self, on: &str) -> Done {
        let name = self.form.text("ResourceArn").rsplit(':').next().unwrap_or_default().to_owned();
        let mut cluster = self.existing(CLUSTER, &name)?;
        cluster.set("EnableHttpEndpoint", on);
        self.keep(CLUSTER, &name, &cluster);
        Ok(String::new())
    }

    /// Adds or removes a role. A cluster that is not `available` refuses it
    /// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_AddRoleToDBCluster.html>).
    fn set_role(&mut self, is_added: bool) -> Done {
        let name = self.form.text(CLUSTER).to_owned();
        let mut cluster = self.existing(CLUSTER, &name)?;
        if status(&cluster) != "available" {
            return Err(("InvalidDBClusterStateFault", format!("{name} is not available.")));
        }
        let role = format!("role {} {}", self.form.text("FeatureName"), self.form.text("RoleArn"));
        let is_there = cluster.get(&role).is_some();
        if is_added && is_there {
            return Err(("DBClusterRoleAlreadyExists", format!("{role} already exists.")));
        }
        if !is_added && !is_there {
            return Err(("DBClusterRoleNotFound", format!("{role} not found.")));
        }
        if is_added {
            cluster.set(&role, "ACTIVE");
        } else {
            cluster.0.remove(&role);
        }
        self.keep(CLUSTER, &name, &cluster);
        Ok(String::new())
    }

    fn create_instance(&mut self) -> Done {
        self.existing(CLUSTER, self.form.text(CLUSTER))?;
        self.create(INSTANCE, "DBInstanceAlreadyExists")
    }

    /// Sets the parameters of the request. A cluster or instance that is not `available` refuses changes
    /// (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBCluster.html>).
    fn modify(&mut self, kind: &str) -> Done {
        let name = self.form.text(kind).to_owned();
        let mut resource = self.existing(kind, &name)?;
        let timed = matches!(kind, CLUSTER | INSTANCE);
        if timed && status(&resource) != "available" {
            let code = if kind == CLUSTER { "InvalidDBClusterStateFault" } else { "InvalidDBInstanceState" };
            return Err((code, format!("{name} is not available.")));
        }
        for prefix in ["SubnetIds.SubnetIdentifier", "VpcSecurityGroupIds.VpcSecurityGroupId"] {
            let values = self.form.list(prefix);
            if !values.is_empty() {
                resource.set_list(prefix, &values);
            }
        }
        // ModifyDBCluster adds and removes log exports; the others stay.
        let logs = "EnableCloudwatchLogsExports.member";
        let mut exported = resource.list(logs);
        exported.extend(self.form.list("CloudwatchLogsExportConfiguration.EnableLogTypes.member"));
        let stopped = self.form.list("CloudwatchLogsExportConfiguration.DisableLogTypes.member");
        exported.retain(|log| !stopped.contains(log));
        exported.sort();
        exported.dedup();
        resource.set_list(logs, &exported);
        let plain = self.form.0.iter().filter(|(name, _)| !name.ends_with(|letter: char| letter.is_ascii_digit()));
        resource.0.extend(plain.map(|(name, value)| (name.clone(), value.clone())));
        resource.set("Changed", now().to_string());
        self.keep(kind, &name, &resource);
        Ok(String::new())
    }

    fn describe(&self, name: &str, item: &str, kind: &str) -> Done {
        let asked = self.form.get(kind);
        if let Some(asked) = asked {
            self.existing(kind, asked)?;
        }
        let of_cluster = self.form.filter("Filters.Filter", "Values.Value", "db-cluster-id");
        let prefix = Self::key(kind, "");
        let all =
            self.records.iter().filter(|(key, _)| key.starts_with(&prefix)).map(|(_, resource)| Form::kept(resource));
        let shown = all
            .filter(|resource| asked.is_none_or(|asked| resource.text(kind) == asked))
            .filter(|resource| of_cluster.as_ref().is_none_or(|ids| ids.iter().any(|id| id == resource.text(CLUSTER))));
        Ok(list(name, item, shown.map(|resource| self.show(kind, &resource))))
    }

    fn show(&self, kind: &str, resource: &Form) -> String {
        let plain = |names: &[(&str, &str)]| -> String {
            names.iter().map(|(shown, parameter)| element(shown, resource.get(parameter))).collect()
        };
        let tags = resource.pairs("Tags.Tag", "Key", "Value");
        let tags = tags.iter().map(|(key, value)| element("Key", Some(key)) + &element("Value", Some(value)));
        let tags = list("TagList", "Tag", tags);
        match kind {
            CLUSTER => self.show_cluster(resource, &plain(&CLUSTER_FIELDS)) + &tags,
            INSTANCE => {
                let fields = plain(&[
                    (INSTANCE, INSTANCE),
                    (CLUSTER, CLUSTER),
                    ("DBInstanceClass", "DBInstanceClass"),
                    ("Engine", "Engine"),
                ]);
                let status = element("DBInstanceStatus", Some(status(resource)));
                let or = |parameter: &str, default: &str| {
                    element(parameter, Some(resource.get(parameter).unwrap_or(default)))
                };
                let group = resource.get("DBParameterGroupName").unwrap_or("default.aurora16");
                let group = element("DBParameterGroupName", Some(group))
                    + "<ParameterApplyStatus>in-sync</ParameterApplyStatus>";
                [
                    fields,
                    status,
                    or("AutoMinorVersionUpgrade", "true"),
                    or("AvailabilityZone", &format!("{}a", self.region)),
                    or("PubliclyAccessible", "false"),
                    or("PromotionTier", "1"),
                    or("PreferredMaintenanceWindow", "sun:05:00-sun:05:30"),
                    or("CACertificateIdentifier", "rds-ca-rsa2048-g1"),
                    list("DBParameterGroups", "DBParameterGroup", [group]),
                    insights(resource),
                    tags,
                ]
                .concat()
            }
            SUBNET_GROUP => {
                let subnets = resource.list("SubnetIds.SubnetIdentifier");
                let subnets = subnets.iter().map(|id| element("SubnetIdentifier", Some(id)));
                plain(&[(SUBNET_GROUP, SUBNET_GROUP)]) + &list("Subnets", "Subnet", subnets)
            }
            _ => plain(&[(PARAMETER_GROUP, PARAMETER_GROUP), ("DBParameterGroupFamily", "DBParameterGroupFamily")]),
        }
    }

    fn show_cluster(&self, resource: &Form, fields: &str) -> String {
        let name = resource.text(CLUSTER);
        let or = |parameter: &str, default: &str| resource.get(parameter).unwrap_or(default).to_owned();
        let postgres = resource.text("Engine").contains("postgresql");
        let groups = resource.list("VpcSecurityGroupIds.VpcSecurityGroupId");
        let groups = groups.iter().map(|id| element("VpcSecurityGroupId", Some(id)) + "<Status>active</Status>");
        let logs = resource.list("EnableCloudwatchLogsExports.member");
        let roles = resource.0.keys().filter_map(|name| name.strip_prefix("role ")?.split_once(' '));
        let roles = roles.map(|(feature, role)| {
            element("RoleArn", Some(role))
                + "<Status>ACTIVE</Status>"
                + &element("FeatureName", Some(feature).filter(|it| !it.is_empty()))
        });
        let managed = resource.text("ManageMasterUserPassword") == "true";
        let key = or("MasterUserSecretKmsKeyId", "arn:aws:kms:eu-central-1:123456789012:key/secretsmanager");
        let secret = format!("<MasterUserSecret>{}</MasterUserSecret>", element("KmsKeyId", Some(&key)));
        let forwards = if resource.text("EnableLocalWriteForwarding") == "true" { "enabled" } else { "disabled" };
        let default_group = format!("default.{}16", resource.text("Engine"));
        let minimum = resource.get("ServerlessV2ScalingConfiguration.MinCapacity");
        let maximum = resource.get("ServerlessV2ScalingConfiguration.MaxCapacity");
        let scaling = minimum.zip(maximum).map(|(minimum, maximum)| {
            let pause = resource.get("ServerlessV2ScalingConfiguration.SecondsUntilAutoPause");
            let inside = element("MinCapacity", Some(minimum)) + &element("MaxCapacity", Some(maximum));
            let inside = inside + &element("SecondsUntilAutoPause", pause);
            format!("<ServerlessV2ScalingConfiguration>{inside}</ServerlessV2ScalingConfiguration>")
        });
        let defaults = CLUSTER_DEFAULTS.map(|(shown, sent, default)| element(shown, Some(&or(sent, default))));
        [
            fields.to_owned(),
            element("DBClusterArn", Some(&format!("arn:aws:rds:{}:{ACCOUNT}:cluster:{name}", self.region))),
            element("Status", Some(status(resource))),
            element("EngineVersion", Some(&or("EngineVersion", "16.4"))),
            element("Port", Some(&or("Port", if postgres { "5432" } else { "3306" }))),
            element("DBSubnetGroup", Some(&or(SUBNET_GROUP, "default"))),
            element("DBClusterParameterGroup", Some(&or(PARAMETER_GROUP, &default_group))),
            list("VpcSecurityGroups", "VpcSecurityGroupMembership", groups),
            list("EnabledCloudwatchLogsExports", "member", logs),
            element("EngineMode", Some("provisioned")),
            element("LocalWriteForwardingStatus", Some(forwards)),
            defaults.concat(),
            list("AssociatedRoles", "DBClusterRole", roles),
            if managed { secret } else { String::new() },
            insights(resource),
            scaling.unwrap_or_default(),
        ]
        .concat()
    }

    fn set_parameters(&mut self) -> Done {
        let name = self.form.text(PARAMETER_GROUP).to_owned();
        let mut group = self.existing(PARAMETER_GROUP, &name)?;
        for (parameter, value) in self.form.pairs("Parameters.Parameter", "ParameterName", "ParameterValue") {
            group.set(&format!("parameter {parameter}"), value);
        }
        self.keep(PARAMETER_GROUP, &name, &group);
        Ok(String::new())
    }

    fn reset_parameters(&mut self) -> Done {
        let name = self.form.text(PARAMETER_GROUP).to_owned();
        let mut group = self.existing(PARAMETER_GROUP, &name)?;
        for (parameter, _) in self.form.pairs("Parameters.Parameter", "ParameterName", "ApplyMethod") {
            group.0.remove(&format!("parameter {parameter}"));
        }
        self.keep(PARAMETER_GROUP, &name, &group);
        Ok(String::new())
    }

    fn parameters(&self) -> Done {
        let group = self.existing(PARAMETER_GROUP, self.form.text(PARAMETER_GROUP))?;
        let set = group.0.iter().filter_map(|(name, value)| Some((name.strip_prefix("parameter ")?, value)));
        let shown = set.map(|(name, value)| {
            element("ParameterName", Some(name)) + &element("ParameterValue", Some(value)) + "<Source>user</Source>"
        });
        Ok(list("Parameters", "Parameter", shown))
    }

    fn untag(&mut self) -> Done {
        let arn = self.form.text("ResourceName").to_owned();
        let mut parts = arn.rsplit(':');
        let name = parts.next().unwrap_or_default().to_owned();
        let kind = if parts.next() == Some("db") { INSTANCE } else { CLUSTER };
        let mut resource = self.existing(kind, &name)?;
        let keys = self.form.list("TagKeys.member");
        let mut kept = resource.pairs("Tags.Tag", "Key", "Value");
        kept.retain(|(key, _)| !keys.contains(key));
        resource.0.retain(|name, _| !name.starts_with("Tags.Tag."));
        tag(&mut resource, "Tags.Tag", kept);
        self.keep(kind, &name, &resource);
        Ok(String::new())
    }

    fn tag(&mut self) -> Done {
        let arn = self.form.text("ResourceName").to_owned();
        let mut parts = arn.rsplit(':');
        let name = parts.next().unwrap_or_default().to_owned();
        let kind = if parts.next() == Some("db") { INSTANCE } else { CLUSTER };
        let mut resource = self.existing(kind, &name)?;
        tag(&mut resource, "Tags.Tag", self.form.pairs("Tags.Tag", "Key", "Value"));
        self.keep(kind, &name, &resource);
        Ok(String::new())
    }
}

/// Every snapshot exists, because nothing here creates one.
fn snapshot(id: &str) -> String {
    let inside = element("DBClusterSnapshotIdentifier", Some(id)) + &element("Status", Some("available"));
    list("DBClusterSnapshots", "DBClusterSnapshot", [inside + &element("StorageEncrypted", Some("true"))])
}

/// Returns Performance Insights and Enhanced Monitoring of a cluster or an instance.
fn insights(resource: &Form) -> String {
    let is_on = resource.text("EnablePerformanceInsights") == "true";
    let or = |parameter: &str, default: &str| resource.get(parameter).unwrap_or(default).to_owned();
    let key = or("PerformanceInsightsKMSKeyId", "arn:aws:kms:eu-central-1:123456789012:key/rds");
    let days = or("PerformanceInsightsRetentionPeriod", "7");
    let seconds = or("MonitoringInterval", "0");
    [
        element("PerformanceInsightsEnabled", Some(if is_on { "true" } else { "false" })),
        element("PerformanceInsightsKMSKeyId", is_on.then_some(key.as_str())),
        element("PerformanceInsightsRetentionPeriod", is_on.then_some(days.as_str())),
        element("MonitoringInterval", Some(&seconds)),
        element("MonitoringRoleArn", resource.get("MonitoringRoleArn").filter(|_| seconds != "0")),
    ]
    .concat()
}

/// Fields that are returned as they were sent: name in the response, name in the request.
const CLUSTER_FIELDS: [(&str, &str); 5] = [
    (CLUSTER, CLUSTER),
    ("Engine", "Engine"),
    ("MasterUsername", "MasterUsername"),
    ("DatabaseName", "DatabaseName"),
    ("KmsKeyId", "KmsKeyId"),
];

/// Fields with defaults: name in the response, name in the request, AWS's default.
const CLUSTER_DEFAULTS: [(&str, &str, &str); 13] = [
    ("BackupRetentionPeriod", "BackupRetentionPeriod", "1"),
    ("DeletionProtection", "DeletionProtection", "false"),
    ("StorageEncrypted", "StorageEncrypted", "false"),
    ("IAMDatabaseAuthenticationEnabled", "EnableIAMDatabaseAuthentication", "false"),
    ("CopyTagsToSnapshot", "CopyTagsToSnapshot", "false"),
    ("StorageType", "StorageType", "aurora"),
    ("NetworkType", "NetworkType", "IPV4"),
    ("PreferredBackupWindow", "PreferredBackupWindow", "03:00-03:30"),
    ("PreferredMaintenanceWindow", "PreferredMaintenanceWindow", "sun:04:00-sun:04:30"),
    ("AutoMinorVersionUpgrade", "AutoMinorVersionUpgrade", "true"),
    ("HttpEndpointEnabled", "EnableHttpEndpoint", "false"),
    ("DatabaseInsightsMode", "DatabaseInsightsMode", "standard"),
    ("EngineLifecycleSupport", "EngineLifecycleSupport", "open-source-rds-extended-support"),
];

fn missing(kind: &str) -> &'static str {
    match kind {
        CLUSTER => "DBClusterNotFoundFault",
        INSTANCE => "DBInstanceNotFound",
        SUBNET_GROUP => "DBSubnetGroupNotFoundFault",
        _ => "DBParameterGroupNotFound",
    }
}

fn status(resource: &Form) -> &'static str {
    let since = |name: &str| resource.get(name).and_then(|at| at.parse::<f64>().ok()).map_or(f64::MAX, |at| now() - at);
    match (since("At") < CHANGE_SECONDS, since("Changed") < CHANGE_SECONDS) {
        (true, _) => "creating",
        (_, true) => "modifying",
        _ => "available",
    }
}
