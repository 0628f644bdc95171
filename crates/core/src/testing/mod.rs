// SPDX-License-Identifier: Apache-2.0
//! Providers in memory for tests of the engine. [`cloud`] stores resources; [`Fake`] only records operations.

pub mod cloud;
mod thing;

use std::collections::BTreeMap;
use std::sync::Mutex;

use futures::future::BoxFuture;
use serde_json::Value;

use crate::desire::fill::Inventory;
use crate::desire::requests::Defects;
use crate::observe::failure::{Failure, FailureClass};
use crate::observe::location::{Identity, Location};
use crate::observe::provider::{AuditEvent, Check, Provider, Status, StepTarget};
use crate::observe::scope::{Observation, Scope};
use crate::plan::Plan;
use crate::resource::address::Address;
use crate::resource::reference::{Attributes, Known};
use crate::spec::Spec;

/// A provider without resources. Every operation succeeds except `Fail`, which fails, and `Hang`, which never ends.
#[derive(Default)]
pub struct Fake {
    pub ran: Mutex<Vec<Value>>,
}

impl Provider for Fake {
    fn identify(&self, _: bool) -> BoxFuture<'_, Result<Identity, Failure>> {
        Box::pin(async { Ok(Identity { account: String::new(), vpcs: None }) })
    }

    fn observe<'a>(&'a self, _: &'a str, _: Scope) -> BoxFuture<'a, Result<Observation<Value>, Failure>> {
        Box::pin(async { Ok(Observation::default()) })
    }

    fn list<'a>(&'a self, _: &'a str, _: &'a Location) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn run<'a>(&'a self, _: &'a str, target: StepTarget, op: Value) -> BoxFuture<'a, Result<Attributes, Failure>> {
        Box::pin(async move {
            self.ran.lock().unwrap().push(op.clone());
            if op == "Hang" {
                std::future::pending::<()>().await;
            }
            if op == "Fail" {
                return Err(Failure::new(FailureClass::Invalid, "T Fail", "no"));
            }
            Ok(Attributes::from([("id".to_owned(), format!("id-of-{}", target.name))]))
        })
    }

    fn preflight<'a>(&'a self, _: &'a Spec, _: &'a Plan, _: &'a Location) -> BoxFuture<'a, Vec<Check>> {
        Box::pin(async { Vec::new() })
    }

    fn status<'a>(&'a self, _: &'a str, _: StepTarget) -> BoxFuture<'a, Result<Status, Failure>> {
        Box::pin(async { Ok(Status::Ready) })
    }

    fn audit_events<'a>(
        &'a self,
        _: &'a Address,
        _: &'a Location,
        _: &'a Attributes,
    ) -> BoxFuture<'a, Result<Vec<AuditEvent>, Failure>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn last_applied<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn save_applied<'a>(&'a self, _: &'a str, _: Vec<String>) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async { Ok(()) })
    }
}

/// Returns an empty inventory.
pub fn inventory() -> Inventory {
    Inventory {
        location: Location { partition: String::new(), region: String::new(), account: String::new(), vpc: None },
        live: BTreeMap::new(),
        gaps: Vec::new(),
        wants: Vec::new(),
        known: Known::default(),
        created: BTreeMap::new(),
        defects: Defects::new(),
        notes: Vec::new(),
        secrets: BTreeMap::new(),
    }
}
