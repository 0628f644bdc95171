// SPDX-License-Identifier: Apache-2.0
//! Unit tests of the names, the spec's checks, the diff and the written form.

use aws_sdk_ec2::types::builders::VpcEndpointBuilder;
use aws_sdk_ec2::types::{
    DnsOptions, DnsRecordIpType, IpAddressType, LastError, SecurityGroupIdentifier, State, Tag,
    VpcEndpoint as SdkEndpoint, VpcEndpointType,
};
use regionctl_core::diagnostic::SourceFiles;
use regionctl_core::diff::{Diff, Draft, operation};
use regionctl_core::kind::{Kind, Notes};
use regionctl_core::resource::reference::Ties;
use regionctl_core::spec::decode::decode;
use regionctl_core::spec::tree::parse;
use regionctl_core::spec::write;

use super::api::{model, service};
use super::*;

fn desired(name: &str, yaml: &str) -> (EndpointModel, Vec<String>) {
    let (node, sources) = (parse(yaml, 0).unwrap(), SourceFiles::default());
    let mut notes = Notes::new(&node, &sources, "eu-central-1", false);
    let spec = decode(&node).map_err(|fault| fault.message).unwrap();
    let model = VpcEndpoint::desire(name, spec, &mut notes);
    (model, notes.faults.0.iter().map(|fault| fault.message.clone()).collect())
}

fn live(endpoint: VpcEndpointBuilder) -> EndpointModel {
    let tables = BTreeSet::from(["rtb-1".to_owned(), "rtb-2".to_owned()]);
    model(&endpoint.build(), &tables, "eu-central-1").unwrap()
}

fn gateway() -> VpcEndpointBuilder {
    SdkEndpoint::builder()
        .vpc_endpoint_type(VpcEndpointType::Gateway)
        .service_name("com.amazonaws.eu-central-1.s3")
        .state(State::from("available"))
        .policy_document(
            r#"{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#,
        )
        .route_table_ids("rtb-1")
        .tags(Tag::builder().key("Name").value("s3").build())
}

/// An interface endpoint with every member set.
fn interface() -> VpcEndpointBuilder {
    let options = DnsOptions::builder()
        .dns_record_ip_type(DnsRecordIpType::Dualstack)
        .private_dns_only_for_inbound_resolver_endpoint(true);
    SdkEndpoint::builder()
        .vpc_endpoint_type(VpcEndpointType::Interface)
        .service_name("com.amazonaws.us-east-1.s3")
        .service_region("us-east-1")
        .state(State::from("available"))
        .policy_document(
            r#"{"Statement":[{"Sid":"Read","Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}]}"#,
        )
        .subnet_ids("subnet-1")
        .subnet_ids("subnet-2")
        .groups(SecurityGroupIdentifier::builder().group_id("sg-1").group_name("a").build())
        .private_dns_enabled(true)
        .ip_address_type(IpAddressType::Dualstack)
        .dns_options(options.build())
        .tags(Tag::builder().key("Team").value("sre").build())
}

fn diff(name: &str, want: &str, live: Option<&EndpointModel>) -> Draft {
    let (want, faults) = desired(name, want);
    assert!(faults.is_empty(), "{faults:?}");
    let mut out = Diff::new(live.is_some(), &[]).adopted(live.is_some());
    VpcEndpoint::diff(&want, live, &mut out);
    out.finish().unwrap()
}

fn calls(draft: &Draft) -> Vec<&str> {
    draft.steps.iter().map(|step| operation(&step.op)).collect()
}

#[test]
fn a_written_endpoint_is_the_same_model() {
    let balancer = SdkEndpoint::builder()
        .vpc_endpoint_type(VpcEndpointType::GatewayLoadBalancer)
        .service_name("com.amazonaws.vpce.eu-central-1.vpce-svc-1")
        .subnet_ids("subnet-1");
    for (name, endpoint) in [("s3", gateway()), ("vpce-1", interface()), ("vpce-2", balancer)] {
        let live = VpcEndpoint::relevant(None, live(endpoint));
        let written = write::yaml(&VpcEndpoint::write(&live).unwrap(), 0);
        assert_eq!(desired(name, &written), (live, vec![]), "{written}");
    }
}

#[test]
fn a_name_says_the_service() {
    assert_eq!(service("s3", "cn-north-1"), "com.amazonaws.cn-north-1.s3");
    assert_eq!(service("s3/interface", "eu-central-1"), "com.amazonaws.eu-central-1.s3");
    assert_eq!(service("ecr.api", "eu-central-1"), "com.amazonaws.eu-central-1.ecr.api");
    let full = "cn.com.amazonaws.cn-north-1.ecr.api";
    assert_eq!(service(full, "cn-north-1"), full);
    assert!(VpcEndpoint::check_name("S3").is_err() && VpcEndpoint::check_name("/interface").is_err());
}

