// SPDX-License-Identifier: Apache-2.0
//! Object Lock, the same type for spec and live.
//!
//! PutObjectLockConfiguration replaces the whole configuration
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectLockConfiguration.html>), so parts that the spec leaves
//! out are sent with their live values. A bucket with Object Lock keeps it, and its versioning stays enabled (S3 User
//! Guide, "Object Lock considerations").

use aws_sdk_s3::types as s3;
use regionctl_core::diff::{Covers, Diff};
use regionctl_core::resource::setting::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BucketOp, risks};
use crate::error::CallError;

const GET: &str = "S3 GetObjectLockConfiguration";

/// S3's limits of a period (`EventHoldDuration`, and the quotas of Object Lock).
const MAX_DAYS: i32 = 36_500;
const MAX_YEARS: i32 = 100;

/// Object Lock. It needs `versioning: Enabled` and can never be turned off. Parts that are left out do not change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "BucketObjectLock")]
pub struct ObjectLock {
    /// The default retention of new objects. `unset`: objects are retained only if their upload says so.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub retention: Setting<Retention>,
    /// The default event hold of new objects. `unset`: none.
    #[serde(default, skip_serializing_if = "Setting::is_unstated")]
    pub event_hold: Setting<Period>,
}

/// The default retention of new objects: a mode, and either `days` or `years`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "BucketRetention")]
pub struct Retention {
    /// GOVERNANCE: a permission allows to delete retained versions. COMPLIANCE: nobody can delete them.
    pub mode: Mode,
    /// The retention period in days, 1 to 36500. Excludes `years`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<i32>,
    /// The retention period in years, 1 to 100. Excludes `days`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub years: Option<i32>,
}

/// A period: either `days` or `years`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "BucketEventHold")]
pub struct Period {
    /// The period in days, 1 to 36500. Excludes `years`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<i32>,
    /// The period in years, 1 to 100. Excludes `days`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub years: Option<i32>,
}

/// The retention mode (`ObjectLockRetentionMode`), the weaker one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(rename = "BucketRetentionMode")]
pub enum Mode {
    /// Principals with `s3:BypassGovernanceRetention` can delete retained versions.
    Governance,
    /// Nobody can delete retained versions, or shorten their retention.
    Compliance,
}

impl Retention {
    fn period(self) -> Period {
        Period { days: self.days, years: self.years }
    }

    fn is_weaker_than(self, other: Self) -> bool {
        self.mode < other.mode || self.period().is_shorter_than(other.period())
    }
}

impl Period {
    fn is_shorter_than(self, other: Self) -> bool {
        let days =
            |period: Self| period.days.unwrap_or(0).saturating_add(period.years.unwrap_or(0).saturating_mul(365));
        days(self) < days(other)
    }

    fn is_valid(self) -> bool {
        match (self.days, self.years) {
            (Some(days), None) => (1..=MAX_DAYS).contains(&days),
            (None, Some(years)) => (1..=MAX_YEARS).contains(&years),
            _ => false,
        }
    }
}

