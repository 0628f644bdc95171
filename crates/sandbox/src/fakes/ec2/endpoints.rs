// SPDX-License-Identifier: Apache-2.0
//! VPC endpoints of all types.

use super::super::{Form, element, list};
use super::{DEFAULT_GROUP, Done, ENDPOINT, Ec2, tags};

/// The policy of an endpoint that is created without one
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpoint.html>).
const DEFAULT_POLICY: &str =
    r#"{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;

/// The settings of one value that ModifyVpcEndpoint changes.
const OPTIONS: [&str; 5] = [
    "PolicyDocument",
    "PrivateDnsEnabled",
    "IpAddressType",
    "DnsOptions.DnsRecordIpType",
    "DnsOptions.PrivateDnsOnlyForInboundResolverEndpoint",
];

#[allow(clippy::unnecessary_wraps)] // all actions return one type
impl Ec2<'_> {
    pub(super) fn create_endpoint(&mut self) -> Done {
        let is_gateway = |form: &Form| form.get("VpcEndpointType").is_none_or(|kind| kind == "Gateway");
        let same =
            |resource: &Form| ["VpcId", "ServiceName"].iter().all(|name| resource.get(name) == self.form.get(name));
        let conflicts = |other: &Form| is_gateway(other) && same(other);
        if is_gateway(&self.form) && self.all(ENDPOINT).iter().any(conflicts) {
            return Err(("RouteAlreadyExists", "the VPC has an endpoint for this service".to_owned()));
        }
        if self.form.text("VpcEndpointType") == "Interface" && self.form.get("SecurityGroupId.1").is_none() {
            self.form.set("SecurityGroupId.1", DEFAULT_GROUP);
        }
        let id = self.create(ENDPOINT);
        Ok(format!("<vpcEndpoint>{}</vpcEndpoint>", element("vpcEndpointId", Some(&id))))
    }

    pub(super) fn modify_endpoint(&mut self) -> Done {
        let mut endpoint = self.resource(self.form.text("VpcEndpointId"), "InvalidVpcEndpointId.NotFound")?;
        for name in ["RouteTableId", "SubnetId", "SecurityGroupId"] {
            let (add, remove) = (self.form.list(&format!("Add{name}")), self.form.list(&format!("Remove{name}")));
            let mut ids = endpoint.list(name);
            ids.retain(|id| !remove.contains(id));
            ids.extend(add);
            endpoint.set_list(name, &ids);
        }
        for name in OPTIONS {
            if let Some(value) = self.form.get(name) {
                endpoint.set(name, value);
            }
        }
        if self.form.text("ResetPolicy") == "true" {
            endpoint.set("PolicyDocument", DEFAULT_POLICY);
        }
        self.keep(&endpoint);
        Ok("<return>true</return>".to_owned())
    }

    pub(super) fn endpoints(&self) -> Done {
        let requested = self.form.list("VpcEndpointId");
        let shown = self
            .all(ENDPOINT)
            .into_iter()
            .filter(|it| requested.is_empty() || requested.contains(&it.text("Id").to_owned()));
        let shown =
            shown.filter(|it| self.passes(it, "vpc-id", "VpcId") && self.passes(it, "service-name", "ServiceName"));
        Ok(list("vpcEndpointSet", "item", shown.map(|it| show(&it))))
    }
}

/// Shows an endpoint. EC2 returns the DNS options of new endpoints also if the request has none.
fn show(it: &Form) -> String {
    let kind = it.get("VpcEndpointType").unwrap_or("Gateway");
    let is_interface = kind == "Interface";
    let groups = it.list("SecurityGroupId");
    let records = it.get("DnsOptions.DnsRecordIpType").unwrap_or(if is_interface { "ipv4" } else { "service-defined" });
    let inbound = "DnsOptions.PrivateDnsOnlyForInboundResolverEndpoint";
    let options = element("dnsRecordIpType", Some(records))
        + &element("privateDnsOnlyForInboundResolverEndpoint", it.get(inbound));
    element("vpcEndpointId", it.get("Id"))
        + &element("vpcId", it.get("VpcId"))
        + &element("serviceName", it.get("ServiceName"))
        + &element("serviceRegion", it.get("ServiceRegion"))
        + &element("vpcEndpointType", Some(kind))
        + "<state>available</state>"
        + &element("policyDocument", Some(it.get("PolicyDocument").unwrap_or(DEFAULT_POLICY)))
        + &list("routeTableIdSet", "item", it.list("RouteTableId"))
        + &list("subnetIdSet", "item", it.list("SubnetId"))
        + &list("groupSet", "item", groups.iter().map(|id| element("groupId", Some(id))))
        + &element("privateDnsEnabled", it.get("PrivateDnsEnabled").or(is_interface.then_some("true")))
        + &element("ipAddressType", Some(it.get("IpAddressType").unwrap_or("ipv4")))
        + &format!("<dnsOptions>{options}</dnsOptions>")
        + &tags(it)
}
