// SPDX-License-Identifier: Apache-2.0
//! EC2: endpoints, flow logs and key pairs; instances are in `instances.rs`. Requests with DryRun change nothing
//! (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html>).

mod endpoints;

use winterbaume_core::{MockRequest, MockResponse, StatefulService};

use super::{Form, Records, element, list, now, tag};
use crate::ACCOUNT;
use crate::services::Services;

pub(super) async fn answer(services: &Services, region: &str, request: &MockRequest) -> Option<MockResponse> {
    let form = Form::of(request);
    let action = form.get("Action")?.to_owned();
    if form.get("DryRun") == Some("true") {
        return Some(error(412, "DryRunOperation", "Request would have succeeded, but DryRun flag is set."));
    }
    let mut bucket_exists = true;
    if action == "CreateFlowLogs" {
        let destination = form.text("LogDestination");
        let bucket = destination.rsplit(':').next().unwrap_or_default();
        let bucket = bucket.split('/').next().unwrap_or_default();
        // The other destinations are checked when EC2 delivers, not on creation.
        bucket_exists = form.text("LogDestinationType") != "s3"
            || services.s3.snapshot(ACCOUNT, region).await.buckets.contains_key(bucket);
    }
    let done = services.memory.with(region, |records| Ec2 { records, form, bucket_exists }.act(&action))?;
    Some(match done {
        Ok(result) => MockResponse::xml(200, format!("<{action}Response>{result}</{action}Response>")),
        Err((code, message)) => error(400, code, &message),
    })
}

fn error(status: u16, code: &str, message: &str) -> MockResponse {
    MockResponse::xml(
        status,
        format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
             <RequestID>00000000-0000-0000-0000-000000000000</RequestID></Response>"
        ),
    )
}

pub(super) type Done = Result<String, (&'static str, String)>;

pub(super) struct Ec2<'a> {
    records: &'a mut Records,
    pub(super) form: Form,
    bucket_exists: bool,
}

/// The group of an instance or interface endpoint that is created without one. In AWS it is the default group of the VPC.
pub(super) const DEFAULT_GROUP: &str = "sg-0123456789abcdef0";

const ENDPOINT: &str = "vpce";
const FLOW_LOG: &str = "fl";
const KEY_PAIR: &str = "key";

