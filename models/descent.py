"""Adam over networks that are plain functions of dictionaries of arrays; gradients by jax."""

import jax
import jax.numpy as jnp
import numpy as np


def cross_entropy(logit, label):
    """Mean cross-entropy of a logit [rows] and a label that is 0 or 1."""
    return jnp.mean(jnp.logaddexp(0, logit) - label * logit)


def descend(loss, weights, train, select, rng, epochs, rate=3e-3, decay=1e-4, batch=256):
    """The weights of the epoch that does best on the selection rows; `loss(weights, x, y)`."""
    whole = lambda w, x, y: loss(w, x, y) + decay / 2 * sum(jnp.sum(a * a) for a in w.values())

    @jax.jit
    def step(w, first, second, x, y, rate, t):
        g = jax.grad(whole)(w, x, y)
        first = {k: 0.9 * first[k] + 0.1 * g[k] for k in w}
        second = {k: 0.999 * second[k] + 0.001 * g[k] ** 2 for k in w}
        rate = rate * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        return {k: w[k] - rate * first[k] / (jnp.sqrt(second[k]) + 1e-8) for k in w}, first, second

    (x, y), test = train, jax.jit(loss)
    weights = {k: jnp.asarray(w, jnp.float32) for k, w in weights.items()}
    first = second = {k: jnp.zeros_like(w) for k, w in weights.items()}
    best, t = (np.inf, weights), 0
    for epoch in range(epochs):
        order = rng.permutation(len(x))
        for start in range(0, len(x) - batch + 1, batch):
            rows, t = order[start : start + batch], t + 1
            weights, first, second = step(weights, first, second, x[rows], y[rows], rate * (1 - epoch / epochs), t)
        best = min(best, (float(test(weights, *select)), weights), key=lambda pair: pair[0])
    return {k: np.asarray(w, np.float64) for k, w in best[1].items()}


def normal(rng, *shape):
    """Random weights of a layer with `shape[0]` inputs."""
    return rng.normal(0, shape[0] ** -0.5, shape)
