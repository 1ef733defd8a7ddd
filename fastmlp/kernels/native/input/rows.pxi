# Input rows into `real`: float32, float64 or uint8 with any strides, or CSR; never the whole data set.

cdef inline bint finite_f32(const float *x, size n) noexcept nogil:
    """By the exponent's bits: what the compiler may assume of floating-point numbers does not touch them."""
    cdef size i
    cdef uint32_t most = 0, bits
    cdef const uint32_t *pattern = <const uint32_t *>x
    for i in range(n):
        bits = pattern[i] & 0x7fffffffu
        most = bits if bits > most else most
    return most < 0x7f800000u


cdef inline bint finite_f64(const double *x, size n) noexcept nogil:
    cdef size i
    cdef uint64_t bad = 0
    cdef const uint64_t *pattern = <const uint64_t *>x
    for i in range(n):
        bad |= <uint64_t>((pattern[i] & 0x7ff0000000000000ull) == 0x7ff0000000000000ull)
    return bad == 0


cdef inline bint finite_real(const real *x, size n) noexcept nogil:
    if REAL_BYTES == 4:
        return finite_f32(<const float *>x, n)
    return finite_f64(<const double *>x, n)


cdef bint row_finite(Context *c, size row, size width) noexcept nogil:
    """Whether a row's values are finite (CSR: those it stores)."""
    cdef const char *x = c.x + row * c.x_row
    cdef size j, item = c.x_col
    if c.x_kind == ROWS_U8:
        return True
    if c.x_kind >= ROWS_CSR_F32:
        item = sizeof(float) if c.x_kind == ROWS_CSR_F32 else sizeof(double)
        x = c.x + c.indptr[row] * item
        width = c.indptr[row + 1] - c.indptr[row]
    if c.x_kind == ROWS_F32 or c.x_kind == ROWS_CSR_F32:
        if item == sizeof(float):
            return finite_f32(<const float *>x, width)
        for j in range(width):
            if not finite_f32(<const float *>(x + j * item), 1):
                return False
        return True
    if item == sizeof(double):
        return finite_f64(<const double *>x, width)
    for j in range(width):
        if not finite_f64(<const double *>(x + j * item), 1):
            return False
    return True


cdef bint rows_finite(Context *c, size n, size width) noexcept nogil:
    """Whether all n rows of `width` values are finite."""
    cdef size i
    for i in range(n):
        if not row_finite(c, i, width):
            return False
    return True


