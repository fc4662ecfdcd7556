"""Digit recognition: a convolutional network on handwritten digits of 28 by 28 points.

    python3 -m models.digits.train

The digits are the 1,797 of 43 people that come with scikit-learn (UCI, Optical Recognition of Handwritten Digits, test part). Those have 8 by 8 points:
here each is enlarged by cubic interpolation, turned, stretched and moved a little at random, and drawn on 28 by 28 points in 16 shades. That makes
drawings of the size of MNIST's, but not MNIST's: they have no more detail than 8 by 8 points hold. Training rows are drawn several times, so that the network
does not learn positions by heart; rows of the test are drawn once.
"""

import jax
import jax.numpy as jnp
import numpy as np
from onnx import helper
from scipy.ndimage import affine_transform
from sklearn.datasets import load_digits

from models import kit
from models.descent import descend, normal

SEED, EPOCHS, COPIES, CHANNELS, SECOND = 29, 40, 16, 6, 12
SIDE, SHADES = 28, 15


def drawn(rng, image):
    """`image` [8, 8] of 0 to 16 as [784] shades of 0 to 15: some 20 points high, like MNIST's."""
    angle, width, height = rng.normal(0, 0.08), *rng.uniform(0.34, 0.4, 2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * [height, width]
    middle = (SIDE - 1) / 2 + rng.uniform(-1.5, 1.5, 2)
    points = affine_transform(image, turn, 3.5 - turn @ middle, (SIDE, SIDE), order=3)
    return np.clip(np.round(points / 16 * SHADES), 0, SHADES).ravel()


def convolve(x, w, b):
    """A convolution of every second point without a border: x [rows, in, y, x], w [out, in, 5, 5]."""
    y = jax.lax.conv_general_dilated(x, w, (2, 2), "VALID")
    return jax.nn.relu(y + b[None, :, None, None])


def logits(w, x):
    """Ten numbers of each drawing; x [rows, 784] shades."""
    x = x.reshape(-1, 1, SIDE, SIDE) / SHADES
    x = convolve(convolve(x, w["c1"], w["b1"]), w["c2"], w["b2"])
    return x.reshape(len(x), -1) @ w["w"] + w["b"]


def loss(w, x, y):
    chosen = jax.nn.log_softmax(logits(w, x))
    return -jnp.mean(jnp.take_along_axis(chosen, y[:, None], 1))


def export(w):
    nodes = [
        helper.make_node("Reshape", ["features", "image"], ["drawing"], "drawing"),
        helper.make_node("Conv", ["drawing", "c1", "b1"], ["conv1"], "conv1", strides=[2, 2]),
        helper.make_node("Relu", ["conv1"], ["relu1"], "relu1"),
        helper.make_node("Conv", ["relu1", "c2", "b2"], ["conv2"], "conv2", strides=[2, 2]),
        helper.make_node("Relu", ["conv2"], ["relu2"], "relu2"),
        helper.make_node("Flatten", ["relu2"], ["flat"], "flat"),
        helper.make_node("Gemm", ["flat", "w", "b"], ["logits"], "logits"),
        helper.make_node("ArgMax", ["logits"], ["best"], "best", axis=1, keepdims=1),
        helper.make_node("Cast", ["best"], ["digit"], "digit", to=kit.TensorProto.FLOAT),
    ]
    return kit.graph(nodes, {**w, "c1": w["c1"] / SHADES, "image": np.array([1, 1, SIDE, SIDE])}, SIDE * SIDE, 1, "digit")


def main():
    rng = np.random.default_rng(SEED)
    images, label = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8)
    # The file's order is that of the writers: whole stretches of it are held out.
    train, select, test = kit.parts(np.arange(len(images)) * 5 // len(images))
    many = lambda part, copies: (np.array([drawn(rng, i) for _ in range(copies) for i in images[part]]), np.tile(label[part], copies))
    (x, y), chosen, (held, said) = many(train, COPIES), many(select, 1), many(test, 1)
    weights = {
        "c1": normal(rng, 25, CHANNELS).T.reshape(CHANNELS, 1, 5, 5), "b1": np.zeros(CHANNELS),
        "c2": normal(rng, 25 * CHANNELS, SECOND).T.reshape(SECOND, CHANNELS, 5, 5), "b2": np.zeros(SECOND),
        "w": normal(rng, 16 * SECOND, 10), "b": np.zeros(10),
    }
    weights = descend(loss, weights, (x, y), chosen, rng, EPOCHS, decay=1e-3, batch=64)
    got = np.asarray(logits(weights, held)).argmax(1)
    model = export(weights)
    assert (kit.run(model, held)[:, 0] == got).all(), "onnx file differs from training"
    kit.write("digits", model, [f"pixel{i}" for i in range(SIDE * SIDE)], held, said.astype(float), {
        "model": f"CNN on 28x28, {CHANNELS} and {SECOND} channels of 5x5, ReLU, argmax",
        "data": "scikit-learn load_digits (UCI, 8x8), enlarged to 28x28 with random turns, sizes and places",
        "rows": {"train": int(train.sum()), "copies": COPIES, "select": int(select.sum()), "test": int(test.sum())},
        "test": {"accuracy": round(float((got == said).mean()), 4)},
    }, rows=96)


if __name__ == "__main__":
    main()
