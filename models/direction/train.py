"""Next-price direction: a network of three layers on an oracle's history, on simulated prices.

    python3 -m models.direction.train

The price has a hidden mood: in calm times it trends, in wild times it comes back. Traders see the trend a little before the oracle does,
so what they bought and sold says something too. A market is one path; whole paths are held out. The backtest trades as
`contracts/examples/TrendVault.sol` does, fee included.
"""

import numpy as np

from models import kit
from models.train import auc, fit, fold, forward, initial, measure, to_onnx

PATHS, STEPS, EVERY, SEED = 400, 400, 4, 13
WARM, AHEAD, LAGS = 60, 4, 17  # in steps of 25 blocks
WIDTHS, EPOCHS = (24, 12), 25
FEE, MARGIN = 0.0005, 0.05  # contracts/examples: FEE_BPS, MARGIN


def simulate(rng):
    """Prices [paths, steps] and the ether bought and sold until then, in thousands."""
    price = np.zeros((PATHS, STEPS + WARM))
    bought, sold = np.zeros_like(price), np.zeros_like(price)
    trend, wild, far = np.zeros(PATHS), rng.random(PATHS) < 0.3, np.zeros(PATHS)
    log = np.log(rng.uniform(1_500, 3_500, PATHS))
    for t in range(STEPS + WARM):
        wild ^= rng.random(PATHS) < np.where(wild, 0.03, 0.015)
        trend = 0.93 * trend + rng.normal(0, 0.0006, PATHS)
        noise = rng.normal(0, np.where(wild, 0.008, 0.002))
        change = np.where(wild, -0.12 * far, trend) + noise
        far = 0.9 * far + change
        log += change
        price[:, t] = np.exp(log)
        lean = np.clip(150 * trend * ~wild, -0.8, 0.8)
        size = rng.lognormal(np.where(wild, -3, -4), 0.5)
        bought[:, t], sold[:, t] = size * (1 + lean) * rng.lognormal(0, 0.4, PATHS), size * (1 - lean) * rng.lognormal(0, 0.4, PATHS)
    return price, bought.cumsum(1), sold.cumsum(1)


def rows(price, bought, sold):
    """Words of every fourth step of each path, the path of each row, and what the price does next, in logarithms."""
    starts = np.arange(WARM, price.shape[1] - AHEAD, EVERY)
    lag = starts[:, None] - np.arange(LAGS)
    take = lambda series: series[:, lag].reshape(-1, LAGS)
    words = {"slot 0 0..256": take(price) * 1e18, "slot 1 0..128": take(bought) * 1e21, "slot 1 128..256": take(sold) * 1e21}
    ahead = np.log(price[:, starts + AHEAD] / price[:, starts]).ravel()
    return words, np.repeat(np.arange(len(price)), len(starts)), ahead


def backtest(score, ahead, path):
    """Mean growth of a path, in percent, trading by the score, and holding; rows of a path are consecutive and do not overlap."""
    traded, held = [], []
    for p in np.unique(path):
        long, wealth = True, 0.0
        for s, r in zip(score[path == p], ahead[path == p]):
            wish = True if s >= 0.5 + MARGIN else False if s <= 0.5 - MARGIN else long
            wealth += np.log(1 - FEE) * (wish != long) + r * wish
            long = wish
        traded.append(wealth)
        held.append(ahead[path == p].sum())
    return {"traded": round(100 * float(np.expm1(traded).mean()), 2), "held": round(100 * float(np.expm1(held).mean()), 2)}


def main():
    rng = np.random.default_rng(SEED)
    words, path, ahead = rows(*simulate(rng))
    names, x = kit.features("direction", words, 25)
    label = (ahead > 0).astype(float)
    train, select, test = kit.parts(path)
    mean, deviation = x[train].mean(0), x[train].std(0) + 1e-9
    # The ratios vary by hundredths: their weights become large, so features and rows are rounded as the circuit does.
    z = (np.floor(x * 65_536) / 65_536 - mean) / deviation
    layers = initial([x.shape[1], *WIDTHS, 1], rng)
    layers = fit(layers, (z[train], label[train]), (z[select], label[select]), rng, EPOCHS, 1e-3)
    layers = fold(layers, mean, deviation)
    score = forward(layers, x[test])[-1][:, 0]
    model = to_onnx(layers)
    error = np.abs(kit.run(model, x[test][:500])[:, 0] - score[:500]).max()
    assert error < 1e-3, f"onnx file differs from training by {error}"
    kit.write("direction", model, names, x[test], label[test], {
        "model": "-".join(str(n) for n in (x.shape[1], *WIDTHS, 1)) + ", ReLU, sigmoid",
        "data": "simulated",
        "rows": {"train": int(train.sum()), "select": int(select.sum()), "test": int(test.sum())},
        "test": measure(score, label[test]),
        "backtest_growth_percent": backtest(score, ahead[test], path[test]),
        "best_single_feature_auc": max((round(max(a, 1 - a), 4), n) for a, n in ((auc(c, label[test]), n) for c, n in zip(x[test].T, names))),
    })


if __name__ == "__main__":
    main()
