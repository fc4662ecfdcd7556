//! Plans that are read, and those that are refused, with their messages.

use super::*;
use crate::fixed;
use test_case::test_case;

const GOOD: &str = r#"
missing = -1.0
blocks = { back = 20, every = 10 }
[[feature]]
name = "a"
source = { kind = "mapping", contract = "0x00000000000000000000000000000000000000aa", slot = 2, key = "subject", bits = "0..128", decimals = 18 }
make = "mean"
[[feature]]
name = "b"
source = { kind = "mapping", contract = "0x00000000000000000000000000000000000000aa", slot = "0x02", key = "subject", bits = "128..256" }
make = "ratio"
over = "a"
[[feature]]
name = "c"
source = { kind = "header", field = "timestamp" }
make = "delta"
"#;

#[test]
fn reads_each_fact_once() {
    let plan = Plan::parse(GOOD).unwrap();
    assert_eq!(plan.facts.len(), 5); // the mapping at three blocks, the timestamp at two
    assert_eq!(plan.features[1].numbers[0].fact, 0);
    assert_eq!(plan.features[1].make, Make::Ratio { over: 0, missing: -fixed::ONE });
    let keys = plan.resolve([7; 20], 100).unwrap();
    assert_eq!(keys.iter().map(|k| k.block).collect::<Vec<_>>(), [100, 90, 80, 100, 80]);
    assert_eq!((keys[0].address[19], keys[0].slot[31], keys[0].key[12], keys[0].key[11]), (0xaa, 2, 7, 0));
    assert_eq!((keys[3].kind, keys[3].slot[31], keys[3].address), (FactKind::Header, 11, [0; 20]));
}

const COUNT: &str = r#"
[[feature]]
name = "transfers"
source = { kind = "log_count", contract = "0x00000000000000000000000000000000000000aa", event = "0xdd", topic = 1, key = "subject", span = 50 }
make = "last"
[[feature]]
name = "events"
source = { kind = "log_count", contract = "0x00000000000000000000000000000000000000aa", event = "0xdd" }
blocks = { back = 20, every = 10 }
make = "mean"
"#;

/// A plan of one word, at the end of `path`.
fn plan_of(path: &str) -> Result<Plan, String> {
    let source = format!("kind = \"path\", contract = \"0x{:040x}\", slot = 5, path = [{path}]", 7);
    let text = format!("[[feature]]\nname = \"x\"\nmake = \"last\"\nsource = {{ {source} }}");
    Plan::parse(&text).map_err(|error| error.to_string())
}

/// The word, as its fact.
fn path_of(path: &str) -> Result<FactTemplate, String> {
    plan_of(path).map(|plan| plan.facts[0])
}

#[test]
fn a_place_has_one_name() {
    let kind = |path| path_of(path).map(|fact| (fact.kind, fact.slot[31]));
    assert_eq!(kind(""), Ok((FactKind::Slot, 5)));
    assert_eq!(kind("{ words = 2 }"), Ok((FactKind::Slot, 7)));
    assert_eq!(kind("{ words = 2 }, { key = \"subject\" }"), Ok((FactKind::Mapping, 7)));
    assert_eq!(kind("{ key = \"subject\" }, { key = 1 }, { words = 0 }"), Ok((FactKind::Nested, 5)));
    assert_eq!(kind("{ key = \"subject\" }, { words = 1 }"), Ok((FactKind::Path, 5)));
    assert_eq!(path_of("\"elements\"").unwrap().slot, crate::digest::keccak256(&path_of("").unwrap().slot));
    let apart = path_of("{ key = 1 }, { words = 2 }, { words = 3 }, \"elements\"").unwrap();
    assert_eq!(path_of("{ key = 1 }, { words = 5 }, \"elements\"").unwrap(), apart);
}

#[test]
fn a_path_is_resolved_for_the_subject() {
    let steps = "{ key = \"subject\" }, { words = 4 }, { key = \"0xff\" }, \"elements\", { words = 9 }";
    let plan = plan_of(steps).unwrap();
    let path = plan.resolve([7; 20], 1).unwrap()[0].path;
    let steps: Vec<_> = path.steps().collect();
    assert_eq!(steps.iter().map(|step| step.over).collect::<Vec<_>>(), [0, 4, 0]);
    assert_eq!(
        (steps[0].key.unwrap()[12..].to_vec(), steps[1].key.unwrap()[31], steps[2].key),
        (vec![7; 20], 0xff, None)
    );
    assert_eq!(path.over(), 9);
}

