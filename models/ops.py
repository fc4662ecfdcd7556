"""Small ONNX models, one for each operation that Vouch imports, with what onnxruntime says on random rows.

    pip install -r models/requirements.txt
    python models/ops.py > prover/tests/data/ops.json

A test of the prover imports each, and compares floats and integers with the outputs kept here.
"""
import json
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper

OPSET = 20
rng = np.random.default_rng(7)
cases = []


def tensor(name, array, dtype=np.float32):
    return numpy_helper.from_array(np.asarray(array, dtype=dtype), name)


def keep(name, model, rows):
    session = ort.InferenceSession(model.SerializeToString())
    output = session.get_outputs()[-1].name
    feed = session.get_inputs()[0]
    expected = []
    for row in rows:
        shape = [d if isinstance(d, int) and d > 0 else (1 if i == 0 else len(row)) for i, d in enumerate(feed.shape)]
        out = session.run([output], {feed.name: np.asarray(row, dtype=np.float32).reshape(shape)})[0]
        expected.append([float(v) for v in np.asarray(out).reshape(-1)])
    encoded = model.SerializeToString().hex()
    rows = [[float(np.float32(v)) for v in row] for row in rows]
    cases.append({"name": name, "width": len(rows[0]), "onnx": encoded, "rows": rows, "expected": expected})


def graph(name, shape, nodes, constants=(), low=-3.0, high=3.0, rows=5):
    """Nodes from input `x` to output `y`."""
    g = h.make_graph(nodes, name, [h.make_tensor_value_info("x", T.FLOAT, shape)], [h.make_tensor_value_info("y", T.FLOAT, None)], list(constants))
    model = h.make_model(g, opset_imports=[h.make_opsetid("", OPSET)], ir_version=9)
    keep(name, model, rng.uniform(low, high, (rows, int(np.prod(shape)))))


def unary(op, low=-3.0, high=3.0, name=None, **attributes):
    graph(name or op, [1, 5], [h.make_node(op, ["x"], ["y"], name="op", **attributes)], (), low, high)


for op in ["Relu", "Sigmoid", "Tanh", "Erf", "Softplus", "Elu", "Selu", "Celu", "Gelu", "HardSigmoid", "HardSwish", "Mish", "LeakyRelu", "Abs", "Neg", "Identity"]:
    unary(op)
unary("Gelu", name="Gelu by tanh", approximate="tanh")
unary("LeakyRelu", name="LeakyRelu of slope 0.3", alpha=0.3)
unary("Elu", name="Elu of 0.5", alpha=0.5)
unary("Celu", name="Celu of 2", alpha=2.0)
unary("Sigmoid", -30, 30, name="Sigmoid, far")
unary("Tanh", -30, 30, name="Tanh, far")
unary("Gelu", -30, 30, name="Gelu, far")
unary("Softplus", -30, 30, name="Softplus, far")
unary("Exp", -6, 2)
unary("Log", 0.01, 50)
unary("Sqrt", 0.01, 50)

for e in [0.5, 1, 2, 3, 4]:
    graph(f"Pow {e}", [1, 5], [h.make_node("Pow", ["x", "e"], ["y"])], [tensor("e", e)], 0.01, 3)
