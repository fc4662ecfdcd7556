//! Parts: facts that are too many for one proof, in as few runs as possible that each fit a proof of their own.
//!
//! The facts stay in the order of [`crate::evidence::questions`], by block, then account. A part is as long a run as fits; it ends where a
//! block ends if that costs few facts, else where an account ends, so that the nodes which facts share are hashed in one proof.

use crate::engine::{Engine, EngineError};
use crate::evidence::{Evidence, EvidenceError, Reach, gather};
use thiserror::Error;
use vouch_circuits::evidence::blocks_of;
use vouch_circuits::facts::{Fact, FactKind, LEAVES};
use vouch_circuits::history::Class;
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
    // facts of receipts are proven in a class with little room for others: together if they fit, else apart
    if all.iter().any(|f| f.kind.needs_entries()) && !all.iter().all(|f| f.kind.needs_entries()) {
        match part(indexer, engine, &all[..all.len().min(LEAVES)], &reach).await {
            Ok(_) if all.len() <= LEAVES => {}
            Ok(_) | Err(PartError::Engine(EngineError::Capacity { .. })) => all.sort_by_key(|f| f.kind.needs_entries()),
            Err(e) => return Err(e),
        }
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
                Err(PartError::Engine(EngineError::Capacity { detail })) => return Err(alone(&rest[0], detail).into()),
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

/// The refusal of one fact that fits no proof by itself.
fn alone(fact: &Fact, detail: String) -> EngineError {
    let blocks = blocks_of(fact);
    let advice = match fact.kind {
        FactKind::LogCount => {
            "all logs of each block are counted whose bloom filter does not exclude a match: ask for fewer blocks (`span`), or as of \
             blocks with fewer logs"
        }
        FactKind::Log => "all logs of a receipt are read up to the one asked for",
        _ => "the proofs of this block are larger than any class takes",
    };
    let larger = match detail.starts_with(&format!("class {} ", Class::R.name)) {
        true => "; class B holds twice the receipts and logs: --large-blocks at setup and serve",
        false => "",
    };
    let detail = format!(
        "one fact of kind {:?} at blocks {} to {} fits no history proof: {detail}; {advice}{larger}",
        fact.kind,
        blocks.start(),
        blocks.end()
    );
    EngineError::Capacity { detail }
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
    use vouch_circuits::facts::LogRange;

    fn facts(of: &[(u64, u8, usize)]) -> Vec<Fact> {
        let zero = [0; 32];
        let fact = |block, address| Fact {
            kind: FactKind::Slot,
            block,
            address: [address; 20],
            slot: zero,
            key: zero,
            key2: zero,
            path: Default::default(),
            value: zero,
        };
        of.iter().flat_map(|(block, address, count)| vec![fact(*block, *address); *count]).collect()
    }

    #[test]
    fn a_count_that_fits_no_proof_is_refused_with_advice() {
        let slot = LogRange { blocks: 3, topic: 0 }.slot();
        let count = Fact { kind: FactKind::LogCount, slot, ..facts(&[(9, 1, 1)])[0] };
        let said = alone(&count, "class R has room for 9 blocks scanned for counts, the evidence needs 12".into());
        let expected = "history circuit: one fact of kind LogCount at blocks 7 to 9 fits no history proof: class R has room for 9 blocks \
                        scanned for counts, the evidence needs 12; all logs of each block are counted whose bloom filter does not \
                        exclude a match: ask for fewer blocks (`span`), or as of blocks with fewer logs; class B holds twice the receipts \
                        and logs: --large-blocks at setup and serve";
        assert_eq!(said.to_string(), expected);
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
