"""Small ONNX models, one for each operation that Vouch imports, with what onnxruntime says on random rows.

    pip install onnx onnxruntime scikit-learn skl2onnx
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


def classic():
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor, RandomForestClassifier, RandomForestRegressor
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
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
    }
    for name, (model, y) in models.items():
        model.fit(x, y)
        options = {id(model): {"zipmap": False}} if hasattr(model, "classes_") else None
        keep(name, to_onnx(model, x[:1], options=options, target_opset={"": 15, "ai.onnx.ml": 3}), rng.uniform(-2, 2, (6, 6)))


classic()
json.dump(cases, sys.stdout, indent=0)
print(f"{len(cases)} cases", file=sys.stderr)
