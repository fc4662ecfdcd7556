//! Evidence that must be accepted.

use std::collections::BTreeMap;

use super::chain::{Account, header, number};
use super::*;

/// Few rows: for evidence of one or two accounts.
pub(super) const SMALL: Class = Class {
    name: "small",
    blocks: 64,
    roots: 4,
    branches: 24,
    pairs: 12,
    steps: 28,
    addresses: 4,
    accounts: 4,
    slots: 6,
    plain_keys: 4,
    mapping_keys: 2,
    nested_keys: 2,
    facts: 9,
    ..Class::S
};

/// A chain of two accounts; storage of the first: slot 0, a packed slot 1, a mapping at 2, a nested mapping at 3.
pub(super) fn two_accounts(block: u64) -> BTreeMap<[u8; 20], Account> {
    let mut accounts = BTreeMap::new();
    let mut storage = BTreeMap::new();
    for fact in facts(block).iter().filter(|fact| fact.kind >= FactKind::Slot && fact.slot != number(9)) {
        let slot = crate::evidence::storage_slot(fact).expect("a storage fact");
        storage.insert(slot, number(u128::from(block) + u128::from(fact.slot[31])));
    }
    storage.insert(number(1), [0xd1; 32]);
    accounts.insert([0xa1; 20], Account { nonce: 1, balance: 0, storage });
    accounts.insert([0xb2; 20], Account { nonce: 300, balance: u128::MAX, storage: BTreeMap::new() });
    accounts
}

/// Facts of all kinds about [`two_accounts`], two absent ones among them.
pub(super) fn facts(block: u64) -> Vec<Fact> {
    let key = |byte: u8| [byte; 32];
    let slot = |kind, slot| fact(kind, block, [0xa1; 20], number(slot));
    vec![
        fact(FactKind::Header, block, [0; 20], number(11)),
        fact(FactKind::Account, block, [0xb2; 20], number(1)),
        fact(FactKind::Account, block, [0xb2; 20], number(0)),
        slot(FactKind::Slot, 0),
        slot(FactKind::Slot, 1),
        Fact { key: key(0xfe), ..slot(FactKind::Mapping, 2) },
        Fact { key: key(5), key2: key(0xf6), ..slot(FactKind::Nested, 3) },
        slot(FactKind::Slot, 9),
        fact(FactKind::Account, block, [0xc3; 20], number(2)),
    ]
}

/// Evidence of [`facts`] at one block.
pub(super) fn small_evidence() -> Evidence {
    let mut nodes = Nodes::default();
    let header = header(100, &two_accounts(100), 21, &mut nodes);
    Evidence::collect(&facts(100), &[header], &nodes).expect("evidence")
}

#[test]
fn every_kind_of_fact() {
    let evidence = small_evidence();
    assert_eq!(evidence.facts[4].value, [0xd1; 32]);
    assert_eq!(evidence.facts[6].value, number(103));
    assert_eq!(evidence.facts[7].value, [0; 32]);
    accept(&SMALL, &evidence);
}

/// The filler's key is the address of the first fact, and the filler's trie has to part from it: this one's digest begins with 0.
#[test]
fn an_address_whose_digest_begins_as_the_fillers() {
    let mut address = [0; 20];
    address[19] = 20;
    assert_eq!(keccak256(&address)[0] >> 4, 0);
    let mut nodes = Nodes::default();
    let header = header(1, &two_accounts(1), 15, &mut nodes);
    let wanted = [fact(FactKind::Account, 1, address, number(1)), fact(FactKind::Slot, 1, address, number(1))];
    accept(&SMALL, &Evidence::collect(&wanted, &[header], &nodes).expect("evidence"));
}

#[test]
fn only_a_header_field() {
    let mut nodes = Nodes::default();
    let header = header(1, &two_accounts(1), 15, &mut nodes);
    let wanted = [fact(FactKind::Header, 1, [0; 20], number(8))];
    accept(&SMALL, &Evidence::collect(&wanted, &[header], &nodes).expect("evidence"));
}

