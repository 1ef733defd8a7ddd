# Dense rows, gathered for mini-batches: copies by panels of features, each with all samples of a batch one after
# another.
#
# There is one panel, of all features, but where the first weights are large and the product with them is summed up by
# bands (bands.pxi): then a panel is copied where its weights have been updated and meet the next batch.

cdef enum:
    PANEL = TAIL_TERMS    # features of a panel, where there are several
    PANEL_ROWS = 48       # of weights, whose gradient is summed and followed by their step at a time
    BAND_BYTES = 1048576  # of first weights, from which on a core wants to keep its own

cdef struct Panels:
    real *X               # (n_panels, samples, ldx), what is beyond a panel's features 0
    size n_features, n_panels, width, ldx, samples
    Bands bands           # of panels
    size whole            # columns of weights before a tail, which has products of its own: see tail.pxi


cdef void lay_out_panels(Panels *panels, const Job *job, size chunk, char **cursor) noexcept nogil:
    cdef size n = job.run.n_features, n_out = job.net.layers[0].n_out, n_cuts = (n + PANEL - 1) // PANEL
    cdef bint wide = n * n_out * <int>sizeof(real) >= BAND_BYTES and job.run.input_dropout == 0
    lay_out_bands(&panels.bands, job, chunk, n_cuts, two_bands(job, chunk, n_cuts) if wide else 0, 1, cursor)
    panels.n_panels = panels.bands.n_cuts if panels.bands.n_bands > 0 else 1
    panels.width = PANEL if panels.bands.n_bands > 0 else n
    panels.ldx = PANEL if panels.bands.n_bands > 0 else stride_of(n)
    panels.samples, panels.n_features = chunk, n
    panels.whole = padded(n_out) - (LANES if has_tail(n_out) else 0)
    panels.X = <real *>take(cursor, panels.n_panels * chunk * panels.ldx * sizeof(real))


cdef inline real *panel_at(const Panels *panels, size sample, size feature) noexcept nogil:
    """Where a sample's value of a feature is, and beside it those of the panel's next features."""
    cdef size panel = feature // panels.width
    return panels.X + (panel * panels.samples + sample) * panels.ldx + feature - panel * panels.width


cdef bint gather_panel(const Job *job, const Panels *panels, size panel, size start, size first,
                       size last) noexcept nogil:
    """Copy a panel of samples first..last of those that begin at position `start` of the epoch's order.

    Return whether any of it is to be checked, and is not finite.
    """
    cdef size s, j, from_feature = panel * panels.width
    cdef size n = min(panels.width, job.rows.n_features - from_feature)
    cdef Rows rows = job.rows if is_csr(&job.rows) else columns_of(&job.rows, from_feature, from_feature + n)
    cdef real *x
    for s in range(first, last):
        x = panel_at(panels, s, from_feature)
        if is_csr(&rows):
            gather_csr(&rows, job.order[start + s], from_feature, n, x, 1)
        else:
            gather_dense(&rows, job.order[start + s], x, 1)
        for j in range(n, panels.ldx):
            x[j] = 0
    # copies, as they are in the cache, and have no gaps
    return reads_unchecked(job) and not finite_real(panel_at(panels, first, from_feature), (last - first) * panels.ldx)


cdef inline void prefetch_panel(const Job *job, const Panels *panels, size panel, size first,
                                size last) noexcept nogil:
    """Begin to fetch a panel of the samples at positions first..last of the epoch's order."""
    cdef const char *x
    cdef size s, i, n = (panels.width * job.rows.column + 63) // 64
    for s in range(first, last):
        x = job.rows.x + job.order[s] * job.rows.row + panel * panels.width * job.rows.column
        for i in range(n):
            fm_prefetch(x + i * 64)


cdef void add_panel(const Panels *panels, size panel, size first, size last, const real *W) noexcept nogil:
    """Add what a panel of samples first..last gives to its band's sums, which its first panel begins.

    W : of the whole first layer
    """
    cdef const Bands *bands = &panels.bands
    cdef size ld = bands.ld, m = last - first, feature = panel * panels.width, s
    cdef size n = min(panels.width, panels.n_features - feature)
    cdef bint begins = begins_band(bands, panel)
    cdef real *C = bands.sums + (band_of(bands, panel) * bands.room + first) * ld
    cdef const real *X = panel_at(panels, first, feature)
    W += feature * ld
    product_from(NULL if begins else C, ld, X, panels.ldx, 1, W, ld, C, ld, m, panels.whole, n)
    if panels.whole < ld:
        for s in range(m if begins else 0):
            (<vec *>(C + s * ld + panels.whole))[0] = vec_fill(0)
        add_tail(X, panels.ldx, W + panels.whole, ld, C + panels.whole, ld, m, n)


cdef void panel_gradient(const Job *job, const Panels *panels, bint fresh, size start, size n_ahead, size n_samples,
                         size first, size last, const real *D, size lda, real *g) noexcept nogil:
    """g (last - first, ld) = or += features first..last, of one panel, of the samples, transposed, times D.

    fresh : g is not read
    start, n_ahead : the positions in the epoch's order of rows that meet the panel next, and are fetched meanwhile: a
        few at a time, as more than some 24 lines would be waited for, or not come
    """
    cdef size ld = panels.bands.ld, wide = TILE_VECS * LANES, i, j, row
    cdef size rows = MR * (4 // TILE_VECS)     # that take about as long everywhere
    cdef size runs = (last - first + rows - 1) // rows, steps = runs * ((panels.whole + wide - 1) // wide)
    cdef size panel = first // panels.width, all_steps = panels.width // PANEL_ROWS * steps
    cdef size done = first % panels.width // PANEL_ROWS * steps      # by the panel's blocks before this one
    if is_csr(&job.rows) or job.rows.column > 8:     # a row's features are not side by side
        n_ahead = 0
    for i in range(steps):
        row, j = first + i % runs * rows, i // runs * wide
        prefetch_panel(job, panels, panel, start + n_ahead * (done + i) // all_steps,
                       start + n_ahead * (done + i + 1) // all_steps)
        product_from(NULL if fresh else g + (row - first) * ld + j, ld, panel_at(panels, 0, row), 1, panels.ldx, D + j,
                     lda, g + (row - first) * ld + j, ld, min(rows, last - row), min(wide, panels.whole - j),
                     n_samples)
    if panels.whole < ld:
        tail_gradient(fresh, panel_at(panels, 0, first), panels.ldx, D + panels.whole, lda, g + panels.whole, ld,
                      last - first, n_samples)
