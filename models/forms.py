"""Forms of operations that `models/ops.py` has not: attributes, older versions, and nodes of `ai.onnx.ml` made by hand.

    pip install -r models/requirements-cases.txt
    python models/forms.py > prover/tests/data/forms.json

A test of the prover imports each, and compares floats and integers with the outputs kept here.
"""

import numpy as np
from cases import Cases, tensor
from onnx import TensorProto as T
from onnx import helper

c = Cases(11)
rng, graph, node = c.rng, c.graph, helper.make_node
i64 = np.int64


def normal(*shape):
    return rng.normal(size=shape)


# convolutions and pools
graph("Conv 2-D, dilated", [1, 1, 6, 6], [node("Conv", ["x", "w"], ["y"], dilations=[2, 1], pads=[1, 0, 2, 1])], [tensor("w", normal(2, 1, 2, 3))], rows=2)
graph("Conv 2-D, depthwise", [1, 3, 4, 4], [node("Conv", ["x", "w", "b"], ["y"], group=3, kernel_shape=[3, 3])], [tensor("w", normal(6, 1, 3, 3)), tensor("b", normal(6))], rows=2)
graph("Conv 1-D, in groups", [1, 4, 6], [node("Conv", ["x", "w"], ["y"], group=2)], [tensor("w", normal(4, 2, 3))])
for pad in ["SAME_LOWER", "VALID"]:
    graph(f"Conv 2-D, {pad}", [1, 1, 5, 4], [node("Conv", ["x", "w"], ["y"], auto_pad=pad, strides=[2, 1])], [tensor("w", normal(1, 1, 2, 2))], rows=2)
    graph(f"MaxPool, {pad}", [1, 1, 5, 4], [node("MaxPool", ["x"], ["y"], auto_pad=pad, kernel_shape=[2, 2], strides=[2, 1])], rows=2)
graph("AveragePool that counts its padding", [1, 1, 5, 4], [node("AveragePool", ["x"], ["y"], kernel_shape=[3, 2], pads=[1, 1, 1, 0], count_include_pad=1)], rows=2)
graph("MaxPool, dilated", [1, 1, 6, 5], [node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], dilations=[3, 2])], rows=2)
graph("AveragePool, dilated", [1, 1, 6, 5], [node("AveragePool", ["x"], ["y"], kernel_shape=[2, 2], dilations=[3, 2])], rows=2)
for op in ["MaxPool", "AveragePool"]:
    graph(f"{op} that rounds up", [1, 1, 6, 5], [node(op, ["x"], ["y"], kernel_shape=[3, 2], strides=[2, 2], ceil_mode=1)], rows=2)
    graph(f"{op} that rounds up and pads", [1, 1, 7], [node(op, ["x"], ["y"], kernel_shape=[3], strides=[3], pads=[1, 1], ceil_mode=1)], rows=2)

# what moves numbers
graph("Pad with a number, of some axes", [1, 2, 3], [node("Pad", ["x", "p", "v", "a"], ["y"])], [tensor("p", [1, 0, 0, 2], i64), tensor("v", 1.5), tensor("a", [2, 1], i64)])
graph("Pad that cuts", [1, 5], [node("Pad", ["x", "p"], ["y"])], [tensor("p", [0, -1, 0, 1], i64)])
graph("Gather of rows, from the end too", [3, 2], [node("Gather", ["x", "i"], ["y"])], [tensor("i", [2, -3, 1], i64)])
graph("Squeeze of all, Unsqueeze from the end", [1, 3, 1, 2], [node("Squeeze", ["x"], ["a"]), node("Unsqueeze", ["a", "u"], ["b"]), node("ReduceSum", ["b", "u"], ["y"], keepdims=0)], [tensor("u", [-2], i64)])
graph("Flatten at an axis", [1, 2, 3], [node("Flatten", ["x"], ["a"], axis=2), node("ReduceMax", ["a", "o"], ["y"])], [tensor("o", [1], i64)])
graph("Reshape that keeps and infers", [1, 2, 6], [node("Reshape", ["x", "s"], ["a"]), node("ReduceMin", ["a", "o"], ["y"])], [tensor("s", [0, -1, 3], i64), tensor("o", [1], i64)])
graph("Shape of some dimensions", [1, 4, 3], [node("Shape", ["x"], ["s"], start=-2, end=2), node("Cast", ["s"], ["f"], to=T.FLOAT), node("Shape", ["x"], ["t"], start=1), node("ConstantOfShape", ["t"], ["g"]), node("Add", ["x", "g"], ["h"]), node("Mul", ["h", "f"], ["y"])])
graph("Size, ConstantOfShape, Expand", [1, 4], [node("Size", ["x"], ["n"]), node("Cast", ["n"], ["f"], to=T.FLOAT), node("Shape", ["x"], ["s"]), node("ConstantOfShape", ["s"], ["o"], value=tensor("v", [2.5])), node("Mul", ["x", "o"], ["a"]), node("Div", ["a", "f"], ["y"])])
graph("Range", [1, 4], [node("Range", ["a", "b", "d"], ["r"]), node("Mul", ["x", "r"], ["y"])], [tensor("a", 1.0), tensor("b", 3.0), tensor("d", 0.5)])
for upper in [0, 1]:
    graph(f"Trilu, {['lower', 'upper'][upper]}", [1, 3, 3], [node("Trilu", ["x", "k"], ["y"], upper=upper)], [tensor("k", 1 - 2 * upper, i64)])
