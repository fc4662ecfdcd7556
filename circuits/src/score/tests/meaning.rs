//! What private inputs are called and divided by is in the structure, since nothing else says it of a commitment.

use super::*;

fn of(inputs: &str) -> Vec<Vec<halo2_base::halo2_proofs::dev::CellValue<Fr>>> {
    let plan = Arc::new(Plan::parse(&format!("private = {{ bits = 30, inputs = [{inputs}] }}")).unwrap());
    let mut model = random(&mut StdRng::seed_from_u64(2), &[2, 1], Activation::Identity);
    model.private = plan.private;
    fixed(&ScoreCircuit::keygen(Arc::new(model.sized().unwrap()), plan).unwrap())
}

#[test]
fn another_name_or_unit_is_another_structure() {
    let income = of("{ name = \"income\", decimals = 4 }, { name = \"rent\", unit = \"percent\" }");
    assert_eq!(
        income,
        of("{ name = \"income\", decimals = 4 }, { name = \"rent\", decimals = 2 }"),
        "the same divisor"
    );
    for other in [
        "{ name = \"income\", decimals = 4 }, { name = \"rent\", decimals = 3 }",
        "{ name = \"income\", decimals = 4 }, { name = \"rents\", unit = \"percent\" }",
        "{ name = \"rent\", decimals = 4 }, { name = \"income\", unit = \"percent\" }",
    ] {
        assert_ne!(income, of(other), "{other}");
    }
}
