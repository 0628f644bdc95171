// SPDX-License-Identifier: Apache-2.0
//! The IAM actions and resources of a request, from the Service Authorization Reference
//! (<https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html>). Written by hand and not with the
//! product's own table, which is under test.

use serde_json::Value;

/// A signed request, as sent.
pub struct Sent {
    /// The signing name of the service, `monitoring`.
    pub service: String,
    pub region: String,
    pub method: String,
    pub path: String,
    pub query: String,
    pub host: String,
    /// The operation in the header, the path or the body; empty for the REST protocols.
    pub operation: String,
    /// The parameters of the query protocol.
    pub form: Vec<(String, String)>,
    /// The body in JSON or CBOR.
    pub json: Value,
    pub body: String,
}

const ACCOUNT: &str = "123456789012";

type Needs = Vec<(String, String)>;

impl Sent {
    /// Returns a parameter of the query protocol.
    pub fn get(&self, name: &str) -> &str {
        self.form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// Returns the parameters of the query protocol whose names start with a prefix.
    pub fn list(&self, prefix: &str) -> Vec<String> {
        self.form.iter().filter(|(key, _)| key.starts_with(prefix)).map(|(_, value)| value.clone()).collect()
    }

    fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{ACCOUNT}:{resource}", self.region)
    }

    /// Returns what the caller must be allowed to do. Panics on an operation that is not in the tables below.
    pub fn needs(&self) -> Needs {
        match self.service.as_str() {
            "sts" => Vec::new(),
            "cloudtrail" | "elasticloadbalancing" | "sqs" => {
                vec![(format!("{}:{}", self.service, self.operation), star())]
            }
            "ec2" => self.ec2(),
            "iam" => self.iam(),
            "lambda" => self.lambda(),
            "logs" => self.logs(),
            "monitoring" => self.cloudwatch(),
            "rds" => self.rds(),
            "route53" => self.route53(),
            "s3" => self.s3(),
            "sns" => self.sns(),
            "ssm" => self.ssm(),
            other => panic!("no table for the service {other}"),
        }
    }

    fn unknown(&self) -> ! {
        panic!("no row for {} {} {} {}?{}", self.service, self.operation, self.method, self.path, self.query)
    }

    fn ec2(&self) -> Needs {
        let operation = self.operation.as_str();
        let of = |parts: &[String]| -> Needs {
            parts.iter().map(|part| (format!("ec2:{operation}"), self.arn("ec2", part))).collect()
        };
        let id = |kind: &str, name: &str| format!("{kind}/{}", self.get(name));
        let (mut needs, created) = match operation {
            _ if operation.starts_with("Describe") => return vec![(format!("ec2:{operation}"), star())],
            "CreateSecurityGroup" => (of(&[id("vpc", "VpcId"), "security-group/*".into()]), "security-group/*"),
            "AuthorizeSecurityGroupIngress" | "AuthorizeSecurityGroupEgress" => {
                (of(&[id("security-group", "GroupId")]), "security-group-rule/*")
            }
            "CreateFlowLogs" => {
                let mut needs = of(&[id("vpc", "ResourceId.1"), "vpc-flow-log/*".into()]);
                needs.push(("logs:CreateLogDelivery".into(), star()));
                (needs, "vpc-flow-log/*")
            }
            "CreateVpcEndpoint" => {
                let tables = self.list("RouteTableId").into_iter().map(|table| format!("route-table/{table}"));
                (of(&[vec![id("vpc", "VpcId"), "vpc-endpoint/*".into()], tables.collect()].concat()), "vpc-endpoint/*")
            }
            "ImportKeyPair" => (of(&[id("key-pair", "KeyName")]), "key-pair/*"),
            "RunInstances" => {
                let kinds = ["instance/*", "network-interface/*", "security-group/*", "subnet/*", "volume/*"];
                let mut needs = of(&kinds.map(ToOwned::to_owned));
                needs.extend(of(&[id("key-pair", "KeyName")]));
                let image = format!("arn:aws:ec2:{}::image/{}", self.region, self.get("ImageId"));
                needs.push(("ec2:RunInstances".into(), image));
                (needs, "instance/*")
            }
            _ => self.unknown(),
        };
        if self.form.iter().any(|(key, _)| key.starts_with("TagSpecification")) {
            needs.push(("ec2:CreateTags".into(), self.arn("ec2", created)));
        }
        needs
    }

