//! What fills unused room: a trie of two nodes, an account that is absent from it, and a slot of that account.

use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};

use super::places::Places;
use super::walks::Walks;
use super::{FILLER, FILLER_ZEROS, filler_block, folded};
use crate::digest::{EMPTY_ROOT, keccak256};
use crate::evidence::EvidenceError;
use crate::history::accounts::AccountHint;
use crate::history::blocks::Message;
use crate::history::nodes::BRANCH;
use crate::history::steps::{Edge, Step};
use crate::history::walks::End;
use crate::trie::{self, Walk};

/// The filler account, its step and its slot.
pub(super) struct FillerWalk {
    pub step: Step,
    pub account: AccountHint,
    pub slot: End,
}

impl FillerWalk {
    pub fn new(
        places: &Places,
        walked: &mut Walks,
        filler: Message,
        address: &[u8; 20],
    ) -> Result<Self, EvidenceError> {
        let (root, key) = (keccak256(&FILLER), keccak256(address));
        let as_error = |source: trie::TrieError| EvidenceError::Trie { position: 0, source: source.into() };
        let walk = trie::walk(&root, &key, &walked.nodes).map_err(as_error)?;
        // the filler's nodes fill their parts anyway: what this walk uses must be there
        let end = walked.add(places, &root, &key, &walk);
        walked.branches.add(filler.base);
        walked.pairs.add(filler.base + 1);
        let edge = Edge { list: Fr::from(filler.base), code: BRANCH, path: Fr::ZERO, item: filler.base + 1 };
        let step = Step { root: folded(&root), path: Fr::ZERO, depth: 0, edge, child: None };
        walked.steps.add(step);
        let account = AccountHint {
            header: 0,
            block: filler_block(),
            root: folded(&root),
            address: folded(&crate::header::word(address).expect("20 bytes")),
            key: places.by_bytes[address.as_slice()].digest,
            end,
            zeros: filler.base + FILLER_ZEROS,
        };
        let empty = Walk { steps: vec![], end: trie::End::EmptyTrie, value: None };
        let slot = walked.add(places, &EMPTY_ROOT, &key, &empty);
        Ok(Self { step, account, slot })
    }
}
