//! Transactions of all five types, with the items that consensus gives them: what the circuit proves is what their maker wrote.

use proptest::prelude::*;

use super::chain::number;
use super::honest_entries::{ENTRIES, block, entry_fact};
use super::*;
use crate::digest::Hash;
use crate::rlp::{encode_list, encode_string};
use crate::transaction::field;

/// A transaction as its maker wants it. Sources: Yellow Paper 4.2; EIP-2930, 1559, 4844, 7702.
#[derive(Clone, Debug)]
struct Made {
    kind: u8,
    chain: u64,
    nonce: u64,
    fees: [u128; 2],
    gas: u64,
    to: Option<[u8; 20]>,
    value: Hash,
    data: Vec<u8>,
    /// Entries of the lists behind the data.
    listed: usize,
}

fn minimal(bytes: &[u8]) -> &[u8] {
    &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..]
}

fn string(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![];
    encode_string(bytes, &mut out);
    out
}

fn list(items: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    encode_list(&items.into_iter().flatten().collect::<Vec<u8>>())
}

impl Made {
    fn encode(&self) -> Vec<u8> {
        let integer = |v: u128| string(minimal(&v.to_be_bytes()));
        let listed = |one: &dyn Fn() -> Vec<u8>| list((0..self.listed).map(|_| one()));
        let mut items = vec![];
        if self.kind > 0 {
            items.push(integer(self.chain.into()));
        }
        items.push(integer(self.nonce.into()));
        items.extend(self.fees[..1 + usize::from(self.kind > 1)].iter().map(|fee| integer(*fee)));
        items.push(integer(self.gas.into()));
        items.push(string(self.to.as_ref().map_or(&[], |to| to)));
        items.extend([string(minimal(&self.value)), string(&self.data)]);
        if self.kind > 0 {
            items.push(listed(&|| list([string(&[0xac; 20]), list([string(&[1; 32]), string(&[2; 32])])])));
        }
        match self.kind {
            3 => items.extend([integer(7), listed(&|| string(&[1; 32]))]),
            4 => items.push(listed(&|| {
                list([integer(1), string(&[0xde; 20]), integer(9), integer(1), string(&[3; 32]), string(&[4; 31])])
            })),
            _ => {}
        }
        let parity = if self.kind > 0 { 1 } else { 35 + 2 * u128::from(self.chain) };
        items.extend([integer(parity), string(&[0x5a; 32]), string(&[0x5b; 32])]);
        let list = list(items);
        if self.kind > 0 { [&[self.kind], list.as_slice()].concat() } else { list }
    }

    /// What its fields say.
    fn fields(&self) -> Vec<(u64, Hash)> {
        let mut to = [0; 32];
        to[12..].copy_from_slice(&self.to.unwrap_or_default());
        let mut fields = vec![
            (field::TYPE, number(self.kind.into())),
            (field::NONCE, number(self.nonce.into())),
            (field::TO, to),
            (field::VALUE, self.value),
            (field::LENGTH, number(self.data.len() as u128)),
            (field::CREATES, number(u128::from(self.to.is_none()))),
        ];
        if let Some((selector, rest)) = self.data.split_at_checked(4) {
            let selector = u32::from_be_bytes(selector.try_into().expect("four bytes"));
            fields.push((field::SELECTOR, number(selector.into())));
            let last = rest.chunks_exact(32).enumerate().next_back();
            fields.extend(last.map(|(i, word)| (field::DATA + i as u64, word.try_into().expect("32 bytes"))));
        }
        fields
    }
}

/// Facts of every field of a block of these, accepted with the values that were made.
fn prove(made: &[Made]) {
    let entries: Vec<Vec<u8>> = made.iter().map(Made::encode).collect();
    let mut nodes = Nodes::default();
    let header = block(&[1; 32], 50, &[], &entries, &mut nodes);
    let of = |(entry, made): (u64, &Made)| {
        let fact = move |(field, value)| Fact { value, ..entry_fact(FactKind::Transaction, 50, entry, 0, field) };
        made.fields().into_iter().map(fact).collect::<Vec<_>>()
    };
    let wanted: Vec<Fact> = (0..).zip(made).flat_map(of).take(ENTRIES.facts - 1).collect();
    let evidence = Evidence::collect(&wanted, &[header], &nodes).expect("evidence");
    assert_eq!(evidence.facts, wanted);
    accept(&ENTRIES, &evidence);
}

#[test]
fn one_of_each_type() {
    for to in [Some([0x11; 20]), None] {
        let made = (0..5).map(|kind| Made {
            kind,
            chain: 1,
            nonce: 300,
            fees: [9, 1 << 70],
            gas: 21_000,
            // types 3 and 4 cannot create
            to: to.or((kind > 2).then_some([0; 20])),
            value: [0xfe; 32],
            data: (0..100 + kind).collect(),
            listed: usize::from(kind),
        });
        prove(&made.collect::<Vec<_>>());
    }
}

prop_compose! {
    fn any_made()(
        kind in 0..5u8,
        numbers in any::<(u64, u64, u64, u128, u128)>(),
        shift in 0..64u32,
        to in prop_oneof![3 => any::<[u8; 20]>().prop_map(Some), 1 => Just(None)],
        value in prop_oneof![Just([0; 32]), Just([0xff; 32]), any::<u64>().prop_map(|v| number(v.into())), any::<Hash>()],
        length in prop_oneof![Just(0), Just(1), 2..6usize, Just(36), 50..60usize, 60..400usize],
        bytes in any::<u8>(),
        listed in 0..3usize,
    ) -> Made {
        let (chain, nonce, gas, fee, tip) = numbers;
        let to = to.or((kind > 2).then_some([0; 20]));
        let data = (0..length).map(|i| bytes.wrapping_add(i as u8)).collect();
        Made { kind, chain: chain >> shift, nonce: nonce >> shift, fees: [fee >> shift, tip], gas: gas >> shift, to, value, data, listed }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn of_any_type_and_size(made in prop::collection::vec(any_made(), 1..6)) {
        prove(&made);
    }
}
