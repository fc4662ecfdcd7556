//! The HTTP interface over a made-up chain and a fast engine: answers, problems, events.

#[path = "../../prover/tests/support/mod.rs"]
mod support;

#[path = "http/private.rs"]
mod private;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use support::{Fast, MODEL, bounds, grow, index};
use tower::ServiceExt;
use vouch_api::http::router;
use vouch_api::node::Node;
use vouch_indexer::db::Db;
use vouch_indexer::replay::Replay;
use vouch_prover::engine::Engine;
use vouch_prover::queue::Queue;

struct Server {
    node: Node,
    replay: Replay,
    _dir: tempfile::TempDir,
}

impl Server {
    async fn start() -> Self {
        Self::with(Fast::default()).await
    }

    async fn with(engine: Fast) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let replay = Replay::new(31_337);
        grow(&replay, 30, 0);
        let db = Db::open(dir.path()).unwrap();
        let indexer = index(&replay, db.clone()).await;
        let engine: Arc<dyn Engine> = Arc::new(engine);
        Self { node: Node::new(Queue::new(db, indexer, engine, bounds())), replay, _dir: dir }
    }

    async fn call(&self, method: Method, path: &str, body: Option<&str>) -> (StatusCode, String, String) {
        let mut request = Request::builder().method(method).uri(path);
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let request = request.body(body.map_or(Body::empty(), |b| Body::from(b.to_owned()))).unwrap();
        let response = router(self.node.clone()).oneshot(request).await.unwrap();
        assert!(response.headers().contains_key("x-request-id"), "every answer has a request id");
        let kind = response.headers().get("content-type").map(|v| v.to_str().unwrap().to_owned());
        let status = response.status();
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 24).await.unwrap();
        (status, kind.unwrap_or_default(), String::from_utf8(bytes.to_vec()).unwrap())
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        let (status, _, body) = self.call(Method::GET, path, None).await;
        (status, serde_json::from_str(&body).unwrap())
    }

    async fn ask(&self, as_of: u64) -> (StatusCode, Value) {
        let body = json!({"model": MODEL, "subject": format!("0x{}", "01".repeat(20)), "as_of": as_of}).to_string();
        let (status, _, body) = self.call(Method::POST, "/v1/queries", Some(&body)).await;
        (status, serde_json::from_str(&body).unwrap())
    }

    async fn finish(&self) {
        while self.node.queue.step().await.unwrap() {}
    }

    /// Asserts a problem document of this kind and returns its detail.
    async fn problem(&self, method: Method, path: &str, body: Option<&str>, status: u16, kind: &str) -> String {
        let (got, content_type, text) = self.call(method, path, body).await;
        let problem: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((got.as_u16(), problem["kind"].as_str()), (status, Some(kind)), "{text}");
        assert_eq!(content_type, "application/problem+json");
        assert_eq!(problem["status"], status);
        assert!(problem["instance"].is_string() && problem["title"].is_string(), "{text}");
        problem["detail"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn query_is_asked_proven_and_handed_out() {
    let server = Server::start().await;
    let (status, query) = server.ask(20).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!(query["state"], "queued");
    let path = format!("/v1/queries/{}", query["id"].as_str().unwrap());
    server.problem(Method::GET, &format!("{path}/proof"), None, 409, "not_proven").await;
    server.finish().await;
    let (_, query) = server.get(&path).await;
    assert_eq!(query["state"], "proven");
    assert_eq!(query["outputs"][0], (12 * 54).to_string());
    let (status, proof) = server.get(&format!("{path}/proof")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(proof["claim"]["outputs"], json!(["648", "0", "0", "0"]));
    assert_eq!(proof["histories"][0]["anchors"].as_array().unwrap().len(), 3);
    let (_, score) = server.get(&format!("/v1/scores/{MODEL}/0x{}", "01".repeat(20))).await;
    assert_eq!((score["as_of"].as_u64(), score["outputs"][0].as_str()), (Some(20), Some("648")));
    let (_, all) = server.get("/v1/queries").await;
    assert_eq!(all.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn events_tell_the_stages_and_end() {
    let server = Server::start().await;
    let (_, query) = server.ask(20).await;
    let path = format!("/v1/queries/{}/events", query["id"].as_str().unwrap());
    let (answer, ()) = tokio::join!(server.call(Method::GET, &path, None), async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        server.finish().await;
    });
    let (status, kind, body) = answer;
    assert_eq!((status, kind.as_str()), (StatusCode::OK, "text/event-stream"));
    let stages: Vec<&str> = body.split("\"stage\":\"").skip(1).map(|s| s.split('"').next().unwrap()).collect();
    assert_eq!(stages, ["queued", "evidence", "proving_history", "proving_score", "proven"]);
    assert!(body.starts_with("event: progress"));
}

#[tokio::test]
async fn bad_input_is_a_problem_that_says_what_is_wrong() {
    let server = Server::start().await;
    let subject = format!("0x{}", "01".repeat(20));
    let body = |model: &str, as_of: u64| json!({"model": model, "subject": subject, "as_of": as_of}).to_string();
    let post = Method::POST;
    let model = MODEL.to_string();
    let detail = server.problem(post.clone(), "/v1/queries", Some(&body(&model, 31)), 422, "block_in_the_future").await;
    assert_eq!(detail, "block 31 is in the future: the index ends at block 30");
    server.problem(post.clone(), "/v1/queries", Some(&body(&model, 3)), 422, "block_before_the_window").await;
    let other = format!("0x{}", "00".repeat(32));
    server.problem(post.clone(), "/v1/queries", Some(&body(&other, 20)), 404, "unknown_model").await;
    let detail = server.problem(post.clone(), "/v1/queries", Some(&body("0x12", 20)), 422, "body").await;
    assert!(detail.contains("model"), "{detail}");
    server.problem(post.clone(), "/v1/queries", Some("{"), 400, "body").await;
    server.problem(post.clone(), "/v1/queries", Some(r#"{"modle": 1}"#), 422, "body").await;
    let large = format!("{{\"model\": \"{}\"}}", "x".repeat((1 << 20) + 1));
    server.problem(post.clone(), "/v1/queries", Some(&large), 413, "body").await;
    server.problem(post.clone(), "/v1/queries", None, 415, "body").await;
    server.problem(Method::GET, "/v1/queries/abc", None, 404, "unknown_query").await;
    server.problem(Method::GET, "/v1/scores/0x12/0x34", None, 400, "path").await;
    server.problem(Method::GET, &format!("/v1/scores/{model}/{subject}"), None, 404, "unknown_score").await;
    server.problem(Method::GET, "/v2", None, 404, "unknown_path").await;
    server.problem(Method::DELETE, "/v1/queries", None, 405, "wrong_method").await;
    let model = json!({"name": "m", "plan": "", "onnx": "!"}).to_string();
    server.problem(post.clone(), "/v1/models", Some(&model), 422, "body").await;
    let model = json!({"name": "m", "plan": "", "onnx": ""}).to_string();
    let detail = server.problem(post, "/v1/models", Some(&model), 422, "model").await;
    assert_eq!(detail, "model m: this engine takes no models");
}

#[tokio::test]
async fn full_queue_asks_to_come_back() {
    let server = Server::start().await;
    for as_of in 20..24 {
        assert_eq!(server.ask(as_of).await.0, StatusCode::ACCEPTED);
    }
    let (status, problem) = server.ask(24).await;
    assert_eq!((status, problem["kind"].as_str()), (StatusCode::SERVICE_UNAVAILABLE, Some("queue_full")));
}

#[tokio::test]
async fn proof_of_blocks_that_left_the_chain_is_not_handed_out() {
    let server = Server::start().await;
    let (_, query) = server.ask(20).await;
    server.finish().await;
    server.replay.chain().truncate(19);
    grow(&server.replay, 31, 7);
    server.node.queue.indexer().catch_up().await.unwrap();
    let path = format!("/v1/queries/{}", query["id"].as_str().unwrap());
    server.problem(Method::GET, &format!("{path}/proof"), None, 409, "not_proven").await;
    server.finish().await;
    let (status, proof) = server.get(&format!("{path}/proof")).await;
    assert_eq!((status, proof["claim"]["outputs"][0].as_str()), (StatusCode::OK, Some("655")));
}

#[tokio::test]
async fn status_document_and_page_are_there() {
    let server = Server::start().await;
    let (_, status) = server.get("/v1/status").await;
    assert_eq!((status["index"]["tip"].as_u64(), status["index"]["chain_id"].as_u64()), (Some(30), Some(31_337)));
    let (_, document) = server.get("/v1/openapi.json").await;
    assert!(document["paths"]["/v1/queries"]["post"].is_object());
    let (status, kind, page) = server.call(Method::GET, "/", None).await;
    assert_eq!(status, StatusCode::OK);
    assert!(kind.starts_with("text/html") && page.contains("/page.js"));
    server.problem(Method::GET, "/ethers.js", None, 404, "no_ethers").await;
    let (status, _, _) = server.call(Method::GET, "/metrics", None).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn calldata_alone_is_handed_out_and_only_of_proven_queries() {
    let mut server = Server::start().await;
    server.node.contracts.vouch = Some(alloy::primitives::Address::repeat_byte(0xaa));
    let (_, query) = server.ask(20).await;
    let path = format!("/v1/queries/{}/calldata", query["id"].as_str().unwrap());
    server.problem(Method::GET, &path, None, 409, "not_proven").await;
    server.finish().await;
    let (status, calls) = server.get(&path).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(calls["submit"]["to"], format!("0x{}", "aa".repeat(20)));
    assert!(calls["multicall"]["data"].as_str().unwrap().len() > 1_000);
    // No request on chain, and no address of HistoryRoots.
    assert!(calls["fulfil"].is_null() && calls["post"].is_null());
}

#[tokio::test]
async fn request_id_of_the_caller_comes_back_and_names_the_problem() {
    let server = Server::start().await;
    let request =
        Request::builder().uri("/v1/queries/abc").header("x-request-id", "caller-7").body(Body::empty()).unwrap();
    let response = router(server.node.clone()).oneshot(request).await.unwrap();
    assert_eq!(response.headers()["x-request-id"], "caller-7");
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 16).await.unwrap();
    let problem: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!((problem["instance"].as_str(), problem["status"].as_u64()), (Some("caller-7"), Some(404)));
    assert_eq!(problem["type"], "urn:vouch:problem:unknown_query");
}

#[tokio::test]
async fn events_and_models_of_nothing() {
    let server = Server::start().await;
    server.problem(Method::GET, "/v1/queries/abc/events", None, 404, "unknown_query").await;
    server.problem(Method::GET, "/v1/queries/abc/calldata", None, 404, "unknown_query").await;
    assert_eq!(server.get("/v1/models").await, (StatusCode::OK, json!([])));
    let detail = server.problem(Method::GET, "/v1/models/risk@2", None, 404, "unknown_model").await;
    assert_eq!(detail, "expected a model id, NAME or NAME@VERSION of this node's 0 models, got risk@2");
    let path = "/v1/models/risk/deprecate";
    server.problem(Method::POST, path, Some("{\"reason\": null}"), 404, "unknown_model").await;
    server.problem(Method::POST, path, Some("{\"why\": 1}"), 422, "body").await;
}

#[tokio::test]
async fn metrics_tell_index_and_jobs() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let mut server = Server::start().await;
    server.node.metrics = Some(recorder.handle());
    let _guard = metrics::set_default_local_recorder(&recorder);
    server.ask(20).await;
    let (status, kind, text) = server.call(Method::GET, "/metrics", None).await;
    assert_eq!((status, kind.as_str()), (StatusCode::OK, "text/plain; version=0.0.4"));
    for line in ["vouch_index_tip 30", "vouch_queries_total 1", "vouch_jobs{stage=\"queued\"} 1"] {
        assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
    }
}

#[tokio::test]
async fn full_disk_and_lying_node_have_statuses_of_their_own() {
    use vouch_api::http::error::Problem;
    use vouch_indexer::IndexError;
    use vouch_indexer::db::DbError;
    let full = || DbError::Full { path: "data".into(), detail: "No space left on device".into() };
    for problem in [
        Problem::from(IndexError::Db(full())),
        Problem::from(vouch_prover::jobs::JobError::Db(full())),
        Problem::from(vouch_prover::queue::QueueError::Index(IndexError::Db(full()))),
    ] {
        assert_eq!((problem.status, problem.kind), (507, "disk_full"));
        assert!(problem.detail.starts_with("disk is full, data directory data"), "{}", problem.detail);
    }
    let lie = IndexError::NumberMismatch { expected: 3, got: 4 };
    assert_eq!((Problem::from(lie).status), 502);
}

#[tokio::test]
async fn plan_of_a_contract_without_code_is_a_problem_of_query_and_model() {
    let server = Server::with(Fast { reads_storage: true.into(), ..Fast::default() }).await;
    for number in [20, 30] {
        let proof = alloy::rpc::types::EIP1186AccountProofResponse { address: support::CONTRACT, ..Default::default() };
        server.replay.chain().proofs.insert((number, support::CONTRACT), proof);
    }
    let body = json!({"model": MODEL, "subject": format!("0x{}", "01".repeat(20)), "as_of": 20}).to_string();
    let kind = "contract_without_code";
    let detail = server.problem(Method::POST, "/v1/queries", Some(&body), 422, kind).await;
    assert_eq!(detail, format!("block 20: contract {} named by the plan has no code", support::CONTRACT));
    let model = json!({"name": "m", "plan": "", "onnx": ""}).to_string();
    let detail = server.problem(Method::POST, "/v1/models", Some(&model), 422, kind).await;
    assert_eq!(detail, format!("block 30: contract {} named by the plan has no code", support::CONTRACT));
}
