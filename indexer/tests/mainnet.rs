//! Real mainnet state proofs through the replay server: the code path of a live node.

use alloy::primitives::{Address, B256, Bytes, U256};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;
use vouch_indexer::config::Retry;
use vouch_indexer::db::Db;
use vouch_indexer::node::NodeError;
use vouch_indexer::proofs::{self, ProofError};
use vouch_indexer::replay::Replay;
use vouch_indexer::{Config, Finality, IndexError, Indexer, Start, answer};

const BLOCK: u64 = 18_884_864;

/// `fixtures/proofs/NAME` of `VOUCH_FIXTURES` or `../shared/fixtures`; `None` (said aloud) when it is not there.
fn fixture(name: &str) -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/fixtures");
    let path = PathBuf::from(std::env::var("VOUCH_FIXTURES").unwrap_or(default.into())).join("proofs").join(name);
    if !path.exists() {
        eprintln!("SKIPPED: fixture {} is not there; set VOUCH_FIXTURES", path.display());
        return None;
    }
    Some(path)
}

struct Setup {
    replay: Replay,
    indexer: Indexer,
    _dir: tempfile::TempDir,
}

async fn setup() -> Option<Setup> {
    let replay = recording()?;
    Some(over(&[&replay]).await)
}

fn recording() -> Option<Replay> {
    let replay = Replay::new(1);
    assert_eq!(replay.add_recording(&fixture("zeth_18884864.json")?).unwrap(), BLOCK);
    Some(replay)
}

/// An index over several nodes, the first preferred.
async fn over(replays: &[&Replay]) -> Setup {
    let mut urls = vec![];
    for replay in replays {
        urls.push(replay.spawn().await.unwrap());
    }
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config::new(urls.join(","));
    config.start = Start::Block(BLOCK);
    config.finality = Finality::Depth { blocks: 0 };
    config.retry = Retry { tries: 2, first_delay: Duration::from_millis(1), ..Retry::default() };
    let indexer = Indexer::open(Db::open(dir.path()).unwrap(), config).await.unwrap();
    indexer.catch_up().await.unwrap();
    Setup { replay: replays[0].clone(), indexer, _dir: dir }
}

/// Every recorded account with its slots.
fn recorded(replay: &Replay) -> Vec<(Address, Vec<B256>)> {
    let chain = replay.chain();
    chain.proofs.values().map(|p| (p.address, p.storage_proof.iter().map(|s| s.key.as_b256()).collect())).collect()
}

#[tokio::test]
async fn every_recorded_account_and_slot_is_verified_and_stored_once() {
    let Some(Setup { replay, indexer, _dir }) = setup().await else { return };
    let mut nodes = 0;
    for (address, slots) in recorded(&replay) {
        let proof = indexer.state_proof(BLOCK, address, &slots).await.unwrap();
        assert_eq!(proof.account.address, address);
        assert_eq!(proof.slots.len(), slots.len());
        for (slot, given) in proof.slots.iter().zip(&replay.chain().proofs[&(BLOCK, address)].storage_proof) {
            assert_eq!(slot.value, given.value);
        }
        nodes += proof.account.nodes.len() + proof.slots.iter().map(|s| s.nodes.len()).sum::<usize>();
    }
    let stored = indexer.store().count_nodes().unwrap();
    assert!(stored < nodes, "{stored} nodes stored of {nodes} used");
    // A second time nothing is asked of the node.
    let before = replay.chain().requests;
    for (address, slots) in recorded(&replay) {
        indexer.state_proof(BLOCK, address, &slots).await.unwrap();
    }
    assert_eq!(replay.chain().requests, before);
}

/// The account of WETH, with 35 recorded slots.
fn weth() -> Address {
    "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2".parse().unwrap()
}

