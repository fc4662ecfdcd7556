//! Files that are no strings, or are damaged ones: read or refused, never a panic; what is read is the same after it was written.

use super::{development, halo2_raw, ptau};
use halo2_base::halo2_proofs::halo2curves::bn256::{Bn256, Fr};
use halo2_base::halo2_proofs::poly::kzg::commitment::ParamsKZG;
use proptest::prelude::*;
use std::path::Path;
use std::sync::LazyLock;

/// 2^4 powers by snarkjs.
const SNARKJS: &[u8] = include_bytes!("../../tests/data/snarkjs-4.ptau");
/// 2^3 powers as halo2 writes them.
static RAW: LazyLock<Vec<u8>> = LazyLock::new(|| halo2_raw::to_bytes(&development::of_secret(Fr::from(77), 3)));

/// `file` with some words changed, cut, or longer.
fn damaged(file: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    let number = prop_oneof![any::<u32>(), 0..40u32, Just(u32::MAX)];
    // sizes, kinds and lengths stand at the start
    let place = prop_oneof![0..120usize, 0..file.len()];
    let changes = proptest::collection::vec((place, number, 0..6u8), 0..4);
    changes.prop_map(move |changes| {
        let mut bytes = file.to_vec();
        for (at, number, change) in changes {
            let at = at.min(bytes.len());
            match change {
                0 => bytes.truncate(at),
                1 => bytes.extend(number.to_le_bytes()),
                _ => bytes.iter_mut().skip(at).zip(number.to_le_bytes()).for_each(|(byte, new)| *byte = new),
            }
        }
        bytes
    })
}

fn read_back(read: fn(&Path, u32) -> Result<ParamsKZG<Bn256>, super::SrsError>, bytes: &[u8], k: u32) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("made");
    std::fs::write(&path, bytes).unwrap();
    match read(&path, k) {
        Ok(params) => {
            let written = halo2_raw::to_bytes(&params);
            std::fs::write(&path, &written).unwrap();
            assert_eq!(halo2_raw::to_bytes(&halo2_raw::read(&path, k).unwrap()), written);
        }
        Err(error) => assert!(error.to_string().contains("made"), "the file is named: {error}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn damaged_files_of_snarkjs_are_read_or_refused(bytes in damaged(SNARKJS), k in 1..5u32) {
        read_back(ptau::read, &bytes, k);
    }

    #[test]
    fn damaged_files_of_halo2_are_read_or_refused(bytes in damaged(RAW.as_slice()), k in 1..5u32) {
        read_back(halo2_raw::read, &bytes, k);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400), k in 1..9u32) {
        read_back(halo2_raw::read, &bytes, k);
        let named = [b"ptau\x01\0\0\0".as_slice(), &bytes].concat();
        read_back(ptau::read, &named, k);
    }
}
