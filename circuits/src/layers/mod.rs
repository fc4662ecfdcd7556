//! The steps of a model, one operation a file: each states its integers, runs natively, and is constrained.

pub mod clip;
pub mod curve;
pub mod dense;
pub mod logarithm;
pub mod paths;
pub mod rescale;
pub mod root;
pub mod steps;