#[test]
fn four_blocks_of_a_small_chain_in_class_s() {
    let mut nodes = Nodes::default();
    let (mut headers, mut wanted) = (vec![], vec![]);
    for block in [70, 80, 90, 100] {
        headers.push(header(block, &two_accounts(block), 21, &mut nodes));
        wanted.extend_from_slice(&facts(block)[..6]);
    }
    let evidence = Evidence::collect(&wanted, &headers, &nodes).expect("evidence");
    println!("class S: {} rows, {} permutations", accept(&Class::S, &evidence), evidence.permutations());
}

/// The demo: one account and three words of a market with forty users, at four blocks between which everything changes.
#[test]
fn a_market_of_forty_users_in_class_s() {
    let mut nodes = Nodes::default();
    let user = |i: u8| {
        let mut address = [0x40; 20];
        address[3] = i;
        address
    };
    let padded = |address: [u8; 20]| {
        let mut key = [0; 32];
        key[12..].copy_from_slice(&address);
        key
    };
    let market = [0x5f; 20];
    let (mut headers, mut wanted) = (vec![], vec![]);
    for block in [1000u64, 1600, 2200, 2800] {
        let mut storage: BTreeMap<_, _> = (0..2).map(|slot| (number(slot), number(u128::from(block) << 100))).collect();
        let mut accounts = BTreeMap::new();
        for i in 0..40 {
            for base in [2, 3, 4] {
                let key = Fact { key: padded(user(i)), ..fact(FactKind::Mapping, block, market, number(base)) };
                storage.insert(
                    crate::evidence::storage_slot(&key).expect("a mapping"),
                    number((u128::from(block) << 70) | (u128::from(i) + 1)),
                );
            }
            accounts.insert(
                user(i),
                Account { nonce: block + u64::from(i), balance: u128::from(block) << 60, storage: BTreeMap::new() },
            );
        }
        accounts.insert(market, Account { nonce: 1, balance: 1 << 60, storage });
        headers.push(header(block, &accounts, 21, &mut nodes));
        let mapping = |base| Fact { key: padded(user(7)), ..fact(FactKind::Mapping, block, market, number(base)) };
        wanted.extend([mapping(2), mapping(3), fact(FactKind::Slot, block, market, number(0))]);
        wanted.extend([0, 1].map(|field| fact(FactKind::Account, block, user(7), number(field))));
        wanted.push(fact(FactKind::Header, block, [0; 20], number(11)));
    }
    let evidence = Evidence::collect(&wanted, &headers, &nodes).expect("evidence");
    println!("market: {} permutations, {} nodes", evidence.permutations(), evidence.nodes.len());
    accept(&Class::S, &evidence);
}

#[test]
fn one_mainnet_account_and_slot_in_class_s() {
    let Some((facts, headers, nodes)) = file("zeth_18884864") else { return };
    let slot = facts.iter().position(|fact| fact.kind == FactKind::Slot).expect("a slot");
    let time = fact(FactKind::Header, facts[0].block, [0; 20], word("b"));
    let evidence = Evidence::collect(&[facts[slot - 1], facts[slot], time], &headers, &nodes).expect("evidence");
    println!("class S: {} rows, {} permutations", accept(&Class::S, &evidence), evidence.permutations());
}

#[test]
fn mainnet_facts_in_class_m() {
    let Some((facts, headers, nodes)) = file("zeth_18884864") else { return };
    // four accounts with their first three slots, and accounts with an empty storage trie
    let with_slots =
        |facts: &[Fact]| facts[0].kind == FactKind::Account && facts[1..].iter().all(|f| f.kind == FactKind::Slot);
    let mut wanted: Vec<Fact> = facts.windows(4).filter(|facts| with_slots(facts)).take(4).flatten().copied().collect();
    let absent = |fact: &&Fact| {
        fact.kind == FactKind::Slot && {
            let one = Evidence::collect(&[**fact], &headers, &nodes).expect("evidence");
            one.facts[0].value == [0; 32]
        }
    };
    wanted.extend(facts.iter().filter(absent).take(3));
    let mut plain = facts[0];
    plain.kind = FactKind::Slot;
    wanted.push(plain);
    let evidence = Evidence::collect(&wanted, &headers, &nodes).expect("evidence");
    println!("class M: {} rows, {} permutations", accept(&Class::M, &evidence), evidence.permutations());
}

