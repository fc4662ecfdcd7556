"""Wallet reputation: logistic regression of scikit-learn on simulated wallets.

    python3 -m models.reputation.train

People come and go, hold what they have and use the market now and then. Farms fund many wallets a short while before they are needed,
send transactions by script, and lately some imitate people for a while. A farm's wallets share its habits, so whole farms are held out.
"""

import numpy as np
from sklearn.linear_model import LogisticRegression

from models import kit
from models.train import auc, fold, measure, to_onnx

PEOPLE, FARMS, WALLETS, SEED, STEP = 9_000, 150, 40, 19, 1_200
BACKS = np.arange(7)


def people(rng):
    """Words of people, and a group for each: people are groups of their own."""
    n = PEOPLE
    age, wealth = rng.gamma(1.5, 1.0, n), rng.normal(0, 1, n)
    rate = rng.lognormal(0, 0.8, n)
    moves = rng.normal(0, 0.06, (n, len(BACKS))).cumsum(1)
    balances = np.exp(0.9 * wealth - 0.3)[:, None] * np.exp(moves)
    balances *= ~((rng.random(n) < 0.12)[:, None] & (BACKS >= rng.integers(1, 7, n)[:, None]))  # newcomers
    borrows = rng.poisson(np.where(rng.random(n) < 0.45, 2 * age, 0))
    return words(rng, rng.poisson(60 * age * rate), rng.poisson(1.5 * rate), balances, borrows, 0.8, np.exp(wealth)), np.arange(n)


def farms(rng):
    """Words of the wallets of farms, and the farm of each."""
    n = FARMS * WALLETS
    farm = np.repeat(np.arange(FARMS), WALLETS)
    each = lambda values: values[farm]
    imitates = each(rng.random(FARMS) < 0.3)
    nonces = rng.poisson(each(rng.lognormal(2.8, 0.9, FARMS)))
    lately = rng.poisson(each(rng.gamma(1.5, 3, FARMS)) * np.where(imitates, 0.3, 1))
    budget = each(rng.lognormal(-2.5, 0.8, FARMS)) * np.where(imitates, 4, 1) * rng.lognormal(0, 0.15, n)
    funded = np.where(imitates, 7, each(rng.integers(2, 9, FARMS)))
    balances = budget[:, None] * (1 - 0.05 * rng.random((n, 7)).cumsum(1)[:, ::-1]) * (BACKS < funded[:, None])
    borrows = rng.poisson(np.where(imitates, 1.0, 0.05))
    return words(rng, nonces, lately, balances, borrows, 0.6, budget), farm


def words(rng, nonces, lately, balances, borrows, returns, wealth):
    """Words at seven blocks, newest first; `lately` are transactions of the last day, `returns` is the share of loans repaid."""
    n, still = len(nonces), np.ones(len(BACKS))
    repayments = rng.binomial(borrows, returns)
    return {
        "nonce": nonces[:, None] + lately[:, None] - np.round(lately[:, None] * BACKS / BACKS[-1]),
        "balance": np.maximum(balances, 0) * 1e18,
        "mapping 3 0..32": borrows[:, None] * still,
        "mapping 3 32..64": repayments[:, None] * still,
        "mapping 3 64..96": rng.poisson(0.08 * borrows)[:, None] * still,
        "mapping 3 160..256": (repayments * 800 * wealth * rng.lognormal(0, 0.5, n) * 1e18)[:, None] * still,
        "mapping 4 0..256": (borrows * 500 * wealth * rng.random(n) * 1e18)[:, None] * still,
    }


def main():
    rng = np.random.default_rng(SEED)
    (real, alone), (fake, farm) = people(rng), farms(rng)
    names, x = kit.features("reputation", {k: np.concatenate([real[k], fake[k]]) for k in real}, STEP)
    label = np.repeat([1.0, 0.0], [len(alone), len(farm)])
    train, select, test = kit.parts(np.concatenate([alone, farm]))
    train |= select
    mean, deviation = kit.standard(x[train])
    fitted = LogisticRegression(C=1.0, max_iter=500).fit((x[train] - mean) / deviation, label[train])
    layers = fold([(fitted.coef_, fitted.intercept_)], mean, deviation)
    score = fitted.predict_proba((x[test] - mean) / deviation)[:, 1]
    model = to_onnx(layers)
    error = np.abs(kit.run(model, x[test][:500])[:, 0] - score[:500]).max()
    assert error < 1e-4, f"onnx file differs from training by {error}"
    order = rng.permutation(len(score))
    weights = dict(sorted(zip(names, np.round(fitted.coef_[0], 2)), key=lambda pair: -abs(pair[1])))
    kit.write("reputation", model, names, x[test][order], label[test][order], {
        "model": f"logistic regression of {len(names)} features",
        "data": "simulated",
        "rows": {"train": int(train.sum()), "test": int(test.sum())},
        "test": measure(score, label[test]),
        "best_single_feature_auc": max((round(max(a, 1 - a), 4), n) for a, n in ((auc(c, label[test]), n) for c, n in zip(x[test].T, names))),
        "weight_per_deviation": weights,
    })


if __name__ == "__main__":
    main()
