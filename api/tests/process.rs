//! The real program: killed in each stage, stopped while it proves, started twice; every accepted query is answered all the same, and
//! its proof holds for `vouch verify`.
//!
//! Keys are kept in `VOUCH_KEYS` if it is set, else in the folder of cargo for tests.

#[path = "../../prover/tests/support/mod.rs"]
mod support;

use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use support::grow;
use vouch_indexer::replay::Replay;

/// Longest wait for anything; keys may have to be made first.
const PATIENCE: Duration = Duration::from_secs(400);

struct Place {
    rpc: String,
    dir: tempfile::TempDir,
    keys: PathBuf,
}

impl Place {
    fn vouch(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vouch"));
        command.args(args).env("VOUCH_RPC", &self.rpc).env("VOUCH_KEYS", &self.keys).env_remove("VOUCH_SIGNER_KEY");
        command
    }

    fn serve(&self) -> Command {
        let mut command = self.vouch(&["serve", "--json", "--listen", "127.0.0.1:0", "--data"]);
        command.arg(self.dir.path().join("data"));
        command
    }

    /// Starts the node and waits for its address.
    fn start(&self) -> Node {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.dir.path().join("log")).unwrap();
        let mut child = self.serve().stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line:?}\n{}", self.log()));
        Node { child, url: said["url"].as_str().unwrap().to_owned() }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }
}

