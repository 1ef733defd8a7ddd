# One row times a matrix: out += x W, for a listed (sparse) or a dense row x, and the reverse for gradients.
# The outputs stay in registers while the row is walked. With `ways` 1 each output is one chain of
# multiply-adds in the order of the features, as in dense.pxi; with more, narrow outputs take so many chains
# side by side, to hide the latency of an addition.

cdef enum:
    PANEL_VECS = 8        # vectors of a panel: as many outputs as AVX2 has registers for, and a CPU needs chains

cdef extern from *:
    """
    /* A row's address is one number that the compiler cannot take apart, with offsets for all vectors. */
    #define FM_ADD_ROW(way, v, place) { \
        const vec *row = (const vec *)fm_opaque((const char *)(A + (Py_ssize_t)(place) * ld)); \
        for (int j = 0; j < vecs; j++) c[(way) * vecs + j] += (v) * row[j]; }
    /* Four of the rows of fm_add_rows, where FEW > 1; they take turns at `ways` chains for each of c. A CPU loads
       twice a cycle, which multiply-adds of rows alone take up: four values are one load, two places another. */
    FM_INLINE void fm_add_four(const int vecs, const int ways, const real *value, const int32_t *place, const real *A,
                               Py_ssize_t ld, vec *c) {
        uint64_t two[2];
        memcpy(two, place, sizeof two);
        vec few = vec_repeat(value), others = FM_FEW < 4 ? vec_repeat(value + 2) : few;
        FM_ADD_ROW(0, vec_spread(few, 0), (uint32_t)two[0])
        FM_ADD_ROW(1 % ways, vec_spread(few, 1), two[0] >> 32)
        FM_ADD_ROW(2 % ways, vec_spread(others, 2 % FM_FEW), (uint32_t)two[1])
        FM_ADD_ROW(3 % ways, vec_spread(others, 3 % FM_FEW), two[1] >> 32)
    }
    /* c[j] += sum over p < m of value[p] times vector j of row place[p] of A, rows ld apart: one chain of multiply-adds
       for each of c. */
    FM_INLINE void fm_add_rows(const int vecs, const real *value, const int32_t *place, Py_ssize_t m, const real *A,
                               Py_ssize_t ld, vec *c) {
        Py_ssize_t p = 0;
    #if defined(__AVX2__) && REAL_BYTES == 4
        for (; p + 4 <= m; p += 4) fm_add_four(vecs, 1, value + p, place + p, A, ld, c);
    #endif
        for (; p < m; p++) FM_ADD_ROW(0, value[p], place[p])
    }
    """
    void fm_add_four(int, int, const real *, const int32_t *, const real *, size, vec *) noexcept nogil
    void fm_add_rows(int, const real *, const int32_t *, size, const real *, size, vec *) noexcept nogil


cdef inline int row_ways(int vecs) noexcept nogil:
    """Chains of additions that an output takes, where it is one of so many vectors."""
    return 1 if vecs >= 8 else (2 if vecs >= 4 else 4)


cdef inline void row_sums(int vecs, int ways, bint listed, const real *value, const int32_t *index, size m,
                          const real *W, const real *V, const real *drift, size ld, vec *c) noexcept nogil:
    """c[j] += sum over p of value[p] times vector j of row index[p], or, where these are not listed, of row p.

    listed : a constant, as the compiler would ask in the loop whether there is an index
    c : IN/OUT (vecs,), with room for vecs * ways <= 16
    V, drift : NULL, or laid out like W, and (m,): the row is W's and drift[p] times V's
    """
    cdef vec w
    cdef int j, u
    cdef size p = 0, at
    for u in range(1, ways):
        for j in range(vecs):
            c[u * vecs + j] = vec_fill(0)
    while p + ways <= m:
        for u in range(ways):
            at = (<size>index[p + u] if listed else p + u) * ld
            for j in range(vecs):
                w = (<const vec *>(W + at + j * LANES))[0]
                if V != NULL:
                    w = w + drift[p + u] * (<const vec *>(V + at + j * LANES))[0]
                c[u * vecs + j] = c[u * vecs + j] + value[p + u] * w
        p += ways
    while p < m:
        at = (<size>index[p] if listed else p) * ld
        for j in range(vecs):
            w = (<const vec *>(W + at + j * LANES))[0]
            if V != NULL:
                w = w + drift[p] * (<const vec *>(V + at + j * LANES))[0]
            c[j] = c[j] + value[p] * w
        p += 1
    for u in range(1, ways):
        for j in range(vecs):
            c[j] = c[j] + c[u * vecs + j]


