//! Opening: the word of a fact that the plan names, under one of the public roots.
//!
//! Statement: the leaf of (kind, `asOf - back`, address, slot, keys, word) is a leaf of a tree whose root is public.
//! Kind, slot, constants and `back` are fixed by the plan; subject and `asOf` are public: nothing is left to choose but
//! the word, and that is bound by the root. The slot of a path is its name, hashed here from the first step on that hashes the subject.

use super::sheet::{Cell, Sheet};
use crate::{
    facts::{self, ARITY, BLOCK_BITS, DEPTH, FactKind, at_bit},
    features::circuit::Word,
    fixed::power_of_two,
    instances::MAX_ROOTS,
    path::{self, Stop},
    plan::{FactTemplate, Name},
    poseidon::{self, LEAF, NODE, PATH_STEP},
};
use halo2_base::{
    QuantumCell::Constant,
    gates::GateInstructions,
    halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr},
};
use std::collections::BTreeMap;

/// The word and its path, as the prover claims them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hint {
    /// Bits 248 to 255 of the word.
    pub top8: Fr,
    /// Bits 0 to 247 of the word.
    pub low248: Fr,
    /// Children of each node on the way, leaf level first.
    pub levels: [[Fr; ARITY]; DEPTH],
}

/// What all openings of a score share.
pub struct Shared {
    subject: Cell,
    as_of: Cell,
    /// Of the two quadratics whose zeros are the roots: `(-(r0 + r1), r0 r1)`, the same of the other two.
    quadratics: [(Cell, Cell); MAX_ROOTS / 2],
    /// `block * 2^8`, and the same `+ subject * 2^48`, by blocks before `asOf`.
    heads: BTreeMap<(u64, bool), Cell>,
}

impl Shared {
    /// Enforces `subject < 2^160` and `asOf < 2^40`.
    pub fn new(sheet: &mut Sheet, subject: Cell, as_of: Cell, roots: [Cell; MAX_ROOTS]) -> Self {
        sheet.check_bits(subject, 160);
        sheet.check_bits(as_of, BLOCK_BITS);
        let quadratics = [[roots[0], roots[1]], [roots[2], roots[3]]].map(|[a, b]| {
            let sum = sheet.gate.add(&mut sheet.ctx, a, b);
            let linear = sheet.gate.neg(&mut sheet.ctx, sum);
            (linear, sheet.gate.mul(&mut sheet.ctx, a, b))
        });
        Self { subject, as_of, quadratics, heads: BTreeMap::new() }
    }

    /// `block * 2^8 [+ subject * 2^48]`, with `0 <= asOf - back < 2^40` enforced.
    fn head(&mut self, sheet: &mut Sheet, back_blocks: u64, of_subject: bool) -> Cell {
        if let Some(known) = self.heads.get(&(back_blocks, of_subject)) {
            return *known;
        }
        let head = if of_subject {
            let block = self.head(sheet, back_blocks, false);
            sheet.gate.mul_add(&mut sheet.ctx, self.subject, Constant(power_of_two(at_bit::ADDRESS)), block)
        } else {
            let block = match back_blocks {
                0 => self.as_of,
                _ => {
                    let block = sheet.gate.sub(&mut sheet.ctx, self.as_of, Constant(Fr::from(back_blocks)));
                    sheet.check_bits(block, BLOCK_BITS);
                    block
                }
            };
            sheet.gate.mul(&mut sheet.ctx, block, Constant(power_of_two(at_bit::BLOCK)))
        };
        self.heads.insert((back_blocks, of_subject), head);
        head
    }

    fn key(&self, sheet: &mut Sheet, name: Name) -> Cell {
        match name {
            Name::Subject => self.subject,
            Name::Constant(word) => sheet.constant(facts::split(&word).1),
        }
    }

