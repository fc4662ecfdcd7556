"""Anomaly guard: an autoencoder on the traffic of a vault, on simulated traffic.

    python3 -m models.guard.train

The network sees normal traffic alone and learns to squeeze it through three numbers and back. What it cannot restore is unlike what it has
seen. The output is the mean squared residual, scaled so that one in 500 normal rows is above 0.5. Attacks are for the test only.
"""

import warnings

import numpy as np
from onnx import helper
from sklearn.neural_network import MLPRegressor

from models import kit
from models.train import auc, measure

SEED, STEP, BLOCKS = 17, 50, 7
NORMAL, ATTACKS = 12_000, 1_000
HIDDEN, QUANTILE = (16, 3, 16), 0.998
# Residuals, in deviations, are cut here: an output stays below 2^10 whatever a vault does.
LARGEST = 100.0
KINDS = ("drain", "leak", "unbooked", "swarm")


def simulate(rng, n, kind=None):
    """Words of `n` vaults at seven blocks, 50 apart, newest first; with an attack of `kind` in the newest part."""
    busy = rng.lognormal(0, 0.4, n)[:, None]  # times of day
    turn = rng.normal(0, 0.25, n)[:, None]  # more in or more out
    ins = rng.poisson(6 * busy * np.exp(turn), (n, BLOCKS - 1))
    outs = rng.poisson(5 * busy * np.exp(-turn), (n, BLOCKS - 1))
    paid = lambda count: np.where(count > 0, rng.gamma(np.maximum(count, 1) * 0.7, 1.5), 0)  # ether
    paid_in, paid_out = paid(ins), paid(outs)
    held = rng.lognormal(np.log(1_500), 0.3, n)
    missing = np.zeros((n, BLOCKS - 1))
    if kind == "drain":  # one withdrawal of a tenth or more
        outs[:, 0] += 1
        paid_out[:, 0] += held * rng.uniform(0.05, 0.9, n)
    if kind == "leak":  # many middling ones
        more = rng.poisson(4, (n, 4))
        outs[:, :4] += more
        paid_out[:, :4] += more * held[:, None] * rng.uniform(0.002, 0.01, (n, 1))
    if kind == "unbooked":  # ether leaves, the books do not know
        missing[:, 0] = held * rng.uniform(0.01, 0.5, n)
    if kind == "swarm":  # a loop of small ones, in and out
        more = rng.poisson(rng.uniform(30, 150, n))
        ins[:, 0] += more
        outs[:, 0] += more
        paid_in[:, 0] += 0.3 * more
        paid_out[:, 0] += 0.3 * more

    def total(parts, start):
        """Running total at each block, newest first, of what happened between them."""
        later = np.concatenate([np.zeros((n, 1)), np.cumsum(parts[:, ::-1], 1)], 1)
        return (start[:, None] + later)[:, ::-1]

    books = total(paid_in - paid_out, held)
    books, balance = np.maximum(books, 0), np.maximum(books - total(missing, np.zeros(n)), 0)
    start = lambda low, high: rng.integers(low, high, n).astype(float)
    return {
        "slot 0 0..128": books * 1e18,
        "slot 0 128..192": total(ins, start(1_000, 90_000)),
        "slot 0 192..256": total(outs, start(1_000, 90_000)),
        "slot 1 0..128": total(paid_in, start(1_000, 9_000)) * 1e18,
        "slot 1 128..256": total(paid_out, start(1_000, 9_000)) * 1e18,
        "balance": balance * 1e18,
    }


def export(network, mean, deviation, threshold):
    """The network, its residual, and the mean of the residual's square, as one ONNX graph on the plan's features."""
    weights = {"deviations": 1 / deviation, "centre": -mean / deviation, "low": np.float32(-LARGEST), "high": np.float32(LARGEST)}
    nodes = [
        helper.make_node("Mul", ["features", "deviations"], ["scaled"], "scaled"),
        helper.make_node("Add", ["scaled", "centre"], ["standard"], "standard"),
        helper.make_node("Clip", ["standard", "low", "high"], ["seen"], "seen"),
    ]
    value = "seen"
    for i, (w, b) in enumerate(zip(network.coefs_, network.intercepts_)):
        weights[f"dense{i}.weight"], weights[f"dense{i}.bias"] = w, b
        nodes.append(helper.make_node("Gemm", [value, f"dense{i}.weight", f"dense{i}.bias"], [f"dense{i}"], f"dense{i}"))
        value = f"dense{i}"
        if i + 1 < len(network.coefs_):
            nodes.append(helper.make_node("Relu", [value], [f"relu{i}"], f"relu{i}"))
            value = f"relu{i}"
    weights["share"] = np.float32(0.5 / threshold)
    nodes += [
        helper.make_node("Sub", ["seen", value], ["difference"], "difference"),
        helper.make_node("Clip", ["difference", "low", "high"], ["residual"], "residual"),
        helper.make_node("Mul", ["residual", "residual"], ["square"], "square"),
        helper.make_node("ReduceMean", ["square"], ["error"], "error", axes=[1], keepdims=1),
        helper.make_node("Mul", ["error", "share"], ["anomaly"], "anomaly"),
    ]
    return kit.graph(nodes, weights, len(mean), 1, "anomaly")


def main():
    warnings.filterwarnings("ignore")
    rng = np.random.default_rng(SEED)
    names, x = kit.features("guard", simulate(rng, NORMAL), STEP)
    train, select, test = kit.parts(np.arange(NORMAL))
    mean, deviation = kit.standard(x[train])
    standard = lambda x: np.clip((x - mean) / deviation, -LARGEST, LARGEST)
    network = MLPRegressor(hidden_layer_sizes=HIDDEN, alpha=1e-4, max_iter=60, random_state=SEED).fit(standard(x[train]), standard(x[train]))
    error = lambda x: (np.clip(standard(x) - network.predict(standard(x)), -LARGEST, LARGEST) ** 2).mean(1)
    threshold = np.quantile(error(x[train | select]), QUANTILE)
    score = lambda x: error(x) * 0.5 / threshold

    attacks = [kit.features("guard", simulate(rng, ATTACKS // len(KINDS), kind), STEP)[1] for kind in KINDS]
    rows = np.concatenate([x[test], *attacks])
    label = np.repeat([0.0, 1.0], [int(test.sum()), ATTACKS])
    said = score(rows)
    model = export(network, mean, deviation, threshold)
    apart = np.abs(kit.run(model, rows)[:, 0] - said) / np.maximum(1, said)
    assert apart.max() < 1e-3, f"onnx file differs from training by {apart.max()}"
    # Calibration sees attacks too, one row in four.
    chosen = np.concatenate([rng.choice(int(test.sum()), 192, False), int(test.sum()) + rng.choice(ATTACKS, 64, False)])
    kit.write("guard", model, names, rows[chosen], label[chosen], {
        "model": "autoencoder " + "-".join(str(n) for n in (len(names), *HIDDEN, len(names))) + ", ReLU; squared residual",
        "data": "simulated",
        "rows": {"train": int(train.sum()), "select": int(select.sum()), "test": len(rows)},
        "test": measure(said, label),
        "false_alarms": round(float((score(x[test]) >= 0.5).mean()), 4),
        "caught": {kind: round(float((score(a) >= 0.5).mean()), 4) for kind, a in zip(KINDS, attacks)},
        "best_single_feature_auc": max((round(max(a, 1 - a), 4), n) for a, n in ((auc(c, label), n) for c, n in zip(rows.T, names))),
    })


if __name__ == "__main__":
    main()
