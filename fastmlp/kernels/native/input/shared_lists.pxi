# Lists of non-zeros shared by SHARERS samples: the features where any of them has one.
#
# Neighbouring non-zeros of images overlap: four digits of MNIST have 300 such features where their own lists have 600
# entries. A row of weights then meets all four samples at once, so that it is read, or read and written, half as
# often; for narrow layers that is what a product with listed inputs takes its time for. The product reads the values
# from the samples' rows, which stay where they are, and keeps them for the gradient; the zeros among them add nothing.
# A batch's samples are taken class by class, as these have more in common: 268 features instead of 305 in batches of
# 128 (`group_samples`).
#
# For a cut of the features, one thread makes the lists of all samples of the batch and multiplies them with the cut's
# weights (`forward_cut`), which it had before; later it adds the cut's gradient to these (`scatter_cut`). So it reads
# only the cut's part of the samples' rows, and no other core does. The products are summed up by bands of cuts
# (bands.pxi).

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

    typedef struct {       /* what the next group's rows have in a cut, on its way into the first-level cache */
        const real *x[SHARERS];
        Py_ssize_t at, last;
    } NextRows;

    static inline void fm_fetch_next(NextRows *f) {
        if (f->at >= f->last) return;
        for (int q = 0; q < SHARERS; q++) fm_prefetch(f->x[q] + f->at);
        f->at += 64 / REAL_BYTES;
    }

    /* List the features first..last where any of SHARERS rows is not 0. Room for LANES more.
       fetch: what is asked for meanwhile */
    static inline Py_ssize_t fm_list_shared(const real *const *x, Py_ssize_t first, Py_ssize_t last, int32_t *index,
                                            Fetch *fetch) {
        Py_ssize_t m = 0, i = first;
    #if defined(FM_NONZERO_OF)
        __auto_type places = FM_PLACES(first);
        for (; i + LANES <= last; i += LANES) {
            vbits any = {0};
            for (int q = 0; q < SHARERS / 2; q++) fm_fetch_meanwhile(fetch);
            for (int q = 0; q < SHARERS; q++) any |= (vbits)*(const vec *)(x[q] + i);
            unsigned k = FM_NONZERO_OF((vec)any), count = __builtin_popcount(k);  /* some bit beside their signs' */
            FM_STORE_PLACES_OF(index + m, k, places);
            places = FM_NEXT_PLACES(places);
            m += count;
        }
    #endif
        for (; i < last; i++) {
            int any = 0;
            for (int q = 0; q < SHARERS; q++) any |= x[q][i] != 0;
            index[m] = (int32_t)i;
            m += any;
        }
        return m;
    }
    """
    enum:
        SHARERS
        SHARED_VECS
    ctypedef struct NextRows:
        const real **x
        size at, last
    void fm_fetch_next(NextRows *) noexcept nogil
    size fm_list_shared(const real **, size, size, int32_t *, Fetch *) noexcept nogil

cdef enum:
    CHAIN_BYTES = 32768       # of weights whose products with a sample are one chain of multiply-adds
    TWO_BANDS = 1 << 20       # multiply-adds of the first layer, below which two threads at most are worth their while
    CLASSES = 64              # that are told apart

cdef struct SharedLists:  # of a chunk's samples
    size ld               # of the first layer's weights, Z and dZ
    size n_features
    size n_chains         # runs of features, each summed up by itself
    size n_cuts           # ... of one or two chains, whose lists are made and met at a time
    size longest          # features of a cut, at most
    Bands bands           # of cuts
    size n_shares         # runs of cuts that a thread probably takes all of
    size n_groups
    size ahead, n_ahead   # the position in the epoch's order of rows that will be wanted after those, and their number
    int side              # which of two: rows of the batch in hand, or of the one that is prepared
    size *at[2]           # (chunk,): their positions in the epoch's order, class by class
    real *lines[2]        # (chunk, ldx): these rows, where they cannot be read in place, or NULL
    size ldx
    int32_t *index        # (n_cuts, room): the lists of a cut, one after another
    size room
    real *value           # (n_cuts, room, SHARERS): what the sharers have there
    size *length          # (n_cuts, n_groups)


cdef bint shares_lists(const Job *job) noexcept nogil:
    """Whether samples share lists: asked for, of dense rows, where only a narrow first layer meets the input."""
    if job.run.sparse != SHARED or is_csr(&job.rows) or job.run.input_dropout > 0:
        return False
    return first_alone(&job.net) and padded(job.net.layers[0].n_out) <= SHARED_VECS * LANES


cdef inline bint reads_in_place(const Rows *rows) noexcept nogil:
    return row_in_place(rows, 0) != NULL and rows.scale == 1


cdef inline size chain_start(const SharedLists *lists, size chain) noexcept nogil:
    """The first feature of a chain, all of which are about as long and begin with a whole word."""
    return lists.n_features if chain == lists.n_chains else lists.n_features * chain // lists.n_chains // 16 * 16


cdef inline size first_chain(const SharedLists *lists, size cut) noexcept nogil:
    return lists.n_chains * cut // lists.n_cuts


cdef inline size shared_start(const SharedLists *lists, size cut) noexcept nogil:
    """The first feature of a cut."""
    return chain_start(lists, first_chain(lists, cut))


cdef inline size shared_cut(const SharedLists *lists, size feature) noexcept nogil:
    """The cut that a feature is in."""
    cdef size cut = 0
    while shared_start(lists, cut + 1) <= feature:
        cut += 1
    return cut


cdef void lay_out_shared(SharedLists *lists, const Job *job, size chunk, char **cursor) noexcept nogil:
    """Choose chains by the layer's width: a cut's weights, and what the optimizer has of them, stay near.

    The order of sums is that of two runs of chains, by the sizes alone. A run is a band: what one core writes and
    another reads should be little. Two chains are a cut, as the end of a list costs as much as some ten features. But
    with more threads, in batches that are worth their while, a chain is both.
    """
    cdef size n = job.run.n_features, room = (chunk + SHARERS - 1) // SHARERS * SHARERS
    cdef size n_runs, n_bands, cut
    cdef int side
    lists.ld = padded(job.net.layers[0].n_out)
    lists.n_features = n
    lists.n_chains = (n * lists.ld * sizeof(real) + CHAIN_BYTES - 1) // CHAIN_BYTES
    if lists.n_chains > 1:
        lists.n_chains = (lists.n_chains + 1) // 2 * 2
    n_bands = lists.n_cuts = lists.n_chains
    n_runs = min(lists.n_chains, 2)
    if job.run.n_threads <= 2 or chunk * n * lists.ld < TWO_BANDS:
        n_bands = n_runs
        lists.n_cuts = (lists.n_chains // n_runs + 1) // 2 * n_runs
    lists.longest = 0
    for cut in range(lists.n_cuts):
        lists.longest = max(lists.longest, shared_start(lists, cut + 1) - shared_start(lists, cut))
    lay_out_bands(&lists.bands, job, chunk, lists.n_cuts, n_bands, n_bands // n_runs, cursor)
    lists.n_shares = min(n_bands, <size>job.run.n_threads)
    lists.n_groups = room // SHARERS
    lists.ldx = stride_of(n)
    lists.room = lists.n_groups * lists.longest + 16
    lists.side = 0
    lists.ahead = lists.n_ahead = 0
    for side in range(2):
        lists.at[side] = <size *>take(cursor, chunk * sizeof(size))
        lists.lines[side] = NULL
        if not reads_in_place(&job.rows):
            lists.lines[side] = <real *>take(cursor, room * lists.ldx * sizeof(real))
    lists.index = <int32_t *>take(cursor, lists.n_cuts * lists.room * sizeof(int32_t))
    lists.value = <real *>take(cursor, lists.n_cuts * lists.room * SHARERS * sizeof(real))
    lists.length = <size *>take(cursor, lists.n_cuts * lists.n_groups * sizeof(Py_ssize_t))


cdef inline size class_of(const Job *job, size position) noexcept nogil:
    """What samples that share lists should have in common: the class, of more than CLASSES some together."""
    return job.labels[job.order[position]] % CLASSES


cdef void group_samples(const Job *job, SharedLists *lists, int side, size start, size n_samples) noexcept nogil:
    """Choose who shares lists of the n_samples that begin at position `start` of the epoch's order: class by class.

    Samples of a class stay in that order, as all do where there are no classes.
    """
    cdef int32_t end[CLASSES + 1]
    cdef size *at = lists.at[side]
    cdef size s, c
    if job.labels == NULL or n_samples <= SHARERS:
        for s in range(n_samples):
            at[s] = start + s
        return
    memset(end, 0, sizeof(end))
    for s in range(n_samples):
        end[class_of(job, start + s) + 1] += 1
    for c in range(CLASSES):
        end[c + 1] += end[c]
    for s in range(n_samples):
        c = class_of(job, start + s)
        at[end[c]] = start + s
        end[c] += 1


cdef inline void group_rows(const Job *job, const SharedLists *lists, int side, size s, size n,
                            const real **x) noexcept nogil:
    """Where the rows of the n samples from s on are."""
    cdef size q, of
    for q in range(SHARERS):      # what the last one multiplies in others' places is 0, or not kept
        of = s + (q if q < n else n - 1)
        x[q] = lists.lines[side] + of * lists.ldx if lists.lines[side] != NULL else row_in_place(
            &job.rows, job.order[lists.at[side][of]])


cdef inline bint cut_finite(const Job *job, int64_t row, size first, size last) noexcept nogil:
    """Whether features first..last of a row are finite."""
    cdef Rows part = columns_of(&job.rows, first, last)
    return row_finite(&part, row)


cdef inline bint gather_cut(const Job *job, real *line, int64_t row, size first, size last) noexcept nogil:
    """Copy features first..last of a row that is not read in place; return whether one of them is bad."""
    cdef Rows part = columns_of(&job.rows, first, last)
    gather_dense(&part, row, line + first, 1)
    return reads_unchecked(job) and not cut_finite(job, row, first, last)


cdef inline void begin_fetch(Fetch *fetch, const Job *job, const SharedLists *lists, size cut, int half) noexcept nogil:
    """Rows that will be wanted, the columns of a cut's share of them, in as many steps as there are groups.

    A share's rows are fetched by two parts, halves, of each of its cuts.
    """
    cdef size share = cut * lists.n_shares // lists.n_cuts
    cdef size begin = (share * lists.n_cuts + lists.n_shares - 1) // lists.n_shares
    cdef size end = ((share + 1) * lists.n_cuts + lists.n_shares - 1) // lists.n_shares
    cdef size first = shared_start(lists, begin), last = shared_start(lists, end)
    cdef size part = 2 * (cut - begin) + half, n_parts = 2 * (end - begin)
    fetch.x = job.rows.x + first * job.rows.column
    fetch.stride = job.rows.row
    fetch.n_lines = ((last - first) * job.rows.column + 63) // 64
    fetch.row = job.order + lists.ahead + lists.n_ahead * part // n_parts
    fetch.last = job.order + lists.ahead + lists.n_ahead * (part + 1) // n_parts
    if job.rows.column > 8:       # far apart
        fetch.last = fetch.row
    fetch.step = ((fetch.last - fetch.row) * fetch.n_lines + lists.n_groups - 1) // lists.n_groups
    fetch.left = 0
    fm_fetch_row(fetch)


cdef inline void add_products(int vecs, const real **x, size feature, const real *W, vec *c,
                              real *value) noexcept nogil:
    """c += the group's numbers of a feature times its weights; the numbers go to value (SHARERS,).

    All of the weights are loaded first, and numbers stored one by one, where GCC would shuffle them into a vector.

    c : IN/OUT (SHARERS, SHARED_VECS), of which so many vectors are sums
    """
    cdef const real *at = <const real *>fm_opaque(<const char *>(W + feature * vecs * LANES))
    cdef vec w[SHARED_VECS]
    cdef vec v[SHARERS]
    cdef int q, j
    for q in range(SHARERS):
        v[q] = vec_fill_loaded(&x[q][feature])
    for j in range(vecs):
        w[j] = vec_loaded(at + j * LANES)
    for q in range(SHARERS):
        for j in range(vecs):
            c[q * SHARED_VECS + j] = c[q * SHARED_VECS + j] + v[q] * w[j]
    for q in range(SHARERS):
        value[q] = real_rounded(vec_number(v[q]))


cdef inline void shared_product(int vecs, const real **row, const int32_t *index, size m, const real *W,
                                bint fresh, real *C, size n, real *value, NextRows *next) noexcept nogil:
    """Rows 0..n of C = or += the group's rows times W, at the m features of the list.

    row : IN (SHARERS,)    W : IN    fresh : C is not read    value : OUT (m, SHARERS), the rows' numbers there
    next : rows that are asked for meanwhile
    """
    cdef vec c[4][SHARERS * SHARED_VECS]
    cdef vec sum
    cdef const real *x[SHARERS]
    cdef int u, q, j, ways = max(8 // (SHARERS * vecs), 1)  # features at a time: additions take their time
    cdef size p = 0, ld = vecs * LANES
    for q in range(SHARERS):
        x[q] = row[q]
    for u in range(ways):
        for q in range(SHARERS):
            for j in range(vecs):
                c[u][q * SHARED_VECS + j] = vec_fill(0)
    while p + ways <= m:
        if p % 4 == 0:
            fm_fetch_next(next)
        for u in range(ways):
            add_products(vecs, x, index[p + u], W, c[u], value + (p + u) * SHARERS)
        p += ways
    while p < m:
        add_products(vecs, x, index[p], W, c[0], value + p * SHARERS)
        p += 1
    for q in range(SHARERS):
        if q < <int>n:
            for j in range(vecs):
                sum = c[0][q * SHARED_VECS + j]
                for u in range(1, ways):
                    sum = sum + c[u][q * SHARED_VECS + j]
                if not fresh:
                    sum = sum + (<const vec *>(C + q * ld + j * LANES))[0]
                (<vec *>(C + q * ld + j * LANES))[0] = sum


cdef inline void add_features(int vecs, int ways, const real *value, const int32_t *index, const vec *d,
                              real *G) noexcept nogil:
    """G[f, :] += the group's values of feature f times their rows of d, for so many features side by side.

    d : IN (SHARERS, SHARED_VECS)
    """
    cdef vec *at[2]
    cdef vec g[2]
    cdef vec v[2][SHARERS]
    cdef int u, q, j
    cdef size ld = vecs * LANES
    for u in range(ways):
        at[u] = <vec *>fm_opaque(<const char *>(G + index[u] * ld))
        for q in range(SHARERS):
            v[u][q] = vec_fill_loaded(&value[u * SHARERS + q])
    for j in range(vecs):
        for u in range(ways):
            g[u] = at[u][j]
            for q in range(SHARERS):
                g[u] = g[u] + v[u][q] * d[q * SHARED_VECS + j]
        for u in range(ways):
            at[u][j] = g[u]


cdef inline void shared_scatter(int vecs, const real *value, const int32_t *index, size m, const real *D, size n,
                                real factor, real *G, Fetch *fetch) noexcept nogil:
    """G[f, :] += factor times the group's values of feature f times rows 0..n of D, sample after sample.

    fetch : what is asked for meanwhile
    """
    cdef vec d[SHARERS * SHARED_VECS]
    cdef int q, j, ways = 2 if vecs <= 2 else 1
    cdef size p = 0
    for q in range(SHARERS):
        for j in range(vecs):
            d[q * SHARED_VECS + j] = vec_fill(0)
            if q < <int>n:
                d[q * SHARED_VECS + j] = factor * (<const vec *>(D + (q * vecs + j) * LANES))[0]
    while p + ways <= m:
        fm_fetch_meanwhile(fetch)
        add_features(vecs, ways, value + p * SHARERS, index + p, d, G)
        p += ways
    if p < m:
        add_features(vecs, 1, value + p * SHARERS, index + p, d, G)


cdef inline void chain_product(size ld, const real **row, const int32_t *index, size m, const real *W, bint fresh,
                               real *C, size n, real *value, NextRows *next) noexcept nogil:
    """`shared_product` of rows of W that are ld long."""
    if ld == LANES:
        shared_product(1, row, index, m, W, fresh, C, n, value, next)
    elif ld == 2 * LANES:
        shared_product(2, row, index, m, W, fresh, C, n, value, next)
    elif SHARED_VECS == 4 and ld == 3 * LANES:
        shared_product(3, row, index, m, W, fresh, C, n, value, next)
    elif SHARED_VECS == 4:
        shared_product(4, row, index, m, W, fresh, C, n, value, next)


cdef bint forward_cut(const Job *job, SharedLists *lists, int side, size cut, size n_samples,
                      const real *W) noexcept nogil:
    """Make the lists of one cut of the features, and multiply them with its weights; return whether a row is bad."""
    cdef size g, s, q, n, m, chain, first = shared_start(lists, cut), last = shared_start(lists, cut + 1)
    cdef size begin = first_chain(lists, cut), end = first_chain(lists, cut + 1)
    cdef bint fresh = begins_band(&lists.bands, cut)
    cdef int32_t *index = lists.index + cut * lists.room
    cdef real *value = lists.value + cut * lists.room * SHARERS
    cdef const real *row[SHARERS]
    cdef NextRows next
    cdef real *C = lists.bands.sums + band_of(&lists.bands, cut) * lists.bands.room * lists.ld
    cdef Fetch fetch
    cdef bint in_place = lists.lines[side] == NULL, looks = in_place and reads_unchecked(job), bad = False
    begin_fetch(&fetch, job, lists, cut, 1)
    group_rows(job, lists, side, 0, min(n_samples, <size>SHARERS), next.x)
    for g in range((n_samples + SHARERS - 1) // SHARERS):
        fm_fetch_group(&fetch)
        s = g * SHARERS
        n = min(n_samples - s, <size>SHARERS)
        for q in range(SHARERS):
            row[q] = next.x[q]
        next.at = next.last = last
        if s + n < n_samples:
            group_rows(job, lists, side, s + n, min(n_samples - s - n, <size>SHARERS), next.x)
            next.at = first if in_place else last
        for q in range(0 if in_place else n):
            if gather_cut(job, lists.lines[side] + (s + q) * lists.ldx, job.order[lists.at[side][s + q]], first, last):
                bad = True
        lists.length[cut * lists.n_groups + g] = 0
        for chain in range(begin, end):
            m = fm_list_shared(row, chain_start(lists, chain), chain_start(lists, chain + 1), index, &fetch)
            chain_product(lists.ld, row, index, m, W, fresh and chain == begin, C, n, value, &next)
            lists.length[cut * lists.n_groups + g] += m
            index += m
            value += m * SHARERS
        if looks and not finite_real(C, n * lists.ld):        # sums of what is not finite are not
            for q in range(n):
                bad = bad or not cut_finite(job, job.order[lists.at[side][s + q]], first, last)
        C += SHARERS * lists.ld
    return bad


cdef void scatter_cut(const Job *job, const SharedLists *lists, size cut, size n_samples, const real *D, real factor,
                      real *G) noexcept nogil:
    """G += factor times one cut of the samples' inputs, transposed, times D."""
    cdef size g, s, m, n
    cdef const int32_t *index = lists.index + cut * lists.room
    cdef const real *value = lists.value + cut * lists.room * SHARERS
    cdef Fetch fetch
    begin_fetch(&fetch, job, lists, cut, 0)
    for g in range((n_samples + SHARERS - 1) // SHARERS):
        fm_fetch_group(&fetch)
        s = g * SHARERS
        n = min(n_samples - s, <size>SHARERS)
        m = lists.length[cut * lists.n_groups + g]
        if lists.ld == LANES:
            shared_scatter(1, value, index, m, D + s * lists.ld, n, factor, G, &fetch)
        elif lists.ld == 2 * LANES:
            shared_scatter(2, value, index, m, D + s * lists.ld, n, factor, G, &fetch)
        elif SHARED_VECS == 4 and lists.ld == 3 * LANES:
            shared_scatter(3, value, index, m, D + s * lists.ld, n, factor, G, &fetch)
        elif SHARED_VECS == 4:
            shared_scatter(4, value, index, m, D + s * lists.ld, n, factor, G, &fetch)
        index += m
        value += m * SHARERS
