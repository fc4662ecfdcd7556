"""Parameters of a market maker: a network with three outputs, on simulated markets.

    python3 -m models.amm.train

A market has a volatility, a trend of its order flow, uninformed traders who mind the fee, and arbitrageurs who trade when the price has moved
by more than the fee and what a transaction costs. Knowing all that, the best fee is where income less the loss to arbitrage is highest; the
network sees prices, volumes and base fees only and learns to guess the answer. `share_of_best` is the profit it makes of the profit that was
there.
"""

from math import erf

import numpy as np

from models import kit
from models.train import fit, fold, forward, initial, to_onnx

ROWS, SEED, STEP = 20_000, 23, 25
BLOCKS, WIDTHS, EPOCHS = 13, (32, 16), 30
OUTPUTS = ("fee_percent", "half_width_fifths", "lean")
FEES = np.linspace(0.0002, 0.01, 50)
HORIZON = 12  # steps that the parameters stay
normal_tail = np.vectorize(lambda a: 0.5 * (1 - erf(a / 2**0.5)))


def profits(sigma, volume, minds, cost, fees):
    """Profit per step and ether in the pool of each fee [rows, fees]: income from traders less what arbitrage takes."""
    s, fee = sigma[:, None], fees[None, :]
    bar = (fee + cost[:, None]) / s
    beyond = 2 * s * (np.exp(-bar * bar / 2) / np.sqrt(2 * np.pi) - bar * normal_tail(bar))
    return fee * volume[:, None] * np.exp(-minds[:, None] * fee) - 0.5 * beyond


def simulate(rng, n):
    """Words at thirteen blocks, 25 apart, newest first; the best parameters [n, 3]; and the profit of each fee."""
    sigma = np.exp(rng.normal(np.log(0.004), 0.6, n)).clip(0.0008, 0.03)  # of a step
    trend = rng.normal(0, 0.6, n)
    volume = np.exp(rng.normal(np.log(1.2), 0.6, n)) * (sigma / 0.004) ** 0.4
    base_fee = np.exp(rng.normal(np.log(15), 0.8, n)).clip(1, 300)  # gwei
    cost = base_fee * 4e-6
    minds = 280 / (1 + 0.3 * np.log1p(volume))
    log = np.log(rng.uniform(1_500, 3_500, n))[:, None] + (sigma[:, None] * rng.standard_t(6, (n, BLOCKS)) * 0.82).cumsum(1)
    sizes = volume[:, None] * rng.lognormal(-0.02, 0.2, (n, BLOCKS - 1))
    lean = 1 / (1 + np.exp(-1.5 * trend))[:, None]
    running = lambda parts: np.concatenate([np.zeros((n, 1)), parts.cumsum(1)], 1)[:, ::-1] + rng.uniform(0, 50, (n, 1))
    noise = rng.normal(0, 0.05, (n, BLOCKS - 1))
    words = {
        "slot 0 0..256": np.exp(log)[:, ::-1] * 1e18,
        "slot 1 0..128": running(sizes * np.clip(lean + noise, 0, 1)) * 1e21,
        "slot 1 128..256": running(sizes * np.clip(1 - lean - noise, 0, 1)) * 1e21,
        "base_fee": base_fee[:, None] * rng.lognormal(0, 0.1, (n, BLOCKS)) * 1e9,
    }
    profit = profits(sigma, volume, minds, cost, FEES)
    fee = FEES[profit.argmax(1)] * 100
    width = np.clip(2 * sigma * HORIZON**0.5 / 0.2, 0, 1)
    # Users who buy take ether out: the maker leans to buying it back.
    return words, np.column_stack([fee, width, lean]), profit


def share_of_best(fee_percent, profit):
    """Profit at the fee nearest to each guess, over that of the best fees."""
    at = np.abs(FEES[None, :] - fee_percent[:, None] / 100).argmin(1)
    return round(float(profit[np.arange(len(profit)), at].sum() / profit.max(1).sum()), 4)


def main():
    rng = np.random.default_rng(SEED)
    words, best, profit = simulate(rng, ROWS)
    names, x = kit.features("amm", words, STEP)
    train, select, test = kit.parts(np.arange(ROWS))
    mean, deviation = x[train].mean(0), x[train].std(0) + 1e-9
    z = (np.floor(x * 65_536) / 65_536 - mean) / deviation
    layers = initial([x.shape[1], *WIDTHS, len(OUTPUTS)], rng)
    layers = fit(layers, (z[train], best[train]), (z[select], best[select]), rng, EPOCHS, 1e-5)
    layers = fold(layers, mean, deviation)
    said = forward(layers, x[test])[-1]
    model = to_onnx(layers, "parameters")
    error = np.abs(kit.run(model, x[test][:500]) - said[:500]).max()
    assert error < 1e-3, f"onnx file differs from training by {error}"
    truth, usual = best[test], best[train].mean(0)
    constant = FEES[profit[train].sum(0).argmax()] * 100
    kit.write("amm", model, names, x[test], None, {
        "model": "-".join(str(n) for n in (x.shape[1], *WIDTHS, len(OUTPUTS))) + ", ReLU, sigmoid",
        "data": "simulated",
        "rows": {"train": int(train.sum()), "select": int(select.sum()), "test": int(test.sum())},
        "mean_abs_error": {n: round(float(e), 4) for n, e in zip(OUTPUTS, np.abs(said - truth).mean(0))},
        "mean_abs_error_of_the_mean": {n: round(float(e), 4) for n, e in zip(OUTPUTS, np.abs(usual - truth).mean(0))},
        "share_of_best": {"model": share_of_best(said[:, 0], profit[test]), "best_constant_fee": share_of_best(np.full(len(truth), constant), profit[test])},
    })


if __name__ == "__main__":
    main()
