"""Products of stacks of small matrices into memory that is there already; JAX makes new memory."""

import numpy as np

from .base import Peer
from .fastmlp_peer import FastMLP


class NumPyStack(Peer):
    def setup(self, case):
        super().setup(case)
        self.A, self.B = case.data()
        self.out = np.empty((case.count, case.m, case.n), case.dtype)

    def run(self):
        np.matmul(self.A, self.B, out=self.out)

    def result(self):
        return np.asarray(self.out)

    def versions(self):
        return {"numpy": np.__version__}


class FastMLPStack(FastMLP, NumPyStack):
    def run(self):
        from fastmlp import batched_matmul

        batched_matmul(self.A, self.B, self.out, n_threads=self.n_threads)


class TorchStack(NumPyStack):
    def setup(self, case):
        import torch

        super().setup(case)
        self.bmm = torch.bmm
        self.a, self.b, self.c = map(torch.from_numpy, (self.A, self.B, self.out))

    def run(self):
        self.bmm(self.a, self.b, out=self.c)

    def versions(self):
        import torch

        return {"torch": torch.__version__}


class JAXStack(NumPyStack):
    def setup(self, case):
        import jax

        super().setup(case)
        jax.config.update("jax_enable_x64", case.dtype == "float64")
        self.a, self.b, self.multiply = (
            jax.numpy.asarray(self.A),
            jax.numpy.asarray(self.B),
            jax.jit(jax.numpy.matmul),
        )

    def run(self):
        self.out = self.multiply(self.a, self.b).block_until_ready()

    def versions(self):
        import jax

        return {"jax": jax.__version__}
