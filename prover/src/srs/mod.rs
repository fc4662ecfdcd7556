//! Structured reference string: the powers of a secret tau behind every KZG commitment.
//!
//! Statement: an [`Srs`] holds `tau^i * G1` for `i < 2^k`, the same points in the Lagrange basis, and `tau * G2`, all of one tau.
//! Whoever knows tau can prove anything. A ceremony file comes from many people of whom one forgot; a development file comes from
//! a published seed, says so in its name, and is refused on public chains.
//!
//! Files live in one directory, each beside `<name>.sha256`, which pins its bytes: a file that does not match is never used.

mod check;
mod development;
mod error;
#[cfg(test)]
mod fuzz;
mod halo2_raw;
mod ptau;

pub use error::SrsError;

use crate::files;
use halo2_base::halo2_proofs::{
    halo2curves::bn256::{Bn256, G1Affine, G2Affine},
    poly::{
        commitment::{Params, ParamsProver},
        kzg::commitment::ParamsKZG,
    },
};
use std::path::{Path, PathBuf};

/// The largest `k` for which a file is accepted; beyond it the points alone take 16 GiB.
pub const MAX_K: u32 = 26;

/// What is wrong with a development file that is called a ceremony's.
const DEVELOPMENT_AS_CEREMONY: &str = "this is the development string, whose secret is public, not a ceremony's";

/// See [`is_local`].
const LOCAL_CHAIN_IDS: [u64; 2] = [31337, 1337];

/// Whether nobody loses anything on this chain: anvil, hardhat and geth's developer chain.
pub fn is_local(chain_id: u64) -> bool {
    LOCAL_CHAIN_IDS.contains(&chain_id)
}

/// Where the secret came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Anyone can compute tau: for tests and local chains.
    UnsafeDevelopment,
    /// A multi-party ceremony; the file was checked by pairings.
    Ceremony,
}

/// A checked reference string of `2^k` points.
#[derive(Clone, Debug)]
pub struct Srs {
    /// Parameters as halo2 takes them.
    pub params: ParamsKZG<Bn256>,
    /// Who chose tau.
    pub origin: Origin,
    /// Hash of the file in halo2's raw form: names the string in keys and passports.
    pub sha256: [u8; 32],
    /// Where files of this family are: `<dir>/<family>-k<k>.srs`.
    family: Family,
}

/// The strings of one tau, cut to different sizes.
#[derive(Clone, Debug)]
struct Family {
    dir: PathBuf,
    name: String,
    origin: Origin,
}

impl Family {
    fn path(&self, k: u32) -> PathBuf {
        self.dir.join(format!("{}-k{k}.srs", self.name))
    }

    /// The stored string of size `2^k`, if it is there and whole.
    fn find(&self, k: u32) -> Option<Srs> {
        let path = self.path(k);
        let read = || {
            let sha256 = files::check_pin(&path).map_err(|e| SrsError::io(&path, e))?;
            Ok(self.srs(halo2_raw::read(&path, k)?, sha256))
        };
        let found = path.exists().then(read)?;
        found.inspect_err(|damaged: &SrsError| tracing::warn!(%damaged, "making the srs again")).ok()
    }

    fn store(&self, params: ParamsKZG<Bn256>) -> Result<Srs, SrsError> {
        let path = self.path(params.k());
        let written = files::write_pinned(&path, &halo2_raw::to_bytes(&params));
        let sha256 = written.map_err(|e| SrsError::io(&path, e))?;
        Ok(self.srs(params, sha256))
    }

    fn srs(&self, params: ParamsKZG<Bn256>, sha256: [u8; 32]) -> Srs {
        Srs { params, origin: self.origin, sha256, family: self.clone() }
    }
}

impl Srs {
    /// The development string of size `2^k`, read from `dir` or made there as `unsafe-dev-k<k>.srs`.
    ///
    /// Deterministic: every machine makes the same bytes, so that committed verifiers fit.
    ///
    /// # Errors
    /// [`SrsError::Io`] when `dir` cannot be written. A damaged file is made again.
    pub fn development(dir: &Path, k: u32) -> Result<Self, SrsError> {
        check_k(k)?;
        let family = Family { dir: dir.into(), name: "unsafe-dev".into(), origin: Origin::UnsafeDevelopment };
        match family.find(k) {
            Some(srs) => Ok(srs),
            None => family.store(development::generate(k)),
        }
    }

