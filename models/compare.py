"""The last line of `scripts/bench models --vs ezkl`: how EZKL's lines relate to Vouch's.

    python models/compare.py LINES

Ratios of CPU-seconds are EZKL's over Vouch's; those of memory and keys Vouch's over EZKL's. Against EZKL's default setting they have no prefix,
against the tuned one `tuned_`, where `worse_error` names the cases of which Vouch's error is the larger. What has no line on one of the sides is in
none of the ratios: `left_out` names it with the reason.
"""
import json
import math
import sys


def compare(ours, theirs, prefix):
    both = sorted(set(ours) & set(theirs))
    found = {prefix + "cases": len(both)}
    if not both:
        return found
    ratio = lambda field, top, bottom: [top[case][field] / bottom[case][field] for case in both]
    cpu = ratio("prove_cpu_s", theirs, ours)
    found |= {
        prefix + "geomean_cpu_ratio": round(math.exp(sum(map(math.log, cpu)) / len(cpu)), 2), prefix + "min_cpu_ratio": round(min(cpu), 2),
        prefix + "max_memory_ratio": round(max(ratio("peak_mb", ours, theirs)), 3), prefix + "max_key_ratio": round(max(ratio("key_mb", ours, theirs)), 3),
        prefix + "worse_error": [case for case in both if ours[case]["max_abs_error"] > theirs[case]["max_abs_error"]],
    }
    return found


def main(path):
    lines = [json.loads(line) for line in open(path) if line.startswith("{")]
    of = lambda setting: {x["case"]: x for x in lines if x.get("setting") == setting and "refused" not in x}
    ours = of(None)
    summary = {"bench": "models", "case": "summary"} | compare(ours, of("default"), "") | compare(ours, of("tuned"), "tuned_")
    side = lambda x: f"ezkl, {x['setting']}" if "peer" in x else "vouch"
    summary["left_out"] = [f"{x['case']} ({side(x)}: {x['refused']})" for x in lines if "refused" in x]
    cached = sum("cached" in x for x in lines)
    print(json.dumps(summary | ({"cached_lines": cached} if cached else {})))


main(sys.argv[1])
