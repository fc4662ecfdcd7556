//! Proving keys on disk, named by what they are keys of.
//!
//! File: `"VOUCHKEY" ‖ version u32 ‖ id (32) ‖ payload bytes u64 ‖ sha256 of the payload (32) ‖ payload`, numbers little-endian; the
//! payload is halo2's raw proving key. The id is the sha256 of class, content, reference string and the sources of the circuits, so a
//! changed circuit never meets an old key. Files are written whole or not at all.

use crate::{
    class::{Class, ClassError},
    files,
    model_key::ModelKeyError,
    snark::{KeySource, Proof, SnarkError, prove},
    srs::Srs,
};
use halo2_base::halo2_proofs::{
    SerdeFormat,
    halo2curves::bn256::{Fr, G1Affine},
    plonk::{Circuit, ProvingKey, VerifyingKey, keygen_pk2},
};
use std::{
    fs::File,
    io::{self, BufReader, Read, Write},
    path::{Path, PathBuf},
};
use thiserror::Error;

const MAGIC: &[u8; 8] = b"VOUCHKEY";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 8 + 4 + 32 + 8 + 32;

/// Hash of the sources from which keys follow; made by `build.rs`.
pub const SOURCES: &str = env!("VOUCH_SOURCES_SHA256");

/// Why there are no keys.
#[derive(Debug, Error)]
pub enum KeysError {
    /// The operating system refused: full disk, permissions.
    #[error("key {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file ends early or has bytes left over. Recoverable: remove it, the key is made again.
    #[error("key {}: expected {expected} bytes, got {got}", path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// Bytes that its header promises.
        expected: u64,
        /// Bytes it has.
        got: u64,
    },
    /// The file is no key, or the key of something else.
    #[error("key {}: {what}: expected {expected}, got {got}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// Field of the header.
        what: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        got: String,
    },
    /// The circuit does not fit its class.
    #[error(transparent)]
    Class(#[from] ClassError),
    /// The verifying key cannot be a score key.
    #[error(transparent)]
    ModelKey(#[from] ModelKeyError),
    /// halo2 could not make the key.
    #[error("key generation failed: {0}")]
    Halo2(String),
}

/// All that is needed to prove one circuit.
#[derive(Debug)]
pub struct Keys {
    /// What the verifier knows of the circuit.
    pub class: Class,
    /// Proving key, with the verifying key in it.
    pub pk: ProvingKey<G1Affine>,
    /// Where the verifier has its key from.
    pub source: KeySource,
    /// The reference string the key was made with.
    pub srs: Srs,
    /// Size of the key on disk.
    pub file_bytes: u64,
}

impl Keys {
    /// Reads the key of `circuit` from `dir`, or makes and stores it.
    ///
    /// - `content`: names what the fixed columns hold beyond the class (a model, a plan); empty if nothing
    /// - `srs`: of at least `2^class.k` points
    ///
    /// A damaged file is reported in the log and made again.
    ///
    /// # Errors
    /// [`KeysError::Class`], [`KeysError::ModelKey`] when the circuit is unfit, [`KeysError::Io`] when the file cannot be written.
    pub fn load_or_make<C: Circuit<Fr>>(
        dir: &Path,
        srs: &Srs,
        class: &Class,
        content: &str,
        circuit: &C,
    ) -> Result<Self, KeysError> {
        let srs = srs.downsize(class.k).map_err(|e| KeysError::Halo2(e.to_string()))?;
        let id = key_id(class, content, &srs);
        let path = dir.join(format!("{}-{}.pk", class.name, hex::encode(&id[..8])));
        if path.exists() {
            match read_pk::<C>(&path, id, circuit.params()) {
                Ok((pk, file_bytes)) => return Self::assemble(class, pk, srs, file_bytes),
                Err(damaged) => tracing::warn!(%damaged, "making the key again"),
            }
        }
        let pk = make_pk(&srs, class, circuit)?;
        let mut keys = Self::assemble(class, pk, srs, 0)?;
        keys.file_bytes = write_pk(&path, id, &keys.pk)?;
        Ok(keys)
    }

    /// Makes keys without touching the disk.
    ///
    /// # Errors
    /// As [`Keys::load_or_make`].
    pub fn make<C: Circuit<Fr>>(srs: &Srs, class: &Class, circuit: &C) -> Result<Self, KeysError> {
        let srs = srs.downsize(class.k).map_err(|e| KeysError::Halo2(e.to_string()))?;
        let pk = make_pk(&srs, class, circuit)?;
        Self::assemble(class, pk, srs, 0)
    }

    /// The verifying key.
    pub fn vk(&self) -> &VerifyingKey<G1Affine> {
        self.pk.get_vk()
    }

    /// Proves and verifies natively.
    ///
    /// # Errors
    /// [`SnarkError::Rejected`] when the witness is wrong.
    pub fn prove<C: Circuit<Fr>>(&self, circuit: C, instances: Vec<Fr>) -> Result<Proof, SnarkError> {
        prove(&self.srs, &self.pk, &self.source, circuit, instances)
    }

    fn assemble(class: &Class, pk: ProvingKey<G1Affine>, srs: Srs, file_bytes: u64) -> Result<Self, KeysError> {
        class.check(pk.get_vk().cs())?;
        let source = class.key_source(pk.get_vk())?;
        Ok(Self { class: class.clone(), pk, source, srs, file_bytes })
    }
}

/// What the key is the key of.
fn key_id(class: &Class, content: &str, srs: &Srs) -> [u8; 32] {
    files::sha256(format!("{class:?}|{content}|{}|{SOURCES}", srs.name()).as_bytes())
}

fn make_pk<C: Circuit<Fr>>(srs: &Srs, class: &Class, circuit: &C) -> Result<ProvingKey<G1Affine>, KeysError> {
    let compress_selectors = false;
    tracing::info!(class = class.name, k = class.k, "making keys");
    keygen_pk2(&srs.params, circuit, compress_selectors).map_err(|e| KeysError::Halo2(e.to_string()))
}

fn write_pk(path: &Path, id: [u8; 32], pk: &ProvingKey<G1Affine>) -> Result<u64, KeysError> {
    let payload = pk.to_bytes(SerdeFormat::RawBytesUnchecked);
    let header = [
        MAGIC.as_slice(),
        &VERSION.to_le_bytes(),
        &id,
        &(payload.len() as u64).to_le_bytes(),
        &files::sha256(&payload),
    ]
    .concat();
    files::write_atomic_with(path, |file| {
        file.write_all(&header)?;
        file.write_all(&payload)
    })
    .map_err(|source| KeysError::Io { path: path.into(), source })?;
    Ok((header.len() + payload.len()) as u64)
}

/// Reads a key; enforces length, magic, version, id and checksum before halo2 sees a byte, because halo2 panics on a short file.
fn read_pk<C: Circuit<Fr>>(
    path: &Path,
    id: [u8; 32],
    params: C::Params,
) -> Result<(ProvingKey<G1Affine>, u64), KeysError> {
    let io = |source| KeysError::Io { path: path.into(), source };
    let file = File::open(path).map_err(io)?;
    let got = file.metadata().map_err(io)?.len();
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut header = [0; HEADER_BYTES];
    if got < HEADER_BYTES as u64 {
        return Err(KeysError::Length { path: path.into(), expected: HEADER_BYTES as u64, got });
    }
    reader.read_exact(&mut header).map_err(io)?;
    let expect = |what, expected: &[u8], got: &[u8]| {
        if expected == got {
            return Ok(());
        }
        Err(KeysError::Header { path: path.into(), what, expected: hex::encode(expected), got: hex::encode(got) })
    };
    expect("magic", MAGIC, &header[..8])?;
    expect("version", &VERSION.to_le_bytes(), &header[8..12])?;
    expect("id", &id, &header[12..44])?;
    let length = header[44..52].iter().rev().fold(0u64, |n, byte| n << 8 | u64::from(*byte));
    let expected = length.saturating_add(HEADER_BYTES as u64);
    if expected != got {
        return Err(KeysError::Length { path: path.into(), expected, got });
    }
    let mut payload = Vec::with_capacity(length as usize);
    reader.read_to_end(&mut payload).map_err(io)?;
    expect("sha256 of the payload", &header[52..], &files::sha256(&payload))?;
    let pk = ProvingKey::from_bytes::<C>(&payload, SerdeFormat::RawBytesUnchecked, params).map_err(io)?;
    Ok((pk, got))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{StandIn, class};
    use halo2_base::halo2_proofs::plonk::{Advice, Column, ConstraintSystem};
    use std::fs;

    fn circuit() -> StandIn {
        StandIn::honest(&[3, 5, 7], &[1, 2, 15])
    }

    #[test]
    fn stored_key_proves_and_damage_is_named_and_repaired() {
        let dir = tempfile::tempdir().unwrap();
        let srs = Srs::development(dir.path(), 7).unwrap();
        let load = || Keys::load_or_make(dir.path(), &srs, &class(true), "", &circuit()).unwrap();
        let made = load();
        let id = key_id(&class(true), "", &srs);
        let path = dir.path().join(format!("stand_in-{}.pk", hex::encode(&id[..8])));
        let whole = fs::read(&path).unwrap();
        assert_eq!(whole.len() as u64, made.file_bytes);
        let read = load();
        assert_eq!(read.source, made.source);
        let proof = read.prove(circuit(), circuit().instances()).unwrap();
        assert!(crate::snark::verify(&srs, made.vk(), &made.source, &proof));

        let refusal = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            let error = read_pk::<StandIn>(&path, id, ()).unwrap_err().to_string();
            error.replace(path.to_str().unwrap(), "FILE")
        };
        let (length, short) = (whole.len(), whole.len() - 10);
        assert_eq!(refusal(&whole[..short]), format!("key FILE: expected {length} bytes, got {short}"));
        assert_eq!(refusal(&whole[..20]), format!("key FILE: expected {HEADER_BYTES} bytes, got 20"));
        let flipped = |at: usize| {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            refusal(&bytes)
        };
        assert!(flipped(0).starts_with("key FILE: magic: expected 564f554348"));
        assert!(flipped(20).starts_with("key FILE: id: expected"));
        assert!(flipped(length - 1).starts_with("key FILE: sha256 of the payload: expected"));
        assert_eq!(load().source, made.source);
        assert_eq!(fs::read(&path).unwrap(), whole, "a damaged key is made again");
    }

    #[test]
    fn content_and_string_name_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let srs = Srs::development(dir.path(), 7).unwrap();
        assert_ne!(key_id(&class(true), "model a", &srs), key_id(&class(true), "model b", &srs));
        assert_ne!(key_id(&class(true), "", &srs), key_id(&class(false), "", &srs));
        assert_ne!(key_id(&class(true), "", &srs), key_id(&class(true), "", &srs.downsize(6).unwrap()));
    }

    #[test]
    fn wrong_witness_gives_no_proof() {
        let dir = tempfile::tempdir().unwrap();
        let srs = Srs::development(dir.path(), 7).unwrap();
        let keys = Keys::make(&srs, &class(true), &circuit()).unwrap();
        let lie = StandIn { out: 1, ..circuit() };
        assert!(matches!(keys.prove(lie.clone(), lie.instances()), Err(SnarkError::Rejected)));
        let out_of_range = StandIn::honest(&[3, 5, 7], &[1, 2, 16]);
        let instances = out_of_range.instances();
        assert!(keys.prove(out_of_range, instances).is_err());
    }

    #[test]
    fn high_degree_is_refused() {
        let mut cs = ConstraintSystem::default();
        cs.instance_column();
        let a: Column<Advice> = cs.advice_column();
        cs.create_gate("sixth power", |meta| {
            let a = meta.query_advice(a, halo2_base::halo2_proofs::poly::Rotation::cur());
            vec![a.clone() * a.clone() * a.clone() * a.clone() * a.clone() * a]
        });
        let said = class(false).check(&cs).unwrap_err().to_string();
        assert_eq!(said, "class stand_in: gate sixth power has degree 6, expected at most 5");
    }
}
