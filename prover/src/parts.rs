//! Parts: facts that are too many for one proof, in as few runs as possible that each fit a proof of their own.
//!
//! The facts stay in the order of [`crate::evidence::questions`], by block, then account. A part is as long a run as fits; it ends where a
//! block ends if that costs few facts, else where an account ends, so that the nodes which facts share are hashed in one proof.

use crate::engine::{Engine, EngineError};
use crate::evidence::{Evidence, EvidenceError, Reach, gather};
use thiserror::Error;
use vouch_circuits::facts::{Fact, LEAVES};
use vouch_indexer::Indexer;

/// Why facts could not be divided.
#[derive(Debug, Error)]
pub enum PartError {
    /// The evidence could not be collected.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// One fact alone fits no proof, or the evidence is wrong.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Evidence for all facts of a query, a part for each history proof.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// In the order of the facts.
    pub evidence: Vec<Evidence>,
    /// Rows of all proofs together, the measure of what they cost.
    pub rows: u64,
}

/// Divides `questions` (each once, in order), collecting what the proofs need from the index.
///
/// Where blocks are linked, the newest come first, each part makes the oldest block that it reaches public, and the next part may start there:
/// so the proofs have to be posted in their order.
///
/// - `most`: parts there may be
///
/// # Errors
/// [`PartError`]; [`EvidenceError::TooManyParts`] if `most` parts are not enough.
pub async fn split<E: Engine + ?Sized>(
    indexer: &Indexer,
    engine: &E,
    questions: &[Fact],
    reach: &Reach,
    most: usize,
) -> Result<Parts, PartError> {
    let (mut parts, mut reach) = (Parts::default(), reach.clone());
    let mut all = questions.to_vec();
    if reach.hops {
        all.reverse();
    }
    let mut rest = all.as_slice();
    while !rest.is_empty() {
        if parts.evidence.len() == most {
            return Err(EvidenceError::TooManyParts { expected: most, left: rest.len() }.into());
        }
        // invariant: `fits` facts do, `too_many` do not
        let (mut fits, mut found, mut too_many) = (0, None, rest.len().min(LEAVES) + 1);
        let mut tried = too_many - 1;
        while fits < tried {
            match part(indexer, engine, &rest[..tried], &reach).await {
                Ok(part) => (fits, found) = (tried, Some(part)),
                Err(PartError::Engine(EngineError::Capacity { .. })) if tried > 1 => too_many = tried,
                Err(e) => return Err(e),
            }
            tried = fits.midpoint(too_many);
        }
        let end = cut(rest, fits);
        if end != fits {
            found = Some(part(indexer, engine, &rest[..end], &reach).await?);
        }
        rest = &rest[end..];
        if let Some((mut evidence, k)) = found {
            if !rest.is_empty()
                && let Some(block) = evidence.remember_oldest()
            {
                reach.known.insert(block);
            }
            parts.evidence.push(evidence);
            parts.rows += 1 << k;
        }
    }
    Ok(parts)
}

/// Evidence of one part and log2 of the rows of its proof.
async fn part<E: Engine + ?Sized>(
    indexer: &Indexer,
    engine: &E,
    facts: &[Fact],
    reach: &Reach,
) -> Result<(Evidence, u32), PartError> {
    let mut questions = facts.to_vec();
    if reach.hops {
        questions.reverse();
    }
    let evidence = gather(indexer, &questions, reach).await?;
    let k = engine.history_k(&evidence)?;
    Ok((evidence, k))
}

/// Where a part ends of which the first `fits` facts would fit.
fn cut(facts: &[Fact], fits: usize) -> usize {
    let Some(next) = facts.get(fits) else { return fits };
    let ends = |is_same: &dyn Fn(&Fact) -> bool| facts[..fits].iter().rposition(|f| !is_same(f)).map_or(0, |i| i + 1);
    let block = ends(&|f| f.block == next.block);
    let account = ends(&|f| (f.block, f.address) == (next.block, next.address));
    let is_dear = |end: usize| end * 4 < fits * 3;
    [block, account].into_iter().find(|end| !is_dear(*end)).unwrap_or(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use vouch_circuits::facts::FactKind;

    fn facts(of: &[(u64, u8, usize)]) -> Vec<Fact> {
        let zero = [0; 32];
        let fact = |block, address| Fact {
            kind: FactKind::Slot,
            block,
            address: [address; 20],
            slot: zero,
            key: zero,
            key2: zero,
            value: zero,
        };
        of.iter().flat_map(|(block, address, count)| vec![fact(*block, *address); *count]).collect()
    }

    #[test]
    fn parts_end_with_a_block_or_an_account_where_that_costs_few_facts() {
        assert_eq!(cut(&facts(&[(1, 1, 8), (2, 1, 8)]), 16), 16, "nothing is left");
        assert_eq!(cut(&facts(&[(1, 1, 8), (2, 1, 8)]), 8), 8);
        assert_eq!(cut(&facts(&[(1, 1, 8), (2, 1, 8)]), 10), 8, "with the block");
        assert_eq!(cut(&facts(&[(1, 1, 8), (2, 1, 3), (2, 2, 8)]), 12), 11, "with the account");
        assert_eq!(cut(&facts(&[(1, 1, 8), (2, 1, 8)]), 12), 12, "too many would go");
        assert_eq!(cut(&facts(&[(1, 1, 100)]), 81), 81);
    }
}
