"""Credit risk: gradient-boosted trees of scikit-learn on simulated borrowers.

    python3 -m models.credit.train

A borrower has means (income and savings), discipline and a wish for leverage, none of which the chain shows. It shows what they
did: loans taken and repaid, liquidations, position, balance. Default on the next loan is drawn from the hidden traits and from the
cushion that is left, so no model can be right about all.
"""

import numpy as np
from onnx import helper
from skl2onnx import to_onnx
from sklearn.ensemble import GradientBoostingClassifier

from models import kit
from models.train import auc, measure

ROWS, SEED, STEP = 20_000, 11, 2_400
TREES, DEPTH = 40, 3


def simulate(rng, n):
    """Words of `n` borrowers at four blocks, newest first, and who defaults."""
    means = rng.normal(0, 1, n)
    discipline = rng.beta(3, 1.5, n)
    leverage = rng.beta(2, 2, n)
    age = rng.gamma(2, 1, n)  # years on the chain

    borrows = rng.poisson(1 + 3 * age * (0.3 + leverage))
    repayments = rng.binomial(borrows, np.clip(0.35 + 0.65 * discipline, 0, 1))
    liquidations = rng.poisson(0.5 * age * leverage**2 * (1.2 - discipline))
    size = 1_000 * np.exp(0.7 * means + rng.normal(0, 0.6, n))
    repaid = repayments * size * rng.uniform(0.5, 1, n)
    lately = rng.poisson(0.5 * (1.1 - discipline) * (0.4 + leverage), n)

    collateral = rng.lognormal(1 + 0.6 * means, 0.5) * (rng.random(n) < 0.8)
    debt = collateral * 2_000 * np.clip(0.75 * leverage + rng.normal(0, 0.12, n), 0, 0.85)
    drawn = debt * np.minimum(1, 0.3 * lately) * rng.random(n)
    balance = np.exp(0.8 * means + rng.normal(0, 0.7, n))
    spent = rng.normal(0.12 * (0.7 - discipline), 0.1, n)[:, None] * np.arange(4)
    balances = balance[:, None] * np.exp(spent + rng.normal(0, 0.05, (n, 4)))
    sent = rng.poisson(2 + 4 * age)
    nonces = 20 * borrows + rng.poisson(30 * age) + sent
    older = np.linspace(0, 1, 4)

    cushion = np.log((balances.mean(1) + 0.5 * collateral) / (0.2 + debt / 2_000))
    logit = -1.1 - 2.6 * (discipline - 0.65) - 0.8 * np.clip(cushion, -2, 3) + 1.2 * leverage * (1 - discipline) * 3 - 0.3 * np.minimum(age, 3)
    defaults = rng.random(n) < 1 / (1 + np.exp(-1.5 * logit))

    still = np.ones(4)
    words = {
        "mapping 3 0..32": borrows[:, None] + lately[:, None] * (1 - older),
        "mapping 3 32..64": repayments[:, None] * still,
        "mapping 3 64..96": liquidations[:, None] * still,
        "mapping 3 160..256": repaid[:, None] * 1e18 * still,
        "mapping 2 0..128": collateral[:, None] * 1e18 * still,
        "mapping 2 128..256": (debt[:, None] - drawn[:, None] * older) * 1e18,
        "balance": balances * 1e18,
        "nonce": nonces[:, None] - np.round(sent[:, None] * older),
    }
    words["mapping 3 0..32"] = np.floor(words["mapping 3 0..32"])
    return words, defaults.astype(float)


def export(trees, width):
    """The trees as ONNX, of which only the probability of a default is left."""
    model = to_onnx(trees, np.zeros((1, width), np.float32), options={"zipmap": False}, target_opset={"": 13, "ai.onnx.ml": 3})
    graph = model.graph
    graph.node.append(helper.make_node("Gather", ["probabilities", "second"], ["risk"], "risk", axis=1))
    graph.initializer.append(kit.numpy_helper.from_array(np.array([1], np.int64), "second"))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("risk", kit.TensorProto.FLOAT, [None, 1]))
    return model


def main():
    rng = np.random.default_rng(SEED)
    words, label = simulate(rng, ROWS)
    names, x = kit.features("credit", words, STEP)
    # Thresholds and rows are compared as float32 on both sides.
    x = x.astype(np.float32).astype(np.float64)
    train, select, test = kit.parts(np.arange(ROWS))
    trees = GradientBoostingClassifier(n_estimators=TREES, max_depth=DEPTH, learning_rate=0.15, subsample=0.8, min_samples_leaf=40, random_state=SEED)
    trees.fit(x[train | select], label[train | select])
    score = trees.predict_proba(x[test])[:, 1]
    model = export(trees, x.shape[1])
    error = np.abs(kit.run(model, x[test][:500])[:, 0] - score[:500]).max()
    assert error < 1e-5, f"onnx file differs from training by {error}"
    kit.write("credit", model, names, x[test], label[test], {
        "model": f"{TREES} boosted trees of depth {DEPTH}, {sum(t[0].tree_.node_count for t in trees.estimators_)} nodes",
        "data": "simulated",
        "rows": {"train": int((train | select).sum()), "test": int(test.sum())},
        "test": measure(score, label[test]),
        "best_single_feature_auc": max((round(max(a, 1 - a), 4), n) for a, n in ((auc(c, label[test]), n) for c, n in zip(x[test].T, names))),
    })


if __name__ == "__main__":
    main()
