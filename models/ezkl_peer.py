"""What EZKL takes for ONNX files: one JSON object a line, with the fields of `scripts/bench models` and `"peer": "ezkl"`.

    pip install -r models/requirements-ezkl.txt
    python models/ezkl_peer.py DIRECTORY [--cache FOLDER [--resume]] [--setting NAME] [CASE ...]

Each file and setting in a process of its own, on random rows in [0, 1). `"setting": "default"` is EZKL as it comes, calibrated for resources;
`"tuned"` is the table `TUNED`: coarser numbers and smaller tables, found by hand, which cost less and err more. The error is the largest
difference from onnxruntime on `ROWS` rows that it was not calibrated on.

A stage that takes longer than `LIMIT_S` is cut off, and the line says `"refused": "STAGE: not done in N s"`. Finished lines are kept in FOLDER by
the hash of file, settings and this script; with --resume those of an earlier run are printed again, marked `"cached": true`.

Tree ensembles of `ai.onnx.ml`, which EZKL cannot import, are given to it as comparisons and matrix products, tree by tree.
"""
import argparse
import asyncio
import hashlib
import inspect
import json
import os
import resource
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
from onnx import helper as h
from onnx import numpy_helper

# Rows that EZKL is calibrated on, and as many others that its error is measured on.
ROWS = 4
# Seconds of wall time that a stage may take.
LIMIT_S = 240
# What was found by hand: fraction bits of inputs and weights, the size of the table that ranges are looked up in, how many of its entries make a number,
# and columns. Smaller tables allow fewer rows, and fewer bits smaller tables; of those whose own rows fill 2^k anyway nothing cheaper was found.
TUNED = {
    "01-logistic-16": {"scale": 8, "decomp_base": 512, "decomp_legs": 4},
    "02-mlp-16-32-16-1": {"scale": 8, "decomp_base": 512, "decomp_legs": 4},
    "03-mlp-64-128-64-10": {"scale": 10, "decomp_base": 8192, "decomp_legs": 2},
    "04-mlp-784-128-64-10": {"scale": 10, "decomp_base": 8192, "decomp_legs": 2},
    "05-cnn-28x28": {"scale": 10, "decomp_base": 8192, "decomp_legs": 2, "num_inner_cols": 3},
    "06-conv1d-32x8": {"scale": 10, "decomp_base": 8192, "decomp_legs": 2},
    "07-trees-50x4": {"scale": 10, "decomp_base": 8192, "decomp_legs": 2},
    "08-gru-8x32": {"scale": 8, "decomp_base": 8192, "decomp_legs": 2},
    "09-lstm-8x32": {"scale": 8, "decomp_base": 8192, "decomp_legs": 2, "num_inner_cols": 3},
    "10-transformer-8x16": {"scale": 8, "decomp_base": 8192, "decomp_legs": 2, "num_inner_cols": 3},
}


