//! Which requests are worth an answer. A node with a key pays for gas, so it does not work for strangers for free.
//!
//! What an answer costs: proving, the gas of `post` and `fulfil`, and that of the callback, which the requester chose. A request is
//! looked at twice: before it is proven, with an estimate and a margin, and before its answer is sent, with what the node
//! estimates for that very transaction.

use thiserror::Error;
use vouch_prover::srs::is_local;

/// Gas of a transaction with one `post` and one `fulfil`, without the callback: the greatest measured, rounded up.
const ANSWER_GAS: u64 = 1_200_000;
/// Gas of each further `post`: a long history has up to four roots.
const POST_GAS: u64 = 550_000;
/// Fee over estimated cost before anything is proven: the gas price may rise until the answer is sent.
const MARGIN: (u128, u128) = (3, 2);
/// Largest callback of a request unless told otherwise.
pub const MAX_CALLBACK_GAS: u64 = 500_000;
/// Seconds that a request must leave for proving unless told otherwise.
pub const MIN_SECONDS_LEFT: u64 = 60;

/// The least fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MinFee {
    /// Whatever it costs: nothing is compared.
    Free,
    /// So many wei to begin with, and at least the cost when the answer is sent.
    Wei(u128),
    /// The estimated cost with a margin, and at least the cost when the answer is sent.
    Cost,
}

impl MinFee {
    /// What the operator chose; if nothing, free on a local chain and the cost on any other.
    pub fn new(chosen_wei: Option<u128>, chain_id: u64) -> Self {
        match chosen_wei {
            Some(0) => Self::Free,
            Some(wei) => Self::Wei(wei),
            None if is_local(chain_id) => Self::Free,
            None => Self::Cost,
        }
    }
}

/// What the node asks of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The least fee.
    pub min_fee: MinFee,
    /// The largest callback.
    pub max_callback_gas: u64,
    /// The least time to the deadline.
    pub min_seconds_left: u64,
}

/// A request as the policy sees it.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// What it pays.
    pub fee_wei: u128,
    /// Gas of its callback; 0 if it has none.
    pub callback_gas: u64,
    /// History proofs that it needs at least.
    pub histories: usize,
    /// Unix seconds, the last at which it can be fulfilled.
    pub deadline: u64,
}

/// Why a request is not answered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The callback is too expensive, or does not fit into a block. For good.
    #[error("the callback may use {got} gas: expected at most {expected} (--max-callback-gas)")]
    CallbackGas {
        /// The bound.
        expected: u64,
        /// What was asked for.
        got: u64,
    },
    /// The proof would come too late. For good.
    #[error("the deadline is in {got} s: expected at least {expected} s (--min-seconds-left)")]
    Time {
        /// The bound.
        expected: u64,
        /// Seconds left.
        got: u64,
    },
    /// The fee does not cover the answer. May pass when gas becomes cheaper, unless it is less than a tenth.
    #[error("the fee is {got} wei: expected at least {expected} wei (--min-fee-wei)")]
    Fee {
        /// The least fee, now.
        expected: u128,
        /// What is paid.
        got: u128,
    },
}

impl Refusal {
    /// Label in the metrics.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::CallbackGas { .. } => "callback_gas",
            Self::Time { .. } => "time",
            Self::Fee { .. } => "fee",
        }
    }

    /// True when waiting changes nothing, or gas would have to become ten times cheaper.
    pub const fn is_final(&self) -> bool {
        match self {
            Self::Fee { expected, got } => *got < *expected / 10,
            Self::CallbackGas { .. } | Self::Time { .. } => true,
        }
    }
}

impl Policy {
    /// The usual bounds with this fee.
    pub const fn new(min_fee: MinFee) -> Self {
        Self { min_fee, max_callback_gas: MAX_CALLBACK_GAS, min_seconds_left: MIN_SECONDS_LEFT }
    }

    /// Looks at a request before it is proven.
    ///
    /// - `now`: unix seconds by the chain's clock
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn check(&self, asked: &Asked, now: u64, gas_price_wei: u128) -> Result<(), Refusal> {
        if asked.callback_gas > self.max_callback_gas {
            return Err(Refusal::CallbackGas { expected: self.max_callback_gas, got: asked.callback_gas });
        }
        let left = asked.deadline.saturating_sub(now);
        if left < self.min_seconds_left {
            return Err(Refusal::Time { expected: self.min_seconds_left, got: left });
        }
        let expected = match self.min_fee {
            MinFee::Free => 0,
            MinFee::Wei(wei) => wei,
            MinFee::Cost => {
                // A callee gets 63/64 of the gas that is left.
                let posts = POST_GAS * (asked.histories.saturating_sub(1) as u64);
                let gas = ANSWER_GAS.saturating_add(posts).saturating_add(asked.callback_gas.saturating_mul(64) / 63);
                u128::from(gas).saturating_mul(gas_price_wei).saturating_mul(MARGIN.0) / MARGIN.1
            }
        };
        at_least(expected, asked.fee_wei)
    }

