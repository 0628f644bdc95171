// SPDX-License-Identifier: Apache-2.0
//! EC2 instances with their volumes and profiles
//! (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html>). An instance is stored as the form of
//! its RunInstances request, which calls change.

use super::ec2::{DEFAULT_GROUP, Done, Ec2, tags};
use super::{Form, element, list, now};
use crate::ACCOUNT;

/// How long an instance is `pending`, in seconds. In AWS it is about half a minute.
const PENDING_SECONDS: f64 = 0.7;

const INSTANCE: &str = "i";

/// The subnet of an instance that is launched without one: EC2 takes a default subnet of the default VPC.
const DEFAULT_SUBNET: &str = "subnet-0123456789abcdef0";

/// The device name of the root volume of an image.
const ROOT_DEVICES: [&str; 2] = ["/dev/sda1", "/dev/xvda"];

const MISSING: &str = "InvalidInstanceID.NotFound";

/// The attributes that change only while an instance is stopped
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceAttribute.html>).
const WHILE_STOPPED: [&str; 3] = ["EbsOptimized", "InstanceType", "UserData"];

#[allow(clippy::unnecessary_wraps)] // all actions return one type
impl Ec2<'_> {
    pub(super) fn act_on_instances(&mut self, action: &str) -> Option<Done> {
        Some(match action {
            "RunInstances" => self.run_instances(),
            "DescribeInstances" => self.instances(),
            "DescribeInstanceAttribute" => self.instance_attribute(),
            "DescribeVolumes" => self.volumes(),
            "StartInstances" => self.set_state("running"),
            "StopInstances" => self.set_state("stopped"),
            "TerminateInstances" => self.set_state("terminated"),
            "MonitorInstances" => self.monitor("true"),
            "UnmonitorInstances" => self.monitor("false"),
            "ModifyInstanceAttribute" => self.modify_instance(),
            "ModifyInstanceMetadataOptions" => self.modify_metadata(),
            "AssociateIamInstanceProfile" => self.associate_profile(),
            "ReplaceIamInstanceProfileAssociation" => self.change_profile(true),
            "DisassociateIamInstanceProfile" => self.change_profile(false),
            "DescribeIamInstanceProfileAssociations" => self.profiles(),
            _ => return None,
        })
    }

    /// The same client token returns the same instance (EC2 User Guide, "Ensuring idempotency").
    fn run_instances(&mut self) -> Done {
        let token = self.form.get("ClientToken").map(ToOwned::to_owned);
        let same =
            self.all(INSTANCE).into_iter().find(|it| token.is_some() && it.get("ClientToken") == token.as_deref());
        let id = match same {
            Some(same) => same.text("Id").to_owned(),
            None => {
                self.form.set("State", "running");
                self.normalize_launch();
                self.create(INSTANCE)
            }
        };
        let instance = self.resource(&id, MISSING)?;
        Ok(list("instancesSet", "item", [show_instance(&instance)]))
    }

    /// Adds what EC2 fills in: the default group, the root volume of the image, and subnet and groups of a network
    /// interface.
    fn normalize_launch(&mut self) {
        let interface = "NetworkInterface.1";
        if let Some(subnet) = self.form.get(&format!("{interface}.SubnetId")).map(ToOwned::to_owned) {
            self.form.set("SubnetId", subnet);
            let groups = self.form.list(&format!("{interface}.SecurityGroupId"));
            self.form.set_list("SecurityGroupId", &groups);
        }
        if self.form.get("SecurityGroupId.1").is_none() {
            self.form.set("SecurityGroupId.1", DEFAULT_GROUP);
        }
        if self.form.get("SubnetId").is_none() {
            self.form.set("SubnetId", DEFAULT_SUBNET);
        }
        let devices = devices(&self.form);
        if !devices.iter().any(|(_, device)| ROOT_DEVICES.contains(&device.as_str())) {
            let number = devices.len() + 1;
            self.form.set(&format!("BlockDeviceMapping.{number}.DeviceName"), ROOT_DEVICES[1]);
        }
    }

    fn instances(&self) -> Done {
        let states = self.form.filter("Filter", "Value", "instance-state-name");
        let names = self.form.filter("Filter", "Value", "tag:Name");
        let ids = self.form.list("InstanceId");
        let shown = self.all(INSTANCE).into_iter().filter(|it| {
            let name =
                it.pairs("Tag", "Key", "Value").into_iter().find(|(key, _)| key == "Name").map(|(_, value)| value);
            (ids.is_empty() || ids.iter().any(|id| id == it.text("Id")))
                && states.as_ref().is_none_or(|states| states.iter().any(|state| state == state_of(it)))
                && names.as_ref().is_none_or(|names| name.is_some_and(|name| names.contains(&name)))
        });
        let reservation = |it: Form| list("instancesSet", "item", [show_instance(&it)]);
        Ok(list("reservationSet", "item", shown.map(reservation)))
    }

    /// Returns one attribute. An attribute that was not set has EC2's default.
    fn instance_attribute(&self) -> Done {
        let instance = self.resource(self.form.text("InstanceId"), MISSING)?;
        let attribute = self.form.text("Attribute");
        let value = match attribute {
            "disableApiStop" => instance.get("DisableApiStop").or(Some("false")),
            "disableApiTermination" => instance.get("DisableApiTermination").or(Some("false")),
            "ebsOptimized" => instance.get("EbsOptimized").or(Some("false")),
            "instanceInitiatedShutdownBehavior" => instance.get("InstanceInitiatedShutdownBehavior").or(Some("stop")),
            "instanceType" => instance.get("InstanceType"),
            "sourceDestCheck" => instance.get("SourceDestCheck").or(Some("true")),
            "userData" => instance.get("UserData").filter(|data| !data.is_empty()),
            _ => None,
        };
        let value = format!("<{attribute}>{}</{attribute}>", element("value", value));
        Ok(element("instanceId", instance.get("Id")) + &value)
    }

    fn set_state(&mut self, state: &str) -> Done {
        for id in self.form.list("InstanceId") {
            let mut instance = self.resource(&id, MISSING)?;
            let protection = match state {
                "stopped" => "DisableApiStop",
                "terminated" => "DisableApiTermination",
                _ => "",
            };
            if instance.text(protection) == "true" {
                let message = format!("The instance '{id}' may not be {state}. Modify its '{protection}' attribute");
                return Err(("OperationNotPermitted", message));
            }
            instance.set("State", state);
            instance.set("At", now().to_string());
            self.keep(&instance);
        }
        Ok("<instancesSet/>".to_owned())
    }

    fn monitor(&mut self, on: &str) -> Done {
        for id in self.form.list("InstanceId") {
            let mut instance = self.resource(&id, MISSING)?;
            instance.set("Monitoring.Enabled", on);
            self.keep(&instance);
        }
        Ok("<instancesSet/>".to_owned())
    }

    fn modify_instance(&mut self) -> Done {
        let mut instance = self.resource(self.form.text("InstanceId"), MISSING)?;
        let changed: Vec<(String, String)> = self
            .form
            .0
            .iter()
            .filter_map(|(name, value)| Some((name.strip_suffix(".Value")?.to_owned(), value.clone())))
            .collect();
        for (name, value) in changed {
            if WHILE_STOPPED.contains(&name.as_str()) && state_of(&instance) != "stopped" {
                return Err(("IncorrectInstanceState", format!("The instance must be stopped to change '{name}'")));
            }
            instance.set(&name, value);
        }
        for (number, device) in devices(&self.form) {
            let delete = self.form.text(&format!("BlockDeviceMapping.{number}.Ebs.DeleteOnTermination")).to_owned();
            if let Some((own, _)) = devices(&instance).into_iter().find(|(_, own)| *own == device) {
                instance.set(&format!("BlockDeviceMapping.{own}.Ebs.DeleteOnTermination"), delete);
            }
        }
        let groups = self.form.list("GroupId");
        if !groups.is_empty() {
            instance.set_list("SecurityGroupId", &groups);
        }
        self.keep(&instance);
        Ok("<return>true</return>".to_owned())
    }

    /// An option that the request leaves out keeps its value. While the endpoint is off, EC2 rejects the others
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceMetadataOptions.html>).
    fn modify_metadata(&mut self) -> Done {
        let mut instance = self.resource(self.form.text("InstanceId"), MISSING)?;
        let mut others = 0;
        for (name, _, _) in METADATA {
            if let Some(value) = self.form.get(name) {
                instance.set(&format!("MetadataOptions.{name}"), value);
                others += usize::from(name != "HttpEndpoint");
            }
        }
        if instance.text("MetadataOptions.HttpEndpoint") == "disabled" && others > 0 {
            return Err(("InvalidParameterCombination", "HttpEndpoint is disabled".to_owned()));
        }
        self.keep(&instance);
        Ok(element("instanceId", instance.get("Id")))
    }

    fn associate_profile(&mut self) -> Done {
        let mut instance = self.resource(self.form.text("InstanceId"), MISSING)?;
        if profile_of(&instance).is_some() {
            return Err(("IncorrectState", "There is an existing association for the instance".to_owned()));
        }
        instance.set("IamInstanceProfile.Name", self.form.text("IamInstanceProfile.Name"));
        self.keep(&instance);
        Ok(String::new())
    }

    fn change_profile(&mut self, replaces: bool) -> Done {
        let id = self.form.text("AssociationId").replace("iip-assoc-", "i-");
        let mut instance = self.resource(&id, "InvalidAssociationID.NotFound")?;
        let profile = if replaces { self.form.text("IamInstanceProfile.Name").to_owned() } else { String::new() };
        instance.set("IamInstanceProfile.Name", profile);
        self.keep(&instance);
        Ok(String::new())
    }

    fn profiles(&self) -> Done {
        let ids = self.form.filter("Filter", "Value", "instance-id");
        let asked = |it: &Form| ids.as_ref().is_none_or(|ids| ids.iter().any(|id| id == it.text("Id")));
        let shown = self.all(INSTANCE).into_iter().filter(asked).filter_map(|it| {
            let profile = show_profile(&it)?;
            let association = it.text("Id").replace("i-", "iip-assoc-");
            let ids = element("associationId", Some(&association)) + &element("instanceId", it.get("Id"));
            Some(ids + &profile + "<state>associated</state>")
        });
        Ok(list("iamInstanceProfileAssociationSet", "item", shown))
    }

    fn volumes(&self) -> Done {
        let ids = self.form.filter("Filter", "Value", "attachment.instance-id");
        let asked = |it: &Form| ids.as_ref().is_none_or(|ids| ids.iter().any(|id| id == it.text("Id")));
        let instances = self.all(INSTANCE).into_iter().filter(asked);
        // A volume that is not deleted on termination remains.
        let exists = |it: &Form, number: usize| {
            let deleted = it.get(&format!("BlockDeviceMapping.{number}.Ebs.DeleteOnTermination")) != Some("false");
            it.text("State") != "terminated" || !deleted
        };
        let shown = instances.flat_map(|it| {
            let numbers = devices(&it).into_iter().map(|(number, _)| number).filter(|number| exists(&it, *number));
            numbers.map(|number| show_volume(&it, number)).collect::<Vec<_>>()
        });
        Ok(list("volumeSet", "item", shown))
    }
}

