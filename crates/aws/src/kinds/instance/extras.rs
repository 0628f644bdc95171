// SPDX-License-Identifier: Apache-2.0
//! The extras of an instance: settings that a spec cannot state. No call of this kind changes them.

#![allow(clippy::redundant_closure_for_method_calls)] // the SDK's types would hide what is read

use aws_sdk_ec2::types::{Instance as SdkInstance, InstanceNetworkInterface};
use regionctl_core::observe::scope::Extra;
use serde_json::{Map, Value, json};

/// A setting that differs from EC2's default.
type Found = Option<Value>;

fn text(value: Option<&str>, default: &str) -> Found {
    value.filter(|value| !value.is_empty() && *value != default).map(Value::from)
}

fn on(value: Option<bool>) -> Found {
    value.filter(|value| *value).map(Value::from)
}

fn list<T: Into<Value>>(values: impl IntoIterator<Item = T>) -> Found {
    let values: Vec<Value> = values.into_iter().map(Into::into).collect();
    (!values.is_empty()).then(|| values.into())
}

/// Collects the settings that were found, or nothing if there are none.
fn group<const N: usize>(settings: [(&str, Found); N]) -> Found {
    let found = settings.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let found: Map<String, Value> = found.collect();
    (!found.is_empty()).then(|| found.into())
}

/// Returns the extras of an instance.
pub(super) fn extras(instance: &SdkInstance) -> Vec<Extra> {
    let found = [
        ("placement", placement(instance)),
        ("capacity", capacity(instance)),
        ("cpu_options", cpu_options(instance)),
        ("hostname", hostname(instance)),
        ("maintenance", maintenance(instance)),
        ("network_interfaces", network_interfaces(instance)),
        ("lifecycle", text(instance.instance_lifecycle().map(|it| it.as_str()), "")),
        ("hibernation", on(instance.hibernation_options().and_then(|it| it.configured()))),
        ("enclave", on(instance.enclave_options().and_then(|it| it.enabled()))),
        ("licenses", list(instance.licenses().iter().filter_map(|it| it.license_configuration_arn()))),
        (
            "bandwidth",
            text(
                instance.network_performance_options().and_then(|it| it.bandwidth_weighting()).map(|it| it.as_str()),
                "default",
            ),
        ),
        ("operator", text(instance.operator().and_then(|it| it.principal()), "")),
        (
            "accelerators",
            list(
                instance
                    .elastic_inference_accelerator_associations()
                    .iter()
                    .filter_map(|it| it.elastic_inference_accelerator_arn()),
            ),
        ),
        ("gpus", list(instance.elastic_gpu_associations().iter().filter_map(|it| it.elastic_gpu_id()))),
        (
            "secondary_interfaces",
            list(instance.secondary_interfaces().iter().filter_map(|it| it.secondary_interface_id())),
        ),
        ("kernel", text(instance.kernel_id(), "")),
        ("ramdisk", text(instance.ramdisk_id(), "")),
    ];
    found.into_iter().filter_map(|(path, value)| Some(Extra::kept(path, value?))).collect()
}

fn placement(instance: &SdkInstance) -> Found {
    let placement = instance.placement()?;
    group([
        ("tenancy", text(placement.tenancy().map(|it| it.as_str()), "default")),
        ("group", text(placement.group_name(), "")),
        ("partition", placement.partition_number().filter(|number| *number > 0).map(Value::from)),
        ("host", text(placement.host_id(), "")),
        ("host_resource_group", text(placement.host_resource_group_arn(), "")),
        ("affinity", text(placement.affinity(), "default")),
        ("spread_domain", text(placement.spread_domain(), "")),
    ])
}

fn capacity(instance: &SdkInstance) -> Found {
    let specification = instance.capacity_reservation_specification();
    let target = specification.and_then(|it| it.capacity_reservation_target());
    group([
        (
            "preference",
            text(specification.and_then(|it| it.capacity_reservation_preference()).map(|it| it.as_str()), "open"),
        ),
        ("target", text(target.and_then(|it| it.capacity_reservation_id()), "")),
        ("target_group", text(target.and_then(|it| it.capacity_reservation_resource_group_arn()), "")),
        ("block", text(instance.capacity_block_id(), "")),
    ])
}

