//! The history circuit as halo2 sees it: the recorded statement, and keccak over its memory.

use super::{Class, INSTANCES, Layout, LayoutError, constrain};
use crate::digest::Hash;
use crate::evidence::Evidence;
use crate::facts::{Fact, FactKind};
use crate::grid::{Builder, GridConfig, assign};
use crate::header::field;
use crate::keccak::bind::{self, Blocks, Flags};
use crate::path::Path;
use halo2_base::halo2_proofs::{
    arithmetic::Field,
    circuit::{Layouter, SimpleFloorPlanner},
    halo2curves::bn256::Fr,
    plonk::{Circuit, ConstraintSystem, Error},
};

/// A history proof waiting to be made.
#[derive(Clone, Debug)]
pub struct HistoryCircuit {
    builder: Builder,
    flags: Flags,
    blocks: Blocks,
}

impl HistoryCircuit {
    /// The circuit of `class` over `evidence`.
    ///
    /// - `payee`: who posts it is paid for it; an address as an integer
    ///
    /// # Errors
    /// [`LayoutError`]: the evidence is wrong, or larger than the class.
    pub fn new(class: &Class, evidence: &Evidence, payee: Fr) -> Result<Self, LayoutError> {
        let layout = Layout::new(class, evidence)?;
        let blocks = Blocks::new(&layout.messages, class.blocks).expect("a layout fits its class");
        let mut builder = Builder::new(class.shape(), blocks.memory());
        let flags = bind::flags(&mut builder, &blocks.first);
        constrain(&mut builder, class, &layout, &flags.first, &flags.start, payee);
        Ok(Self { builder, flags, blocks })
    }

    /// A circuit of the class to make keys from: the shape does not depend on the evidence.
    pub fn keygen(class: &Class) -> Self {
        let mut number = [0; 32];
        number[31] = field::NUMBER as u8;
        let zero = [0; 32];
        let fact = Fact {
            kind: FactKind::Header,
            block: 1,
            address: [0; 20],
            slot: number,
            key: zero,
            key2: zero,
            path: Path::NONE,
            value: zero,
        };
        let fact = Fact { value: std::array::from_fn(|i| u8::from(i == 31)), ..fact };
        let evidence = Evidence { headers: vec![blank_header(&[0; 32])], facts: vec![fact], ..Evidence::default() };
        Self::new(class, &evidence, Fr::ZERO).expect("the smallest evidence fits every class")
    }

    /// Public inputs, in the order of [`crate::instances`].
    pub fn instances(&self) -> Vec<Fr> {
        let instances = self.builder.instances();
        debug_assert_eq!(instances.len(), INSTANCES);
        instances
    }

    /// Rows of everything but the keccak proof.
    pub fn rows(&self) -> usize {
        self.builder.rows()
    }

    /// The recorded statement without keccak, for native checks.
    pub fn builder(&self) -> &Builder {
        &self.builder
    }
}

/// The header of block 1 of no chain: every hash but `parent` zero, 15 fields.
pub(super) fn blank_header(parent: &Hash) -> Vec<u8> {
    let mut payload = [&[0x80 + 32], parent.as_slice()].concat();
    let mut zeros = |prefix: &[u8], count: usize| {
        payload.extend_from_slice(prefix);
        payload.extend(std::iter::repeat_n(0, count));
    };
    for size in [32, 20, 32, 32, 32] {
        zeros(&[0x80 + size as u8], size);
    }
    zeros(&[0xb9, 1, 0], 256);
    // difficulty 0, number 1, gas limit, gas used, time, extra data
    zeros(&[0x80, 1, 0x80, 0x80, 0x80, 0x80], 0);
    zeros(&[0x80 + 32], 32);
    zeros(&[0x80 + 8], 8);
    let mut header = vec![0xf9, (payload.len() >> 8) as u8, payload.len() as u8];
    header.append(&mut payload);
    header
}

impl Circuit<Fr> for HistoryCircuit {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_blank_evidence_is_honest() {
        for class in Class::ALL {
            let circuit = HistoryCircuit::keygen(&class);
            circuit.builder.check().expect("honest");
            println!("class {}: {} rows before keccak", class.name, circuit.rows());
        }
    }
}
