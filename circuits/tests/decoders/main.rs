//! Every decoder of untrusted bytes: no panic on anything, and what is accepted is the one encoding of what was read.

mod entries;
mod plans;

use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use tiny_keccak::{Hasher, Keccak};
use vouch_circuits::account::{Account, read_slot};
use vouch_circuits::digest::keccak256;
use vouch_circuits::header::Header;
use vouch_circuits::keccak::sponge;
use vouch_circuits::rlp::{self, Kind, encode_list, encode_string};
use vouch_circuits::trie::{Child, Node, Nodes, Place, child, decode, verify_proof, walk};

/// The encoding of what stands at `offset`, made anew from the payloads of its strings.
fn again(bytes: &[u8], offset: usize, deep: bool) -> Option<Vec<u8>> {
    let item = rlp::item(bytes, offset).ok()?;
    let mut out = Vec::new();
    match item.kind {
        Kind::String => encode_string(&bytes[item.payload], &mut out),
        Kind::List => {
            let mut payload = Vec::new();
            for inner in rlp::list(bytes, offset).ok()? {
                payload.extend(if deep { again(bytes, inner.offset, true)? } else { bytes[inner.range()].to_vec() });
            }
            out = encode_list(&payload);
        }
    }
    Some(out)
}

fn string() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![Just(0..1usize), Just(1..3), Just(20..34), Just(54..58), Just(250..260)];
    length.prop_flat_map(|length| prop::collection::vec(any::<u8>(), length)).prop_map(|payload| {
        let mut out = Vec::new();
        encode_string(&payload, &mut out);
        out
    })
}

/// A sound encoding of nested lists.
fn sound() -> impl Strategy<Value = Vec<u8>> {
    string().prop_recursive(3, 40, 18, |inner| {
        prop::collection::vec(inner, 0..18).prop_map(|items| encode_list(&items.concat()))
    })
}

/// Bytes changed, removed and put in.
fn damaged(bytes: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..6u8), 0..4);
    (bytes, edits).prop_map(|(mut bytes, edits)| {
        for (at, value, what) in edits {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match what {
                0 => drop(bytes.remove(at)),
                1 => bytes.insert(at, value),
                2 => bytes.truncate(at),
                3 => bytes[at] ^= 1 << (value % 8),
                _ => bytes[at] = value,
            }
        }
        bytes
    })
}

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![prop::collection::vec(any::<u8>(), 0..120), sound(), damaged(sound())]
}

fn list_of(fields: impl Strategy<Value = Vec<Vec<u8>>>) -> impl Strategy<Value = Vec<u8>> {
    fields.prop_map(|fields| {
        let mut payload = Vec::new();
        fields.iter().for_each(|field| encode_string(field, &mut payload));
        encode_list(&payload)
    })
}

fn field(length: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), length)
}

/// Fields of a header: fixed sizes to the bloom, numbers after it.
fn header() -> impl Strategy<Value = Vec<u8>> {
    let sizes = [32, 32, 20, 32, 32, 32, 256].map(|size| field(size).boxed()).to_vec();
    let fields = (sizes, prop::collection::vec(field(0..34), 7..19)).prop_map(|(a, b)| [a, b].concat());
    list_of(fields)
}

fn account() -> impl Strategy<Value = Vec<u8>> {
    list_of((field(0..10), field(0..34), field(31..34), field(31..34)).prop_map(|(a, b, c, d)| vec![a, b, c, d]))
}

/// Leaves, extensions and branches, mostly malformed in one place.
fn node() -> impl Strategy<Value = Vec<u8>> {
    let reference = || prop_oneof![3 => Just(vec![0x80]), 2 => field(32).prop_map(|hash| [vec![0xa0], hash].concat()), 1 => sound()];
    let path = (0..64u8, field(0..33)).prop_map(|(flag, rest)| {
        let mut out = Vec::new();
        encode_string(&[vec![flag], rest].concat(), &mut out);
        out
    });
    let short = (path, reference()).prop_map(|(path, child)| encode_list(&[path, child].concat()));
    let branch = (prop::collection::vec(reference(), 16..18), string())
        .prop_map(|(children, value)| encode_list(&[children.concat(), value].concat()));
    damaged(prop_oneof![short, branch])
}