graph("PRelu", [1, 4], [h.make_node("PRelu", ["x", "s"], ["y"])], [tensor("s", [0.1, 0.2, -0.5, 1.5])])
graph("Max and Min of constants", [1, 4], [h.make_node("Max", ["x", "a"], ["m"]), h.make_node("Min", ["m", "b"], ["y"])], [tensor("a", [0, -1, 1, 2]), tensor("b", 1.5)])
graph("Clip", [1, 4], [h.make_node("Clip", ["x", "a", "b"], ["y"])], [tensor("a", -1.0), tensor("b", 0.7)])
graph("Swish as exported", [1, 4], [h.make_node("Sigmoid", ["x"], ["s"]), h.make_node("Mul", ["x", "s"], ["y"])])
graph("Gelu by erf as exported", [1, 4], [
    h.make_node("Div", ["x", "r"], ["a"]), h.make_node("Erf", ["a"], ["b"]), h.make_node("Add", ["b", "one"], ["c"]),
    h.make_node("Mul", ["x", "c"], ["d"]), h.make_node("Mul", ["d", "half"], ["y"]),
], [tensor("r", 2**0.5), tensor("one", 1.0), tensor("half", 0.5)])
graph("residual block", [1, 4], [
    h.make_node("Gemm", ["x", "w", "b"], ["a"]), h.make_node("Relu", ["a"], ["r"]), h.make_node("Add", ["x", "r"], ["y"]),
], [tensor("w", rng.normal(size=(4, 4))), tensor("b", rng.normal(size=4))])
graph("Concat of two branches", [1, 4], [
    h.make_node("Relu", ["x"], ["a"]), h.make_node("Tanh", ["x"], ["b"]), h.make_node("Concat", ["a", "x", "b"], ["c"], axis=1),
    h.make_node("MatMul", ["c", "w"], ["y"]),
], [tensor("w", rng.normal(size=(12, 2)))])
for op in ["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin"]:
    graph(op, [1, 3, 4], [h.make_node(op, ["x", "axes"], ["y"], keepdims=0)], [tensor("axes", [1], np.int64)])
graph("Sum and Mean", [1, 3], [h.make_node("Sum", ["x", "a", "x"], ["s"]), h.make_node("Mean", ["s", "x"], ["y"])], [tensor("a", [1, 2, 3])])
graph("Slice, Gather, Pad", [1, 6], [
    h.make_node("Slice", ["x", "starts", "ends", "axes", "steps"], ["a"]), h.make_node("Gather", ["a", "i"], ["b"], axis=1),
    h.make_node("Pad", ["b", "pads"], ["y"]),
], [tensor("starts", [5], np.int64), tensor("ends", [-7], np.int64), tensor("axes", [1], np.int64), tensor("steps", [-2], np.int64),
    tensor("i", [[2, 0], [1, 1]], np.int64), tensor("pads", [0, 0, 1, 0, 1, 0], np.int64)])
graph("Split, Squeeze, Unsqueeze, Transpose", [1, 3, 2], [
    h.make_node("Split", ["x", "parts"], ["a", "b"], axis=1), h.make_node("Squeeze", ["a", "zero"], ["c"]),
    h.make_node("Transpose", ["c"], ["d"], perm=[1, 0]), h.make_node("Unsqueeze", ["d", "zero"], ["e"]), h.make_node("Add", ["e", "b"], ["y"]),
], [tensor("parts", [2, 1], np.int64), tensor("zero", [0], np.int64)])
graph("Expand, Tile, Where", [1, 2], [
    h.make_node("Expand", ["x", "shape"], ["a"]), h.make_node("Tile", ["x", "times"], ["t"]),
    h.make_node("Where", ["c", "a", "zero"], ["b"]), h.make_node("MatMul", ["b", "w"], ["m"]), h.make_node("Add", ["m", "t"], ["y"]),
], [tensor("shape", [3, 2], np.int64), tensor("times", [3, 1], np.int64), tensor("c", [[True, False]] * 3, bool), tensor("zero", 0.0), tensor("w", rng.normal(size=(2, 2)))])
graph("BatchNormalization", [1, 2, 3], [h.make_node("BatchNormalization", ["x", "s", "b", "m", "v"], ["y"])],
      [tensor("s", [1, 2]), tensor("b", [0.5, -1]), tensor("m", [0.1, 0.2]), tensor("v", [1.5, 0.3])])
graph("product of two activations", [1, 2, 3], [h.make_node("Transpose", ["x"], ["t"], perm=[0, 2, 1]), h.make_node("MatMul", ["x", "t"], ["y"])])