cdef inline void listed_sums(int vecs, int ways, const real *value, const int32_t *index, size m, const real *W,
                             size ld, vec *c) noexcept nogil:
    """`row_sums`, with its bits, of a list that `pad_list` has brought to a multiple of LIST_STEP."""
    cdef int j
    cdef size p = 0
    for j in range(vecs, vecs * ways):
        c[j] = vec_fill(0)
    while p + (LIST_STEP if ways == 4 else 1) <= m:
        fm_add_four(vecs, ways, value + p, index + p, W, ld, c)
        p += LIST_STEP
    if ways == 4 and p < m:                   # of four chains only the first takes what is left
        fm_add_four(vecs, 1, value + p, index + p, W, ld, c)
    for j in range(vecs, vecs * ways):
        c[j % vecs] = c[j % vecs] + c[j]


cdef inline void row_panel(int vecs, int ways, const real *value, const int32_t *index, size m, const real *W,
                           const real *V, const real *drift, size ld, real *out) noexcept nogil:
    """`row_sums` of `vecs` vectors of out."""
    cdef vec c[16]
    cdef int j
    for j in range(vecs):
        c[j] = (<const vec *>(out + j * LANES))[0]
    row_sums(vecs, ways, index != NULL, value, index, m, W, V, drift, ld, c)
    for j in range(vecs):
        (<vec *>(out + j * LANES))[0] = c[j]


cdef inline void row_product(bint ordered, const real *value, const int32_t *index, size m, const real *W,
                             const real *V, const real *drift, size ld, real *out, size n) noexcept nogil:
    cdef size j = 0
    if TILE_VECS == 4:
        while n - j >= 16 * LANES:
            row_panel(16, 1, value, index, m, W + j, V + j if V != NULL else NULL, drift, ld, out + j)
            j += 16 * LANES
    while n - j >= 8 * LANES:
        row_panel(8, 1, value, index, m, W + j, V + j if V != NULL else NULL, drift, ld, out + j)
        j += 8 * LANES
    if n - j >= 4 * LANES:
        row_panel(4, 1 if ordered else row_ways(4), value, index, m, W + j, V + j if V != NULL else NULL, drift, ld,
                  out + j)
        j += 4 * LANES
    if n - j >= 2 * LANES:
        row_panel(2, 1 if ordered else row_ways(2), value, index, m, W + j, V + j if V != NULL else NULL, drift, ld,
                  out + j)
        j += 2 * LANES
    if n - j >= LANES:
        row_panel(1, 1 if ordered else row_ways(1), value, index, m, W + j, V + j if V != NULL else NULL, drift, ld,
                  out + j)


cdef void sparse_row_product(const real *value, const int32_t *index, size m, const real *W, size ld, real *out,
                             size n) noexcept nogil:
    """out += sum_p value[p] W[index[p], :].

    value, index : IN (m,)    W : IN, rows ld apart    out : IN/OUT (n,), whole vectors
    """
    if m > 0:
        row_product(False, value, index, m, W, NULL, NULL, ld, out, n)


cdef void ordered_row_product(const real *value, const int32_t *index, size m, const real *W, size ld, real *out,
                              size n) noexcept nogil:
    """The same, bit for bit as a dense product has it."""
    row_product(True, value, index, m, W, NULL, NULL, ld, out, n)


