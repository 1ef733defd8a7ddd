"""``python -m tests.stats``: is the noise normal, and are its values independent?

Draws many values, compares them with the standard normal distribution and with each other, and prints a
p-value for every comparison. All seeds are fixed: the same values are judged each time.
"""

import argparse
import sys
import time

import numpy as np
from scipy import special, stats

from fastmlp.kernels.dispatch import kernels
from fastmlp.noise import add_gaussian_noise

CHUNK = 1 << 22
BINS = 1 << 20  # of the distribution function: cuts at most 1e-6 off the Kolmogorov-Smirnov distance
SIDE = 32  # quantiles a side in tables of pairs
SMALLEST = 1e-6  # a p-value below it is a failure; there are about 200
# neighbours; sine and cosine of one angle (16, 48); both pairs of a counter (32); counters (15, 17);
# groups (64); rows of 5x7 glyphs, their hundred copies, and MNIST's rows
LAGS = (1, 2, 3, 4, 15, 16, 17, 31, 32, 48, 63, 64, 65, 128, 35, 3500, 784)
TABLE_LAGS = (1, 16, 32, 48, 64, 35)
# moments of z^k: expectation and variance
MOMENTS = {1: (0, 1), 2: (1, 2), 3: (0, 15), 4: (3, 96)}
TAILS = (1, 2, 3, 4, 4.5, 5)


def stream(dtype):
    """Return ``draw(first, n, key)``: n values of a stream."""
    add_noise = kernels(np.dtype(dtype)).add_noise
    zeros = np.zeros(CHUNK, dtype)

    def draw(first, n, key):
        out = np.empty(n, dtype)
        add_noise(zeros[:n], out, 1, 1, first, key, 1.0, -np.inf, np.inf)
        return out

    return draw


def two_sided(score):
    """Return the p-value of a standard normal score."""
    return float(2 * stats.norm.sf(abs(score)))


def poisson_p(count, expected):
    """Return the two-sided p-value of a count of rare events."""
    low, high = stats.poisson.cdf(count, expected), stats.poisson.sf(count - 1, expected)
    return float(min(1.0, 2 * min(low, high)))


def uniform_p(table):
    """Return the p-value of a table of counts whose cells are equally likely."""
    return float(stats.chisquare(table.ravel()).pvalue)


class Marginal:
    """Each value by itself: distribution, moments, tails, positions in a group."""

    def __init__(self, group):
        self.n, self.counts = 0, np.zeros(BINS, np.int64)
        self.powers = np.zeros(5)
        self.tails = np.zeros((len(TAILS), 2))
        self.largest = 0.0
        self.positions = np.zeros((2, group))

    def add(self, z, u):
        self.n += z.size
        self.counts += np.bincount(np.minimum((u * BINS).astype(np.int64), BINS - 1), minlength=BINS)
        power = np.ones_like(z)
        for k in MOMENTS:
            power *= z
            self.powers[k] += power.sum()
        beyond = z[np.abs(z) > TAILS[0]]
        self.tails += [((beyond > t).sum(), (beyond < -t).sum()) for t in TAILS]
        self.largest = max(self.largest, np.abs(beyond).max(initial=0.0))
        rows = z.reshape(-1, self.positions.shape[1])
        self.positions += rows.sum(axis=0), (rows**2).sum(axis=0)

    def results(self):
        """Yield (name, what was found, p-value)."""
        n = self.n
        distance = np.abs(np.cumsum(self.counts) / n - np.arange(1, BINS + 1) / BINS).max()
        yield "Kolmogorov-Smirnov", f"D = {distance:.2e}", float(stats.kstwobign.sf(distance * n**0.5))
        yield "4096 quantiles", "chi-square", uniform_p(self.counts.reshape(4096, -1).sum(axis=1))
        for k, (mean, variance) in MOMENTS.items():
            found = self.powers[k] / n
            yield f"moment {k}", f"{found:.6f}", two_sided((found - mean) / (variance / n) ** 0.5)
        for t, (right, left) in zip(TAILS, self.tails, strict=True):
            expected = n * stats.norm.sf(t)
            for side, count in ((">", right), ("< -", left)):
                yield f"z {side}{t:g}", f"{count:.0f} of {expected:.1f}", poisson_p(count, expected)
        below = float(np.exp(n * np.log1p(-2 * stats.norm.sf(self.largest))))
        yield "largest |z|", f"{self.largest:.3f}", 2 * min(below, 1 - below)
        each = n / self.positions.shape[1]
        for name, sums, mean, variance in (
            ("means", self.positions[0], 0, 1),
            ("variances", self.positions[1], 1, 2),
        ):
            score = (((sums / each - mean) ** 2) * each / variance).sum()
            yield f"{name} of positions", "chi-square", float(stats.chi2.sf(score, len(sums)))