/// Where a node of `message` may stand.
fn place(message: &[u8], offset: usize) -> Place {
    Place { message: keccak256(message), offset }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn rlp_accepts_one_encoding(bytes in any_bytes(), offset in 0..140usize) {
        let _ = (rlp::item(&bytes, offset), rlp::list(&bytes, offset), rlp::exact_list(&bytes));
        if rlp::exact(&bytes).is_ok() && let Some(encoded) = again(&bytes, 0, true) {
            prop_assert_eq!(encoded, bytes);
        }
    }

    #[test]
    fn sound_rlp_is_accepted(bytes in sound()) {
        prop_assert!(rlp::exact(&bytes).is_ok());
        prop_assert_eq!(again(&bytes, 0, true), Some(bytes));
    }

    #[test]
    fn header_is_read_back(bytes in prop_oneof![any_bytes(), header(), damaged(header())]) {
        if let Ok(header) = Header::read(&bytes) {
            prop_assert_eq!(again(&bytes, 0, false), Some(bytes.clone()));
            prop_assert!((15..=24).contains(&header.field_count()));
            prop_assert_eq!(header.hash(), keccak256(&bytes));
            prop_assert_eq!(header.field_bytes(3), Some(&header.state_root[..]));
            let word = header.field_word(8).expect("read");
            prop_assert_eq!(&word[24..], &header.number.to_be_bytes());
            for index in 0..30 {
                let _ = header.field_word(index);
            }
        }
    }

    /// Leading zeros of nonce and balance are let through here: no state root leads to them.
    #[test]
    fn account_is_read_back(bytes in prop_oneof![any_bytes(), account(), damaged(account())]) {
        if let Ok(account) = Account::read(&bytes) {
            prop_assert_eq!(again(&bytes, 0, false), Some(bytes.clone()));
            let items = rlp::exact_list(&bytes).expect("read");
            for (item, word) in items.iter().zip(account.words()) {
                let payload = &bytes[item.payload.clone()];
                prop_assert_eq!(&word[32 - payload.len()..], payload);
                prop_assert!(word[..32 - payload.len()].iter().all(|byte| *byte == 0));
            }
        }
    }

    #[test]
    fn slot_value_is_the_one_encoding_of_its_number(bytes in prop_oneof![any_bytes(), string(), damaged(string())]) {
        if let Ok(word) = read_slot(&bytes) {
            let number: Vec<u8> = word.iter().copied().skip_while(|byte| *byte == 0).collect();
            let mut encoded = Vec::new();
            encode_string(&number, &mut encoded);
            prop_assert!(!number.is_empty());
            prop_assert_eq!(encoded, bytes);
        }
    }

    #[test]
    fn node_is_read_back(bytes in prop_oneof![any_bytes(), node()], offset in 0..600usize) {
        let _ = decode(&bytes, place(&bytes, offset));
        let place = place(&bytes, 0);
        if let Ok(node) = decode(&bytes, place) {
            prop_assert_eq!(again(&bytes, 0, false), Some(bytes.clone()));
            let items = rlp::exact_list(&bytes).expect("decoded");
            for item in &items {
                if let Ok(Child::Inline(at)) = child(&bytes, place, item) {
                    prop_assert!(at == item.offset && item.range().len() < 32);
                    let _ = decode(&bytes, Place { offset: at, ..place });
                }
            }
            match node {
                Node::Branch { children, .. } => prop_assert!(children.len() == 16 && items.len() == 17),
                Node::Leaf { path, .. } => prop_assert_eq!(hex_prefix(&path, 2), &bytes[items[0].payload.clone()]),
                Node::Extension { path, .. } => {
                    prop_assert!(!path.is_empty());
                    prop_assert_eq!(hex_prefix(&path, 0), &bytes[items[0].payload.clone()]);
                }
            }
        }
    }

    #[test]
    fn walks_over_anything_end(nodes in prop::collection::vec(prop_oneof![any_bytes(), node()], 0..5), key in field(32)) {
        let root = nodes.first().map_or([7; 32], |node| keccak256(node));
        let _ = walk(&root, &key, &Nodes::from_iter(&nodes));
        let _ = verify_proof(&root, &key, &nodes);
        let _ = verify_proof(&root, &key[..1], &nodes);
    }
}

/// The hex-prefix encoding of a path (Yellow Paper, appendix C).
fn hex_prefix(path: &[u8], flag: u8) -> Vec<u8> {
    let odd = path.len() % 2 == 1;
    let head = if odd { vec![flag | 1] } else { vec![flag, 0] };
    let digits = [&head, path].concat();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// Eight random messages of each length from 0 to 1,000 bytes, against tiny-keccak.
#[test]
fn sponge_agrees_with_the_reference_at_every_length() {
    let mut random = ChaCha8Rng::seed_from_u64(9);
    for length in 0..=1000 {
        for _ in 0..8 {
            let mut message = vec![0; length];
            random.fill_bytes(&mut message);
            let mut hasher = Keccak::v256();
            hasher.update(&message);
            let mut expected = [0; 32];
            hasher.finalize(&mut expected);
            assert_eq!(sponge::keccak256(&message), expected, "length {length}: {message:02x?}");
        }
    }
}