cdef inline bint row_is_bad(Context *c, int64_t row) noexcept nogil:
    """Whether a row that is read for the first time, and was not checked before, holds NaN or infinity."""
    return c.run.check_rows and c.run.epoch == 0 and not row_finite(c, row, c.run.n_features)


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
    #if defined(__AVX512F__) && REAL_BYTES == 4
      #define FM_NONZERO(p) _mm512_cmp_ps_mask(_mm512_loadu_ps(p), _mm512_setzero_ps(), _CMP_NEQ_UQ)
      #define FM_STORE_NONZERO(out, k, p) _mm512_storeu_ps((out), _mm512_maskz_compress_ps((k), _mm512_loadu_ps(p)))
      #define FM_STORE_PLACES(out, k, at) _mm512_storeu_si512((out), _mm512_maskz_compress_epi32((k), \
          _mm512_add_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), \
                           _mm512_set1_epi32((int)(at)))))
    #elif defined(__AVX512F__)
      #define FM_NONZERO(p) _mm512_cmp_pd_mask(_mm512_loadu_pd(p), _mm512_setzero_pd(), _CMP_NEQ_UQ)
      #define FM_STORE_NONZERO(out, k, p) _mm512_storeu_pd((out), _mm512_maskz_compress_pd((k), _mm512_loadu_pd(p)))
      #define FM_STORE_PLACES(out, k, at) _mm256_storeu_si256((__m256i *)(out), _mm256_maskz_compress_epi32((k), \
          _mm256_add_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32((int)(at)))))
    #endif

    /* List the non-zeros of x[j..n) and where they are; value may be x itself. Room for n + LANES each.
       Meanwhile the row at `next` (or NULL) is on its way into the cache. */
    static inline Py_ssize_t fm_compress(const real *x, Py_ssize_t j, Py_ssize_t n, const real *next, real *value,
                                         int32_t *index) {
        Py_ssize_t m = 0;
    #if defined(__AVX512F__)
        uint16_t masks[64];
        while (j + LANES <= n) {       /* the masks first: the stores' addresses are known early then */
            Py_ssize_t i, groups = (n - j) / LANES < 64 ? (n - j) / LANES : 64;
            for (i = 0; i < groups; i++) masks[i] = FM_NONZERO(x + j + i * LANES);
            for (i = 0; i < groups; i++) {
                unsigned k = masks[i];
                if (next) _mm_prefetch((const char *)(next + j + i * LANES), _MM_HINT_T0);
                FM_STORE_NONZERO(value + m, k, x + j + i * LANES);
                FM_STORE_PLACES(index + m, k, j + i * LANES);
                m += __builtin_popcount(k);
            }
            j += groups * LANES;
        }
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


cdef inline size pad_list(real *value, int32_t *index, size m) noexcept nogil:
    """Bring a list to a multiple of LIST_STEP with zeros, so that sums over it have no tail; return where it ends."""
    cdef size last = (m + LIST_STEP - 1) // LIST_STEP * LIST_STEP
    while m < last:
        value[m], index[m] = 0, index[0]
        m += 1
    return last


cdef inline size list_end(Context *c, size which) noexcept nogil:
    """Where a list ends, the padding included."""
    return c.nz_start[which] + (c.nz_end[which] - c.nz_start[which] + LIST_STEP - 1) // LIST_STEP * LIST_STEP


cdef inline void scale_list(real *value, size m, real scale) noexcept nogil:
    cdef size i
    if scale != 1:
        for i in range(m):
            value[i] = value[i] * scale


cdef inline const real *row_in_place(Context *c, int64_t row) noexcept nogil:
    """Where a dense row lies, if it can be read as it is; else NULL."""
    if c.x_kind == (ROWS_F32 if REAL_BYTES == 4 else ROWS_F64) and c.x_col == REAL_BYTES:
        return <const real *>(c.x + row * c.x_row)
    return NULL


cdef size list_row(Context *c, int64_t row, int64_t next_row) noexcept nogil:
    """ONLINE: list a row's non-zeros; return how many. The row at next_row will be wanted next."""
    cdef const real *x = row_in_place(c, row)
    cdef size m = 0
    cdef int64_t p
    if c.x_kind >= ROWS_CSR_F32:
        for p in range(c.indptr[row], c.indptr[row + 1]):
            c.nz_index[m] = <int32_t>csr_column(c, p)
            c.nz_value[m] = csr_value(c, p)
            m += 1
        return m
    if x == NULL:
        gather_typed(c, row, c.nz_value, 1)
        return fm_compress(c.nz_value, 0, c.run.n_features, NULL, c.nz_value, c.nz_index)
    m = fm_compress(x, 0, c.run.n_features, row_in_place(c, next_row), c.nz_value, c.nz_index)
    scale_list(c.nz_value, m, <real>c.run.input_scale)
    return m


cdef void gather_lists(Context *c, size start, size first, size last) noexcept nogil:
    """List the non-zeros of a block's samples, cut at every nz_rows features.

    Dense rows: a cut's lists of all samples of the block follow one another; CSR: a sample's of all cuts.
    """
    cdef size s, m, cut, at, low, high, n = c.run.n_features
    cdef int64_t row, p
    cdef real scale = <real>c.run.input_scale
    cdef const real *x
    cdef const real *in_place
    cdef const real *next
    cdef real *line = c.X + first // BLOCK * c.ldx
    cdef real *value
    cdef int32_t *index
    for s in range(first, last):
        row = c.order[start + s]
        if row_is_bad(c, row):
            fm_store(&c.bad_rows, 1)
        if c.x_kind < ROWS_CSR_F32:
            x = in_place = row_in_place(c, row)
            next = row_in_place(c, c.order[start + s + 1]) if s + 1 < last else NULL
            if in_place == NULL:
                gather_typed(c, row, line, 1)
                x = line
            for cut in range(c.n_cuts):
                at = (first // BLOCK * c.n_cuts + cut) * c.nz_region
                if s > first:
                    at = list_end(c, (s - 1) * c.n_cuts + cut)
                value = c.nz_value + at
                index = c.nz_index + at
                low = cut * c.nz_rows
                high = low + c.nz_rows if low + c.nz_rows < n else n
                m = fm_compress(x, low, high, next, value, index)
                scale_list(value, m, ONE if in_place == NULL else scale)
                c.nz_start[s * c.n_cuts + cut] = at
                c.nz_end[s * c.n_cuts + cut] = at + m
                pad_list(value, index, m)
        else:
            p = c.indptr[row]
            at = s * c.nz_capacity
            for cut in range(c.n_cuts):
                value = c.nz_value + at
                index = c.nz_index + at
                m = 0
                while p < c.indptr[row + 1] and csr_column(c, p) < (cut + 1) * c.nz_rows:   # sorted: see job.py
                    index[m] = <int32_t>csr_column(c, p)
                    value[m] = csr_value(c, p)
                    m += 1
                    p += 1
                c.nz_start[s * c.n_cuts + cut] = at
                c.nz_end[s * c.n_cuts + cut] = at + m
                at += pad_list(value, index, m)


cdef inline void prefetch_row(Context *c, size position, size cut) noexcept nogil:
    """Begin to fetch one cut of the row at `position` of the epoch's order into the second-level cache."""
    cdef const char *x = c.x + c.order[position] * c.x_row
    cdef size item = c.x_col, at = cut * c.nz_rows * item, last = at + c.nz_rows * item
    if last > c.run.n_features * item:
        last = c.run.n_features * item
    while at < last:
        fm_prefetch_far(x + at)
        at += 64
