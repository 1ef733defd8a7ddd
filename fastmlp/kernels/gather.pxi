# Input rows into `real`: float32, float64 or uint8 with any strides, or CSR; never the whole data set.

cdef inline void gather_typed(Context *c, int64_t row, real *out, size stride) noexcept nogil:
    """out[j * stride] = scale * x[row, j], for dense rows."""
    cdef const char *x = c.x + row * c.x_row
    cdef size j, n = c.run.n_features, step = c.x_col
    cdef real scale = <real>c.run.input_scale
    cdef double dscale = c.run.input_scale
    if c.x_kind == ROWS_U8:
        if step == 1 and stride == 1:
            for j in range(n): out[j] = scale * <real>(<const uint8_t *>x)[j]
        else:
            for j in range(n): out[j * stride] = scale * <real>(<const uint8_t *>(x + j * step))[0]
    elif c.x_kind == ROWS_F32:
        if step == sizeof(float) and stride == 1:
            for j in range(n): out[j] = scale * <real>(<const float *>x)[j]
        else:
            for j in range(n): out[j * stride] = scale * <real>(<const float *>(x + j * step))[0]
    else:
        if step == sizeof(double) and stride == 1:
            for j in range(n): out[j] = <real>(dscale * (<const double *>x)[j])
        else:
            for j in range(n): out[j * stride] = <real>(dscale * (<const double *>(x + j * step))[0])


cdef inline size csr_column(Context *c, int64_t p) noexcept nogil:
    return c.indices[p] if c.indices != NULL else <size>c.indices_wide[p]


cdef inline real csr_value(Context *c, int64_t p) noexcept nogil:
    if c.x_kind == ROWS_CSR_F32:
        return <real>(c.run.input_scale * (<const float *>c.x)[p])
    return <real>(c.run.input_scale * (<const double *>c.x)[p])


cdef void gather_row(Context *c, int64_t row, real *out, size stride) noexcept nogil:
    """out[j * stride] = scale * x[row, j].

    out : OUT n_features values, `stride` apart
    """
    cdef size j
    cdef int64_t p
    if c.x_kind < ROWS_CSR_F32:
        gather_typed(c, row, out, stride)
        return
    for j in range(<size>c.run.n_features):
        out[j * stride] = 0
    for p in range(c.indptr[row], c.indptr[row + 1]):      # duplicates add up, as SciPy has it
        out[csr_column(c, p) * stride] += csr_value(c, p)


cdef extern from *:
    """
    /* List the non-zeros of x[j..n) and where they are; value may be x itself. Room for n + LANES each.
       Meanwhile the row at `next` (or NULL) is on its way into the cache. */
    static inline Py_ssize_t fm_compress(const real *x, Py_ssize_t j, Py_ssize_t n, const real *next, real *value,
                                         int32_t *index) {
        Py_ssize_t m = 0;
    #if defined(__AVX512F__) && REAL_BYTES == 4
        __m512i at = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        at = _mm512_add_epi32(at, _mm512_set1_epi32((int)j));
        for (; j + 16 <= n; j += 16) {
            if (next) _mm_prefetch((const char *)(next + j), _MM_HINT_T0);
            __m512 v = _mm512_loadu_ps(x + j);
            __mmask16 k = _mm512_cmp_ps_mask(v, _mm512_setzero_ps(), _CMP_NEQ_UQ);
            if (k) {
                _mm512_storeu_ps(value + m, _mm512_maskz_compress_ps(k, v));
                _mm512_storeu_si512(index + m, _mm512_maskz_compress_epi32(k, at));
                m += __builtin_popcount(k);
            }
            at = _mm512_add_epi32(at, _mm512_set1_epi32(16));
        }
    #elif defined(__AVX512F__)
        __m256i at = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        at = _mm256_add_epi32(at, _mm256_set1_epi32((int)j));
        for (; j + 8 <= n; j += 8) {
            if (next) _mm_prefetch((const char *)(next + j), _MM_HINT_T0);
            __m512d v = _mm512_loadu_pd(x + j);
            __mmask8 k = _mm512_cmp_pd_mask(v, _mm512_setzero_pd(), _CMP_NEQ_UQ);
            if (k) {
                _mm512_storeu_pd(value + m, _mm512_maskz_compress_pd(k, v));
                _mm256_storeu_si256((__m256i *)(index + m), _mm256_maskz_compress_epi32(k, at));
                m += __builtin_popcount(k);
            }
            at = _mm256_add_epi32(at, _mm256_set1_epi32(8));
        }
    #endif
        for (; j < n; j++) {
            real v = x[j];
            if (v != 0) { value[m] = v; index[m] = (int32_t)j; m++; }
        }
        return m;
    }
    """
    size fm_compress(const real *, size, size, const real *, real *, int32_t *) noexcept nogil


cdef void gather_nonzeros(Context *c, int64_t row, int64_t next_row, size s) noexcept nogil:
    """List the non-zeros of a row as sample s of the chunk, cut at every nz_rows features.

    next_row : the row that will be wanted next
    """
    cdef real *value = c.nz_value + s * c.nz_capacity
    cdef int32_t *index = c.nz_index + s * c.nz_capacity
    cdef int32_t *start = c.nz_start + s * (c.n_cuts + 1)
    cdef size m = 0, cut, n = c.run.n_features, last
    cdef int64_t p
    cdef const real *x = value
    cdef const real *next = NULL
    cdef real scale = <real>c.run.input_scale
    if c.x_kind < ROWS_CSR_F32:
        if c.x_kind == (ROWS_F32 if REAL_BYTES == 4 else ROWS_F64) and c.x_col == REAL_BYTES:
            x = <const real *>(c.x + row * c.x_row)        # where it lies; only the non-zeros are scaled
            next = <const real *>(c.x + next_row * c.x_row)
        else:
            gather_typed(c, row, value, 1)
            scale = 1
        for cut in range(c.n_cuts):
            start[cut] = <int32_t>m
            last = (cut + 1) * c.nz_rows if (cut + 1) * c.nz_rows < n else n
            m += fm_compress(x, cut * c.nz_rows, last, next, value + m, index + m)
        if scale != 1:
            for cut in range(m):
                value[cut] = value[cut] * scale
    else:
        for p in range(c.indptr[row], c.indptr[row + 1]):  # sorted by column: job.py sees to it
            index[m] = <int32_t>csr_column(c, p)
            value[m] = csr_value(c, p)
            m += 1
        p = 0
        for cut in range(c.n_cuts):
            start[cut] = <int32_t>p
            while p < m and index[p] < <int32_t>((cut + 1) * c.nz_rows):
                p += 1
    start[c.n_cuts] = <int32_t>m
