//! Models: add one, list them, audit one.

use super::error::{Body, InPath, Problem};
use super::queries::real;
use crate::node::Node;
use alloy::primitives::{Address, B256, Bytes};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use utoipa::ToSchema;
use vouch_circuits::plan::{Number, Plan};
use vouch_circuits::score::salt::Salt;
use vouch_indexer::IndexError;
use vouch_prover::draw::View;
use vouch_prover::engine::{Adding, AuditAnswer, AuditTask, Calibration, EngineError, ModelInfo, NewModel, Training};
use vouch_prover::evidence;
use vouch_prover::expected::Expected;
use vouch_prover::onnx::Precision;
use vouch_prover::scores::card;

/// A model to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddModel {
    /// For people.
    name: String,
    /// The plan, TOML.
    plan: String,
    /// The ONNX file in base64.
    onnx: String,
    /// Rows of features, CSV.
    calibration: Option<String>,
    /// 32 secret random bytes that make the weights private, 0x-hex.
    #[schema(value_type = Option<String>)]
    salt: Option<B256>,
    /// What the author says of it, Markdown, at most 64 KB.
    about: Option<String>,
    /// What it was trained on: `source`, and if known `period`, `rows` and `hash`.
    #[schema(value_type = Option<Object>)]
    training: Option<Training>,
    /// Fraction bits of the numbers between the layers, 8 to 24; 16 if it is left out.
    precision: Option<u32>,
}

/// A model of the node.
#[derive(Serialize, ToSchema)]
pub struct ModelView {
    /// The model id.
    #[schema(value_type = String)]
    model_id: B256,
    /// The structure id: plan, quantisation and layers without the weights.
    #[schema(value_type = String)]
    structure_id: B256,
    /// The size class, which is the deployed verifier.
    #[schema(value_type = String)]
    class_id: B256,
    /// For people.
    name: String,
    /// The plan, TOML.
    plan: String,
    /// What `ModelRegistry.register` takes.
    #[schema(value_type = String)]
    key: Bytes,
    /// Features.
    inputs: usize,
    /// Outputs.
    outputs: usize,
    /// Facts that one score reads.
    facts: usize,
    /// Blocks that one score looks back.
    window_blocks: u64,
    /// Float against integer model on the calibration rows.
    #[schema(value_type = Option<Object>)]
    calibration: Option<Calibration>,
    /// Seconds that key generation took.
    keygen_s: f64,
    /// Size of the proving key.
    key_mb: f64,
    /// What a proof should cost on an idle machine of two cores: `cpu_seconds`, `peak_mb`, `key_mb`.
    #[schema(value_type = Option<Object>)]
    expected: Option<Expected>,
    /// Of private weights: for how many more proofs the salt hides them; null: the weights are public.
    proofs_left: Option<u64>,
    /// Fraction bits of the numbers between the layers.
    precision: u32,
    /// 1 for the first model of this name, and one more for each further one.
    version: u32,
    /// Seconds since 1970.
    added_at: u64,
    /// What the author says of it, Markdown.
    about: Option<String>,
    /// What the author says it was trained on: source, period, rows, hash.
    #[schema(value_type = Option<Object>)]
    training: Option<Training>,
    /// Keccak of the ONNX file; null: the weights are private.
    #[schema(value_type = Option<String>)]
    onnx_keccak: Option<B256>,
    /// Keccak of the calibration rows.
    #[schema(value_type = Option<String>)]
    rows_keccak: Option<B256>,
    /// Why it should not be used any more; null: it is not deprecated.
    deprecated: Option<String>,
}

impl From<ModelInfo> for ModelView {
    fn from(m: ModelInfo) -> Self {
        Self {
            model_id: m.model_id,
            structure_id: m.structure_id,
            class_id: m.class_id,
            name: m.name,
            plan: m.plan,
            key: m.key,
            inputs: m.inputs,
            outputs: m.outputs,
            facts: m.facts,
            window_blocks: m.window_blocks,
            calibration: m.calibration,
            keygen_s: m.keygen_s,
            key_mb: m.key_mb,
            expected: m.expected,
            proofs_left: m.proofs_left,
            precision: m.precision,
            version: m.card.version,
            added_at: m.card.added_at,
            about: m.card.about,
            training: m.card.training,
            onnx_keccak: m.card.onnx_keccak,
            rows_keccak: m.card.rows_keccak,
            deprecated: m.card.deprecated,
        }
    }
}

/// Compiles a model and makes its keys. The plan is checked against the chain: contracts must have code.
#[utoipa::path(post, path = "/v1/models", request_body = AddModel, responses(
    (status = 201, body = ModelView), (status = 422, body = Problem)))]
