"""The kernels, compiled for one instruction-set level and one dtype (see setup.py)."""
cdef extern from *:
    """
    #include <stdint.h>
    typedef double real;
    typedef uint64_t bits;
    #define REAL_BYTES 8
    #define MANTISSA 52
    """
    ctypedef double real

include "kernels.pxi"
