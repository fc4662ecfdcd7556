//! Proofs as calldata: what to send where, ready for any wallet.

use super::contracts::{Addresses, Anchor, Claim, ModelRegistry, Vouch};
use alloy::primitives::{Address, B256, Bytes, U256};
use alloy::sol_types::SolCall;
use serde::Serialize;
use utoipa::ToSchema;
use vouch_prover::engine::HistoryProof;
use vouch_prover::queue::Served;

/// One transaction: a contract and its calldata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Call {
    /// The contract.
    #[schema(value_type = String)]
    pub to: Address,
    /// The calldata.
    #[schema(value_type = String)]
    pub data: Bytes,
}

/// Ready-made transactions for a proven score.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Calldata {
    /// What has to be sent before, in this order: the contracts do not know an old anchor yet.
    pub prepare: Vec<Call>,
    /// `HistoryRoots.post` for the first root that is not posted yet, if the contract is known.
    pub post: Option<Call>,
    /// The same for each root that is not posted yet: a long history has up to four.
    pub posts: Vec<Call>,
    /// `Vouch.submit`: puts the score on record. None of private inputs, which it refuses.
    pub submit: Option<Call>,
    /// `Vouch.check`: reverts unless the proof holds, for contracts that know the commitment to the private inputs.
    pub check: Option<Call>,
    /// `Vouch.fulfil`: answers the request this query came from.
    pub fulfil: Option<Call>,
    /// `Vouch.multicall` of posts and submit, or of posts and fulfil for a request: everything in one transaction. None where there is
    /// neither.
    pub multicall: Option<Call>,
}

/// `ModelRegistry.register` of a key, without a text about it.
pub fn register(class: B256, key: Bytes) -> Bytes {
    ModelRegistry::registerCall { classId: class, key, uri: String::new() }.abi_encode().into()
}

/// The claim that the score proof is about.
pub fn claim(served: &Served) -> Claim {
    let outputs = served.score.proof.outputs.map(i128::from);
    let roots = served.score.proof.roots.map(|r| U256::from_be_bytes(r.0));
    let [inputs, digest] = [served.score.proof.inputs, served.score.proof.digest].map(|w| U256::from_be_bytes(w.0));
    Claim { outputs, roots, payee: served.score.task.payee, inputs, digest }
}

/// Calldata of every call that applies. A root that is known to be posted is left out of `post` and `multicall`.
pub fn calldata(served: &Served, addresses: Addresses, posted: &[bool]) -> Calldata {
    let is_open = |i: usize| !posted.get(i).copied().unwrap_or(false);
    let posts: Vec<Bytes> =
        served.histories.iter().enumerate().filter(|(i, _)| is_open(*i)).map(|(_, h)| post(h)).collect();
    let task = &served.score.task;
    let proof = served.score.proof.proof.clone();
    let submit = Vouch::submitCall {
        modelId: task.model,
        subject: task.subject,
        asOf: task.as_of,
        claim: claim(served),
        proof: proof.clone(),
    };
    let is_private = served.job.query.inputs.is_some();
    let submit = (!is_private).then(|| Bytes::from(submit.abi_encode()));
    let check = Vouch::checkCall {
        modelId: task.model,
        subject: task.subject,
        asOf: task.as_of,
        claim: claim(served),
        proof: proof.clone(),
    };
    let fulfil = served.job.query.request.map(|id| {
        let call = Vouch::fulfilCall { id, claim: claim(served), proof };
        Bytes::from(call.abi_encode())
    });
    let multicall = fulfil.as_ref().or(submit.as_ref()).map(|last| {
        let data = posts.iter().chain([last]).cloned().collect();
        Bytes::from(Vouch::multicallCall { data }.abi_encode())
    });
    let to_vouch = |data| addresses.vouch.map(|to| Call { to, data });
    let to_roots = |data| addresses.history_roots.map(|to| Call { to, data });
    let posts: Vec<Call> = posts.into_iter().filter_map(to_roots).collect();
    Calldata {
        prepare: Vec::new(),
        post: posts.first().cloned(),
        posts,
        submit: submit.and_then(to_vouch),
        check: to_vouch(check.abi_encode().into()),
        fulfil: fulfil.and_then(to_vouch),
        multicall: multicall.and_then(to_vouch),
    }
}

/// `post` has one signature in `HistoryRoots` and `Vouch`, so one calldata serves both.
pub fn post(history: &HistoryProof) -> Bytes {
    let anchors = history.anchors.iter().map(|a| Anchor { number: a.number, hash: a.hash, linked: a.linked }).collect();
    let call = Vouch::postCall {
        class: U256::from(history.class),
        root: U256::from_be_bytes(history.root.0),
        anchors,
        payee: history.payee,
        proof: history.proof.clone(),
    };
    call.abi_encode().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::contracts::HistoryRoots;

    #[test]
    fn post_has_one_signature_in_both_contracts() {
        assert_eq!(Vouch::postCall::SELECTOR, HistoryRoots::postCall::SELECTOR);
    }
}
