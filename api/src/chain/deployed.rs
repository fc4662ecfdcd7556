//! Whether the verifiers on a chain are those that this program makes from its keys: the code byte for byte, and the lengths beside it.

use super::contracts::{HistoryRoots, HistoryVerifier};
use alloy::primitives::{Address, U256};
use alloy::providers::{DynProvider, Provider};
use vouch_prover::evm::Passport;

/// Compares each verifier of the `HistoryRoots` contract at `roots` with the passport that `find` gives for its class: what is the same, or
/// what differs.
///
/// # Errors
/// Why the contract could not be asked.
pub async fn compare(
    provider: &DynProvider,
    roots: Address,
    find: &dyn Fn(usize) -> Result<Passport, String>,
) -> Result<Vec<Result<String, String>>, String> {
    let text = |e: alloy::contract::Error| e.to_string();
    let roots = HistoryRoots::new(roots, provider);
    let count = roots.classCount().call().await.map_err(text)?.saturating_to::<usize>();
    let mut all = Vec::new();
    for class in 0..count {
        let adapter = roots.verifierOf(U256::from(class)).call().await.map_err(text)?;
        all.push(match find(class) {
            Ok(passport) => compare_one(provider, adapter, &passport).await,
            Err(why) => Ok(format!("class {class} at {adapter} is not compared: {why}")),
        });
    }
    Ok(all)
}

async fn compare_one(provider: &DynProvider, adapter: Address, passport: &Passport) -> Result<String, String> {
    let text = |e: alloy::contract::Error| e.to_string();
    let name = &passport.circuit;
    let contract = HistoryVerifier::new(adapter, provider);
    let generated = contract.generated().call().await.map_err(text)?;
    let lengths = [
        ("public inputs", contract.instanceCount().call().await.map_err(text)?, passport.num_instances),
        ("bytes of a proof", contract.proofBytes().call().await.map_err(text)?, passport.proof_bytes),
    ];
    for (what, got, expected) in lengths {
        if got != U256::from(expected) {
            return Err(format!("{name} at {adapter}: expected {expected} {what}, got {got}"));
        }
    }
    let got = provider.get_code_at(generated).await.map_err(|e| e.to_string())?;
    let expected = passport.runtime_code().map_err(|e| e.to_string())?;
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
