//! Plans: what is accepted is written and read back, and resolves and computes on anything.

use super::damaged;
use proptest::prelude::*;
use vouch_circuits::features;
use vouch_circuits::plan::{MAX_FACTS, MAX_FEATURES, Plan};

/// A plan with a source of each kind, a feature of each make, private inputs and a disclosure.
const PLAN: &str = r#"
missing = -1.5
blocks = { back = 30, every = 10 }
private = { bits = 30, inputs = [ { name = "income", decimals = 4 } , { name = "rent", unit = "percent" } ] }
disclose = { output = 0 , above = 0.5 }
[[feature]]
name = "a"
source = { kind = "mapping" , contract = "0xaa000000000000000000000000000000000000aa" , slot = 2 , key = "subject" , bits = "0..128" , decimals = 18 }
make = "mean"
[[feature]]
name = "b"
source = { kind = "account" , contract = "subject" , field = "balance" , unit = "ether" }
make = "ratio"
over = "a"
[[feature]]
name = "c"
source = { kind = "header" , field = "timestamp" }
make = "delta"
needs = "oldest"
[[feature]]
name = "d"
source = { kind = "nested" , contract = "subject" , slot = "0xff01" , key = "subject" , key2 = 7 , bits = "0..64" }
make = "ema"
alpha = 0.3
[[feature]]
name = "e"
source = { kind = "path" , contract = "subject" , slot = 5 , path = [ { key = "subject" } , { words = 2 } , "elements" , { words = 3 } ] , decimals = 9 }
make = "count"
above = 2.5
[[feature]]
name = "f"
source = { kind = "log_count" , contract = "subject" , event = "0xdd" , topic = 1 , key = "subject" , span = 8 }
make = "rank"
thresholds = [ 0.5 , 1.0 , 1e6 ]
needs = "newest"
[[feature]]
name = "g"
source = { kind = "log" , transaction = 300 , log = 2 , word = 1 , bits = "0..128" , decimals = 18 }
make = "age"
[[feature]]
name = "h"
source = { kind = "transaction" , transaction = 0 , field = "value" , unit = "ether" }
make = "z_score"
blocks = { back = 10 , every = 10 }
[[feature]]
name = "i"
source = { kind = "receipt" , transaction = 3 , field = "cumulative_gas" }
make = "log2"
"#;

/// The plan with words of it exchanged, put in or left out, and single characters damaged.
fn plan() -> impl Strategy<Value = String> {
    const WORDS: [&str; 24] = [
        "-1",
        "0",
        "1",
        "256",
        "1099511627776",
        "18446744073709551615",
        "9223372036854775807",
        "1e308",
        "-1e308",
        "nan",
        "inf",
        "0.0",
        "\"\"",
        "\"0x\"",
        "\"0..256\"",
        "\"255..256\"",
        "\"8..4\"",
        "\"subject\"",
        "\"elements\"",
        "[]",
        "{}",
        "\"path\"",
        "\"std\"",
        "\"min\"",
    ];
    let words: Vec<&str> = PLAN.split_inclusive([' ', '\n']).collect();
    let count = words.len();
    let edits = prop::collection::vec((0..count, 0..count, prop::sample::select(WORDS.to_vec()), 0..6u8), 0..4);
    let text = edits.prop_map(move |edits| {
        let mut words: Vec<String> = words.iter().map(|word| word.to_string()).collect();
        for (at, other, word, what) in edits {
            match what {
                0 => words[at] = words[other].clone(),
                1 => words[at].clear(),
                2 => words.swap(at, other),
                _ => words[at] = format!("{word} "),
            }
        }
        words.concat().into_bytes()
    });
    let damaged = prop_oneof![3 => text.boxed(), 1 => damaged(Just(PLAN.as_bytes().to_vec())).boxed()];
    damaged.prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn plan_is_read_back(text in plan()) {
        if let Ok(plan) = Plan::parse(&text) {
            let written = serde_json::to_string(&plan).expect("a plan is written");
            prop_assert_eq!(&serde_json::from_str::<Plan>(&written).expect("and read"), &plan);
            prop_assert!(plan.facts.len() <= MAX_FACTS && plan.features.len() <= MAX_FEATURES);
            for number in plan.features.iter().flat_map(|feature| &feature.numbers) {
                prop_assert!(number.fact < plan.facts.len() && number.low < number.high && number.high <= 256 && number.divisor > 0);
            }
            for block in [0, 1 << 20, (1 << 40) - 1, u64::MAX] {
                let _ = plan.resolve([7; 20], block);
            }
            for word in [[0; 32], [0xff; 32]] {
                let got = features::compute(&plan, &vec![word; plan.facts.len()]);
                prop_assert_eq!(got.map(|numbers| numbers.len() + plan.private.count), Some(plan.width()));
            }
        }
    }
}

#[test]
fn the_damaged_plan_is_sound_before() {
    let plan = Plan::parse(PLAN).expect("a plan");
    assert_eq!((plan.features.len(), plan.private.count), (9, 2));
}