    /// A ceremony string of size `2^k` from the file `source` (halo2 raw, or snarkjs `.ptau`), which may be larger.
    ///
    /// - `pin`: the sha256 of the file `source`, where the caller knows it
    /// - the converted file is kept in `dir` as `ceremony-<first 8 bytes of the sha256 of source>-k<k>.srs`
    ///
    /// Enforces: every point on its curve, G2 points in the right subgroup, all powers of one tau, which is not the development
    /// string's.
    ///
    /// # Errors
    /// Names the file, what was expected and what came: truncation, another curve, too few points, wrong pin, powers of
    /// different secrets.
    pub fn ceremony(dir: &Path, source: &Path, k: u32, pin: Option<[u8; 32]>) -> Result<Self, SrsError> {
        check_k(k)?;
        let got = files::sha256_of(source).map_err(|e| SrsError::io(source, e))?;
        if let Some(expected) = pin
            && expected != got
        {
            return Err(SrsError::Pin { path: source.into(), expected: hex::encode(expected), got: hex::encode(got) });
        }
        let name = format!("ceremony-{}", hex::encode(&got[..8]));
        let family = Family { dir: dir.into(), name, origin: Origin::Ceremony };
        if let Some(srs) = family.find(k) {
            return Ok(srs);
        }
        let params = if ptau::has_magic(source)? { ptau::read(source, k)? } else { halo2_raw::read(source, k)? };
        check::one_secret(source, &params)?;
        if params.s_g2() == development::tau_g2() {
            return Err(SrsError::Inconsistent { path: source.into(), what: DEVELOPMENT_AS_CEREMONY });
        }
        family.store(params)
    }

    /// Number of points is `2^k`.
    pub fn k(&self) -> u32 {
        self.params.k()
    }

    /// The same string cut to `2^k` points, found beside it or kept there: computing its Lagrange points takes a while.
    ///
    /// # Errors
    /// [`SrsError::TooSmall`] if `k` is larger than the string, [`SrsError::Io`] when the cut string cannot be written.
    pub fn downsize(&self, k: u32) -> Result<Self, SrsError> {
        if k > self.k() {
            return Err(SrsError::TooSmall { path: self.family.path(self.k()), expected: k, got: self.k() });
        }
        if k == self.k() {
            return Ok(self.clone());
        }
        if let Some(srs) = self.family.find(k) {
            return Ok(srs);
        }
        if self.origin == Origin::UnsafeDevelopment {
            return self.family.store(development::generate(k));
        }
        let mut params = self.params.clone();
        params.downsize(k);
        self.family.store(params)
    }

    /// Whether proofs under this string may be used on `chain_id`: a development string only on a local chain.
    ///
    /// # Errors
    /// [`SrsError::UnsafeOnPublicChain`].
    pub fn allowed_on(&self, chain_id: u64) -> Result<(), SrsError> {
        match self.origin {
            Origin::UnsafeDevelopment if !is_local(chain_id) => Err(SrsError::UnsafeOnPublicChain { chain_id }),
            _ => Ok(()),
        }
    }

    /// `sha256:<hex>`, the form used in passports.
    pub fn name(&self) -> String {
        format!("sha256:{}", hex::encode(self.sha256))
    }
}

/// Puts points into halo2's parameter type, whose fields are private.
fn assemble(
    k: u32,
    g: Vec<G1Affine>,
    lagrange: Option<Vec<G1Affine>>,
    g2: G2Affine,
    s_g2: G2Affine,
) -> ParamsKZG<Bn256> {
    ParamsKZG::<Bn256>::new(1).from_parts(k, g, lagrange, g2, s_g2)
}

/// The secret of the development string, for tests that attack with it.
#[cfg(test)]
pub(crate) fn development_tau() -> halo2_base::halo2_proofs::halo2curves::bn256::Fr {
    development::tau()
}

