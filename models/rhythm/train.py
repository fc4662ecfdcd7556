"""Person or program: a recurrent network (GRU) on a day of a wallet, on simulated wallets.

    python3 -m models.rhythm.train

People sleep, at an hour that depends on where they live, and act in bursts; programs run at all hours, by the clock or as chance has it, and some
sleep too, but wake on the hour and keep an even pace. Both have busy and quiet ones, so a count alone says little.
"""

import jax
import jax.numpy as jnp
import numpy as np
from onnx import helper

from models import kit
from models.descent import cross_entropy, descend, normal
from models.train import auc, measure

SEED, ROWS, EPOCHS, HIDDEN, STEPS, STEP = 31, 16_000, 25, 4, 8, 900


def simulate(rng, n):
    """Words of `n` wallets at nine blocks, newest first, and who is a program."""
    program = rng.random(n) < 0.5
    rate = np.exp(rng.normal(1.0, 0.8, n))[:, None]
    hour = (3 * np.arange(STEPS) + rng.integers(0, 24, (n, 1))) % 24
    sleeps = ~program | (rng.random(n) < 0.35)
    awake = np.where(sleeps[:, None] & (hour < 8), 0.04, 1.0)
    # A person's mood lasts some hours; a program has none.
    mood = np.zeros((n, STEPS))
    for t in range(STEPS):
        mood[:, t] = (0.5 * mood[:, t - 1] if t else 0) + rng.normal(0, 0.8, n)
    mood = np.where(program[:, None], rng.normal(0, 0.15, (n, 1)), mood - 0.4)
    clock = program & (rng.random(n) < 0.4)
    expected = rate * awake * np.exp(mood)
    sent = np.where(clock[:, None], np.round(expected), rng.poisson(expected))
    size = np.where(program, 0.02, 0.05)[:, None] * rng.lognormal(0, np.where(program[:, None], 0.3, 1.0), (n, STEPS))
    change = sent * size * rng.normal(0, 1, (n, STEPS))
    total = lambda parts: np.concatenate([np.zeros((n, 1)), parts.cumsum(1)], 1)[:, ::-1]
    return {"nonce": 50 + total(sent), "balance": (100 + total(change)) * 1e18}, program.astype(float)


def differences():
    """From what happened since each block, oldest first, to what happened in each step: [16, 16], order kept."""
    one = np.eye(STEPS) - np.eye(STEPS, k=-1)
    return np.kron(np.eye(2), one)


def logit(w, x):
    """The recurrence; x [rows, 2 * STEPS], ONNX's order of gates: update, reset, hidden."""
    steps = (x @ differences()).reshape(-1, 2, STEPS).transpose(2, 0, 1) * w["scale"]
    def step(h, x):
        a, b = x @ w["w"].T + w["wb"], h @ w["r"].T + w["rb"]
        (az, ar, ah), (bz, br, bh) = jnp.split(a, 3, 1), jnp.split(b, 3, 1)
        z, r = jax.nn.sigmoid(az + bz), jax.nn.sigmoid(ar + br)
        return (1 - z) * jnp.tanh(ah + r * bh) + z * h, None
    h, _ = jax.lax.scan(step, jnp.zeros((len(x), HIDDEN)), steps)
    return h @ w["v"] + w["c"]


def export(w):
    weights = {
        "differences": differences(), "shape": np.array([2, STEPS, 1]), "scale": w["scale"], "w": w["w"][None], "r": w["r"][None],
        "b": np.concatenate([w["wb"], w["rb"]])[None], "flat": np.array([1, HIDDEN]), "v": w["v"][:, None], "c": w["c"][None],
    }
    nodes = [
        helper.make_node("MatMul", ["features", "differences"], ["each"], "each"),
        helper.make_node("Reshape", ["each", "shape"], ["rows"], "rows"),
        helper.make_node("Transpose", ["rows"], ["steps"], "steps", perm=[1, 2, 0]),
        helper.make_node("Mul", ["steps", "scale"], ["scaled"], "scaled"),
        helper.make_node("GRU", ["scaled", "w", "r", "b"], ["", "last"], "gru", hidden_size=HIDDEN, linear_before_reset=1),
        helper.make_node("Reshape", ["last", "flat"], ["state"], "state"),
        helper.make_node("Gemm", ["state", "v", "c"], ["logit"], "logit"),
        helper.make_node("Sigmoid", ["logit"], ["program"], "program"),
    ]
    return kit.graph(nodes, weights, 2 * STEPS, 1, "program")


def main():
    rng = np.random.default_rng(SEED)
    words, label = simulate(rng, ROWS)
    names, x = kit.features("rhythm", words, STEP)
    train, select, test = kit.parts(np.arange(ROWS))
    weights = {
        "scale": np.array([2.0, 4.0]), "w": normal(rng, 2, 3 * HIDDEN).T, "r": normal(rng, HIDDEN, 3 * HIDDEN).T,
        "wb": np.zeros(3 * HIDDEN), "rb": np.zeros(3 * HIDDEN), "v": normal(rng, HIDDEN), "c": np.zeros(()),
    }
    loss = lambda w, x, y: cross_entropy(logit(w, x), y)
    weights = descend(loss, weights, (x[train], label[train]), (x[select], label[select]), rng, EPOCHS, 1e-2)
    score = np.asarray(jax.nn.sigmoid(logit(weights, x[test])), np.float64)
    model = export({**weights, "c": weights["c"].reshape(())})
    error = np.abs(kit.run(model, x[test][:500])[:, 0] - score[:500]).max()
    assert error < 1e-4, f"onnx file differs from training by {error}"
    kit.write("rhythm", model, names, x[test], label[test], {
        "model": f"GRU of {HIDDEN} over {STEPS} steps, sigmoid",
        "data": "simulated",
        "rows": {"train": int(train.sum()), "select": int(select.sum()), "test": int(test.sum())},
        "test": measure(score, label[test]),
        "best_single_feature_auc": max((round(max(a, 1 - a), 4), n) for a, n in ((auc(c, label[test]), n) for c, n in zip(x[test].T, names))),
    })


if __name__ == "__main__":
    main()
