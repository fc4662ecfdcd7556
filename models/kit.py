"""What the training scripts of `models/*/train.py` share: features as a plan says, quality, and the files of a model.

A simulation hands over `words`: for each source of the plan the numbers of its bit field, as an array [rows, blocks], newest
first, `step` blocks apart. `features` makes of them what the circuit makes, in floats.
"""

import json
import tomllib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).resolve().parent
CALIBRATION_ROWS = 256
# circuits/src/plan/read.rs
UNITS = {"wei": 1, "gwei": 1e9, "ether": 1e18, "percent": 100, "bps": 10_000, "second": 1, "minute": 60, "hour": 3_600, "day": 86_400}


def place(source):
    """The key of `words` that a source reads: `balance`, `timestamp`, `slot 0 0..256`, `mapping 3 0..32`."""
    if source["kind"] in ("header", "account"):
        return source["field"]
    return f"{source['kind']} {source['slot']} {source.get('bits', '0..256')}"


def make(feature, series, backs, made):
    """One feature [rows] of `series` [rows, blocks], newest first; `made` are the features before it."""
    kind, newest, missing = feature["make"], series[:, 0], feature["missing"]
    if kind == "ratio":
        over = made[feature["over"]]
        return np.where(over > 0, newest / np.where(over > 0, over, 1), missing)
    if kind == "ema":
        average = series[:, -1]
        for number in series[:, -2::-1].T:
            average = feature["alpha"] * number + (1 - feature["alpha"]) * average
        return average
    if kind == "z_score":
        deviation = series.std(1)
        return np.where(deviation > 0, (newest - series.mean(1)) / np.where(deviation > 0, deviation, 1), missing)
    if kind == "age":
        held = series[:, ::-1] > 0
        return np.where(held.any(1), np.asarray(backs[::-1])[held.argmax(1)], missing)
    simple = {
        "last": lambda: newest,
        "delta": lambda: newest - series[:, -1],
        "mean": lambda: series.mean(1),
        "min": lambda: series.min(1),
        "max": lambda: series.max(1),
        "std": lambda: series.std(1),
        "log2": lambda: np.log2(1 + newest),
    }
    return simple[kind]()


def features(name, words, step):
    """(feature names, features [rows, features]) of the plan of model `name`."""
    plan = tomllib.loads((HERE / name / "plan.toml").read_text())
    made = {}
    for feature in plan["feature"]:
        feature.setdefault("missing", plan.get("missing", 0.0))
        window = feature.get("blocks", plan["blocks"])
        backs = list(range(0, window["back"] + 1, window["every"]))
        source = feature["source"]
        divisor = UNITS[source["unit"]] if "unit" in source else 10.0 ** source.get("decimals", 0)
        series = words[place(source)][:, [back // step for back in backs]] / divisor
        made[feature["name"]] = make(feature, series, backs, made)
    return list(made), np.column_stack(list(made.values()))


def parts(groups):
    """Masks of training, selection and test rows: 3/5, 1/5 and 1/5 of the groups, which are integers."""
    part = groups % 5
    return part < 3, part == 3, part == 4


def standard(x):
    """Mean and deviation; a feature that hardly varies around a large mean is not blown up."""
    mean = x.mean(0)
    return mean, np.maximum(x.std(0), 0.1 * np.abs(mean)) + 1e-9


def graph(nodes, weights, width, outputs, name, opset=13):
    """A checked ONNX model on float32 rows of `width` features; `weights` are arrays by name."""
    tensors = [numpy_helper.from_array(np.asarray(w, np.float32 if np.asarray(w).dtype.kind == "f" else np.int64), n) for n, w in weights.items()]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, w]) for n, w in (("features", width), (name, outputs))]
    body = helper.make_graph(nodes, name, ends[:1], ends[1:], tensors)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", opset)], ir_version=8, producer_name="vouch")
    onnx.checker.check_model(model, full_check=True)
    return model


def run(model, x):
    """What onnxruntime says of each row: [rows, outputs]."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return np.array([np.ravel(session.run(None, {name: row[None].astype(np.float32)})[0]) for row in x])


def write(name, model, names, x, label, figures, rows=CALIBRATION_ROWS):
    """Writes `model.onnx`, `calibrate.csv` (`rows` of `x`, which are held out; `label` may be None) and `figures.json` of model `name`.

    The entry `score` of the figures, which `models/report.py` measures, is kept."""
    folder = HERE / name
    onnx.save(model, folder / "model.onnx")
    chosen = np.linspace(0, len(x) - 1, min(len(x), rows)).astype(int)
    lines = [",".join([*names, "label"] if label is not None else names)]
    for i in chosen:
        row = x[i] if label is None else [*x[i], label[i]]
        lines.append(",".join(f"{v:.9g}" for v in row))
    (folder / "calibrate.csv").write_text("\n".join(lines) + "\n")
    path = folder / "figures.json"
    before = json.loads(path.read_text()) if path.exists() else {}
    if "score" in before:
        figures["score"] = before["score"]
    path.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures))
