//! Transactions of all five types, signed and encoded by alloy, and a receipt of 32 KB, in one proof: a block that no recording has.

use super::*;
use alloy::consensus::{
    Eip658Value, EthereumTxEnvelope, Receipt as Made, ReceiptEnvelope, SignableTransaction, Signed, Transaction,
    TxEip1559, TxEip2930, TxEip4844, TxEip7702, TxLegacy, TxReceipt, Typed2718,
};
use alloy::eips::eip2718::Encodable2718;
use alloy::eips::eip2930::{AccessList, AccessListItem};
use alloy::eips::eip7702::Authorization;
use alloy::primitives::{B256, Bloom, Log as MadeLog, Signature, TxKind};
use alloy::signers::{SignerSync, local::PrivateKeySigner};
use alloy::trie::root::ordered_trie_root_encoded;
use vouch_circuits::facts::FactKey;
use vouch_circuits::{receipt, transaction};

const NUMBER: u64 = 22_000_000;
const LONG: usize = 32_000;
const TOKEN: Address = Address::repeat_byte(0x70);

pub type Envelope = EthereumTxEnvelope<TxEip4844>;

fn signer() -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(0x51)).expect("a key")
}

pub fn signed<T: SignableTransaction<Signature>>(transaction: T) -> Signed<T> {
    let signature = signer().sign_hash_sync(&transaction.signature_hash()).expect("a signature");
    transaction.into_signed(signature)
}

/// One of each type, and one that creates a contract.
fn transactions() -> Vec<Envelope> {
    let (chain_id, gas_limit) = (1, 210_000);
    let [to, value] = [Address::repeat_byte(0x22).into_word(), B256::repeat_byte(0xfe)];
    let (to, value) = (Address::from_word(to), U256::from_be_bytes(value.0));
    let kind = TxKind::Call(to);
    let input: Bytes = (0..200).collect::<Vec<u8>>().into();
    let item = AccessListItem { address: TOKEN, storage_keys: vec![B256::ZERO, B256::repeat_byte(9)] };
    let access_list = AccessList(vec![item]);
    let permission = Authorization { chain_id: U256::from(1), address: TOKEN, nonce: 8 };
    let agreed = signer().sign_hash_sync(&permission.signature_hash()).expect("a signature");
    let (max_fee_per_gas, max_priority_fee_per_gas) = (30_000_000_000, 1);
    vec![
        signed(TxLegacy {
            chain_id: Some(chain_id),
            nonce: 3,
            gas_price: 9,
            gas_limit,
            to: kind,
            value,
            input: input.clone(),
        })
        .into(),
        signed(TxEip2930 {
            chain_id,
            nonce: 1 << 40,
            gas_price: 1 << 70,
            gas_limit,
            to: kind,
            value: U256::ZERO,
            access_list: access_list.clone(),
            input: input.slice(..68),
        })
        .into(),
        signed(TxEip1559 {
            chain_id,
            nonce: 0,
            gas_limit,
            max_fee_per_gas,
            max_priority_fee_per_gas,
            to: kind,
            value: U256::from(1),
            access_list: AccessList::default(),
            input: input.slice(..36),
        })
        .into(),
        signed(TxEip4844 {
            chain_id,
            nonce: 300,
            gas_limit,
            max_fee_per_gas,
            max_priority_fee_per_gas,
            to,
            value,
            access_list: access_list.clone(),
            blob_versioned_hashes: vec![B256::repeat_byte(1); 3],
            max_fee_per_blob_gas: 7,
            input: input.slice(..37),
        })
        .into(),
        signed(TxEip7702 {
            chain_id,
            nonce: 127,
            gas_limit,
            max_fee_per_gas,
            max_priority_fee_per_gas,
            to,
            value: U256::from(128),
            access_list,
            authorization_list: vec![permission.into_signed(agreed)],
            input: input.slice(..100),
        })
        .into(),
        signed(TxEip1559 { chain_id, nonce: 128, to: TxKind::Create, value, input, ..TxEip1559::default() }).into(),
    ]
}

/// A receipt for each: the fourth has a log of [`LONG`] bytes between two others.
fn receipts() -> Vec<ReceiptEnvelope> {
    let log = |topics: u8, data: Vec<u8>| {
        MadeLog::new(TOKEN, (1..=topics).map(B256::repeat_byte).collect(), data.into()).expect("few topics")
    };
    let long = || (0..LONG).map(|i| (i / 32) as u8).collect();
    let make = |i: usize| {
        let logs =
            if i == 3 { vec![log(1, vec![5]), log(4, long()), log(3, vec![7; 64])] } else { vec![log(1, vec![])] };
        let status = Eip658Value::Eip658(i != 1);
        Made { status, cumulative_gas_used: 21_000 * (i as u64 + 1), logs }.with_bloom()
    };
    let kinds: [fn(_) -> ReceiptEnvelope; 6] = [
        ReceiptEnvelope::Legacy,
        ReceiptEnvelope::Eip2930,
        ReceiptEnvelope::Eip1559,
        ReceiptEnvelope::Eip4844,
        ReceiptEnvelope::Eip7702,
        ReceiptEnvelope::Eip1559,
    ];
    kinds.into_iter().enumerate().map(|(i, kind)| kind(make(i))).collect()
}

