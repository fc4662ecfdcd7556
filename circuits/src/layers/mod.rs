//! The steps of a model, one operation a file: each states its integers, runs natively, and is constrained.

pub mod clip;
pub mod dense;
pub mod rescale;
pub mod sigmoid;
