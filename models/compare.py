"""The last line of `scripts/bench models --vs ezkl`: how EZKL's lines relate to Vouch's.

    python models/compare.py LINES

Ratios of CPU-seconds are EZKL's over Vouch's; those of memory and keys Vouch's over EZKL's. Cases that one of the two refuses are
left out of all of them and named.
"""
import json
import math
import sys


def main(path):
    lines = [json.loads(line) for line in open(path) if line.startswith("{")]
    ours = {x["case"]: x for x in lines if "peer" not in x and "refused" not in x}
    theirs = {x["case"]: x for x in lines if x.get("peer") == "ezkl" and "refused" not in x}
    both = sorted(set(ours) & set(theirs))
    summary = {"bench": "models", "case": "summary", "cases": len(both), "left_out": sorted({x["case"] for x in lines} - set(both))}
    if both:
        ratio = lambda field, top, bottom: [top[case][field] / bottom[case][field] for case in both]
        cpu = ratio("prove_cpu_s", theirs, ours)
        summary |= {
            "geomean_cpu_ratio": round(math.exp(sum(map(math.log, cpu)) / len(cpu)), 2), "min_cpu_ratio": round(min(cpu), 2),
            "max_memory_ratio": round(max(ratio("peak_mb", ours, theirs)), 3), "max_key_ratio": round(max(ratio("key_mb", ours, theirs)), 3),
        }
    print(json.dumps(summary))


main(sys.argv[1])
