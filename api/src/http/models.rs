//! Models: add one, list them.

use super::error::{Body, Problem};
use crate::node::Node;
use alloy::primitives::{Address, B256, Bytes};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vouch_circuits::score::salt::Salt;
use vouch_indexer::IndexError;
use vouch_prover::engine::{Calibration, ModelInfo, NewModel};
use vouch_prover::evidence;

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
    /// Of private weights: for how many more proofs the salt hides them; null: the weights are public.
    proofs_left: Option<u64>,
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
            proofs_left: m.proofs_left,
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
    let tip = node.queue.indexer().status()?.tip.ok_or(IndexError::Empty)?;
    let mut questions = node.queue.engine().questions_of_plan(&body.plan, Address::ZERO, tip)?;
    evidence::check_bounds(&evidence::questions(&questions))?;
    questions.iter_mut().for_each(|q| q.block = tip);
    evidence::check_code(node.queue.indexer(), &questions).await?;
    let busy = |_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "the node is stopping", "try again later");
    let _permit = node.adding.clone().acquire_owned().await.map_err(busy)?;
    let engine = node.queue.engine().clone();
    let new = NewModel {
        name: body.name,
        plan: body.plan,
        onnx,
        calibration: body.calibration,
        salt: body.salt.map(|salt| Salt(salt.0)),
    };
    let info = tokio::task::spawn_blocking(move || engine.add_model(&new)).await;
    let info = info.map_err(|e| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "panic", "internal error", format!("model compiler: {e}"))
    })??;
    Ok((StatusCode::CREATED, Json(info.into())))
}

/// The models of the node.
#[utoipa::path(get, path = "/v1/models", responses((status = 200, body = Vec<ModelView>)))]
pub async fn list(State(node): State<Node>) -> Json<Vec<ModelView>> {
    Json(node.queue.engine().models().into_iter().map(Into::into).collect())
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
