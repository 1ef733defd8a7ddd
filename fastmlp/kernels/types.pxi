# What every kernel file builds on: the element type, vectors, the structs of plan.py, threads.
#
# The stub that includes the kernels (`_avx512_f32.pyx`, ...) has typedef'd `real` in C. A `vec` is
# VEC_BYTES of them: GNU C gives vectors their arithmetic, and a scalar times a vector broadcasts.
# Cython takes `vec` for a floating-point scalar; where the compiler has no vectors it is one, and
# LANES is 1.
#
# Legend: B samples of a batch, I inputs, O outputs; X, W, b, Z, A as usual; d* is a gradient with
# respect to *; ld* is a row stride in elements. Working copies of weights, state and activations
# have rows padded with zeros to whole vectors, so that no loop over columns has a tail.

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset
from libc.stdlib cimport malloc, free

cdef extern from *:
    """
    #include <stdint.h>
    #include <math.h>
    #include <string.h>

    #if defined(__GNUC__)
      #define LANES ((int)(VEC_BYTES / sizeof(real)))
      typedef real vec __attribute__((vector_size(VEC_BYTES), aligned(sizeof(real)), may_alias));
      typedef bits vbits __attribute__((vector_size(VEC_BYTES), aligned(sizeof(real)), may_alias));
    #else
      #define LANES 1
      typedef real vec;
    #endif

    /* Columns of a register tile, in vectors: as many as the register file holds beside 6 rows. */
    #if defined(__AVX512F__) || defined(__aarch64__)
      #define TILE_VECS 4
    #else
      #define TILE_VECS 2
    #endif

    #if defined(__SSE2__) || defined(_M_X64)
      #include <immintrin.h>
      static inline unsigned fm_flush_denormals(void) {
          unsigned old = _mm_getcsr(); _mm_setcsr(old | 0x8040u); return old;
      }
      static inline void fm_restore_denormals(unsigned old) { _mm_setcsr(old); }
      #define fm_pause() _mm_pause()
    #elif defined(__aarch64__) && defined(__GNUC__)
      static inline unsigned fm_flush_denormals(void) {
          uint64_t old; __asm__ volatile("mrs %0, fpcr" : "=r"(old));
          __asm__ volatile("msr fpcr, %0" : : "r"(old | (1u << 24)));
          return (unsigned)old;
      }
      static inline void fm_restore_denormals(unsigned old) {
          __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)old));
      }
      #define fm_pause() __asm__ volatile("yield")
    #else
      static inline unsigned fm_flush_denormals(void) { return 0; }
      static inline void fm_restore_denormals(unsigned old) { (void)old; }
      #define fm_pause() ((void)0)
    #endif

    #if defined(__GNUC__)
      #define fm_load(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
      #define fm_store(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
      #define fm_add(p, v) __atomic_add_fetch((p), (v), __ATOMIC_ACQ_REL)
      #define fm_load64(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
      #define fm_store64(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
      #define fm_swap64(p, old, new) __sync_bool_compare_and_swap((p), (old), (new))
    #elif defined(_MSC_VER)
      #include <intrin.h>
      #define fm_load(p) _InterlockedOr((volatile long *)(p), 0)
      #define fm_store(p, v) ((void)_InterlockedExchange((volatile long *)(p), (v)))
      #define fm_add(p, v) (_InterlockedExchangeAdd((volatile long *)(p), (v)) + (v))
      #define fm_load64(p) _InterlockedOr64((volatile __int64 *)(p), 0)
      #define fm_store64(p, v) ((void)_InterlockedExchange64((volatile __int64 *)(p), (v)))
      #define fm_swap64(p, old, new) (_InterlockedCompareExchange64((volatile __int64 *)(p), (new), (old)) == (old))
    #endif

    #if defined(_WIN32)
      #include <windows.h>
      #define fm_yield() SwitchToThread()
      #define fm_sleep() Sleep(0)
    #else
      #include <sched.h>
      #include <time.h>
      #define fm_yield() sched_yield()
      static inline void fm_sleep(void) { struct timespec t = {0, 50000}; nanosleep(&t, 0); }
    #endif

    /* 1 / (sqrt(v) + epsilon), v >= 0. Single precision: the hardware's estimates of the reciprocal
       square root and reciprocal, each with one Newton step (about 1 ulp), at half the cost. */
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
        static inline vec vec_inverse_root(vec v, real epsilon) {
            vec x = v + 1.17549435e-38f;           /* keeps 0 finite */
            vec r = FM_RSQRT(x);
            r = r * (1.5f - 0.5f * x * r * r);
            vec d = x * r + epsilon;
            vec q = FM_RCP(d);
            return q * (2.0f - d * q);
        }
        static inline vec vec_sqrt(vec v) { return FM_SQRT_PS(v); }
      #else
        static inline vec vec_sqrt(vec v) { return FM_SQRT_PD(v); }
        static inline vec vec_inverse_root(vec v, real epsilon) { return 1.0 / (vec_sqrt(v) + epsilon); }
      #endif
    #elif defined(__GNUC__)
      static inline vec vec_sqrt(vec v) {
          for (int l = 0; l < LANES; l++) v[l] = (real)sqrt((double)v[l]);
          return v;
      }
      static inline vec vec_inverse_root(vec v, real epsilon) { return (real)1 / (vec_sqrt(v) + epsilon); }
    #else
      static inline vec vec_sqrt(vec v) { return (vec)sqrt((double)v); }
      static inline vec vec_inverse_root(vec v, real epsilon) { return (real)1 / (vec_sqrt(v) + epsilon); }
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
    /* whether 0 < a < bound in any lane */
    static inline int vec_any_small(vec a, real bound) {
    #if defined(__AVX512F__) && REAL_BYTES == 4
        return _mm512_mask_cmp_ps_mask(_mm512_cmp_ps_mask((__m512)a, _mm512_set1_ps(bound), _CMP_LT_OQ), (__m512)a,
                                       _mm512_setzero_ps(), _CMP_GT_OQ) != 0;
    #elif defined(__AVX512F__)
        return _mm512_mask_cmp_pd_mask(_mm512_cmp_pd_mask((__m512d)a, _mm512_set1_pd(bound), _CMP_LT_OQ), (__m512d)a,
                                       _mm512_setzero_pd(), _CMP_GT_OQ) != 0;
    #else
        const real *p = (const real *)&a;
        int small = 0;
        for (int l = 0; l < LANES; l++) small |= (p[l] < bound) & (p[l] > 0);
        return small;
    #endif
    }

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
    #endif

    /* out[i] = vec_sum(t[i]) for LANES vectors, bit for bit: halves are added, then quarters, ... */
    #if defined(__GNUC__) && (defined(__clang__) || __GNUC__ >= 12) && VEC_BYTES > REAL_BYTES
      #define FM_ADD(a, b, low, high) (__builtin_shufflevector(a, b, low) + __builtin_shufflevector(a, b, high))
      #define FM_LIST(...) __VA_ARGS__
      #define FM_JOIN(to, from, count, low, high) \
          for (int i = 0; i < (count); i++) to[i] = FM_ADD(from[2 * i], from[2 * i + 1], FM_LIST low, FM_LIST high);
    #endif
    static inline void vec_lane_sums(const vec *t, real *out) {
    #if !defined(FM_ADD)
        for (int i = 0; i < LANES; i++) out[i] = vec_sum(t[i]);
    #elif VEC_BYTES / REAL_BYTES == 16
        vec a[8], b[4], c[2];
        FM_JOIN(a, t, 8, (0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23),
                (8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31))
        FM_JOIN(b, a, 4, (0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27),
                (4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31))
        FM_JOIN(c, b, 2, (0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29),
                (2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31))
        *(vec *)out = FM_ADD(c[0], c[1], FM_LIST(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30),
                             FM_LIST(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31));
    #elif VEC_BYTES / REAL_BYTES == 8
        vec a[4], b[2];
        FM_JOIN(a, t, 4, (0, 1, 2, 3, 8, 9, 10, 11), (4, 5, 6, 7, 12, 13, 14, 15))
        FM_JOIN(b, a, 2, (0, 1, 4, 5, 8, 9, 12, 13), (2, 3, 6, 7, 10, 11, 14, 15))
        *(vec *)out = FM_ADD(b[0], b[1], FM_LIST(0, 2, 4, 6, 8, 10, 12, 14), FM_LIST(1, 3, 5, 7, 9, 11, 13, 15));
    #elif VEC_BYTES / REAL_BYTES == 4
        vec a[2];
        FM_JOIN(a, t, 2, (0, 1, 4, 5), (2, 3, 6, 7))
        *(vec *)out = FM_ADD(a[0], a[1], FM_LIST(0, 2, 4, 6), FM_LIST(1, 3, 5, 7));
    #else
        *(vec *)out = FM_ADD(t[0], t[1], FM_LIST(0, 2), FM_LIST(1, 3));
    #endif
    }

    /* Into the first-level cache, or the second. GCC drops calls of functions that do no more, unless inlined. */
    #if defined(__GNUC__)
      #define fm_prefetch(p) __builtin_prefetch((p), 0, 3)
      #define fm_prefetch_far(p) __builtin_prefetch((p), 0, 2)
    #else
      #define fm_prefetch(p) ((void)(p))
      #define fm_prefetch_far(p) ((void)(p))
    #endif

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

    /* Cython casts the operands of a division. */
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
    ctypedef float vec        # Cython sees a scalar, the C compiler a vector
    enum:
        LANES
        TILE_VECS
        REAL_BYTES
    unsigned int fm_flush_denormals() noexcept nogil
    void fm_restore_denormals(unsigned int) noexcept nogil
    void fm_pause() noexcept nogil
    vec vec_rounded(vec) noexcept nogil
    real real_rounded(real) noexcept nogil
    double double_rounded(double) noexcept nogil
    void fm_prefetch(const void *) noexcept nogil
    void fm_prefetch_far(const void *) noexcept nogil
    void fm_yield() noexcept nogil
    void fm_sleep() noexcept nogil
    int32_t fm_load(int32_t *) noexcept nogil
    void fm_store(int32_t *, int32_t) noexcept nogil
    int32_t fm_add(int32_t *, int32_t) noexcept nogil
    int64_t fm_load64(int64_t *) noexcept nogil
    void fm_store64(int64_t *, int64_t) noexcept nogil
    bint fm_swap64(int64_t *, int64_t, int64_t) noexcept nogil
    vec vec_inverse_root(vec, real) noexcept nogil
    vec vec_sqrt(vec) noexcept nogil
    vec vec_reciprocal(vec) noexcept nogil
    vec vec_inverse_sqrt(vec) noexcept nogil
    bint vec_any_small(vec, real) noexcept nogil
    vec vec_divide(vec, vec) noexcept nogil
    vec vec_max(vec, vec) noexcept nogil
    vec vec_min(vec, vec) noexcept nogil
    vec vec_abs(vec) noexcept nogil
    vec vec_with_sign(vec, vec) noexcept nogil
    real vec_sum(vec) noexcept nogil
    real vec_top(vec) noexcept nogil
    void vec_lane_sums(const vec *, real *) noexcept nogil
    vec vec_fill(real) noexcept nogil
    vec vec_first(vec, Py_ssize_t, real) noexcept nogil
    vec vec_scale(vec, vec) noexcept nogil
    vec vec_if_positive(vec, vec, vec) noexcept nogil
    vec vec_if_negative(vec, vec, vec) noexcept nogil
    # Cython writes a literal beside a `real` as a double, which would drag float32 loops into double precision
    real ONE "((real)1)"
    real TWO "((real)2)"

ctypedef Py_ssize_t size

cdef extern from "numpy/random/bitgen.h":
    ctypedef struct bitgen_t:
        void *state
        uint64_t (*next_uint64)(void *) noexcept nogil
        uint32_t (*next_uint32)(void *) noexcept nogil

# The codes of plan.py; a test compares them.
cdef enum:
    INPUT = -1
    IDENTITY = 0, LOGISTIC, TANH, RELU, LEAKY_RELU, ELU, SELU, SOFTPLUS, GELU, SILU, STEP, SOFTMAX, EXP
cdef enum:
    HALF_SQUARED_ERROR = 0, BINARY_CROSS_ENTROPY, CATEGORICAL_CROSS_ENTROPY, HINGE, SQUARED_HINGE
    ABSOLUTE_ERROR, HUBER, QUANTILE, POISSON
cdef enum:
    GRADIENT = 0, SGD, MOMENTUM, NESTEROV, ADAM, AMSGRAD, ADAGRAD, RMSPROP, RPROP
cdef enum:
    BATCH = 0, ONLINE, TINY
cdef enum:
    RUNNING = 0, EPOCH_END, FINISHED, STALLED, DIVERGED

# Kinds of input rows: X is gathered from these into `real`.
cdef enum:
    ROWS_F32 = 0, ROWS_F64, ROWS_U8, ROWS_CSR_F32, ROWS_CSR_F64

cdef struct Layer:      # plan.LAYER
    int64_t n_in, n_out, activation, weights, bias, first_edge, n_edges
    double slope, dropout, l1, l2, max_norm

cdef struct Edge:       # plan.EDGE
    int64_t source, width, row, opens, closes

cdef struct Run:        # plan.RUN
    int64_t n_samples, n_features, n_outputs, labels
    int64_t epoch, n_epochs, batch, step, budget, status
    int64_t batch_size, shuffle, regime, sparse, optimizer, loss, average, epsilon_corrected, n_threads
    int64_t stop_each_epoch, no_improvement, n_iter_no_change, seed, check_rows
    double learning_rate, momentum, beta_1, beta_2, epsilon, weight_decay, clip_value, clip_norm
    double loss_parameter, label_smoothing, loss_scale, gradient_scale, input_scale, input_dropout
    double tol, best_loss, loss_sum, mean_weight

cdef inline size padded(size n) noexcept nogil:
    """`n` rounded up to whole vectors."""
    return (n + LANES - 1) // LANES * LANES

cdef inline size stride_of(size n) noexcept nogil:
    """Row stride of a matrix of samples: whole vectors, and not a multiple of 512 bytes, which would
    map a column's elements to few sets of the cache."""
    cdef size ld = padded(n)
    if ld * REAL_BYTES % 512 == 0 and ld * REAL_BYTES >= 512:
        ld += LANES
    return ld