    /// Looks at the cost of the finished answer.
    ///
    /// # Errors
    /// [`Refusal::Fee`].
    pub fn covers(&self, fee_wei: u128, gas: u64, gas_price_wei: u128) -> Result<(), Refusal> {
        match self.min_fee {
            MinFee::Free => Ok(()),
            MinFee::Wei(_) | MinFee::Cost => at_least(u128::from(gas).saturating_mul(gas_price_wei), fee_wei),
        }
    }
}

fn at_least(expected: u128, got: u128) -> Result<(), Refusal> {
    if got >= expected { Ok(()) } else { Err(Refusal::Fee { expected, got }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GWEI: u128 = 1_000_000_000;

    fn asked() -> Asked {
        Asked { fee_wei: 0, callback_gas: 63_000, histories: 1, deadline: 1_060 }
    }

    #[test]
    fn local_chains_are_free_and_others_cost() {
        assert_eq!(MinFee::new(None, 31_337), MinFee::Free);
        assert_eq!(MinFee::new(None, 1_337), MinFee::Free);
        assert_eq!(MinFee::new(None, 1), MinFee::Cost);
        assert_eq!(MinFee::new(Some(0), 1), MinFee::Free);
        assert_eq!(MinFee::new(Some(5), 31_337), MinFee::Wei(5));
    }

    #[test]
    fn each_bound_has_its_last_accepted_value() {
        let policy = Policy::new(MinFee::Free);
        policy.check(&asked(), 1_000, GWEI).unwrap();
        let refusal = |asked: Asked, now| policy.check(&asked, now, GWEI).unwrap_err();
        assert_eq!(refusal(asked(), 1_001), Refusal::Time { expected: 60, got: 59 });
        assert_eq!(refusal(asked(), 2_000), Refusal::Time { expected: 60, got: 0 });
        let widest = Asked { callback_gas: 500_000, ..asked() };
        policy.check(&widest, 1_000, GWEI).unwrap();
        let wider = Asked { callback_gas: 500_001, ..asked() };
        assert_eq!(refusal(wider, 1_000), Refusal::CallbackGas { expected: 500_000, got: 500_001 });
        assert!(refusal(wider, 1_000).is_final());
    }

    #[test]
    fn fee_follows_the_gas_price_and_the_callback() {
        let policy = Policy::new(MinFee::Cost);
        // (1,200,000 + 64,000) gas at 10 gwei and half as much again.
        let expected = 1_264_000 * 15 * GWEI;
        let check = |fee_wei, price| policy.check(&Asked { fee_wei, ..asked() }, 0, price);
        assert_eq!(check(expected, 10 * GWEI), Ok(()));
        assert_eq!(check(expected - 1, 10 * GWEI), Err(Refusal::Fee { expected, got: expected - 1 }));
        assert_eq!(check(expected - 1, 9 * GWEI), Ok(()));
        // and 550,000 for a second root
        let long = Asked { fee_wei: expected, histories: 2, ..asked() };
        let dear = Err(Refusal::Fee { expected: 1_814_000 * 15 * GWEI, got: expected });
        assert_eq!(policy.check(&long, 0, 10 * GWEI), dear);
        let check = |fee_wei| policy.check(&Asked { fee_wei, ..asked() }, 0, 10 * GWEI).unwrap_err();
        assert!(!check(expected / 10).is_final() && check(expected / 10 - 1).is_final());
        let fixed = Policy::new(MinFee::Wei(7));
        assert_eq!(fixed.check(&Asked { fee_wei: 6, ..asked() }, 0, 0), Err(Refusal::Fee { expected: 7, got: 6 }));
        fixed.check(&Asked { fee_wei: 7, ..asked() }, 0, u128::MAX).unwrap();
    }

    #[test]
    fn answer_is_sent_at_cost_but_not_below() {
        for min_fee in [MinFee::Cost, MinFee::Wei(1)] {
            let policy = Policy::new(min_fee);
            assert_eq!(policy.covers(1_000, 100, 10), Ok(()));
            assert_eq!(policy.covers(999, 100, 10), Err(Refusal::Fee { expected: 1_000, got: 999 }));
        }
        assert_eq!(Policy::new(MinFee::Free).covers(0, u64::MAX, u128::MAX), Ok(()));
    }
}