def without_trees(model):
    """The same function with each tree as products: which thresholds are reached, and which leaf has all of its conditions."""
    node = model.graph.node[0]
    if node.op_type != "TreeEnsembleRegressor":
        return model
    a = {x.name: h.get_attribute_value(x) for x in node.attribute}
    names = sorted(set(a["nodes_treeids"]))
    rows = [[i for i, t in enumerate(a["nodes_treeids"]) if t == name] for name in names]
    inner = [[i for i in row if a["nodes_modes"][i] != b"LEAF"] for row in rows]
    ends = [[i for i in row if a["nodes_modes"][i] == b"LEAF"] for row in rows]
    wide, leaves = max(map(len, inner)), max(map(len, ends))
    at = {(t, n): i for i, (t, n) in enumerate(zip(a["nodes_treeids"], a["nodes_nodeids"]))}
    weight = {at[t, n]: w for t, n, w in zip(a["target_treeids"], a["target_nodeids"], a["target_weights"])}
    # places that a tree does not use compare with 0, lead nowhere, and weigh nothing
    features, values = np.zeros((len(names), wide), np.int64), np.zeros((len(names), 1, wide), np.float32)
    paths, needed = np.zeros((len(names), wide, leaves), np.float32), np.full((len(names), 1, leaves), 0.5, np.float32)
    weights = np.zeros((len(names) * leaves, 1), np.float32)

    def walk(tree, i, conditions):
        if i in ends[tree]:
            j = ends[tree].index(i)
            for condition, met in conditions:
                paths[tree, condition, j] = 1 if met else -1
            needed[tree, 0, j] = sum(met for _, met in conditions) - 0.5
            weights[tree * leaves + j] = weight[i]
            return
        place, name = inner[tree].index(i), names[tree]
        features[tree, place], values[tree, 0, place] = a["nodes_featureids"][i], a["nodes_values"][i]
        walk(tree, at[name, a["nodes_truenodeids"][i]], conditions + [(place, True)])
        walk(tree, at[name, a["nodes_falsenodeids"][i]], conditions + [(place, False)])

    for tree, name in enumerate(names):
        walk(tree, at[name, 0], [])
    constants = {
        "features": features.ravel(), "values": values, "paths": paths, "needed": needed, "weights": weights,
        "by_tree": np.array([len(names), 1, wide]), "flat": np.array([1, len(names) * leaves]),
    }
    nodes = [
        h.make_node("Gather", ["x", "features"], ["g"], axis=1), h.make_node("Reshape", ["g", "by_tree"], ["p"]),
        h.make_node("Less", ["p", "values"], ["c"]), h.make_node("Cast", ["c"], ["f"], to=1), h.make_node("MatMul", ["f", "paths"], ["m"]),
        h.make_node("Greater", ["m", "needed"], ["r"]), h.make_node("Cast", ["r"], ["s"], to=1), h.make_node("Reshape", ["s", "flat"], ["l"]),
        h.make_node("MatMul", ["l", "weights"], ["y"]),
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


def stage(name):
    print(json.dumps({"stage": name}), flush=True)


async def measure(file, setting):
    """In a process of its own: prints the stages as they begin, and returns the line."""
    import ezkl
    import onnxruntime

    model = onnx.load(file)
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    rng = np.random.default_rng(1)
    rows = [rng.uniform(size=shape).astype(np.float32) for _ in range(2 * ROWS)]
    args = ezkl.PyRunArgs()
    tuned = TUNED[file.stem] if setting == "tuned" else {}
    scales = {"scales": [tuned["scale"]], "scale_rebase_multiplier": [1]} if tuned else {}
    for name in tuned.keys() - {"scale"}:
        setattr(args, name, tuned[name])
    with tempfile.TemporaryDirectory() as folder:
        at = lambda name: os.path.join(folder, name)

        def write(name, some):
            json.dump({"input_data": [np.concatenate([row.ravel() for row in some]).tolist()]}, open(at(name), "w"))

        write("rows.json", rows[:ROWS])
        onnx.save(without_trees(model), at("model.onnx"))
        stage("settings")
        await settled(ezkl.gen_settings(at("model.onnx"), at("settings"), py_run_args=args))
        stage("calibration")
        await settled(ezkl.calibrate_settings(at("rows.json"), at("model.onnx"), at("settings"), "resources", **scales))
        stage("compilation")
        await settled(ezkl.compile_circuit(at("model.onnx"), at("circuit"), at("settings")))
        k = json.load(open(at("settings")))["run_args"]["logrows"]
        stage("reference string")
        ezkl.gen_srs(at("srs"), k)
        stage("keys")
        start = cpu()
        await settled(ezkl.setup(at("circuit"), at("vk"), at("pk"), at("srs")))
        keygen = cpu() - start
        stage("error")
        session, error = onnxruntime.InferenceSession(file), 0.0
        for row in rows[ROWS:]:
            write("row.json", [row])
            await settled(ezkl.gen_witness(at("row.json"), at("circuit"), at("witness")))
            got = json.load(open(at("witness")))["pretty_elements"]["rescaled_outputs"]
            expected = session.run(None, {"x": row})[0].ravel()
            error = max(error, float(np.abs(np.array(sum(got, []), float) - expected).max()))
        stage("proof")
        start, wall = cpu(), time.time()
        Path("/proc/self/clear_refs").write_text("5")
        await settled(ezkl.gen_witness(at("row.json"), at("circuit"), at("witness")))
        await settled(ezkl.prove(at("witness"), at("circuit"), at("pk"), at("proof"), at("srs")))
        prove, wall, peak = cpu() - start, time.time() - wall, peak_mb()
        stage("verification")
        start = time.time()
        if not await settled(ezkl.verify(at("proof"), at("settings"), at("vk"), at("srs"))):
            raise ValueError("the proof does not verify")
        verify = time.time() - start
        proof = json.load(open(at("proof")))["proof"]
        size = len(proof) if isinstance(proof, list) else (len(proof) - 2) // 2
        return {
            "version": ezkl.__version__, **tuned, "k": k, "keygen_cpu_s": round(keygen, 2), "prove_cpu_s": round(prove, 2),
            "prove_wall_s": round(wall, 2), "peak_mb": peak, "proof_bytes": size, "key_mb": round(os.path.getsize(at("pk")) / 1e6, 2),
            "verify_s": round(verify, 3), "max_abs_error": error, "error_rows": ROWS,
        }


def supervise(file, setting):
    """Runs `measure` in a process and gives each stage `LIMIT_S`; returns what it says, or why there is nothing."""
    # its standard error goes to a file: a full pipe would stop it
    with tempfile.TemporaryFile("w+") as errors:
        command = [sys.executable, __file__, str(file), "--setting", setting]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors)
        try:
            return follow(child, errors)
        finally:
            child.kill()
            child.wait()


