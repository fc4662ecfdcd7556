//! Whether the verifiers on a chain are those that this program makes from its keys: the code byte for byte, and the lengths beside it.

use super::contracts::{HistoryRoots, HistoryVerifier, ModelRegistry, ScoreVerifier};
use alloy::primitives::{Address, U256};
use alloy::providers::{DynProvider, Provider};
use vouch_prover::evm::Passport;

/// What is the same, or what differs.
type Found = Result<String, String>;

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Compares each verifier of the `HistoryRoots` contract at `roots` with the passport that `find` gives for its class.
///
/// # Errors
/// Why the contract could not be asked.
pub async fn compare_histories(
    provider: &DynProvider,
    roots: Address,
    find: &dyn Fn(usize) -> Result<Passport, String>,
) -> Result<Vec<Found>, String> {
    let roots = HistoryRoots::new(roots, provider);
    let count = roots.classCount().call().await.map_err(text)?.saturating_to::<usize>();
    let mut all = Vec::new();
    for class in 0..count {
        let adapter = roots.verifierOf(U256::from(class)).call().await.map_err(text)?;
        all.push(match find(class) {
            Ok(passport) => history(provider, adapter, &passport).await,
            Err(why) => Ok(format!("class {class} at {adapter} is not compared: {why}")),
        });
    }
    Ok(all)
}

/// Compares the verifier that the `ModelRegistry` contract at `registry` has for the class of each of `passports`.
///
/// # Errors
/// Why the contract could not be asked.
pub async fn compare_scores(
    provider: &DynProvider,
    registry: Address,
    passports: &[Passport],
) -> Result<Vec<Found>, String> {
    let registry = ModelRegistry::new(registry, provider);
    let mut all = Vec::new();
    for passport in passports {
        let Some(class) = passport.class_id else { continue };
        let adapter = registry.verifierOf(class).call().await.map_err(text)?;
        all.push(match adapter {
            Address::ZERO => Err(format!(
                "{}: the registry knows no class {class}: other circuits, or another reference string",
                passport.circuit
            )),
            adapter => score(provider, adapter, passport).await,
        });
    }
    Ok(all)
}

async fn history(provider: &DynProvider, adapter: Address, passport: &Passport) -> Found {
    let contract = HistoryVerifier::new(adapter, provider);
    let lengths = [
        ("public inputs", contract.instanceCount().call().await.map_err(text)?, Some(passport.num_instances)),
        ("bytes of a proof", contract.proofBytes().call().await.map_err(text)?, Some(passport.proof_bytes)),
    ];
    compare(provider, adapter, contract.generated().call().await.map_err(text)?, passport, &lengths).await
}

async fn score(provider: &DynProvider, adapter: Address, passport: &Passport) -> Found {
    let contract = ScoreVerifier::new(adapter, provider);
    let lengths = [
        ("public inputs", contract.instanceCount().call().await.map_err(text)?, Some(passport.num_instances)),
        ("bytes of a proof", contract.proofBytes().call().await.map_err(text)?, Some(passport.proof_bytes)),
        ("structure points", contract.structurePoints().call().await.map_err(text)?, passport.structure_points),
        ("weight points", contract.weightPoints().call().await.map_err(text)?, passport.weight_points),
    ];
    compare(provider, adapter, contract.generated().call().await.map_err(text)?, passport, &lengths).await
}

/// Lengths and the generated code behind an adapter.
async fn compare(
    provider: &DynProvider,
    adapter: Address,
    generated: Address,
    passport: &Passport,
    lengths: &[(&str, U256, Option<usize>)],
) -> Found {
    let name = &passport.circuit;
    for (what, got, expected) in lengths {
        let expected = expected.unwrap_or_default();
        if *got != U256::from(expected) {
            return Err(format!("{name} at {adapter}: expected {expected} {what}, got {got}"));
        }
    }
    let got = provider.get_code_at(generated).await.map_err(text)?;
    let expected = passport.runtime_code().map_err(text)?;
    match got.as_ref() == expected.as_slice() {
        true => Ok(format!("{name} at {generated}: {} bytes of code, as this program makes them", got.len())),
        false => Err(format!(
            "{name} at {generated}: its {} bytes of code are not the {} that this program makes: other circuits, another reference string, \
             or not to be trusted",
            got.len(),
            expected.len()
        )),
    }
}
