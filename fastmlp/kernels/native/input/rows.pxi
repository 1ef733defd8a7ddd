# Input rows into `real`: float32, float64 or uint8 with any strides, or CSR; never the whole data set.


cdef extern from *:
    """
    #include <float.h>
    #define MOST_F32 0x7f7fffffu                 /* the bits of FLT_MAX and DBL_MAX */
    #define MOST_F64 0x7fefffffffffffffll
    """
    uint32_t MOST_F32
    int64_t MOST_F64
    double FLT_MAX, DBL_MAX

cdef struct Rows:         # where a data set lies and how it is read; nothing of it is ever written
    const char *x         # dense: the first row; CSR: the values
    const int64_t *indptr        # CSR: where each row's values begin
    const int32_t *indices       # CSR: the values' columns, in one of the two, as the matrix has them
    const int64_t *indices_wide
    int kind
    size row, column      # dense: strides in bytes
    size n_features
    size most_nonzeros    # of any row, and room for a vector that is stored where its last elements do not count
    double scale          # what every value is multiplied by
    uint32_t most_f32     # bits of the largest magnitude that, multiplied, is a finite `real`: of numbers in float32,
    int64_t most_f64      # and in double precision


cdef inline bint is_csr(const Rows *rows) noexcept nogil:
    return rows.kind >= ROWS_CSR_F32


cdef inline bint within_f32(const float *x, size n, uint32_t most) noexcept nogil:
    """Whether no magnitude is above `most`, by the bits, in whose order infinity and NaN are above all numbers.

    What the compiler may assume of floating-point numbers does not touch them.
    """
    cdef size i
    cdef uint32_t found = 0, bits
    cdef const uint32_t *pattern = <const uint32_t *>x
    for i in range(n):
        bits = pattern[i] & 0x7fffffffu
        found = bits if bits > found else found
    return found <= most


cdef inline bint within_f64(const double *x, size n, int64_t most) noexcept nogil:
    """The same in double precision."""
    cdef size i
    cdef int64_t bad = 0
    cdef const int64_t *pattern = <const int64_t *>x
    for i in range(n):
        bad |= <int64_t>((pattern[i] & 0x7fffffffffffffffll) > most)
    return bad == 0


cdef inline bint finite_real(const real *x, size n) noexcept nogil:
    if REAL_BYTES == 4:
        return within_f32(<const float *>x, n, MOST_F32)
    return within_f64(<const double *>x, n, MOST_F64)


cdef inline bint half_finite(const real *x, size n) noexcept nogil:
    """Whether twice as large they would be finite too."""
    if REAL_BYTES == 4:
        return within_f32(<const float *>x, n, MOST_F32 - (1 << 23))
    return within_f64(<const double *>x, n, MOST_F64 - (<int64_t>1 << 52))


cdef void set_most(Rows *rows) noexcept nogil:
    """Say up to which magnitude numbers stay finite where they are read, for `row_finite`."""
    cdef double most = (FLT_MAX if REAL_BYTES == 4 else DBL_MAX) / c_fabs(rows.scale)
    cdef double largest_f64 = most if most < DBL_MAX else DBL_MAX
    cdef float largest_f32 = <float>(most if most < FLT_MAX else FLT_MAX)
    memcpy(&rows.most_f64, &largest_f64, sizeof(double))
    memcpy(&rows.most_f32, &largest_f32, sizeof(float))


cdef bint row_finite(const Rows *rows, size row) noexcept nogil:
    """Whether a row's values (CSR: those it stores) are finite, and stay so when they are read."""
    cdef const char *x = rows.x + row * rows.row
    cdef size j, item = rows.column, width = rows.n_features
    if rows.kind == ROWS_U8:
        return True
    if is_csr(rows):
        item = sizeof(float) if rows.kind == ROWS_CSR_F32 else sizeof(double)
        x = rows.x + rows.indptr[row] * item
        width = rows.indptr[row + 1] - rows.indptr[row]
    if rows.kind == ROWS_F32 or rows.kind == ROWS_CSR_F32:
        if item == sizeof(float):
            return within_f32(<const float *>x, width, rows.most_f32)
        for j in range(width):
            if not within_f32(<const float *>(x + j * item), 1, rows.most_f32):
                return False
        return True
    if item == sizeof(double):
        return within_f64(<const double *>x, width, rows.most_f64)
    for j in range(width):
        if not within_f64(<const double *>(x + j * item), 1, rows.most_f64):
            return False
    return True


cdef bint rows_finite(const Rows *rows, size n) noexcept nogil:
    """Whether all of the n rows are finite."""
    cdef size i
    for i in range(n):
        if not row_finite(rows, i):
            return False
    return True


