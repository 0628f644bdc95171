//! A kind: one type of resource, its spec, its model and what turns live into desired.
//!
//! [`Kind`] is the pure, typed half that a kind's folder implements. [`AnyKind`] is the same with the types erased to
//! JSON, so that the engine works without knowing any kind; the one blanket implementation, [`Erased`], is the only
//! place where types are lost.

mod erased;
pub mod facts;
pub mod notes;
mod typed;
pub mod weight;

pub use erased::{AnyKind, Broken, Erased, Registry};
pub use facts::{Facts, Need, NeededWhen};
pub use notes::Notes;
pub use typed::{Fit, Kind, Risk};
