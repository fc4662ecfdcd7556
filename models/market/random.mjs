// Seeded random numbers: the same seed tells the same story on every machine.

/** One independent stream of numbers. `seed`: any string. */
export class Random {
  #state;

  constructor(seed) {
    // FNV-1a of the seed, then splitmix32 steps.
    let h = 0x811c9dc5;
    for (const c of seed) h = Math.imul(h ^ c.codePointAt(0), 0x01000193) >>> 0;
    this.#state = h;
  }

  /** Uniform in [0, 1), 32 random bits. */
  next() {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let z = this.#state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32;
  }

  /** True with probability `p`. */
  chance(p) {
    return this.next() < p;
  }

  /** Uniform in [low, high). */
  uniform(low, high) {
    return low + (high - low) * this.next();
  }

  /** Integer in [low, high], both ends included. */
  integer(low, high) {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  /** Normal with the given mean and standard deviation (Box-Muller). */
  normal(mean = 0, deviation = 1) {
    const u = 1 - this.next();
    return mean + deviation * Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * this.next());
  }
}