#[test]
fn only_what_differs_is_sent() {
    let live = live(interface());
    let yaml = "{type: interface, service_region: us-east-1, subnets: [subnet-2, subnet-3], dns_records: ipv4}\n";
    let draft = diff("vpce-1", yaml, Some(&live));
    assert_eq!(calls(&draft), ["ModifyVpcEndpoint"]);
    assert_eq!(
        draft.steps[0].op["ModifyVpcEndpoint"],
        json!({
            "subnets": {"add": ["subnet-3"], "remove": ["subnet-1"]},
            // The DNS options are one member of the request.
            "settings": {"type": "interface", "dns_records": "ipv4", "private_dns_only_inbound": true},
        })
    );
    assert_eq!(draft.deletes, ["the network interface in subnet-1 is deleted"]);
}

#[test]
fn security_groups_and_routes_of_others_are_displaced() {
    let groups = diff("vpce-1", "{service_region: us-east-1, security_groups: [sg-2]}\n", Some(&live(interface())));
    assert_eq!(groups.deletes, ["the security group sg-1 is removed, and regionctl did not create this resource"]);
    let tables = diff("s3", "route_tables: [rtb-2]\n", Some(&live(gateway())));
    assert!(tables.deletes[0].starts_with("the route of rtb-1 to the endpoint is removed"), "{:?}", tables.deletes);
}

#[test]
fn a_new_interface_endpoint_needs_subnets() {
    assert!(diff("ssm", "private_dns: true\n", None).blocked[0].contains("state its `subnets`"));
    assert_eq!(calls(&diff("ssm", "subnets: [subnet-1]\n", None)), ["CreateVpcEndpoint"]);
    assert_eq!(calls(&diff("s3", "route_tables: all\n", None)), ["CreateVpcEndpoint"]);
}

#[test]
fn private_dns_is_turned_off_with_a_remark() {
    let draft = diff("vpce-1", "{service_region: us-east-1, private_dns: false}\n", Some(&live(interface())));
    assert_eq!(draft.steps[0].op["ModifyVpcEndpoint"]["settings"]["private_dns"], false);
    assert!(draft.fields[0].note.as_ref().unwrap().contains("whole VPC"));
}

#[test]
fn the_type_and_the_region_of_the_service_do_not_change() {
    let draft = diff("foo", "{type: gateway_load_balancer}\n", Some(&live(interface())));
    assert_eq!(draft.blocked.len(), 1);
}

#[test]
fn an_endpoint_that_waits_for_its_owner_is_a_manual_step_and_a_failed_one_a_defect() {
    let waits = live(gateway().state(State::from("pendingAcceptance")));
    assert!(diff("s3", "route_tables: [rtb-1]\n", Some(&waits)).waiting[0].what.contains("must accept"));
    let error = LastError::builder().message("no subnet").build();
    let failed = live(gateway().state(State::from("failed")).last_error(error));
    assert!(broken(&failed).unwrap().what.contains("failed (no subnet)"));
    assert!(broken(&live(gateway())).is_none());
}

#[test]
fn the_vpc_id_of_an_endpoint_in_another_field_is_no_reference_to_the_endpoint() {
    assert!(matches!(VpcEndpoint::FACTS.ties("vpc_id"), Ties::Fields([])));
}

#[test]
fn an_unknown_value_is_an_error() {
    let unknown = |endpoint: VpcEndpointBuilder| model(&endpoint.build(), &BTreeSet::new(), "eu-central-1").is_err();
    assert!(unknown(gateway().vpc_endpoint_type(VpcEndpointType::from("Other"))));
    assert!(unknown(interface().ip_address_type(IpAddressType::from("ipv8"))));
    assert!(unknown(interface().policy_document("{")));
}

#[test]
fn fields_of_other_types_are_faults() {
    let faults = |name: &str, yaml: &str| desired(name, yaml).1.join("\n");
    assert!(faults("s3", "type: interface\n").contains("is a gateway endpoint"));
    assert!(faults("s3/interface", "type: gateway\n").contains("is an interface endpoint"));
    assert!(faults("s3", "private_dns: true\n").contains("`private_dns` is not for endpoints of type gateway"));
    assert!(faults("ssm", "route_tables: all\n").contains("`route_tables` is not for"));
    assert!(faults("ssm", "subnets: [a]\n").contains("not the ID of a subnet"));
    assert!(faults("ssm", "security_groups: []\n").contains("needs a security group"));
    assert!(faults("x", "{type: gateway_load_balancer, subnets: [subnet-1, subnet-2]}\n").contains("one subnet"));
    assert!(faults("ssm", "{private_dns: false, private_dns_only_inbound: true}\n").contains("needs `private_dns"));
}
