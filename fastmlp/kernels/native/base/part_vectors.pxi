# Vectors that are not whole: masked loads and stores, small transposes, sums of lanes.

cdef extern from *:
    """
    #if defined(__GNUC__)
      #define FM_INLINE static inline __attribute__((always_inline))
    #else
      #define FM_INLINE static inline
    #endif
    FM_INLINE const char *fm_opaque(const char *p) {
    #if defined(__GNUC__)
        __asm__("" : "+r"(p));
    #endif
        return p;
    }

    /* The first n lanes of a vector, n >= 1; all where n is more. Lanes that are off are read as 0. */
    #if defined(__GNUC__) && defined(__AVX512F__)
      #if REAL_BYTES == 4
        typedef __mmask16 vmask;
        #define vec_load_masked(p, m) ((vec)_mm512_maskz_loadu_ps((m), (p)))
        #define vec_store_masked(p, v, m) _mm512_mask_storeu_ps((p), (m), (__m512)(v))
      #else
        typedef __mmask8 vmask;
        #define vec_load_masked(p, m) ((vec)_mm512_maskz_loadu_pd((m), (p)))
        #define vec_store_masked(p, v, m) _mm512_mask_storeu_pd((p), (m), (__m512d)(v))
      #endif
      static inline vmask vec_mask(Py_ssize_t n) { return (vmask)(n >= LANES ? -1 : (1 << n) - 1); }
    #elif defined(__GNUC__) && defined(__AVX2__)
      typedef struct { __m256i on; int n; } vmask;
      static inline vmask vec_mask(Py_ssize_t n) {
          vmask m; m.n = n < LANES ? (int)n : LANES;
      #if REAL_BYTES == 4
          m.on = _mm256_cmpgt_epi32(_mm256_set1_epi32(m.n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
      #else
          m.on = _mm256_cmpgt_epi64(_mm256_set1_epi64x(m.n), _mm256_setr_epi64x(0, 1, 2, 3));
      #endif
          return m;
      }
      /* by parts: masked stores are slow on some CPUs */
      #if REAL_BYTES == 4
        #define vec_load_masked(p, m) ((vec)_mm256_maskload_ps((p), (m).on))
        FM_INLINE void vec_store_masked(real *p, vec v, vmask m) {
            __m128 h = _mm256_castps256_ps128((__m256)v);
            if (m.n == 8) { _mm256_storeu_ps(p, (__m256)v); return; }
            if (m.n & 4) { _mm_storeu_ps(p, h); p += 4; h = _mm256_extractf128_ps((__m256)v, 1); }
            if (m.n & 2) { _mm_storel_pi((__m64 *)p, h); p += 2; h = _mm_movehl_ps(h, h); }
            if (m.n & 1) _mm_store_ss(p, h);
        }
      #else
        #define vec_load_masked(p, m) ((vec)_mm256_maskload_pd((p), (m).on))
        FM_INLINE void vec_store_masked(real *p, vec v, vmask m) {
            __m128d h = _mm256_castpd256_pd128((__m256d)v);
            if (m.n == 4) { _mm256_storeu_pd(p, (__m256d)v); return; }
            if (m.n & 2) { _mm_storeu_pd(p, h); p += 2; h = _mm256_extractf128_pd((__m256d)v, 1); }
            if (m.n & 1) _mm_store_sd(p, h);
        }
      #endif
    #elif defined(__GNUC__)
      typedef int vmask;
      static inline vmask vec_mask(Py_ssize_t n) { return n < LANES ? (int)n : LANES; }
      FM_INLINE vec vec_load_masked(const real *p, vmask n) {
          vec v = {0};
          if (n == LANES) return *(const vec *)p;
          for (int l = 0; l < LANES - 1; l++) if (l < n) v[l] = p[l];
          return v;
      }
      FM_INLINE void vec_store_masked(real *p, vec v, vmask n) {
          if (n == LANES) { *(vec *)p = v; return; }
          for (int l = 0; l < LANES - 1; l++) if (l < n) p[l] = v[l];
      }
    #else
      typedef int vmask;
      #define vec_mask(n) 1
      #define vec_load_masked(p, m) (*(p))
      #define vec_store_masked(p, v, m) (*(p) = (v))
    #endif

    #if defined(__GNUC__)
      #ifdef __has_builtin
        #if __has_builtin(__builtin_shufflevector)
          #define FM_MIX(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
        #endif
      #endif
      #ifndef FM_MIX
        #define FM_MIX(a, b, i, j, k, l) __builtin_shuffle(a, b, (quad_bits){i, j, k, l})
      #endif
      typedef real quad __attribute__((vector_size(4 * REAL_BYTES), aligned(REAL_BYTES), may_alias));
      typedef bits quad_bits __attribute__((vector_size(4 * REAL_BYTES)));
      /* 4 x 4 elements, transposed: from column `at` of four rows on; rows of p are ldp apart. */
      FM_INLINE void transpose_quad_rows(const real *const *row, Py_ssize_t at, real *p, Py_ssize_t ldp) {
          quad b0 = *(const quad *)(row[0] + at), b1 = *(const quad *)(row[1] + at);
          quad b2 = *(const quad *)(row[2] + at), b3 = *(const quad *)(row[3] + at);
      #if REAL_BYTES == 4
          quad t0 = FM_MIX(b0, b1, 0, 4, 1, 5), t1 = FM_MIX(b0, b1, 2, 6, 3, 7);
          quad t2 = FM_MIX(b2, b3, 0, 4, 1, 5), t3 = FM_MIX(b2, b3, 2, 6, 3, 7);
          *(quad *)p = FM_MIX(t0, t2, 0, 1, 4, 5);
          *(quad *)(p + ldp) = FM_MIX(t0, t2, 2, 3, 6, 7);
          *(quad *)(p + 2 * ldp) = FM_MIX(t1, t3, 0, 1, 4, 5);
          *(quad *)(p + 3 * ldp) = FM_MIX(t1, t3, 2, 3, 6, 7);
      #else
          quad t0 = FM_MIX(b0, b1, 0, 4, 2, 6), t1 = FM_MIX(b0, b1, 1, 5, 3, 7);
          quad t2 = FM_MIX(b2, b3, 0, 4, 2, 6), t3 = FM_MIX(b2, b3, 1, 5, 3, 7);
          *(quad *)p = FM_MIX(t0, t2, 0, 1, 4, 5);
          *(quad *)(p + ldp) = FM_MIX(t1, t3, 0, 1, 4, 5);
          *(quad *)(p + 2 * ldp) = FM_MIX(t0, t2, 2, 3, 6, 7);
          *(quad *)(p + 3 * ldp) = FM_MIX(t1, t3, 2, 3, 6, 7);
      #endif
      }
    #else
      FM_INLINE void transpose_quad_rows(const real *const *row, Py_ssize_t at, real *p, Py_ssize_t ldp) {
          for (int i = 0; i < 4; i++)
              for (int j = 0; j < 4; j++) p[j * ldp + i] = row[i][at + j];
      }
    #endif
    /* The same of rows that are b_col apart. */
    FM_INLINE void transpose_quad(const real *b, Py_ssize_t b_col, real *p, Py_ssize_t ldp) {
        const real *row[4] = {b, b + b_col, b + 2 * b_col, b + 3 * b_col};
        transpose_quad_rows(row, 0, p, ldp);
    }
    /* Lane r of t[i] is x[r][c + i], for LANES rows and 4 columns; returns 1. Where all are 0 and may be skipped, it
       may return 0, and no t. */
    FM_INLINE int vec_four_columns(const real *const *x, Py_ssize_t c, vec *t, int skips) {
    #if REAL_BYTES == 4 && defined(__GNUC__) && defined(__AVX2__)
        vec a[4], low01, high01, low23, high23;   /* every fourth row side by side, then within 16 bytes */
        for (int r = 0; r < 4; r++) {
      #if defined(__AVX512F__)
            __m512 v = _mm512_castps128_ps512(_mm_loadu_ps(x[r] + c));
            v = _mm512_insertf32x4(v, _mm_loadu_ps(x[r + 4] + c), 1);
            v = _mm512_insertf32x4(v, _mm_loadu_ps(x[r + 8] + c), 2);
            a[r] = (vec)_mm512_insertf32x4(v, _mm_loadu_ps(x[r + 12] + c), 3);
        }
        #define FM_UNPACK(type, how, a, b) ((vec)_mm512_unpack##how((type)(a), (type)(b)))
        #define FM_SINGLE __m512
        #define FM_PAIR __m512d
      #else
            __m256 v = _mm256_castps128_ps256(_mm_loadu_ps(x[r] + c));
            a[r] = (vec)_mm256_insertf128_ps(v, _mm_loadu_ps(x[r + 4] + c), 1);
        }
        #define FM_UNPACK(type, how, a, b) ((vec)_mm256_unpack##how((type)(a), (type)(b)))
        #define FM_SINGLE __m256
        #define FM_PAIR __m256d
        __m256i any = (__m256i)a[0] | (__m256i)a[1] | (__m256i)a[2] | (__m256i)a[3];
        if (skips && _mm256_testz_si256(any, any)) return 0;
      #endif
        low01 = FM_UNPACK(FM_SINGLE, lo_ps, a[0], a[1]);
        high01 = FM_UNPACK(FM_SINGLE, hi_ps, a[0], a[1]);
        low23 = FM_UNPACK(FM_SINGLE, lo_ps, a[2], a[3]);
        high23 = FM_UNPACK(FM_SINGLE, hi_ps, a[2], a[3]);
        t[0] = FM_UNPACK(FM_PAIR, lo_pd, low01, low23);
        t[1] = FM_UNPACK(FM_PAIR, hi_pd, low01, low23);
        t[2] = FM_UNPACK(FM_PAIR, lo_pd, high01, high23);
        t[3] = FM_UNPACK(FM_PAIR, hi_pd, high01, high23);
    #else
        for (int r = 0; r + 4 <= LANES; r += 4) transpose_quad_rows(x + r, c, (real *)t + r, LANES);
    #endif
        (void)skips;
        return 1;
    }

    /* The sums of four vectors' lanes. */
    FM_INLINE void vec_sums(vec t0, vec t1, vec t2, vec t3, real *c, Py_ssize_t c_col) {
        vec t[4] = {t0, t1, t2, t3};
    #if defined(__GNUC__) && defined(__AVX__)
      #if REAL_BYTES == 4
        __m256 h[4];
        for (int i = 0; i < 4; i++)
        #if defined(__AVX512F__)
            h[i] = _mm256_add_ps(_mm512_castps512_ps256((__m512)t[i]),
                _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd((__m512)t[i]), 1)));
        #else
            h[i] = (__m256)t[i];
        #endif
        __m256 s = _mm256_hadd_ps(_mm256_hadd_ps(h[0], h[1]), _mm256_hadd_ps(h[2], h[3]));
        quad q = (quad)_mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));
      #else
        __m256d h[4];
        for (int i = 0; i < 4; i++)
        #if defined(__AVX512F__)
            h[i] = _mm256_add_pd(_mm512_castpd512_pd256((__m512d)t[i]), _mm512_extractf64x4_pd((__m512d)t[i], 1));
        #else
            h[i] = (__m256d)t[i];
        #endif
        __m256d s = _mm256_hadd_pd(h[0], h[1]), r = _mm256_hadd_pd(h[2], h[3]);
        quad q = (quad)_mm256_add_pd(_mm256_permute2f128_pd(s, r, 0x20), _mm256_permute2f128_pd(s, r, 0x31));
      #endif
        if (c_col == 1) { *(quad *)c = q; return; }
        for (int i = 0; i < 4; i++) c[i * c_col] = q[i];
    #else
        for (int i = 0; i < 4; i++) c[i * c_col] = vec_sum(t[i]);
    #endif
    }
    """
    ctypedef int vmask
    void transpose_quad(const real *, size, real *, size) noexcept nogil
    int vec_four_columns(const real **, size, vec *, int) noexcept nogil
    void vec_sums(vec, vec, vec, vec, real *, size) noexcept nogil
    const char *fm_opaque(const char *) noexcept nogil
    vmask vec_mask(size) noexcept nogil
    vec vec_load_masked(const real *, vmask) noexcept nogil
    void vec_store_masked(real *, vec, vmask) noexcept nogil
