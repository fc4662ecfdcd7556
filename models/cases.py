"""Cases of `prover/tests/data/*.json`: a small ONNX model, random rows, and what onnxruntime says of each row."""

import json
import sys

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator


def tensor(name, array, dtype=np.float32):
    return numpy_helper.from_array(np.asarray(array, dtype=dtype), name)


def numbers(out):
    """An output as floats; a ZipMap's is a list of dictionaries, in the order of its labels."""
    if isinstance(out, list):
        return [float(v) for row in out for v in row.values()]
    return [float(v) for v in np.asarray(out).reshape(-1)]


class Cases:
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.cases = []

    def keep(self, name, model, rows, output=None, reference=False):
        """`rows` are cut at the inputs' lengths, in order; `output` is the last if it is not named. `reference`: what onnxruntime cannot run, onnx's
        reference evaluator does."""
        data = model if isinstance(model, bytes) else model.SerializeToString()
        session = None if reference else onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
        expected = []
        for row in rows:
            row = np.asarray(row, np.float32)
            if reference:
                [feed] = [i for i in model.graph.input]
                shape = [d.dim_value or 1 for d in feed.type.tensor_type.shape.dim]
                expected.append(numbers(ReferenceEvaluator(model).run(output and [output], {feed.name: row.reshape(shape)})[-1]))
                continue
            feeds, first = {}, 0
            for feed in session.get_inputs():
                shape = [d if isinstance(d, int) and d > 0 else (1 if i == 0 else len(row)) for i, d in enumerate(feed.shape)]
                count = int(np.prod(shape))
                feeds[feed.name] = row[first : first + count].reshape(shape)
                first += count
            assert first == len(row), (name, first, len(row))
            expected.append(numbers(session.run([output or session.get_outputs()[-1].name], feeds)[0]))
        rows = [[float(np.float32(v)) for v in row] for row in rows]
        self.cases.append({"name": name, "width": len(rows[0]), "onnx": data.hex(), "rows": rows, "expected": expected})

    def graph(self, name, shape, nodes, constants=(), low=-3.0, high=3.0, rows=4, opset=20, exact=False, output_type=None, **more):
        """Nodes from input `x` to output `y`; the rows are eighths if `exact`, so that some numbers are equal."""
        value = helper.make_tensor_value_info
        ends = [value("x", TensorProto.FLOAT, shape)], [output_type or value("y", TensorProto.FLOAT, None)]
        body = helper.make_graph(nodes, name, *ends, list(constants))
        opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 3)]
        model = helper.make_model(body, opset_imports=opsets, ir_version=9)
        count = int(np.prod(shape))
        numbers = self.rng.integers(-12, 13, (rows, count)) / 8 if exact else self.rng.uniform(low, high, (rows, count))
        self.keep(name, model, numbers, **more)

    def write(self):
        json.dump(self.cases, sys.stdout, indent=0)
        print(f"{len(self.cases)} cases", file=sys.stderr)
