//! Private inputs over HTTP: real proofs with nothing of the inputs anywhere else, and what is refused.

use super::*;
use alloy::primitives::B256;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, OnceLock};
use vouch_indexer::db::Column;
use vouch_prover::circuits::Circuits;
use vouch_prover::opening::Opening;
use vouch_prover::score::CLASSES;
use vouch_prover::srs::Srs;

/// All that is logged while the tests of this file run.
fn log() -> &'static Mutex<Vec<u8>> {
    static LOG: OnceLock<Mutex<Vec<u8>>> = OnceLock::new();
    struct Writer;
    impl Write for Writer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            log().lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    LOG.get_or_init(|| {
        let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(|| Writer);
        tracing::subscriber::set_global_default(subscriber.finish()).unwrap();
        Mutex::default()
    })
}

fn body(opening: &Opening) -> Value {
    let Opening { commitment, bits, salt, values, .. } = opening;
    json!({ "commitment": commitment, "bits": bits, "salt": salt, "values": values })
}

/// Texts that would give the opening away.
fn secrets(opening: &Opening) -> Vec<String> {
    let values = opening.values.iter().flat_map(|v| [v.to_string(), format!("0x{v:016x}")]);
    values.chain([opening.salt.to_string()]).collect()
}

/// As a word of its own: a few digits may well stand in the middle of a proof.
fn assert_silent(what: &str, text: &str, secrets: &[String]) {
    let is_inside = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    for secret in secrets {
        let told = text.match_indices(secret.as_str()).any(|(at, _)| {
            !is_inside(text[..at].chars().next_back()) && !is_inside(text[at + secret.len()..].chars().next())
        });
        assert!(!told, "{what} has {secret}");
    }
}

fn subject(n: u8) -> String {
    format!("0x{}", hex::encode([n; 20]))
}

/// The model `affordability` with a threshold, and weights of its own.
async fn add_model(server: &Server, name: &str, salt: Option<B256>) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/affordability");
    let onnx = std::fs::read(folder.join("model.onnx")).unwrap();
    let plan = std::fs::read_to_string(folder.join("plan.toml")).unwrap();
    let rows = std::fs::read_to_string(folder.join("calibrate.csv")).unwrap();
    let plan = format!("disclose = {{ below = 0.2 }}\n{plan}");
    let training = json!({"source": "a survey", "period": "2020 to 2024", "rows": 12_000, "hash": "sha256:00"});
    let new = json!({
        "name": name, "plan": plan, "onnx": base64(&onnx), "calibration": rows, "salt": salt, "training": training, "about": "# For flats",
    });
    let new = new.to_string();
    let (status, _, text) = server.call(Method::POST, "/v1/models", Some(&new)).await;
    assert_eq!(status, StatusCode::CREATED, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// Features, training data, accuracy, calibration, hashes, and what else a decision about a model takes.
fn is_what_a_risk_committee_asks_for(card: &Value) {
    let text = |value: &Value| value.as_str().map(str::to_owned).unwrap_or_default();
    let names: Vec<String> = card["private"].as_array().unwrap().iter().map(|input| text(&input["name"])).collect();
    assert_eq!(names, ["income", "debts", "job_months", "rent"]);
    assert_eq!(card["features"], json!([]), "this model reads nothing of the chain");
    let training = json!({"source": "a survey", "period": "2020 to 2024", "rows": 12_000, "hash": "sha256:00"});
    assert_eq!(card["training"], training);
    let calibration = &card["calibration"];
    assert_eq!(calibration["rows"], 256);
    for (quality, low, high) in [
        ("float_accuracy", 0.5, 1.0),
        ("accuracy", 0.5, 1.0),
        ("float_auc", 0.5, 1.0),
        ("auc", 0.5, 1.0),
        ("max_abs_error", 1e-9, 1e-3),
        ("mean_abs_error", 1e-9, 1e-3),
        ("max_relative_error", 1e-9, 1e-3),
        ("mean_relative_error", 1e-9, 1e-3),
    ] {
        let got = calibration[quality].as_f64().unwrap_or(f64::NAN);
        assert!((low..=high).contains(&got), "{quality} {got}");
    }
    for hash in ["model_id", "structure_id", "class_id", "onnx_keccak", "rows_keccak"] {
        assert_eq!(text(&card[hash]).len(), 66, "{hash}");
    }
    for cost in ["cpu_seconds", "peak_mb", "key_mb"] {
        assert!(card["expected"][cost].as_f64().unwrap() > 0.0, "{cost}");
    }
    assert!(card["layers"].as_array().unwrap().len() > 1 && card["precision"] == 16 && card["version"] == 1);
    assert_eq!(
        (&card["about"], &card["deprecated"], &card["proofs_left"]),
        (&json!("# For flats"), &Value::Null, &Value::Null)
    );
    assert!(card["added_at"].as_u64().unwrap() > 0 && text(&card["plan"]).contains("private"));
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let word = (0..3).fold(0_u32, |word, i| word << 8 | u32::from(group.get(i).copied().unwrap_or(0)));
        for i in 0..4 {
            let digit = char::from(DIGITS[(word >> (18 - 6 * i) & 63) as usize]);
            out.push(if i <= group.len() { digit } else { '=' });
        }
    }
    out
}

