#!/usr/bin/env python3
"""Trains a model on the simulated market and writes it as ONNX.

    python3 train.py risk                    # models/risk: the MLP 16-32-16-1
    python3 train.py logistic --hidden ""    # models/logistic: no hidden layer

Reads `<name>/plan.toml` through `market/dataset.mjs`; writes `<name>/model.onnx`, `<name>/calibrate.csv` and
`<name>/figures.json`. Everything is seeded. Whole markets go either to training, to choosing the epoch, or to the
held-out test, so no borrower is tested under a price path that was seen in training.

The network is trained on standardised features; mean and deviation are folded into the first layer, so the ONNX
file takes the plan's features as they are.
"""

import argparse
import json
import subprocess
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

HERE = Path(__file__).resolve().parent
CALIBRATION_ROWS = 256


def load(name, markets):
    """Rows of the simulation as (market, features, liquidated, feature names)."""
    command = ["node", HERE / "market/dataset.mjs", "--plan", HERE / name / "plan.toml", "--markets", str(markets)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    table = np.array([line.split(",") for line in lines[1:]], dtype=np.float64)
    return table[:, 0].astype(int), table[:, 1:-1], table[:, -1], lines[0].split(",")[1:-1]


def split(market):
    """Masks of training, selection and test rows: 3/5, 1/5, 1/5 of the markets."""
    part = market % 5
    return part < 3, part == 3, part == 4


def initial(widths, rng):
    """He-initialised layers, each (weights [out, in], bias [out])."""
    pairs = zip(widths[:-1], widths[1:])
    return [(rng.normal(0, np.sqrt(2 / n), (m, n)), np.zeros(m)) for n, m in pairs]


def forward(layers, x):
    """Activations of every layer, the input first, the probabilities last."""
    values = [x]
    for i, (w, b) in enumerate(layers):
        z = values[-1] @ w.T + b
        values.append(np.maximum(z, 0) if i + 1 < len(layers) else 1 / (1 + np.exp(-z)))
    return values


def gradients(layers, x, y, decay):
    """Gradients of the mean cross-entropy plus `decay`/2 times the squared weights."""
    values = forward(layers, x)
    delta = (values[-1] - y.reshape(len(x), -1)) / len(x)
    result = []
    for i in range(len(layers) - 1, -1, -1):
        w, _ = layers[i]
        result.append((delta.T @ values[i] + decay * w, delta.sum(0)))
        delta = (delta @ w) * (values[i] > 0) if i else None
    return result[::-1]


def loss(layers, x, y):
    p = np.clip(forward(layers, x)[-1], 1e-9, 1 - 1e-9)
    y = y.reshape(p.shape)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))


def fit(layers, train, select, rng, epochs, decay):
    """Adam on minibatches of 256; returns the layers of the epoch that does best on the selection rows."""
    (x, y), best, rate = train, (np.inf, layers), 2e-3
    first = [tuple(np.zeros_like(a) for a in layer) for layer in layers]
    second = [tuple(np.zeros_like(a) for a in layer) for layer in layers]
    step = 0
    for epoch in range(epochs):
        order = rng.permutation(len(x))
        for start in range(0, len(x), 256):
            rows = order[start : start + 256]
            step += 1
            g = gradients(layers, x[rows], y[rows], decay)
            first = [tuple(0.9 * a + 0.1 * d for a, d in zip(m, d)) for m, d in zip(first, g)]
            second = [tuple(0.999 * a + 0.001 * d * d for a, d in zip(v, d)) for v, d in zip(second, g)]
            now = rate * (1 - epoch / epochs) * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            layers = [
                tuple(a - now * m / (np.sqrt(v) + 1e-8) for a, m, v in zip(*parts))
                for parts in zip(layers, first, second)
            ]
        best = min(best, (loss(layers, *select), layers), key=lambda pair: pair[0])
    return best[1]


def fold(layers, mean, deviation):
    """Moves the standardisation into the first layer."""
    (w, b), *rest = layers
    w = w / deviation
    return [(w, b - w @ mean), *rest]