struct Node {
    child: Child,
    url: String,
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Node {
    async fn call(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let client = reqwest::Client::new();
        let mut request = client.request(method, format!("{}{path}", self.url));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    async fn state(&self, id: &str) -> String {
        let (status, query) = self.call(reqwest::Method::GET, &format!("/v1/queries/{id}"), None).await;
        assert_eq!(status, 200, "an accepted query is never lost: {query}");
        assert_ne!(query["state"], "failed", "{query}");
        query["state"].as_str().unwrap().to_owned()
    }

    async fn reaches(&self, id: &str, stage: &str) {
        let start = Instant::now();
        while self.state(id).await != stage {
            assert!(start.elapsed() < PATIENCE, "{stage} was not reached");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// SIGKILL.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; asserts a clean and quick end.
    fn terminate(mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(15) {
            if let Some(status) = self.child.try_wait().unwrap() {
                return assert!(status.success(), "{status}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the node does not stop");
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Nine features of one fact, for the nine weights of models/logistic.
fn plan() -> String {
    let feature = |i| {
        format!(
            "[[feature]]\nname = \"f{i}\"\nsource = {{ kind = \"header\", field = \"timestamp\", bits = \"0..32\", decimals = 9 }}\n\
             make = \"last\"\n"
        )
    };
    (0..9).fold("blocks = { back = 0, every = 1 }\n".to_owned(), |plan, i| plan + &feature(i))
}

/// `vouch model add times.onnx`, as a user does it: steps on standard error, the model with the transaction that registers it on standard output.
fn add(place: &Place, node: &Node) -> Value {
    let file = |name: &str| place.dir.path().join(name);
    let onnx = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/logistic/model.onnx");
    std::fs::copy(onnx, file("times.onnx")).unwrap();
    std::fs::write(file("plan.toml"), plan()).unwrap();
    let row = |v: f64| (0..9).map(|i| format!("{:.3}", v + f64::from(i) / 9.0)).collect::<Vec<_>>().join(",");
    let header = (0..9).map(|i| format!("f{i}")).collect::<Vec<_>>().join(",");
    std::fs::write(file("rows.csv"), format!("{header},label\n{},0\n{},1\n", row(0.0), row(2.0))).unwrap();
    let mut command = place.vouch(&["model", "add", "--json", "--node", &node.url]);
    let Output { status, stdout, stderr } = command
        .arg(file("times.onnx"))
        .arg("--plan")
        .arg(file("plan.toml"))
        .arg("--calibrate")
        .arg(file("rows.csv"))
        .output()
        .unwrap();
    let said = text(&stderr);
    assert!(status.success(), "{said}");
    let steps = [
        "importing and folding",
        "quantising and calibrating",
        "checking sizes",
        "of the range of the output",
        "AUC",
        "expected of a proof",
        "the node: ",
    ];
    let places: Vec<Option<usize>> = steps.iter().map(|step| said.find(step)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{said}");
    let model: Value = serde_json::from_slice(&stdout).unwrap();
    let (calldata, key) = (model["registration"]["data"].as_str().unwrap(), model["key"].as_str().unwrap());
    assert!(calldata.contains(&key[2..]) && model["registration"]["state"] == "to_send", "{model}");
    assert_eq!(
        (&model["name"], &model["version"], &model["expected"]["cpu_seconds"]),
        (&json!("times"), &json!(1), &json!(0.45))
    );
    model
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_each_stage_stopped_while_proving_and_started_twice_every_query_is_answered() {
    let replay = Replay::new(31_337);
    grow(&replay, 30, 0);
    let kept = || Path::new(env!("CARGO_TARGET_TMPDIR")).join("keys");
    let place = Place {
        rpc: replay.spawn().await.unwrap(),
        dir: tempfile::tempdir().unwrap(),
        keys: std::env::var_os("VOUCH_KEYS").map_or_else(kept, PathBuf::from),
    };
    let node = place.start();

    let Output { status, stderr, .. } = place.serve().output().unwrap();
    assert!(!status.success(), "two nodes on one directory");
    assert!(text(&stderr).contains("is in use by another process"), "{}", text(&stderr));

    let model = add(&place, &node);
    let deprecate = json!({"reason": "the clock was wrong"});
    let (status, old) = node.call(reqwest::Method::POST, "/v1/models/times@1/deprecate", Some(deprecate)).await;
    assert_eq!((status, &old["deprecated"]), (200, &json!("the clock was wrong")), "{old}");
    let ask = json!({"model": model["model_id"], "subject": format!("0x{}", "01".repeat(20)), "as_of": 20});
    let (status, query) = node.call(reqwest::Method::POST, "/v1/queries", Some(ask)).await;
    assert_eq!(status, 202, "{query}");
    let id = query["id"].as_str().unwrap();
    // Accepted, and killed before anything came of it.
    node.kill();

    let node = place.start();
    node.reaches(id, "proving_history").await;
    node.kill();

    let node = place.start();
    node.reaches(id, "proving_history").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    node.terminate();
    assert!(place.log().contains("SIGTERM: stopping; unfinished jobs resume at the next start"), "{}", place.log());

    let node = place.start();
    node.reaches(id, "proving_score").await;
    node.kill();

    let node = place.start();
    let (status, card) = node.call(reqwest::Method::GET, "/v1/models/times", None).await;
    assert_eq!((status, &card["model_id"], &card["version"]), (200, &model["model_id"], &json!(1)), "{card}");
    assert_eq!(card["deprecated"], "the clock was wrong", "a deprecation outlives the process");
    assert_eq!(card["features"].as_array().map(Vec::len), model["inputs"].as_u64().map(|n| n as usize));
    node.reaches(id, "proven").await;
    let (_, proof) = node.call(reqwest::Method::GET, &format!("/v1/queries/{id}/proof"), None).await;
    node.terminate();

    let verify = |proof: &Value, more: &[&str]| {
        let file = place.dir.path().join("proof.json");
        std::fs::write(&file, serde_json::to_vec(proof).unwrap()).unwrap();
        place.vouch(&["verify", "--json"]).args(more).arg(&file).output().unwrap()
    };
    let honest = verify(&proof, &[]);
    assert!(honest.status.success(), "{}", text(&honest.stderr));
    let said: Value = serde_json::from_slice(&honest.stdout).unwrap();
    assert_eq!(
        (&said["valid"], &said["anchors_checked"], &said["is_development"]),
        (&json!(true), &json!(true), &json!(true))
    );
    let line = said["model_check"].as_str().unwrap();
    assert!(line.starts_with(&format!("vouch model verify --model {}", model["model_id"].as_str().unwrap())), "{line}");

    // without a chain the proofs may hold, the score is not said to be valid
    let file = place.dir.path().join("proof.json");
    let mut alone = place.vouch(&["verify", "--json"]);
    let alone = alone.env_remove("VOUCH_RPC").arg(&file).output().unwrap();
    assert!(text(&alone.stderr).contains("--rpc"), "{}", text(&alone.stderr));
    let mut alone = place.vouch(&["verify", "--json", "--no-anchors"]);
    let alone = alone.env_remove("VOUCH_RPC").arg(&file).output().unwrap();
    let said: Value = serde_json::from_slice(&alone.stdout).expect("an answer");
    assert_eq!((&said["valid"], &said["anchors_checked"]), (&Value::Null, &json!(false)));

    let refused = |change: &dyn Fn(&mut Value), more: &[&str]| {
        let mut lie = proof.clone();
        change(&mut lie);
        let output = verify(&lie, more);
        assert!(!output.status.success());
        text(&output.stderr)
    };
    assert!(refused(&|p| p["claim"]["outputs"][0] = json!("1"), &[]).contains("rejects the proof"));
    assert!(
        refused(&|p| p["chain_id"] = json!(1), &[]).contains("the development srs is unsafe and refused on chain 1")
    );
    assert!(refused(&|p| p["histories"][0]["anchors"] = json!([]), &[]).contains("expected 1 to 8 anchors, got 0"));
    assert!(refused(&|_| (), &["--ceremony", "/no/such.ptau"]).contains("/no/such.ptau"));
    // The chain has changed since: the proof is as good as before, but not of this chain.
    replay.chain().truncate(19);
    grow(&replay, 31, 7);
    assert!(refused(&|_| (), &[]).contains("block 20: the chain has hash 0x"));
}
