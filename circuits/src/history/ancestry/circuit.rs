//! The ancestry circuit as halo2 sees it: the recorded statement, and keccak over its memory.

use super::{Ancestry, AncestryError, Size, constrain};
use crate::digest::{Hash, keccak256};
use crate::grid::{BLOCK_BYTES, Builder, GridConfig, assign};
use crate::history::circuit::blank_header;
use crate::keccak::bind::{self, Blocks, Flags};
use halo2_base::halo2_proofs::{
    circuit::{Layouter, SimpleFloorPlanner},
    halo2curves::bn256::Fr,
    plonk::{Circuit, ConstraintSystem, Error},
};

/// An ancestry proof waiting to be made.
#[derive(Clone, Debug)]
pub struct AncestryCircuit {
    builder: Builder,
    flags: Flags,
    blocks: Blocks,
    says: [Hash; 3],
    permutations: usize,
}

impl AncestryCircuit {
    /// The circuit of `size` over `headers`, by rising block number.
    ///
    /// # Errors
    /// [`AncestryError`]: the headers are no run, or larger than the size.
    pub fn new(size: &Size, headers: &[Vec<u8>]) -> Result<Self, AncestryError> {
        let ancestry = Ancestry::new(size, headers)?;
        let blocks = Blocks::new(&ancestry.messages, size.blocks).expect("a layout fits its size");
        let mut builder = Builder::new(size.shape(), blocks.memory());
        let flags = bind::flags(&mut builder, &blocks.first);
        constrain(&mut builder, &ancestry, &flags.first, &flags.start);
        let permutations = ancestry.messages.iter().map(|message| message.len() / BLOCK_BYTES + 1).sum();
        Ok(Self { builder, flags, blocks, says: ancestry.says, permutations })
    }

    /// A circuit of the size to make keys from: the shape does not depend on the headers.
    pub fn keygen(size: &Size) -> Self {
        let mut parent = [0; 32];
        let headers: Vec<Vec<u8>> = (0..size.headers())
            .map(|_| {
                let header = blank_header(&parent);
                parent = keccak256(&header);
                header
            })
            .collect();
        Self::new(size, &headers).expect("blank headers fit every size")
    }

    /// Public inputs, in the order of [`crate::instances`].
    pub fn instances(&self) -> Vec<Fr> {
        self.builder.instances()
    }

    /// Root, hash of the parent of the first header, hash of the last one.
    pub fn says(&self) -> [Hash; 3] {
        self.says
    }

    /// Keccak-f permutations that hashing all messages takes.
    pub fn permutations(&self) -> usize {
        self.permutations
    }

    /// Rows of everything but the keccak proof.
    pub fn rows(&self) -> usize {
        self.builder.rows()
    }
}

impl Circuit<Fr> for AncestryCircuit {
    type Config = GridConfig;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = ();

    fn without_witnesses(&self) -> Self {
        self.clone()
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> GridConfig {
        GridConfig::configure(meta)
    }

    fn synthesize(&self, config: GridConfig, layouter: impl Layouter<Fr>) -> Result<(), Error> {
        assign(&config, layouter, &self.builder, |b| bind::finish(b, &self.flags, &self.blocks))
    }
}
