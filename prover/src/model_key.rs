//! A score key as data, and the two names that follow from it.
//!
//! Statement: `structureId = keccak256(classId ‖ structure points)`, `modelId = keccak256(structureId ‖ weight points)`.
//!
//! - key bytes: structure points ‖ weight points, each `x ‖ y`, 32 + 32 bytes big-endian, never the identity;
//! - structure points: commitments of the fixed columns that hold no weights, in the order of the verifying key (the circuit's fixed
//!   columns, then its selectors), then all permutation commitments;
//! - weight points: commitments of the weight columns, in the order in which the circuit lists them;
//! - halo2's own hash of the verifying key is no part of it: no contract can check it, so anyone could register the right points with
//!   a wrong hash and block a model for ever (see [`crate::transcript`]);
//! - classId: hash of name, size, counts and the whole constraint system; every model of a class has the same.
//!
//! The Solidity side is `ScoreVerifier.ids`, tested against the shared vector `contracts/test/vectors/model_id.json`.

use alloy::primitives::{B256, keccak256};
use halo2_base::halo2_proofs::{
    halo2curves::{
        CurveAffine,
        bn256::{Fq, Fr, G1Affine},
        ff::{FromUniformBytes, PrimeField},
        group::prime::PrimeCurveAffine,
    },
    plonk::{ConstraintSystem, VerifyingKey},
};
use thiserror::Error;

/// Bytes of one point of a key.
pub const POINT_BYTES: usize = 64;

/// Why a verifying key cannot be a score key. Not recoverable: the circuit must change.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ModelKeyError {
    /// The verifier refuses the identity: put a 1 into an inactive row of that column.
    #[error("column {column} is all zero, so its commitment is the identity, which the verifier refuses")]
    Identity {
        /// Fixed column, or permutation commitment counted after the fixed columns.
        column: usize,
    },
    /// The circuit names a weight column that it does not have.
    #[error("weight column {got} does not exist: expected one below {expected}")]
    NoSuchColumn {
        /// Number of fixed columns.
        expected: usize,
        /// Column named.
        got: usize,
    },
    /// A column cannot be a weight twice.
    #[error("weight column {got} is listed twice")]
    Twice {
        /// Column named.
        got: usize,
    },
}

/// Which commitments of a class are structure and which are weights, as positions among fixed ‖ permutation commitments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyLayout {
    /// Positions of the structure points, ascending.
    pub structure: Vec<usize>,
    /// Positions of the weight points, in the circuit's order.
    pub weights: Vec<usize>,
}

impl KeyLayout {
    /// - `cs`: with selectors already turned into fixed columns, as [`VerifyingKey::cs`] has them
    ///
    /// # Errors
    /// [`ModelKeyError::NoSuchColumn`], [`ModelKeyError::Twice`].
    pub fn new(cs: &ConstraintSystem<Fr>, weights: &[usize]) -> Result<Self, ModelKeyError> {
        let (fixed, sigma) = (cs.num_fixed_columns(), cs.permutation().get_columns().len());
        for (i, &got) in weights.iter().enumerate() {
            if got >= fixed {
                return Err(ModelKeyError::NoSuchColumn { expected: fixed, got });
            }
            if weights[..i].contains(&got) {
                return Err(ModelKeyError::Twice { got });
            }
        }
        let structure = (0..fixed + sigma).filter(|i| !weights.contains(i)).collect();
        Ok(Self { structure, weights: weights.to_vec() })
    }

    /// Positions in the order of the key bytes.
    pub fn order(&self) -> impl Iterator<Item = usize> + '_ {
        self.structure.iter().chain(&self.weights).copied()
    }

    /// Number of points in a key.
    pub fn points(&self) -> usize {
        self.structure.len() + self.weights.len()
    }
}

/// The key of one model, as it is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelKey {
    /// The class whose verifier takes this key.
    pub class_id: B256,
    /// Commitments of selectors, wiring, plan, tables.
    pub structure: Vec<G1Affine>,
    /// Commitments of the weight columns.
    pub weights: Vec<G1Affine>,
}

