"""The dense step alone, on one core: the share of the peak that training reaches where nothing is 0.

That rules ReLU out, whose zeros are passed over; leaky ReLU costs as much.
"""

from .training import named


def _share(at_avx2, at_avx512):
    return {"avx2": at_avx2, "avx512": at_avx512}


CASES = tuple(
    named(sizes, name=f"step-{shape}-{optimizer}-b{b}", title=f"dense step {shape}, {optimizer}, batch {b}",
          source="normal", optimizer=optimizer, batch_size=b, n_rows=8192, check_rows=max(512, b),
          one_core=True,
          hidden="leaky_relu", learning_rate=1e-4 if optimizer == "adam" else 1e-3, peers=("fastmlp",),
          measure="share",
          goal=_share(0.70, 0.60) if b >= 128 else _share(0.60, 0.50))
    for shape, sizes in {
        "784-256-128-64-16": (784, 256, 128, 64, 16), "256x4-16": (256, 256, 256, 256, 256, 16),
    }.items()
    for optimizer in ("sgd", "adam")
    for b in (32, 128, 256, 1024)
)  # fmt: skip