cdef inline Rows columns_of(const Rows *rows, size first, size last) noexcept nogil:
    """Columns first..last of dense rows, as rows of their own."""
    cdef Rows part = rows[0]
    part.x += first * part.column
    part.n_features = last - first
    return part


cdef inline void gather_dense(const Rows *rows, int64_t row, real *out, size stride) noexcept nogil:
    """out[j * stride] = scale * x[row, j], for dense rows."""
    cdef const char *x = rows.x + row * rows.row
    cdef size j, n = rows.n_features, step = rows.column
    cdef real scale = <real>rows.scale
    cdef double dscale = rows.scale
    if rows.kind == ROWS_U8:
        if step == 1 and stride == 1:
            for j in range(n): out[j] = scale * <real>(<const uint8_t *>x)[j]
        else:
            for j in range(n): out[j * stride] = scale * <real>(<const uint8_t *>(x + j * step))[0]
    elif rows.kind == ROWS_F32:
        if step == sizeof(float) and stride == 1:
            for j in range(n): out[j] = scale * <real>(<const float *>x)[j]
        else:
            for j in range(n): out[j * stride] = scale * <real>(<const float *>(x + j * step))[0]
    else:
        if step == sizeof(double) and stride == 1:
            for j in range(n): out[j] = <real>(dscale * (<const double *>x)[j])
        else:
            for j in range(n): out[j * stride] = <real>(dscale * (<const double *>(x + j * step))[0])


cdef inline size csr_column(const Rows *rows, int64_t p) noexcept nogil:
    return rows.indices[p] if rows.indices != NULL else <size>rows.indices_wide[p]


cdef inline real csr_value(const Rows *rows, int64_t p) noexcept nogil:
    if rows.kind == ROWS_CSR_F32:
        return <real>(rows.scale * (<const float *>rows.x)[p])
    return <real>(rows.scale * (<const double *>rows.x)[p])


cdef void gather_csr(const Rows *rows, int64_t row, size first, size n, real *out, size stride) noexcept nogil:
    """out[j * stride] = scale * x[row, first + j] for n features."""
    cdef size j
    cdef int64_t p
    for j in range(n):
        out[j * stride] = 0
    for p in range(rows.indptr[row], rows.indptr[row + 1]):      # duplicates add up, as SciPy has it
        j = csr_column(rows, p) - first
        if 0 <= j < n:
            out[j * stride] += csr_value(rows, p)


cdef void gather_row(const Rows *rows, int64_t row, real *out, size stride) noexcept nogil:
    """out[j * stride] = scale * x[row, j].

    out : OUT n_features values, `stride` apart
    """
    if is_csr(rows):
        gather_csr(rows, row, 0, rows.n_features, out, stride)
    else:
        gather_dense(rows, row, out, stride)


cdef inline bint has_reals(const Rows *rows) noexcept nogil:
    """Whether they are dense rows of numbers of our kind."""
    return rows.kind == (ROWS_F32 if REAL_BYTES == 4 else ROWS_F64)


cdef inline void gather_reals(const Rows *rows, int64_t row, real *out, size stride) noexcept nogil:
    """`gather_row` of such rows, for those so short that a call would take longer."""
    cdef const char *x = rows.x + row * rows.row
    cdef size j, n = rows.n_features, step = rows.column
    cdef real scale = <real>rows.scale
    for j in range(n):
        out[j * stride] = scale * (<const real *>(x + j * step))[0]


cdef inline void gather_lanes(const char *x, size row, size column, size n, real scale, const int64_t *of,
                              real *out) noexcept nogil:
    """LANES rows of n reals at once, each into its lane of the vectors of `out`; `row` and `column` in bytes."""
    cdef const char *p[16]
    cdef size lane, j
    for lane in range(LANES):
        p[lane] = x + of[lane] * row
    for j in range(n):
        (<vec *>out)[j] = scale * vec_pick(p, j * column)


cdef inline const real *row_in_place(const Rows *rows, int64_t row) noexcept nogil:
    """Where a dense row lies, if its numbers are of our kind and follow one another; else NULL."""
    if has_reals(rows) and rows.column == REAL_BYTES:
        return <const real *>(rows.x + row * rows.row)
    return NULL


cdef inline void prefetch_columns(const Rows *rows, int64_t row, size first, size last) noexcept nogil:
    """Begin to fetch columns first..last of a dense row, which lie close together, into the second-level cache."""
    cdef const char *x = rows.x + row * rows.row
    cdef size at = first * rows.column, stop = last * rows.column
    while at < stop:
        fm_prefetch_far(x + at)
        at += 64


