//! What is committed before which challenge, and what a prover could claim who knew a challenge before.

use super::*;
use halo2_base::halo2_proofs::{
    dev::AdviceCellValue,
    halo2curves::bn256::{Bn256, G1Affine},
    plonk::{create_proof, keygen_pk, keygen_vk, verify_proof},
    poly::kzg::{
        commitment::{KZGCommitmentScheme, ParamsKZG},
        multiopen::{ProverSHPLONK, VerifierSHPLONK},
        strategy::SingleStrategy,
    },
    transcript::{Blake2bRead, Blake2bWrite, Challenge255, TranscriptReadBuffer, TranscriptWriterBuffer},
};

#[test]
fn witnesses_come_before_the_challenges_and_sums_after() {
    let mut meta = ConstraintSystem::default();
    let config = ScoreConfig::configure(&mut meta, CLASSES[0]);
    assert!(config.state.iter().chain([&config.factor]).all(|column| column.column_type().phase() == 0));
    assert!([config.sum, config.product].iter().all(|column| column.column_type().phase() == 1));
    // drawn when the columns of phase 0 are committed
    assert!([config.alpha, config.rho].iter().all(|challenge| challenge.phase() == 0));
}

/// `[1; 0; 5] x + [0, 0, 1]` of one input: the product's column has 1, ρ and ρ² in it.
fn product(lies: [Fr; 3]) -> Bare {
    let mut sheet = Sheet::default();
    let x = sheet.witness(Fr::ZERO);
    let outputs = [0, 0, 1].map(Fr::from).into_iter().zip(lies).map(|(y, lie)| sheet.witness(y + lie)).collect();
    let weights = [1, 0, 5].map(|w| vec![Fr::from(w)]).into();
    let bias = [0, 0, 1].map(Fr::from).into();
    sheet.products.push(sheet::Product { inputs: vec![x], outputs, weights, bias });
    Bare(sheet, CLASSES[0])
}

fn is_proven(circuit: &Bare) -> bool {
    let params = ParamsKZG::<Bn256>::setup(circuit.1.k, StdRng::seed_from_u64(7));
    let vk = keygen_vk(&params, circuit).expect("a key");
    let pk = keygen_pk(&params, vk, circuit).expect("a key");
    let mut transcript = Blake2bWrite::<_, G1Affine, Challenge255<_>>::init(vec![]);
    create_proof::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<_>, _, _, _, _>(
        &params,
        &pk,
        std::slice::from_ref(circuit),
        &[&[&[]]],
        StdRng::seed_from_u64(8),
        &mut transcript,
    )
    .expect("a proof");
    let proof = transcript.finalize();
    let mut transcript = Blake2bRead::<_, G1Affine, Challenge255<_>>::init(&proof[..]);
    verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<_>, _, _, _>(
        &params,
        pk.get_vk(),
        SingleStrategy::new(&params),
        &[&[&[]]],
        &mut transcript,
    )
    .is_ok()
}

/// The mock prover draws the same challenges for every witness, so they are known before it is chosen; a real transcript does not.
#[test]
fn who_knows_the_challenge_before_can_claim_a_wrong_product() {
    let honest = product([Fr::ZERO; 3]);
    let mock = MockProver::run(honest.1.k, &honest, vec![vec![]]).unwrap();
    mock.assert_satisfied();
    let mut meta = ConstraintSystem::default();
    let config = ScoreConfig::configure(&mut meta, honest.1);
    let column: Vec<Fr> = mock
        .advice_values(config.product)
        .iter()
        .filter_map(|cell| match cell {
            AdviceCellValue::Assigned(v) => Some(v.evaluate()),
            _ => None,
        })
        .filter(|v| ![Fr::ZERO, Fr::ONE].contains(v))
        .collect();
    let rho = column.iter().find(|v| column.contains(&v.square())).expect("the challenge and its square");
    let forged = product([-*rho, Fr::ONE, Fr::ZERO]);
    assert!(!forged.0.violations(&[]).is_empty());
    MockProver::run(forged.1.k, &forged, vec![vec![]]).unwrap().assert_satisfied();
    assert!(is_proven(&honest));
    assert!(!is_proven(&forged));
}
