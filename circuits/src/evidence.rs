//! Evidence: everything a history proof needs to show that a list of facts is true, each message once.
//!
//! Statement: each fact's value is what its header, state trie and storage trie say. [`Evidence::collect`] finds the values
//! natively, so evidence that was collected is true; whether it was changed since, [`Evidence::check`] tells.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::account::{self, Account, storage_root};
use crate::digest::{Hash, keccak256};
use crate::facts::{Fact, FactKind, FactTree, LogRange};
use crate::header::Header;
use crate::instances::Anchor;
use crate::trie::{Nodes, Walk};

mod counts;
mod entries;
mod error;
mod links;

pub(crate) use counts::matches;
pub use counts::{BlockCount, Count, query_things};
pub use entries::number;
pub use error::EvidenceError;
pub use links::{HISTORY_CONTRACT, Link, WINDOW};

/// Bytes of a keccak-256 block.
const RATE_BYTES: usize = 136;

/// Headers, trie nodes and facts. Order matters only for `facts`: leaf `i` of the root is fact `i`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// RLP of each block's header, by rising block number; each becomes an anchor unless it is linked.
    pub headers: Vec<Vec<u8>>,
    /// Which headers are believed because of a later block, by rising number.
    #[serde(default)]
    pub links: Vec<Link>,
    /// Which of the linked headers are public too, as linked anchors: the contract is to remember them. By rising number.
    #[serde(default)]
    pub remembered: Vec<u64>,
    /// Encodings of the trie nodes on all walks, each once, in the order of their first use.
    pub nodes: Vec<Vec<u8>>,
    /// The facts, with their values.
    pub facts: Vec<Fact>,
}

/// The messages whose digests lead from a storage fact to the key of its walk, the last one being the slot.
pub fn key_preimages(fact: &Fact) -> Vec<Vec<u8>> {
    if fact.kind == FactKind::Path {
        return fact.path.preimages(fact.slot);
    }
    let pair = |key: &Hash, slot: &Hash| [key.as_slice(), slot].concat();
    let mut preimages = vec![];
    let mut slot = fact.slot;
    let keys: &[Hash] = match fact.kind {
        FactKind::Slot => &[],
        FactKind::Mapping => &[fact.key],
        FactKind::Nested => &[fact.key, fact.key2],
        _ => return vec![],
    };
    for key in keys {
        preimages.push(pair(key, &slot));
        slot = keccak256(&preimages[preimages.len() - 1]);
    }
    preimages.push(slot.to_vec());
    preimages
}

/// The storage slot that a fact of kind slot, mapping, nested or path is about; `None` for other kinds.
pub fn storage_slot(fact: &Fact) -> Option<Hash> {
    key_preimages(fact).pop()?.try_into().ok()
}

/// What a fact's walks found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The value, zero for what is absent.
    pub value: Hash,
    /// Walk through the state trie, for facts about an account's state.
    pub account: Option<(Walk, Option<Account>)>,
    /// Walk through the storage trie, for storage facts.
    pub slot: Option<Walk>,
    /// Walk through the receipts or transactions trie, for facts about one entry.
    pub entry: Option<Walk>,
    /// What was counted in each block, for counts.
    pub count: Option<Count>,
}

impl Found {
    /// A value without walks.
    fn value(value: Hash) -> Self {
        Self { value, account: None, slot: None, entry: None, count: None }
    }

    /// All walks.
    pub fn walks(&self) -> impl Iterator<Item = &Walk> {
        let account = self.account.iter().map(|(walk, _)| walk);
        let counted = self.count.iter().flat_map(Count::walks);
        account.chain(&self.slot).chain(&self.entry).chain(counted)
    }
}