    fn iam(&self) -> Needs {
        let named = |resource: &str| format!("arn:aws:iam::{ACCOUNT}:{resource}");
        let resource = match self.operation.as_str() {
            "GetAccountSummary" | "ListPolicies" => star(),
            "GetPolicy" | "GetPolicyVersion" | "ListPolicyVersions" | "CreatePolicyVersion" | "DeletePolicyVersion" => {
                self.get("PolicyArn").to_owned()
            }
            "CreatePolicy" => named(&format!("policy/{}", self.get("PolicyName"))),
            "GetRole" => named(&format!("role/ci/{}", self.get("RoleName"))),
            "SimulatePrincipalPolicy" => self.get("PolicySourceArn").to_owned(),
            _ => self.unknown(),
        };
        vec![(format!("iam:{}", self.operation), resource)]
    }

    fn lambda(&self) -> Needs {
        let parts: Vec<&str> = self.path.split('/').filter(|part| !part.is_empty()).skip(1).collect();
        let function = |name: &str| self.arn("lambda", &format!("function:{name}"));
        let need = |action: &str, resource: String| (format!("lambda:{action}"), resource);
        match (self.method.as_str(), parts.as_slice()) {
            ("GET", ["functions"]) => vec![need("ListFunctions", star())],
            ("GET", ["account-settings"]) => vec![need("GetAccountSettings", star())],
            ("GET", ["event-source-mappings"]) => vec![need("ListEventSourceMappings", star())],
            ("GET", ["functions", name]) => vec![need("GetFunction", function(name))],
            ("GET", ["functions", name, "configuration"]) => vec![need("GetFunctionConfiguration", function(name))],
            ("GET", ["tags", arn]) => vec![need("ListTags", arn.replace("%3A", ":"))],
            ("POST", ["functions"]) => {
                let own = function(self.json["FunctionName"].as_str().unwrap());
                let mut needs = vec![need("CreateFunction", own.clone())];
                needs.push(("iam:PassRole".into(), self.json["Role"].as_str().unwrap().to_owned()));
                if self.json["Tags"].is_object() {
                    needs.push(need("TagResource", own));
                }
                needs
            }
            ("PUT", ["functions", name, "code"]) => vec![need("UpdateFunctionCode", function(name))],
            // Read-only settings of a function, each with its own call.
            ("GET", ["functions", name, setting]) => {
                let action = match *setting {
                    "policy" => "GetPolicy",
                    "url" => "GetFunctionUrlConfig",
                    "urls" => "ListFunctionUrlConfigs",
                    "concurrency" => "GetFunctionConcurrency",
                    "aliases" => "ListAliases",
                    "versions" => "ListVersionsByFunction",
                    "code-signing-config" => "GetFunctionCodeSigningConfig",
                    "provisioned-concurrency" => "ListProvisionedConcurrencyConfigs",
                    "recursion-config" => "GetFunctionRecursionConfig",
                    "runtime-management-config" => "GetRuntimeManagementConfig",
                    _ => self.unknown(),
                };
                vec![need(action, function(name))]
            }
            ("GET", ["functions", name, "event-invoke-config", "list"]) => {
                vec![need("ListFunctionEventInvokeConfigs", function(name))]
            }
            _ => self.unknown(),
        }
    }

    fn logs(&self) -> Needs {
        let resource = match self.operation.as_str() {
            "DescribeLogGroups" | "DescribeAccountPolicies" => star(),
            "ListTagsForResource" => self.json["resourceArn"].as_str().unwrap().to_owned(),
            // IAM checks the group with its streams.
            _ => {
                // DescribeMetricFilters without a group is checked against a group without a name.
                let of_all = (self.operation == "DescribeMetricFilters").then_some("");
                let name = self.json["logGroupName"].as_str().or(of_all).unwrap_or_else(|| self.unknown());
                self.arn("logs", &format!("log-group:{name}:log-stream:"))
            }
        };
        let mut needs = vec![(format!("logs:{}", self.operation), resource.clone())];
        if self.operation == "CreateLogGroup" && self.json["tags"].is_object() {
            needs.push(("logs:TagResource".into(), resource));
        }
        needs
    }

