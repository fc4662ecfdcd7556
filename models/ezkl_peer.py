"""What EZKL takes for ONNX files: one JSON object a line, with the fields of `scripts/bench models` and `"peer": "ezkl"`.

    pip install -r models/requirements-ezkl.txt
    python models/ezkl_peer.py DIRECTORY [CASE ...]

Default settings of EZKL, calibrated for resources on 4 random rows; each file in a process of its own. Tree ensembles of `ai.onnx.ml`,
which it cannot import, are given to it as comparisons and matrix products.
"""
import asyncio
import inspect
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
from onnx import helper as h
from onnx import numpy_helper

ROWS = 4
LIMIT_S = 1200


def without_trees(model):
    """The same function with each tree as products: which thresholds are reached, and which leaf has all of its conditions."""
    node = model.graph.node[0]
    if node.op_type != "TreeEnsembleRegressor":
        return model
    a = {x.name: h.get_attribute_value(x) for x in node.attribute}
    inner = [i for i, mode in enumerate(a["nodes_modes"]) if mode != b"LEAF"]
    at = {(t, n): i for i, (t, n) in enumerate(zip(a["nodes_treeids"], a["nodes_nodeids"]))}
    place = {i: j for j, i in enumerate(inner)}
    features = model.graph.input[0].type.tensor_type.shape.dim[-1].dim_value
    pick = np.zeros((features, len(inner)), np.float32)
    for i in inner:
        pick[a["nodes_featureids"][i], place[i]] = 1
    leaves, weight = list(zip(a["target_treeids"], a["target_nodeids"])), a["target_weights"]
    column = {leaf: j for j, leaf in enumerate(leaves)}
    paths, needed = np.zeros((len(inner), len(leaves)), np.float32), np.zeros(len(leaves), np.float32)

    def walk(i, conditions):
        tree = a["nodes_treeids"][i]
        if i not in place:
            j = column[tree, a["nodes_nodeids"][i]]
            for condition, met in conditions:
                paths[condition, j] = 1 if met else -1
            needed[j] = sum(met for _, met in conditions) - 0.5
            return
        walk(at[tree, a["nodes_truenodeids"][i]], conditions + [(place[i], True)])
        walk(at[tree, a["nodes_falsenodeids"][i]], conditions + [(place[i], False)])

    for tree in sorted(set(a["nodes_treeids"])):
        walk(at[tree, 0], [])
    values = np.array([a["nodes_values"][i] for i in inner], np.float32)
    constants = {"pick": pick, "values": values, "paths": paths, "needed": needed, "leaves": np.array(weight, np.float32).reshape(-1, 1)}
    nodes = [
        h.make_node("MatMul", ["x", "pick"], ["p"]), h.make_node("Less", ["p", "values"], ["c"]), h.make_node("Cast", ["c"], ["f"], to=1),
        h.make_node("MatMul", ["f", "paths"], ["m"]), h.make_node("Greater", ["m", "needed"], ["r"]), h.make_node("Cast", ["r"], ["s"], to=1),
        h.make_node("MatMul", ["s", "leaves"], ["y"]),
    ]
    initial = [numpy_helper.from_array(v, k) for k, v in constants.items()]
    graph = h.make_graph(nodes, "trees", model.graph.input, model.graph.output, initial)
    return h.make_model(graph, opset_imports=[h.make_opsetid("", 15)], ir_version=8)


async def settled(value):
    return await value if inspect.isawaitable(value) else value


def cpu():
    return sum(resource.getrusage(resource.RUSAGE_SELF)[:2])


def peak_mb():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))


async def measure(file):
    import ezkl

    model = onnx.load(file)
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        at = lambda name: os.path.join(folder, name)
        rows = [rng.uniform(size=int(np.prod(shape))).tolist() for _ in range(ROWS)]
        json.dump({"input_data": [sum(rows, [])]}, open(at("rows.json"), "w"))
        json.dump({"input_data": [rows[0]]}, open(at("row.json"), "w"))
        onnx.save(without_trees(model), at("model.onnx"))
        await settled(ezkl.gen_settings(at("model.onnx"), at("settings"), py_run_args=ezkl.PyRunArgs()))
        await settled(ezkl.calibrate_settings(at("rows.json"), at("model.onnx"), at("settings"), "resources"))
        await settled(ezkl.compile_circuit(at("model.onnx"), at("circuit"), at("settings")))
        k = json.load(open(at("settings")))["run_args"]["logrows"]
        ezkl.gen_srs(at("srs"), k)
        start = cpu()
        await settled(ezkl.setup(at("circuit"), at("vk"), at("pk"), at("srs")))
        keygen = cpu() - start
        start, wall = cpu(), time.time()
        Path("/proc/self/clear_refs").write_text("5")
        await settled(ezkl.gen_witness(at("row.json"), at("circuit"), at("witness")))
        await settled(ezkl.prove(at("witness"), at("circuit"), at("pk"), at("proof"), at("srs")))
        prove, wall, peak = cpu() - start, time.time() - wall, peak_mb()
        start = time.time()
        await settled(ezkl.verify(at("proof"), at("settings"), at("vk"), at("srs")))
        verify = time.time() - start
        proof = json.load(open(at("proof")))["proof"]
        size = len(proof) if isinstance(proof, list) else (len(proof) - 2) // 2
        return {
            "bench": "models", "peer": "ezkl", "case": file.stem, "version": ezkl.__version__, "k": k, "keygen_cpu_s": round(keygen, 2),
            "prove_cpu_s": round(prove, 2), "prove_wall_s": round(wall, 2), "peak_mb": peak, "proof_bytes": size,
            "key_mb": round(os.path.getsize(at("pk")) / 1e6, 2), "verify_s": round(verify, 3),
        }


def error_of(output):
    """The largest error that EZKL's report on the calibration rows names."""
    rows = [line.strip().strip("|").split("|") for line in output.splitlines() if line.startswith("|")]
    for names, values in zip(rows, rows[1:]):
        names = [name.strip() for name in names]
        if "max_abs_error" in names:
            return {"max_abs_error": float(values[names.index("max_abs_error")])}
    return {}


def main(path, cases):
    if path.is_file():
        print(json.dumps(asyncio.run(measure(path))))
        return
    for file in sorted(path.glob("*.onnx")):
        if cases and file.stem not in cases:
            continue
        try:
            done = subprocess.run([sys.executable, __file__, str(file)], capture_output=True, text=True, timeout=LIMIT_S)
            lines = [line for line in done.stdout.splitlines() if line.startswith('{"bench"')]
            reason = (done.stderr.strip().splitlines() or ["no output"])[-1]
        except subprocess.TimeoutExpired:
            lines, reason = [], f"not done after {LIMIT_S} s"
        line = json.loads(lines[0]) | error_of(done.stdout + done.stderr) if lines else {"bench": "models", "peer": "ezkl", "case": file.stem, "refused": reason}
        print(json.dumps(line), flush=True)


main(Path(sys.argv[1]), sys.argv[2:])
