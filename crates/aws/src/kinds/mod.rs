//! The kinds, one line each. A kind's folder holds everything about it: what a person writes, what AWS says, how the
//! two are compared and which calls fix what differs; beside that its cases for the laws and, where it is complete, the
//! table of AWS's answers.

use regionctl_core::kind::{AnyKind, Erased, Registry};

use crate::live::LiveKind;

macro_rules! kinds {
    ($($module:ident::$kind:ident,)*) => {
        $(pub mod $module;)*
        static LIVE: &[&dyn LiveKind] = &[$(&Erased::<$module::$kind>::NEW),*];
        static PURE: &[&dyn AnyKind] = &[$(&Erased::<$module::$kind>::NEW),*];
    };
}

// A new kind is a folder beside this file, and its line here.
kinds! {
    alarm::Alarm,
    bucket::Bucket,
    cluster::Cluster,
    document::Document,
    flow_log::FlowLog,
    function::Function,
    iam_policy::IamPolicy,
    instance::Instance,
    key_pair::KeyPair,
    load_balancer::LoadBalancer,
    log_group::LogGroup,
    private_zone::PrivateZone,
    replication::Replication,
    security_group::SecurityGroup,
    topic::Topic,
    vpc_endpoint::VpcEndpoint,
}

/// The kinds there are.
pub const REGISTRY: Registry = Registry(PURE);

/// Returns the live half of a kind that the engine already checked.
pub(crate) fn live(name: &str) -> &'static dyn LiveKind {
    LIVE.iter()
        .copied()
        .find(|kind| kind.facts().name == name)
        .expect("invariant: the engine asks for registered kinds only")
}