fn cpu_options(instance: &SdkInstance) -> Found {
    let options = instance.cpu_options()?;
    group([
        ("cores", options.core_count().map(Value::from)),
        ("threads_per_core", options.threads_per_core().map(Value::from)),
        ("amd_sev_snp", text(options.amd_sev_snp().map(|it| it.as_str()), "disabled")),
        ("nested_virtualization", text(options.nested_virtualization().map(|it| it.as_str()), "disabled")),
    ])
}

fn hostname(instance: &SdkInstance) -> Found {
    let options = instance.private_dns_name_options()?;
    group([
        ("type", text(options.hostname_type().map(|it| it.as_str()), "ip-name")),
        ("a_record", on(options.enable_resource_name_dns_a_record())),
        ("aaaa_record", on(options.enable_resource_name_dns_aaaa_record())),
    ])
}

fn maintenance(instance: &SdkInstance) -> Found {
    let options = instance.maintenance_options()?;
    group([
        ("auto_recovery", text(options.auto_recovery().map(|it| it.as_str()), "default")),
        ("reboot_migration", text(options.reboot_migration().map(|it| it.as_str()), "default")),
    ])
}

/// Returns what is set on network interfaces, by interface id. Every interface after the first is a setting itself.
fn network_interfaces(instance: &SdkInstance) -> Found {
    let interfaces = instance.network_interfaces().iter();
    let found = interfaces.filter_map(|it| Some((it.network_interface_id()?.to_owned(), interface(it)?)));
    let found: Map<String, Value> = found.collect();
    (!found.is_empty()).then(|| found.into())
}

fn interface(interface: &InstanceNetworkInterface) -> Found {
    let attachment = interface.attachment();
    let srd = attachment.and_then(|it| it.ena_srd_specification());
    let tracking = interface.connection_tracking_configuration();
    let secondary = interface.private_ip_addresses().iter().filter(|it| it.primary() == Some(false));
    let index = attachment.and_then(|it| it.device_index()).filter(|index| *index > 0);
    group([
        ("device_index", index.map(Value::from)),
        ("network_card", attachment.and_then(|it| it.network_card_index()).filter(|card| *card > 0).map(Value::from)),
        // The first interface belongs to the instance, unless somebody attached it.
        ("kept", (attachment.and_then(|it| it.delete_on_termination()) == Some(false)).then(|| json!(true))),
        ("description", text(interface.description(), "")),
        ("type", text(interface.interface_type(), "interface")),
        ("subnet", index.and(text(interface.subnet_id(), ""))),
        ("security_groups", index.and(list(interface.groups().iter().filter_map(|it| it.group_id())))),
        ("unchecked", index.and((interface.source_dest_check() == Some(false)).then(|| json!(true)))),
        // An Elastic IP address has the account's id, an address that EC2 assigns has `amazon`.
        (
            "elastic_ip",
            interface
                .association()
                .filter(|it| it.ip_owner_id() != Some("amazon"))
                .and_then(|it| text(it.public_ip(), "")),
        ),
        ("secondary_addresses", list(secondary.filter_map(|it| it.private_ip_address()))),
        ("ipv6_addresses", list(interface.ipv6_addresses().iter().filter_map(|it| it.ipv6_address()))),
        ("primary_ipv6", on(interface.ipv6_addresses().iter().find_map(|it| it.is_primary_ipv6().filter(|is| *is)))),
        ("ipv4_prefixes", list(interface.ipv4_prefixes().iter().filter_map(|it| it.ipv4_prefix()))),
        ("ipv6_prefixes", list(interface.ipv6_prefixes().iter().filter_map(|it| it.ipv6_prefix()))),
        ("tcp_timeout", tracking.and_then(|it| it.tcp_established_timeout()).map(Value::from)),
        ("udp_timeout", tracking.and_then(|it| it.udp_timeout()).map(Value::from)),
        ("udp_stream_timeout", tracking.and_then(|it| it.udp_stream_timeout()).map(Value::from)),
        ("ena_srd", on(srd.and_then(|it| it.ena_srd_enabled()))),
        ("ena_srd_udp", on(srd.and_then(|it| it.ena_srd_udp_specification()).and_then(|it| it.ena_srd_udp_enabled()))),
        ("ena_queues", attachment.and_then(|it| it.ena_queue_count()).map(Value::from)),
        ("operator", text(interface.operator().and_then(|it| it.principal()), "")),
    ])
}
