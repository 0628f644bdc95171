//! From files to a spec: [`tree`] parses YAML with positions, [`load`] follows includes, [`vars`]
//! fills variables in, [`selector`] says what an entry stands for, [`decode`] turns a positioned node into a
//! kind's own type, and [`read`] puts it together. Every fault carries its position, and as many as can be found are returned at once.

pub mod accept;
pub mod contested;
pub mod decode;
pub mod edit;
pub mod load;
pub mod manual;
pub mod names;
pub mod read;
mod references;
pub mod selector;
mod suggest;
pub mod tree;
pub mod vars;
pub mod write;

pub use read::{Spec, VpcSelector, Waiver, Want, read};
pub use suggest::did_you_mean;
