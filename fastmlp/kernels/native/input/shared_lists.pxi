# Lists of non-zeros shared by SHARERS samples: the features where any of them has one.
#
# Neighbouring non-zeros of images overlap: four digits of MNIST have 300 such features where their own lists have 600
# entries. A row of weights then meets all four samples at once, so that it is read, or read and written, half as
# often; for narrow layers that is what a product with listed inputs takes its time for. The values are read from the
# samples' rows, which stay where they are; the zeros among them add nothing.
#
# It takes three steps. Where a sample has non-zeros is found in one walk over its row (`gather_shared`). For a cut of
# the features, lists are made of that and multiplied with the cut's weights for all samples of the batch
# (`forward_cut`), by one thread, which had these weights before. Whoever has a stretch of samples adds up what the
# cuts gave (`add_cuts`), in their order.

cdef extern from *:
    """
    /* Samples of a list: as many as registers have room for, beside a row of weights (SHARED_VECS vectors at most). */
    #if TILE_VECS == 4
      #define SHARERS 4
      #define SHARED_VECS 2
    #else
      #define SHARERS 2
      #define SHARED_VECS 4
    #endif

    /* Which of x[0..n) are not 0: a word of bits for every FM_WORD numbers. */
    #if defined(FM_NONZERO)
      #define FM_WORD LANES
      #define FM_WORD_IS_VECTOR 1
    #else
      #define FM_WORD 16
      #define FM_WORD_IS_VECTOR 0
      #define FM_NONZERO(p) fm_nonzero_bits((p), FM_WORD)
    #endif
    static inline unsigned fm_nonzero_bits(const real *x, Py_ssize_t n) {
        unsigned k = 0;
        for (Py_ssize_t l = 0; l < n; l++) k |= (unsigned)(x[l] != 0) << l;
        return k;
    }
    static inline void fm_nonzero_words(const real *x, Py_ssize_t n, uint16_t *words) {
        Py_ssize_t i;
        for (i = 0; i < n / FM_WORD; i++) words[i] = (uint16_t)FM_NONZERO(x + i * FM_WORD);
        if (n % FM_WORD) words[i] = (uint16_t)fm_nonzero_bits(x + i * FM_WORD, n % FM_WORD);
    }
    /* The same; returns 0, or NaN where a number is not finite: 0 times that is NaN. The 0 is hidden from the compiler:
       without signed zeros GCC takes a vector times 0 for 0, whatever is in it. */
    static inline real fm_nonzero_words_checked(const real *x, Py_ssize_t n, uint16_t *words) {
        Py_ssize_t i = 0;
        volatile real hidden = 0;
        const real zero = hidden;
        vec a = vec_fill(0), b = a;
        for (; (i + 2) * LANES <= n; i += 2) {
            a = a + *(const vec *)(x + i * LANES) * zero;
            b = b + *(const vec *)(x + (i + 1) * LANES) * zero;
    #if FM_WORD_IS_VECTOR
            words[i] = (uint16_t)FM_NONZERO(x + i * FM_WORD);
            words[i + 1] = (uint16_t)FM_NONZERO(x + (i + 1) * FM_WORD);
    #endif
        }
        real sum = vec_sum(a + b);
        for (Py_ssize_t j = i * LANES; j < n; j++) sum += x[j] * zero;
        i = FM_WORD_IS_VECTOR ? i * LANES : 0;
        fm_nonzero_words(x + i, n - i, words + i / FM_WORD);
        return sum;
    }
    /* List the features of words first..last whose bit is set for any sample. Room for FM_WORD more. */
    static inline Py_ssize_t fm_list_shared(const uint16_t *const *words, Py_ssize_t first, Py_ssize_t last,
                                            int32_t *index) {
        Py_ssize_t m = 0;
        for (Py_ssize_t i = first; i < last; i++) {
            unsigned k = 0;
            for (int q = 0; q < SHARERS; q++) k |= words[q][i];
    #if defined(FM_STORE_PLACES)
            FM_STORE_PLACES(index + m, k, i * FM_WORD);
            m += __builtin_popcount(k);
    #else
            for (int l = 0; l < FM_WORD; l++) {
                index[m] = (int32_t)(i * FM_WORD + l);
                m += k >> l & 1;
            }
    #endif
        }
        return m;
    }
    """
    enum:
        SHARERS
        SHARED_VECS
        FM_WORD
    void fm_nonzero_words(const real *, size, uint16_t *) noexcept nogil
    real fm_nonzero_words_checked(const real *, size, uint16_t *) noexcept nogil
    size fm_list_shared(const uint16_t **, size, size, int32_t *) noexcept nogil

