# Lists of the non-zeros of columns, for the gradient of the first weights: for each feature, which samples have one.
#
# A feature's row of the gradient stays in registers while the rows of dZ of those samples are added to it; sample by
# sample, every non-zero would read and write a whole row of the gradient, and a CPU stores half as fast as it
# multiplies and adds. Every element is one chain of multiply-adds in the order of the samples either way.

cdef enum:
    COLUMNS = 64          # features listed at a time
    COLUMN_BYTES = 32768  # of dZ that a panel of columns meets: what stays in the first-level cache
    COLUMN_VECS = 8       # vectors of outputs, below which lists of rows do as well

cdef extern from *:
    """
    #if defined(FM_STORE_PLACES)
      #define LISTS_COLUMNS 1
      /* Append the first `rows` lanes' non-zeros, times scale and factor, of n columns of LANES rows to their lists,
         `room` apart: values, and numbers of samples, which begin at `sample`. */
      static inline void fm_append_columns(const real *const *x, Py_ssize_t n, int rows, Py_ssize_t sample, real scale,
                                           real factor, real *value, int32_t *samples, int32_t *count,
                                           Py_ssize_t room) {
          unsigned all = (1u << rows) - 1;
          Py_ssize_t c = 0;
          vec t[4];
          #define FM_APPEND(i) { \
              vec v = t[i] * scale * factor; \
              unsigned k = FM_NONZERO((const real *)&v) & all; \
              Py_ssize_t at = (c + i) * room + count[c + i]; \
              FM_STORE_NONZERO(value + at, k, (const real *)&v); \
              FM_STORE_PLACES(samples + at, k, sample); \
              count[c + i] += __builtin_popcount(k); }
          for (; c + 4 <= n; c += 4) {
              if (!vec_four_columns(x, c, t, 1)) continue;    /* at the edges of images */
              FM_APPEND(0) FM_APPEND(1) FM_APPEND(2) FM_APPEND(3)
          }
          for (; c < n; c++) {
              for (int r = 0; r < LANES; r++) ((real *)t)[r] = x[r][c];
              FM_APPEND(0)
          }
      }
    #else
      #define LISTS_COLUMNS 0
      #define fm_append_columns(x, n, rows, sample, scale, factor, value, samples, count, room) ((void)0)
    #endif
    """
    enum:
        LISTS_COLUMNS
    void fm_append_columns(const real **, size, int, size, real, real, real *, int32_t *, int32_t *,
                           size) noexcept nogil

cdef struct Columns:      # lists of COLUMNS features
    real *value           # (COLUMNS, room)
    int32_t *sample
    int32_t *count
    size room


cdef inline size column_samples() noexcept nogil:
    """Samples that are listed at a time."""
    return COLUMN_BYTES // (COLUMN_VECS * LANES * <int>sizeof(real))


cdef size lay_out_columns(Columns *columns, char *memory) noexcept nogil:
    """Cut a thread's memory into pieces; return the bytes that takes, which is all that counts where it is NULL."""
    cdef char *cursor = memory
    columns.room = column_samples() + LANES
    columns.value = <real *>take(&cursor, COLUMNS * columns.room * sizeof(real))
    columns.sample = <int32_t *>take(&cursor, COLUMNS * columns.room * sizeof(int32_t))
    columns.count = <int32_t *>take(&cursor, COLUMNS * sizeof(int32_t))
    return cursor - memory


cdef inline bint lists_columns(const Job *job, size ld) noexcept nogil:
    """Whether first weights' gradient, rows ld long, is summed by columns: of dense rows that lie as we read them."""
    return (LISTS_COLUMNS and job.run.sparse and ld >= COLUMN_VECS * LANES and job.run.input_dropout == 0
            and row_in_place(&job.rows, 0) != NULL)


cdef void list_columns(const Job *job, const Columns *columns, size start, size n, size first, size features,
                       real factor) noexcept nogil:
    """List features first..first + features of the n samples from position `start` of the epoch's order on."""
    cdef const real *x[64]
    cdef size s, r, i, rows
    cdef real scale = <real>job.rows.scale
    memset(columns.count, 0, features * sizeof(int32_t))
    s = 0
    while s < n:
        rows = n - s if n - s < LANES else LANES
        for r in range(LANES):
            x[r] = row_in_place(&job.rows, job.order[start + s + (r if r < rows else 0)]) + first
        fm_append_columns(x, features, <int>rows, s, scale, factor, columns.value, columns.sample, columns.count,
                          columns.room)
        s += rows


