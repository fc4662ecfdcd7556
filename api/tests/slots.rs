//! `vouch slots` against solc 0.8.37: the slots of the example market, and values that a contract really wrote.
//!
//! `layouts/lending_market.json` is the storageLayout of `contracts/examples/LendingMarket.sol`, `layouts/shapes.json` the output of
//! `scripts/solc --standard-json` for `layouts/Shapes.sol`.

use alloy::primitives::{Address, U256, hex, keccak256};
use serde_json::Value;
use vouch_api::slots::key::Key;
use vouch_api::slots::place::Step;
use vouch_api::slots::{Layout, Place, source};
use vouch_circuits::evidence::storage_slot;
use vouch_circuits::facts::FactKind;
use vouch_circuits::plan::{Name, Plan};
use vouch_prover::evm::Chain;

const MARKET: &str = include_str!("layouts/lending_market.json");
const SHAPES: &str = include_str!("layouts/shapes.json");
const CONTRACT: &str = "0x5FbDB2315678afecb367f032d93F642f64180aa3";

fn market() -> Layout {
    Layout::read(MARKET, None).unwrap()
}

fn shapes() -> Layout {
    Layout::read(SHAPES, Some("Shapes")).unwrap()
}

fn find(layout: &Layout, expression: &str) -> Place {
    Place::find(layout, expression).unwrap_or_else(|error| panic!("{error}"))
}

fn error(layout: &Layout, expression: &str) -> String {
    Place::find(layout, expression).unwrap_err().to_string()
}

fn line(layout: &Layout, expression: &str) -> Result<String, String> {
    source::line(&find(layout, expression), Some(CONTRACT.parse().unwrap())).map_err(|e| e.why)
}

#[test]
fn lines_of_the_example_market_stand_in_its_plan() {
    let plan = include_str!("../../models/risk/plan.toml");
    for (expression, feature) in [
        ("positionOf[subject].debt", "debt_last"),
        ("positionOf[subject].collateral", "collateral_last"),
        ("price", "price_last"),
        ("recordOf[subject].borrows", "borrows_delta"),
        ("recordOf[subject].repayments", "repayments_delta"),
        ("recordOf[subject].liquidations", "liquidations_last"),
    ] {
        let line = line(&market(), expression).unwrap();
        let (_, entry) = plan.split_once(&format!("\"{feature}\"")).unwrap();
        let written = entry.lines().find(|line| line.starts_with("source")).unwrap();
        let (written, _) = written.split_once(", decimals").unwrap();
        assert_eq!(line, format!("{written} }}"), "{expression}");
    }
}