def to_onnx(layers, name="risk"):
    """Gemm, Relu, …, Gemm, Sigmoid, on float32 rows; `name` is that of the output."""
    nodes, weights, value = [], [], "features"
    for i, (w, b) in enumerate(layers):
        weights += [
            numpy_helper.from_array(w.astype(np.float32), f"dense{i}.weight"),
            numpy_helper.from_array(b.astype(np.float32), f"dense{i}.bias"),
        ]
        nodes.append(helper.make_node("Gemm", [value, f"dense{i}.weight", f"dense{i}.bias"], [f"dense{i}"], f"dense{i}", transB=1))
        last = i + 1 == len(layers)
        kind, value = ("Sigmoid", name) if last else ("Relu", f"relu{i}")
        nodes.append(helper.make_node(kind, [f"dense{i}"], [value], value))
    ends = [
        helper.make_tensor_value_info("features", TensorProto.FLOAT, [1, layers[0][0].shape[1]]),
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, len(layers[-1][1])]),
    ]
    graph = helper.make_graph(nodes, name, ends[:1], ends[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8, producer_name="vouch")
    onnx.checker.check_model(model, full_check=True)
    return model


def auc(score, y):
    """Chance that a liquidated borrower scores above another; ties count half."""
    _, inverse, count = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[inverse]
    lost = int(y.sum())
    return float((rank[y == 1].sum() - lost * (lost + 1) / 2) / (lost * (len(y) - lost)))


def measure(score, y):
    """Accuracy and AUC, and what always giving the commoner answer would reach."""
    share = float(y.mean())
    right = float(np.mean((score >= 0.5) == y))
    return {"accuracy": round(right, 4), "auc": round(auc(score, y), 4), "majority": round(max(share, 1 - share), 4)}


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("name", help="folder with plan.toml")
    args.add_argument("--hidden", default="32,16", help="widths of the hidden layers")
    args.add_argument("--markets", type=int, default=1500)
    args.add_argument("--epochs", type=int, default=40)
    args.add_argument("--seed", type=int, default=7)
    args = args.parse_args()

    market, x, y, names = load(args.name, args.markets)
    train, select, test = split(market)
    mean = x[train].mean(0)
    # A feature that hardly varies around a large mean is not blown up: it would make large weights.
    deviation = np.maximum(x[train].std(0), 0.1 * np.abs(mean)) + 1e-9
    z = (x - mean) / deviation
    rng = np.random.default_rng(args.seed)
    widths = [x.shape[1], *(int(n) for n in args.hidden.split(",") if n), 1]
    layers = fit(initial(widths, rng), (z[train], y[train]), (z[select], y[select]), rng, args.epochs, 1e-4)
    layers = fold(layers, mean, deviation)

    model = to_onnx(layers)
    score = forward(layers, x)[-1][:, 0]
    run = ReferenceEvaluator(model)
    error = max(abs(float(run.run(None, {"features": r[None].astype(np.float32)})[0][0, 0]) - s) for r, s in zip(x[test][:200], score[test]))
    assert error < 1e-5, f"onnx file differs from training by {error}"

    figures = {
        "model": "-".join(map(str, widths)) + (", ReLU, sigmoid" if len(widths) > 2 else ", sigmoid"),
        "data": "simulated",
        "rows": {"train": int(train.sum()), "select": int(select.sum()), "test": int(test.sum())},
        "test": measure(score[test], y[test]),
        "best_single_feature_auc": max(
            (round(max(a, 1 - a), 4), n) for a, n in ((auc(x[test][:, i], y[test]), n) for i, n in enumerate(names))
        ),
    }
    folder = HERE / args.name
    onnx.save(model, folder / "model.onnx")
    path = folder / "figures.json"
    # What models/report.py measures is kept.
    kept = json.loads(path.read_text()).get("score") if path.exists() else None
    path.write_text(json.dumps({**figures, **({"score": kept} if kept else {})}, indent=2) + "\n")
    rows = np.flatnonzero(test)[:: max(1, int(test.sum()) // CALIBRATION_ROWS)][:CALIBRATION_ROWS]
    lines = [",".join([*names, "label"])]
    lines += [",".join(f"{v:.9g}" for v in [*x[i], y[i]]) for i in rows]
    (folder / "calibrate.csv").write_text("\n".join(lines) + "\n")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