cdef inline void add_column(int vecs, const Columns *columns, size feature, const real *D, size lda,
                            vec *c) noexcept nogil:
    """c (vecs,) += sum_p value[p] D[sample[p], :] over a feature's list."""
    fm_add_rows(vecs, columns.value + feature * columns.room, columns.sample + feature * columns.room,
                columns.count[feature], D, lda, c)


cdef inline void column_panels(int vecs, bint fresh, const Columns *columns, size features, const real *D, size lda,
                               real *G, size ld) noexcept nogil:
    """`vecs` vectors of all features' rows of the gradient."""
    cdef vec c[COLUMN_VECS]
    cdef size f
    cdef int j
    for f in range(features):
        for j in range(vecs):
            if fresh:
                c[j] = vec_fill(0)
            else:
                c[j] = (<const vec *>(G + f * ld + j * LANES))[0]
        add_column(vecs, columns, f, D, lda, c)
        for j in range(vecs):
            (<vec *>(G + f * ld + j * LANES))[0] = c[j]


cdef void columns_gradient(const Job *job, const Columns *columns, bint fresh, size start, size n_samples, size first,
                           size last, const real *D, size lda, real factor, real *G, size ld) noexcept nogil:
    """G (last - first, ld) = or += factor times features first..last of the samples, transposed, times D.

    start : the first sample's position in the epoch's order
    fresh : G is not read
    """
    cdef size s = 0, f, j, n, m
    cdef real *g
    while s < n_samples:
        n = min(n_samples - s, column_samples())
        f = first
        while f < last:
            m = min(last - f, COLUMNS)
            list_columns(job, columns, start + s, n, f, m, factor)
            g = G + (f - first) * ld
            j = 0
            while ld - j >= 8 * LANES:
                column_panels(8, fresh, columns, m, D + s * lda + j, lda, g + j, ld)
                j += 8 * LANES
            if ld - j >= 4 * LANES:
                column_panels(4, fresh, columns, m, D + s * lda + j, lda, g + j, ld)
                j += 4 * LANES
            if ld - j >= 2 * LANES:
                column_panels(2, fresh, columns, m, D + s * lda + j, lda, g + j, ld)
                j += 2 * LANES
            if ld - j >= LANES:
                column_panels(1, fresh, columns, m, D + s * lda + j, lda, g + j, ld)
            f += m
        fresh = False
        s += n


cdef inline bint steps_by_columns(const Job *job, size ld, size n_samples) noexcept nogil:
    """Whether Adam's step is made with each feature's gradient while that is in registers.

    It gains in small batches, where it takes as long as the gradient. In longer rows the panels of the optimizer's
    state lie too far apart.
    """
    return (job.run.optimizer == ADAM and lists_columns(job, ld) and ld % (COLUMN_VECS * LANES) == 0
            and ld <= 4 * COLUMN_VECS * LANES and n_samples <= column_samples() // 2)


cdef inline void step_four(Step *step, const vec *g, real *w, real *s0, real *s1) noexcept nogil:
    """Adam's step on four vectors: GCC unrolls loops of no more of them, without which g would be in memory."""
    cdef vec m, v
    cdef int i
    for i in range(4):
        m, v = (<vec *>(s0 + i * LANES))[0], (<vec *>(s1 + i * LANES))[0]
        (<vec *>(w + i * LANES))[0] = step_vec(ADAM, step, (<vec *>(w + i * LANES))[0], &m, &v, &v, g[i] * step.scale)
        (<vec *>(s0 + i * LANES))[0] = m
        (<vec *>(s1 + i * LANES))[0] = v


cdef void columns_step(const Job *job, const Columns *columns, Step *step, size start, size n_samples, size first,
                       size last, const real *D, size lda, real *w, real *s0, real *s1, size ld) noexcept nogil:
    """The step on the weights of features first..last, without a gradient in memory.

    start : the first sample's position in the epoch's order
    w, s0, s1 : IN/OUT (last - first, ld)
    """
    cdef vec c[COLUMN_VECS]
    cdef size features, f, panel, at
    cdef int i
    while first < last:
        features = min(last - first, COLUMNS)
        list_columns(job, columns, start, n_samples, first, features, ONE)
        for panel in range(ld // (COLUMN_VECS * LANES)):
            for f in range(features):
                for i in range(COLUMN_VECS):
                    c[i] = vec_fill(0)
                at = panel * COLUMN_VECS * LANES
                add_column(COLUMN_VECS, columns, f, D + at, lda, c)
                at += f * ld
                step_four(step, c, w + at, s0 + at, s1 + at)
                at += 4 * LANES
                step_four(step, c + 4, w + at, s0 + at, s1 + at)
        first += features
        w += features * ld
        s0 += features * ld
        s1 += features * ld