graph("Dropout out of training", [1, 4], [node("Dropout", ["x", "r", "t"], ["a"]), node("Dropout", ["a"], ["y"])], [tensor("r", 0.5), tensor("t", False, bool)])
for name, value in [("value_float", 1.5), ("value_floats", [1.0, -2.0, 0.5])]:
    graph(f"Constant of {name}", [1, 3], [node("Constant", [], ["v"], **{name: value}), node("Mul", ["x", "v"], ["y"])])
for name, value in [("value_int", 2), ("value_ints", [2, 1])]:
    graph(f"Constant of {name}", [1, 3], [node("Constant", [], ["v"], **{name: value}), node("Gather", ["x", "v"], ["y"], axis=1)])
graph("IsNaN and IsInf of what is neither", [1, 3], [
    node("IsNaN", ["x"], ["n"]), node("Where", ["n", "zero", "x"], ["a"]), node("IsInf", ["a"], ["i"]), node("Where", ["i", "zero", "a"], ["b"]), node("Relu", ["b"], ["y"]),
], [tensor("zero", 9.0)])

# numbers
graph("Clip below", [1, 4], [node("Clip", ["x", "a"], ["y"])], [tensor("a", -1.0)])
graph("Clip above", [1, 4], [node("Clip", ["x", "", "b"], ["y"])], [tensor("b", 0.5)])
graph("Clip by attributes", [1, 4], [node("Clip", ["x"], ["y"], min=-0.5, max=2.0)], opset=10)
graph("Gemm of all attributes", [3, 2], [node("Gemm", ["x", "w", "b"], ["y"], alpha=0.5, beta=2.0, transA=1, transB=1)], [tensor("w", normal(4, 3)), tensor("b", normal(2, 1))])
graph("Gemm with the input on the right", [2, 3], [node("Gemm", ["w", "x"], ["y"])], [tensor("w", normal(2, 2))])
for op in ["Softmax", "LogSoftmax", "Hardmax"]:
    graph(f"{op} of version 11", [1, 2, 3], [node(op, ["x"], ["y"])], opset=11)
graph("Softmax of version 11 over the last", [2, 1, 3], [node("Softmax", ["x"], ["y"], axis=2)], opset=11)
for op in ["Max", "Min"]:
    parts = [node("Relu", ["x"], ["a"]), node("Sigmoid", ["x"], ["b"]), node("Neg", ["x"], ["d"])]
    graph(f"{op} of two", [1, 4], parts[:2] + [node(op, ["a", "b"], ["y"])])
    graph(f"{op} of three", [1, 4], parts + [node(op, ["a", "b", "d"], ["y"])])