#[test]
fn layout_is_read_from_artifacts_and_compiler_output() {
    let bare: Value = serde_json::from_str(MARKET).unwrap();
    let artifact = serde_json::json!({"abi": [], "storageLayout": bare}).to_string();
    let output = serde_json::json!({"contracts": {"a.sol": {"M": {"storageLayout": bare}, "I": {}}}});
    let build_info = serde_json::json!({"input": {}, "output": output}).to_string();
    for text in [MARKET, &artifact, &output.to_string(), &build_info] {
        assert_eq!(find(&Layout::read(text, None).unwrap(), "cashOf[subject]").base, U256::from(4));
    }
    let said = |text: &str, contract| Layout::read(text, contract).unwrap_err().to_string();
    assert_eq!(
        said(SHAPES, None),
        "contract: expected one of Shapes.sol:Base, Shapes.sol:Shapes, got none: choose with --contract"
    );
    assert!(said(SHAPES, Some("Other")).ends_with("got Other"));
    assert!(said(r#"{"abi": [], "bytecode": {}}"#, None).ends_with("got an object with abi, bytecode"));
    assert!(said("[", None).starts_with("layout does not parse: "));
    assert_eq!(Layout::read(SHAPES, Some("Shapes.sol:Base")).unwrap().storage.len(), 4);
    assert!(Layout::read(r#"{"storage": [], "types": null}"#, None).unwrap().types.is_empty());
}

/// The forge artifact, where this machine has one, says what the recorded layout says.
#[test]
fn recorded_layout_is_that_of_the_contract() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../contracts/out/LendingMarket.sol/LendingMarket.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        eprintln!("SKIPPED: {path} is not there; run forge build");
        return;
    };
    let compiled = Layout::read(&text, None).unwrap();
    for expression in
        ["price", "totals.debt", "positionOf[subject].debt", "recordOf[subject].repaid", "cashOf[subject]"]
    {
        assert_eq!(find(&compiled, expression), find(&market(), expression));
    }
}

/// Every kind of place, read back from the storage of a contract in the EVM.
#[test]
fn places_hold_what_the_contract_wrote() {
    let output: Value = serde_json::from_str(SHAPES).unwrap();
    let code = output["contracts"]["Shapes.sol"]["Shapes"]["evm"]["bytecode"]["object"].as_str().unwrap();
    let subject = Address::repeat_byte(0x5a);
    let mut chain = Chain::default();
    let arguments = subject.into_word();
    let contract = chain.deploy(&[hex::decode(code).unwrap(), arguments.to_vec()].concat()).unwrap().address;
    let selector = &keccak256("load(uint256)")[..4];
    let negative = |bits: usize, n: u64| (U256::from(1) << bits) - U256::from(n);
    for (expression, expected) in [
        ("first", U256::from(1)),
        ("flag", U256::from(1)),
        ("owner", U256::from_be_slice(&hex!("0102030405060708090a0b0c0d0e0f1011121314"))),
        ("price", U256::from(0x11)),
        ("small[4]", U256::from(0x040404)),
        ("small[3]", U256::ZERO),
        ("grid[1][2]", U256::from(0x0102)),
        ("legs.length", U256::from(2)),
        ("legs[1].size", U256::from(21)),
        ("legs[1].delta", negative(32, 22)),
        ("legs[1].side", U256::from(2)),
        ("legs[1].cost", U256::from(23)),
        ("packed.length", U256::from(9)),
        ("packed[5]", U256::from(105)),
        ("packed[6]", U256::from(106)),
        ("packed[8]", U256::from(108)),
        ("jagged[0].length", U256::ZERO),
        ("jagged[1].length", U256::from(3)),
        ("jagged[1][2]", U256::from(33)),
        ("trades[subject].kind", U256::from(41)),
        ("trades[subject].legs[1].size", U256::from(42)),
        ("trades[subject].legs[1].side", U256::from(1)),
        ("trades[0x5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a].legs[ 1 ] . cost", U256::from(44)),
        ("trades[subject].byTag[0x01020304].side", U256::from(2)),
        ("trades[subject].byTag[0x01020304].cost", U256::from(45)),
        ("trades[subject].fills[0]", U256::from(46)),
        ("trades[subject].fills[1]", U256::from(47)),
        ("trades[subject].mark", U256::from(0xabcdef)),
        ("signed[-300][true]", U256::from(51)),
        ("deep[7][subject][0x0000000000000000000000000000000000000000000000000000000000000009][3]", U256::from(61)),
        ("last", negative(64, 5)),
    ] {
        let place = find(&shapes(), expression);
        let slot = place.slot(Some(subject)).unwrap();
        let out = chain.call(contract, &[selector, slot.as_slice()].concat()).unwrap();
        assert!(out.success, "{expression}");
        let word = U256::from_be_slice(&out.output) >> place.low;
        let mask = U256::MAX >> (256 - (place.high - place.low));
        assert_eq!(word & mask, expected, "{expression}: {} bits {}..{}", place.formula(), place.low, place.high);
    }
}

#[test]
fn lines_mean_the_place_that_was_found() {
    let subject = Address::repeat_byte(0x5a);
    for (expression, kind) in [
        ("owner", FactKind::Slot),
        ("small[4]", FactKind::Slot),
        ("packed[6]", FactKind::Slot),
        ("legs[1].cost", FactKind::Slot),
        ("trades[0x5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b].legs[1].cost", FactKind::Slot),
        ("trades[0x5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b].kind", FactKind::Mapping),
        ("trades[subject].kind", FactKind::Mapping),
        ("signed[-300][true]", FactKind::Nested),
        ("deep[7][subject][9][3]", FactKind::Nested),
        ("deep[subject][subject][9][0]", FactKind::Path),
        ("trades[subject].legs[0].size", FactKind::Path),
        ("trades[subject].legs[1].cost", FactKind::Path),
        ("trades[subject].byTag[0x01020304].cost", FactKind::Path),
        ("trades[subject].fills[1]", FactKind::Path),
        ("trades[subject].mark", FactKind::Path),
    ] {
        let place = find(&shapes(), &expression.replace("[9]", &format!("[0x{:064x}]", 9)));
        let line = source::line(&place, Some(CONTRACT.parse().unwrap())).unwrap();
        let plan = Plan::parse(&format!("[[feature]]\nname = \"x\"\n{line}\nmake = \"last\"")).unwrap();
        let number = plan.features[0].numbers[0];
        assert_eq!((number.low, number.high), (place.low, place.high), "{expression}");
        let fact = plan.facts[0];
        assert_eq!(fact.kind, kind, "{expression}");
        assert!(matches!(fact.address, Name::Constant(_)));
        let key = plan.resolve(subject.into(), 1).unwrap()[0];
        // the circuits' own derivation, which the circuit is tested against, from the plan alone
        let slot = storage_slot(&key.holds([0; 32])).unwrap();
        assert_eq!(Some(slot), place.slot(Some(subject)).map(|slot| slot.0), "{expression}: {line}");
    }
}

/// The lines that the documentation promises.
#[test]
fn paths_are_written_from_the_subject_on() {
    let shapes = shapes();
    let said = |expression: &str| {
        let line = line(&shapes, expression).unwrap();
        let (_, rest) = line.split_once(&format!("contract = \"{CONTRACT}\", ")).unwrap();
        rest.strip_suffix(" }").unwrap().to_owned()
    };
    let trades = find(&shapes, "trades[subject].kind").base;
    assert_eq!(
        said("trades[subject].legs[1].cost"),
        format!("slot = {trades}, path = [{{ key = \"subject\" }}, {{ words = 4 }}]")
    );
    assert_eq!(
        said("trades[subject].fills[3]"),
        format!(
            "slot = {trades}, path = [{{ key = \"subject\" }}, {{ words = 6 }}, \"elements\", {{ words = 1 }}], bits = \"128..256\""
        )
    );
    let far = format!("trades[subject].fills[{}]", u128::MAX);
    assert_eq!(
        line(&shapes, &far).unwrap_err(),
        format!("expected fewer than 2^63 words beyond a hash, got {}", u128::MAX / 2)
    );
}

/// Two thousand random paths: what a plan's fact says against the steps of the expression, hashed by alloy.
#[test]
fn random_paths_are_hashed_as_solidity_does() {
    let mut state = 1_u64;
    let mut random = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let subject = Address::repeat_byte(0x5a);
    let mut kinds = [0; 11];
    for round in 0..2000_u64 {
        let hashes = 1 + random(4);
        let mut steps = vec![Step::Key(Key::Subject)];
        for _ in 1..hashes {
            let words = [0, 0, 1, random(100), i64::MAX as u64][random(5) as usize];
            steps.extend((words > 0).then(|| Step::Plus(U256::from(words))));
            steps.push(match random(4) {
                0 => Step::Data,
                1 => Step::Key(Key::Subject),
                _ => Step::Key(Key::Word(keccak256(random(9).to_be_bytes()))),
            });
        }
        steps.extend((random(2) == 1).then(|| Step::Plus(U256::from(1 + random(9)))));
        let place = Place { base: U256::from(round).wrapping_sub(U256::from(1000)), steps, ..find(&shapes(), "last") };
        let line = source::line(&place, Some(CONTRACT.parse().unwrap())).unwrap();
        let plan = Plan::parse(&format!("[[feature]]\nname = \"x\"\n{line}\nmake = \"last\"")).unwrap();
        let fact = plan.resolve(subject.into(), 1).unwrap()[0].holds([0; 32]);
        assert_eq!(storage_slot(&fact), place.slot(Some(subject)).map(|slot| slot.0), "{line}");
        kinds[fact.kind as usize] += 1;
    }
    assert!(kinds[4] > 150 && kinds[5] > 30 && kinds[10] > 1000, "{kinds:?}");
}

#[test]
fn errors_name_the_character() {
    let (market, shapes) = (market(), shapes());
    for (layout, expression, expected) in [
        (
            &market,
            "positionOf[subject].colateral",
            "character 21: expected a name of struct LendingMarket.Position: collateral, debt, got colateral",
        ),
        (
            &market,
            "prices",
            "character 1: expected a name of the contract: price, totals, positionOf, recordOf, cashOf, got prices",
        ),
        (&market, "price.x", "character 7: expected nothing after the uint256, got x"),
        (&market, "price[1]", "character 7: expected nothing after the uint256, got [1]"),
        (
            &market,
            "positionOf.debt",
            "character 12: expected a [key] after the mapping(address => struct LendingMarket.Position), got debt",
        ),
        (
            &market,
            "positionOf[0x12].debt",
            "character 12: expected subject, or an address: 0x and 40 hex digits, got 0x12",
        ),
        (&market, "positionOf[subject", "character 12: expected a key and ']', got 'subject'"),
        (&market, "positionOf[]", "character 12: expected a key: an integer, 0x…, or subject, got ']'"),
        (&market, "price price", "character 7: expected '.', '[' or the end, got 'p'"),
        (&market, "", "character 1: expected the name of a variable, got the end"),
        (&market, "totals.", "character 8: expected the name of a member, got the end"),
        (
            &market,
            "totals",
            "character 1: expected a value of one word (a member of struct LendingMarket.Position: collateral, debt), got struct LendingMarket.Position",
        ),
        (&shapes, "small[5]", "character 7: expected an index below 5, got 5"),
        (&shapes, "legs[subject].size", "character 6: expected an index, 0 or more, got subject"),
        (&shapes, "legs.length.x", "character 13: expected the end after length, got more"),
        (&shapes, "signed[32768][true]", "character 8: expected an integer of int16, got 32768"),
        (
            &shapes,
            "signed[subject][true]",
            "character 8: expected a key of type int16 (subject is an address), got subject",
        ),
        (&shapes, "signed[1][2]", "character 11: expected true or false, got 2"),
        (
            &shapes,
            "trades[subject].byTag[0x0102].cost",
            "character 23: expected 0x and 8 hex digits (bytes4), got 0x0102",
        ),
    ] {
        assert_eq!(error(layout, expression), format!("{expression}: at {expected}"));
    }
    for expression in ["title", "tail", "title[0]", "title.length"] {
        let said = error(&shapes, expression);
        assert!(said.contains("has no word of its own, it shares one with its length"), "{said}");
    }
    assert!(error(&shapes, "named[7]").contains("string keys are hashed in their own length"));
}
