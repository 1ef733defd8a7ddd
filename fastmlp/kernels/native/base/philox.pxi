# Philox 4x32-10 (Salmon et al., 2011): a counter-based generator. What it draws depends on the
# position only, so neither on threads nor on block sizes, and backends agree.

cdef inline void philox(uint32_t *c, uint32_t k0, uint32_t k1) noexcept nogil:
    """Ten rounds on the counter c[4], in place."""
    cdef int r
    cdef uint64_t a, b
    cdef uint32_t x, z
    for r in range(10):
        a = <uint64_t>0xD2511F53u * c[0]
        b = <uint64_t>0xCD9E8D57u * c[2]
        x, z = c[1], c[3]
        c[0] = <uint32_t>(b >> 32) ^ x ^ k0
        c[1] = <uint32_t>b
        c[2] = <uint32_t>(a >> 32) ^ z ^ k1
        c[3] = <uint32_t>a
        k0 += 0x9E3779B9u
        k1 += 0xBB67AE85u


cdef void dropout_mask(int64_t seed, int64_t epoch, int64_t stream, int64_t sample, double rate, real *mask,
                       size n) noexcept nogil:
    """mask[j] = 0 with probability `rate`, else 1 / (1 - rate).

    Counter: (j // 4, sample's position in the epoch, stream, epoch); unit j takes lane j % 4. A 32-bit
    draw u keeps the unit where (u >> 8) 2^-24 >= rate.
    """
    cdef uint32_t c[4]
    cdef size j, i
    cdef real keep = <real>(1 / (1 - rate))
    cdef uint32_t threshold = <uint32_t>(rate * 16777216.0)
    if threshold < rate * 16777216.0:
        threshold += 1
    for j in range((n + 3) // 4):
        c[0], c[1], c[2], c[3] = <uint32_t>j, <uint32_t>sample, <uint32_t>stream, <uint32_t>epoch
        philox(c, <uint32_t>seed, <uint32_t>(seed >> 32))
        for i in range(4):
            if 4 * j + i < n:
                mask[4 * j + i] = keep if (c[i] >> 8) >= threshold else 0