#[test_case("{ key = 1 }, { key = 2 }, { key = 3 }, { key = 4 }, { key = 5 }", "path: expected at most 4 keys and \"elements\", got 5"; "five keys")]
#[test_case("{ key = \"0x\" }", "path: expected 0x and at most 64 hex digits"; "no digits")]
#[test_case("{ steps = 1 }", "expected a list of { key = … }, { words = … } and \"elements\""; "unknown step")]
#[test_case("{ words = -1 }", "expected a list of { key = … }, { words = … } and \"elements\""; "backwards")]
#[test_case("\"element\"", "expected a list of { key = … }, { words = … } and \"elements\""; "misspelt")]
fn refuses_a_path(path: &str, expected: &str) {
    let said = path_of(path).unwrap_err();
    assert!(said.contains(expected), "{said}");
}

#[test]
fn every_field_but_the_bloom_filter_has_a_name() {
    let index = |source: &str| {
        let text = format!("[[feature]]\nname = \"a\"\nmake = \"last\"\nsource = {{ {source}, bits = \"0..32\" }}\n");
        Plan::parse(&text).unwrap().resolve([7; 20], 1).unwrap()[0].slot[31]
    };
    let names = "parent_hash ommers_hash beneficiary state_root transactions_root receipts_root - difficulty number gas_limit gas_used timestamp \
        extra_data prev_randao nonce base_fee withdrawals_root blob_gas_used excess_blob_gas parent_beacon_block_root requests_hash";
    for (expected, name) in (0..).zip(names.split_whitespace()).filter(|(_, name)| *name != "-") {
        assert_eq!(index(&format!("kind = \"header\", field = \"{name}\"")), expected, "{name}");
    }
    for (expected, name) in (0..).zip(["nonce", "balance", "storage_root", "code_hash"]) {
        assert_eq!(index(&format!("kind = \"account\", contract = \"subject\", field = \"{name}\"")), expected);
    }
}

#[test]
fn counts_of_logs() {
    let plan = Plan::parse(COUNT).unwrap();
    assert_eq!(plan.window_blocks(), 49);
    let facts = plan.resolve([7; 20], 100).unwrap();
    assert_eq!(facts.iter().map(|fact| fact.block).collect::<Vec<_>>(), [100, 100, 90, 80]);
    let range = |fact: &FactKey| LogRange::of(&fact.slot).unwrap();
    assert_eq!(range(&facts[0]), LogRange { blocks: 50, topic: 1 });
    assert_eq!(range(&facts[1]), LogRange { blocks: 1, topic: 0 });
    assert_eq!((facts[0].key[31], facts[0].key2[12], facts[1].key2), (0xdd, 7, [0; 32]));
    assert!(plan.resolve([7; 20], 48).is_err());
}

#[test_case("topic = 1", "topic = 0", "feature transfers: topic: expected 1 to 3, got 0"; "the event as another topic")]
#[test_case("topic = 1, ", "", "feature transfers: key: expected no such entry for kind log_count, got one"; "a key without a topic")]
#[test_case("span = 50", "span = 0", "feature transfers: span: expected 1 to 2^40 - 1, got 0"; "no block")]
#[test_case("span = 50", "span = 1099511627776", "feature transfers: span: expected 1 to 2^40 - 1, got 1099511627776"; "too many blocks for a number")]
#[test_case("event = \"0xdd\", topic", "topic", "feature transfers: event: expected a word, got nothing"; "no event")]
fn refuses_counts(good: &str, bad: &str, expected: &str) {
    assert!(COUNT.contains(good));
    assert_eq!(Plan::parse(&COUNT.replacen(good, bad, 1)).unwrap_err().to_string(), expected);
}

