// SPDX-License-Identifier: Apache-2.0
//! The registry of kinds, one line each. A kind's folder holds its spec, its model, its AWS calls and its diff, the
//! cases for the laws and, if the kind is complete, the table of AWS's answers.

use regionctl_core::kind::{AnyKind, Erased, Registry};

use crate::live::LiveKind;

macro_rules! kinds {
    ($($module:ident::$kind:ident,)*) => {
        $(pub mod $module;)*
        static LIVE: &[&dyn LiveKind] = &[$(&Erased::<$module::$kind>::NEW),*];
        static PURE: &[&dyn AnyKind] = &[$(&Erased::<$module::$kind>::NEW),*];
    };
}

mod targets;

// A new kind is a folder next to this file and a line in this list.
kinds! {
    alarm::Alarm,
    bucket::Bucket,
    cluster::Cluster,
    composite::CompositeAlarm,
    document::Document,
    flow_log::FlowLog,
    function::Function,
    iam_policy::IamPolicy,
    instance::Instance,
    key_pair::KeyPair,
    load_balancer::LoadBalancer,
    log_group::LogGroup,
    metric::Metric,
    private_zone::PrivateZone,
    queue::Queue,
    replication::Replication,
    replication_failures::ReplicationFailures,
    security_group::SecurityGroup,
    target_group::TargetGroup,
    topic::Topic,
    vpc_dns::VpcDns,
    vpc_endpoint::VpcEndpoint,
}

/// All kinds, without their AWS calls.
pub const REGISTRY: Registry = Registry(PURE);

/// Returns the kind with this name, including its AWS calls. Panics if the name is not registered.
pub(crate) fn live(name: &str) -> &'static dyn LiveKind {
    LIVE.iter()
        .copied()
        .find(|kind| kind.facts().name == name)
        .expect("invariant: the engine asks for registered kinds only")
}
