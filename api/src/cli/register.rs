//! Registration of a model's key on chain: sent, or said how to send it.

use super::client::Client;
use crate::chain::calldata::register;
use crate::chain::contracts::Addresses;
use crate::chain::sender::{Sender, read_key};
use alloy::primitives::{Address, B256, Bytes};
use alloy::providers::{Provider, ProviderBuilder};
use clap::Args;
use eyre::WrapErr;
use serde::Serialize;
use serde_json::Value;
use std::path::PathBuf;
use vouch_indexer::rpc_label;

/// Where a model is registered, and who pays.
#[derive(Debug, Args)]
pub struct RegisterArgs {
    /// The `ModelRegistry` contract: with a key that pays, the model is registered there, unless it is already.
    #[arg(long, value_name = "ADDRESS")]
    pub(super) registry: Option<Address>,
    /// JSON-RPC of its chain.
    #[arg(long, env = "VOUCH_RPC", default_value = "http://127.0.0.1:8545", value_name = "URL")]
    rpc: String,
    /// File with the private key that pays. The environment variable VOUCH_SIGNER_KEY holds the key itself.
    #[arg(long, value_name = "FILE", requires = "registry")]
    signer_key_file: Option<PathBuf>,
}

impl RegisterArgs {
    /// Who sends it; `None` without a registry or without a key.
    ///
    /// # Errors
    /// If the key is none, the chain does not answer, the registry has no code, `node` follows another chain, or the account's last transaction is still
    /// on its way: before the minutes that a model may take.
    pub async fn target(&self, node: &Client) -> eyre::Result<Option<Sender>> {
        let Some(registry) = self.registry else { return Ok(None) };
        let value = std::env::var("VOUCH_SIGNER_KEY").ok();
        let Some(key) = read_key(self.signer_key_file.as_deref(), value.as_deref())? else { return Ok(None) };
        let contracts = Addresses { registry: Some(registry), ..Addresses::default() };
        let rpc = rpc_label(&self.rpc);
        let silent = || format!("cannot register: the chain at {rpc} does not answer");
        let provider = ProviderBuilder::new().connect(&self.rpc).await.wrap_err_with(silent)?.erased();
        if let Some((name, address)) = contracts.without_code(&provider).await.wrap_err_with(silent)? {
            eyre::bail!("cannot register: {name} {address} has no code on the chain at {rpc}");
        }
        let (expected, got) = (node.get("/v1/status").await?["chain_id"].as_u64(), provider.get_chain_id().await?);
        if expected.is_some_and(|expected| expected != got) {
            let expected = expected.unwrap_or_default();
            eyre::bail!("cannot register: {rpc} is of chain {got}, the node follows chain {expected}: give its --rpc");
        }
        // a registration that was sent before and is not mined yet would be paid for twice
        let mined = provider.get_transaction_count(key.address()).await?;
        let sent = provider.get_transaction_count(key.address()).pending().await?;
        if sent > mined {
            let waiting = sent - mined;
            eyre::bail!(
                "cannot register: {waiting} transactions of {} are not mined yet: try again then",
                key.address()
            );
        }
        Ok(Some(Sender::connect(&self.rpc, key, contracts).await?))
    }
}

/// What became of it.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Registration {
    /// By this transaction.
    Sent {
        /// Its hash.
        transaction: B256,
    },
    /// By whomever, before.
    Already,
    /// Nothing was sent: whoever wants to, sends this.
    ToSend {
        /// The registry, if it was named.
        to: Option<Address>,
        /// The calldata.
        data: Bytes,
    },
}

impl Registration {
    /// For people.
    pub fn words(&self) -> String {
        match self {
            Self::Sent { transaction } => format!("registered by transaction {transaction}"),
            Self::Already => "registered already".into(),
            Self::ToSend { to, data } => {
                let to = to.map_or("$MODEL_REGISTRY".into(), |to| to.to_string());
                format!("not registered: give --registry and a key, or send\n  cast send {to} {data}")
            }
        }
    }
}

/// Registers the model that a node answered.
///
/// # Errors
/// What the node's answer lacks, or [`crate::chain::sender::SendError`].
pub async fn run(sender: Option<Sender>, to: Option<Address>, model: &Value) -> eyre::Result<Registration> {
    let word = |name: &str| {
        let text = model[name].as_str().unwrap_or_default();
        text.parse::<B256>().wrap_err_with(|| format!("the node answered no {name}"))
    };
    let key = model["key"].as_str().unwrap_or_default().parse::<Bytes>().wrap_err("the node answered no key")?;
    let (id, class) = (word("model_id")?, word("class_id")?);
    let Some(sender) = sender else { return Ok(Registration::ToSend { to, data: register(class, key) }) };
    Ok(match sender.register(id, class, key).await? {
        Some(transaction) => Registration::Sent { transaction },
        None => Registration::Already,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::contracts::ModelRegistry;
    use alloy::sol_types::SolCall;
    use serde_json::json;

    #[tokio::test]
    async fn a_chain_that_does_not_answer_is_noticed_first() {
        let dir = tempfile::tempdir().unwrap();
        let signer_key_file = Some(dir.path().join("key"));
        std::fs::write(dir.path().join("key"), "11".repeat(32)).unwrap();
        // nobody listens on the first port
        let args = |registry| RegisterArgs {
            registry,
            rpc: "http://127.0.0.1:1".into(),
            signer_key_file: signer_key_file.clone(),
        };
        let node = Client::new("http://127.0.0.1:1");
        assert!(args(None).target(&node).await.unwrap().is_none());
        let said = args(Some(Address::repeat_byte(3))).target(&node).await.unwrap_err().to_string();
        assert_eq!(said, "cannot register: the chain at http://127.0.0.1:1 does not answer");
    }

    #[tokio::test]
    async fn without_a_key_the_transaction_is_said() {
        let (id, class) = (B256::repeat_byte(1), B256::repeat_byte(2));
        let model = json!({"model_id": id, "class_id": class, "key": "0x0708"});
        let to = Address::repeat_byte(3);
        let said = run(None, Some(to), &model).await.unwrap();
        let Registration::ToSend { data, .. } = &said else { panic!("{said:?}") };
        let call = ModelRegistry::registerCall::abi_decode(data).unwrap();
        assert_eq!((call.classId, call.key, call.uri.as_str()), (class, Bytes::from(vec![7, 8]), ""));
        assert!(said.words().ends_with(&format!("cast send {to} {data}")), "{}", said.words());
        assert!(run(None, None, &model).await.unwrap().words().contains("cast send $MODEL_REGISTRY 0x"));
        let json = serde_json::to_value(&said).unwrap();
        assert_eq!((&json["state"], &json["to"]), (&json!("to_send"), &json!(to)));
        let error = run(None, None, &json!({"key": "0x", "model_id": id})).await.unwrap_err().to_string();
        assert_eq!(error, "the node answered no class_id");
    }
}