impl ObjectLock {
    /// Returns the paths of the periods that S3 would reject.
    pub fn faults(&self) -> Vec<&'static str> {
        let retention = self.retention.value().map(|retention| ("object_lock.retention", retention.period()));
        let event_hold = self.event_hold.value().map(|period| ("object_lock.event_hold", *period));
        let periods = retention.into_iter().chain(event_hold);
        periods.filter(|(_, period)| !period.is_valid()).map(|(path, _)| path).collect()
    }

    /// Converts GetObjectLockConfiguration. `None` if Object Lock is not enabled.
    ///
    /// # Errors
    /// A value is unknown.
    pub fn from_sdk(found: &s3::ObjectLockConfiguration) -> Result<Option<Self>, CallError> {
        match found.object_lock_enabled() {
            None => return Ok(None),
            Some(s3::ObjectLockEnabled::Enabled) => {}
            Some(other) => return Err(CallError::unknown(GET, "the state of Object Lock", other.as_str())),
        }
        let default = found.rule().and_then(s3::ObjectLockRule::default_retention);
        let mode = default.and_then(s3::DefaultRetention::mode).map(mode_from_sdk).transpose()?;
        let retention = mode.map(|mode| Retention {
            mode,
            days: default.and_then(s3::DefaultRetention::days),
            years: default.and_then(s3::DefaultRetention::years),
        });
        let hold = default.and_then(s3::DefaultRetention::default_event_hold);
        let hold = hold.map(|hold| Period { days: hold.days(), years: hold.years() });
        Ok(Some(Self { retention: Setting::live(retention), event_hold: Setting::live(hold) }))
    }

    /// Merges the stated parts into the live configuration and returns the whole one for PutObjectLockConfiguration.
    pub fn into_sdk(
        self,
        live: Option<&s3::ObjectLockConfiguration>,
    ) -> Result<s3::ObjectLockConfiguration, CallError> {
        let live = live.map(Self::from_sdk).transpose()?.flatten();
        let (live_retention, live_hold) =
            live.map_or((Setting::Unset, Setting::Unset), |live| (live.retention, live.event_hold));
        let retention = self.retention.or(live_retention).into_value();
        let hold = self.event_hold.or(live_hold).into_value();
        let default = s3::DefaultRetention::builder()
            .set_mode(retention.map(|retention| mode_to_sdk(retention.mode)))
            .set_days(retention.and_then(|retention| retention.days))
            .set_years(retention.and_then(|retention| retention.years))
            .set_default_event_hold(
                hold.map(|hold| s3::EventHoldDuration::builder().set_days(hold.days).set_years(hold.years).build()),
            );
        // S3 rejects an empty rule.
        let rule = (retention.is_some() || hold.is_some())
            .then(|| s3::ObjectLockRule::builder().default_retention(default.build()).build());
        Ok(s3::ObjectLockConfiguration::builder()
            .object_lock_enabled(s3::ObjectLockEnabled::Enabled)
            .set_rule(rule)
            .build())
    }
}

fn mode_from_sdk(mode: &s3::ObjectLockRetentionMode) -> Result<Mode, CallError> {
    match mode {
        s3::ObjectLockRetentionMode::Governance => Ok(Mode::Governance),
        s3::ObjectLockRetentionMode::Compliance => Ok(Mode::Compliance),
        other => Err(CallError::unknown(GET, "the retention mode", other.as_str())),
    }
}

fn mode_to_sdk(mode: Mode) -> s3::ObjectLockRetentionMode {
    match mode {
        Mode::Governance => s3::ObjectLockRetentionMode::Governance,
        Mode::Compliance => s3::ObjectLockRetentionMode::Compliance,
    }
}

