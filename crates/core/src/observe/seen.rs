// SPDX-License-Identifier: Apache-2.0
//! [`Seen`], which answers a kind's questions about other resources from a snapshot.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::Value;

use super::location::Location;
use super::snapshot::{Reading, Snapshot};
use crate::resource::address::Address;

/// The answer to a question about a resource.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Lookup<'a> {
    /// It exists. Holds its live model; `None` if an apply of the plan creates it.
    Exists(Option<&'a Value>),
    /// It does not exist.
    Absent,
    /// It was not read yet, or could not be read.
    Unknown,
}

/// A resource of a region: region code, kind and name.
pub type Question = (String, String, String);

/// Answers questions about resources that a spec does not name. The questions are recorded, so that the resources are
/// read next.
pub struct Seen<'a> {
    snapshot: &'a Snapshot,
    location: &'a Location,
    sources: &'a [String],
    desired: &'a BTreeSet<Address>,
    asked: RefCell<BTreeSet<Question>>,
}

impl<'a> Seen<'a> {
    /// Creates the answers for a region. `sources` are the regions that the spec copies from, `desired` its resources.
    pub fn new(
        snapshot: &'a Snapshot,
        location: &'a Location,
        sources: &'a [String],
        desired: &'a BTreeSet<Address>,
    ) -> Self {
        Self { snapshot, location, sources, desired, asked: RefCell::default() }
    }

    /// Returns the account and the region.
    pub fn location(&self) -> &'a Location {
        self.location
    }

    /// Looks a resource up in the spec's region.
    pub fn here(&self, kind: &str, name: &str) -> Lookup<'a> {
        match self.look(self.location.clone(), kind, name) {
            Lookup::Exists(model) => Lookup::Exists(model),
            _ if self.desired.contains(&Address::new(kind, name)) => Lookup::Exists(None),
            other => other,
        }
    }

    /// Looks a resource up in the regions that the spec copies from, and returns the first one that exists.
    pub fn at_sources(&self, kind: &str, name: &str) -> Lookup<'a> {
        let mut result = Lookup::Absent;
        for region in self.sources {
            match self.look(self.location.in_region(region), kind, name) {
                Lookup::Exists(model) => return Lookup::Exists(model),
                Lookup::Absent => {}
                Lookup::Unknown => result = Lookup::Unknown,
            }
        }
        result
    }

    /// Looks a resource up in another region of the account.
    pub fn at(&self, region: &str, kind: &str, name: &str) -> Lookup<'a> {
        self.look(self.location.in_region(region), kind, name)
    }

    fn look(&self, location: Location, kind: &str, name: &str) -> Lookup<'a> {
        let location = Location { vpc: None, ..location };
        self.asked.borrow_mut().insert((location.region.clone(), kind.to_owned(), name.to_owned()));
        match self.snapshot.reading(kind, &location, name) {
            Some(Ok(Reading::Found { resource, .. })) => Lookup::Exists(Some(&resource.model)),
            Some(Ok(Reading::Absent)) => Lookup::Absent,
            Some(Ok(Reading::Gap(_)) | Err(_)) | None => Lookup::Unknown,
        }
    }

    /// Returns all questions that were asked.
    pub fn into_asked(self) -> BTreeSet<Question> {
        self.asked.into_inner()
    }
}
