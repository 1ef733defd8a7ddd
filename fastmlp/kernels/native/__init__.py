"""The kernels in Cython: a stub for each instruction-set level and dtype, which all include `kernels.pxi`."""