impl ModelKey {
    /// Splits the commitments of `vk`.
    ///
    /// # Errors
    /// [`ModelKeyError`] names the column.
    pub fn new(
        name: &str,
        num_instances: usize,
        weights: &[usize],
        vk: &VerifyingKey<G1Affine>,
    ) -> Result<Self, ModelKeyError> {
        let layout = KeyLayout::new(vk.cs(), weights)?;
        let all: Vec<G1Affine> = vk.fixed_commitments().iter().chain(vk.permutation().commitments()).copied().collect();
        if let Some(column) = all.iter().position(|point| bool::from(point.is_identity())) {
            return Err(ModelKeyError::Identity { column });
        }
        let pick = |positions: &[usize]| positions.iter().map(|&i| all[i]).collect();
        Ok(Self {
            class_id: class_id(name, vk.get_domain().k(), num_instances, &layout, vk.cs()),
            structure: pick(&layout.structure),
            weights: pick(&layout.weights),
        })
    }

    /// All points in the order of the key bytes.
    pub fn points(&self) -> Vec<G1Affine> {
        self.structure.iter().chain(&self.weights).copied().collect()
    }

    /// The bytes to register.
    pub fn bytes(&self) -> Vec<u8> {
        [point_bytes(&self.structure), point_bytes(&self.weights)].concat()
    }

    /// Names everything but the weights.
    pub fn structure_id(&self) -> B256 {
        keccak256([self.class_id.as_slice(), &point_bytes(&self.structure)].concat())
    }

    /// Names the model.
    pub fn model_id(&self) -> B256 {
        keccak256([self.structure_id().as_slice(), &point_bytes(&self.weights)].concat())
    }

    /// The class as the first scalar of the transcript.
    pub fn class_scalar(&self) -> Fr {
        class_scalar(self.class_id)
    }
}

/// Names a class: `keccak256(name ‖ 0 ‖ k ‖ instances ‖ structure points ‖ weight points ‖ weight columns ‖ keccak256(constraint
/// system))`, numbers as 4 bytes big-endian, the constraint system as halo2 prints it.
pub fn class_id(name: &str, k: u32, num_instances: usize, layout: &KeyLayout, cs: &ConstraintSystem<Fr>) -> B256 {
    let word = |n: usize| (n as u32).to_be_bytes();
    let mut bytes = [name.as_bytes(), &[0], &k.to_be_bytes(), &word(num_instances)].concat();
    bytes.extend([word(layout.structure.len()), word(layout.weights.len())].concat());
    bytes.extend(layout.weights.iter().flat_map(|&w| word(w)));
    bytes.extend(keccak256(format!("{:?}", cs.pinned())));
    keccak256(bytes)
}

/// `classId mod r`.
pub fn class_scalar(class_id: B256) -> Fr {
    let mut wide = [0; 64];
    wide[..32].copy_from_slice(&class_id.0);
    wide[..32].reverse();
    Fr::from_uniform_bytes(&wide)
}

/// `x ‖ y` of each point, big-endian; the identity as zeros.
pub fn point_bytes(points: &[G1Affine]) -> Vec<u8> {
    let coordinates = points.iter().flat_map(|p| {
        let xy = Option::<halo2_base::halo2_proofs::halo2curves::Coordinates<G1Affine>>::from(p.coordinates());
        xy.map_or([Default::default(); 2], |xy| [*xy.x(), *xy.y()])
    });
    coordinates.flat_map(|c| c.to_repr().into_iter().rev()).collect()
}

