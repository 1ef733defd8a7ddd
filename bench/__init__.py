"""Benchmarks: fastmlp against NumPy, scikit-learn, PyTorch and JAX, in one interleaved run."""
