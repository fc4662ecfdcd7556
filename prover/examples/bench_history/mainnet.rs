//! Real data of mainnet: `proofs/zeth_18884864.json` and `headers/mainnet_0_1055.jsonl` of the fixtures (`VOUCH_FIXTURES`, else
//! `../shared/fixtures`).

use alloy::hex;
use eyre::{OptionExt, Result, ensure};
use serde_json::Value;
use std::{env, fs, path::PathBuf};
use vouch_circuits::{
    evidence::Evidence,
    facts::{Fact, FactKind},
    trie::Nodes,
};

/// Everything one `eth_getProof` file says.
pub struct Source {
    header: Vec<u8>,
    nodes: Nodes,
    /// Account and slots of each response.
    responses: Vec<(Fact, Vec<Fact>)>,
}

/// Bytes of a hex string.
pub fn bytes(value: &Value) -> Result<Vec<u8>> {
    Ok(hex::decode(value.as_str().ok_or_eyre("expected a hex string")?)?)
}

fn word(value: &Value) -> Result<[u8; 32]> {
    let text = value.as_str().ok_or_eyre("expected a hex string")?.trim_start_matches("0x");
    let mut word = [0; 32];
    hex::decode_to_slice(format!("{text:0>64}"), &mut word)?;
    Ok(word)
}

/// Text of a fixture.
pub fn fixture(name: &str) -> Result<String> {
    let fixtures = env::var_os("VOUCH_FIXTURES").map_or_else(|| PathBuf::from("../shared/fixtures"), PathBuf::from);
    Ok(fs::read_to_string(fixtures.join(name))?)
}

/// The first `count` headers of mainnet.
pub fn headers(count: usize) -> Result<Vec<Vec<u8>>> {
    let text = fixture("headers/mainnet_0_1055.jsonl")?;
    text.lines().take(count).map(|line| bytes(&serde_json::from_str::<Value>(line)?["rlp"])).collect()
}

impl Source {
    /// Reads the file.
    pub fn read() -> Result<Self> {
        let file: Value = serde_json::from_str(&fixture("proofs/zeth_18884864.json")?)?;
        let block = file["block_number"].as_u64().ok_or_eyre("expected a block number")?;
        let (mut nodes, mut responses) = (Nodes::default(), Vec::new());
        let zero = [0; 32];
        for response in file["proofs"].as_array().ok_or_eyre("expected a list of proofs")? {
            let address = bytes(&response["address"])?.try_into().map_err(|_| eyre::eyre!("expected 20 bytes"))?;
            let fact = |kind, slot| Fact {
                kind,
                block,
                address,
                slot,
                key: zero,
                key2: zero,
                path: Default::default(),
                value: zero,
            };
            let mut balance = zero;
            balance[31] = 1;
            let mut slots = Vec::new();
            let mut lists = vec![&response["accountProof"]];
            for slot in response["storageProof"].as_array().ok_or_eyre("expected a list of slots")? {
                lists.push(&slot["proof"]);
                slots.push(fact(FactKind::Slot, word(&slot["key"])?));
            }
            for node in lists.into_iter().flat_map(|list| list.as_array().into_iter().flatten()) {
                nodes.insert(bytes(node)?);
            }
            responses.push((fact(FactKind::Account, balance), slots));
        }
        Ok(Self { header: bytes(&file["header_rlp"])?, nodes, responses })
    }

    /// `accounts` accounts with their balance and `slots` slots each.
    pub fn evidence(&self, accounts: usize, slots: usize) -> Result<Evidence> {
        let mut wanted = Vec::new();
        for (account, all) in self.responses.iter().filter(|(_, all)| all.len() >= slots).take(accounts) {
            wanted.push(*account);
            wanted.extend(&all[..slots]);
        }
        ensure!(wanted.len() == accounts * (slots + 1), "the file has too few accounts with {slots} slots");
        Ok(Evidence::collect(&wanted, std::slice::from_ref(&self.header), &self.nodes)?)
    }
}
