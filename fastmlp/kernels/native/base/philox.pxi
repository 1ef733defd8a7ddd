# Philox 4x32-10 (Salmon et al., 2011): a counter-based generator. What it draws depends on the
# position only, so neither on threads nor on block sizes, and backends agree.

cdef extern from *:
    """
    /* Philox on vectors: a word in the low half of each 64-bit lane, which is what the CPU multiplies. */
    #if defined(__GNUC__) && defined(__SSE2__)
      #define VECTOR_PHILOX 1
      #if defined(__AVX512F__)
        #define FM_MULTIPLY(a, b) ((wide)_mm512_mul_epu32((__m512i)(a), (__m512i)(b)))
      #elif defined(__AVX2__)
        #define FM_MULTIPLY(a, b) ((wide)_mm256_mul_epu32((__m256i)(a), (__m256i)(b)))
      #else
        #define FM_MULTIPLY(a, b) ((wide)_mm_mul_epu32((__m128i)(a), (__m128i)(b)))
      #endif
      typedef uint64_t wide __attribute__((vector_size(VEC_BYTES), aligned(sizeof(real)), may_alias));

      /* Side by side: the multiplications of one counter take as long as those of several. */
      #define PHILOX_VECTORS ((int)(8 / REAL_BYTES))
      static inline void philox_wide(wide c[PHILOX_VECTORS][4], uint64_t key) {
          uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
          wide m0 = {0}, m1 = {0}, a[PHILOX_VECTORS], b[PHILOX_VECTORS];
          m0 += 0xD2511F53u;
          m1 += 0xCD9E8D57u;
          #pragma GCC unroll 10
          for (int r = 0; r < 10; r++) {
              for (int o = 0; o < PHILOX_VECTORS; o++) {
                  a[o] = FM_MULTIPLY(c[o][0], m0);
                  b[o] = FM_MULTIPLY(c[o][2], m1);
              }
              for (int o = 0; o < PHILOX_VECTORS; o++) {
                  c[o][0] = (b[o] >> 32) ^ (c[o][1] ^ (uint64_t)k0);
                  c[o][1] = b[o];               /* the upper halves hold rubbish, which no product sees */
                  c[o][2] = (a[o] >> 32) ^ (c[o][3] ^ (uint64_t)k1);
                  c[o][3] = a[o];
              }
              k0 += 0x9E3779B9u;
              k1 += 0xBB67AE85u;
          }
      }
      /* The draws of DRAWN units: counter j, in (j, sample, stream, epoch), has units 4 j ... 4 j + 3. */
      #define DRAWN ((int)(VEC_BYTES / 2) * PHILOX_VECTORS)
      static inline void dropout_draws(uint32_t *draw, uint32_t j, uint32_t sample, uint32_t stream, uint32_t epoch,
                                       uint64_t key) {
          static const uint64_t lanes[8] = {0, 1, 2, 3, 4, 5, 6, 7};
          wide zero = {0}, c[PHILOX_VECTORS][4];
          for (int o = 0; o < PHILOX_VECTORS; o++) {
              c[o][0] = *(const wide *)lanes * (uint64_t)PHILOX_VECTORS + (uint64_t)(j + o);
              c[o][1] = zero + sample;
              c[o][2] = zero + stream;
              c[o][3] = zero + epoch;
          }
          philox_wide(c, key);
          for (int o = 0; o < PHILOX_VECTORS; o++)
              for (int i = 0; i < VEC_BYTES / 8; i++)
                  for (int word = 0; word < 4; word++)
                      draw[4 * (i * PHILOX_VECTORS + o) + word] = (uint32_t)c[o][word][i];
      }
    #else
      #define VECTOR_PHILOX 0
      #define DRAWN 4
      static inline void dropout_draws(uint32_t *draw, uint32_t j, uint32_t sample, uint32_t stream, uint32_t epoch,
                                       uint64_t key) {
          (void)draw; (void)j; (void)sample; (void)stream; (void)epoch; (void)key;
      }
    #endif
    """
    enum:
        VECTOR_PHILOX
        DRAWN
    void dropout_draws(uint32_t *, uint32_t, uint32_t, uint32_t, uint32_t, uint64_t) noexcept nogil


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
    cdef uint32_t draw[64]
    cdef size at = 0, i, m
    cdef real keep = <real>(1 / (1 - rate))
    cdef uint32_t threshold = <uint32_t>(rate * 16777216.0)
    if threshold < rate * 16777216.0:
        threshold += 1
    while at < n:
        if VECTOR_PHILOX:
            dropout_draws(draw, <uint32_t>(at // 4), <uint32_t>sample, <uint32_t>stream, <uint32_t>epoch,
                          <uint64_t>seed)
        else:
            draw[0], draw[1], draw[2], draw[3] = (
                <uint32_t>(at // 4), <uint32_t>sample, <uint32_t>stream, <uint32_t>epoch)
            philox(draw, <uint32_t>seed, <uint32_t>(seed >> 32))
        m = n - at if n - at < DRAWN else DRAWN
        for i in range(m):
            mask[at + i] = keep if (draw[i] >> 8) >= threshold else 0
        at += m
