# Lists of the non-zeros of columns, for the gradient of the first weights: for each feature, which samples have one.
#
# A feature's row of the gradient stays in registers while the rows of dZ of those samples are added to it
# (products/listed.pxi); sample by sample, every non-zero would read and write a whole row of the gradient, and a CPU
# stores half as fast as it multiplies and adds. Every element is one chain of multiply-adds in the order of the samples
# either way.


cdef inline bint lists_columns(const Job *job, size ld) noexcept nogil:
    """Whether first weights' gradient, rows ld long, is summed by columns: of dense rows that lie as we read them."""
    return (LISTS_COLUMNS and job.run.sparse and ld >= PANEL_VECS * LANES and job.run.input_dropout == 0
            and row_in_place(&job.rows, 0) != NULL)


cdef inline void take_rows(const Job *job, const Nonzeros *columns, size start, size n) noexcept nogil:
    """The n samples from position `start` of the epoch's order on are those whose features are listed."""
    cdef size s
    for s in range(n):
        columns.row[s] = row_in_place(&job.rows, job.order[start + s])


cdef void columns_gradient(const Job *job, const Nonzeros *columns, bint fresh, size start, size n_samples, size first,
                           size last, const real *D, size lda, real factor, real *G, size ld) noexcept nogil:
    """G (last - first, ld) = or += factor times features first..last of the samples, transposed, times D.

    start : the first sample's position in the epoch's order
    fresh : G is not read
    """
    cdef size s = 0, f, n, m
    cdef real *g
    while s < n_samples:
        n = min(n_samples - s, listed_terms())
        take_rows(job, columns, start + s, n)
        f = first
        while f < last:
            m = min(last - f, LISTED)
            list_columns(columns, n, f, m, <real>job.rows.scale, factor)
            g = G + (f - first) * ld
            product_of_lists(columns, m, 0, NULL if fresh else g, ld, D + s * lda, lda, g, ld, ld)
            f += m
        fresh = False
        s += n


cdef inline bint steps_by_columns(const Job *job, size ld, size n_samples) noexcept nogil:
    """Whether Adam's step is made with each feature's gradient while that is in registers.

    It gains in small batches, where it takes as long as the gradient. In longer rows the panels of the optimizer's
    state lie too far apart.
    """
    return (job.run.optimizer == ADAM and lists_columns(job, ld) and ld % (PANEL_VECS * LANES) == 0
            and ld <= 4 * PANEL_VECS * LANES and n_samples <= listed_terms() // 2)


cdef inline void step_four(const Step *step, const vec *g, real *w, real *s0, real *s1) noexcept nogil:
    """Adam's step on four vectors: GCC unrolls loops of no more of them, without which g would be in memory."""
    cdef vec m, v
    cdef int i
    for i in range(4):
        m, v = (<vec *>(s0 + i * LANES))[0], (<vec *>(s1 + i * LANES))[0]
        (<vec *>(w + i * LANES))[0] = step_vec(ADAM, step, (<vec *>(w + i * LANES))[0], &m, &v, &v, g[i] * step.scale)
        (<vec *>(s0 + i * LANES))[0] = m
        (<vec *>(s1 + i * LANES))[0] = v


cdef inline void columns_steps(bint decays, const Job *job, const Nonzeros *columns, const Step *constants, size start,
                               size n_samples, size first, size last, const real *D, size lda, real *w, real *s0,
                               real *s1, size ld) noexcept nogil:
    """`columns_step`, with weight decay or without."""
    cdef Step step = own_step(constants, decays)
    cdef vec c[PANEL_VECS]
    cdef size features, f, panel, at
    cdef int i
    take_rows(job, columns, start, n_samples)
    while first < last:
        features = min(last - first, LISTED)
        list_columns(columns, n_samples, first, features, <real>job.rows.scale, ONE)
        for panel in range(ld // (PANEL_VECS * LANES)):
            for f in range(features):
                for i in range(PANEL_VECS):
                    c[i] = vec_fill(0)
                at = panel * PANEL_VECS * LANES
                add_listed(PANEL_VECS, columns, f, D + at, lda, c)
                at += f * ld
                step_four(&step, c, w + at, s0 + at, s1 + at)
                at += 4 * LANES
                step_four(&step, c + 4, w + at, s0 + at, s1 + at)
        first += features
        w += features * ld
        s0 += features * ld
        s1 += features * ld


cdef void columns_step(const Job *job, const Nonzeros *columns, const Step *step, size start, size n_samples,
                       size first, size last, const real *D, size lda, real *w, real *s0, real *s1,
                       size ld) noexcept nogil:
    """The step on the weights of features first..last, without a gradient in memory.

    start : the first sample's position in the epoch's order
    w, s0, s1 : IN/OUT (last - first, ld)
    """
    if step.keep == 1:
        columns_steps(False, job, columns, step, start, n_samples, first, last, D, lda, w, s0, s1, ld)
    else:
        columns_steps(True, job, columns, step, start, n_samples, first, last, D, lda, w, s0, s1, ld)