/// The points of [`point_bytes`]; `None` if a coordinate is not below the modulus, or a point not on the curve or the identity.
pub fn points(bytes: &[u8]) -> Option<Vec<G1Affine>> {
    let coordinate = |bytes: &[u8]| {
        let mut repr: [u8; 32] = bytes.try_into().ok()?;
        repr.reverse();
        Option::from(Fq::from_repr(repr))
    };
    let point = |bytes: &[u8]| {
        let (x, y) = bytes.split_at_checked(POINT_BYTES / 2)?;
        let point = Option::<G1Affine>::from(G1Affine::from_xy(coordinate(x)?, coordinate(y)?))?;
        (!bool::from(point.is_identity())).then_some(point)
    };
    bytes.chunks(POINT_BYTES).map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        keys::Keys,
        srs::Srs,
        testing::{StandIn, class},
    };
    use serde_json::{Value, json};
    use std::path::Path;

    fn model(weights: &[u64]) -> ModelKey {
        let srs = Srs::development(&std::env::temp_dir().join("vouch-test-srs"), 7).unwrap();
        let keys = Keys::make(&srs, &class(true), &StandIn::honest(weights, &[0; 3])).unwrap();
        match keys.source {
            crate::snark::KeySource::Data(model) => model,
            crate::snark::KeySource::Code => unreachable!("a score class"),
        }
    }

    /// `VOUCH_WRITE_VECTORS=1` writes the file that `ScoreVerifier.t.sol` reads.
    #[test]
    fn ids_are_those_of_the_shared_vector() {
        let vectors: Vec<Value> = [[3, 5, 7], [9, 2, 4]]
            .iter()
            .map(|weights| {
                let model = model(weights);
                json!({
                    "class_id": model.class_id,
                    "structure_points": model.structure.len(),
                    "weight_points": model.weights.len(),
                    "key": format!("0x{}", hex::encode(model.bytes())),
                    "structure_id": model.structure_id(),
                    "model_id": model.model_id(),
                })
            })
            .collect();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts/test/vectors/model_id.json");
        let text = serde_json::to_string_pretty(&json!({ "models": vectors })).unwrap() + "\n";
        if std::env::var_os("VOUCH_WRITE_VECTORS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn layout_puts_weights_last_in_their_order() {
        let mut cs = ConstraintSystem::<Fr>::default();
        for _ in 0..4 {
            cs.fixed_column();
        }
        let layout = KeyLayout::new(&cs, &[3, 1]).unwrap();
        assert_eq!(layout.order().collect::<Vec<_>>(), [0, 2, 3, 1]);
        assert_eq!(KeyLayout::new(&cs, &[4]), Err(ModelKeyError::NoSuchColumn { expected: 4, got: 4 }));
        assert_eq!(KeyLayout::new(&cs, &[2, 2]), Err(ModelKeyError::Twice { got: 2 }));
    }

    #[test]
    fn points_survive_their_bytes() {
        let key = model(&[3, 5, 7]);
        let bytes = key.bytes();
        assert_eq!(points(&bytes), Some(key.points()));
        assert_eq!(points(&bytes[1..]), None);
        assert_eq!(points(&[0; POINT_BYTES]), None, "the identity");
        let mut other = bytes.clone();
        other[POINT_BYTES - 1] ^= 1;
        assert_eq!(points(&other), None, "off the curve");
        assert_eq!(points(&[0xff; POINT_BYTES]), None, "not below the modulus");
    }

    #[test]
    fn identity_is_named() {
        let srs = Srs::development(&std::env::temp_dir().join("vouch-test-srs"), 7).unwrap();
        let no_range = StandIn { weights: vec![], inputs: vec![], ..StandIn::honest(&[], &[]) };
        let error = Keys::make(&srs, &class(true), &no_range).unwrap_err().to_string();
        assert_eq!(error, "column 2 is all zero, so its commitment is the identity, which the verifier refuses");
    }

    #[test]
    fn class_scalar_reduces_the_id() {
        let mut id = B256::ZERO;
        id[31] = 5;
        assert_eq!(class_scalar(id), Fr::from(5));
        // r + 1
        let above = "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000002".parse().unwrap();
        assert_eq!(class_scalar(above), Fr::from(1));
    }
}