/// A household that pays, and one that may not: income, debts, months and rent in the units of the plan.
const GOOD: [f64; 4] = [11.234567, 0.345678, 1.987654, 0.221133];
const BAD: [f64; 4] = [1.534567, 2.845678, 0.087654, 0.621133];

fn household(numbers: [f64; 4], salt: u8) -> Opening {
    let mut random = [salt; 32];
    random[0] = 0;
    Opening::new(30, numbers.map(|v| (v * 65_536.0) as i64).to_vec(), random.into()).unwrap()
}

async fn ask_private(server: &Server, model: &Value, subject: &str, opening: &Opening) -> Value {
    let ask =
        json!({"model": model["model_id"], "subject": subject, "as_of": 20, "private": body(opening)}).to_string();
    let (status, _, text) = server.call(Method::POST, "/v1/queries", Some(&ask)).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{text}");
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn private_inputs_and_weights_are_nowhere_but_in_the_proof() {
    log();
    let dir = tempfile::tempdir().unwrap();
    let replay = Replay::new(31_337);
    grow(&replay, 30, 0);
    let db = Db::open(dir.path()).unwrap();
    let indexer = index(&replay, db.clone()).await;
    let keys = std::env::temp_dir().join("vouch-test-srs");
    let srs = Srs::development(&keys, CLASSES[4].k).unwrap();
    let engine: Arc<dyn Engine> = Arc::new(Circuits::open(db.clone(), keys, srs, &[]).unwrap());
    let server = Server { node: Node::new(Queue::new(db.clone(), indexer, engine, bounds())), replay, _dir: dir };

    let weights_salt = B256::repeat_byte(0x5a);
    let model = add_model(&server, "open", None).await;
    let hidden = add_model(&server, "hidden", Some(weights_salt)).await;
    assert_eq!((&model["outputs"], &model["structure_id"]), (&json!(1), &hidden["structure_id"]));
    let (_, card) = server.get("/v1/models/open").await;
    assert_eq!(
        card["disclose"],
        json!({"output": 0, "above": false, "bound": 13_108, "threshold": 13_108.0 / 65_536.0})
    );
    assert_eq!(card["private"][0], json!({"name": "income", "divisor": "10000", "bits": 30}));
    is_what_a_risk_committee_asks_for(&card);
    assert_eq!(server.get("/v1/adding").await, (StatusCode::OK, Value::Null));

    let (good, bad) = (household(GOOD, 0x77), household(BAD, 0x78));
    let mut seen = String::new();
    for (model, opening, says) in [(&model, &good, "65536"), (&model, &bad, "0"), (&hidden, &good, "65536")] {
        let query = ask_private(&server, model, &subject(1), opening).await;
        assert_eq!(query["query"]["inputs"], json!(opening.commitment));
        server.finish().await;
        let path = format!("/v1/queries/{}", query["id"].as_str().unwrap());
        let (_, query) = server.get(&path).await;
        assert_eq!((query["state"].as_str(), query["error"].as_str()), (Some("proven"), None), "{query}");
        let (_, proof) = server.get(&format!("{path}/proof")).await;
        assert_eq!(proof["claim"]["outputs"], json!([says, "0", "0", "0"]), "the answer, and not the score");
        assert_eq!(proof["claim"]["inputs"], json!(opening.commitment));
        assert_eq!(proof["claim"]["digest"], json!(B256::ZERO));
        assert_eq!(proof["claim"]["roots"], json!(vec![B256::ZERO; 4]), "no fact is read");
        // it would be refused: whoever asks chooses the inputs
        assert!(proof["calldata"]["submit"].is_null() && proof["calldata"]["multicall"].is_null());
        for path in [&path, &format!("{path}/proof"), &format!("{path}/calldata")] {
            seen += &server.call(Method::GET, path, None).await.2;
        }
    }
    for path in
        ["/v1/queries", "/v1/models", "/v1/models/open", "/v1/models/hidden", "/v1/status", "/metrics", "/v1/watch"]
    {
        seen += &server.call(Method::GET, path, None).await.2;
    }
    let path = format!("/v1/scores/{}/{}", model["model_id"].as_str().unwrap(), subject(1));
    server.problem(Method::GET, &path, None, 404, "unknown_score").await;

    let mut hidden_things = [secrets(&good), secrets(&bad)].concat();
    hidden_things.push(weights_salt.to_string());
    assert!(seen.len() > 20_000);
    assert_silent("what is served", &seen, &hidden_things);
    let logged = String::from_utf8_lossy(&log().lock().unwrap()).into_owned();
    assert!(logged.contains("/v1/queries") && logged.len() > 1_000, "the log is looked at");
    assert_silent("the log", &logged, &hidden_things);
    // the openings alone: weights and their salt are stored, as SPEC.md says
    for column in [Column::Jobs, Column::Artifacts, Column::Meta, Column::Models] {
        for (key, value) in db.scan(column, &[]).unwrap() {
            let stored = format!("{} {}", String::from_utf8_lossy(&key), String::from_utf8_lossy(&value));
            assert_silent("the store", &stored, &[secrets(&good), secrets(&bad)].concat());
        }
    }
    let unknown =
        json!({"model": model["model_id"], "subject": subject(2), "as_of": 20, "inputs": good.commitment}).to_string();
    server.problem(Method::POST, "/v1/queries", Some(&unknown), 422, "opening_needed").await;
}

/// A node whose fast engine has a model of `count` private inputs of 26 bits.
async fn fast(count: u32) -> Server {
    Server::with(Fast { private: count.into(), ..Fast::default() }).await
}

fn small(values: &[i64]) -> Opening {
    Opening::new(26, values.to_vec(), B256::with_last_byte(9)).unwrap()
}

fn question(change: impl Fn(&mut Value)) -> String {
    let mut ask = json!({"model": MODEL, "subject": subject(1), "as_of": 20, "private": body(&small(&[77, -5]))});
    change(&mut ask);
    ask.to_string()
}

#[tokio::test]
async fn an_opening_that_does_not_belong_is_refused() {
    let server = fast(2).await;
    let refused = async |change: &dyn Fn(&mut Value), kind: &str| {
        server.problem(Method::POST, "/v1/queries", Some(&question(change)), 422, kind).await
    };
    let detail = refused(&|ask| ask["private"]["values"][0] = json!(78), "opening").await;
    assert!(detail.starts_with("opening: inputs and salt give the commitment 0x"), "{detail}");
    refused(&|ask| ask["private"]["salt"] = json!(B256::ZERO), "opening").await;
    refused(&|ask| ask["inputs"] = json!(B256::with_last_byte(1)), "opening").await;
    refused(&|ask| ask["private"]["pin"] = json!(1), "body").await;
    let detail = refused(&|ask| ask["private"] = body(&small(&[1, 2, 3])), "opening").await;
    assert_eq!(detail, format!("commitment of 3 inputs of 26 bits: model {MODEL} has 2 of 26"));
    let detail = refused(&|ask| ask["private"] = Value::Null, "opening_needed").await;
    assert!(detail.starts_with(&format!("model {MODEL} has 2 private inputs")), "{detail}");
    assert_eq!(server.get("/v1/queries").await.1, json!([]));

    let public = fast(0).await;
    let detail = public.problem(Method::POST, "/v1/queries", Some(&question(|_| {})), 422, "opening").await;
    assert!(detail.starts_with(&format!("model {MODEL} has no private inputs, got the commitment 0x")), "{detail}");
}

#[tokio::test]
async fn another_commitment_is_another_question() {
    let server = fast(2).await;
    let ask = async |opening: &Opening| {
        let text = question(|ask| ask["private"] = body(opening));
        let (status, _, text) = server.call(Method::POST, "/v1/queries", Some(&text)).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{text}");
        serde_json::from_str::<Value>(&text).unwrap()["id"].clone()
    };
    let (one, other) = (small(&[77, -5]), small(&[78, -5]));
    let (first, same, second) = (ask(&one).await, ask(&one).await, ask(&other).await);
    assert!(first == same && first != second);
    server.finish().await;
    for (id, says) in [(&first, "77"), (&second, "78")] {
        let (_, proof) = server.get(&format!("/v1/queries/{}/proof", id.as_str().unwrap())).await;
        assert_eq!(proof["claim"]["outputs"][0], says);
    }
    // proven: asked again, it is the same query, and nothing is held for it
    assert_eq!(ask(&one).await, first);
    let named = question(|ask| (ask["private"], ask["inputs"]) = (Value::Null, json!(one.commitment)));
    server.problem(Method::POST, "/v1/queries", Some(&named), 422, "opening_needed").await;
}

#[tokio::test]
async fn an_opening_given_before_is_used_by_its_name() {
    let server = fast(2).await;
    let opening = small(&[77, -5]);
    let mut given = body(&opening);
    let detail = server.problem(Method::POST, "/v1/openings", Some(&given.to_string()), 422, "opening").await;
    assert!(detail.contains("expected `model`"), "{detail}");
    given["model"] = json!(MODEL);
    let mut lie = given.clone();
    lie["values"][1] = json!(-6);
    server.problem(Method::POST, "/v1/openings", Some(&lie.to_string()), 422, "opening").await;
    let (status, _, text) = server.call(Method::POST, "/v1/openings", Some(&given.to_string())).await;
    assert_eq!(status, StatusCode::OK);
    let held: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(held, json!({"commitment": opening.commitment, "count": 2, "bits": 26}));
    let named = question(|ask| (ask["private"], ask["inputs"]) = (Value::Null, json!(opening.commitment)));
    let (status, _, _) = server.call(Method::POST, "/v1/queries", Some(&named)).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    server.finish().await;
    let (_, all) = server.get("/v1/queries").await;
    assert_eq!((all[0]["state"].as_str(), all[0]["outputs"][0].as_str()), (Some("proven"), Some("77")));
}
