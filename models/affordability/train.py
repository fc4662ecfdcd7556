"""Affordability: a network on four numbers that no chain knows, trained on simulated households.

    python3 -m models.affordability.train

Income, debts, months in the job and share of the rent, as the plan divides them. Households are in default when what is left of a bad
year does not pay the debts.
"""

import numpy as np

from models import kit
from models.train import auc, fit, fold, forward, initial, measure, to_onnx

HOUSEHOLDS, SEED, NAMES = 20_000, 23, ["income", "debts", "job_months", "rent"]


def households(rng):
    """Rows of the plan's inputs, and whether the household defaults."""
    n = HOUSEHOLDS
    income = rng.lognormal(np.log(4.2), 0.5, n)
    debts = income * rng.gamma(0.9, 0.35, n)
    months = np.minimum(rng.exponential(48, n), 480).round() / 100
    rent = np.clip(rng.normal(0.32, 0.1, n), 0.05, 0.8)
    keeps_job = rng.random(n) > 0.16 * np.exp(-months / 0.4) + 0.03
    year = income * np.exp(rng.normal(0, 0.12, n)) * np.where(keeps_job, 1, 0.45)
    left = year * (1 - rent) - 0.6 - 0.2 * income
    return np.column_stack([income, debts, months, rent]), (left < 0.2 * debts).astype(float)


def main():
    rng = np.random.default_rng(SEED)
    x, label = households(rng)
    train, select, test = kit.parts(np.arange(len(x)))
    mean, deviation = kit.standard(x[train])
    z = (x - mean) / deviation
    layers = fit(initial([4, 8, 1], rng), (z[train], label[train]), (z[select], label[select]), rng, 30, 1e-4)
    layers = fold(layers, mean, deviation)
    score = forward(layers, x[test])[-1][:, 0]
    model = to_onnx(layers, "default")
    error = np.abs(kit.run(model, x[test][:500])[:, 0] - score[:500]).max()
    assert error < 1e-4, f"onnx file differs from training by {error}"
    kit.write("affordability", model, NAMES, x[test], label[test], {
        "model": "4-8-1, ReLU, sigmoid; private inputs",
        "data": "simulated",
        "rows": {"train": int(train.sum()), "select": int(select.sum()), "test": int(test.sum())},
        "test": measure(score, label[test]),
        "best_single_feature_auc": max((round(max(a, 1 - a), 4), n) for a, n in ((auc(c, label[test]), n) for c, n in zip(x[test].T, NAMES))),
    })


if __name__ == "__main__":
    main()
