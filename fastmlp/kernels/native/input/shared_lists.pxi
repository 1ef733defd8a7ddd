# Lists of non-zeros shared by SHARERS samples: the features where any of them has one, and each sample's values there.
#
# Neighbouring non-zeros of images overlap: four digits of MNIST have 300 such features where their own lists have 600
# entries. A row of weights then meets all four samples at once, so that it is read, or read and written, half as
# often; for narrow layers that is what a product with listed inputs takes its time for. The zeros between add nothing.

cdef extern from *:
    """
    /* List where any of `sharers` rows has a non-zero in [j, n), and their values there, `apart` elements from one
       row's values to the next one's. Room for n + LANES each. Meanwhile the rows at `next` (or NULL) are fetched. */
    static inline Py_ssize_t fm_compress_shared(int sharers, const real *const *x, Py_ssize_t j, Py_ssize_t n,
                                                const real *const *next, real *value, Py_ssize_t apart,
                                                int32_t *index) {
        Py_ssize_t m = 0;
        int q;
    #if defined(FM_NONZERO)
        for (; j + LANES <= n; j += LANES) {
            unsigned k = 0;
            for (q = 0; q < sharers; q++) k |= FM_NONZERO(x[q] + j);
            if (next) for (q = 0; q < sharers; q++) fm_prefetch(next[q] + j);
            for (q = 0; q < sharers; q++) FM_STORE_NONZERO(value + q * apart + m, k, x[q] + j);
            FM_STORE_PLACES(index + m, k, j);
            m += __builtin_popcount(k);
        }
    #endif
        for (; j < n; j++) {
            int any = 0;
            for (q = 0; q < sharers; q++) any |= (value[q * apart + m] = x[q][j]) != 0;
            index[m] = (int32_t)j;
            m += any;
        }
        return m;
    }
    """
    size fm_compress_shared(int, const real **, size, size, const real **, real *, size, int32_t *) noexcept nogil


cdef bint shares_lists(const Job *job) noexcept nogil:
    """Whether samples share lists: asked for, of dense rows, for narrow layers whose first rows meet the input."""
    cdef size k, e
    cdef const Layer *layer
    if job.run.sparse != SHARED or is_csr(&job.rows) or job.run.input_dropout > 0:
        return False
    for k in range(job.net.n_layers):
        layer = &job.net.layers[k]
        for e in range(layer.first_edge, layer.first_edge + layer.n_edges):
            if job.net.edges[e].source == INPUT and (job.net.edges[e].row > 0 or padded(layer.n_out) > 2 * LANES):
                return False
    return True