    /// The name of the template's path: one permutation for each step from the first one on that hashes the subject.
    fn path(&self, sheet: &mut Sheet, template: &FactTemplate) -> Cell {
        let mut fixed = Stop::start(template.slot).name;
        let mut name: Option<Cell> = None;
        for step in template.path.steps() {
            let key = step.key.unwrap_or(Name::Constant([0; 32]));
            let (top, low) = match key {
                Name::Subject => (0, Fr::ZERO),
                Name::Constant(word) => facts::split(&word),
            };
            let how = path::how(&step) + Fr::from(u64::from(top));
            if name.is_none() && key != Name::Subject {
                fixed = poseidon::hash(PATH_STEP, &[fixed, low, how]);
                continue;
            }
            let before = name.unwrap_or_else(|| sheet.constant(fixed));
            let [domain, how] = [Fr::from(PATH_STEP), how].map(|value| sheet.constant(value));
            let key = self.key(sheet, key);
            name = Some(sheet.permute([domain, before, key, how], [1])[0]);
        }
        name.unwrap_or_else(|| sheet.constant(fixed))
    }

    /// Enforces that `node` is one of the roots.
    fn check_root(&self, sheet: &mut Sheet, node: Cell) {
        let [a, b] = self.quadratics.map(|(linear, constant)| {
            let sum = sheet.gate.add(&mut sheet.ctx, node, linear);
            sheet.gate.mul_add(&mut sheet.ctx, sum, node, constant)
        });
        sheet.check_product_zero(a, b);
    }
}

/// Everything of element 0 of the leaf that the plan fixes.
fn fixed_head(template: &FactTemplate) -> Fr {
    let top = |word: &[u8; 32], at: usize| Fr::from(u64::from(word[0])) * power_of_two(at);
    let constant = |name: Name, at: usize| match name {
        Name::Subject => Fr::ZERO,
        Name::Constant(word) => top(&word, at),
    };
    let address = match template.address {
        Name::Subject => Fr::ZERO,
        Name::Constant(word) => facts::field(&word[12..]) * power_of_two(at_bit::ADDRESS),
    };
    let head = Fr::from(template.kind as u64) + address;
    if template.kind == FactKind::Path {
        return head;
    }
    head + top(&template.slot, at_bit::SLOT)
        + constant(template.key, at_bit::KEY)
        + constant(template.key2, at_bit::KEY2)
}

/// Returns the word.
///
/// | cell    | range           | who enforces it |
/// |---------|-----------------|-----------------|
/// | subject | `[0, 2^160)`    | [`Shared::new`] |
/// | block   | `[0, 2^40)`     | [`Shared`]      |
/// | top8    | `[0, 2^8)`      | caller, before it uses the word: [`crate::features::extract::cut`] |
/// | low248  | one element     | the leaf        |
///
/// Sound: with these ranges element 0 has one reading, below `2^240 < p`, so equal leaves are equal facts (Poseidon
/// collisions aside). At each level the node below is one of the three children; a leaf cannot stand for a node, because
/// their domains differ and the depth is fixed.
pub fn constrain(sheet: &mut Sheet, shared: &mut Shared, template: &FactTemplate, hint: &Hint) -> Word {
    let [top8, low248] = [hint.top8, hint.low248].map(|v| sheet.witness(v));
    let head = shared.head(sheet, template.back_blocks, template.address == Name::Subject);
    let head = sheet.gate.mul_add(&mut sheet.ctx, top8, Constant(power_of_two(at_bit::VALUE)), head);
    let head = sheet.gate.add(&mut sheet.ctx, head, Constant(fixed_head(template)));
    let (slot, key) = match template.kind {
        FactKind::Path => (shared.path(sheet, template), sheet.constant(Fr::from(template.path.over()))),
        _ => (sheet.constant(facts::split(&template.slot).1), shared.key(sheet, template.key)),
    };
    let key2 = shared.key(sheet, template.key2);

    let domain = sheet.constant(Fr::from(LEAF));
    let state: [Cell; 4] = sheet.permute([domain, head, slot, key], [0, 1, 2, 3]);
    let second = sheet.gate.add(&mut sheet.ctx, state[1], low248);
    let third = sheet.gate.add(&mut sheet.ctx, state[2], key2);
    let [mut node] = sheet.permute([state[0], second, third, state[3]], [1]);

    let domain = sheet.constant(Fr::from(NODE));
    for children in &hint.levels {
        let children = children.map(|v| sheet.witness(v));
        let [a, b, c] = children.map(|child| sheet.gate.sub(&mut sheet.ctx, child, node));
        let product = sheet.gate.mul(&mut sheet.ctx, a, b);
        sheet.check_product_zero(product, c);
        [node] = sheet.permute([domain, children[0], children[1], children[2]], [1]);
    }
    shared.check_root(sheet, node);
    Word { top8, low248 }
}