/// Room for any 81 storage facts of a proof file.
pub(super) const REAL: Class = Class {
    slots: 81,
    plain_keys: 81,
    mapping_keys: 81,
    addresses: 81,
    accounts: 82,
    steps: 400,
    branches: 300,
    pairs: 200,
    roots: 82,
    blocks: 2048,
    k: 19,
    ..Class::M
};

#[test]
fn every_real_slot_and_exclusion() {
    for name in ["zeth_18884863", "zeth_18884864", "raiko_20612841"] {
        let Some((facts, headers, nodes)) = file(name) else { return };
        for group in facts.chunks(81) {
            accept(&REAL, &Evidence::collect(group, &headers, &nodes).expect("evidence"));
        }
    }
}

#[test]
fn the_shape_does_not_depend_on_the_evidence() {
    let empty_tries = {
        let mut nodes = Nodes::default();
        let header = header(5, &BTreeMap::new(), 15, &mut nodes);
        let wanted = [fact(FactKind::Account, 5, [1; 20], number(1)), fact(FactKind::Slot, 5, [1; 20], number(1))];
        Evidence::collect(&wanted, &[header], &nodes).expect("evidence")
    };
    let shapes = [small_evidence(), empty_tries].map(|evidence| {
        accept(&SMALL, &evidence);
        record(&SMALL, &Layout::new(&SMALL, &evidence).expect("it fits")).fingerprint()
    });
    assert_eq!(shapes[0], shapes[1]);
}

#[test]
fn says_which_capacity_is_too_small() {
    let evidence = small_evidence();
    let error = |class: &Class| class.fits(&evidence).expect_err("too small").to_string();
    let class = Class { name: "tiny", ..SMALL };
    assert_eq!(error(&Class { facts: 8, ..class }), "class tiny has room for 8 facts, the evidence needs 9");
    assert_eq!(error(&Class { blocks: 8, ..class }), "class tiny has room for 8 keccak blocks, the evidence needs 27");
    assert_eq!(Layout::new(&SMALL, &Evidence::default()).map(|_| ()), Err(LayoutError::Empty));
}

/// Rows that one more of each thing costs: the figures of SPEC.md.
#[test]
fn rows_of_each_part() {
    let evidence = small_evidence();
    let rows = |class: &Class| record(class, &Layout::new(class, &evidence).expect("it fits")).rows();
    let base = rows(&SMALL);
    let more: [(&str, Class); 18] = [
        ("linked header, with what anchors say then", Class { links: 3, ..SMALL }),
        ("hop", Class { hops: 3, ..SMALL }),
        ("root", Class { roots: SMALL.roots + 3, ..SMALL }),
        ("branch", Class { branches: SMALL.branches + 3, ..SMALL }),
        ("pair", Class { pairs: SMALL.pairs + 3, ..SMALL }),
        ("step", Class { steps: SMALL.steps + 3, ..SMALL }),
        ("address", Class { addresses: SMALL.addresses + 3, ..SMALL }),
        ("account", Class { accounts: SMALL.accounts + 3, ..SMALL }),
        ("slot", Class { slots: SMALL.slots + 3, ..SMALL }),
        ("plain key", Class { plain_keys: SMALL.plain_keys + 3, ..SMALL }),
        ("mapping key", Class { mapping_keys: SMALL.mapping_keys + 3, ..SMALL }),
        ("nested key", Class { nested_keys: SMALL.nested_keys + 3, ..SMALL }),
        ("path", Class { paths: SMALL.paths + 3, ..SMALL }),
        ("start of a path", Class { path_starts: SMALL.path_starts + 3, ..SMALL }),
        ("step by a key", Class { path_mappings: SMALL.path_mappings + 3, ..SMALL }),
        ("step into an array", Class { path_arrays: SMALL.path_arrays + 3, ..SMALL }),
        ("fact", Class { facts: SMALL.facts + 18, ..SMALL }),
        ("block", Class { blocks: SMALL.blocks * 2, ..SMALL }),
    ];
    println!("small: {base}");
    for (name, class) in more {
        let count = match name {
            "fact" => 18,
            "block" => SMALL.blocks,
            _ => 3,
        };
        println!("{name}: {:.2}", (rows(&class) - base) as f64 / count as f64);
    }
}
