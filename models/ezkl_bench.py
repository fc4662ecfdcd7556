"""What EZKL takes for ONNX files: one JSON object a line, with the fields of `scripts/bench models` and `"peer": "ezkl"`.

    pip install ezkl numpy onnx
    python models/ezkl_bench.py DIRECTORY

Default settings of EZKL, calibrated for accuracy on 20 random rows; each file in a process of its own. Trees of `ai.onnx.ml` fail to import.
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


async def settled(value):
    return await value if inspect.isawaitable(value) else value


async def measure(file):
    import ezkl

    shape = [d.dim_value for d in onnx.load(file).graph.input[0].type.tensor_type.shape.dim]
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        at = lambda name: os.path.join(folder, name)
        rows = [rng.uniform(size=int(np.prod(shape))).tolist() for _ in range(20)]
        json.dump({"input_data": [sum(rows, [])]}, open(at("rows.json"), "w"))
        json.dump({"input_data": [rows[0]]}, open(at("row.json"), "w"))
        args = ezkl.PyRunArgs()
        await settled(ezkl.gen_settings(str(file), at("settings"), py_run_args=args))
        await settled(ezkl.calibrate_settings(at("rows.json"), str(file), at("settings"), "accuracy"))
        await settled(ezkl.compile_circuit(str(file), at("circuit"), at("settings")))
        k = json.load(open(at("settings")))["run_args"]["logrows"]
        ezkl.gen_srs(at("srs"), k)
        cpu = lambda: sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
        start = cpu()
        await settled(ezkl.setup(at("circuit"), at("vk"), at("pk"), at("srs")))
        keygen = cpu() - start
        await settled(ezkl.gen_witness(at("row.json"), at("circuit"), at("witness")))
        start, wall = cpu(), time.time()
        await settled(ezkl.prove(at("witness"), at("circuit"), at("pk"), at("proof"), at("srs")))
        prove, wall = cpu() - start, time.time() - wall
        proof = json.load(open(at("proof")))["proof"]
        size = len(proof) if isinstance(proof, list) else (len(proof) - 2) // 2
        return {
            "bench": "models", "peer": "ezkl", "case": file.stem, "k": k, "keygen_cpu_s": round(keygen, 2), "prove_cpu_s": round(prove, 2),
            "prove_wall_s": round(wall, 2), "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, "proof_bytes": size,
            "key_mb": round(os.path.getsize(at("pk")) / 1e6, 1),
        }


def main(path):
    if path.is_file():
        print(json.dumps(asyncio.run(measure(path))))
        return
    for file in sorted(path.glob("*.onnx")):
        try:
            done = subprocess.run([sys.executable, __file__, str(file)], capture_output=True, text=True, timeout=900)
            lines = [line for line in done.stdout.splitlines() if line.startswith('{"bench"')]
            reason = (done.stderr.strip().splitlines() or ["no output"])[-1]
        except subprocess.TimeoutExpired:
            lines, reason = [], "not done after 900 s"
        print(lines[0] if lines else json.dumps({"bench": "models", "peer": "ezkl", "case": file.stem, "refused": reason}), flush=True)


main(Path(sys.argv[1]))
