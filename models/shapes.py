"""The ten shapes of the benchmark as ONNX files, with seeded random weights.

    pip install -r models/requirements.txt
    python models/shapes.py DIRECTORY
"""
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper

rng = np.random.default_rng(11)


def weights(name, *shape):
    scale = 1 / np.sqrt(np.prod(shape[1:]) if len(shape) > 2 else shape[0])
    return numpy_helper.from_array((rng.normal(size=shape) * scale).astype(np.float32), name)


def save(folder, name, shape, nodes, constants, output=None):
    y = h.make_tensor_value_info("y", T.FLOAT, output)
    graph = h.make_graph(nodes, name, [h.make_tensor_value_info("x", T.FLOAT, shape)], [y], constants)
    opsets = [h.make_opsetid("", 15), h.make_opsetid("ai.onnx.ml", 1)]
    onnx.save(h.make_model(graph, opset_imports=opsets, ir_version=8), folder / f"{name}.onnx")


def mlp(folder, name, widths, last=None):
    nodes, constants, at = [], [], "x"
    for i, (a, b) in enumerate(zip(widths, widths[1:])):
        final = i + 2 == len(widths)
        constants += [weights(f"w{i}", a, b), weights(f"b{i}", b)]
        end = "y" if final and last is None else f"s{i}"
        nodes.append(h.make_node("Gemm", [at, f"w{i}", f"b{i}"], [end]))
        at = end
        if not final:
            nodes.append(h.make_node("Relu", [at], [f"r{i}"]))
            at = f"r{i}"
    if last:
        nodes.append(h.make_node(last, [at], ["y"]))
    save(folder, name, [1, widths[0]], nodes, constants, [1, widths[-1]])


def trees(folder, name, features, count, depth):
    """Full binary trees of random thresholds."""
    keys = "treeids nodeids featureids values modes truenodeids falsenodeids".split()
    node = {key: [] for key in keys}
    leaf = {"treeids": [], "nodeids": [], "ids": [], "weights": []}
    inner = 2**depth - 1
    for tree in range(count):
        for i in range(2 ** (depth + 1) - 1):
            branch = i < inner
            row = [tree, i, int(rng.integers(features)) if branch else 0, float(rng.uniform()) if branch else 0.0]
            row += ["BRANCH_LT" if branch else "LEAF", 2 * i + 1 if branch else 0, 2 * i + 2 if branch else 0]
            for key, value in zip(keys, row):
                node[key].append(value)
            if not branch:
                for key, value in zip(leaf, [tree, i, 0, float(rng.normal() / np.sqrt(count))]):
                    leaf[key].append(value)
    attributes = {f"nodes_{k}": v for k, v in node.items()} | {f"target_{k}": v for k, v in leaf.items()}
    op = h.make_node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", n_targets=1, post_transform="NONE", **attributes)
    save(folder, name, [1, features], [op], [], [1, 1])


def cnn(folder, name):
    """Two convolutions and a dense layer on 28 x 28 points."""
    nodes = [
        h.make_node("Conv", ["x", "c1"], ["a"], strides=[2, 2]), h.make_node("Relu", ["a"], ["b"]),
        h.make_node("Conv", ["b", "c2"], ["c"], strides=[2, 2]), h.make_node("Relu", ["c"], ["d"]),
        h.make_node("Flatten", ["d"], ["e"]), h.make_node("Gemm", ["e", "w", "v"], ["y"]),
    ]
    save(folder, name, [1, 1, 28, 28], nodes, [weights("c1", 4, 1, 5, 5), weights("c2", 8, 4, 5, 5), weights("w", 128, 10), weights("v", 10)], [1, 10])


def conv1d(folder, name):
    nodes = [
        h.make_node("Conv", ["x", "c"], ["a"], strides=[1]), h.make_node("Relu", ["a"], ["b"]),
        h.make_node("GlobalAveragePool", ["b"], ["d"]), h.make_node("Flatten", ["d"], ["e"]), h.make_node("Gemm", ["e", "w", "v"], ["y"]),
    ]
    save(folder, name, [1, 8, 32], nodes, [weights("c", 16, 8, 5), weights("w", 16, 1), weights("v", 1)], [1, 1])


def recurrent(folder, name, op, gates):
    nodes = [
        h.make_node(op, ["x", "w", "r"], ["", "s"], hidden_size=8), h.make_node("Squeeze", ["s", "zero"], ["t"]),
        h.make_node("Gemm", ["t", "v", "u"], ["y"]),
    ]
    zero = numpy_helper.from_array(np.array([0], dtype=np.int64), "zero")
    save(folder, name, [32, 1, 4], nodes, [weights("w", 1, 8 * gates, 4), weights("r", 1, 8 * gates, 8), weights("v", 8, 1), weights("u", 1), zero], [1, 1])


def transformer(folder, name):
    """One block: two heads of eight on eight places of sixteen numbers, then a layer of 32."""
    ints = lambda name, v: numpy_helper.from_array(np.array(v, dtype=np.int64), name)
    nodes, constants = [], [ints("heads", [8, 2, 8]), ints("flat", [8, 16]), numpy_helper.from_array(np.float32(8**-0.5), "scale")]
    for part in "qkv":
        constants.append(weights(f"w{part}", 16, 16))
        perm = [1, 2, 0] if part == "k" else [1, 0, 2]
        nodes += [
            h.make_node("MatMul", ["x", f"w{part}"], [f"{part}0"]), h.make_node("Reshape", [f"{part}0", "heads"], [f"{part}1"]),
            h.make_node("Transpose", [f"{part}1"], [part], perm=perm),
        ]
    constants += [weights("wo", 16, 16), weights("w1", 16, 32), weights("w2", 32, 16)]
    nodes += [
        h.make_node("MatMul", ["q", "k"], ["a"]), h.make_node("Mul", ["a", "scale"], ["b"]), h.make_node("Softmax", ["b"], ["p"], axis=-1),
        h.make_node("MatMul", ["p", "v"], ["c"]), h.make_node("Transpose", ["c"], ["d"], perm=[1, 0, 2]), h.make_node("Reshape", ["d", "flat"], ["e"]),
        h.make_node("MatMul", ["e", "wo"], ["f"]), h.make_node("Add", ["f", "x"], ["g"]), h.make_node("MatMul", ["g", "w1"], ["h"]),
        h.make_node("Relu", ["h"], ["i"]), h.make_node("MatMul", ["i", "w2"], ["j"]), h.make_node("Add", ["j", "g"], ["y"]),
    ]
    save(folder, name, [8, 16], nodes, constants, [8, 16])


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    mlp(folder, "01-logistic-16", [16, 1], "Sigmoid")
    mlp(folder, "02-mlp-16-32-16-1", [16, 32, 16, 1])
    mlp(folder, "03-mlp-64-128-64-10", [64, 128, 64, 10])
    mlp(folder, "04-mlp-784-128-64-10", [784, 128, 64, 10])
    cnn(folder, "05-cnn-28x28")
    conv1d(folder, "06-conv1d-32x8")
    trees(folder, "07-trees-50x4", 16, 50, 4)
    recurrent(folder, "08-gru-8x32", "GRU", 3)
    recurrent(folder, "09-lstm-8x32", "LSTM", 4)
    transformer(folder, "10-transformer-8x16")


main(Path(sys.argv[1]))