cdef extern from *:
    """
    /* FM_NONZERO(p): one bit for each of a vector's numbers that is not 0. FM_STORE_NONZERO, FM_STORE_PLACES: those
       whose bit is set in k, side by side, and their places, counted from `at` or (_OF) as `places` has them; what
       follows, up to a whole vector, is overwritten. FM_STORE_LISTED: numbers and places. */
    #if defined(__AVX512F__) && REAL_BYTES == 4
      #define FM_NONZERO_OF(v) _mm512_cmp_ps_mask((v), _mm512_setzero_ps(), _CMP_NEQ_UQ)
      #define FM_NONZERO(p) FM_NONZERO_OF(_mm512_loadu_ps(p))
      #define FM_STORE_NONZERO(out, k, p) _mm512_storeu_ps((out), _mm512_maskz_compress_ps((k), _mm512_loadu_ps(p)))
      #define FM_PLACES(at) _mm512_add_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), \
                                             _mm512_set1_epi32((int)(at)))
      #define FM_NEXT_PLACES(places) _mm512_add_epi32((places), _mm512_set1_epi32(16))
      #define FM_STORE_PLACES_OF(out, k, places) \
          _mm512_storeu_si512((out), _mm512_maskz_compress_epi32((k), (places)))
    #elif defined(__AVX512F__)
      #define FM_NONZERO_OF(v) _mm512_cmp_pd_mask((v), _mm512_setzero_pd(), _CMP_NEQ_UQ)
      #define FM_NONZERO(p) FM_NONZERO_OF(_mm512_loadu_pd(p))
      #define FM_STORE_NONZERO(out, k, p) _mm512_storeu_pd((out), _mm512_maskz_compress_pd((k), _mm512_loadu_pd(p)))
      #define FM_PLACES(at) _mm256_add_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32((int)(at)))
      #define FM_NEXT_PLACES(places) _mm256_add_epi32((places), _mm256_set1_epi32(8))
      #define FM_STORE_PLACES_OF(out, k, places) \
          _mm256_storeu_si256((__m256i *)(out), _mm256_maskz_compress_epi32((k), (places)))
    #elif defined(__GNUC__) && defined(__AVX2__)
      /* No instruction compresses: which lane goes where is looked up, row k of the table has the bits set in k. */
      static uint64_t fm_lanes_of[256];
      __attribute__((constructor)) static void fm_list_lanes(void) {
          for (int k = 0; k < 256; k++)
              for (int lane = 0, m = 0; lane < 8; lane++)
                  if (k >> lane & 1) fm_lanes_of[k] |= (uint64_t)lane << 8 * m++;
      }
      #define FM_ROW(k) _mm_loadl_epi64((const __m128i *)(fm_lanes_of + (k)))
      #if REAL_BYTES == 4
        #define FM_NONZERO_OF(v) _mm256_movemask_ps(_mm256_cmp_ps((v), _mm256_setzero_ps(), _CMP_NEQ_UQ))
        #define FM_NONZERO(p) FM_NONZERO_OF(_mm256_loadu_ps(p))
        #define FM_STORE_NONZERO(out, k, p) \
            _mm256_storeu_ps((out), _mm256_permutevar8x32_ps(_mm256_loadu_ps(p), _mm256_cvtepu8_epi32(FM_ROW(k))))
        #define FM_PLACES(at) _mm256_set1_epi32((int)(at))
        #define FM_NEXT_PLACES(places) _mm256_add_epi32((places), _mm256_set1_epi32(8))
        #define FM_STORE_PLACES_OF(out, k, places) \
            _mm256_storeu_si256((__m256i *)(out), _mm256_add_epi32(_mm256_cvtepu8_epi32(FM_ROW(k)), (places)))
        static inline void FM_STORE_LISTED(float *value, int32_t *index, int k, const float *p, __m256i places) {
            __m256i lanes = _mm256_cvtepu8_epi32(FM_ROW(k));      /* once: the stores might alias the table */
            __m256 numbers = _mm256_loadu_ps(p);                  /* and these */
            _mm256_storeu_si256((__m256i *)index, _mm256_add_epi32(lanes, places));
            _mm256_storeu_ps(value, _mm256_permutevar8x32_ps(numbers, lanes));
        }
        #define FM_STORE_LISTED FM_STORE_LISTED
      #else
        #define FM_NONZERO_OF(v) _mm256_movemask_pd(_mm256_cmp_pd((v), _mm256_setzero_pd(), _CMP_NEQ_UQ))
        #define FM_NONZERO(p) FM_NONZERO_OF(_mm256_loadu_pd(p))
        static inline void FM_STORE_NONZERO(double *out, int k, const double *p) {   /* lanes as pairs of 4 bytes */
            __m256i low = _mm256_slli_epi64(_mm256_cvtepu8_epi64(FM_ROW(k)), 1);
            __m256i high = _mm256_add_epi64(_mm256_slli_epi64(low, 32), _mm256_set1_epi64x(1ll << 32));
            _mm256_storeu_ps((float *)out, _mm256_permutevar8x32_ps(_mm256_loadu_ps((const float *)p),
                                                                    _mm256_or_si256(low, high)));
        }
        #define FM_PLACES(at) _mm_set1_epi32((int)(at))
        #define FM_NEXT_PLACES(places) _mm_add_epi32((places), _mm_set1_epi32(4))
        #define FM_STORE_PLACES_OF(out, k, places) \
            _mm_storeu_si128((__m128i *)(out), _mm_add_epi32(_mm_cvtepu8_epi32(FM_ROW(k)), (places)))
      #endif
    #endif
    #if defined(FM_PLACES)
      #define FM_STORE_PLACES(out, k, at) FM_STORE_PLACES_OF((out), (k), FM_PLACES(at))
      #if !defined(FM_STORE_LISTED)
        #define FM_STORE_LISTED(value, index, k, p, places) \
            do { FM_STORE_NONZERO((value), (k), (p)); FM_STORE_PLACES_OF((index), (k), (places)); } while (0)
      #endif
    #endif

    /* List the non-zeros of x[j..n) and where they are; value may be x itself. Room for n + LANES each.
       Meanwhile the row at `next` (or NULL) is on its way into the cache. What is found is counted at once: GCC 12 may
       store a mask of 8 lanes as a byte, to count 32 bits there later. */
    static inline Py_ssize_t fm_compress(const real *x, Py_ssize_t j, Py_ssize_t n, const real *next, real *value,
                                         int32_t *index) {
        Py_ssize_t m = 0;
    #if defined(FM_NONZERO)
        const Py_ssize_t ahead = next ? (const char *)next - (const char *)x : 0;
        __auto_type at = FM_PLACES(j);
        #define FM_LIST_VECTOR(p) do { \
            unsigned k = FM_NONZERO(p), count = __builtin_popcount(k); \
            FM_STORE_LISTED(value + m, index + m, k, (p), at); \
            at = FM_NEXT_PLACES(at); \
            m += count; \
        } while (0)
      #if VEC_BYTES < 64               /* whole lines of the cache first */
        const real *p = x + j, *last = p + (n - j) / (64 / REAL_BYTES) * (64 / REAL_BYTES);
        #pragma GCC unroll 4
        while (p < last) {
            _mm_prefetch((const char *)p + ahead, _MM_HINT_T0);
            #pragma GCC unroll 4
            for (int i = 0; i < 64 / VEC_BYTES; i++) {
                FM_LIST_VECTOR(p);
                p += LANES;
            }
        }
        j = p - x;
      #else
        #pragma GCC unroll 4
      #endif
        for (; j + LANES <= n; j += LANES) {
            _mm_prefetch((const char *)(x + j) + ahead, _MM_HINT_T0);
            FM_LIST_VECTOR(x + j);
        }
        #undef FM_LIST_VECTOR
    #endif
        if (n - j < 32)                /* a short row: what depends on m need not wait for the values */
            for (; j < n; j++)
                if (x[j] != 0) { value[m] = x[j]; index[m] = (int32_t)j; m++; }
        for (Py_ssize_t at = j; next && at < n; at += 64 / REAL_BYTES) fm_prefetch(next + at);
        for (; j < n; j++) {           /* a branch on each value could not be predicted */
            real v = x[j];
            value[m] = v;
            index[m] = (int32_t)j;
            m += v != 0;
        }
        return m;
    }
    """
    size fm_compress(const real *, size, size, const real *, real *, int32_t *) noexcept nogil


cdef inline void scale_list(real *value, size m, real scale) noexcept nogil:
    cdef size i
    if scale != 1:
        for i in range(m):
            value[i] = value[i] * scale


cdef size list_row(const Rows *rows, int64_t row, int64_t next_row, real *value, int32_t *index) noexcept nogil:
    """List a row's non-zeros; return how many. The row at next_row will be wanted next.

    value, index : OUT, with room for most_nonzeros
    """
    cdef const real *x = row_in_place(rows, row)
    cdef size m = 0
    cdef int64_t p
    if is_csr(rows):
        for p in range(rows.indptr[row], rows.indptr[row + 1]):
            index[m] = <int32_t>csr_column(rows, p)
            value[m] = csr_value(rows, p)
            m += 1
        return m
    if x == NULL:
        gather_dense(rows, row, value, 1)
        return fm_compress(value, 0, rows.n_features, NULL, value, index)
    m = fm_compress(x, 0, rows.n_features, row_in_place(rows, next_row), value, index)
    scale_list(value, m, <real>rows.scale)
    return m