/// Returns the numbers and names of the devices in the form of an instance.
fn devices(form: &Form) -> Vec<(usize, String)> {
    let name = |number: usize| Some((number, form.get(&format!("BlockDeviceMapping.{number}.DeviceName"))?.to_owned()));
    (1..).map_while(name).collect()
}

fn volume_id(instance: &Form, number: usize) -> String {
    format!("{}{number}", instance.text("Id").replace("i-", "vol-"))
}

/// Shows a volume, with EC2's defaults.
fn show_volume(instance: &Form, number: usize) -> String {
    let of = |name: &str| instance.get(&format!("BlockDeviceMapping.{number}.Ebs.{name}"));
    let volume_type = of("VolumeType").unwrap_or("gp2");
    let encrypted = of("Encrypted").unwrap_or("false");
    let default_key = format!("arn:aws:kms:eu-central-1:{ACCOUNT}:key/aws-ebs");
    let is_gp3 = volume_type == "gp3";
    element("volumeId", Some(&volume_id(instance, number)))
        + &element("size", of("VolumeSize").or(Some("8")))
        + &element("volumeType", Some(volume_type))
        + &element("iops", of("Iops").or(is_gp3.then_some("3000")).or((volume_type == "gp2").then_some("100")))
        + &element("throughput", of("Throughput").or(is_gp3.then_some("125")))
        + &element("encrypted", Some(encrypted))
        + &element("kmsKeyId", of("KmsKeyId").or((encrypted == "true").then_some(&default_key)))
}

