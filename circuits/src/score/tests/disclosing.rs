//! One comparison is public instead of the outputs.

use super::*;
use crate::plan::Disclose;

/// The same circuit with one comparison of output 5 public.
fn disclosing(above: bool, bound: i64) -> ScoreCircuit {
    let mut circuit = private_circuit();
    let trees = trees(&circuit.plan);
    let mut plan = (*circuit.plan).clone();
    plan.disclose = Some(Disclose { output: 5, above, bound });
    let (roots, openings) = open(&plan, SUBJECT, AS_OF, &trees).unwrap();
    circuit.plan = Arc::new(plan);
    ScoreCircuit::new(circuit.model, circuit.plan, &request(), &roots, &openings, &circuit.secret).unwrap()
}

#[test]
fn only_the_comparison_is_public() {
    let open = private_circuit();
    let (_, outputs) = {
        let words = open.plan.resolve(SUBJECT, AS_OF).unwrap();
        let all: Vec<Fact> = trees(&open.plan).into_iter().flat_map(|(_, facts)| facts).collect();
        let word = |key: &crate::facts::FactKey| all.iter().find(|f| f.place() == *key).unwrap().value;
        let words: Vec<_> = words.iter().map(word).collect();
        evaluate(&open.model, &open.plan, &words, &open.secret.values).unwrap()
    };
    let y = outputs[5];
    for (above, bound, holds) in [(true, y - 1, true), (true, y, false), (false, y + 1, true), (false, y, false)] {
        let circuit = disclosing(above, bound);
        let mut instances = circuit.instances().to_fields();
        let one = Fr::from(u64::from(holds) * ONE as u64);
        assert_eq!(instances[8..12], [one, Fr::ZERO, Fr::ZERO, Fr::ZERO]);
        assert_eq!(instances[13], Fr::ZERO, "a digest of the outputs would confirm guesses");
        assert!(!instances.contains(&to_field(y.into())));
        assert_eq!(circuit.sheet().violations(&instances), []);
        // the other answer
        instances[8] = Fr::from(ONE as u64) - one;
        assert_eq!(circuit.sheet().violations(&instances), [Violation::Instance(8)]);
    }
    let circuit = disclosing(true, y);
    let instances = circuit.instances().to_fields();
    MockProver::run(circuit.class.k, &circuit, vec![instances]).unwrap().assert_satisfied();
    let mut plan = (*circuit.plan).clone();
    plan.disclose = Some(Disclose { output: 6, above: true, bound: 0 });
    let said = ScoreCircuit::keygen(circuit.model, Arc::new(plan)).unwrap_err().to_string();
    assert_eq!(said, "the plan discloses output 6: the model has 6, counted from 0");
}

/// The threshold is structure: a fixed column that is no weight column differs.
#[test]
fn thresholds_are_constants_of_the_circuit() {
    let constants = |bound| {
        let circuit = disclosing(true, bound);
        let sheet = circuit.sheet();
        let copies = sheet.ctx.copy_manager.lock().unwrap();
        copies.constant_equalities.iter().map(|(constant, _)| *constant).collect::<Vec<_>>()
    };
    let (one, other) = (constants(7_001), constants(7_002));
    let changed: Vec<_> = one.iter().zip(&other).filter(|(a, b)| a != b).collect();
    assert_eq!(changed, [(&Fr::from(7_001), &Fr::from(7_002))]);
}