/// Finds what `fact` is about, from the headers of its blocks; its claimed value is not looked at.
///
/// # Errors
/// [`EvidenceError`] when the fact is malformed, or a header or a node is missing; `position` is only used to report it.
pub fn find(
    fact: &Fact,
    position: usize,
    blocks: &BTreeMap<u64, Header<'_>>,
    nodes: &Nodes,
) -> Result<Found, EvidenceError> {
    let header = blocks.get(&fact.block).ok_or(EvidenceError::NoHeader { position, block: fact.block })?;
    let zero = [0; 32];
    let shape =
        |ok: bool, part| if ok { Ok(()) } else { Err(EvidenceError::Shape { position, kind: fact.kind, part }) };
    let trie = |source| EvidenceError::Trie { position, source };
    shape(fact.address == [0; 20] || fact.kind.has_address(), "address")?;
    let has_key = fact.kind >= FactKind::Mapping && fact.kind != FactKind::Path;
    shape(fact.key == zero || has_key, "key")?;
    let has_key2 = matches!(fact.kind, FactKind::Nested | FactKind::Log | FactKind::LogCount);
    shape(fact.key2 == zero || has_key2, "key2")?;
    shape(fact.path.is_none() || fact.kind == FactKind::Path, "path")?;
    match fact.kind {
        FactKind::Header => {
            let value = header.field_word(index(fact)).map_err(|source| EvidenceError::Field { position, source })?;
            return Ok(Found::value(value));
        }
        FactKind::Receipt | FactKind::Log | FactKind::Transaction => {
            return entries::find(fact, position, header, nodes);
        }
        FactKind::LogCount => return counts::find(fact, position, blocks, nodes),
        _ => {}
    }
    let (walk, account) = account::find(&header.state_root, &fact.address, nodes).map_err(trie)?;
    let Some(slot) = storage_slot(fact) else {
        if index(fact) > 3 {
            return Err(EvidenceError::AccountField { position, got: index(fact) as u64 });
        }
        let value = account.map_or([0; 32], |account| account.words()[index(fact)]);
        return Ok(Found { account: Some((walk, account)), ..Found::value(value) });
    };
    let (slot_walk, value) = account::find_slot(&storage_root(account.as_ref()), &slot, nodes).map_err(trie)?;
    Ok(Found { account: Some((walk, account)), slot: Some(slot_walk), ..Found::value(value) })
}

/// The slot of a header or account fact as an index; too large an index stays too large.
fn index(fact: &Fact) -> usize {
    usize::try_from(number(&fact.slot)).unwrap_or(usize::MAX)
}

/// The blocks that a fact is about: one, but for counts.
pub fn blocks_of(fact: &Fact) -> std::ops::RangeInclusive<u64> {
    let range = LogRange::of(&fact.slot).filter(|_| fact.kind == FactKind::LogCount);
    let before = range.map_or(0, |range| range.blocks - 1);
    fact.block.saturating_sub(before)..=fact.block
}

/// Reads headers and checks that their numbers rise.
pub(crate) fn read_headers(headers: &[Vec<u8>]) -> Result<BTreeMap<u64, Header<'_>>, EvidenceError> {
    let mut blocks = BTreeMap::new();
    let mut above: Option<u64> = None;
    for (position, rlp) in headers.iter().enumerate() {
        let header = Header::read(rlp).map_err(|source| EvidenceError::Header { position, source })?;
        if let Some(above) = above.filter(|above| *above >= header.number) {
            return Err(EvidenceError::HeaderOrder { position, above, got: header.number });
        }
        above = Some(header.number);
        blocks.insert(header.number, header);
    }
    Ok(blocks)
}

impl Evidence {
    /// Finds the value of each wanted fact and collects exactly the messages that prove it, from headers that are anchors all. Values in
    /// `wanted` are ignored, headers of blocks that no fact is about are left out, nodes are looked up in `nodes` by hash.
    ///
    /// # Errors
    /// [`EvidenceError`]: a header or node is missing or wrong, or a fact is malformed.
    pub fn collect(wanted: &[Fact], headers: &[Vec<u8>], nodes: &Nodes) -> Result<Self, EvidenceError> {
        Self::collect_from(wanted, headers, nodes, |_| true)
    }

    /// [`Self::collect`], where only blocks of which `is_anchor` is true can be anchors. The others are linked to those, by parent hashes and
    /// by the history contract, as far as the given headers and nodes allow.
    ///
    /// # Errors
    /// [`EvidenceError`] as for `collect`, and [`EvidenceError::Unreachable`].
    pub fn collect_from(
        wanted: &[Fact],
        headers: &[Vec<u8>],
        nodes: &Nodes,
        is_anchor: impl Fn(u64) -> bool,
    ) -> Result<Self, EvidenceError> {
        let blocks = read_headers(headers)?;
        let mut used = BTreeSet::new();
        for (position, fact) in wanted.iter().enumerate() {
            for block in blocks_of(fact) {
                if used.insert(block) && !blocks.contains_key(&block) {
                    return Err(EvidenceError::NoHeader { position, block });
                }
            }
        }
        let links = links::choose(&used, &blocks, nodes, is_anchor)?;
        let used: BTreeSet<u64> =
            used.into_iter().chain(links.iter().flat_map(|link| [link.block, link.from])).collect();
        let used_headers = headers.iter().zip(blocks.keys()).filter(|(_, number)| used.contains(number));
        let mut evidence =
            Self { headers: used_headers.map(|(rlp, _)| rlp.clone()).collect(), links, ..Self::default() };
        let hops = evidence.hops_in(&blocks);
        let mut seen = BTreeSet::new();
        for (position, fact) in wanted.iter().chain(&hops).enumerate() {
            let found = find(fact, position, &blocks, nodes)?;
            for step in found.walks().flat_map(|walk| &walk.steps) {
                if seen.insert(step.place.message) {
                    evidence.nodes.push(nodes.get(&step.place.message).expect("walked over it").to_vec());
                }
            }
            if position < wanted.len() {
                evidence.facts.push(Fact { value: found.value, ..*fact });
            }
        }
        FactTree::new(&evidence.facts)?;
        Ok(evidence)
    }

