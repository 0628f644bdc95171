// SPDX-License-Identifier: Apache-2.0
//! The interceptor of every client: rejects writes in a read-only session, and counts calls, attempts and throttling.

use aws_sdk_ec2::operation::run_instances::RunInstancesInput;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use super::Access;
use super::pace::Pace;
use super::record::Recorder;
use super::throttling::is_throttled;

/// The error of a write call in a read-only session, which is a bug in regionctl. The call was not sent. Holds the
/// service and operation.
#[derive(Debug)]
pub struct WriteWhileReading(pub String);

impl std::fmt::Display for WriteWhileReading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is a write call, and this command is read-only", self.0)
    }
}

impl std::error::Error for WriteWhileReading {}

/// The interceptor. Its clones in the clients of all regions share one recorder, so the counts include every call.
#[derive(Debug, Clone)]
pub(super) struct Gateway {
    access: Access,
    recorder: Recorder,
    pace: Pace,
}

impl Gateway {
    pub(super) fn new(access: Access, recorder: Recorder, pace: Pace) -> Self {
        Self { access, recorder, pace }
    }

    /// Returns the interceptor for the clients of another region, which has its own rates.
    pub(super) fn at(&self, pace: Pace) -> Self {
        Self { pace, ..self.clone() }
    }

    pub(super) fn recorder(&self) -> &Recorder {
        &self.recorder
    }
}

/// Whether a call is a dry run, which changes nothing (`DryRun` in
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html>).
fn is_dry_run(context: &BeforeSerializationInterceptorContextRef<'_>) -> bool {
    let run = context.input().downcast_ref::<RunInstancesInput>();
    run.is_some_and(|input| input.dry_run() == Some(true))
}

/// Whether an operation only reads. An operation with an unknown verb counts as a write.
pub fn reads(operation: &str) -> bool {
    ["Get", "List", "Describe", "Head", "Simulate", "Lookup"].iter().any(|verb| operation.starts_with(verb))
}

impl Intercept for Gateway {
    fn name(&self) -> &'static str {
        "regionctl gateway"
    }

    /// Rejects writes and counts the call: this is the first hook in which the operation is known.
    fn read_before_serialization(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(metadata) = cfg.load::<Metadata>() else { return Err("the call has no operation metadata".into()) };
        if self.access == Access::ReadOnly && !reads(metadata.name()) && !is_dry_run(context) {
            return Err(WriteWhileReading(format!("{} {}", metadata.service(), metadata.name())).into());
        }
        self.recorder.count(metadata.service(), metadata.name(), |count| count.calls += 1);
        Ok(())
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(call) = cfg.load::<Metadata>() {
            self.recorder.count(call.service(), call.name(), |count| count.attempts += 1);
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let (Some(call), Some(response)) = (cfg.load::<Metadata>(), context.response())
            && is_throttled(call.service(), response)
        {
            self.recorder.count(call.service(), call.name(), |count| count.throttled += 1);
            self.pace.throttled(call.service(), call.name());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_with_an_unknown_verb_is_a_write() {
        assert!(reads("GetBucketPolicy") && reads("DescribeAlarms") && reads("HeadBucket"));
        assert!(!reads("CreateTopic") && !reads("Subscribe") && !reads("RevokeSecurityGroupIngress"));
    }
}