graph("Conv 1-D", [1, 2, 8], [h.make_node("Conv", ["x", "w", "b"], ["y"], strides=[2], pads=[1, 2], dilations=[2])], [tensor("w", rng.normal(size=(3, 2, 3))), tensor("b", [0.1, 0.2, 0.3])])
graph("Conv 2-D in groups", [1, 4, 5, 4], [h.make_node("Conv", ["x", "w"], ["y"], group=2, pads=[1, 0, 1, 0])], [tensor("w", rng.normal(size=(2, 2, 3, 2)))], rows=2)
graph("Conv padded the same", [1, 1, 5, 5], [h.make_node("Conv", ["x", "w"], ["y"], auto_pad="SAME_UPPER", strides=[2, 2])], [tensor("w", rng.normal(size=(2, 1, 3, 3)))], rows=2)
for op in ["MaxPool", "AveragePool"]:
    graph(op, [1, 2, 5, 4], [h.make_node(op, ["x"], ["y"], kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1])], rows=2)
for op in ["GlobalMaxPool", "GlobalAveragePool"]:
    graph(op, [1, 2, 3, 2], [h.make_node(op, ["x"], ["y"])], rows=2)
graph("small network for images", [1, 1, 6, 6], [
    h.make_node("Conv", ["x", "w"], ["a"]), h.make_node("Relu", ["a"], ["b"]), h.make_node("MaxPool", ["b"], ["c"], kernel_shape=[2, 2], strides=[2, 2]),
    h.make_node("Flatten", ["c"], ["d"]), h.make_node("Gemm", ["d", "v", "u"], ["y"], transB=1),
], [tensor("w", rng.normal(size=(2, 1, 3, 3))), tensor("v", rng.normal(size=(3, 8))), tensor("u", rng.normal(size=3))], rows=3)

# what divides
graph("Div of two", [1, 4, 2], [h.make_node("Split", ["x", "one"], ["a", "b"], axis=2), h.make_node("Div", ["a", "b"], ["y"])], [tensor("one", [1, 1], np.int64)], 0.2, 5)
graph("Div by negative", [1, 4], [h.make_node("Sub", ["x", "c"], ["b"]), h.make_node("Div", ["x", "b"], ["y"])], [tensor("c", 9.0)])
graph("Reciprocal", [1, 4], [h.make_node("Reciprocal", ["x"], ["y"])], (), 0.2, 5)
unary("Softsign")
for e in [-2, -1, -0.5]:
    graph(f"Pow {e}", [1, 5], [h.make_node("Pow", ["x", "e"], ["y"])], [tensor("e", e)], 0.3, 3)
for n in [2, 3, 8]:
    graph(f"Softmax of {n}", [1, n], [h.make_node("Softmax", ["x"], ["y"])], (), -4, 4)
graph("Softmax, far", [1, 5], [h.make_node("Softmax", ["x"], ["y"])], (), -100, 100)
graph("Softmax over another axis", [1, 3, 2], [h.make_node("Softmax", ["x"], ["y"], axis=1)])
graph("Softmax behind a layer", [1, 4], [h.make_node("MatMul", ["x", "w"], ["a"]), h.make_node("Softmax", ["a"], ["y"])], [tensor("w", rng.normal(size=(4, 3)))])
graph("Softmax behind a mask", [1, 3, 3], [h.make_node("Add", ["x", "m"], ["a"]), h.make_node("Softmax", ["a"], ["y"])], [tensor("m", [[0, -np.inf, -np.inf], [0, 0, -3.4e38], [0, 0, 0]])])
graph("LogSoftmax", [1, 4], [h.make_node("LogSoftmax", ["x"], ["y"])])
graph("Hardmax", [1, 4], [h.make_node("Hardmax", ["x"], ["y"])])
graph("LayerNormalization", [1, 2, 6], [h.make_node("LayerNormalization", ["x", "s", "b"], ["y"])], [tensor("s", rng.uniform(0.5, 2, 6)), tensor("b", rng.normal(size=6))])
graph("LayerNormalization over two axes", [1, 2, 3], [h.make_node("LayerNormalization", ["x", "s"], ["y"], axis=1, epsilon=1e-3)], [tensor("s", rng.uniform(0.5, 2, (2, 3)))])
graph("LayerNormalization as exported before", [1, 2, 4], [
    h.make_node("ReduceMean", ["x", "last"], ["m"]), h.make_node("Sub", ["x", "m"], ["d"]), h.make_node("Pow", ["d", "two"], ["s"]), h.make_node("ReduceMean", ["s", "last"], ["v"]),
    h.make_node("Add", ["v", "e"], ["w"]), h.make_node("Sqrt", ["w"], ["r"]), h.make_node("Div", ["d", "r"], ["n"]), h.make_node("Mul", ["n", "g"], ["o"]), h.make_node("Add", ["o", "b"], ["y"]),
], [tensor("last", [-1], np.int64), tensor("two", 2.0), tensor("e", 1e-5), tensor("g", [1, 2, 0.5, 1]), tensor("b", [0, 0.1, 0.2, 0.3])])
graph("InstanceNormalization", [1, 2, 4], [h.make_node("InstanceNormalization", ["x", "s", "b"], ["y"])], [tensor("s", [1, 2]), tensor("b", [0.5, -1])])
graph("MeanVarianceNormalization", [1, 2, 2, 3], [h.make_node("MeanVarianceNormalization", ["x"], ["y"])])
for p in [1, 2]:
    graph(f"LpNormalization {p}", [1, 5], [h.make_node("LpNormalization", ["x"], ["y"], p=p)])
