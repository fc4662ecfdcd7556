"""Next-price direction by a transformer block, on the simulated prices of `direction/`.

    python3 -m models.attention.train

Four places of six numbers, two heads, layers normalised before attention and before the dense part, as PyTorch's encoder layer with
`norm_first`. It sees fewer blocks than the network of `direction/` and no ready-made means, so the two are no contest.
"""

import jax
import jax.numpy as jnp
import numpy as np
from onnx import helper

from models import kit
from models.descent import cross_entropy, descend, normal
from models.direction.train import rows, simulate
from models.train import auc, measure

SEED, EPOCHS, PLACES, CHANNELS, WIDTH, HEADS, INNER = 37, 30, 4, 3, 6, 2, 12
EPSILON = 1e-3


def differences():
    """From what happened since each block, oldest first, to what happened in each step, by channel: [12, 12]."""
    return np.kron(np.eye(CHANNELS), np.eye(PLACES) - np.eye(PLACES, k=-1))


def layer_norm(x, scale, shift):
    mean = x.mean(-1, keepdims=True)
    return (x - mean) / jnp.sqrt(((x - mean) ** 2).mean(-1, keepdims=True) + EPSILON) * scale + shift


def logit(w, x):
    places = (x @ differences()).reshape(-1, CHANNELS, PLACES).transpose(0, 2, 1)
    h = places @ w["embed"] + w["position"]
    a = layer_norm(h, w["norm1"], w["shift1"])
    split = lambda part: (a @ w[part]).reshape(-1, PLACES, HEADS, WIDTH // HEADS).transpose(0, 2, 1, 3)
    weight = jax.nn.softmax(split("q") @ split("k").swapaxes(2, 3) * (WIDTH // HEADS) ** -0.5)
    mixed = (weight @ split("v")).transpose(0, 2, 1, 3).reshape(-1, PLACES, WIDTH)
    h = h + mixed @ w["o"]
    b = layer_norm(h, w["norm2"], w["shift2"])
    h = h + jax.nn.relu(b @ w["up"] + w["up_bias"]) @ w["down"] + w["down_bias"]
    return h.mean(1) @ w["out"] + w["bias"]


def export(w):
    weights = {
        **w, "differences": differences(), "channels": np.array([CHANNELS, PLACES]), "heads": np.array([PLACES, HEADS, WIDTH // HEADS]),
        "flat": np.array([PLACES, WIDTH]), "root": np.float32((WIDTH // HEADS) ** -0.5), "out": w["out"][:, None], "bias": w["bias"].reshape(1),
    }
    node = lambda op, inputs, output, **more: helper.make_node(op, inputs.split(), [output], output, **more)
    nodes = [
        node("MatMul", "features differences", "each"),
        node("Reshape", "each channels", "rows"),
        node("Transpose", "rows", "places", perm=[1, 0]),
        node("MatMul", "places embed", "embedded"),
        node("Add", "embedded position", "h0"),
        node("LayerNormalization", "h0 norm1 shift1", "a", axis=-1, epsilon=EPSILON),
    ]
    for part, perm in (("q", [1, 0, 2]), ("k", [1, 2, 0]), ("v", [1, 0, 2])):
        nodes += [node("MatMul", f"a {part}", f"{part}0"), node("Reshape", f"{part}0 heads", f"{part}1"), node("Transpose", f"{part}1", f"{part}2", perm=perm)]
    nodes += [
        node("MatMul", "q2 k2", "product"),
        node("Mul", "product root", "scaled"),
        node("Softmax", "scaled", "weight", axis=-1),
        node("MatMul", "weight v2", "mixed0"),
        node("Transpose", "mixed0", "mixed1", perm=[1, 0, 2]),
        node("Reshape", "mixed1 flat", "mixed"),
        node("MatMul", "mixed o", "attended"),
        node("Add", "h0 attended", "h1"),
        node("LayerNormalization", "h1 norm2 shift2", "n2", axis=-1, epsilon=EPSILON),
        node("MatMul", "n2 up", "up0"), node("Add", "up0 up_bias", "up1"), node("Relu", "up1", "up2"),
        node("MatMul", "up2 down", "down0"), node("Add", "down0 down_bias", "down1"),
        node("Add", "h1 down1", "h2"),
        node("ReduceMean", "h2", "mean", axes=[0], keepdims=1),
        node("Gemm", "mean out bias", "logit"),
        node("Sigmoid", "logit", "rise"),
    ]
    return kit.graph(nodes, weights, CHANNELS * PLACES, 1, "rise", opset=17)


def main():
    rng = np.random.default_rng(SEED)
    words, path, ahead = rows(*simulate(rng))
    names, x = kit.features("attention", words, 25)
    label = (ahead > 0).astype(float)
    train, select, test = kit.parts(path)
    ones, zeros = np.ones(WIDTH), np.zeros(WIDTH)
    # Prices vary more than volumes here: the first map evens that out.
    spread = (x[train] @ differences()).reshape(-1, CHANNELS, PLACES).std((0, 2))
    weights = {
        "embed": normal(rng, CHANNELS, WIDTH) / spread[:, None], "position": 0.3 * rng.normal(size=(PLACES, WIDTH)),
        "norm1": ones, "shift1": zeros, "norm2": ones, "shift2": zeros,
        **{part: normal(rng, WIDTH, WIDTH) for part in "qkvo"},
        "up": normal(rng, WIDTH, INNER), "up_bias": np.zeros(INNER), "down": normal(rng, INNER, WIDTH), "down_bias": zeros,
        "out": normal(rng, WIDTH), "bias": np.zeros(()),
    }
    loss = lambda w, x, y: cross_entropy(logit(w, x), y)
    weights = descend(loss, weights, (x[train], label[train]), (x[select], label[select]), rng, EPOCHS, decay=1e-5)
    score = np.asarray(jax.nn.sigmoid(logit(weights, x[test])), np.float64)
    model = export(weights)
    error = np.abs(kit.run(model, x[test][:500])[:, 0] - score[:500]).max()
    assert error < 1e-3, f"onnx file differs from training by {error}"
    kit.write("attention", model, names, x[test], label[test], {
        "model": f"transformer block, {PLACES} places of {WIDTH}, {HEADS} heads, sigmoid",
        "data": "simulated",
        "rows": {"train": int(train.sum()), "select": int(select.sum()), "test": int(test.sum())},
        "test": measure(score, label[test]),
        "best_single_feature_auc": max((round(max(a, 1 - a), 4), n) for a, n in ((auc(c, label[test]), n) for c, n in zip(x[test].T, names))),
    })


if __name__ == "__main__":
    main()