/// Damages the recorded answer for WETH, asks for it, and checks that nothing of it was stored.
async fn after(damage: impl Fn(&mut alloy::rpc::types::EIP1186AccountProofResponse)) -> Option<IndexError> {
    let Setup { replay, indexer, _dir } = setup().await?;
    let slots: Vec<B256> = {
        let mut chain = replay.chain();
        let proof = chain.proofs.get_mut(&(BLOCK, weth())).unwrap();
        let slots = proof.storage_proof.iter().take(3).map(|s| s.key.as_b256()).collect();
        damage(proof);
        slots
    };
    let error = indexer.state_proof(BLOCK, weth(), &slots).await.unwrap_err();
    assert_eq!(indexer.store().count_nodes().unwrap(), 0, "nothing is stored of a refused answer");
    Some(error)
}

fn flip(node: &mut Bytes, at: usize) {
    let mut bytes = node.to_vec();
    bytes[at] ^= 1;
    *node = bytes.into();
}

#[tokio::test]
async fn damaged_account_node_is_named() {
    let Some(error) = after(|p| flip(&mut p.account_proof[4], 40)).await else { return };
    let IndexError::Proof(ProofError::WrongNode { index: 4, place, .. }) = &error else { panic!("{error}") };
    assert_eq!((place.number, place.address, place.slot), (BLOCK, weth(), None));
    assert!(error.to_string().contains("proof node 4 hashes to 0x"), "{error}");
}

#[tokio::test]
async fn damaged_storage_node_is_named_with_its_slot() {
    let Some(error) = after(|p| flip(&mut p.storage_proof[1].proof[2], 9)).await else { return };
    assert!(matches!(&error, IndexError::Proof(ProofError::WrongNode { index: 2, place, .. }) if place.slot.is_some()));
}

#[tokio::test]
async fn claimed_value_that_the_proof_does_not_show_is_refused() {
    let Some(error) = after(|p| p.storage_proof[0].value += U256::ONE).await else { return };
    assert!(matches!(error, IndexError::Proof(ProofError::WrongValue { .. })), "{error}");
    let Some(error) = after(|p| p.storage_proof[0].value = U256::ZERO).await else { return };
    assert!(matches!(error, IndexError::Proof(ProofError::WrongValue { .. })), "{error}");
    let Some(error) = after(|p| p.balance += U256::ONE).await else { return };
    assert!(matches!(error, IndexError::Proof(ProofError::WrongValue { .. })), "{error}");
}

#[tokio::test]
async fn shortened_lengthened_and_swapped_proofs_are_refused() {
    let Some(error) = after(|p| drop(p.account_proof.pop())).await else { return };
    assert!(matches!(error, IndexError::Proof(ProofError::Truncated { .. })), "{error}");
    let Some(error) = after(|p| p.account_proof.clear()).await else { return };
    assert!(matches!(error, IndexError::Proof(ProofError::Truncated { nodes: 0, .. })), "{error}");
    let Some(error) = after(|p| p.account_proof.push(p.account_proof[3].clone())).await else { return };
    assert!(matches!(error, IndexError::Proof(ProofError::WrongNode { .. })), "{error}");
    let Some(error) = after(|p| {
        let other = p.storage_proof[1].proof.clone();
        p.storage_proof[0].proof = other;
    })
    .await
    else {
        return;
    };
    assert!(matches!(error, IndexError::Proof(_)), "{error}");
}

