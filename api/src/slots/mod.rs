//! Solidity's storage by name: from solc's layout and an expression to slot, keys, bits and a line of a plan.
//!
//! | module | statement |
//! |---|---|
//! | [`layout`] | what solc says: variables, types, their slots and offsets |
//! | [`path`] | an expression is a name and steps `.member` and `[key]` |
//! | [`key`] | the word that a mapping hashes for a key of a type |
//! | [`place`] | where the value lies: first slot, steps, bits |
//! | [`source`] | the same as the `source` of a plan, or why a plan cannot say it |

#[cfg(test)]
mod fuzz;
pub mod key;
pub mod layout;
pub mod path;
pub mod place;
pub mod source;

pub use layout::{Layout, LayoutError};
pub use path::PathError;
pub use place::Place;
