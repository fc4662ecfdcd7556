"""Digit recognition: a convolutional network on the digits that come with scikit-learn.

    python3 -m models.digits.train

Those are 1,797 handwritten digits of 43 people, 8 by 8 points (UCI, Optical Recognition of Handwritten Digits, test part), with 16 shades here. A
plan reads at most 64 features from the chain, so 8 by 8 is what fits; the digits are not scaled up to 28 by 28, which would add points and
no information. Training rows are shifted by up to a point, so that the network does not learn positions by heart.
"""

import jax
import jax.numpy as jnp
import numpy as np
from onnx import helper
from sklearn.datasets import load_digits

from models import kit
from models.descent import descend, normal

SEED, EPOCHS, CHANNELS, SECOND = 29, 60, 8, 16


def convolve(x, w, b, stride):
    """A convolution without a border: x [rows, in, y, x], w [out, in, 3, 3]."""
    y = jax.lax.conv_general_dilated(x, w, (stride, stride), "VALID")
    return jax.nn.relu(y + b[None, :, None, None])


def logits(w, x):
    """Ten numbers of each drawing; x [rows, 64]."""
    x = x.reshape(-1, 1, 8, 8)
    x = convolve(convolve(x, w["c1"], w["b1"], 1), w["c2"], w["b2"], 2)
    return x.reshape(len(x), -1) @ w["w"] + w["b"]


def loss(w, x, y):
    chosen = jax.nn.log_softmax(logits(w, x))
    return -jnp.mean(jnp.take_along_axis(chosen, y[:, None], 1))


def shifted(x, y):
    """The drawings, and each moved by one point in four directions."""
    moved = [x] + [np.roll(x.reshape(-1, 8, 8), by, axis).reshape(len(x), -1) for by in (-1, 1) for axis in (1, 2)]
    return np.concatenate(moved), np.tile(y, len(moved))


def export(w):
    nodes = [
        helper.make_node("Reshape", ["features", "image"], ["drawing"], "drawing"),
        helper.make_node("Conv", ["drawing", "c1", "b1"], ["conv1"], "conv1"),
        helper.make_node("Relu", ["conv1"], ["relu1"], "relu1"),
        helper.make_node("Conv", ["relu1", "c2", "b2"], ["conv2"], "conv2", strides=[2, 2]),
        helper.make_node("Relu", ["conv2"], ["relu2"], "relu2"),
        helper.make_node("Flatten", ["relu2"], ["flat"], "flat"),
        helper.make_node("Gemm", ["flat", "w", "b"], ["logits"], "logits"),
        helper.make_node("ArgMax", ["logits"], ["best"], "best", axis=1, keepdims=1),
        helper.make_node("Cast", ["best"], ["digit"], "digit", to=kit.TensorProto.FLOAT),
    ]
    return kit.graph(nodes, {**w, "image": np.array([1, 1, 8, 8])}, 64, 1, "digit")


def main():
    rng = np.random.default_rng(SEED)
    images, label = load_digits(return_X_y=True)
    names, x = kit.features("digits", {f"mapping 0 {4 * i}..{4 * i + 4}": np.minimum(c, 15)[:, None] for i, c in enumerate(images.T)}, 1)
    # The file's order is that of the writers: whole stretches of it are held out.
    train, select, test = kit.parts(np.arange(len(x)) * 5 // len(x))
    weights = {
        "c1": normal(rng, 9, CHANNELS).T.reshape(CHANNELS, 1, 3, 3), "b1": np.zeros(CHANNELS),
        "c2": normal(rng, 9 * CHANNELS, SECOND).T.reshape(SECOND, CHANNELS, 3, 3), "b2": np.zeros(SECOND),
        "w": normal(rng, 4 * SECOND, 10), "b": np.zeros(10),
    }
    weights = descend(loss, weights, shifted(x[train], label[train]), (x[select], label[select]), rng, EPOCHS, decay=1e-3, batch=64)
    said = np.asarray(logits(weights, x[test])).argmax(1)
    model = export(weights)
    assert (kit.run(model, x[test])[:, 0] == said).all(), "onnx file differs from training"
    kit.write("digits", model, names, x[test], label[test].astype(float), {
        "model": f"CNN on 8x8, {CHANNELS} and {SECOND} channels of 3x3, ReLU, argmax",
        "data": "scikit-learn load_digits (UCI)",
        "rows": {"train": int(train.sum()), "select": int(select.sum()), "test": int(test.sum())},
        "test": {"accuracy": round(float((said == label[test]).mean()), 4)},
    })


if __name__ == "__main__":
    main()
