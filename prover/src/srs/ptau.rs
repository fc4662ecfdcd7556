//! snarkjs `.ptau`: the file of the Perpetual Powers of Tau and its kin.
//!
//! Layout: `"ptau"` ‖ version u32 ‖ sections u32 ‖ sections, each `type u32 ‖ size u64 ‖ bytes` (all little-endian). Used here:
//! section 1 (`n8 u32 = 32 ‖ q ‖ power u32 ‖ ceremony power u32`), section 2 (`2^(power+1) - 1` powers of tau in G1) and
//! section 3 (`2^power` powers in G2). Points have coordinates in Montgomery form, little-endian, as in halo2's raw file.
//! The Lagrange points are computed from section 2 by a group FFT, so a file that was never "prepared" serves too.

use super::{
    SrsError, assemble,
    halo2_raw::{G1_BYTES, G1_POWERS, G2_BYTES, points},
};
use halo2_base::halo2_proofs::{
    halo2curves::{
        bn256::{Bn256, Fq, G1Affine, G2Affine},
        ff::{Field, PrimeField},
    },
    poly::kzg::commitment::ParamsKZG,
};
use std::{
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
    path::Path,
};

const MAGIC: &[u8; 4] = b"ptau";
const VERSION: u32 = 1;
const HEADER: u32 = 1;
const TAU_G1: u32 = 2;
const TAU_G2: u32 = 3;
/// Bytes of section 1 on a curve with 32-byte coordinates.
const HEADER_BYTES: u64 = 4 + 32 + 4 + 4;

/// Whether the file begins as a `.ptau` does.
pub(super) fn has_magic(path: &Path) -> Result<bool, SrsError> {
    let mut magic = [0; 4];
    let mut file = File::open(path).map_err(|e| SrsError::io(path, e))?;
    let got = file.read(&mut magic).map_err(|e| SrsError::io(path, e))?;
    Ok(got == 4 && &magic == MAGIC)
}

/// Reads the first `2^k` powers.
///
/// Enforces curve, section sizes, and that each point lies on its curve; one tau is for [`super::check`].
pub(super) fn read(path: &Path, k: u32) -> Result<ParamsKZG<Bn256>, SrsError> {
    let mut ptau = Ptau::open(path)?;
    let power = ptau.power()?;
    if power < k {
        return Err(SrsError::TooSmall { path: path.into(), expected: k, got: power });
    }
    ptau.enter(TAU_G1, "section 2 size", G1_BYTES * ((2 << power) - 1))?;
    let g = points::<G1Affine>(path, &mut ptau.reader, 1 << k, G1_POWERS)?;
    ptau.enter(TAU_G2, "section 3 size", G2_BYTES << power)?;
    let g2 = points::<G2Affine>(path, &mut ptau.reader, 2, "powers of tau in G2")?;
    Ok(assemble(k, g, None, g2[0], g2[1]))
}

struct Section {
    kind: u32,
    start: u64,
    bytes: u64,
}

struct Ptau<'a> {
    path: &'a Path,
    reader: BufReader<File>,
    sections: Vec<Section>,
}

impl<'a> Ptau<'a> {
    /// Reads the table of sections; none may reach beyond the end of the file.
    fn open(path: &'a Path) -> Result<Self, SrsError> {
        let file = File::open(path).map_err(|e| SrsError::io(path, e))?;
        let end = file.metadata().map_err(|e| SrsError::io(path, e))?.len();
        let mut this = Self { path, reader: BufReader::with_capacity(1 << 20, file), sections: vec![] };
        this.word("magic")?;
        let version = this.word("version")?;
        if version != VERSION {
            return Err(this.format("version", VERSION, version));
        }
        let mut at = 12u64;
        for _ in 0..this.word("number of sections")? {
            let kind = this.word("section type")?;
            let bytes = u64::from(this.word("section size")?) | u64::from(this.word("section size")?) << 32;
            let start = at + 12;
            at = start.saturating_add(bytes);
            if at > end {
                let expected = format!("{at} bytes at least (section {kind} ends there)");
                return Err(this.format("length of the file", expected, end));
            }
            this.sections.push(Section { kind, start, bytes });
            this.reader.seek(SeekFrom::Start(at)).map_err(|e| SrsError::io(path, e))?;
        }
        Ok(this)
    }

    /// Checks that the curve is BN254; returns log2 of the number of powers.
    fn power(&mut self) -> Result<u32, SrsError> {
        self.enter(HEADER, "section 1 size", HEADER_BYTES)?;
        let n8 = self.word("bytes of a coordinate")?;
        if n8 != 32 {
            return Err(self.format("bytes of a coordinate", 32, n8));
        }
        let mut prime = [0; 32];
        self.reader.read_exact(&mut prime).map_err(|e| SrsError::io(self.path, e))?;
        let mut expected = (-Fq::ONE).to_repr();
        expected[0] += 1;
        if prime != expected {
            return Err(self.format("base field of the curve", "BN254", hex::encode(prime)));
        }
        let power = self.word("power")?;
        if power > 28 { Err(self.format("power", "at most 28", power)) } else { Ok(power) }
    }