cdef inline void panel_product(const real *value, const int32_t *index, size m, const real *W,
                               real *out) noexcept nogil:
    """The same for PANEL_VECS vectors of out, and W whose rows are as long."""
    cdef vec c[PANEL_VECS]
    cdef int j
    for j in range(PANEL_VECS):
        c[j] = (<const vec *>(out + j * LANES))[0]
    fm_add_rows(PANEL_VECS, value, index, m, W, PANEL_VECS * LANES, c)
    for j in range(PANEL_VECS):
        (<vec *>(out + j * LANES))[0] = c[j]


cdef void drifting_row_product(const real *value, const int32_t *index, size m, const real *W, const real *V,
                               const real *drift, size ld, real *out, size n) noexcept nogil:
    """out += sum_p value[p] (W[index[p], :] + drift[p] V[index[p], :])."""
    row_product(False, value, index, m, W, V, drift, ld, out, n)


cdef void dense_row_product(const real *x, size m, const real *W, size ld, real *out, size n) noexcept nogil:
    """out += x W.

    x : IN (m,)    W : IN (m, n), rows ld apart    out : IN/OUT (n,), whole vectors
    """
    row_product(False, x, NULL, m, W, NULL, NULL, ld, out, n)


cdef inline void scatter_panel(int vecs, const real *value, const int32_t *index, size m, const real *d, real factor,
                               real *G, size ld) noexcept nogil:
    """`vecs` columns vectors wide; d stays in registers, and the indices of a list differ."""
    cdef vec dz[16]
    cdef vec g[64]
    cdef vec *rows[4]
    cdef int j, u
    cdef size p = 0
    cdef int ways = 4 if vecs <= 2 else (2 if vecs <= 4 else 1)
    for j in range(vecs):
        dz[j] = factor * (<const vec *>(d + j * LANES))[0]
    while p + ways <= m:                      # all loads before the stores, which might alias them
        for u in range(ways):
            rows[u] = <vec *>(G + index[p + u] * ld)
            for j in range(vecs):
                g[u * vecs + j] = rows[u][j] + value[p + u] * dz[j]
        for u in range(ways):
            for j in range(vecs):
                rows[u][j] = g[u * vecs + j]
        p += ways
    while p < m:
        rows[0] = <vec *>(G + index[p] * ld)
        for j in range(vecs):
            g[j] = rows[0][j] + value[p] * dz[j]
        for j in range(vecs):
            rows[0][j] = g[j]
        p += 1


cdef inline void scatter_row(const real *value, const int32_t *index, size m, const real *d, real factor,
                             real *G, size ld) noexcept nogil:
    """G[index[p], :] += factor value[p] d: what one sparse sample adds to the gradient of the weights.

    value, index : IN (m,)    d : IN (ld,)    G : IN/OUT, rows ld apart, whole vectors
    """
    cdef size j = 0
    if TILE_VECS == 4:
        while ld - j >= 16 * LANES:
            scatter_panel(16, value, index, m, d + j, factor, G + j, ld)
            j += 16 * LANES
    while ld - j >= 8 * LANES:
        scatter_panel(8, value, index, m, d + j, factor, G + j, ld)
        j += 8 * LANES
    if ld - j >= 4 * LANES:
        scatter_panel(4, value, index, m, d + j, factor, G + j, ld)
        j += 4 * LANES
    if ld - j >= 2 * LANES:
        scatter_panel(2, value, index, m, d + j, factor, G + j, ld)
        j += 2 * LANES
    if ld - j >= LANES:
        scatter_panel(1, value, index, m, d + j, factor, G + j, ld)


cdef void scatter_samples(const real *value, const int32_t *index, const int64_t *start, const int64_t *end, size step,
                          size n, const real *D, size lda, real factor, real *G, size ld) noexcept nogil:
    """`scatter_row` for n samples; sample s has the list start[s * step]..end[s * step] and row s of D."""
    cdef size s, p
    for s in range(n):
        p = start[s * step]
        scatter_row(value + p, index + p, end[s * step] - p, D + s * lda, factor, G, ld)