#[test]
fn an_event_is_its_signature_or_its_hash() {
    let transfer = "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";
    let plan = Plan::parse(&COUNT.replacen("\"0xdd\"", "\"Transfer(address,address,uint256)\"", 1)).unwrap();
    assert_eq!(hex::encode(plan.resolve([7; 20], 100).unwrap()[0].key), transfer);
    let error = Plan::parse(&COUNT.replacen("\"0xdd\"", "\"Transfer(address indexed from)\"", 1)).unwrap_err();
    let expected = "feature transfers: event: expected a signature without spaces, names and `indexed`, as \
                    Transfer(address,address,uint256), got Transfer(address indexed from)";
    assert_eq!(error.to_string(), expected);
}

const ENTRIES: &str = r#"
[[feature]]
name = "gas"
source = { kind = "receipt", transaction = 3, field = "cumulative_gas" }
make = "last"
[[feature]]
name = "amount"
source = { kind = "log", transaction = 300, log = 2, word = 1, bits = "0..128", decimals = 18 }
make = "last"
[[feature]]
name = "who"
source = { kind = "log", transaction = 300, log = 2, field = "topic1" }
make = "last"
[[feature]]
name = "value"
source = { kind = "transaction", transaction = 0, field = "value", unit = "ether" }
blocks = { back = 10, every = 10 }
make = "delta"
"#;

#[test]
fn fields_of_receipts_logs_and_transactions() {
    let facts = Plan::parse(ENTRIES).unwrap().resolve([7; 20], 100).unwrap();
    let number = |word: &[u8; 32]| crate::evidence::number(word);
    let read: Vec<_> =
        facts.iter().map(|f| (f.kind, f.block, number(&f.slot), number(&f.key), number(&f.key2))).collect();
    use FactKind::{Log, Receipt, Transaction};
    let expected = [
        (Receipt, 100, 1, 3, 0),
        (Log, 100, 17, 300, 2),
        (Log, 100, 2, 300, 2),
        (Transaction, 100, 3, 0, 0),
        (Transaction, 90, 3, 0, 0),
    ];
    assert_eq!(read, expected);
    assert!(facts.iter().all(|fact| fact.address == [0; 20]));
}

#[test_case("transaction = 3, ", "", "feature gas: transaction: expected a position below 65536, counted from 0, got nothing"; "no transaction")]
#[test_case("transaction = 3", "transaction = 65536", "feature gas: transaction: expected a position below 65536, counted from 0, got 65536"; "no such transaction")]
#[test_case("\"cumulative_gas\"", "\"gas_used\"", "feature gas: field: expected one of status, cumulative_gas, logs, type, got gas_used"; "unknown field")]
#[test_case("field = \"cumulative_gas\"", "word = 1", "feature gas: word: expected no such entry for kind receipt, got one"; "a receipt has no data")]
#[test_case("transaction = 3", "transaction = 3, log = 1", "feature gas: log: expected no such entry for kind receipt, got one"; "a log of a receipt")]
#[test_case("word = 1", "word = 1, field = \"topics\"", "feature amount: field: expected a field or a word, not both, got topics"; "both")]
#[test_case("word = 1", "word = 2047", "feature amount: word: expected a word below 2047, got 2047"; "beyond every entry")]
#[test_case("log = 2, ", "", "feature amount: log: expected a position below 65536, counted from 0, got nothing"; "no log")]
fn refuses_entries(good: &str, bad: &str, expected: &str) {
    assert!(ENTRIES.contains(good));
    assert_eq!(Plan::parse(&ENTRIES.replacen(good, bad, 1)).unwrap_err().to_string(), expected);
}

#[test]
fn a_block_before_the_window_is_named() {
    let error = Plan::parse(GOOD).unwrap().resolve([7; 20], 19).unwrap_err();
    assert_eq!(error.to_string(), "block 19 is before the plan's window: expected at least block 20");
    let error = Plan::parse(GOOD).unwrap().resolve([7; 20], 1 << 40).unwrap_err();
    assert_eq!(error.to_string(), "block 1099511627776: expected a block below 2^40");
}