fn check_k(k: u32) -> Result<(), SrsError> {
    if (1..=MAX_K).contains(&k) { Ok(()) } else { Err(SrsError::Size { expected: MAX_K, got: k }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use halo2_base::halo2_proofs::halo2curves::bn256::Fr;

    #[test]
    fn development_string_is_deterministic_cached_and_local_only() {
        let dir = tempfile::tempdir().unwrap();
        let made = Srs::development(dir.path(), 6).unwrap();
        let read = Srs::development(dir.path(), 6).unwrap();
        assert_eq!(made.sha256, read.sha256);
        assert_eq!(made.params.get_g(), read.params.get_g());
        check::one_secret(Path::new("dev"), &made.params).unwrap();
        assert!(made.allowed_on(31337).is_ok());
        let refused = made.allowed_on(1).unwrap_err().to_string();
        assert_eq!(refused, "the development srs is unsafe and refused on chain 1; load a ceremony file");
    }

    #[test]
    fn damaged_cache_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let made = Srs::development(dir.path(), 5).unwrap();
        let path = dir.path().join("unsafe-dev-k5.srs");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[100] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(Srs::development(dir.path(), 5).unwrap().sha256, made.sha256);
        std::fs::write(&path, &bytes[..1000]).unwrap();
        assert_eq!(Srs::development(dir.path(), 5).unwrap().sha256, made.sha256);
    }

    #[test]
    fn downsized_string_equals_the_small_one() {
        let dir = tempfile::tempdir().unwrap();
        let large = Srs::development(dir.path(), 7).unwrap();
        let small = Srs::development(dir.path(), 5).unwrap();
        assert_eq!(large.downsize(5).unwrap().sha256, small.sha256);
        let source = dir.path().join("made.srs");
        std::fs::write(&source, halo2_raw::to_bytes(&development::of_secret(Fr::from(77), 7))).unwrap();
        let expected = files::sha256(&halo2_raw::to_bytes(&development::of_secret(Fr::from(77), 5)));
        let ceremony = Srs::ceremony(dir.path(), &source, 7, None).unwrap();
        // The first time by a group FFT, then from the file.
        assert_eq!(ceremony.downsize(5).unwrap().sha256, expected);
        assert_eq!(ceremony.downsize(5).unwrap().sha256, expected);
        let said = small.downsize(6).unwrap_err().to_string();
        assert!(said.ends_with("unsafe-dev-k5.srs: has 2^5 points, 2^6 are needed"), "{said}");
    }

    #[test]
    fn ceremony_accepts_halo2_raw_and_names_what_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("made.srs");
        let bytes = halo2_raw::to_bytes(&development::of_secret(Fr::from(77), 6));
        std::fs::write(&source, &bytes).unwrap();
        let srs = Srs::ceremony(dir.path(), &source, 5, Some(files::sha256(&bytes))).unwrap();
        assert_eq!((srs.k(), srs.origin), (5, Origin::Ceremony));
        assert!(srs.allowed_on(1).is_ok());

        let say = |bytes: &[u8], pin| {
            std::fs::write(&source, bytes).unwrap();
            Srs::ceremony(dir.path(), &source, 6, pin)
                .unwrap_err()
                .to_string()
                .replace(source.to_str().unwrap(), "FILE")
        };
        assert_eq!(say(&bytes[..bytes.len() - 3], None), "srs FILE: expected 8452 bytes for k = 6, got 8449");
        assert!(say(&bytes, Some([7; 32])).starts_with("srs FILE: expected sha256 0707"));

        let development = halo2_raw::to_bytes(&development::generate(6));
        assert_eq!(say(&development, None), format!("srs FILE: {DEVELOPMENT_AS_CEREMONY}"));

        let g2_at = bytes.len() - 256;
        let mut off_curve = bytes.clone();
        off_curve[4 + 64 * 3] ^= 1;
        assert_eq!(say(&off_curve, None), "srs FILE: point 3 of powers of tau in G1 is not a point of the curve");
        let mut swapped = bytes.clone();
        swapped.copy_within(4 + 64 * 5..4 + 64 * 6, 4 + 64 * 4);
        assert_eq!(say(&swapped, None), "srs FILE: powers of tau in G1 are not consecutive powers of the tau in G2");
        let mut lagrange = bytes.clone();
        lagrange.copy_within(4 + 64 * 65..4 + 64 * 66, 4 + 64 * 64);
        assert_eq!(say(&lagrange, None), "srs FILE: the Lagrange points do not belong to the powers of tau");
        let mut other_g2 = bytes.clone();
        other_g2.copy_within(g2_at..g2_at + 128, g2_at + 128);
        assert_eq!(say(&other_g2, None), "srs FILE: powers of tau in G1 are not consecutive powers of the tau in G2");
        let mut small = bytes;
        small[0] = 4;
        assert_eq!(say(&small, None), "srs FILE: has 2^4 points, 2^6 are needed");
    }
}