fn state_of(instance: &Form) -> &str {
    let since = instance.text("At").parse::<f64>().map_or(f64::MAX, |at| now() - at);
    match instance.text("State") {
        "running" if since < PENDING_SECONDS => "pending",
        state => state,
    }
}

/// The options of the metadata service: the names in requests and answers, and EC2's defaults.
const METADATA: [(&str, &str, &str); 5] = [
    ("HttpTokens", "httpTokens", "optional"),
    ("HttpPutResponseHopLimit", "httpPutResponseHopLimit", "1"),
    ("HttpEndpoint", "httpEndpoint", "enabled"),
    ("HttpProtocolIpv6", "httpProtocolIpv6", "disabled"),
    ("InstanceMetadataTags", "instanceMetadataTags", "disabled"),
];

fn profile_of(instance: &Form) -> Option<&str> {
    instance.get("IamInstanceProfile.Name").filter(|name| !name.is_empty())
}

fn show_profile(instance: &Form) -> Option<String> {
    let arn = format!("arn:aws:iam::{ACCOUNT}:instance-profile/{}", profile_of(instance)?);
    Some(format!("<iamInstanceProfile>{}</iamInstanceProfile>", element("arn", Some(&arn))))
}

fn show_instance(instance: &Form) -> String {
    let groups = instance.list("SecurityGroupId");
    let devices = devices(instance);
    let root = devices.iter().find(|(_, device)| ROOT_DEVICES.contains(&device.as_str()));
    let mappings = devices.iter().map(|(number, device)| {
        let delete = instance.get(&format!("BlockDeviceMapping.{number}.Ebs.DeleteOnTermination"));
        let volume = element("volumeId", Some(&volume_id(instance, *number)));
        let volume = volume + "<status>attached</status>" + &element("deleteOnTermination", delete.or(Some("true")));
        element("deviceName", Some(device)) + &format!("<ebs>{volume}</ebs>")
    });
    let metadata: String = METADATA
        .iter()
        .map(|(name, shown, default)| {
            element(shown, Some(instance.get(&format!("MetadataOptions.{name}")).unwrap_or(default)))
        })
        .collect();
    let monitored = if instance.text("Monitoring.Enabled") == "true" { "enabled" } else { "disabled" };
    // EC2 releases the public address of a stopped instance.
    let is_public = instance.text("NetworkInterface.1.AssociatePublicIpAddress") == "true";
    let is_public = is_public && matches!(state_of(instance), "pending" | "running");
    element("instanceId", instance.get("Id"))
        + &element("imageId", instance.get("ImageId"))
        + &element("instanceType", instance.get("InstanceType"))
        + &element("keyName", instance.get("KeyName"))
        + &element("subnetId", instance.get("SubnetId"))
        + &element("ipAddress", is_public.then_some("203.0.113.10"))
        + &element("privateIpAddress", instance.get("PrivateIpAddress"))
        + &element("ebsOptimized", instance.get("EbsOptimized").or(Some("false")))
        + &element("sourceDestCheck", instance.get("SourceDestCheck").or(Some("true")))
        + &element("rootDeviceName", root.map(|(_, device)| device.as_str()))
        + &list("blockDeviceMapping", "item", mappings)
        + &format!("<metadataOptions>{metadata}</metadataOptions>")
        + &format!("<monitoring>{}</monitoring>", element("state", Some(monitored)))
        + &show_profile(instance).unwrap_or_default()
        + &format!("<instanceState>{}</instanceState>", element("name", Some(state_of(instance))))
        + &list("groupSet", "item", groups.iter().map(|id| element("groupId", Some(id))))
        + &tags(instance)
}