cdef enum:
    SHARED_CUT_BYTES = 32768  # of weights that a cut meets

cdef struct SharedLists:  # of a chunk's samples
    size ld               # of the first layer's weights, Z and dZ
    size n_cuts, cut      # features of a cut
    size n_groups, n_words
    size ahead, n_ahead   # the position in the epoch's order of rows that will be wanted after those, and their number
    int side              # which of two: rows of the batch in hand, or of the one that is prepared
    const real **row[2]   # (chunk,): where the samples' numbers are
    real *lines[2]        # (chunk, ldx): these rows, where they cannot be read in place
    size ldx
    uint16_t *words       # (chunk, n_words): which are not 0
    int32_t *index        # (n_cuts, room): the lists of a cut, one after another
    size room
    size *length          # (n_cuts, n_groups)
    real *sums            # (n_cuts, chunk, ld): what a cut adds to the first layer's Z


cdef bint shares_lists(const Job *job) noexcept nogil:
    """Whether samples share lists: asked for, of dense rows, where only a narrow first layer meets the input."""
    if job.run.sparse != SHARED or is_csr(&job.rows) or job.run.input_dropout > 0:
        return False
    return first_alone(job) and padded(job.net.layers[0].n_out) <= SHARED_VECS * LANES


cdef inline bint reads_in_place(const Rows *rows) noexcept nogil:
    return row_in_place(rows, 0) != NULL and rows.scale == 1


