//! Nodes that misbehave, over a real socket: fail-over, back-off, bounded concurrency, and the dialects of `eth_getProof`.

use alloy::primitives::{Address, B256, U256};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use vouch_indexer::config::Retry;
use vouch_indexer::node::{Node, NodeError};

/// What a node does with a request.
#[derive(Clone, Debug)]
enum Mood {
    /// Answers with this result.
    Says(Value),
    /// Answers with a JSON-RPC error.
    Refuses(i64, &'static str),
    /// HTTP status without a body.
    Status(u16),
    /// Something that is not JSON-RPC.
    Babbles(&'static str),
    /// Answers after this many milliseconds.
    Late(u64, Value),
}

#[derive(Debug, Default)]
struct Server {
    chain_id: u64,
    /// One for each request; the last stays.
    moods: Mutex<Vec<Mood>>,
    requests: AtomicU32,
    under_way: AtomicU32,
    most_under_way: AtomicU32,
    arrivals: Mutex<Vec<Instant>>,
}

impl Server {
    async fn spawn(chain_id: u64, moods: &[Mood]) -> (Arc<Self>, String) {
        let server = Arc::new(Self { chain_id, moods: Mutex::new(moods.to_vec()), ..Self::default() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/", post(answer)).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (server, url)
    }

    fn count(&self) -> u32 {
        self.requests.load(SeqCst)
    }

    fn next_mood(&self) -> Mood {
        let mut moods = self.moods.lock().unwrap();
        if moods.len() > 1 { moods.remove(0) } else { moods[0].clone() }
    }
}

async fn answer(State(server): State<Arc<Server>>, Json(request): Json<Value>) -> Response {
    let id = &request["id"];
    let result = |result: Value| Json(json!({"jsonrpc": "2.0", "id": id, "result": result})).into_response();
    // The comparison of chains is not counted: the moods are about the requests of the test.
    if request["method"] == "eth_chainId" {
        return result(json!(format!("{:#x}", server.chain_id)));
    }
    server.requests.fetch_add(1, SeqCst);
    server.arrivals.lock().unwrap().push(Instant::now());
    let now = server.under_way.fetch_add(1, SeqCst) + 1;
    server.most_under_way.fetch_max(now, SeqCst);
    let response = match server.next_mood() {
        Mood::Says(value) => result(value),
        Mood::Refuses(code, message) => {
            Json(json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})).into_response()
        }
        Mood::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Mood::Babbles(text) => text.into_response(),
        Mood::Late(milliseconds, value) => {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            result(value)
        }
    };
    server.under_way.fetch_sub(1, SeqCst);
    response
}

fn retry(tries: u32) -> Retry {
    Retry {
        tries,
        first_delay: Duration::from_millis(20),
        max_delay: Duration::from_millis(80),
        timeout: Duration::from_millis(300),
        ..Retry::default()
    }
}

async fn node(urls: &[&str], tries: u32) -> Node {
    Node::connect(&urls.join(", "), retry(tries)).await.unwrap()
}

fn head() -> Mood {
    Mood::Says(json!("0x10"))
}

/// Each failure that may pass is waited out; the wait doubles up to its bound.
#[tokio::test]
async fn passing_failures_are_repeated_with_growing_waits() {
    let moods = [
        Mood::Status(503),
        Mood::Status(429),
        Mood::Refuses(-32005, "daily request count exceeded"),
        Mood::Refuses(-32000, "Too Many Requests, slow down"),
        Mood::Late(2_000, json!("0x1")),
        head(),
    ];
    let (server, url) = Server::spawn(1, &moods).await;
    assert_eq!(node(&[&url], 6).await.head().await.unwrap(), 16);
    assert_eq!(server.count(), 6);
    let arrivals = server.arrivals.lock().unwrap();
    for (i, least) in [20, 40, 80, 80].into_iter().enumerate() {
        let waited = arrivals[i + 1] - arrivals[i];
        assert!(waited >= Duration::from_millis(least), "wait {i}: {waited:?}, expected {least} ms");
    }
}

#[tokio::test]
async fn final_failures_are_not_repeated() {
    for (mood, expected) in [
        (
            Mood::Refuses(-32601, "the method does not exist"),
            "refused eth_blockNumber: code -32601, the method does not exist",
        ),
        (Mood::Status(401), "refused eth_blockNumber: code 401, http status 401"),
        (Mood::Says(json!({"head": 1})), "answered eth_blockNumber in a form that does not parse"),
        (Mood::Babbles("<html>"), "answered eth_blockNumber in a form that does not parse"),
    ] {
        let (server, url) = Server::spawn(1, std::slice::from_ref(&mood)).await;
        let said = node(&[&url], 4).await.head().await.unwrap_err().to_string();
        assert!(said.contains(expected), "{mood:?}: {said}");
        assert_eq!(server.count(), 1, "{mood:?}");
    }
}

/// Whatever the first endpoint does, the second answers, without a wait.
#[tokio::test]
async fn second_endpoint_answers_for_the_first() {
    for mood in [
        Mood::Status(500),
        Mood::Status(401),
        Mood::Refuses(-32601, "the method does not exist"),
        Mood::Refuses(-32005, "rate limit"),
        Mood::Babbles("<html>"),
        Mood::Says(json!("sixteen")),
        Mood::Late(2_000, json!("0x1")),
    ] {
        let (_, bad) = Server::spawn(1, std::slice::from_ref(&mood)).await;
        let (good, url) = Server::spawn(1, &[head()]).await;
        assert_eq!(node(&[&bad, &url], 1).await.head().await.unwrap(), 16, "{mood:?}");
        assert_eq!(good.count(), 1, "{mood:?}");
    }
    let (_, url) = Server::spawn(1, &[head()]).await;
    assert_eq!(node(&["http://127.0.0.1:9", &url], 1).await.head().await.unwrap(), 16);
}

#[tokio::test]
async fn endpoint_that_is_down_is_no_longer_asked_first_one_that_refuses_is() {
    let (down, first) = Server::spawn(1, &[Mood::Status(500)]).await;
    let (_, second) = Server::spawn(1, &[head()]).await;
    let both = node(&[&first, &second], 1).await;
    for _ in 0..5 {
        both.head().await.unwrap();
    }
    assert_eq!(down.count(), 1);
    assert_eq!(both.label(), second);

    let (refusing, first) = Server::spawn(1, &[Mood::Refuses(-32601, "no such method")]).await;
    let both = node(&[&first, &second], 1).await;
    for _ in 0..5 {
        both.head().await.unwrap();
    }
    assert_eq!((refusing.count(), both.label()), (5, first.as_str()));
}

#[tokio::test]
async fn endpoint_of_another_chain_is_never_believed() {
    let (_, first) = Server::spawn(1, &[Mood::Status(500)]).await;
    let (other, second) = Server::spawn(5, &[head()]).await;
    let error = node(&[&first, &second], 2).await.head().await.unwrap_err();
    assert!(matches!(error, NodeError::OtherChain { expected: 1, got: 5, .. }), "{error}");
    assert_eq!(other.count(), 0);
}

/// A pruned node refuses in its own words; the archive behind it answers; alone, the error says what is missing.
#[tokio::test]
async fn archive_node_answers_for_a_pruned_one() {
    let answer = json!({"accountProof": ["0x80"], "balance": "0x", "nonce": 0, "storageProof": null});
    let (_, archive) = Server::spawn(1, &[Mood::Says(answer)]).await;
    for words in [
        "missing trie node 1b38 (path ) state 0x1b38 is not available",
        "distance to target block exceeds maximum proof window",
        "requested block is too old, block must be within 100000 blocks of the head block number (currently 9)",
        "historical state 0x1b38 is not available",
    ] {
        let (_, pruned) = Server::spawn(1, &[Mood::Refuses(-32000, words)]).await;
        let address = Address::repeat_byte(3);
        let alone = node(&[&pruned], 1).await.proof(7, address, &[]).await.unwrap_err();
        assert!(matches!(alone, NodeError::MissingState { number: 7, .. }), "{alone}");
        let proof = node(&[&pruned, &archive], 1).await.proof(7, address, &[]).await.unwrap();
        assert_eq!((proof.address, proof.balance, proof.code_hash), (address, U256::ZERO, B256::ZERO), "{words}");
    }
}

#[tokio::test]
async fn requests_under_way_are_bounded() {
    let (server, url) = Server::spawn(1, &[Mood::Late(20, json!("0x10"))]).await;
    let bound = Retry { parallel_requests: 3, ..retry(1) };
    let node = Node::connect(&url, Retry { timeout: Duration::from_secs(10), ..bound }).await.unwrap();
    let all = futures::future::join_all((0..24).map(|_| node.head())).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!((server.count(), server.most_under_way.load(SeqCst)), (24, 3));
}
