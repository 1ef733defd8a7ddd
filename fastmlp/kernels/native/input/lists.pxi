# Lists of the non-zeros of rows: where most inputs are 0, only the others are multiplied.

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


cdef void gather_lists(Context *c, size start, size first, size last) noexcept nogil:
    """List the non-zeros of a block's samples, cut at every nz_rows features.

    Dense rows: a cut's lists of all samples of the block follow one another; CSR: a sample's of all cuts.
    """
    cdef size s, m, cut, at, low, high, n = c.job.rows.n_features
    cdef int64_t row, p
    cdef real scale = <real>c.job.rows.scale
    cdef const real *x
    cdef const real *in_place
    cdef const real *next
    cdef real *line = c.X + first // BLOCK * c.ldx
    cdef real *value
    cdef int32_t *index
    for s in range(first, last):
        row = c.job.order[start + s]
        if row_is_bad(&c.job, row):
            fm_store(&c.bad_rows, 1)
        if not is_csr(&c.job.rows):
            x = in_place = row_in_place(&c.job.rows, row)
            next = row_in_place(&c.job.rows, c.job.order[start + s + 1]) if s + 1 < last else NULL
            if in_place == NULL:
                gather_dense(&c.job.rows, row, line, 1)
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
            p = c.job.rows.indptr[row]
            at = s * c.nz_capacity
            for cut in range(c.n_cuts):
                value = c.nz_value + at
                index = c.nz_index + at
                m = 0
                while p < c.job.rows.indptr[row + 1] and csr_column(&c.job.rows, p) < (cut + 1) * c.nz_rows:   # sorted: see job.py
                    index[m] = <int32_t>csr_column(&c.job.rows, p)
                    value[m] = csr_value(&c.job.rows, p)
                    m += 1
                    p += 1
                c.nz_start[s * c.n_cuts + cut] = at
                c.nz_end[s * c.n_cuts + cut] = at + m
                at += pad_list(value, index, m)


cdef inline void prefetch_cut(const Context *c, size position, size cut) noexcept nogil:
    """Begin to fetch one cut of the row at `position` of the epoch's order."""
    cdef size first = cut * c.nz_rows, last = first + c.nz_rows
    prefetch_columns(&c.job.rows, c.job.order[position], first, last if last < c.job.rows.n_features else c.job.rows.n_features)