fn place(kind: FactKind, entry: usize, log: usize, field: u64) -> Fact {
    let key2 = real::word(log as u64);
    Fact { block: NUMBER, key2, ..question(kind, Address::ZERO, U256::from(field), U256::from(entry)) }
}

/// What alloy says of each field of transaction `index`, the first and the last word of the data.
fn of_transaction(index: usize, made: &Envelope) -> Vec<(Fact, U256)> {
    use transaction::field::{CREATES, DATA, LENGTH, NONCE, SELECTOR, TO, TYPE, VALUE};
    let input = made.input();
    let words: Vec<&[u8]> = input[4..].chunks_exact(32).collect();
    let last = words.len() - 1;
    let values = [
        (TYPE, U256::from(made.ty())),
        (NONCE, U256::from(made.nonce())),
        (TO, made.to().map_or(U256::ZERO, |to| U256::from_be_slice(to.as_slice()))),
        (VALUE, made.value()),
        (LENGTH, U256::from(input.len())),
        (SELECTOR, U256::from_be_slice(&input[..4])),
        (CREATES, U256::from(made.to().is_none())),
        (DATA, U256::from_be_slice(words[0])),
    ];
    let more = (last > 0).then(|| (DATA + last as u64, U256::from_be_slice(words[last])));
    let all = values.into_iter().chain(more);
    all.map(|(field, value)| (place(FactKind::Transaction, index, 0, field), value)).collect()
}

/// What alloy says of receipt `index`; of the long one also its logs.
fn of_receipt(index: usize, made: &ReceiptEnvelope) -> Vec<(Fact, U256)> {
    use receipt::{field, log_field};
    let logs = made.logs();
    let mut values = vec![
        (field::STATUS, U256::from(made.status())),
        (field::CUMULATIVE_GAS, U256::from(made.cumulative_gas_used())),
    ];
    if logs.len() > 1 {
        values.extend([(field::LOGS, U256::from(logs.len())), (field::TYPE, U256::from(made.tx_type() as u8))]);
    }
    let mut all: Vec<_> =
        values.into_iter().map(|(field, value)| (place(FactKind::Receipt, index, 0, field), value)).collect();
    for (i, log) in logs.iter().enumerate().skip(1) {
        let word = |at: usize| U256::from_be_slice(&log.data.data[32 * at..32 * at + 32]);
        let last = log.data.data.len() / 32 - 1;
        let topics = log.topics();
        let fields = [
            (log_field::ADDRESS, U256::from_be_slice(log.address.as_slice())),
            (log_field::TOPIC + topics.len() as u64 - 1, topics[topics.len() - 1].into()),
            (log_field::TOPICS, U256::from(topics.len())),
            (log_field::LENGTH, U256::from(log.data.data.len())),
            (log_field::DATA, word(0)),
            (log_field::DATA + last as u64, word(last)),
        ];
        all.extend(fields.map(|(field, value)| (place(FactKind::Log, index, i, field), value)));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_of_every_type_and_a_long_receipt_are_proven() {
    let (made, said) = (transactions(), receipts());
    let entries: Vec<Bytes> = made.iter().map(|transaction| transaction.encoded_2718().into()).collect();
    let encoded: Vec<Bytes> = said.iter().map(|receipt| receipt.encoded_2718().into()).collect();
    assert!(encoded[3].len() > LONG, "{}", encoded[3].len());
    let header = Header {
        number: NUMBER,
        transactions_root: ordered_trie_root_encoded(&entries),
        receipts_root: ordered_trie_root_encoded(&encoded),
        logs_bloom: said.iter().fold(Bloom::ZERO, |bloom, receipt| bloom | receipt.bloom()),
        ..Header::default()
    };
    let replay = Replay::new(1);
    replay.chain().push(header);
    replay.chain().put_receipts(NUMBER, &encoded);
    replay.chain().transactions.insert(NUMBER, entries);
    let dir = tempfile::tempdir().expect("a folder");
    let mut config = Config::new(replay.spawn().await.expect("a server"));
    config.start = Start::Block(NUMBER);
    config.finality = Finality::Depth { blocks: 0 };
    let indexer = Indexer::open(Db::open(dir.path()).expect("a store"), config).await.expect("an indexer");
    indexer.catch_up().await.expect("the block");

    let mut expected: Vec<(Fact, U256)> = made.iter().enumerate().flat_map(|(i, t)| of_transaction(i, t)).collect();
    expected.extend(said.iter().enumerate().flat_map(|(i, receipt)| of_receipt(i, receipt)));
    let count = Fact {
        block: NUMBER,
        key2: [0; 32],
        slot: LogRange { blocks: 1, topic: 0 }.slot(),
        ..question(FactKind::LogCount, TOKEN, U256::ZERO, B256::repeat_byte(1).into())
    };
    expected.push((count, U256::from(8)));
    let asked: Vec<Fact> = expected.iter().map(|(fact, _)| *fact).collect();
    let evidence = collect(&indexer, &asked, &Reach::ALL).await.expect("evidence");
    let found: BTreeMap<FactKey, [u8; 32]> = evidence.facts.iter().map(|fact| (fact.place(), fact.value)).collect();
    for (fact, value) in &expected {
        assert_eq!(U256::from_be_bytes(found[&fact.place()]), *value, "{fact:?}");
    }

    let prover = Prover::new(CLASS_R);
    let proof = prover.prove(&evidence);
    prover.refuses_lies(&proof, &[]);
}
