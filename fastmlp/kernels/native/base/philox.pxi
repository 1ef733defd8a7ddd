# Philox 4x32-10 (Salmon et al., 2011): a counter-based generator. What it draws depends on the
# position only, so neither on threads nor on block sizes, and backends agree.

cdef extern from *:
    """
    /* Philox on vectors, each of which holds one word of LANES32 counters. */
    #if defined(__GNUC__) && defined(__SSE2__)
      #define VECTOR_PHILOX 1
      #define LANES32 ((int)(VEC_BYTES / 4))
      typedef uint32_t words __attribute__((vector_size(VEC_BYTES), aligned(4), may_alias));
      typedef uint64_t wide __attribute__((vector_size(VEC_BYTES), aligned(4), may_alias));
      static inline words words_of(uint32_t a) { words zero = {0}; return zero + a; }

      /* The halves of x * m. The CPU multiplies the even lanes of a vector: the odd ones follow in a second product.
         Without masks the high halves come as lanes 0, 2, 1, 3 of every four: twice so, and all are in order. */
      #if defined(__AVX512F__)
        #define FM_MULTIPLY(a, b) _mm512_mul_epu32((__m512i)(a), (__m512i)(b))
        #define IN_ORDER(x) (x)
        static inline words high_halves(wide even, wide odd) {
            return (words)_mm512_mask_shuffle_epi32((__m512i)odd, 0x5555, (__m512i)even, _MM_PERM_DDBB);
        }
        static inline words low_halves(wide even, wide odd) {
            return (words)_mm512_mask_shuffle_epi32((__m512i)even, 0xaaaa, (__m512i)odd, _MM_PERM_CCAA);
        }
      #elif defined(__AVX2__)
        #define FM_MULTIPLY(a, b) _mm256_mul_epu32((__m256i)(a), (__m256i)(b))
        #define IN_ORDER(x) ((words)_mm256_shuffle_epi32((__m256i)(x), _MM_SHUFFLE(3, 1, 2, 0)))
        static inline words high_halves(wide even, wide odd) {
            return (words)_mm256_shuffle_ps((__m256)even, (__m256)odd, _MM_SHUFFLE(3, 1, 3, 1));
        }
        static inline words low_halves(wide even, wide odd) {
            return (words)_mm256_blend_epi32((__m256i)even, (__m256i)(odd << 32), 0xaa);
        }
      #else
        #define FM_MULTIPLY(a, b) _mm_mul_epu32((__m128i)(a), (__m128i)(b))
        #define IN_ORDER(x) ((words)_mm_shuffle_epi32((__m128i)(x), _MM_SHUFFLE(3, 1, 2, 0)))
        static inline words high_halves(wide even, wide odd) {
            return (words)_mm_shuffle_ps((__m128)even, (__m128)odd, _MM_SHUFFLE(3, 1, 3, 1));
        }
        static inline words low_halves(wide even, wide odd) {
            return IN_ORDER(_mm_shuffle_ps((__m128)even, (__m128)odd, _MM_SHUFFLE(2, 0, 2, 0)));
        }
      #endif
      static inline void philox_product(words x, uint32_t m, words *high, words *low) {
          words factor = words_of(m);
          wide even = (wide)FM_MULTIPLY(x, factor), odd = (wide)FM_MULTIPLY((wide)x >> 32, factor);
          *high = high_halves(even, odd);
          *low = low_halves(even, odd);
      }

      /* Ten rounds on counters (a lane of c[0], second, third, fourth), n vectors of them side by side: a product
         takes longer than it takes to begin several. Of what the first two rounds make, half is the same in all lanes.
         c : IN (1, n), OUT (4, n) */
      static inline void philox_vectors(words *c, const int n, uint32_t second, uint32_t third, uint32_t fourth,
                                        uint64_t key) {
          const uint32_t M0 = 0xD2511F53u, M1 = 0xCD9E8D57u;
          uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
          words *x = c, *y = c + n, *z = c + 2 * n, *w = c + 3 * n, high;
          const uint64_t b = (uint64_t)M1 * third, a = (uint64_t)M0 * ((uint32_t)(b >> 32) ^ second ^ k0);
          for (int o = 0; o < n; o++) {
              philox_product(x[o], M0, &high, &w[o]);
              z[o] = high ^ (fourth ^ k1);
          }
          k0 += 0x9E3779B9u;
          k1 += 0xBB67AE85u;
          for (int o = 0; o < n; o++) {
              philox_product(z[o], M1, &high, &y[o]);
              x[o] = high ^ ((uint32_t)b ^ k0);
              z[o] = w[o] ^ ((uint32_t)(a >> 32) ^ k1);
              w[o] = words_of((uint32_t)a);
          }
          #pragma GCC unroll 8
          for (int r = 2; r < 10; r++) {
              k0 += 0x9E3779B9u;
              k1 += 0xBB67AE85u;
              for (int o = 0; o < n; o++) {
                  words high_z, low_x, low_z;
                  philox_product(x[o], M0, &high, &low_x);
                  philox_product(z[o], M1, &high_z, &low_z);
                  x[o] = high_z ^ (y[o] ^ k0);
                  z[o] = high ^ (w[o] ^ k1);
                  y[o] = low_z;
                  w[o] = low_x;
              }
          }
          for (int o = 0; o < n; o++) {
              y[o] = IN_ORDER(y[o]);
              w[o] = IN_ORDER(w[o]);
          }
      }
      /* counters first, first + 1, ... in their order */
      static inline void philox_counters(words *c, const int n, uint32_t first) {
          static const uint32_t lanes[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
          for (int o = 0; o < n; o++) c[o] = *(const words *)lanes + (first + (uint32_t)(o * LANES32));
      }

      /* Words of 4 n vectors of counters, those of a counter side by side. A vector's counters are 0, 4, ... of 16
         bytes each, then 1, 5, ..., so that words which are joined within 16 bytes come in their order. */
      #if defined(__AVX512F__)
        #define FM_JOIN_WORDS(how, a, b) ((words)_mm512_unpack##how((__m512i)(a), (__m512i)(b)))
      #elif defined(__AVX2__)
        #define FM_JOIN_WORDS(how, a, b) ((words)_mm256_unpack##how((__m256i)(a), (__m256i)(b)))
      #else
        #define FM_JOIN_WORDS(how, a, b) ((words)_mm_unpack##how((__m128i)(a), (__m128i)(b)))
      #endif
      static inline void draw_words(uint32_t *draw, const int n, uint32_t first, uint32_t second, uint32_t third,
                                    uint32_t fourth, uint64_t key) {
          words c[16], counter;
          for (int i = 0; i < LANES32; i++) counter[i] = first + (uint32_t)(i % 4 * (LANES32 / 4) + i / 4);
          for (int o = 0; o < n; o++) c[o] = counter + (uint32_t)(o * LANES32);
          philox_vectors(c, n, second, third, fourth, key);
          for (int o = 0; o < n; o++) {
              words *out = (words *)draw + 4 * o;
              words low01 = FM_JOIN_WORDS(lo_epi32, c[o], c[n + o]), high01 = FM_JOIN_WORDS(hi_epi32, c[o], c[n + o]);
              words low23 = FM_JOIN_WORDS(lo_epi32, c[2 * n + o], c[3 * n + o]);
              words high23 = FM_JOIN_WORDS(hi_epi32, c[2 * n + o], c[3 * n + o]);
              out[0] = FM_JOIN_WORDS(lo_epi64, low01, low23);
              out[1] = FM_JOIN_WORDS(hi_epi64, low01, low23);
              out[2] = FM_JOIN_WORDS(lo_epi64, high01, high23);
              out[3] = FM_JOIN_WORDS(hi_epi64, high01, high23);
          }
      }
      /* The draws of units 4 j, 4 j + 1, ..., of which n are wanted: counter j, in (j, sample, stream, epoch), has
         four. Returns how many were drawn. */
      static inline Py_ssize_t dropout_draws(uint32_t *draw, Py_ssize_t n, uint32_t j, uint32_t sample, uint32_t stream,
                                             uint32_t epoch, uint64_t key) {
          if (n <= 4 * LANES32) {
              draw_words(draw, 1, j, sample, stream, epoch, key);
              return 4 * LANES32;
          }
          draw_words(draw, 4, j, sample, stream, epoch, key);
          return 16 * LANES32;
      }
    #else
      #define VECTOR_PHILOX 0
      static inline Py_ssize_t dropout_draws(uint32_t *draw, Py_ssize_t n, uint32_t j, uint32_t sample, uint32_t stream,
                                             uint32_t epoch, uint64_t key) {
          (void)draw; (void)j; (void)sample; (void)stream; (void)epoch; (void)key;
          return n;
      }
    #endif
    """
    enum:
        VECTOR_PHILOX
    size dropout_draws(uint32_t *, size, uint32_t, uint32_t, uint32_t, uint32_t, uint64_t) noexcept nogil


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
    cdef uint32_t draw[256]
    cdef size at = 0, i, m
    cdef real keep = <real>(1 / (1 - rate))
    cdef uint32_t threshold = <uint32_t>(rate * 16777216.0)
    if threshold < rate * 16777216.0:
        threshold += 1
    while at < n:
        if VECTOR_PHILOX:
            m = dropout_draws(draw, n - at, <uint32_t>(at // 4), <uint32_t>sample, <uint32_t>stream,
                              <uint32_t>epoch, <uint64_t>seed)
        else:
            m = 4
            draw[0], draw[1], draw[2], draw[3] = (
                <uint32_t>(at // 4), <uint32_t>sample, <uint32_t>stream, <uint32_t>epoch)
            philox(draw, <uint32_t>seed, <uint32_t>(seed >> 32))
        m = min(m, n - at)
        for i in range(m):
            mask[at + i] = keep if (draw[i] >> 8) >= threshold else 0
        at += m