graph("BatchNormalization of version 9", [1, 2, 3], [node("BatchNormalization", ["x", "s", "b", "m", "v"], ["y"], epsilon=0.01)], [tensor("s", [1, 2]), tensor("b", [0.5, -1]), tensor("m", [0.1, 0.2]), tensor("v", [1.5, 0.3])], opset=9)
graph("PRelu by channel", [1, 2, 3], [node("PRelu", ["x", "s"], ["y"])], [tensor("s", [[0.25], [-0.5]])])
graph("GroupNormalization", [1, 4, 3], [node("GroupNormalization", ["x", "s", "b"], ["y"], num_groups=2)], [tensor("s", normal(4)), tensor("b", normal(4))], opset=21)
graph("RMSNormalization", [1, 2, 5], [node("RMSNormalization", ["x", "s"], ["y"])], [tensor("s", normal(5))], opset=23)
graph("Swish", [1, 4], [node("Swish", ["x"], ["y"], alpha=1.5)], opset=24, reference=True)

# ai.onnx.ml
ml = {"domain": "ai.onnx.ml"}
graph("FeatureVectorizer", [1, 5], [node("Split", ["x", "s"], ["a", "b"], axis=1), node("FeatureVectorizer", ["b", "a"], ["y"], inputdimensions=[3, 2], **ml)], [tensor("s", [2, 3], i64)])
graph("Scaler of one number", [1, 3], [node("Scaler", ["x"], ["y"], offset=[0.5], scale=[2.0], **ml)])
for labels, texts in [([3, 7], []), ([], ["no", "yes"])]:
    names = {"classlabels_int64s": labels} if labels else {"classlabels_strings": texts}
    entry = helper.make_map_type_proto(T.STRING if texts else T.INT64, helper.make_tensor_type_proto(T.FLOAT, []))
    pairs = helper.make_value_info("y", helper.make_sequence_type_proto(entry))
    graph(f"ZipMap of {'texts' if texts else 'integers'}", [1, 2], [node("Sigmoid", ["x"], ["s"]), node("ZipMap", ["s"], ["y"], **names, **ml)], output_type=pairs)
for post in ["NONE", "LOGISTIC", "SOFTMAX"]:
    for labels, classes in [([0, 1], 1), ([0, 1], 2), ([0, 1, 2], 3)]:
        weights = [float(v) for v in normal(3 * classes)]
        graph(f"LinearClassifier of {len(labels)} labels and {classes} rows, {post}", [1, 3], [node(
            "LinearClassifier", ["x"], ["label", "y"], coefficients=weights, intercepts=[0.25, -0.5, 0.125][:classes], classlabels_ints=labels, post_transform=post, **ml)])


def tree(name, op, mode, leaves, **attributes):
    """Two trees of three leaves each over four features; `mode` is one a branch."""
    branches = [0, 1, 0, 1]
    modes = [m for t in range(2) for m in (mode[2 * t], mode[2 * t + 1], "LEAF", "LEAF", "LEAF")]
    lists = {
        "nodes_treeids": [0] * 5 + [1] * 5, "nodes_nodeids": [0, 1, 2, 3, 4] * 2, "nodes_featureids": [0, 1, 0, 0, 0, 2, 3, 0, 0, 0],
        "nodes_values": [0.25, -0.5, 0, 0, 0, 0.0, 0.75, 0, 0, 0], "nodes_modes": modes, "nodes_truenodeids": [1, 3, 0, 0, 0] * 2, "nodes_falsenodeids": [2, 4, 0, 0, 0] * 2,
    }
    assert len(branches) == len(mode)
    prefix = "target" if op.endswith("Regressor") else "class"
    lists |= {f"{prefix}_treeids": [0] * 3 + [1] * 3, f"{prefix}_nodeids": [2, 3, 4] * 2, f"{prefix}_weights": leaves}
    lists |= {f"{prefix}_ids": attributes.pop("ids", [0] * 6)}
    if attributes.pop("both", False):
        # each leaf has a weight of each class
        for part in ["treeids", "nodeids"]:
            lists[f"{prefix}_{part}"] = [v for v in lists[f"{prefix}_{part}"] for _ in range(2)]
        lists[f"{prefix}_ids"] = [0, 1] * 6
        lists[f"{prefix}_weights"] = leaves + leaves[::-1]
    outputs = ["y"] if prefix == "target" else ["label", "y"]
    graph(name, [1, 4], [node(op, ["x"], outputs, **lists, **attributes, **ml)], rows=8, exact=True)