for op in ["ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceProd", "ReduceLogSumExp"]:
    graph(op, [1, 3, 4], [h.make_node(op, ["x", "axes"], ["y"])], [tensor("axes", [2], np.int64)])
graph("ReduceLogSum", [1, 5], [h.make_node("ReduceLogSum", ["x"], ["y"], keepdims=0)], (), 0.1, 5)

# what compares; operands in eighths, so that some are equal
def eighths(rows, n):
    return rng.integers(-12, 13, (rows, n)) / 8

def exact(name, shape, nodes, constants=(), rows=6):
    g = h.make_graph(nodes, name, [h.make_tensor_value_info("x", T.FLOAT, shape)], [h.make_tensor_value_info("y", T.FLOAT, None)], list(constants))
    keep(name, h.make_model(g, opset_imports=[h.make_opsetid("", OPSET)], ir_version=9), eighths(rows, int(np.prod(shape))))

as_float = h.make_node("Cast", ["t"], ["y"], to=T.FLOAT)
for op in ["Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal"]:
    exact(f"{op} of two", [1, 2, 6], [h.make_node("Split", ["x", "one"], ["a", "b"], axis=1), h.make_node(op, ["a", "b"], ["t"]), as_float], [tensor("one", [1, 1], np.int64)])
    exact(f"{op} a constant", [1, 8], [h.make_node(op, ["x", "c"], ["t"]), as_float], [tensor("c", [0, 0.125, -1, 0.5, 1, -0.25, 0, 0])])
exact("Sign", [1, 8], [h.make_node("Sign", ["x"], ["y"])])
for op in ["And", "Or", "Xor"]:
    exact(op, [1, 2, 6], [
        h.make_node("Greater", ["x", "c"], ["g"]), h.make_node("Split", ["g", "one"], ["a", "b"], axis=1), h.make_node(op, ["a", "b"], ["u"]), h.make_node("Not", ["u"], ["t"]), as_float,
    ], [tensor("c", 0.0), tensor("one", [1, 1], np.int64)])
exact("Where of two", [1, 3, 4], [
    h.make_node("Split", ["x", "one"], ["a", "b", "c"], axis=1), h.make_node("LessOrEqual", ["a", "b"], ["t"]), h.make_node("Where", ["t", "b", "c"], ["y"]),
], [tensor("one", [1, 1, 1], np.int64)])
exact("score by rules", [1, 4], [
    h.make_node("Greater", ["x", "c"], ["g"]), h.make_node("Cast", ["g"], ["f"], to=T.FLOAT), h.make_node("MatMul", ["f", "w"], ["m"]), h.make_node("Greater", ["m", "h"], ["t"]), as_float,
], [tensor("c", [0, 0.5, -0.5, 0.25]), tensor("w", rng.normal(size=(4, 3))), tensor("h", [0.1, 0.2, -0.3])])
for op in ["Floor", "Ceil"]:
    exact(op, [1, 8], [h.make_node(op, ["x"], ["y"])])