pub async fn add(
    State(node): State<Node>,
    Body(body): Body<AddModel>,
) -> Result<(StatusCode, Json<ModelView>), Problem> {
    let onnx = decode_base64(&body.onnx).ok_or_else(|| {
        let detail = "field onnx: expected base64 (RFC 4648, padded)";
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "body", "the body is not what this path takes", detail)
    })?;
    let precision = body.precision.map_or(Ok(Precision::NORMAL), Precision::new);
    let precision = precision.map_err(|e| EngineError::Model { name: body.name.clone(), detail: e.to_string() })?;
    let tip = node.queue.indexer().status()?.tip.ok_or(IndexError::Empty)?;
    let mut questions = node.queue.engine().questions_of_plan(&body.plan, Address::ZERO, tip)?;
    evidence::check_bounds(&evidence::questions(&questions))?;
    questions.iter_mut().for_each(|q| q.block = tip);
    evidence::check_code(node.queue.indexer(), &questions).await?;
    let engine = node.queue.engine().clone();
    let new = NewModel {
        name: body.name,
        plan: body.plan,
        onnx,
        calibration: body.calibration,
        salt: body.salt.map(|salt| Salt(salt.0)),
        about: body.about,
        training: body.training,
        precision,
    };
    let (adding, name) = (node.adding_now.clone(), new.name.clone());
    let info = alone(&node, move || {
        let told = Told(adding);
        engine.add_model(&new, &|stage| told.0.say(Some(Progress { name: name.clone(), stage })))
    });
    let info = info.await?;
    Ok((StatusCode::CREATED, Json(info.into())))
}

/// The model that is being added, and how far it is.
#[derive(Clone, Serialize, ToSchema)]
pub struct Progress {
    /// Its name.
    pub name: String,
    /// `import`, `quantise`, `check`, `keys` or `verifier`.
    #[schema(value_type = String)]
    pub stage: Adding,
}

/// What is being added now; shared by the request that adds and those that look.
#[derive(Clone, Default)]
pub struct AddingNow(Arc<Mutex<Option<Progress>>>);

impl AddingNow {
    fn say(&self, progress: Option<Progress>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = progress;
    }
}

/// Nothing is being added when this goes, even by a panic.
struct Told(AddingNow);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.say(None);
    }
}

/// How far the model is that `POST /v1/models` is adding; null if none is.
#[utoipa::path(get, path = "/v1/adding", responses((status = 200, body = Option<Progress>)))]
pub async fn adding(State(node): State<Node>) -> Json<Option<Progress>> {
    Json(node.adding_now.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

/// The models of the node.
#[utoipa::path(get, path = "/v1/models", responses((status = 200, body = Vec<ModelView>)))]
pub async fn list(State(node): State<Node>) -> Json<Vec<ModelView>> {
    Json(node.queue.engine().models().into_iter().map(Into::into).collect())
}

/// A model with its features.
#[derive(Serialize, ToSchema)]
pub struct ModelCard {
    /// The model.
    #[serde(flatten)]
    model: ModelView,
    /// Its inputs, in order: name, how each is made, and the facts it is made of.
    #[schema(value_type = Vec<Object>)]
    features: Vec<Value>,
    /// The inputs after them, which come from a commitment: name, what `vouch commit` divides by, bits.
    #[schema(value_type = Vec<Object>)]
    private: Vec<Value>,
    /// The one comparison that is public instead of the outputs: which output, whether it is above or below, and the threshold, in fixed
    /// point (`bound`, exact) and as a number. 1.0 is yes, 0 is no; a tie is no.
    #[schema(value_type = Option<Object>)]
    disclose: Option<Value>,
    /// Its layers, inputs first: name, op, how many values each reads and gives, fraction bits, and, unless the weights are private, the
    /// range on the calibration rows.
    #[schema(value_type = Vec<Object>)]
    layers: Vec<View>,
}

/// Why a model should not be used any more.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Deprecate {
    /// For people; null takes the deprecation back.
    reason: Option<String>,
}

fn find(node: &Node, name: &str) -> Result<ModelInfo, Problem> {
    let models = node.queue.engine().models();
    card::find(&models, name).cloned().ok_or_else(|| {
        let detail =
            format!("expected a model id, NAME or NAME@VERSION of this node's {} models, got {name}", models.len());
        Problem::new(StatusCode::NOT_FOUND, "unknown_model", "no such model", detail)
    })
}

/// All that is known of one model: by id, `NAME@VERSION`, or `NAME` for the newest version that is not deprecated.
#[utoipa::path(get, path = "/v1/models/{name}", params(("name" = String, Path, description = "id, NAME or NAME@VERSION")),
    responses((status = 200, body = ModelCard), (status = 404, body = Problem)))]