    fn cloudwatch(&self) -> Needs {
        let alarm = |name: &str| self.arn("cloudwatch", &format!("alarm:{name}"));
        let resource = match self.operation.as_str() {
            "DescribeAlarms" | "GetMetricData" | "ListMetrics" | "PutCompositeAlarm" => star(),
            "PutMetricAlarm" => alarm(self.json["AlarmName"].as_str().unwrap()),
            "ListTagsForResource" => self.json["ResourceARN"].as_str().unwrap().to_owned(),
            _ => self.unknown(),
        };
        let mut needs = vec![(format!("cloudwatch:{}", self.operation), resource)];
        if self.operation.starts_with("Put") && self.json["Tags"].is_array() {
            needs.push(("cloudwatch:TagResource".into(), alarm(self.json["AlarmName"].as_str().unwrap())));
        }
        needs
    }

    fn rds(&self) -> Needs {
        let named = |kind: &str, parameter: &str| {
            let name = Some(self.get(parameter)).filter(|name| !name.is_empty()).unwrap_or("default");
            self.arn("rds", &format!("{kind}:{name}"))
        };
        let need = |resource: String| (format!("rds:{}", self.operation), resource);
        let is_tagged = self.form.iter().any(|(key, _)| key.starts_with("Tags."));
        let (mut needs, own) = match self.operation.as_str() {
            "CreateDBCluster" => {
                let own = named("cluster", "DBClusterIdentifier");
                let groups = [
                    named("cluster-pg", "DBClusterParameterGroupName"),
                    named("og", "OptionGroupName"),
                    named("subgrp", "DBSubnetGroupName"),
                ];
                let mut needs: Needs = [own.clone()].into_iter().chain(groups).map(need).collect();
                if self.get("ManageMasterUserPassword") == "true" {
                    let secrets = ["secretsmanager:CreateSecret", "secretsmanager:TagResource", "kms:DescribeKey"];
                    needs.extend(secrets.map(|action| (action.to_owned(), star())));
                }
                (needs, own)
            }
            "CreateDBInstance" => {
                let own = named("db", "DBInstanceIdentifier");
                let others = [
                    named("cluster", "DBClusterIdentifier"),
                    named("og", "OptionGroupName"),
                    named("pg", "DBParameterGroupName"),
                    named("subgrp", "DBSubnetGroupName"),
                ];
                ([own.clone()].into_iter().chain(others).map(need).collect(), own)
            }
            operation if operation.starts_with("Describe") && operation.contains("Parameter") => {
                return vec![need(named("cluster-pg", "DBClusterParameterGroupName"))];
            }
            operation if operation.starts_with("Describe") => return vec![need(star())],
            "ModifyDBCluster" => return vec![need(named("cluster", "DBClusterIdentifier"))],
            _ => self.unknown(),
        };
        if is_tagged {
            needs.push(("rds:AddTagsToResource".into(), own));
        }
        needs
    }

    fn route53(&self) -> Needs {
        let parts: Vec<&str> = self.path.split('/').filter(|part| !part.is_empty()).skip(1).collect();
        let zone = |id: &str| format!("arn:aws:route53:::hostedzone/{id}");
        let (action, resource) = match (self.method.as_str(), parts.as_slice()) {
            ("GET", ["hostedzonesbyname"]) => ("ListHostedZonesByName", star()),
            ("GET", ["hostedzonesbyvpc"]) => ("ListHostedZonesByVPC", star()),
            ("GET", ["hostedzone", id]) => ("GetHostedZone", zone(id)),
            ("POST", ["hostedzone"]) => ("CreateHostedZone", star()),
            ("GET", ["tags", "hostedzone", id]) => ("ListTagsForResource", zone(id)),
            ("POST", ["tags", "hostedzone", id]) => ("ChangeTagsForResource", zone(id)),
            _ => self.unknown(),
        };
        let mut needs = vec![(format!("route53:{action}"), resource)];
        if action == "CreateHostedZone" {
            needs.push(("ec2:DescribeVpcs".into(), star()));
        }
        needs
    }