exact("Cast to int64", [1, 8], [h.make_node("Cast", ["x"], ["t"], to=T.INT64), as_float])
exact("Cast to bool", [1, 8], [h.make_node("Cast", ["x"], ["t"], to=T.BOOL), as_float])
exact("ThresholdedRelu", [1, 8], [h.make_node("ThresholdedRelu", ["x"], ["y"], alpha=0.5)])
for op in ["ArgMax", "ArgMin"]:
    exact(op, [1, 3, 5], [h.make_node(op, ["x"], ["t"], axis=2), as_float], rows=12)
    exact(f"{op}, last of equals", [1, 9], [h.make_node(op, ["x"], ["t"], axis=1, keepdims=0, select_last_index=1), as_float], rows=12)
exact("TopK of one", [1, 6], [h.make_node("TopK", ["x", "one"], ["v", "i"]), h.make_node("Cast", ["i"], ["j"], to=T.FLOAT), h.make_node("Add", ["v", "j"], ["y"])], [tensor("one", [1], np.int64)])
exact("OneHot of a truncated number", [1, 4], [h.make_node("Cast", ["x"], ["i"], to=T.INT64), h.make_node("OneHot", ["i", "d", "v"], ["y"])], [tensor("d", 3, np.int64), tensor("v", [0.25, 2.0])])
exact("Gather of compared numbers", [1, 2], [
    h.make_node("Greater", ["x", "c"], ["g"]), h.make_node("Cast", ["g"], ["i"], to=T.INT64), h.make_node("ReduceSum", ["i", "one"], ["s"], keepdims=0),
    h.make_node("Gather", ["table", "s"], ["a"]), h.make_node("Gather", ["x", "i"], ["b"], axis=1), h.make_node("Add", ["a", "b"], ["y"]),
], [tensor("c", [0, 0.5]), tensor("one", [1], np.int64), tensor("table", [0.5, 7, -3])])

# sequences
def weights(*shape):
    return rng.normal(size=shape) / 2

for op, gates in [("RNN", 1), ("GRU", 3), ("LSTM", 4)]:
    parts = [tensor("w", weights(1, 3 * gates, 2)), tensor("r", weights(1, 3 * gates, 3)), tensor("b", weights(1, 6 * gates))]
    graph(f"{op}", [5, 1, 2], [h.make_node(op, ["x", "w", "r", "b"], ["", "y"], hidden_size=3)], parts)
    graph(f"{op}, all states, backwards", [4, 1, 2], [h.make_node(op, ["x", "w", "r"], ["y"], hidden_size=3, direction="reverse")], parts[:2])
    both = [tensor("w", weights(2, 3 * gates, 2)), tensor("r", weights(2, 3 * gates, 3)), tensor("b", weights(2, 6 * gates)), tensor("h", weights(2, 1, 3))]
    graph(f"{op}, both ways", [3, 1, 2], [h.make_node(op, ["x", "w", "r", "b", "", "h"], ["y"], hidden_size=3, direction="bidirectional")], both)
parts = [tensor("w", weights(1, 9, 2)), tensor("r", weights(1, 9, 3)), tensor("b", weights(1, 18))]
graph("GRU as exported by PyTorch", [5, 1, 2], [h.make_node("GRU", ["x", "w", "r", "b"], ["", "y"], hidden_size=3, linear_before_reset=1)], parts)
parts = [tensor("w", weights(1, 12, 2)), tensor("r", weights(1, 12, 3)), tensor("b", weights(1, 24)), tensor("p", weights(1, 9))]
graph("LSTM with peepholes", [4, 1, 2], [h.make_node("LSTM", ["x", "w", "r", "b", "", "", "", "p"], ["", "", "y"], hidden_size=3)], parts)
graph("RNN of ReLU", [4, 1, 2], [h.make_node("RNN", ["x", "v", "s"], ["", "y"], hidden_size=3, activations=["Relu"])], [tensor("v", weights(1, 3, 2)), tensor("s", weights(1, 3, 3))])