cdef inline size shared_slot(const Lists *lists, size s, size cut) noexcept nogil:
    """Where the list of the group of sample s is, in lists: those of one cut and one block follow one another."""
    return (s // BLOCK * lists.n_cuts + cut) * (BLOCK // SHARERS) + s % BLOCK // SHARERS


cdef bint gather_shared(const Job *job, const Lists *lists, size start, size first, size last) noexcept nogil:
    """List the non-zeros of a block's samples by groups; return whether a row is bad."""
    cdef size g, s, m, cut, low, high, slot, n = job.rows.n_features
    cdef int q
    cdef int64_t row
    cdef real scale = <real>job.rows.scale
    cdef const real *x[SHARERS]
    cdef const real *next[SHARERS]
    cdef bint in_place = row_in_place(&job.rows, 0) != NULL, follow, bad = False
    cdef real *lines = lists.lines + first // BLOCK * SHARERS * lists.ldx
    cdef real *value
    cdef int32_t *index
    for g in range((last - first + SHARERS - 1) // SHARERS):
        s = first + g * SHARERS
        follow = in_place and s + 2 * SHARERS <= last
        for q in range(SHARERS):
            if s + q >= last:
                memset(lines + q * lists.ldx, 0, n * sizeof(real))
                x[q] = lines + q * lists.ldx
                continue
            row = job.order[start + s + q]
            if row_is_bad(job, row):
                bad = True
            if in_place:
                x[q] = row_in_place(&job.rows, row)
            else:
                gather_dense(&job.rows, row, lines + q * lists.ldx, 1)
                x[q] = lines + q * lists.ldx
            if follow:
                next[q] = row_in_place(&job.rows, job.order[start + s + SHARERS + q])
        for cut in range(lists.n_cuts):
            slot = shared_slot(lists, s, cut)
            value = lists.value + slot * SHARERS * lists.region
            index = lists.index + slot * lists.region
            low = cut * lists.cut
            high = low + lists.cut if low + lists.cut < n else n
            m = fm_compress_shared(SHARERS, x, low, high, next if follow else NULL, value, lists.region, index)
            lists.end[slot] = m
            if m % 2:                 # pairs of features: see below
                index[m] = index[0]
                for q in range(SHARERS):
                    value[q * lists.region + m] = 0
            if in_place:
                for q in range(SHARERS):
                    scale_list(value + q * lists.region, m, scale)
    return bad


cdef inline void shared_product(int vecs, const real *value, size apart, const int32_t *index, size m, const real *W,
                                size ld, real *C, size ldc, int n) noexcept nogil:
    """Rows 0..n of C += the group's values times W, two features at a time.

    value : IN (SHARERS, m), rows `apart`    index : IN (m,), padded to pairs    W : IN, rows ld apart
    """
    cdef vec c[2][SHARERS][2]
    cdef vec w
    cdef int u, q, j
    cdef size p = 0
    for u in range(2):
        for q in range(SHARERS):
            for j in range(vecs):
                c[u][q][j] = vec_fill(0)
    while p < m:
        for u in range(2):
            for j in range(vecs):
                w = (<const vec *>(W + index[p + u] * ld + j * LANES))[0]
                for q in range(SHARERS):
                    c[u][q][j] = c[u][q][j] + value[q * apart + p + u] * w
        p += 2
    for q in range(SHARERS):
        if q < n:
            for j in range(vecs):
                (<vec *>(C + q * ldc + j * LANES))[0] = (<vec *>(C + q * ldc + j * LANES))[0] + (
                    c[0][q][j] + c[1][q][j])


cdef void forward_shared(const Job *job, const Lists *lists, size start, size first, size last, const real *W, size ld,
                         real *C, size ldc) noexcept nogil:
    """C (last - first, ld) += the block's shared lists times W, cut by cut, so that W's rows stay in the cache.

    start : see `forward_lists`
    """
    cdef size g, s, cut, slot, n
    cdef int q
    cdef const real *value
    cdef const int32_t *index
    for cut in range(lists.n_cuts):
        for g in range((last - first + SHARERS - 1) // SHARERS):
            s = first + g * SHARERS
            n = last - s if last - s < SHARERS else SHARERS
            if start >= 0:
                for q in range(n):
                    prefetch_cut(job, lists, start + s - first + q, cut)
            slot = shared_slot(lists, s, cut)
            value, index = lists.value + slot * SHARERS * lists.region, lists.index + slot * lists.region
            if ld == LANES:
                shared_product(1, value, lists.region, index, lists.end[slot], W, ld, C + (s - first) * ldc, ldc, n)
            else:
                shared_product(2, value, lists.region, index, lists.end[slot], W, ld, C + (s - first) * ldc, ldc, n)


cdef inline void shared_scatter(int vecs, const real *value, size apart, const int32_t *index, size m, const real *D,
                                size lda, int n, real factor, real *G, size ld) noexcept nogil:
    """G[index[p], :] += factor times the group's values at p times rows 0..n of D, sample after sample."""
    cdef vec d[SHARERS][2]
    cdef vec g[2][2]
    cdef vec *row[2]
    cdef int u, q, j
    cdef size p = 0
    for q in range(SHARERS):
        for j in range(vecs):
            d[q][j] = vec_fill(0)
            if q < n:
                d[q][j] = factor * (<const vec *>(D + q * lda + j * LANES))[0]
    while p + 2 <= m:
        for u in range(2):                    # all loads before the stores, which might alias them
            row[u] = <vec *>(G + index[p + u] * ld)
            for j in range(vecs):
                g[u][j] = row[u][j]
                for q in range(SHARERS):
                    g[u][j] = g[u][j] + value[q * apart + p + u] * d[q][j]
        for u in range(2):
            for j in range(vecs):
                row[u][j] = g[u][j]
        p += 2
    if p < m:
        row[0] = <vec *>(G + index[p] * ld)
        for j in range(vecs):
            for q in range(SHARERS):
                row[0][j] = row[0][j] + value[q * apart + p] * d[q][j]


cdef void scatter_shared(const Lists *lists, size cut, size n_samples, const real *D, size lda, real factor, real *G,
                         size ld) noexcept nogil:
    """G += factor times one cut of the samples' inputs, transposed, times D."""
    cdef size g, s, slot, n
    cdef const real *value
    cdef const int32_t *index
    for g in range((n_samples + SHARERS - 1) // SHARERS):
        s = g * SHARERS
        n = n_samples - s if n_samples - s < SHARERS else SHARERS
        slot = shared_slot(lists, s, cut)
        value, index = lists.value + slot * SHARERS * lists.region, lists.index + slot * lists.region
        if ld == LANES:
            shared_scatter(1, value, lists.region, index, lists.end[slot], D + s * lda, lda, n, factor, G, ld)
        else:
            shared_scatter(2, value, lists.region, index, lists.end[slot], D + s * lda, lda, n, factor, G, ld)