MIXED, POSITIVE = [0.5, -1.0, 0.25, 1.5, -0.75, 0.125], [0.5, 0.125, 0.25, 0.375, 0.25, 0.0625]
LEQ = ["BRANCH_LEQ"] * 4
for mode in ["LEQ", "LT", "GT", "GTE"]:
    tree(f"trees that branch by {mode}", "TreeEnsembleRegressor", [f"BRANCH_{mode}"] * 4, MIXED, n_targets=1)
tree("trees that branch by all", "TreeEnsembleRegressor", ["BRANCH_GTE", "BRANCH_LT", "BRANCH_GT", "BRANCH_LEQ"], MIXED, n_targets=1, base_values=[0.5])
tree("trees, averaged", "TreeEnsembleRegressor", LEQ, MIXED, n_targets=1, aggregate_function="AVERAGE", base_values=[0.5])
tree("trees of two targets", "TreeEnsembleRegressor", LEQ, MIXED, n_targets=2, ids=[0, 1, 0, 1, 1, 0])
for post in ["NONE", "LOGISTIC", "SOFTMAX"]:
    for sign, leaves in [("mixed", MIXED), ("positive", POSITIVE)]:
        for ids in [0, 1]:
            tree(f"trees of two classes by one score of class {ids}, {sign}, {post}", "TreeEnsembleClassifier", LEQ, leaves, ids=[ids] * 6, classlabels_int64s=[0, 1], post_transform=post)
        tree(f"trees of two classes, {sign}, {post}", "TreeEnsembleClassifier", LEQ, leaves, both=True, classlabels_int64s=[0, 1], post_transform=post)
    tree(f"trees of three classes, {post}", "TreeEnsembleClassifier", LEQ, MIXED, ids=[0, 1, 2, 1, 0, 2], classlabels_strings=["a", "b", "c"], post_transform=post)
    tree(f"trees of two classes by one score, base value, {post}", "TreeEnsembleClassifier", LEQ, MIXED, ids=[0] * 6, classlabels_int64s=[0, 1], post_transform=post, base_values=[0.3])
    for sign in [1.0, -1.0]:
        attributes = {"support_vectors": [float(v) for v in normal(4)], "vectors_per_class": [1, 1], "coefficients": [0.5, sign], "rho": [0.25], "classlabels_ints": [0, 1]}
        graph(f"SVMClassifier of {'positive' if sign > 0 else 'mixed'} coefficients, {post}", [1, 2], [node(
            "SVMClassifier", ["x"], ["label", "y"], kernel_type="LINEAR", kernel_params=[0.0, 0.0, 0.0], post_transform=post, **attributes, **ml)])

# several inputs, of which one hardly matters
value = helper.make_tensor_value_info
ends = [value("age", T.FLOAT, [None, 1]), value("sums", T.FLOAT, [None, 2]), value("unused", T.FLOAT, [None, 1])], [value("label", T.INT64, None), value("y", T.FLOAT, None)]
body = helper.make_graph([
    node("Concat", ["sums", "age"], ["a"], axis=1), node("MatMul", ["a", "w"], ["b"]), node("Sigmoid", ["b"], ["y"]),
    node("ArgMax", ["y"], ["m"], axis=1, keepdims=0), node("ArrayFeatureExtractor", ["labels", "m"], ["label"], **ml),
], "several inputs", *ends, [tensor("w", normal(3, 2)), tensor("labels", [5, 6], i64)])
opsets = [helper.make_opsetid("", 20), helper.make_opsetid("ai.onnx.ml", 3)]
c.keep("several inputs, and a label", helper.make_model(body, opset_imports=opsets, ir_version=9), rng.uniform(-2, 2, (4, 4)))
# after the others, so that their rows stay what they are
graph("Pow of a constant", [1, 3], [node("Pow", ["b", "x"], ["y"])], [tensor("b", [0.5, 2.0, 1.5])])
codes = {"keys_int64s": [0, 2, 3], "values_floats": [0.5, -1.0, 4.0], "default_float": 9.0}
graph("LabelEncoder of counted comparisons", [1, 3], [
    node("Greater", ["x", "z"], ["g"]), node("Cast", ["g"], ["i"], to=T.INT64), node("ReduceSum", ["i", "a"], ["s"]), node("LabelEncoder", ["s"], ["y"], **codes, **ml),
], [tensor("z", [0.0, 0.5, -0.5]), tensor("a", [1], i64)], rows=8)
c.write()
