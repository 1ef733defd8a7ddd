# Functions of whole vectors. Where the compiler has no vectors, the same of one number.

cdef extern from *:
    """
    #if defined(__GNUC__) && defined(__SSE2__)
      #if defined(__AVX512F__)
        #define FM_RSQRT(v) ((vec)_mm512_rsqrt14_ps((__m512)(v)))
        #define FM_RCP(v) ((vec)_mm512_rcp14_ps((__m512)(v)))
        #define FM_SQRT_PS(v) ((vec)_mm512_sqrt_ps((__m512)(v)))
        #define FM_SQRT_PD(v) ((vec)_mm512_sqrt_pd((__m512d)(v)))
      #elif defined(__AVX__)
        #define FM_RSQRT(v) ((vec)_mm256_rsqrt_ps((__m256)(v)))
        #define FM_RCP(v) ((vec)_mm256_rcp_ps((__m256)(v)))
        #define FM_SQRT_PS(v) ((vec)_mm256_sqrt_ps((__m256)(v)))
        #define FM_SQRT_PD(v) ((vec)_mm256_sqrt_pd((__m256d)(v)))
      #else
        #define FM_RSQRT(v) ((vec)_mm_rsqrt_ps((__m128)(v)))
        #define FM_RCP(v) ((vec)_mm_rcp_ps((__m128)(v)))
        #define FM_SQRT_PS(v) ((vec)_mm_sqrt_ps((__m128)(v)))
        #define FM_SQRT_PD(v) ((vec)_mm_sqrt_pd((__m128d)(v)))
      #endif
      #if REAL_BYTES == 4
        static inline vec vec_sqrt(vec v) { return FM_SQRT_PS(v); }
      #else
        static inline vec vec_sqrt(vec v) { return FM_SQRT_PD(v); }
      #endif
    #elif defined(__GNUC__)
      static inline vec vec_sqrt(vec v) {
          for (int l = 0; l < LANES; l++) v[l] = (real)sqrt((double)v[l]);
          return v;
      }
    #else
      static inline vec vec_sqrt(vec v) { return (vec)sqrt((double)v); }
    #endif

    /* a / (sqrt(v) + epsilon), v >= 0; a term in single precision keeps the divisor above 0. Roots and divisions share
       a unit that takes 4 cycles for 32 bytes, so that one of them is an estimate with a Newton step (about 1 ulp):
       the root on CPUs that take 12 cycles for one of 64 bytes; the baseline has both exact. */
    #if REAL_BYTES == 4 && defined(__AVX512F__)
      static inline vec vec_over_root(vec a, vec v, real epsilon) {
          vec x = v + 1.17549435e-38f, r = FM_RSQRT(x), s = x * r;
          return a / (s + 0.5f * r * (x - s * s) + epsilon);
      }
    #elif REAL_BYTES == 4 && defined(__AVX__)
      static inline vec vec_over_root(vec a, vec v, real epsilon) {
          vec root = vec_sqrt(v + 1.17549435e-38f) + epsilon, r = FM_RCP(root);
          return a * (r * (2.0f - root * r));
      }
    #elif REAL_BYTES == 4
      static inline vec vec_over_root(vec a, vec v, real epsilon) {
          return a / (vec_sqrt(v + 1.17549435e-38f) + epsilon);
      }
    #else
      static inline vec vec_over_root(vec a, vec v, real epsilon) { return a / (vec_sqrt(v) + epsilon); }
    #endif

    /* whether all lanes are finite: |v| < infinity */
    #if defined(__AVX512F__) && REAL_BYTES == 4
      static inline int vec_finite(vec v) {
          return _mm512_cmp_ps_mask(_mm512_abs_ps((__m512)v), _mm512_set1_ps(INFINITY), _CMP_NLT_UQ) == 0;
      }
    #elif defined(__AVX512F__)
      static inline int vec_finite(vec v) {
          return _mm512_cmp_pd_mask(_mm512_abs_pd((__m512d)v), _mm512_set1_pd(INFINITY), _CMP_NLT_UQ) == 0;
      }
    #elif defined(__AVX__) && defined(__GNUC__) && REAL_BYTES == 4
      static inline int vec_finite(vec v) {
          __m256 size = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), (__m256)v);
          return _mm256_movemask_ps(_mm256_cmp_ps(size, _mm256_set1_ps(INFINITY), _CMP_NLT_UQ)) == 0;
      }
    #elif defined(__AVX__) && defined(__GNUC__)
      static inline int vec_finite(vec v) {
          __m256d size = _mm256_andnot_pd(_mm256_set1_pd(-0.0), (__m256d)v);
          return _mm256_movemask_pd(_mm256_cmp_pd(size, _mm256_set1_pd(INFINITY), _CMP_NLT_UQ)) == 0;
      }
    #else
      static inline int vec_finite(vec v) {
          bits u[LANES], most = 0;
          memcpy(u, &v, sizeof v);
          for (int l = 0; l < LANES; l++) {
              bits size = u[l] & ~((bits)1 << (8 * REAL_BYTES - 1));
              most = size > most ? size : most;
          }
          return most < (REAL_BYTES == 4 ? (bits)0x7f800000u : (bits)(0x7ffull << 52));
      }
    #endif

    /* 1 / d, d > 0; single precision: about 1 ulp */
    #if REAL_BYTES == 4 && defined(FM_RCP)
      static inline vec vec_reciprocal(vec d) { vec q = FM_RCP(d); return q * (2.0f - d * q); }
    #else
      static inline vec vec_reciprocal(vec d) { return (real)1 / d; }
    #endif

    /* 1 / sqrt(v), v > 0 */
    #if REAL_BYTES == 4 && defined(FM_RSQRT)
      static inline vec vec_inverse_sqrt(vec v) { vec r = FM_RSQRT(v); return r * (1.5f - 0.5f * v * r * r); }
    #else
      static inline vec vec_inverse_sqrt(vec v) { return (real)1 / vec_sqrt(v); }
    #endif
    /* whether 0 < a < bound in any lane of n vectors a >= 0. Bits less 1, without sign, are in the order of the
       numbers, but those of 0 beyond all. */
    #if defined(__AVX512F__) || (defined(__AVX2__) && REAL_BYTES == 4)
      #if REAL_BYTES == 8
        #define FM_LOWER(a, b) ((vbits)_mm512_min_epu64((__m512i)(a), (__m512i)(b)))
      #elif defined(__AVX512F__)
        #define FM_LOWER(a, b) ((vbits)_mm512_min_epu32((__m512i)(a), (__m512i)(b)))
      #else
        #define FM_LOWER(a, b) ((vbits)_mm256_min_epu32((__m256i)(a), (__m256i)(b)))
      #endif
      static inline int vec_any_small(const vec *a, const int n, real bound) {
          bits limit;
          vbits least = (vbits)a[0] - 1, most;
          for (int j = 1; j < n; j++) least = FM_LOWER(least, (vbits)a[j] - 1);
          memcpy(&limit, &bound, sizeof limit);
          if (limit < 2) return 0;
          most = (vbits){0} + (limit - 2);
      #if REAL_BYTES == 8
          return _mm512_cmple_epu64_mask((__m512i)least, (__m512i)most) != 0;
      #elif defined(__AVX512F__)
          return _mm512_cmple_epu32_mask((__m512i)least, (__m512i)most) != 0;
      #else
          return _mm256_movemask_epi8(_mm256_cmpeq_epi32((__m256i)FM_LOWER(least, most), (__m256i)least)) != 0;
      #endif
      }
    #elif defined(__GNUC__) && defined(__SSE2__) && (defined(__AVX2__) || !defined(__AVX__))
      static inline int vec_any_small(const vec *a, const int n, real bound) {
          vbits small = (vbits){0};
          for (int j = 0; j < n; j++) small |= (vbits)(a[j] < bound) & (vbits)(a[j] > 0);
      #if defined(__AVX__)
          return _mm256_movemask_epi8((__m256i)small) != 0;
      #else
          return _mm_movemask_epi8((__m128i)small) != 0;
      #endif
      }
    #else
      static inline int vec_any_small(const vec *a, const int n, real bound) {
          const real *p = (const real *)a;
          int small = 0;
          for (int l = 0; l < n * LANES; l++) small |= (p[l] < bound) & (p[l] > 0);
          return small;
      }
    #endif

    /* Lanewise selection (max and min give b where either is NaN), and the sum of a vector's lanes in a fixed
       pairwise order. */
    #if defined(__GNUC__)
      #define FM_SELECT(m, a, b) ((vec)(((vbits)(a) & (vbits)(m)) | ((vbits)(b) & ~(vbits)(m))))
      /* b where one of the two is NaN, as the instructions have it */
      #if defined(__AVX512F__) && REAL_BYTES == 4
        static inline vec vec_max(vec a, vec b) { return (vec)_mm512_max_ps((__m512)a, (__m512)b); }
        static inline vec vec_min(vec a, vec b) { return (vec)_mm512_min_ps((__m512)a, (__m512)b); }
      #elif defined(__AVX512F__)
        static inline vec vec_max(vec a, vec b) { return (vec)_mm512_max_pd((__m512d)a, (__m512d)b); }
        static inline vec vec_min(vec a, vec b) { return (vec)_mm512_min_pd((__m512d)a, (__m512d)b); }
      #elif defined(__AVX__) && REAL_BYTES == 4
        static inline vec vec_max(vec a, vec b) { return (vec)_mm256_max_ps((__m256)a, (__m256)b); }
        static inline vec vec_min(vec a, vec b) { return (vec)_mm256_min_ps((__m256)a, (__m256)b); }
      #elif defined(__AVX__)
        static inline vec vec_max(vec a, vec b) { return (vec)_mm256_max_pd((__m256d)a, (__m256d)b); }
        static inline vec vec_min(vec a, vec b) { return (vec)_mm256_min_pd((__m256d)a, (__m256d)b); }
      #else
        static inline vec vec_max(vec a, vec b) { return FM_SELECT(a > b, a, b); }
        static inline vec vec_min(vec a, vec b) { return FM_SELECT(a < b, a, b); }
      #endif
      static inline vec vec_if_positive(vec x, vec a, vec b) { vec z = {0}; return FM_SELECT(x > z, a, b); }
      static inline vec vec_if_negative(vec x, vec a, vec b) { vec z = {0}; return FM_SELECT(x < z, a, b); }
      static inline vec vec_with_sign(vec a, vec x) {     /* a >= 0 */
          return (vec)((vbits)a | ((vbits)x & ((bits)1 << (8 * REAL_BYTES - 1))));
      }
      static inline vec vec_abs(vec a) { return (vec)((vbits)a & ~((bits)1 << (8 * REAL_BYTES - 1))); }
      static inline real vec_sum(vec a) {
      #if defined(__SSE2__) && REAL_BYTES == 4
        #if defined(__AVX512F__)
          __m256 h = _mm256_add_ps(_mm512_castps512_ps256((__m512)a),
              _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd((__m512)a), 1)));
          __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
        #elif defined(__AVX__)
          __m128 q = _mm_add_ps(_mm256_castps256_ps128((__m256)a), _mm256_extractf128_ps((__m256)a, 1));
        #else
          __m128 q = (__m128)a;
        #endif
          q = _mm_add_ps(q, _mm_movehl_ps(q, q));
          return _mm_cvtss_f32(_mm_add_ss(q, _mm_shuffle_ps(q, q, 1)));
      #elif defined(__SSE2__)
        #if defined(__AVX512F__)
          __m256d h = _mm256_add_pd(_mm512_castpd512_pd256((__m512d)a), _mm512_extractf64x4_pd((__m512d)a, 1));
          __m128d q = _mm_add_pd(_mm256_castpd256_pd128(h), _mm256_extractf128_pd(h, 1));
        #elif defined(__AVX__)
          __m128d q = _mm_add_pd(_mm256_castpd256_pd128((__m256d)a), _mm256_extractf128_pd((__m256d)a, 1));
        #else
          __m128d q = (__m128d)a;
        #endif
          return _mm_cvtsd_f64(_mm_add_sd(q, _mm_unpackhi_pd(q, q)));
      #else
          real t[VEC_BYTES / sizeof(real)];
          memcpy(t, &a, sizeof a);
          for (int w = LANES / 2; w; w /= 2)
              for (int l = 0; l < w; l++) t[l] += t[l + w];
          return t[0];
      #endif
      }
      static inline real vec_top(vec a) {
      #if defined(__AVX512F__) && REAL_BYTES == 4
          return _mm512_reduce_max_ps((__m512)a);
      #elif defined(__AVX512F__)
          return _mm512_reduce_max_pd((__m512d)a);
      #elif defined(__SSE2__) && REAL_BYTES == 4
        #if defined(__AVX__)
          __m128 q = _mm_max_ps(_mm256_castps256_ps128((__m256)a), _mm256_extractf128_ps((__m256)a, 1));
        #else
          __m128 q = (__m128)a;
        #endif
          q = _mm_max_ps(q, _mm_movehl_ps(q, q));
          return _mm_cvtss_f32(_mm_max_ss(q, _mm_shuffle_ps(q, q, 1)));
      #else
          real t = a[0];
          for (int l = 1; l < LANES; l++) t = a[l] > t ? a[l] : t;
          return t;
      #endif
      }
      static inline vec vec_fill(real a) { vec z = {0}; return z + a; }
      /* the first n lanes of a, `rest` in the others */
      static inline vec vec_first(vec a, Py_ssize_t n, real rest) {
          static const real lanes[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
          vec at, b = vec_fill(rest), bound = vec_fill((real)n);
          memcpy(&at, lanes, sizeof at);
          return FM_SELECT(at < bound, a, b);
      }
      /* 1 in lane n, 0 in the others */
      static inline vec vec_unit(Py_ssize_t n) {
          static const bits lanes[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
          vbits at;
          memcpy(&at, lanes, sizeof at);
          return (vec)((vbits)vec_fill(1) & (vbits)(at == (bits)n));
      }
    #else
      static inline vec vec_max(vec a, vec b) { return a > b ? a : b; }
      static inline vec vec_min(vec a, vec b) { return a < b ? a : b; }
      static inline vec vec_if_positive(vec x, vec a, vec b) { return x > 0 ? a : b; }
      static inline vec vec_if_negative(vec x, vec a, vec b) { return x < 0 ? a : b; }
      static inline vec vec_abs(vec a) { return a < 0 ? -a : a; }
      static inline vec vec_with_sign(vec a, vec x) { return x < 0 ? -a : a; }
      static inline real vec_sum(vec a) { return a; }
      static inline real vec_top(vec a) { return a; }
      static inline vec vec_fill(real a) { return a; }
      static inline vec vec_first(vec a, Py_ssize_t n, real rest) { return n > 0 ? a : rest; }
      static inline vec vec_unit(Py_ssize_t n) { return n == 0; }
    #endif

    /* FEW numbers side by side, repeated in every 16 bytes, and number i of them in all lanes (i: a constant): one load
       for all of them, where loops over listed rows are bound by their loads. No intrinsic reads memory and repeats it
       at once: GCC does not see that such a one leaves sums alone, and would store these in every turn of a loop. */
    #if defined(__GNUC__) && defined(__SSE2__)
      #define FM_FEW (16 / REAL_BYTES)
      #if REAL_BYTES == 4 && defined(__AVX512F__)
        static inline vec vec_repeat(const real *p) { return (vec)_mm512_broadcast_f32x4(_mm_loadu_ps(p)); }
        #define FM_SPREAD(q, i) (vec)_mm512_permute_ps((__m512)(q), (i) * 0x55)
      #elif defined(__AVX512F__)
        static inline vec vec_repeat(const real *p) { return (vec)_mm512_broadcast_f64x2(_mm_loadu_pd(p)); }
        #define FM_SPREAD(q, i) (vec)_mm512_permute_pd((__m512d)(q), (i) * 0xff)
      #elif REAL_BYTES == 4 && defined(__AVX__)
        static inline vec vec_repeat(const real *p) { __m128 q = _mm_loadu_ps(p); return (vec)_mm256_set_m128(q, q); }
        #define FM_SPREAD(q, i) (vec)_mm256_permute_ps((__m256)(q), (i) * 0x55)
      #elif defined(__AVX__)
        static inline vec vec_repeat(const real *p) { __m128d q = _mm_loadu_pd(p); return (vec)_mm256_set_m128d(q, q); }
        #define FM_SPREAD(q, i) (vec)_mm256_permute_pd((__m256d)(q), (i) * 0xf)
      #elif REAL_BYTES == 4
        static inline vec vec_repeat(const real *p) { return (vec)_mm_loadu_ps(p); }
        #define FM_SPREAD(q, i) (vec)_mm_shuffle_ps((__m128)(q), (__m128)(q), (i) * 0x55)
      #else
        static inline vec vec_repeat(const real *p) { return (vec)_mm_loadu_pd(p); }
        #define FM_SPREAD(q, i) (vec)_mm_shuffle_pd((__m128d)(q), (__m128d)(q), (i) * 3)
      #endif
      static inline vec vec_spread(vec q, int i) {
      #if REAL_BYTES == 4
          if (i > 1) return i == 3 ? FM_SPREAD(q, 3) : FM_SPREAD(q, 2);
      #endif
          return i == 1 ? FM_SPREAD(q, 1) : FM_SPREAD(q, 0);
      }
    #else
      #define FM_FEW 1
      static inline vec vec_repeat(const real *p) { return vec_fill(*p); }
      static inline vec vec_spread(vec q, int i) { return q; }
    #endif

    /* Lane i is vec_sum(t[i]), for LANES vectors, bit for bit: halves are added, then quarters, ... Vectors are joined
       in such an order that the last two shuffles stay within 16 bytes, which takes less than half the time. */
    #if defined(__GNUC__) && (defined(__clang__) || __GNUC__ >= 12) && VEC_BYTES > REAL_BYTES
      #define FM_ADD(a, b, low, high) (__builtin_shufflevector(a, b, low) + __builtin_shufflevector(a, b, high))
      #define FM_LIST(...) __VA_ARGS__
      #define FM_JOIN(to, from, count, apart, low, high) \
          for (int i = 0; i < (count); i++) to[i] = FM_ADD(from[i + i / (apart) * (apart)], \
              from[i + i / (apart) * (apart) + (apart)], FM_LIST low, FM_LIST high);
    #endif
    #if defined(FM_ADD) && VEC_BYTES / REAL_BYTES >= 8
      /* Lane 4 k + s is the sum of lanes 4 k ... 4 k + 3 of q[s]. */
      static inline vec vec_join_four(const vec *q) {
          vec c[2];
      #if VEC_BYTES / REAL_BYTES == 16
          FM_JOIN(c, q, 2, 1, (0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29),
                  (2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31))
          return FM_ADD(c[0], c[1], FM_LIST(0, 2, 16, 18, 4, 6, 20, 22, 8, 10, 24, 26, 12, 14, 28, 30),
                        FM_LIST(1, 3, 17, 19, 5, 7, 21, 23, 9, 11, 25, 27, 13, 15, 29, 31));
      #else
          FM_JOIN(c, q, 2, 1, (0, 1, 8, 9, 4, 5, 12, 13), (2, 3, 10, 11, 6, 7, 14, 15))
          return FM_ADD(c[0], c[1], FM_LIST(0, 2, 8, 10, 4, 6, 12, 14), FM_LIST(1, 3, 9, 11, 5, 7, 13, 15));
      #endif
      }
    #endif
    static inline vec vec_lane_sums(const vec *t) {
    #if !defined(FM_ADD)
        real out[VEC_BYTES / sizeof(real)];
        vec sums;
        for (int i = 0; i < LANES; i++) out[i] = vec_sum(t[i]);
        memcpy(&sums, out, sizeof sums);
        return sums;
    #elif VEC_BYTES / REAL_BYTES == 16
        vec a[8], b[4];
        FM_JOIN(a, t, 8, 4, (0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23),
                (8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31))
        FM_JOIN(b, a, 4, 4, (0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27),
                (4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31))
        return vec_join_four(b);
    #elif VEC_BYTES / REAL_BYTES == 8
        vec a[4];
        FM_JOIN(a, t, 4, 4, (0, 1, 2, 3, 8, 9, 10, 11), (4, 5, 6, 7, 12, 13, 14, 15))
        return vec_join_four(a);
    #elif VEC_BYTES / REAL_BYTES == 4
        vec a[2];
        FM_JOIN(a, t, 2, 1, (0, 1, 4, 5), (2, 3, 6, 7))
        return FM_ADD(a[0], a[1], FM_LIST(0, 2, 4, 6), FM_LIST(1, 3, 5, 7));
    #else
        return FM_ADD(t[0], t[1], FM_LIST(0, 2), FM_LIST(1, 3));
    #endif
    }
    /* The same where all lanes beyond the first 16 bytes are 0. */
    static inline vec vec_lane_sums_low(const vec *t) {
    #if defined(FM_ADD) && defined(__AVX__) && REAL_BYTES == 4
        vec q[4];
        for (int i = 0; i < 4; i++) {
            __m256 a = _mm256_castps128_ps256(_mm_loadu_ps((const float *)(t + i)));
            a = _mm256_insertf128_ps(a, _mm_loadu_ps((const float *)(t + i + 4)), 1);
      #if defined(__AVX512F__)
            __m512 b = _mm512_insertf32x4(_mm512_castps256_ps512(a), _mm_loadu_ps((const float *)(t + i + 8)), 2);
            q[i] = (vec)_mm512_insertf32x4(b, _mm_loadu_ps((const float *)(t + i + 12)), 3);
      #else
            q[i] = (vec)a;
      #endif
        }
        return vec_join_four(q);
    #else
        return vec_lane_sums(t);
    #endif
    }

    /* The numbers that lie so many bytes behind each of LANES pointers. */
    static inline vec vec_pick(const char *const *p, Py_ssize_t at) {
    #define FM_AT(i) *(const real *)(p[i] + at)
    #define FM_AT4(i) FM_AT(i), FM_AT(i + 1), FM_AT(i + 2), FM_AT(i + 3)
    #if !defined(__GNUC__)
        return FM_AT(0);
    #elif VEC_BYTES / REAL_BYTES == 16
        return (vec){FM_AT4(0), FM_AT4(4), FM_AT4(8), FM_AT4(12)};
    #elif VEC_BYTES / REAL_BYTES == 8
        return (vec){FM_AT4(0), FM_AT4(4)};
    #elif VEC_BYTES / REAL_BYTES == 4
        return (vec){FM_AT4(0)};
    #else
        return (vec){FM_AT(0), FM_AT(1)};
    #endif
    }

    /* A product that is rounded before it meets the sum that follows: compilers would fuse the two, in some copies
       of a loop and not in others. */
    #if defined(__GNUC__)
      #if defined(__AVX512F__)
        #define FM_REGISTER "+v"
      #elif defined(__SSE2__)
        #define FM_REGISTER "+x"
      #elif defined(__aarch64__)
        #define FM_REGISTER "+w"
      #else
        #define FM_REGISTER "+m"
      #endif
      static inline vec vec_rounded(vec a) { __asm__("" : FM_REGISTER(a)); return a; }
      static inline real real_rounded(real a) { __asm__("" : FM_REGISTER(a)); return a; }
      static inline double double_rounded(double a) { __asm__("" : FM_REGISTER(a)); return a; }
    #else
      static inline vec vec_rounded(vec a) { volatile vec b = a; return b; }
      static inline real real_rounded(real a) { volatile real b = a; return b; }
      static inline double double_rounded(double a) { volatile double b = a; return b; }
    #endif

    /* A vector, or a number in all lanes, that is read once: GCC reads anew for each multiply-add what several of them
       take, and a CPU loads no more often than it multiplies and adds. */
    #if defined(__GNUC__)
      static inline vec vec_loaded(const real *p) { return vec_rounded(*(const vec *)p); }
      static inline vec vec_fill_loaded(const real *p) { return vec_rounded(vec_fill(*p)); }
      static inline real vec_number(vec a) { return a[0]; }
    #else
      static inline vec vec_loaded(const real *p) { return *p; }
      static inline vec vec_fill_loaded(const real *p) { return *p; }
      static inline real vec_number(vec a) { return a; }
    #endif

    /* Cython, which takes a vec for a number, would cast the operands of a division. */
    static inline vec vec_divide(vec a, vec b) { return a / b; }

    /* p * 2^n, where t = n + 1.5 * 2^MANTISSA holds n in its low bits. */
    static inline vec vec_scale(vec p, vec t) {
    #if defined(__GNUC__)
        return (vec)((vbits)p + ((vbits)t << MANTISSA));
    #else
        union { real f; bits i; } a, b;
        a.f = p; b.f = t;
        a.i += b.i << MANTISSA;
        return a.f;
    #endif
    }
    """
    vec vec_rounded(vec) noexcept nogil
    vec vec_loaded(const real *) noexcept nogil
    vec vec_fill_loaded(const real *) noexcept nogil
    real vec_number(vec) noexcept nogil
    real real_rounded(real) noexcept nogil
    double double_rounded(double) noexcept nogil
    vec vec_over_root(vec, vec, real) noexcept nogil
    vec vec_sqrt(vec) noexcept nogil
    vec vec_reciprocal(vec) noexcept nogil
    vec vec_inverse_sqrt(vec) noexcept nogil
    bint vec_finite(vec) noexcept nogil
    bint vec_any_small(const vec *, int, real) noexcept nogil
    vec vec_divide(vec, vec) noexcept nogil
    vec vec_max(vec, vec) noexcept nogil
    vec vec_min(vec, vec) noexcept nogil
    vec vec_abs(vec) noexcept nogil
    vec vec_with_sign(vec, vec) noexcept nogil
    real vec_sum(vec) noexcept nogil
    real vec_top(vec) noexcept nogil
    vec vec_lane_sums(const vec *) noexcept nogil
    vec vec_lane_sums_low(const vec *) noexcept nogil
    vec vec_fill(real) noexcept nogil
    vec vec_pick(const char *const *, Py_ssize_t) noexcept nogil
    int FEW "FM_FEW"
    vec vec_repeat(const real *) noexcept nogil
    vec vec_spread(vec, int) noexcept nogil
    vec vec_first(vec, Py_ssize_t, real) noexcept nogil
    vec vec_unit(Py_ssize_t) noexcept nogil
    vec vec_scale(vec, vec) noexcept nogil
    vec vec_if_positive(vec, vec, vec) noexcept nogil
    vec vec_if_negative(vec, vec, vec) noexcept nogil