cdef void lay_out_shared(SharedLists *lists, const Job *job, size chunk, char **cursor) noexcept nogil:
    """Choose the cuts by the layer's width: their weights, and what the optimizer has of them, stay near."""
    cdef size n = job.run.n_features, room = (chunk + SHARERS - 1) // SHARERS * SHARERS
    cdef int side
    lists.ld = padded(job.net.layers[0].n_out)
    lists.n_cuts = (n * lists.ld * sizeof(real) + SHARED_CUT_BYTES - 1) // SHARED_CUT_BYTES
    lists.cut = ((n + lists.n_cuts - 1) // lists.n_cuts + 15) // 16 * 16
    lists.n_cuts = (n + lists.cut - 1) // lists.cut
    lists.n_groups = room // SHARERS
    lists.n_words = (n + FM_WORD - 1) // FM_WORD
    lists.ldx = stride_of(n)
    lists.room = lists.n_groups * lists.cut + 16
    lists.side = 0
    lists.ahead = lists.n_ahead = 0
    for side in range(2):
        lists.row[side] = <const real **>take(cursor, room * sizeof(real *))
        lists.lines[side] = NULL
        if not reads_in_place(&job.rows):
            lists.lines[side] = <real *>take(cursor, room * lists.ldx * sizeof(real))
    lists.words = <uint16_t *>take(cursor, room * lists.n_words * sizeof(uint16_t))
    lists.index = <int32_t *>take(cursor, lists.n_cuts * lists.room * sizeof(int32_t))
    lists.length = <size *>take(cursor, lists.n_cuts * lists.n_groups * sizeof(Py_ssize_t))
    lists.sums = <real *>take(cursor, lists.n_cuts * room * lists.ld * sizeof(real))


cdef bint gather_shared(const Job *job, SharedLists *lists, int side, size start, size first, size last) noexcept nogil:
    """Find where samples first..last have non-zeros; return whether a row is bad."""
    cdef size s
    cdef int64_t row
    cdef real *line
    cdef uint16_t *words
    cdef bint bad = False, check = job.run.check_rows and job.run.epoch == 0
    for s in range(first, last):
        row = job.order[start + s]
        words = lists.words + s * lists.n_words
        if job.labels != NULL:
            fm_prefetch_far(job.labels + row)
        if lists.lines[side] == NULL:
            lists.row[side][s] = row_in_place(&job.rows, row)
            if check:
                if fm_nonzero_words_checked(lists.row[side][s], job.rows.n_features, words) != 0:
                    bad = True
                continue
        else:
            if row_is_bad(job, row):
                bad = True
            line = lists.lines[side] + s * lists.ldx
            gather_dense(&job.rows, row, line, 1)
            lists.row[side][s] = line
        fm_nonzero_words(lists.row[side][s], job.rows.n_features, words)
    s = last
    while s % SHARERS:            # what these rows multiply is 0, or not kept
        lists.row[side][s] = lists.row[side][last - 1]
        s += 1
    return bad


cdef struct Fetch:        # rows that will be wanted, on their way into the second-level cache
    size at, last         # positions in the epoch's order
    size line, n_lines    # of the row at `at`
    size step             # lines that are asked for at a time: more are not remembered


cdef inline void begin_fetch(Fetch *fetch, const Job *job, size first, size last, size calls) noexcept nogil:
    """Rows at positions first..last, in so many calls of `fetch_lines`."""
    fetch.at, fetch.last, fetch.line = first, last, 0
    fetch.n_lines = (job.rows.n_features * job.rows.column + 63) // 64
    fetch.step = ((last - first) * fetch.n_lines + calls - 1) // calls
    if job.rows.column > 8:       # far apart
        fetch.last = first


cdef inline void fetch_lines(Fetch *fetch, const Job *job) noexcept nogil:
    cdef size i, stop
    cdef const char *x
    if fetch.at >= fetch.last:
        return
    x = job.rows.x + job.order[fetch.at] * job.rows.row
    stop = min(fetch.line + fetch.step, fetch.n_lines)
    for i in range(fetch.line, stop):
        fm_prefetch_far(x + i * 64)
    fetch.line = stop
    if stop == fetch.n_lines:
        fetch.at += 1
        fetch.line = 0


cdef inline void shared_product(int vecs, const real **row, const int32_t *index, size m, const real *W,
                                real *C, size n) noexcept nogil:
    """Rows 0..n of C = the group's rows times W, at the m features of the list.

    row : IN (SHARERS,)    W : IN    C : OUT
    """
    cdef vec c[4][SHARERS][SHARED_VECS]
    cdef vec w
    cdef const real *x[SHARERS]
    cdef int u, q, j, ways = 4 // vecs        # features at a time, as additions take their time
    cdef size p = 0, ld = vecs * LANES
    for q in range(SHARERS):
        x[q] = row[q]
    for u in range(ways):
        for q in range(SHARERS):
            for j in range(vecs):
                c[u][q][j] = vec_fill(0)
    while p + ways <= m:
        for u in range(ways):
            for j in range(vecs):
                w = (<const vec *>(W + index[p + u] * ld + j * LANES))[0]
                for q in range(SHARERS):
                    c[u][q][j] = c[u][q][j] + x[q][index[p + u]] * w
        p += ways
    while p < m:
        for j in range(vecs):
            w = (<const vec *>(W + index[p] * ld + j * LANES))[0]
            for q in range(SHARERS):
                c[0][q][j] = c[0][q][j] + x[q][index[p]] * w
        p += 1
    for q in range(SHARERS):
        if q < <int>n:
            for j in range(vecs):
                w = c[0][q][j]
                for u in range(1, ways):
                    w = w + c[u][q][j]
                (<vec *>(C + q * ld + j * LANES))[0] = w


cdef inline void shared_scatter(int vecs, const real **row, const int32_t *index, size m, const real *D, size n,
                                real factor, real *G) noexcept nogil:
    """G[f, :] += factor times the group's values of feature f times rows 0..n of D, sample after sample."""
    cdef vec d[SHARERS][SHARED_VECS]
    cdef vec g[2][SHARED_VECS]
    cdef vec *at[2]
    cdef const real *x[SHARERS]
    cdef int u, q, j, ways = 2 if vecs <= 2 else 1
    cdef size p = 0, ld = vecs * LANES
    for q in range(SHARERS):
        x[q] = row[q]
        for j in range(vecs):
            d[q][j] = vec_fill(0)
            if q < <int>n:
                d[q][j] = factor * (<const vec *>(D + q * ld + j * LANES))[0]
    while p + ways <= m:
        for u in range(ways):                 # all loads before the stores, which might alias them
            at[u] = <vec *>(G + index[p + u] * ld)
            for j in range(vecs):
                g[u][j] = at[u][j]
                for q in range(SHARERS):
                    g[u][j] = g[u][j] + x[q][index[p + u]] * d[q][j]
        for u in range(ways):
            for j in range(vecs):
                at[u][j] = g[u][j]
        p += ways
    if p < m:
        at[0] = <vec *>(G + index[p] * ld)
        for j in range(vecs):
            g[0][j] = at[0][j]
            for q in range(SHARERS):
                g[0][j] = g[0][j] + x[q][index[p]] * d[q][j]
        for j in range(vecs):
            at[0][j] = g[0][j]


cdef inline size ahead_of(const SharedLists *lists, size part) noexcept nogil:
    """Where one of 2 n_cuts parts of the rows begins that are fetched with a cut's update and product."""
    return lists.ahead + lists.n_ahead * part // (2 * lists.n_cuts)


cdef void forward_cut(const Job *job, SharedLists *lists, int side, size cut, size n_samples,
                      const real *W) noexcept nogil:
    """Make the lists of one cut of the features, and multiply them with its weights."""
    cdef size g, s, n, m, first = cut * lists.cut // FM_WORD, last = (cut + 1) * lists.cut // FM_WORD
    cdef int q
    cdef int32_t *index = lists.index + cut * lists.room
    cdef const real **row
    cdef real *C
    cdef const uint16_t *words[SHARERS]
    cdef Fetch fetch
    begin_fetch(&fetch, job, ahead_of(lists, 2 * cut + 1), ahead_of(lists, 2 * cut + 2), lists.n_groups)
    last = min(last, lists.n_words)
    for g in range((n_samples + SHARERS - 1) // SHARERS):
        fetch_lines(&fetch, job)
        s = g * SHARERS
        n = min(n_samples - s, <size>SHARERS)
        row = lists.row[side] + s
        for q in range(SHARERS):
            words[q] = lists.words + (s + (q if q < <int>n else 0)) * lists.n_words
        m = fm_list_shared(words, first, last, index)
        lists.length[cut * lists.n_groups + g] = m
        C = lists.sums + (cut * lists.n_groups * SHARERS + s) * lists.ld
        if lists.ld == LANES:
            shared_product(1, row, index, m, W, C, n)
        elif lists.ld == 2 * LANES:
            shared_product(2, row, index, m, W, C, n)
        elif SHARED_VECS == 4 and lists.ld == 3 * LANES:
            shared_product(3, row, index, m, W, C, n)
        elif SHARED_VECS == 4:
            shared_product(4, row, index, m, W, C, n)
        index += m


cdef void add_cuts(const SharedLists *lists, size first, size last, real *C) noexcept nogil:
    """C (last - first, lda) += what the cuts gave for samples first..last."""
    cdef size cut, i
    cdef const real *sums
    for cut in range(lists.n_cuts):
        sums = lists.sums + (cut * lists.n_groups * SHARERS + first) * lists.ld
        for i in range((last - first) * lists.ld // LANES):
            (<vec *>C)[i] = (<vec *>C)[i] + (<const vec *>sums)[i]


cdef void scatter_cut(const Job *job, const SharedLists *lists, size cut, size n_samples, const real *D, real factor,
                      real *G) noexcept nogil:
    """G += factor times one cut of the samples' inputs, transposed, times D."""
    cdef size g, s, m, n
    cdef const int32_t *index = lists.index + cut * lists.room
    cdef const real **row
    cdef Fetch fetch
    begin_fetch(&fetch, job, ahead_of(lists, 2 * cut), ahead_of(lists, 2 * cut + 1), lists.n_groups)
    for g in range((n_samples + SHARERS - 1) // SHARERS):
        fetch_lines(&fetch, job)
        s = g * SHARERS
        n = min(n_samples - s, <size>SHARERS)
        m = lists.length[cut * lists.n_groups + g]
        row = lists.row[lists.side] + s
        if lists.ld == LANES:
            shared_scatter(1, row, index, m, D + s * lists.ld, n, factor, G)
        elif lists.ld == 2 * LANES:
            shared_scatter(2, row, index, m, D + s * lists.ld, n, factor, G)
        elif SHARED_VECS == 4 and lists.ld == 3 * LANES:
            shared_scatter(3, row, index, m, D + s * lists.ld, n, factor, G)
        elif SHARED_VECS == 4:
            shared_scatter(4, row, index, m, D + s * lists.ld, n, factor, G)
        index += m
