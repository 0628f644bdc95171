// SPDX-License-Identifier: Apache-2.0
//! [`Covers`], which ties differences to the steps that fix them, and sets whose elements are compared by key.

/// The differences that one step fixes. Empty if there is nothing to fix.
#[derive(Debug, Clone, Default)]
#[must_use = "a difference must be covered by a step"]
pub struct Covers {
    pub(super) fields: Vec<usize>,
    pub(super) creation: bool,
}

impl Covers {
    /// Joins two sets of differences that one step fixes.
    pub fn and(mut self, other: Self) -> Self {
        self.fields.extend(other.fields);
        self.creation |= other.creation;
        self
    }

    /// Returns whether there is nothing to fix.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && !self.creation
    }
}

/// What happens to live elements that the spec does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They are removed.
    Exclusive,
    /// They are not managed.
    Additive,
}

/// An element of a set, compared by its key.
pub trait Keyed: Clone {
    /// Returns the key that identifies the element, as a plan shows it: `tcp 5432 from 0.0.0.0/0`.
    fn key(&self) -> String;
    /// Returns the part of the element that can change in place, such as a description. If the desired element has
    /// none, the live one's is not managed; if it is empty, the live one's is removed.
    fn detail(&self) -> Option<String> {
        None
    }
}

/// How two sets differ. Each element comes with the difference that a step must cover.
#[derive(Debug)]
pub struct KeyedDelta<T> {
    /// Desired elements that do not exist.
    pub added: Vec<(T, Covers)>,
    /// Live elements that are not desired. Empty in [`Mode::Additive`].
    pub removed: Vec<(T, Covers)>,
    /// Desired elements that exist with another detail.
    pub changed: Vec<(T, Covers)>,
}