#[allow(clippy::unnecessary_wraps)] // all actions return one type
impl Ec2<'_> {
    fn act(mut self, action: &str) -> Option<Done> {
        Some(match action {
            "CreateVpcEndpoint" => self.create_endpoint(),
            "ModifyVpcEndpoint" => self.modify_endpoint(),
            "DescribeVpcEndpoints" => self.endpoints(),
            "DeleteVpcEndpoints" => self.delete("VpcEndpointId"),
            "CreateFlowLogs" => self.create_flow_log(),
            "DescribeFlowLogs" => self.flow_logs(),
            "DeleteFlowLogs" => self.delete("FlowLogId"),
            "ImportKeyPair" => self.import_key_pair(),
            "DescribeKeyPairs" => self.key_pairs(),
            "DeleteKeyPair" => {
                let name = self.form.text("KeyName").to_owned();
                self.records.retain(|key, it| !key.starts_with("ec2/key-") || Form::kept(it).text("KeyName") != name);
                Ok("<return>true</return>".to_owned())
            }
            "CreateTags" => return self.tag(),
            "DeleteTags" => return self.untag(),
            _ => return self.act_on_instances(action),
        })
    }

    /// Stores the request under an unused id that is derived from the number of records, so that ids are reproducible.
    pub(super) fn create(&mut self, kind: &str) -> String {
        let number = self.form.0.len() + self.records.len();
        let mut at = number;
        let mut id = format!("{kind}-0{at:016x}");
        while self.records.contains_key(&format!("ec2/{id}")) {
            at += 1;
            id = format!("{kind}-0{at:016x}");
        }
        let tags = self.form.pairs("TagSpecification.1.Tag", "Key", "Value");
        self.form.set("Id", id.as_str());
        self.form.set("At", now().to_string());
        tag(&mut self.form, "Tag", tags);
        self.records.insert(format!("ec2/{id}"), self.form.keep());
        id
    }

    pub(super) fn all(&self, kind: &str) -> Vec<Form> {
        let prefix = format!("ec2/{kind}-");
        self.records
            .iter()
            .filter(|(key, _)| key.starts_with(&prefix))
            .map(|(_, resource)| Form::kept(resource))
            .collect()
    }

    pub(super) fn keep(&mut self, resource: &Form) {
        self.records.insert(format!("ec2/{}", resource.text("Id")), resource.keep());
    }

    pub(super) fn resource(&self, id: &str, missing: &'static str) -> Result<Form, (&'static str, String)> {
        let found = self.records.get(&format!("ec2/{id}")).map(Form::kept);
        found.ok_or_else(|| (missing, format!("'{id}' does not exist")))
    }

    fn passes(&self, resource: &Form, filter: &str, parameter: &str) -> bool {
        let values = self.form.filter("Filter", "Value", filter);
        values.is_none_or(|values| values.iter().any(|value| value == resource.text(parameter)))
    }

    /// Errors are returned in `Unsuccessful`, with status 200
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateFlowLogs.html>).
    fn create_flow_log(&mut self) -> Done {
        let failed = |code: &str, message: &str| {
            let error = element("code", Some(code)) + &element("message", Some(message));
            Ok(format!("<unsuccessful><item><error>{error}</error></item></unsuccessful>"))
        };
        if !self.bucket_exists {
            return failed("400", "LogDestination does not exist");
        }
        let names = [
            "ResourceId.1",
            "LogDestination",
            "LogGroupName",
            "TrafficType",
            "LogFormat",
            "MaxAggregationInterval",
            "DestinationOptions.FileFormat",
            "DestinationOptions.HiveCompatiblePartitions",
            "DestinationOptions.PerHourPartition",
        ];
        let same = |resource: &Form| names.iter().all(|name| resource.get(name) == self.form.get(name));
        if self.all(FLOW_LOG).iter().any(same) {
            return failed("FlowLogAlreadyExists", "a flow log with the same configuration exists");
        }
        let id = self.create(FLOW_LOG);
        Ok(list("flowLogIdSet", "item", [id]))
    }

    fn flow_logs(&self) -> Done {
        let shown = self.all(FLOW_LOG).into_iter().filter(|it| self.passes(it, "resource-id", "ResourceId.1"));
        let default = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} \
                       ${packets} ${bytes} ${start} ${end} ${action} ${log-status}";
        let show = |it: Form| {
            element("flowLogId", it.get("Id"))
                + &element("resourceId", it.get("ResourceId.1"))
                + &element("trafficType", it.get("TrafficType"))
                + &element("logDestinationType", Some(it.get("LogDestinationType").unwrap_or("cloud-watch-logs")))
                + "<flowLogStatus>ACTIVE</flowLogStatus>"
                + &element("logDestination", it.get("LogDestination"))
                + &element("logGroupName", it.get("LogGroupName"))
                + &element("deliverLogsPermissionArn", it.get("DeliverLogsPermissionArn"))
                + &element("deliverCrossAccountRole", it.get("DeliverCrossAccountRole"))
                + &destination_options(&it)
                + &tag_fields(&it)
                + &element("logFormat", Some(it.get("LogFormat").unwrap_or(default)))
                + &element("maxAggregationInterval", Some(it.get("MaxAggregationInterval").unwrap_or("600")))
                + &tags(&it)
        };
        Ok(list("flowLogSet", "item", shown.map(show)))
    }

    fn delete(&mut self, name: &str) -> Done {
        for id in self.form.list(name) {
            self.records.remove(&format!("ec2/{id}"));
        }
        Ok("<unsuccessful/>".to_owned())
    }

    fn import_key_pair(&mut self) -> Done {
        let name = self.form.text("KeyName").to_owned();
        if self.all(KEY_PAIR).iter().any(|pair| pair.text("KeyName") == name) {
            return Err(("InvalidKeyPair.Duplicate", format!("The keypair '{name}' already exists.")));
        }
        let id = self.create(KEY_PAIR);
        Ok(element("keyName", Some(&name)) + &element("keyPairId", Some(&id)))
    }

    fn key_pairs(&self) -> Done {
        use base64::Engine;
        use base64::prelude::BASE64_STANDARD;
        let requested = self.form.get("IncludePublicKey") == Some("true");
        let key = |it: &Form| {
            BASE64_STANDARD.decode(it.text("PublicKeyMaterial")).ok().and_then(|key| String::from_utf8(key).ok())
        };
        let shown = self.all(KEY_PAIR).into_iter().filter(|it| self.passes(it, "key-name", "KeyName"));
        let show = |it: Form| {
            element("keyPairId", it.get("Id"))
                + &element("keyName", it.get("KeyName"))
                + &element("publicKey", key(&it).filter(|_| requested).as_deref())
                + &tags(&it)
        };
        Ok(list("keySet", "item", shown.map(show)))
    }

    /// Tags a resource that is stored here. Other resources are tagged by the emulated service.
    fn tag(&mut self) -> Option<Done> {
        let id = self.form.get("ResourceId.1")?.to_owned();
        let mut resource = self.records.get(&format!("ec2/{id}")).map(Form::kept)?;
        tag(&mut resource, "Tag", self.form.pairs("Tag", "Key", "Value"));
        self.keep(&resource);
        Some(Ok("<return>true</return>".to_owned()))
    }

    /// Removes tags by key. With a value, EC2 removes only a tag that has it; no caller sends one
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteTags.html>).
    fn untag(&mut self) -> Option<Done> {
        let id = self.form.get("ResourceId.1")?.to_owned();
        let mut resource = self.records.get(&format!("ec2/{id}")).map(Form::kept)?;
        let removed: Vec<&str> = (1..).map_while(|number| self.form.get(&format!("Tag.{number}.Key"))).collect();
        let pairs = resource.pairs("Tag", "Key", "Value");
        let kept = pairs.into_iter().filter(|(key, _)| !removed.contains(&key.as_str())).collect::<Vec<_>>();
        resource.0.retain(|key, _| !key.starts_with("Tag."));
        tag(&mut resource, "Tag", kept);
        self.keep(&resource);
        Some(Ok("<return>true</return>".to_owned()))
    }
}

