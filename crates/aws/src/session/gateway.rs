//! The interceptor in every client: refuses writes while reading, counts calls, and marks each
//! request for the pace.

use aws_sdk_ec2::operation::run_instances::RunInstancesInput;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use super::Access;
use super::record::Recorder;

/// The header in which the operation travels to the pace, which takes it out again. It is set after
/// signing, and never sent.
pub(super) const CALL: &str = "x-regionctl-call";

/// A mutating call in a read-only session. A fault in regionctl, and nothing was sent.
#[derive(Debug)]
pub struct WriteWhileReading(pub String);

impl std::fmt::Display for WriteWhileReading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} would change something, and this command only reads", self.0)
    }
}

impl std::error::Error for WriteWhileReading {}

/// The interceptor.
#[derive(Debug, Clone)]
pub(super) struct Gateway {
    access: Access,
    recorder: Recorder,
}

impl Gateway {
    pub(super) fn new(access: Access, recorder: Recorder) -> Self {
        Self { access, recorder }
    }

    pub(super) fn recorder(&self) -> &Recorder {
        &self.recorder
    }
}

/// Says whether a call only tries whether it would be done (EC2's DryRun), and changes nothing.
fn only_tries(context: &BeforeSerializationInterceptorContextRef<'_>) -> bool {
    let run = context.input().downcast_ref::<RunInstancesInput>();
    run.is_some_and(|input| input.dry_run() == Some(true))
}

/// Says whether an operation only reads. What is not known to read counts as writing.
pub fn reads(operation: &str) -> bool {
    ["Get", "List", "Describe", "Head", "Simulate", "Lookup"].iter().any(|verb| operation.starts_with(verb))
}

impl Intercept for Gateway {
    fn name(&self) -> &'static str {
        "regionctl gateway"
    }

    /// The first hook in which the operation is known; nothing has been sent.
    fn read_before_serialization(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(metadata) = cfg.load::<Metadata>() else { return Err("a call without an operation".into()) };
        if self.access == Access::ReadOnly && !reads(metadata.name()) && !only_tries(context) {
            return Err(WriteWhileReading(format!("{} {}", metadata.service(), metadata.name())).into());
        }
        self.recorder.count(metadata.service(), metadata.name(), |count| count.calls += 1);
        Ok(())
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(metadata) = cfg.load::<Metadata>() {
            let call = format!("{}/{}", metadata.service(), metadata.name());
            context.request_mut().headers_mut().insert(CALL, call);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_to_read_counts_as_writing() {
        assert!(reads("GetBucketPolicy") && reads("DescribeAlarms") && reads("HeadBucket"));
        assert!(!reads("CreateTopic") && !reads("Subscribe") && !reads("RevokeSecurityGroupIngress"));
    }
}