/// Every damage above, at the first of two nodes: the second answers.
#[tokio::test]
async fn the_next_node_is_asked_when_a_state_proof_or_a_header_is_false() {
    type Lie = fn(&mut alloy::rpc::types::EIP1186AccountProofResponse);
    let lies: [Lie; 6] = [
        |p| flip(&mut p.account_proof[4], 40),
        |p| flip(&mut p.storage_proof[0].proof[2], 9),
        |p| p.storage_proof[0].value += U256::ONE,
        |p| p.balance += U256::ONE,
        |p| drop(p.account_proof.pop()),
        |p| p.address = Address::repeat_byte(1),
    ];
    for lie in lies {
        let (Some(liar), Some(honest)) = (recording(), recording()) else { return };
        let slot = liar.chain().proofs[&(BLOCK, weth())].storage_proof[0].key.as_b256();
        lie(liar.chain().proofs.get_mut(&(BLOCK, weth())).unwrap());
        let Setup { indexer, _dir, .. } = over(&[&liar, &honest]).await;
        let proof = indexer.state_proof(BLOCK, weth(), &[slot]).await.unwrap();
        assert_eq!(proof.slots[0].value, honest.chain().proofs[&(BLOCK, weth())].storage_proof[0].value);
    }
    let (Some(liar), Some(honest)) = (recording(), recording()) else { return };
    liar.chain().headers.get_mut(&BLOCK).unwrap().inner.gas_used += 1;
    let Setup { indexer, _dir, .. } = over(&[&liar, &honest]).await;
    assert_eq!(indexer.header(BLOCK).unwrap().hash, honest.chain().headers[&BLOCK].hash);
}

/// Every recorded answer is true, in the form it was recorded in.
#[test]
fn every_recorded_answer_passes_the_check() {
    let (mut accounts, mut slots) = (0, 0);
    for name in [
        "zeth_18884863",
        "zeth_18884864",
        "raiko_20612841",
        "nimbus_23223655_weth",
        "axiom_default_storage_pf",
        "axiom_empty_storage_pf",
        "axiom_noninclusion_branch_pf",
    ] {
        let Some(path) = fixture(&format!("{name}.json")) else { return };
        let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let number = file["block_number"].as_u64().unwrap_or_default();
        for said in file["proofs"].as_array().unwrap() {
            slots += check(number, &file["state_root"], said).unwrap_or_else(|e| panic!("{name}: {e}"));
            accounts += 1;
        }
    }
    assert_eq!((accounts, slots), (148, 407));
}

/// Among them `account-proof-trailing-node`: a node that the path does not reach is refused, though it would change nothing.
#[test]
fn every_mutant_of_recorded_answers_is_refused() {
    let Some(path) = fixture("negative_mutants_18884863.json") else { return };
    let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let number = file["block_number"].as_u64().unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 48);
    for case in cases {
        let checked = check(number, &case["state_root"], &case["proof"]);
        assert!(checked.is_err(), "{} is accepted", case["mutation"]);
    }
}

/// What the index does with an answer: reads it, and checks it for the account and the slots that it names. Returns how many slots.
fn check(number: u64, root: &Value, said: &Value) -> Result<usize, String> {
    let address: Address = serde_json::from_value(said["address"].clone()).unwrap();
    let root: B256 = serde_json::from_value(root.clone()).unwrap();
    let mut said = said.clone();
    for slot in said["storageProof"].as_array_mut().unwrap() {
        // two recordings leave it out in keys, as no node does
        let key = slot["key"].as_str().unwrap();
        slot["key"] = format!("0x{}", key.trim_start_matches("0x")).into();
    }
    let answer = answer::read(address, &said)?;
    let slots: Vec<B256> = answer.storage_proof.iter().map(|slot| slot.key.as_b256()).collect();
    let (_, proven) = proofs::check(number, root, address, &slots, &answer).map_err(|e| e.to_string())?;
    Ok(proven.len())
}

#[tokio::test]
async fn an_unused_node_at_the_end_of_a_storage_proof_is_refused() {
    let Some(error) = after(|p| {
        let more = p.storage_proof[0].proof[0].clone();
        p.storage_proof[0].proof.push(more);
    })
    .await
    else {
        return;
    };
    assert!(matches!(error, IndexError::Proof(ProofError::WrongNode { .. })), "{error}");
    let Some(error) = after(|p| p.storage_proof[0].proof.push(Bytes::from_static(&[0x80]))).await else { return };
    assert!(matches!(error, IndexError::Proof(_)), "{error}");
}

