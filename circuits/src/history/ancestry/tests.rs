//! Real headers are accepted with the native root; every way of telling another story is refused.

use test_case::test_case;

use super::*;
use crate::grid::Violation;
use crate::history::tables::tag;
use crate::history::tests::{builder_of, lies::unequal};
use crate::testing::{fixture_text, unhex};

/// Eight headers.
const SMALL: Size = Size { name: "small", key_name: "ancestry_3", k: 16, blocks: 56, depth: 3 };

/// Headers `from ..` of a file of consecutive ones.
fn headers(file: &str, from: usize, count: usize) -> Option<Vec<Vec<u8>>> {
    let text = fixture_text(&format!("headers/{file}.jsonl"))?;
    let line = |line: &str| {
        let record: serde_json::Value = serde_json::from_str(line).expect("json");
        unhex(record["rlp"].as_str().expect("hex"))
    };
    Some(text.lines().skip(from).take(count).map(line).collect())
}

fn record(size: &Size, ancestry: &Ancestry) -> Builder {
    let (mut b, first, start) = builder_of(size.shape(), &ancestry.messages);
    constrain(&mut b, ancestry, &first, &start);
    b
}

fn half(bytes: &[u8]) -> Fr {
    crate::facts::field(bytes)
}

/// Lays out and checks, and returns the rows.
fn accept(size: &Size, headers: &[Vec<u8>]) -> usize {
    let ancestry = Ancestry::new(size, headers).unwrap_or_else(|error| panic!("{error}"));
    let b = record(size, &ancestry);
    b.check().unwrap_or_else(|violation| panic!("{violation}"));
    let words = ancestry.says.iter().flat_map(|word| [half(&word[..16]), half(&word[16..])]);
    let expected: Vec<Fr> = words.chain([Fr::from(u64::from(size.depth))]).collect();
    assert_eq!(b.instances(), expected);
    b.rows()
}

#[test]
fn headers_of_every_era() {
    for (file, from) in [("mainnet_0_1055", 0), ("goerli_7588679_7589206", 5), ("taikoL2_192061_192317", 9)] {
        let Some(run) = headers(file, from, 8) else { return };
        println!("{file}: {} rows", accept(&SMALL, &run));
    }
}

#[test]
fn the_first_1056_headers_of_mainnet() {
    let Some(run) = headers("mainnet_0_1055", 0, 1024) else { return };
    println!("A10: {} rows before keccak", accept(&Size::A10, &run));
    let Some(rest) = headers("mainnet_0_1055", 1024, 32) else { return };
    println!("A5: {} rows before keccak", accept(&Size::A5, &rest));
    let Some(run) = headers("goerli_7588679_7589206", 0, 128) else { return };
    println!("A7: {} rows before keccak", accept(&Size::A7, &run));
}

#[test]
fn the_tree_is_the_usual_one() {
    let leaf = |i: u8| [i; 32];
    let two = |a: [u8; 32], b: [u8; 32]| keccak256(&[a, b].concat());
    let levels = levels(&[leaf(0), leaf(1), leaf(2), leaf(3)]);
    assert_eq!(levels.len(), 3);
    assert_eq!(levels[2], [two(two(leaf(0), leaf(1)), two(leaf(2), leaf(3)))]);
}

#[test]
fn shape_does_not_depend_on_the_headers() {
    let Some(run) = headers("mainnet_0_1055", 0, 8) else { return };
    let real = record(&SMALL, &Ancestry::new(&SMALL, &run).expect("a run")).fingerprint();
    let mut parent = [0; 32];
    let blank: Vec<Vec<u8>> = (0..8)
        .map(|_| {
            let header = crate::history::circuit::blank_header(&parent);
            parent = keccak256(&header);
            header
        })
        .collect();
    assert_eq!(real, record(&SMALL, &Ancestry::new(&SMALL, &blank).expect("a run")).fingerprint());
}

#[test]
fn what_is_no_run_is_refused_by_name() {
    let Some(run) = headers("mainnet_0_1055", 0, 9) else { return };
    let error = |headers: &[Vec<u8>], size: &Size| Ancestry::new(size, headers).expect_err("no run").to_string();
    assert_eq!(error(&run, &SMALL), "a run of size small has 8 headers, got 9");
    let gap = [&run[..4], &run[5..]].concat();
    assert!(error(&gap, &SMALL).starts_with("header 4 names the parent "));
    let mut torn = run[..8].to_vec();
    torn[3].pop();
    assert!(error(&torn, &SMALL).starts_with("header 3: "));
    let small = Size { blocks: 38, ..SMALL };
    assert_eq!(error(&run[..8], &small), "size small has room for 38 keccak blocks, the run needs 39");
}

// --- lies -------------------------------------------------------------------------------------------------------

fn attack() -> Option<Ancestry> {
    let ancestry = Ancestry::new(&SMALL, &headers("mainnet_0_1055", 0, 8)?).expect("a run");
    record(&SMALL, &ancestry).check().expect("honest");
    Some(ancestry)
}

fn violation(ancestry: &Ancestry) -> Violation {
    record(&SMALL, ancestry).check().expect_err("the lie was accepted")
}

#[test_case(|a| a.headers[3] = a.headers[2]; "a header twice")]
#[test_case(|a| a.headers.swap(3, 4); "two headers swapped")]
#[test_case(|a| a.headers[0] = a.headers[7]; "another first header")]
#[test_case(|a| a.headers[7] = a.headers[6]; "another last header")]
#[test_case(|a| a.headers[5] = a.nodes[0][0]; "a node as a header")]
#[test_case(|a| a.nodes[0].swap(0, 1); "two nodes swapped")]
#[test_case(|a| a.nodes[0][3] = a.nodes[0][2]; "a node twice")]
#[test_case(|a| a.nodes[2][0] = a.nodes[1][0]; "a root one level too low")]
fn another_message(lie: fn(&mut Ancestry)) {
    let Some(mut ancestry) = attack() else { return };
    lie(&mut ancestry);
    unequal()(violation(&ancestry));
}

#[test_case(|a| a.headers[3].base += 136; "a header without its first block")]
#[test_case(|a| a.headers[3].digest += 200; "the digest of another message")]
#[test_case(|a| (a.nodes[0][0].base, a.nodes[0][0].mark) = (a.headers[0].base, 1); "the first block of a header as a node")]
#[test_case(|a| a.nodes[1][0] = a.headers[4]; "a header as a node")]
fn no_message_at_all(lie: fn(&mut Ancestry)) {
    let Some(mut ancestry) = attack() else { return };
    lie(&mut ancestry);
    assert!(matches!(violation(&ancestry), Violation::Bus { tag, .. } if tag == Fr::from(tag::DIGEST)));
}

#[test]
fn children_in_another_order() {
    // messages of the prover's choice: the first node hashes its children the other way round
    let Some(honest) = attack() else { return };
    let mut lie = honest.clone();
    let at = lie.headers.len();
    lie.messages[at].rotate_left(32);
    unequal()(violation(&lie));
    // a node of 65 bytes: the padding is fixed
    let mut lie = honest;
    lie.messages[at].push(1);
    unequal()(violation(&lie));
}
