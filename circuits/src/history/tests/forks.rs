//! All headers of the fixtures, every field of each a fact.

use std::collections::BTreeSet;

use super::chain::number;
use super::honest::SMALL;
use super::*;
use crate::header::{Header, field};
use crate::testing::fixture_text;

/// Headers of one proof: 20 fields each, or 14.
const AT_ONCE: usize = 4;
const FILES: [&str; 10] = [
    "mainnet_0_1055",
    "mainnet_1000001_1000030",
    "mainnet_10234001_10234011",
    "mainnet_12965000_12965005",
    "mainnet_15537392_15537394",
    "mainnet_17034869_17034871",
    "mainnet_18884863_18884864",
    "mainnet_19426586_19426587",
    "goerli_7588679_7589206",
    "taikoL2_192061_192317",
];

/// Proves every field but the bloom filter of `headers`, and returns how many fields they have.
fn prove_all(headers: &[Vec<u8>]) -> BTreeSet<usize> {
    let class = Class { facts: 81, ..SMALL };
    let (mut wanted, mut counts) = (vec![], BTreeSet::new());
    for rlp in headers {
        let header = Header::read(rlp).expect("a header");
        let fields = (0..header.field_count()).filter(|index| *index != field::LOGS_BLOOM);
        wanted.extend(fields.map(|index| fact(FactKind::Header, header.number, [0; 20], number(index as u128))));
        counts.insert(header.field_count());
    }
    accept(&class, &Evidence::collect(&wanted, headers, &Nodes::default()).expect("evidence"));
    counts
}

#[test]
fn all_fields_of_single_headers_of_every_fork() {
    let Some(singles) = fixture_json("headers/mainnet_singles.json") else { return };
    let rlp = |record: &Value| unhex(record["rlp"].as_str().expect("hex"));
    let singles: Vec<Vec<u8>> = singles.as_array().expect("a list").iter().map(rlp).collect();
    let counts: BTreeSet<usize> = singles.chunks(1).flat_map(prove_all).collect();
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [15, 16, 17, 20, 21]);
}

#[test]
fn all_fields_of_all_headers_in_runs() {
    let mut proven = 0;
    for name in FILES {
        let Some(text) = fixture_text(&format!("headers/{name}.jsonl")) else { return };
        let rlp = |line: &str| {
            let record: Value = serde_json::from_str(line).expect("json");
            unhex(record["rlp"].as_str().expect("hex"))
        };
        let headers: Vec<Vec<u8>> = text.lines().map(rlp).collect();
        for some in headers.chunks(AT_ONCE) {
            prove_all(some);
        }
        proven += headers.len();
    }
    assert_eq!(proven, 1056 + 30 + 11 + 6 + 3 + 3 + 2 + 2 + 528 + 257);
}
