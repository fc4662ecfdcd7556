//! The steps of a model, one operation a file: each states its integers, runs natively, and is constrained.

pub mod chosen;
pub mod clip;
pub mod curve;
pub mod dense;
pub mod divide;
pub mod logarithm;
pub mod maximum;
pub mod paths;
pub mod rescale;
pub mod root;
pub mod sign;
pub mod steps;