class Pairs:
    """Two values that should have nothing to do with each other."""

    def __init__(self, name, with_table=True):
        self.name, self.n, self.sums = name, 0, np.zeros(3)
        self.table = np.zeros((SIDE, SIDE), np.int64) if with_table else None

    def add(self, a, b, cells_a=None, cells_b=None):
        """Take values with their squares, (2, n), and for the table which quantile each value lies in."""
        self.n += a.shape[1]
        self.sums += [np.einsum("i,i", x, y) for x, y in ((a[0], b[0]), (a[1], b[1]), (a[0], b[1]))]
        if cells_a is not None:
            self.table += np.bincount(cells_a * SIDE + cells_b, minlength=SIDE**2).reshape(SIDE, SIDE)

    def results(self):
        names = "z z'", "z² z'²", "z z'²"
        for name, total in zip(names, self.sums, strict=True):
            yield f"{self.name}: {name}", f"r = {total / self.n:.1e}", two_sided(total / self.n**0.5)
        if self.table is not None:
            yield f"{self.name}: {SIDE} x {SIDE} quantiles", "chi-square", uniform_p(self.table)


def with_squares(z):
    """Return values and their squares, both of mean 0 and variance 1, shape (2, n), in float64."""
    z = z.astype(np.float64)
    return np.stack([z, (z * z - 1) / 2**0.5])


def cells(u):
    return np.minimum((u * SIDE).astype(np.int64), SIDE - 1)


def judge(draw, n_values, group, key=0):
    """Yield (name, finding, p-value) for one stream, and for it beside other keys and far counters."""
    marginal = Marginal(group)
    lags = {lag: Pairs(f"lag {lag}", lag in TABLE_LAGS) for lag in LAGS}
    # the key's first and second word; counters beyond 2^32
    others = {"key + 1": (1, 0), "key + 2^32": (1 << 32, 0), "counter + 2^32": (0, group << 28),
              "counter + 2^52": (0, group << 48)}  # fmt: skip
    beside = {name: Pairs(name) for name in others}
    for first in range(0, n_values, CHUNK):
        n = min(CHUNK, n_values - first) // group * group
        z = with_squares(draw(first, n, key))
        u = special.ndtr(z[0])
        marginal.add(z[0], u)
        inside = cells(u)
        for lag, pairs in lags.items():
            if pairs.table is None:
                pairs.add(z[:, :-lag], z[:, lag:])
            else:  # a table needs pairs that share no value
                m = n // (2 * lag) * 2 * lag
                a, b = np.moveaxis(z[:, :m].reshape(2, -1, 2, lag), 2, 0)
                i, j = np.moveaxis(inside[:m].reshape(-1, 2, lag), 1, 0)
                pairs.add(a.reshape(2, -1), b.reshape(2, -1), i.ravel(), j.ravel())
        if first < n_values // 4:  # a quarter of the values beside others
            for name, (step, ahead) in others.items():
                other = with_squares(draw(first + ahead, n, key + step))
                beside[name].add(z, other, inside, cells(special.ndtr(other[0])))
    for test in (marginal, *lags.values(), *beside.values()):
        yield from test.results()


def judge_seeds(dtype, n_values, n_seeds=8):
    """Yield results for neighbouring values of `random_state`."""
    zeros = np.zeros(n_values, dtype)
    drawn = [with_squares(add_gaussian_noise(zeros, 1.0, random_state=seed)) for seed in range(n_seeds)]
    for seed in range(1, n_seeds):
        pairs = Pairs(f"seeds {seed - 1} and {seed}")
        a, b = drawn[seed - 1 : seed + 1]
        pairs.add(a, b, cells(special.ndtr(a[0])), cells(special.ndtr(b[0])))
        yield from pairs.results()


def main(arguments=None):
    """Print every result; return 1 where a p-value is too small, else 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.stats", description=__doc__)
    parser.add_argument("--values", type=float, default=1e8, help="of a stream (default: 1e8)")
    parser.add_argument("--dtypes", nargs="+", choices=("float32", "float64"), default=["float32", "float64"])
    parser.add_argument("--key", type=int, default=0, help="of the stream: another one has other values")
    parser.add_argument("--all", action="store_true", help="print every result, not only the main ones")
    chosen = parser.parse_args(arguments)
    worst = []
    for name in chosen.dtypes:
        start, n = time.perf_counter(), int(chosen.values)
        results = list(judge(stream(name), n, 64 if name == "float32" else 32, chosen.key))
        results += judge_seeds(name, min(n // 8, CHUNK))
        print(f"{name}: {n:.3g} values, {len(results)} p-values, {time.perf_counter() - start:.0f} s")
        for test, finding, p in results:
            if chosen.all or ":" not in test or p < SMALLEST * 1e3:
                print(f"  {test:34s} {finding:>24s}   p = {p:.3g}{'  FAILS' if p < SMALLEST else ''}")
        p_values = [p for *_, p in results]
        worst.append(min(p_values))
        print(f"  smallest p-value {min(p_values):.2g}; below 0.01: {np.mean(np.less(p_values, 0.01)):.1%}")
    return int(min(worst) < SMALLEST)


if __name__ == "__main__":
    sys.exit(main())