    fn s3(&self) -> Needs {
        let of_host = self.host.split_once(".s3").map(|(bucket, _)| bucket.to_owned());
        let bucket = of_host.unwrap_or_else(|| self.path.trim_matches('/').to_owned());
        let setting = self.query.split('&').map(|part| part.split('=').next().unwrap_or_default());
        let setting = setting.into_iter().find(|name| *name != "x-id").unwrap_or_default().to_owned();
        let verb = if self.method == "GET" { "Get" } else { "Put" };
        let action = match (self.method.as_str(), setting.as_str()) {
            ("HEAD", _) => "ListBucket".to_owned(),
            ("GET", _) if bucket.is_empty() => return vec![("s3:ListAllMyBuckets".into(), star())],
            ("PUT", "") => "CreateBucket".to_owned(),
            (_, "cors") => format!("{verb}BucketCORS"),
            (_, "encryption") => format!("{verb}EncryptionConfiguration"),
            (_, "lifecycle") => format!("{verb}LifecycleConfiguration"),
            (_, "logging") => format!("{verb}BucketLogging"),
            (_, "website") => format!("{verb}BucketWebsite"),
            (_, "requestPayment") => format!("{verb}BucketRequestPayment"),
            (_, "accelerate") => format!("{verb}AccelerateConfiguration"),
            (_, "notification") => format!("{verb}BucketNotification"),
            (_, "object-lock") => format!("{verb}BucketObjectLockConfiguration"),
            (_, "ownershipControls") => format!("{verb}BucketOwnershipControls"),
            ("DELETE", "policy") => "DeleteBucketPolicy".to_owned(),
            (_, "policy") => format!("{verb}BucketPolicy"),
            (_, "publicAccessBlock") => format!("{verb}BucketPublicAccessBlock"),
            (_, "replication") => format!("{verb}ReplicationConfiguration"),
            (_, "tagging") => format!("{verb}BucketTagging"),
            (_, "versioning") => format!("{verb}BucketVersioning"),
            _ => self.unknown(),
        };
        let mut needs = vec![(format!("s3:{action}"), format!("arn:aws:s3:::{bucket}"))];
        // CreateBucket with tags.
        if action == "CreateBucket" && self.body.contains("<Tag>") {
            needs.push(("s3:TagResource".into(), format!("arn:aws:s3:::{bucket}")));
        }
        if action == "PutReplicationConfiguration" {
            let role = self.body.split("<Role>").nth(1).and_then(|rest| rest.split('<').next()).unwrap_or_default();
            needs.push(("iam:PassRole".into(), role.to_owned()));
        }
        needs
    }

    fn sns(&self) -> Needs {
        let resource = match self.operation.as_str() {
            "ListTopics" => star(),
            "CreateTopic" => self.arn("sns", self.get("Name")),
            "ListTagsForResource" => self.get("ResourceArn").to_owned(),
            "GetSubscriptionAttributes" | "SetSubscriptionAttributes" => {
                let subscription = self.get("SubscriptionArn");
                subscription.rsplit_once(':').map_or_else(|| self.unknown(), |(topic, _)| topic.to_owned())
            }
            "GetTopicAttributes"
            | "GetDataProtectionPolicy"
            | "ListSubscriptionsByTopic"
            | "SetTopicAttributes"
            | "Subscribe" => {
                Some(self.get("TopicArn")).filter(|arn| !arn.is_empty()).unwrap_or(self.get("ResourceArn")).to_owned()
            }
            _ => self.unknown(),
        };
        let mut needs = vec![(format!("sns:{}", self.operation), resource.clone())];
        if self.operation == "CreateTopic" && self.form.iter().any(|(key, _)| key.starts_with("Tags.")) {
            needs.push(("sns:TagResource".into(), resource));
        }
        needs
    }

    fn ssm(&self) -> Needs {
        let text = |field: &str| self.json[field].as_str().unwrap_or_else(|| self.unknown());
        let document = |name: &str| self.arn("ssm", &format!("document/{name}"));
        let resource = match self.operation.as_str() {
            "ListDocuments" => star(),
            "GetParameter" if text("Name").starts_with("/aws/") => {
                format!("arn:aws:ssm:{}::parameter{}", self.region, text("Name"))
            }
            "GetParametersByPath" => self.arn("ssm", &format!("parameter{}", text("Path"))),
            "PutParameter" => self.arn("ssm", &format!("parameter{}", text("Name"))),
            "GetDocument"
            | "DescribeDocument"
            | "DescribeDocumentPermission"
            | "CreateDocument"
            | "UpdateDocument"
            | "UpdateDocumentDefaultVersion" => document(text("Name")),
            "ListTagsForResource" | "AddTagsToResource" => document(text("ResourceId")),
            _ => self.unknown(),
        };
        let mut needs = vec![(format!("ssm:{}", self.operation), resource.clone())];
        if self.operation == "CreateDocument" && self.json["Tags"].is_array() {
            needs.push(("ssm:AddTagsToResource".into(), resource));
        }
        needs
    }
}

fn star() -> String {
    "*".to_owned()
}