    /// Goes to the start of the first section of `kind`, which must have `expected` bytes.
    fn enter(&mut self, kind: u32, what: &'static str, expected: u64) -> Result<(), SrsError> {
        let Some(section) = self.sections.iter().find(|s| s.kind == kind) else {
            return Err(self.format(what, format!("{expected} bytes"), "no such section"));
        };
        if section.bytes != expected {
            return Err(self.format(what, format!("{expected} bytes"), format!("{} bytes", section.bytes)));
        }
        let start = section.start;
        self.reader.seek(SeekFrom::Start(start)).map_err(|e| SrsError::io(self.path, e))?;
        Ok(())
    }

    fn word(&mut self, what: &'static str) -> Result<u32, SrsError> {
        let mut bytes = [0; 4];
        match self.reader.read_exact(&mut bytes) {
            Ok(()) => Ok(u32::from_le_bytes(bytes)),
            Err(_) => Err(self.format(what, "4 bytes", "the end of the file")),
        }
    }

    fn format(&self, what: &'static str, expected: impl ToString, got: impl ToString) -> SrsError {
        SrsError::Format { path: self.path.into(), what, expected: expected.to_string(), got: got.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        files::sha256,
        srs::{Srs, SrsError},
    };
    use halo2_base::halo2_proofs::poly::commitment::ParamsProver;
    use std::{
        path::{Path, PathBuf},
        process::Command,
    };

    /// Made by snarkjs 0.7.6 through scripts/make-ptau: 2^4 powers, one contribution, one beacon.
    const FIXTURE: &[u8] = include_bytes!("../../tests/data/snarkjs-4.ptau");
    /// Where section 2 begins in the fixture.
    const TAU_G1_AT: usize = 80;

    fn load(dir: &Path, bytes: &[u8], k: u32) -> Result<Srs, SrsError> {
        let source = dir.join("made.ptau");
        std::fs::write(&source, bytes).unwrap();
        Srs::ceremony(dir, &source, k, None)
    }

    fn refusal(bytes: &[u8], k: u32) -> String {
        let dir = tempfile::tempdir().unwrap();
        let error = load(dir.path(), bytes, k).unwrap_err().to_string();
        error.replace(dir.path().join("made.ptau").to_str().unwrap(), "FILE")
    }

    #[test]
    fn reads_what_snarkjs_wrote_and_keeps_it() {
        let dir = tempfile::tempdir().unwrap();
        let srs = load(dir.path(), FIXTURE, 4).unwrap();
        assert_eq!(srs.params.get_g().len(), 16);
        let kept = format!("ceremony-{}-k4.srs", hex::encode(&sha256(FIXTURE)[..8]));
        assert!(dir.path().join(kept).exists());
        assert_eq!(load(dir.path(), FIXTURE, 4).unwrap().sha256, srs.sha256);
        assert_eq!(load(dir.path(), FIXTURE, 3).unwrap().sha256, srs.downsize(3).unwrap().sha256);
    }

    #[test]
    fn names_what_is_wrong() {
        assert_eq!(refusal(FIXTURE, 5), "srs FILE: has 2^4 points, 2^5 are needed");
        assert_eq!(
            refusal(&FIXTURE[..2000], 4),
            "srs FILE: length of the file: expected 2064 bytes at least (section 2 ends there), got 2000"
        );
        assert_eq!(
            refusal(&FIXTURE[..10], 4),
            "srs FILE: number of sections: expected 4 bytes, got the end of the file"
        );
        let damaged = |at: usize| {
            let mut bytes = FIXTURE.to_vec();
            bytes[at] ^= 1;
            refusal(&bytes, 4)
        };
        assert_eq!(damaged(4), "srs FILE: version: expected 1, got 0");
        assert!(damaged(30).starts_with("srs FILE: base field of the curve: expected BN254, got"));
        assert_eq!(damaged(TAU_G1_AT + 64 * 2), "srs FILE: point 2 of powers of tau in G1 is not a point of the curve");
        let mut swapped = FIXTURE.to_vec();
        swapped.copy_within(TAU_G1_AT + 64 * 5..TAU_G1_AT + 64 * 6, TAU_G1_AT + 64 * 4);
        let said = "srs FILE: powers of tau in G1 are not consecutive powers of the tau in G2";
        assert_eq!(refusal(&swapped, 4), said);
    }

    /// Runs where `SNARKJS` names the file cli.cjs of an npm installation.
    #[test]
    fn reads_a_fresh_file_of_snarkjs() {
        let Ok(cli) = std::env::var("SNARKJS") else {
            eprintln!("skipped: SNARKJS does not name snarkjs' cli.cjs");
            return;
        };
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("fresh.ptau");
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../scripts/make-ptau");
        let status = Command::new(script).arg("5").arg(&out).env("SNARKJS", cli).status().unwrap();
        assert!(status.success());
        assert_eq!(Srs::ceremony(dir.path(), &out, 5, None).unwrap().k(), 5);
    }
}