/// Shows the options of a destination bucket. Options that the request lacks are AWS's defaults
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DestinationOptionsRequest.html>).
fn destination_options(log: &Form) -> String {
    if log.text("LogDestinationType") != "s3" {
        return String::new();
    }
    let option = |name: &str, default| log.get(&format!("DestinationOptions.{name}")).or(Some(default));
    let options = element("fileFormat", option("FileFormat", "plain-text"))
        + &element("hiveCompatiblePartitions", option("HiveCompatiblePartitions", "false"))
        + &element("perHourPartition", option("PerHourPartition", "false"));
    format!("<destinationOptions>{options}</destinationOptions>")
}

fn tag_fields(log: &Form) -> String {
    let fields = log.pairs("TagFieldSpecification", "ResourceType", "").into_iter().enumerate();
    let fields = fields.map(|(index, (resource, _))| {
        let keys = log.list(&format!("TagFieldSpecification.{}.TagKey", index + 1));
        element("resourceType", Some(&resource)) + &list("tagKeySet", "item", keys)
    });
    list("tagFieldSpecificationSet", "item", fields)
}

pub(super) fn tags(resource: &Form) -> String {
    let pairs = resource.pairs("Tag", "Key", "Value");
    list("tagSet", "item", pairs.iter().map(|(key, value)| element("key", Some(key)) + &element("value", Some(value))))
}