    /// Checks every fact and every link again.
    ///
    /// # Errors
    /// [`EvidenceError::WrongValue`] when a claimed value is false, others as for [`Evidence::collect_from`].
    pub fn check(&self) -> Result<(), EvidenceError> {
        let blocks = read_headers(&self.headers)?;
        let nodes = Nodes::from_iter(&self.nodes);
        links::check(&self.links, &blocks, &nodes)?;
        if let Some(block) = self.remembered.iter().copied().find(|block| !self.is_linked(*block)) {
            return Err(EvidenceError::NotLinked { block });
        }
        for (position, fact) in self.facts.iter().enumerate() {
            let expected = find(fact, position, &blocks, &nodes)?.value;
            if expected != fact.value {
                return Err(EvidenceError::WrongValue { position, expected, got: fact.value });
            }
        }
        FactTree::new(&self.facts)?;
        Ok(())
    }

    /// The anchors: each header that is not linked, and those that are remembered.
    ///
    /// # Errors
    /// [`EvidenceError::Header`], [`EvidenceError::HeaderOrder`].
    pub fn anchors(&self) -> Result<Vec<Anchor>, EvidenceError> {
        let headers = read_headers(&self.headers)?;
        let anchors = headers.values().filter(|header| self.is_anchor(header.number));
        let anchor = |h: &Header<'_>| Anchor { number: h.number, hash: h.hash(), linked: self.is_linked(h.number) };
        Ok(anchors.map(anchor).collect())
    }

    /// Whether the header of this block is believed because of a later block.
    pub fn is_linked(&self, block: u64) -> bool {
        self.links.iter().any(|link| link.block == block)
    }

    /// Whether the header of this block is public.
    pub fn is_anchor(&self, block: u64) -> bool {
        !self.is_linked(block) || self.remembered.contains(&block)
    }

    /// What the history contract holds for each hop, as facts: they are proven like others, but are no leaves.
    ///
    /// # Errors
    /// [`EvidenceError::Header`], [`EvidenceError::HeaderOrder`].
    pub fn hops(&self) -> Result<Vec<Fact>, EvidenceError> {
        Ok(self.hops_in(&read_headers(&self.headers)?))
    }

    fn hops_in(&self, blocks: &BTreeMap<u64, Header<'_>>) -> Vec<Fact> {
        let hop = |link: &Link| Some(link.fact(blocks.get(&link.block)?.hash()));
        self.links.iter().filter(|link| !link.is_parent()).filter_map(hop).collect()
    }

    /// Every message that is hashed, each once: headers, nodes, then the preimages of keys.
    pub fn messages(&self) -> Vec<Vec<u8>> {
        let mut messages: Vec<Vec<u8>> = self.headers.iter().chain(&self.nodes).cloned().collect();
        let mut seen = BTreeSet::new();
        let hops = self.hops().unwrap_or_default();
        for fact in self.facts.iter().chain(&hops) {
            let address = fact.kind.has_address().then(|| fact.address.to_vec());
            for preimage in address.into_iter().chain(key_preimages(fact)).chain(query_things(fact)) {
                if seen.insert(preimage.clone()) {
                    messages.push(preimage);
                }
            }
        }
        messages
    }