#[test_case("0..128\"", "5..5\"", "feature a: bits: expected \"low..high\" with low < high <= 256, got 5..5"; "empty bit field")]
#[test_case("0..128\"", "0..257\"", "feature a: bits: expected \"low..high\" with low < high <= 256, got 0..257"; "bits outside the word")]
#[test_case("decimals = 18", "decimals = 37", "feature a: decimals: expected at most 36, got 37"; "too many decimals")]
#[test_case("\"mean\"", "\"median\"", "feature a: make: expected last, delta, mean, min, max, ratio, std, z_score, ema, log2, count, age or rank, got median"; "unknown make")]
#[test_case("over = \"a\"", "over = \"c\"", "feature b: over: expected the name of an earlier feature, got c"; "later denominator")]
#[test_case("\"timestamp\"", "\"stateRoot\"", "feature c: field: expected one of parent_hash, ommers_hash, beneficiary, state_root, transactions_root, receipts_root, difficulty, number, gas_limit, gas_used, timestamp, extra_data, prev_randao, nonce, base_fee, withdrawals_root, blob_gas_used, excess_blob_gas, parent_beacon_block_root, requests_hash, got stateRoot"; "field without a number")]
#[test_case("back = 20", "back = 21", "feature a: blocks: expected back to be a multiple of every, below 2^40, got { back = 21, every = 10 }"; "uneven window")]
#[test_case("every = 10", "every = 0", "feature a: blocks: expected back to be a multiple of every, below 2^40, got { back = 20, every = 0 }"; "standing window")]
#[test_case("back = 20, every = 10", "back = 50, every = 1", "feature a: blocks: expected at most 48 blocks, got 51"; "too many blocks")]
#[test_case("field = \"timestamp\"", "field = \"timestamp\", slot = 1", "feature c: slot: expected no such entry for kind header, got one"; "superfluous slot")]
#[test_case("decimals = 18", "unit = \"inch\"", "feature a: unit: expected one of wei, gwei, ether, percent, bps, second, minute, hour, day, week, got inch"; "unknown unit")]
#[test_case("decimals = 18", "decimals = 18, unit = \"ether\"", "feature a: unit: expected decimals or a unit, got ether and decimals"; "two units")]
#[test_case("\"mean\"", "\"ema\"", "feature a: alpha: expected a number between 0 and 1, got nothing"; "no weight")]
#[test_case("\"mean\"", "\"ema\"\nalpha = 1.5", "feature a: alpha: expected a number between 0 and 1, got 1.5"; "weight above one")]
#[test_case("\"mean\"", "\"mean\"\nalpha = 0.5", "feature a: alpha: expected no such entry for make mean, got one"; "superfluous weight")]
#[test_case("\"mean\"", "\"rank\"\nthresholds = [2.0, 1.0]", "feature a: thresholds: expected 1 to 64 rising numbers, got [2.0, 1.0]"; "falling thresholds")]
#[test_case("\"mean\"", "\"rank\"\nthresholds = [0.0]", "feature a: thresholds: expected numbers from 0 to 2^36, thresholds above 0, got 0"; "threshold that is always reached")]
#[test_case("\"mean\"", "\"std\"\nblocks = { back = 0, every = 1 }", "feature a: blocks: expected a window of at least two blocks, got one block"; "deviation of one number")]
#[test_case("\"mean\"", "\"last\"\nneeds = \"oldest\"", "feature a: needs: expected newest, as only the newest number is read, got oldest"; "oldest of one")]
#[test_case("\"mean\"", "\"mean\"\nneeds = \"all\"", "feature a: needs: expected oldest or newest, got all"; "unknown need")]
#[test_case("-1.0", "1e12", "feature a: missing: expected a number between -2^36 and 2^36, got 1000000000000"; "missing too large")]
#[test_case("name = \"c\"", "name = \"a\"", "feature a: name: expected a name used once, got a second one"; "name used twice")]
#[test_case("0x00000000000000000000000000000000000000aa\", slot = 2", "0xaa\", slot = 2", "feature a: contract: expected \"subject\" or 0x and 40 hex digits, got 0xaa"; "short address")]
fn refuses(from: &str, to: &str, message: &str) {
    assert!(GOOD.contains(from));
    let error = Plan::parse(&GOOD.replacen(from, to, 1)).unwrap_err();
    assert_eq!(error.to_string(), message);
}

