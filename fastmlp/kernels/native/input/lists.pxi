# Lists of the non-zeros of rows: where most inputs are 0, only the others are multiplied. The features are cut into
# runs whose weights stay in the second-level cache, and a sample has a list for each cut.
# In small batches the product of a wide first layer is summed up by bands (bands.pxi).

cdef enum:
    CUT_BYTES = 65536     # of weights that a cut meets
    LIST_STEP = 4         # lists are padded to multiples of this

cdef struct Lists:        # of a chunk's samples
    real *value           # the non-zeros, and their features
    int32_t *index
    int64_t *start        # (chunk, n_cuts): where a list begins and ends in these
    int64_t *end
    size n_cuts
    size cut              # features of a cut
    size region           # room for a cut's lists of one block
    size capacity         # CSR: room for a row's lists
    real *lines           # rows that cannot be read where they lie: one for each block
    size ldx              # from one of them to the next
    Bands bands           # of cuts
    size ahead, n_ahead   # the position in the epoch's order of rows that will be wanted next, and their number


cdef void lay_out_lists(Lists *lists, const Job *job, size chunk, char **cursor) noexcept nogil:
    """Choose the cuts by the first layer's width, and room for the lists of `chunk` samples."""
    cdef size n = job.run.n_features, n_blocks = (chunk + BLOCK - 1) // BLOCK, room
    cdef bint wide
    lists.n_cuts = (n * padded(job.net.layers[0].n_out) * sizeof(real) + CUT_BYTES - 1) // CUT_BYTES
    lists.cut = ((n + lists.n_cuts - 1) // lists.n_cuts + 31) // 32 * 32
    lists.n_cuts = (n + lists.cut - 1) // lists.cut
    lists.ldx = stride_of(n)
    lists.region = BLOCK * (lists.cut + LIST_STEP) + LANES
    lists.capacity = job.rows.most_nonzeros + lists.n_cuts * LIST_STEP
    if is_csr(&job.rows):
        room = chunk * lists.capacity
    else:
        room = n_blocks * lists.n_cuts * lists.region
    lists.value = <real *>take(cursor, room * sizeof(real))
    lists.index = <int32_t *>take(cursor, room * sizeof(int32_t))
    lists.start = <int64_t *>take(cursor, n_blocks * BLOCK * lists.n_cuts * sizeof(int64_t))
    lists.end = <int64_t *>take(cursor, n_blocks * BLOCK * lists.n_cuts * sizeof(int64_t))
    lists.lines = <real *>take(cursor, n_blocks * lists.ldx * sizeof(real))
    wide = padded(job.net.layers[0].n_out) % (8 * LANES) == 0
    lay_out_bands(&lists.bands, job, chunk, lists.n_cuts, two_bands(job, chunk, lists.n_cuts) if wide else 0, 1, cursor)
    lists.ahead = lists.n_ahead = 0


cdef inline size pad_list(real *value, int32_t *index, size m) noexcept nogil:
    """Bring a list to a multiple of LIST_STEP with zeros, so that sums over it have no tail; return where it ends.

    What follows is overwritten, as how many zeros it takes cannot be predicted.
    """
    cdef size i
    cdef int32_t first = index[0]
    for i in range(LIST_STEP):
        value[m + i] = 0
        index[m + i] = first
    return (m + LIST_STEP - 1) // LIST_STEP * LIST_STEP


cdef inline size list_end(const Lists *lists, size which) noexcept nogil:
    """Where a list ends, the padding included."""
    return lists.start[which] + (lists.end[which] - lists.start[which] + LIST_STEP - 1) // LIST_STEP * LIST_STEP


cdef bint gather_lists(const Job *job, const Lists *lists, size start, size first, size last) noexcept nogil:
    """List the non-zeros of a block's samples; return whether a row is bad.

    Dense rows: a cut's lists of all samples of the block follow one another; CSR: a sample's of all cuts.
    """
    cdef size s, m, cut, at, low, high, n = job.rows.n_features
    cdef int64_t row, p
    cdef real scale = <real>job.rows.scale
    cdef const real *x
    cdef const real *in_place
    cdef const real *next
    cdef real *line = lists.lines + first // BLOCK * lists.ldx
    cdef real *value
    cdef int32_t *index
    cdef bint bad = False
    for s in range(first, last):
        row = job.order[start + s]
        if row_is_bad(job, row):
            bad = True
        if not is_csr(&job.rows):
            x = in_place = row_in_place(&job.rows, row)
            next = row_in_place(&job.rows, job.order[start + s + 1]) if s + 1 < last else NULL
            if in_place == NULL:
                gather_dense(&job.rows, row, line, 1)
                x = line
            for cut in range(lists.n_cuts):
                at = (first // BLOCK * lists.n_cuts + cut) * lists.region
                if s > first:
                    at = list_end(lists, (s - 1) * lists.n_cuts + cut)
                value = lists.value + at
                index = lists.index + at
                low = cut * lists.cut
                high = low + lists.cut if low + lists.cut < n else n
                m = fm_compress(x, low, high, next, value, index)
                scale_list(value, m, ONE if in_place == NULL else scale)
                lists.start[s * lists.n_cuts + cut] = at
                lists.end[s * lists.n_cuts + cut] = at + m
                pad_list(value, index, m)
        else:
            p = job.rows.indptr[row]
            at = s * lists.capacity
            for cut in range(lists.n_cuts):
                value = lists.value + at
                index = lists.index + at
                m = 0
                high = (cut + 1) * lists.cut
                while p < job.rows.indptr[row + 1] and csr_column(&job.rows, p) < high:   # sorted: see csr.py
                    index[m] = <int32_t>csr_column(&job.rows, p)
                    value[m] = csr_value(&job.rows, p)
                    m += 1
                    p += 1
                lists.start[s * lists.n_cuts + cut] = at
                lists.end[s * lists.n_cuts + cut] = at + m
                at += pad_list(value, index, m)
    return bad


cdef inline void prefetch_cut(const Job *job, const Lists *lists, size position, size cut) noexcept nogil:
    """Begin to fetch one cut of the row at `position` of the epoch's order."""
    cdef size first = cut * lists.cut, last = first + lists.cut
    prefetch_columns(&job.rows, job.order[position], first, last if last < job.rows.n_features else job.rows.n_features)


cdef void drop_nonzeros(const Job *job, const Lists *lists, size start, size s) noexcept nogil:
    """Dropout on the listed non-zeros of sample s: each takes the draw of its own feature."""
    cdef size i, cut
    cdef uint32_t k[4]
    cdef int32_t f
    cdef double rate = job.run.input_dropout
    cdef real keep = <real>(1 / (1 - rate))
    for cut in range(s * lists.n_cuts, (s + 1) * lists.n_cuts):
        for i in range(lists.start[cut], lists.end[cut]):
            f = lists.index[i]
            k[0], k[1], k[2], k[3] = <uint32_t>(f // 4), <uint32_t>(start + s), 0, <uint32_t>job.run.epoch
            philox(k, <uint32_t>job.run.seed, <uint32_t>(job.run.seed >> 32))
            lists.value[i] = lists.value[i] * keep if (k[f % 4] >> 8) >= rate * 16777216.0 else 0


cdef void forward_lists(const Job *job, const Lists *lists, size start, size first, size last, const real *W, size ld,
                        real *C, size ldc) noexcept nogil:
    """C (last - first, ld) += the block's listed inputs times W, cut by cut, so that W's rows stay in the cache.

    start : the position in the epoch's order of the samples that will be wanted next, or -1
    """
    cdef size s, cut, at, end
    cdef bint whole = ld % (8 * LANES) == 0   # sums of so many vectors go by single features: no tail to avoid
    for cut in range(lists.n_cuts):
        for s in range(first, last):
            if start >= 0 and 2 * cut >= lists.n_cuts:     # late, or the weights would take their place in the cache
                prefetch_cut(job, lists, start + s - first, lists.n_cuts - 1 - cut)
                prefetch_cut(job, lists, start + s - first, cut)
            at = s * lists.n_cuts + cut
            end = lists.end[at] if whole else list_end(lists, at)
            row_product(False, lists.value + lists.start[at], lists.index + lists.start[at], end - lists.start[at], W,
                        NULL, NULL, ld, C + (s - first) * ldc, ld)


cdef void forward_band(const Job *job, const Lists *lists, size cut, size first, size last,
                       const real *W) noexcept nogil:
    """Add what a cut's listed inputs of samples first..last give to their band's sums, which its first cut begins.

    W : of the whole first layer
    """
    cdef size s, at, ld = lists.bands.ld
    cdef bint begins = begins_band(&lists.bands, cut)
    cdef real *C = lists.bands.sums + (band_of(&lists.bands, cut) * lists.bands.room + first) * ld
    for s in range(first, last):
        if s < lists.n_ahead:
            prefetch_cut(job, lists, lists.ahead + s, cut)
        at = s * lists.n_cuts + cut
        if begins:
            memset(C, 0, ld * sizeof(real))
        row_product(False, lists.value + lists.start[at], lists.index + lists.start[at],
                    lists.end[at] - lists.start[at], W, NULL, NULL, ld, C, ld)
        C += ld
