//! Every way to make a feature: the circuit against the executor on random words.

use super::{circuit::Word, *};
use crate::{
    facts,
    fixed::to_field,
    score::sheet::{Sheet, value},
};
use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use rand::{Rng, SeedableRng, rngs::StdRng};

const MAKES: [&str; 16] = [
    "last",
    "delta",
    "mean",
    "min",
    "max",
    "std",
    "z_score",
    "log2",
    "count",
    "age",
    "ratio\"\nover = \"f0",
    "ema\"\nalpha = 0.3\nblocks = { back = 10, every = 10 }\nneeds = \"newest",
    "count\"\nabove = 2.5\nneeds = \"oldest",
    "rank\"\nthresholds = [0.5, 1.0, 2.25, 1e6]\nneeds = \"newest",
    "z_score\"\nmissing = 3.0\nneeds = \"oldest",
    "age\"\nmissing = 0.0\nblocks = { back = 20, every = 5 }\nneeds = \"newest",
];

fn plan() -> Plan {
    plan_in(
        ["unit = \"ether\"", "decimals = 17", "unit = \"day\"", "unit = \"gwei\""],
        ["0..128", "0..128", "128..192", "0..200"],
    )
}

fn plan_in(units: [&str; 4], bits: [&str; 4]) -> Plan {
    let mut text = String::from("missing = -1.5\nblocks = { back = 30, every = 10 }\n");
    for (i, make) in MAKES.iter().enumerate() {
        let (unit, bits) = (units[i % 4], bits[i % 4]);
        text += &format!(
            "[[feature]]\nname = \"f{i}\"\nsource = {{ kind = \"slot\", contract = \"subject\", slot = {}, bits = \"{bits}\", \
             {unit} }}\nmake = \"{make}\"\n",
            i % 3
        );
    }
    Plan::parse(&text).unwrap()
}

fn word(rng: &mut StdRng) -> [u8; 32] {
    let mut word = [0; 32];
    let size = rng.gen_range(0..33);
    rng.fill(&mut word[32 - size..]);
    match rng.gen_range(0..6) {
        0 => [0; 32],
        1 => [0xff; 32],
        2 => std::array::from_fn(|i| if i == 31 { 1 } else { 0 }),
        _ => word,
    }
}

#[test]
fn every_make_equals_the_executor() {
    let plan = plan();
    let mut rng = StdRng::seed_from_u64(11);
    let mut same = word(&mut rng);
    for round in 0..300 {
        let words: Vec<[u8; 32]> = (0..plan.facts.len())
            .map(|_| {
                // windows of equal numbers are the rare case of deviations
                if round % 5 != 0 || rng.gen_range(0..20) == 0 {
                    same = word(&mut rng);
                }
                same
            })
            .collect();
        let expected = compute(&plan, &words).unwrap();
        let mut sheet = Sheet::default();
        let cells: Vec<Word> = words
            .iter()
            .map(|word| {
                let (top, low248) = facts::split(word);
                Word { top8: sheet.witness(Fr::from(u64::from(top))), low248: sheet.witness(low248) }
            })
            .collect();
        let got = circuit::constrain(&mut sheet, &plan, &cells);
        assert_eq!(sheet.violations(&[]), []);
        for ((cell, expected), feature) in got.iter().zip(expected).zip(&plan.features) {
            assert_eq!(value(cell), to_field(i128::from(expected)), "{}: {:?}", feature.name, feature.make);
            assert!(expected.abs() <= FEATURE_MAX);
        }
    }
}

/// The formulas in floating point, independently of the integers.
#[test]
fn every_make_is_near_its_formula() {
    let plan = plan();
    let ether = |v: f64| {
        let mut word = [0; 32];
        word[16..].copy_from_slice(&((v * 1e18) as u128).to_be_bytes());
        word
    };
    // by blocks back
    let numbers = [(0, 3.0), (5, 2.0), (10, 1.5), (15, 9.0), (20, 0.0), (30, 2.5)];
    let at = |back: u64| numbers.iter().find(|(b, _)| *b == back).unwrap().1;
    let words: Vec<[u8; 32]> = plan.facts.iter().map(|f| ether(at(f.back_blocks))).collect();
    let got: Vec<f64> = compute(&plan, &words).unwrap().into_iter().map(crate::fixed::to_real).collect();
    let check = |feature: usize, expected: f64| {
        assert!((got[feature] - expected).abs() < 5e-5, "f{feature}: {}, expected {expected}", got[feature]);
    };
    let window = [3.0, 1.5, 0.0, 2.5];
    let mean = window.iter().sum::<f64>() / 4.0;
    let std = (window.iter().map(|n| (n - mean) * (n - mean)).sum::<f64>() / 4.0).sqrt();
    check(0, 3.0);
    check(1, 5.0); // tenths of ether
    check(4, 3.0);
    check(5, 10.0 * std);
    check(8, 3.0);
    check(9, 30.0);
    check(12, 1.0);
    check(13, 3.0); // 30 tenths

    // all of them in ether, and nothing missing
    let plan = plan_in(["unit = \"ether\""; 4], ["0..128"; 4]);
    let window = [3.0, 1.5, 0.5, 2.5];
    let older = [(5, 2.0), (15, 9.0)];
    let at = |back: u64| older.iter().find(|(b, _)| *b == back).map_or_else(|| window[back as usize / 10], |(_, v)| *v);
    let words: Vec<[u8; 32]> = plan.facts.iter().map(|f| ether(at(f.back_blocks))).collect();
    let got: Vec<f64> = compute(&plan, &words).unwrap().into_iter().map(crate::fixed::to_real).collect();
    let mean = window.iter().sum::<f64>() / 4.0;
    let std = (window.iter().map(|n| (n - mean) * (n - mean)).sum::<f64>() / 4.0).sqrt();
    let z_score = (3.0 - mean) / std;
    // last delta mean min max std z_score log2, count age ratio ema count rank z_score age
    let expected =
        [3.0, 0.5, mean, 0.5, 3.0, std, z_score, 2.0, 4.0, 30.0, 1.0, 0.3 * 3.0 + 0.7 * 1.5, 1.0, 3.0, z_score, 20.0];
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert!((got - expected).abs() < 1e-4, "f{i}, {}: {got}, expected {expected}", MAKES[i]);
    }
}
