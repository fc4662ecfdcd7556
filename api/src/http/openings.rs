//! Openings of commitments: given to the node before a contract asks.

use super::error::{Body, Problem};
use crate::node::Node;
use alloy::primitives::B256;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use vouch_prover::opening::Opening;

/// What `vouch commit` writes. The node sees the private inputs; it keeps them in memory alone, until the proof is made of the question that they
/// came with, or for a day.
#[derive(ToSchema)]
#[schema(as = Opening)]
pub struct OpeningBody {
    /// Poseidon commitment to all of the below.
    pub commitment: String,
    /// Bits of an input, sign included, 2 to 52.
    pub bits: usize,
    /// Random, below the modulus of BN254.
    pub salt: String,
    /// Signed fixed point, 65536 is 1.0, in the order of the plan.
    pub values: Vec<i64>,
    /// Id of the one model that may read them; of `private` of a question it is the question's.
    pub model: Option<String>,
    /// The one subject that questions which read them may be about; any if it is left out. Of `private` of a question it is the question's.
    pub subject: Option<String>,
    /// For people.
    pub names: Option<Vec<String>>,
}

/// A commitment whose opening is held.
#[derive(Serialize, ToSchema)]
pub struct HeldView {
    /// The commitment, as questions and requests name it.
    #[schema(value_type = String)]
    commitment: B256,
    /// Private inputs.
    count: usize,
    /// Bits of an input.
    bits: usize,
}

/// Gives an opening to the node: it answers requests that name the commitment from then on, for a day. Forgotten when the node stops, too.
#[utoipa::path(post, path = "/v1/openings", request_body = OpeningBody, responses(
    (status = 200, body = HeldView), (status = 422, body = Problem), (status = 503, body = Problem)))]
pub async fn give(State(node): State<Node>, Body(opening): Body<Opening>) -> Result<Json<HeldView>, Problem> {
    let (commitment, private) = (opening.commitment, opening.private());
    node.queue.give_opening(opening)?;
    Ok(Json(HeldView { commitment, count: private.count, bits: private.bits }))
}
