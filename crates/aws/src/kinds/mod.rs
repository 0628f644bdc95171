//! The kinds, one line each. A kind's file holds everything about it: what a person writes, what
//! AWS says, how the two are compared, which calls mend what differs, and its cases for the laws.

pub mod alarm;
pub mod bucket;
pub mod log_group;
pub mod private_zone;
pub mod security_group;
pub mod topic;

use regionctl_core::kind::{AnyKind, Erased, Registry};

use crate::live::LiveKind;

macro_rules! kinds {
    ($($kind:ty,)*) => {
        static LIVE: &[&dyn LiveKind] = &[$(&Erased::<$kind>::NEW),*];
        static PURE: &[&dyn AnyKind] = &[$(&Erased::<$kind>::NEW),*];
    };
}

kinds! {
    alarm::Alarm,
    bucket::Bucket,
    log_group::LogGroup,
    private_zone::PrivateZone,
    security_group::SecurityGroup,
    topic::Topic,
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