def follow(child, errors):
    name, pending, deadline = "start", b"", time.monotonic() + LIMIT_S
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                return {"refused": f"{name}: not done in {LIMIT_S} s"}
            more = os.read(child.stdout.fileno(), 1 << 16)
            if not more:
                break
            *lines, pending = (pending + more).split(b"\n")
            for line in lines:
                said = json.loads(line) if line.startswith(b"{") else {}
                if "result" in said:
                    return said["result"]
                if "stage" in said:
                    name, deadline = said["stage"], time.monotonic() + LIMIT_S
                    print(f"  {name}", file=sys.stderr)
    errors.seek(0)
    return {"refused": f"{name}: {(errors.read().strip().splitlines() or ['no output'])[-1]}"}


def key(file, setting):
    parts = [file.read_bytes(), Path(__file__).read_bytes(), setting.encode()]
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:24]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("path", type=Path)
    parser.add_argument("cases", nargs="*")
    parser.add_argument("--setting", choices=["default", "tuned"])
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--resume", action="store_true")
    given = parser.parse_args()
    # so that the process that measures is ended, too
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if given.path.is_file():
        print(json.dumps({"result": asyncio.run(measure(given.path, given.setting))}), flush=True)
        return
    files = [file for file in sorted(given.path.glob("*.onnx")) if not given.cases or file.stem in given.cases]
    for file in files:
        for setting in [given.setting] if given.setting else ["default", "tuned"]:
            kept = given.cache / f"{key(file, setting)}.json" if given.cache else None
            if given.resume and kept and kept.is_file():
                line = json.loads(kept.read_text()) | {"cached": True}
            else:
                print(f"{file.stem}, {setting}", file=sys.stderr)
                line = {"bench": "models", "peer": "ezkl", "setting": setting, "case": file.stem} | supervise(file, setting)
                if kept:
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    part = kept.with_suffix(".part")
                    part.write_text(json.dumps(line))
                    part.replace(kept)
            print(json.dumps(line), flush=True)


main()