/// Every recorded account and slot, as one question.
fn all_of(replay: &Replay) -> Vec<vouch_indexer::together::Asked> {
    recorded(replay).into_iter().map(|(address, slots)| (BLOCK, address, slots)).collect()
}

#[tokio::test]
async fn many_accounts_are_asked_for_in_few_messages() {
    let Some(Setup { replay, indexer, _dir }) = setup().await else { return };
    let asked = all_of(&replay);
    let before = replay.chain().requests;
    let proofs = indexer.state_proofs(asked.clone()).await.unwrap();
    assert_eq!((asked.len(), replay.chain().requests - before), (57, 4), "16 in a message");
    for (proof, (_, address, slots)) in proofs.iter().zip(&asked) {
        assert_eq!((proof.account.address, proof.slots.len()), (*address, slots.len()));
        let given = &replay.chain().proofs[&(BLOCK, *address)].storage_proof;
        assert!(proof.slots.iter().zip(given).all(|(slot, given)| slot.value == given.value));
    }
    indexer.state_proofs(asked.clone()).await.unwrap();
    assert_eq!(replay.chain().requests - before, 4, "from the store");
}

#[tokio::test]
async fn node_that_refuses_batches_is_asked_one_by_one() {
    let Some(Setup { replay, indexer, _dir }) = setup().await else { return };
    replay.chain().refuse_batches = true;
    let all = all_of(&replay);
    let requests = async |asked: &[vouch_indexer::together::Asked]| {
        let before = replay.chain().requests;
        assert_eq!(indexer.state_proofs(asked.to_vec()).await.unwrap().len(), asked.len());
        replay.chain().requests - before
    };
    assert_eq!(requests(&all[..34]).await, 34 + 3);
    replay.chain().refuse_batches = false;
    for pair in all[34..44].chunks(2) {
        assert_eq!(requests(pair).await, 2, "by now it is sent no batch any more");
    }
    assert_eq!(requests(&all[44..46]).await, 1, "but the eighth is tried again");
    assert_eq!(requests(&all[46..]).await, 1);
}

/// A lie in a batch is refused like one by itself, and the next node asked.
#[tokio::test]
async fn lies_in_batches_are_refused() {
    let (Some(liar), Some(honest)) = (recording(), recording()) else { return };
    liar.chain().proofs.get_mut(&(BLOCK, weth())).unwrap().balance += U256::ONE;
    let asked = all_of(&honest);
    let Setup { indexer, _dir, .. } = over(&[&liar]).await;
    let error = indexer.state_proofs(asked.clone()).await.unwrap_err();
    assert!(matches!(error, IndexError::Proof(ProofError::WrongValue { .. })), "{error}");
    let Setup { indexer, _dir, .. } = over(&[&liar, &honest]).await;
    let before = honest.chain().requests;
    assert_eq!(indexer.state_proofs(asked.clone()).await.unwrap().len(), 57);
    // the comparison of the chains, and what was not believed
    assert_eq!(honest.chain().requests - before, 2);
}

#[tokio::test]
async fn pruned_state_is_told_from_a_lie() {
    let Some(Setup { replay, indexer, _dir }) = setup().await else { return };
    replay.chain().refuse_proofs = Some("missing trie node 1b38 (path ) state is not available".into());
    let error = indexer.state_proof(BLOCK, weth(), &[]).await.unwrap_err();
    assert!(matches!(error, IndexError::Node(NodeError::MissingState { number: BLOCK, .. })), "{error}");
}

#[tokio::test]
async fn blocks_outside_the_index_are_refused() {
    let Some(Setup { indexer, _dir, .. }) = setup().await else { return };
    let future = indexer.state_proof(BLOCK + 1, weth(), &[]).await.unwrap_err();
    assert!(matches!(future, IndexError::Future { tip: BLOCK, .. }), "{future}");
    let past = indexer.state_proof(BLOCK - 1, weth(), &[]).await.unwrap_err();
    assert!(matches!(past, IndexError::BeforeWindow { first: BLOCK, .. }), "{past}");
}
