"""The kernels, compiled for one instruction-set level and one dtype (see setup.py)."""
cdef extern from *:
    """
    #include <stdint.h>
    typedef float real;
    typedef uint32_t bits;
    #define REAL_BYTES 4
    #define MANTISSA 23
    """
    ctypedef float real

include "kernels.pxi"