#[test]
fn refuses_unknown_entries_and_too_many_facts() {
    assert!(matches!(Plan::parse("colour = 1"), Err(PlanError::Toml(_))));
    assert_eq!(Plan::parse("").unwrap_err().to_string(), "plan has 0 features: expected 1 to 64");
    let mut text = String::from("blocks = { back = 30, every = 1 }");
    for i in 0..2 {
        text += &format!(
            "\n[[feature]]\nname = \"f{i}\"\nmake = \"max\"\nsource = {{ kind = \"slot\", contract = \"subject\", slot = {i} }}"
        );
    }
    let message = "plan reads 62 different facts: expected at most 48; read fewer blocks or share sources";
    assert_eq!(Plan::parse(&text).unwrap_err().to_string(), message);
}

const PRIVATE: &str = r#"
disclose = { above = 0.1 }
private = { bits = 40, inputs = [{ name = "income", decimals = 3 }, { name = "job", unit = "day" }] }
"#;

#[test]
fn private_inputs_have_names_and_units() {
    let plan = Plan::parse(PRIVATE).unwrap();
    assert_eq!(plan.private, Private { count: 2, bits: 40 });
    assert_eq!((plan.names(), plan.width()), (vec!["income".into(), "job".into()], 2));
    assert_eq!(plan.private_inputs.iter().map(|input| input.divisor).collect::<Vec<_>>(), [1_000, 86_400]);
    let row = Plan::parse("private = { name = \"x\", count = 3, decimals = 1 }").unwrap();
    assert_eq!((row.names(), row.private.bits), (vec!["x0".into(), "x1".into(), "x2".into()], PRIVATE_BITS));
    assert_eq!(row.private_inputs[2].divisor, 10);
}

#[test_case("job", "income", "feature income: name: expected a name used once, got none, or a second one"; "name used twice")]
#[test_case("job", "", "feature : name: expected a name used once, got none, or a second one"; "no name")]
#[test_case("bits = 40", "bits = 53", "feature private: bits: expected 2 to 52, got 53"; "too many bits")]
#[test_case("bits = 40", "count = 2", "feature private: count: expected no such entry beside inputs, got one"; "count beside inputs")]
#[test_case("bits = 40", "name = \"x\"", "feature x: inputs: expected inputs, or name and count, got both"; "name beside inputs")]
#[test_case("decimals = 3", "decimals = 37", "feature income: decimals: expected at most 36, got 37"; "too many decimals of an input")]
#[test_case("above = 0.1", "above = 0.1, below = 0.2", "feature disclose: above: expected above or below, got both"; "two thresholds")]
#[test_case("above = 0.1", "output = 1", "feature disclose: above: expected above or below, got neither"; "no threshold")]
#[test_case("above = 0.1", "below = 1e11", "feature disclose: below: expected a number between -2^36 and 2^36, got 100000000000"; "threshold too large")]
#[test_case("above = 0.1", "above = nan", "feature disclose: above: expected a number between -2^36 and 2^36, got NaN"; "no number")]
fn refuses_private_inputs_and_thresholds(good: &str, bad: &str, expected: &str) {
    assert!(PRIVATE.contains(good));
    assert_eq!(Plan::parse(&PRIVATE.replacen(good, bad, 1)).unwrap_err().to_string(), expected);
}

/// 0.1 is between the multiples 6553 and 6554 of `2^-16`; 0.5 is one.
#[test_case("above = 0.1", true, 6_553)]
#[test_case("below = 0.1", false, 6_554)]
#[test_case("above = 0.5", true, 32_768)]
#[test_case("below = 0.5", false, 32_768)]
#[test_case("above = -0.1", true, -6_554)]
fn thresholds_are_rounded_so_that_the_comparison_is_exact(entry: &str, above: bool, bound: i64) {
    let plan = Plan::parse(&PRIVATE.replacen("above = 0.1", entry, 1)).unwrap();
    let disclose = plan.disclose.unwrap();
    assert_eq!(disclose, Disclose { output: 0, above, bound });
    for y in bound - 2..=bound + 2 {
        let real: f64 = entry.rsplit(' ').next().unwrap().parse().unwrap();
        let holds = if above { fixed::to_real(y) > real } else { fixed::to_real(y) < real };
        assert_eq!(disclose.run(&[y]), Ok(if holds { fixed::ONE } else { 0 }), "{y}");
    }
}