/// Compares the parts that the spec states. Enabling Object Lock is final, and a weaker default is a risk.
pub fn diff(want: &ObjectLock, live: Option<&ObjectLock>, out: &mut Diff<'_, BucketOp>) -> Covers {
    let ObjectLock { retention, event_hold } = want;
    let enabled = out.value("object_lock.enabled", &true, live.map(|_| &true));
    out.remark(&enabled, "Object Lock can never be turned off, and versioning can never be suspended");
    let live_retention = live.map(|live| &live.retention);
    let covers = out.setting("object_lock.retention", retention, live_retention);
    if retention.is_set_and(|retention| retention.mode == Mode::Compliance) {
        out.remark(&covers, "nobody can delete new objects before their retention ends");
    }
    let is_weaker = match (retention, live_retention.and_then(Setting::value)) {
        (Setting::Set(want), Some(live)) => want.is_weaker_than(*live),
        (Setting::Unset, Some(_)) => true,
        _ => false,
    };
    if is_weaker {
        out.risk(&covers, risks::WEAKER_RETENTION, "makes the default retention of new objects shorter or weaker");
    }
    let live_hold = live.map(|live| &live.event_hold);
    let hold = out.setting("object_lock.event_hold", event_hold, live_hold);
    let is_shorter = match (event_hold, live_hold.and_then(Setting::value)) {
        (Setting::Set(want), Some(live)) => want.is_shorter_than(*live),
        (Setting::Unset, Some(_)) => true,
        _ => false,
    };
    if is_shorter {
        out.risk(&hold, risks::WEAKER_RETENTION, "makes the default event hold of new objects shorter");
    }
    enabled.and(covers).and(hold)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn lock(fields: Value) -> ObjectLock {
        serde_json::from_value(fields).unwrap()
    }

    #[test]
    fn settings_survive_a_round_trip() {
        for fields in [
            json!({"retention": null, "event_hold": null}),
            json!({"retention": {"mode": "GOVERNANCE", "days": 30}, "event_hold": null}),
            json!({"retention": {"mode": "COMPLIANCE", "years": 7}, "event_hold": {"days": 10}}),
            json!({"retention": null, "event_hold": {"years": 1}}),
        ] {
            let want = lock(fields);
            assert_eq!(want.faults(), Vec::<&str>::new());
            let sent = want.clone().into_sdk(None).unwrap();
            assert_eq!(ObjectLock::from_sdk(&sent).unwrap(), Some(want));
        }
        assert_eq!(ObjectLock::from_sdk(&s3::ObjectLockConfiguration::builder().build()).unwrap(), None);
    }

    #[test]
    fn left_out_parts_keep_their_live_values() {
        let live = lock(json!({"retention": {"mode": "COMPLIANCE", "years": 7}, "event_hold": {"days": 10}}));
        let live = live.into_sdk(None).unwrap();
        let read = |fields: Value| ObjectLock::from_sdk(&lock(fields).into_sdk(Some(&live)).unwrap()).unwrap().unwrap();
        assert_eq!(read(json!({})), ObjectLock::from_sdk(&live).unwrap().unwrap());
        let changed = read(json!({"retention": null}));
        assert_eq!((changed.retention, changed.event_hold.is_set()), (Setting::Unset, true));
    }

    #[test]
    fn a_period_that_s3_rejects_is_a_fault() {
        for period in [json!({}), json!({"days": 0}), json!({"years": 101}), json!({"days": 1, "years": 1})] {
            assert_eq!(lock(json!({"event_hold": period})).faults(), ["object_lock.event_hold"], "{period}");
        }
        let retention = json!({"retention": {"mode": "GOVERNANCE", "days": 36501}});
        assert_eq!(lock(retention).faults(), ["object_lock.retention"]);
    }

    #[test]
    fn an_unknown_value_is_an_error() {
        let enabled = || s3::ObjectLockConfiguration::builder().object_lock_enabled(s3::ObjectLockEnabled::Enabled);
        let default = s3::DefaultRetention::builder().mode("ETERNAL".into()).days(1).build();
        let rule = s3::ObjectLockRule::builder().default_retention(default).build();
        let error = ObjectLock::from_sdk(&enabled().rule(rule).build()).unwrap_err();
        assert!(error.0.message.contains("'ETERNAL'"), "{}", error.0);
        let state = s3::ObjectLockConfiguration::builder().object_lock_enabled("Paused".into()).build();
        assert!(ObjectLock::from_sdk(&state).unwrap_err().0.message.contains("'Paused'"));
    }

    #[test]
    fn a_weaker_retention_is_a_risk_and_a_stronger_one_is_not() {
        let live = lock(json!({"retention": {"mode": "COMPLIANCE", "days": 365}, "event_hold": {"days": 10}}));
        let risks = |fields: Value| {
            let mut out: Diff<'_, BucketOp> = Diff::new(true, &[]);
            let covers = diff(&lock(fields), Some(&live), &mut out);
            out.step(regionctl_core::diff::Phase::Change, covers, BucketOp::DeleteBucketWebsite);
            out.finish().unwrap().risks.len()
        };
        for weaker in [
            json!({"retention": null}),
            json!({"retention": {"mode": "GOVERNANCE", "years": 9}}),
            json!({"retention": {"mode": "COMPLIANCE", "days": 364}}),
            json!({"event_hold": {"days": 9}}),
            json!({"event_hold": null}),
        ] {
            assert_eq!(risks(weaker.clone()), 1, "{weaker}");
        }
        for other in
            [json!({}), json!({"retention": {"mode": "COMPLIANCE", "years": 1}}), json!({"event_hold": {"years": 1}})]
        {
            assert_eq!(risks(other.clone()), 0, "{other}");
        }
    }
}