    /// Keccak-f permutations that hashing all messages takes.
    pub fn permutations(&self) -> usize {
        self.messages().iter().map(|message| message.len() / RATE_BYTES + 1).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::Path;
    use crate::testing::{fixture_json, unhex, word};
    use serde_json::Value;

    /// All facts about the accounts of a proof file, its header and its nodes.
    fn facts_of(file: &Value) -> (Vec<Fact>, Vec<Vec<u8>>, Nodes) {
        let header = unhex(file["header_rlp"].as_str().expect("hex"));
        let block = file["block_number"].as_u64().expect("a number");
        let zero = [0; 32];
        let fact = |kind, address, slot, value| Fact {
            kind,
            block,
            address,
            slot,
            key: zero,
            key2: zero,
            path: Path::NONE,
            value,
        };
        let mut facts = vec![fact(FactKind::Header, [0; 20], word("8"), word(&format!("{block:x}")))];
        let mut nodes = Nodes::default();
        for response in file["proofs"].as_array().expect("a list") {
            let address: [u8; 20] = unhex(response["address"].as_str().expect("hex")).try_into().expect("20 bytes");
            let mut put = |list: &Value| {
                for node in list.as_array().expect("a list") {
                    nodes.insert(unhex(node.as_str().expect("hex")));
                }
            };
            put(&response["accountProof"]);
            facts.push(fact(FactKind::Account, address, word("1"), word(response["balance"].as_str().expect("hex"))));
            for slot in response["storageProof"].as_array().expect("a list") {
                put(&slot["proof"]);
                let [key, value] = ["key", "value"].map(|name| word(slot[name].as_str().expect("hex")));
                facts.push(fact(FactKind::Slot, address, key, value));
            }
        }
        (facts, vec![header], nodes)
    }

    #[test]
    fn finds_the_values_of_real_proofs() {
        for name in ["zeth_18884863", "zeth_18884864", "raiko_20612841"] {
            let Some(file) = fixture_json(&format!("proofs/{name}.json")) else { return };
            let (facts, headers, nodes) = facts_of(&file);
            for group in facts.chunks(81) {
                let blank: Vec<Fact> = group.iter().map(|fact| Fact { value: [9; 32], ..*fact }).collect();
                let evidence =
                    Evidence::collect(&blank, &headers, &nodes).unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(evidence.facts, group, "{name}");
                assert_eq!(evidence.check(), Ok(()));
                let unique: BTreeSet<_> = evidence.messages().into_iter().collect();
                assert_eq!(unique.len(), evidence.messages().len());
            }
        }
    }

    #[test]
    fn derives_the_slots_of_mappings() {
        let Some(file) = fixture_json("proofs/zeth_semantic_slots.json") else { return };
        let mut derived = 0;
        for entry in file.as_array().expect("a list").iter().filter(|entry| entry["keys"].is_array()) {
            let keys: Vec<_> =
                entry["keys"].as_array().expect("a list").iter().map(|k| word(k.as_str().expect("hex"))).collect();
            let kind = if keys.len() == 1 { FactKind::Mapping } else { FactKind::Nested };
            let fact = Fact {
                kind,
                block: 1,
                address: [1; 20],
                slot: word(&format!("{:x}", entry["base_slot"].as_u64().expect("a number"))),
                key: keys[0],
                key2: keys.get(1).copied().unwrap_or_default(),
                path: Path::NONE,
                value: [0; 32],
            };
            assert_eq!(storage_slot(&fact), Some(word(entry["slot"].as_str().expect("hex"))));
            derived += 1;
        }
        assert_eq!(derived, 65);
    }

    #[test]
    fn says_what_is_missing_or_false() {
        let Some(file) = fixture_json("proofs/zeth_18884864.json") else { return };
        let (facts, headers, nodes) = facts_of(&file);
        let fact = facts[1];
        let collect =
            |fact: Fact, nodes: &Nodes| Evidence::collect(&[fact], &headers, nodes).map_err(|error| error.to_string());
        let later = Fact { block: fact.block + 1, ..fact };
        assert_eq!(collect(later, &nodes), Err("fact 0 is about block 18884865, whose header is not given".into()));
        let field = Fact { slot: word("4"), ..fact };
        assert_eq!(
            collect(field, &nodes),
            Err("fact 0 asks for account field 4, expected 0 (nonce) to 3 (code hash)".into())
        );
        let key = Fact { key: word("1"), ..fact };
        assert_eq!(collect(key, &nodes), Err("fact 0: the key of a Account fact must be zero".into()));
        let missing = collect(fact, &Nodes::default()).expect_err("no nodes");
        assert!(missing.contains("at depth 0 is missing"), "{missing}");
        let mut evidence = collect(fact, &nodes).expect("evidence");
        evidence.facts[0].value[31] ^= 1;
        assert!(matches!(evidence.check(), Err(EvidenceError::WrongValue { position: 0, .. })));
    }
}
