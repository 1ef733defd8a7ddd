"""Normal values by NumPy's SFC64 in threads, by PyTorch's `normal_`, and fastmlp's noisy copies."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from .base import Peer
from .fastmlp_peer import FastMLP

N_PIXELS, CHECKED, BLOCK = 35, 4_000_000, 1 << 16


class Noise:
    """What all have in common: the array."""

    def setup(self, case):
        super().setup(case)
        self.out = np.zeros(case.n_values, case.dtype)

    def result(self):
        return self.out[:CHECKED].copy()


class NumPyNoise(Noise, Peer):
    """A generator for each thread; blocks stay in the cache while they are written."""

    def setup(self, case):
        super().setup(case)
        n = self.n_threads or 1
        seeds = np.random.SeedSequence(0).spawn(n)
        self.shares = [
            (np.random.Generator(np.random.SFC64(s)), part)
            for s, part in zip(seeds, np.array_split(self.out, n), strict=True)
        ]
        self.pool = ThreadPoolExecutor(n)

    @staticmethod
    def fill(share):
        generator, part = share
        for k in range(0, part.size, BLOCK):
            generator.standard_normal(out=part[k : k + BLOCK], dtype=part.dtype)

    def run(self):
        if len(self.shares) == 1:
            self.fill(self.shares[0])
        else:
            list(self.pool.map(self.fill, self.shares))

    def versions(self):
        return {"numpy": np.__version__}


class TorchNoise(Noise, Peer):
    def setup(self, case):
        import torch

        super().setup(case)
        torch.set_num_threads(self.n_threads or 1)
        self.tensor = torch.from_numpy(self.out)

    def run(self):
        self.tensor.normal_()

    def versions(self):
        import torch

        return {"torch": torch.__version__}


class FastMLPNoise(Noise, FastMLP):
    def setup(self, case):
        super().setup(case)
        self.glyphs, self.random = np.zeros((10, N_PIXELS), case.dtype), np.random.RandomState(0)
        self.copies = self.out.reshape(-1, N_PIXELS)

    def run(self):
        from fastmlp.noise import noisy_copies

        noisy_copies(
            self.glyphs,
            len(self.copies) // 10,
            1.0,
            random_state=self.random,
            out=self.copies,
            n_threads=self.n_threads,
        )