# the shapes of the benchmark
for op, gates in [("GRU", 3), ("LSTM", 4)]:
    parts = [tensor("w", weights(1, 8 * gates, 4)), tensor("r", weights(1, 8 * gates, 8)), tensor("v", weights(8, 1))]
    graph(f"{op}(8) of 32 steps", [32, 1, 4], [h.make_node(op, ["x", "w", "r"], ["", "s"], hidden_size=8), h.make_node("MatMul", ["s", "v"], ["y"])], parts, -1, 1, rows=2)


def transformer(name, seq, dim, heads, wide, rows):
    """Attention, residuals, layer normalisation, and a layer between."""
    nodes, constants = [], [tensor("split", [seq, heads, dim // heads], np.int64), tensor("flat", [seq, dim], np.int64), tensor("scale", (dim / heads) ** -0.5)]
    for part, perm in [("q", [1, 0, 2]), ("k", [1, 2, 0]), ("v", [1, 0, 2])]:
        constants.append(tensor(f"w{part}", weights(dim, dim)))
        nodes += [h.make_node("MatMul", ["x", f"w{part}"], [f"{part}0"]), h.make_node("Reshape", [f"{part}0", "split"], [f"{part}1"]), h.make_node("Transpose", [f"{part}1"], [part], perm=perm)]
    constants += [tensor("wo", weights(dim, dim)), tensor("w1", weights(dim, wide)), tensor("w2", weights(wide, dim)), tensor("g", rng.uniform(0.5, 2, dim)), tensor("b", weights(dim))]
    nodes += [
        h.make_node("MatMul", ["q", "k"], ["a0"]), h.make_node("Mul", ["a0", "scale"], ["a1"]), h.make_node("Softmax", ["a1"], ["a"], axis=-1),
        h.make_node("MatMul", ["a", "v"], ["c0"]), h.make_node("Transpose", ["c0"], ["c1"], perm=[1, 0, 2]), h.make_node("Reshape", ["c1", "flat"], ["c"]),
        h.make_node("MatMul", ["c", "wo"], ["d0"]), h.make_node("Add", ["d0", "x"], ["d1"]), h.make_node("LayerNormalization", ["d1", "g", "b"], ["d"]),
        h.make_node("MatMul", ["d", "w1"], ["e0"]), h.make_node("Gelu", ["e0"], ["e1"]), h.make_node("MatMul", ["e1", "w2"], ["e"]), h.make_node("Add", ["e", "d"], ["y"]),
    ]
    graph(name, [seq, dim], nodes, constants, -2, 2, rows)


transformer("transformer block", 4, 8, 2, 12, 3)
transformer("transformer block of the benchmark", 8, 16, 2, 32, 1)


def learned(name, op, inputs, rows, **attributes):
    """One node of `ai.onnx.ml`."""
    g = h.make_graph([h.make_node(op, ["x"], ["y"], domain="ai.onnx.ml", **attributes)], name, [h.make_tensor_value_info("x", T.FLOAT, [1, inputs])], [h.make_tensor_value_info("y", T.FLOAT, None)])
    keep(name, h.make_model(g, opset_imports=[h.make_opsetid("", OPSET), h.make_opsetid("ai.onnx.ml", 3)], ir_version=9), rows)


for norm in ["L1", "L2"]:
    learned(f"Normalizer {norm}", "Normalizer", 5, rng.uniform(-3, 3, (5, 5)), norm=norm)
learned("Normalizer MAX", "Normalizer", 5, rng.uniform(0.1, 3, (5, 5)), norm="MAX")
learned("Binarizer", "Binarizer", 6, eighths(6, 6), threshold=0.25)
learned("OneHotEncoder", "OneHotEncoder", 2, rng.integers(-3, 8, (12, 2)), cats_int64s=[-2, 0, 1, 5], zeros=1)
learned("OneHotEncoder of fractions", "OneHotEncoder", 4, eighths(6, 4), cats_int64s=[-1, 0, 1], zeros=1)
learned("Imputer of NaN", "Imputer", 3, eighths(4, 3), imputed_value_floats=[1.0, 2.0, 3.0], replaced_value_float=float("nan"))
learned("Imputer of a number", "Imputer", 4, rng.integers(-1, 2, (8, 4)), imputed_value_floats=[1.5, 2.5, 3.5, -4.5], replaced_value_float=0.0)


def classic():
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor, RandomForestClassifier, RandomForestRegressor
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, Normalizer, StandardScaler
    from sklearn.svm import SVC, SVR
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
    from skl2onnx import to_onnx

    x = rng.uniform(-2, 2, (300, 6)).astype(np.float32)
    value = x[:, 0] * x[:, 1] + np.sin(2 * x[:, 2]) - 0.5 * x[:, 3]
    two = (value > 0).astype(int)
    three = np.digitize(value, [-0.7, 0.7])
    models = {
        "decision tree": (DecisionTreeRegressor(max_depth=4, random_state=1), value),
        "random forest": (RandomForestRegressor(n_estimators=6, max_depth=4, random_state=1), value),
        "gradient boosting": (GradientBoostingRegressor(n_estimators=12, max_depth=3, random_state=1), value),
        "tree of two classes": (DecisionTreeClassifier(max_depth=4, random_state=1), two),
        "tree of three classes": (DecisionTreeClassifier(max_depth=4, random_state=1), three),
        "forest of three classes": (RandomForestClassifier(n_estimators=5, max_depth=4, random_state=1), three),
        "gradient boosting of two classes": (GradientBoostingClassifier(n_estimators=12, max_depth=3, random_state=1), two),
        "linear regression": (LinearRegression(), value),
        "scaled linear regression": (make_pipeline(StandardScaler(), LinearRegression()), value),
        "scaled gradient boosting": (make_pipeline(StandardScaler(), GradientBoostingRegressor(n_estimators=5, max_depth=3, random_state=1)), value),
        "logistic regression of three classes": (LogisticRegression(), three),
        "gradient boosting of three classes": (GradientBoostingClassifier(n_estimators=3, max_depth=2, random_state=1), three),
        "normalised linear regression": (make_pipeline(Normalizer(), MinMaxScaler(), LinearRegression()), value),
    }
    for kernel in ["linear", "rbf", "poly", "sigmoid"]:
        models[f"support vectors, regression, {kernel}"] = (SVR(kernel=kernel, C=0.1, degree=2), value)
        models[f"support vectors, two classes, {kernel}"] = (SVC(kernel=kernel, C=0.1, degree=2), two)
    for shape in ["ovo", "ovr"]:
        models[f"support vectors, three classes, {shape}"] = (SVC(C=0.5, decision_function_shape=shape), three)
    models["support vectors, chances"] = (SVC(C=0.1, probability=True, random_state=1), two)
    for name, (model, y) in models.items():
        # support vectors are kept in the file: few rows
        rows = 40 if name.startswith("support") else len(x)
        model.fit(x[:rows], y[:rows])
        options = {id(model): {"zipmap": False}} if hasattr(model, "classes_") else None
        keep(name, to_onnx(model, x[:1], options=options, target_opset={"": 15, "ai.onnx.ml": 3}), rng.uniform(-2, 2, (6, 6)))


classic()
# after the others, so that their rows stay what they are
exact("Round", [1, 8], [h.make_node("Round", ["x"], ["y"])])
for largest, shape, axis in [(1, [1, 6], -1), (0, [1, 5, 2], 1)]:
    exact(f"TopK of three, {['smallest', 'largest'][largest]}", shape, [
        h.make_node("TopK", ["x", "three"], ["v", "i"], axis=axis, largest=largest), h.make_node("Cast", ["i"], ["j"], to=T.FLOAT), h.make_node("Concat", ["v", "j"], ["y"], axis=axis),
    ], [tensor("three", [3], np.int64)], rows=12)
json.dump(cases, sys.stdout, indent=0)
print(f"{len(cases)} cases", file=sys.stderr)