pub async fn read(State(node): State<Node>, InPath(name): InPath<String>) -> Result<Json<ModelCard>, Problem> {
    let info = find(&node, &name)?;
    let plan = Plan::parse(&info.plan)
        .map_err(|e| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "store", "the store failed", e))?;
    let features = plan.features.iter().map(|feature| {
        let number = |n: &Number| {
            json!({ "fact": plan.facts[n.fact], "bits": [n.low, n.high], "divisor": n.divisor.to_string() })
        };
        let numbers: Vec<Value> = feature.numbers.iter().map(number).collect();
        json!({ "name": feature.name, "make": feature.make, "numbers": numbers })
    });
    let bits = plan.private.bits;
    let private = plan
        .private_inputs
        .iter()
        .map(|input| json!({ "name": input.name, "divisor": input.divisor.to_string(), "bits": bits }));
    let disclose = plan
        .disclose
        .map(|d| json!({ "output": d.output, "above": d.above, "bound": d.bound, "threshold": real(d.bound) }));
    let (features, private, layers) = (features.collect(), private.collect(), info.layers.clone());
    Ok(Json(ModelCard { features, private, disclose, layers, model: info.into() }))
}

/// Marks a model as deprecated, or as good again. Names then mean an older version; by its id it can still be asked.
#[utoipa::path(post, path = "/v1/models/{name}/deprecate", request_body = Deprecate,
    params(("name" = String, Path, description = "id, NAME or NAME@VERSION")),
    responses((status = 200, body = ModelView), (status = 404, body = Problem)))]
pub async fn deprecate(
    State(node): State<Node>,
    InPath(name): InPath<String>,
    Body(body): Body<Deprecate>,
) -> Result<Json<ModelView>, Problem> {
    let model = find(&node, &name)?.model_id;
    Ok(Json(node.queue.engine().deprecate_model(model, body.reason)?.into()))
}

/// One part of an audit to prove.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditPart {
    /// The rows, CSV: at least 256.
    data: String,
    /// Their column of labels.
    label: String,
    /// What labels 0 and 1 are compared at; null: 0.5.
    threshold: Option<f64>,
    /// The share of right answers that all rows are to reach; nothing is proven of a model that does not.
    at_least: f64,
    /// Which part, from 0 on; the answer says how many there are.
    part: usize,
}

/// Proves one part of an audit; the file of `vouch model audit` is the `audit` of the first answer with all parts in its `parts`.
#[utoipa::path(post, path = "/v1/models/{name}/audit", request_body = AuditPart,
    params(("name" = String, Path, description = "id, NAME or NAME@VERSION")),
    responses((status = 200, body = Object), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn audit(
    State(node): State<Node>,
    InPath(name): InPath<String>,
    Body(body): Body<AuditPart>,
) -> Result<Json<AuditAnswer>, Problem> {
    let AuditPart { data, label, threshold, at_least, part } = body;
    let task = AuditTask { model: find(&node, &name)?.model_id, data, label, threshold, at_least, part };
    let engine = node.queue.engine().clone();
    Ok(Json(alone(&node, move || engine.audit(&task)).await?))
}

/// Runs `work` on a thread of its own, one at a time: keys and compilers take much memory.
async fn alone<T: Send + 'static>(
    node: &Node,
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, Problem> {
    let busy = |_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "the node is stopping", "try again later");
    let permit = node.adding.clone().acquire_owned().await.map_err(busy)?;
    // who asks may hang up; the work goes on, and the next one waits for it
    let done = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work()
    });
    let done = done.await;
    let panicked =
        |e| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "panic", "internal error", format!("models: {e}"));
    Ok(done.map_err(panicked)??)
}

/// Padded base64 of RFC 4648, line breaks allowed.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let symbol = |c: u8| match c {
        b'A'..=b'Z' => Some(c - b'A'),
        b'a'..=b'z' => Some(c - b'a' + 26),
        b'0'..=b'9' => Some(c - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let bytes: Vec<u8> = text.bytes().filter(|c| !c.is_ascii_whitespace()).collect();
    if !bytes.len().is_multiple_of(4) {
        return None;
    }
    let padding = bytes.iter().rev().take_while(|c| **c == b'=').count();
    if padding > 2 {
        return None;
    }
    let mut out = Vec::with_capacity(bytes.len() / 4 * 3);
    for group in bytes[..bytes.len() - padding].chunks(4) {
        let mut word = 0u32;
        for i in 0..4 {
            word = word << 6 | u32::from(group.get(i).map_or(Some(0), |c| symbol(*c))?);
        }
        out.extend_from_slice(&word.to_be_bytes()[1..group.len()]);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::decode_base64;

    #[test]
    fn base64_of_rfc_4648() {
        for (text, bytes) in [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9v\nYmFy", "foobar")] {
            assert_eq!(decode_base64(text).as_deref(), Some(bytes.as_bytes()), "{text}");
        }
        for wrong in ["Zg=", "Z===", "Zm9!", "Zg==Zg=="] {
            assert_eq!(decode_base64(wrong), None, "{wrong}");
        }
    }
}
