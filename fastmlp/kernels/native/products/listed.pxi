# Products with a matrix that is mostly 0: hidden layers' outputs, and their dZ, where the activation is ReLU or units
# are dropped. What is not 0 is listed row by row, or, for the gradient, column by column.
#
# A row of the result stays in registers while the listed rows of the other factor are added to it, which a CPU can
# load as fast as it multiplies and adds while they are in the first-level cache: so these are met by panels of
# PANEL_VECS vectors and LISTED_BYTES. Every element is one chain of multiply-adds in the order of the terms, as in
# dense.pxi: which of the two is taken has no influence on the result while the other factor is finite. (0 times what
# has overflowed is NaN, if it is not passed over.)

cdef enum:
    LISTED = 64           # rows or columns that are listed at a time
    LISTED_BYTES = 32768  # of the other factor that a panel of the result meets
    NONZERO_PERCENT = 60  # of numbers that may be other than 0 for lists to be faster
    LOOKED_AT = 8         # rows whose numbers are counted
    COPIED_FOR = 8        # rows of the result, at least, for which a panel is copied

cdef extern from *:
    """
    #if defined(FM_STORE_PLACES)
      #define LISTS_COLUMNS 1
      /* Append the first `rows` lanes' non-zeros, times scale and factor, of n columns of LANES rows, from `first` on,
         to their lists, `room` apart: values, and numbers of rows, which begin at `row`. */
      static inline void fm_append_columns(const real *const *x, Py_ssize_t first, Py_ssize_t n, int rows,
                                           Py_ssize_t row, real scale, real factor, real *value, int32_t *place,
                                           int32_t *count, Py_ssize_t room) {
          unsigned all = (1u << rows) - 1;
          Py_ssize_t c = 0;
          vec t[4];
          #define FM_APPEND(i) { \
              vec v = t[i] * scale * factor; \
              unsigned k = FM_NONZERO((const real *)&v) & all; \
              Py_ssize_t at = (c + i) * room + count[c + i]; \
              FM_STORE_NONZERO(value + at, k, (const real *)&v); \
              FM_STORE_PLACES(place + at, k, row); \
              count[c + i] += __builtin_popcount(k); }
          for (; c + 4 <= n; c += 4) {
              if (!vec_four_columns(x, first + c, t, 1)) continue;    /* at the edges of images */
              FM_APPEND(0) FM_APPEND(1) FM_APPEND(2) FM_APPEND(3)
          }
          for (; c < n; c++) {
              for (int r = 0; r < LANES; r++) ((real *)t)[r] = x[r][first + c];
              FM_APPEND(0)
          }
      }
      static inline Py_ssize_t fm_count_nonzero(const real *x, Py_ssize_t n) {
          Py_ssize_t i = 0, count = 0;
          for (; i + LANES <= n; i += LANES) {
              unsigned k = FM_NONZERO(x + i);
              count += __builtin_popcount(k);
          }
          for (; i < n; i++) count += x[i] != 0;
          return count;
      }
    #else
      #define LISTS_COLUMNS 0
      #define fm_count_nonzero(x, n) (n)
      #define fm_append_columns(x, first, n, rows, row, scale, factor, value, place, count, room) ((void)0)
    #endif
    """
    enum:
        LISTS_COLUMNS
    size fm_count_nonzero(const real *, size) noexcept nogil
    void fm_append_columns(const real **, size, size, int, size, real, real, real *, int32_t *, int32_t *,
                           size) noexcept nogil

cdef struct Nonzeros:     # lists of up to LISTED rows or columns
    real *value           # (LISTED, room)
    int32_t *place        # where these are in their row or column
    int32_t *count
    size room
    const real **row      # (room,): the rows whose columns are listed
    real *panel           # rows of the other factor, where those of a panel lie too far apart


cdef inline size listed_terms() noexcept nogil:
    """Terms of a sum that are listed at a time."""
    return LISTED_BYTES // (PANEL_VECS * LANES * <int>sizeof(real))


cdef size lay_out_nonzeros(Nonzeros *lists, char *memory) noexcept nogil:
    """Cut a thread's memory into pieces; return the bytes that takes, which is all that counts where it is NULL."""
    cdef char *cursor = memory
    lists.room = listed_terms() + LANES
    lists.value = <real *>take(&cursor, LISTED * lists.room * sizeof(real))
    lists.place = <int32_t *>take(&cursor, LISTED * lists.room * sizeof(int32_t))
    lists.count = <int32_t *>take(&cursor, LISTED * sizeof(int32_t))
    lists.row = <const real **>take(&cursor, lists.room * sizeof(real *))
    lists.panel = <real *>take(&cursor, LISTED_BYTES)
    return cursor - memory


cdef inline bint may_list(const Layer *layer, size n) noexcept nogil:
    """Whether products of n columns may be by lists of a layer's outputs, or of its dZ: where many can be 0."""
    return LISTS_COLUMNS and n >= PANEL_VECS * LANES and (layer.activation == RELU or layer.dropout > 0)


cdef bint mostly_zero(const real *A, size lda, size M, size K, size n) noexcept nogil:
    """Whether a product of n columns is faster by lists of A (M, K), by a look at a few of its rows.

    Columns beyond whole panels take as long as a panel.
    """
    cdef size vecs = n // LANES, rest = vecs % PANEL_VECS, i, count = 0, m = min(M, LOOKED_AT)
    cdef size panels = vecs // PANEL_VECS + (rest >> 2 & 1) + (rest >> 1 & 1) + (rest & 1)
    for i in range(m):
        count += fm_count_nonzero(A + i * M // m * lda, K)
    return 100 * count * panels * PANEL_VECS < NONZERO_PERCENT * m * K * vecs


cdef inline void add_listed(int vecs, const Nonzeros *lists, size i, const real *B, size ldb, vec *c) noexcept nogil:
    """c (vecs,) += sum_p value[p] B[place[p], :] over list i."""
    fm_add_rows(vecs, lists.value + i * lists.room, lists.place + i * lists.room, lists.count[i], B, ldb, c)


cdef inline void listed_panel(int vecs, const Nonzeros *lists, size M, const real *S, size lds, const real *B, size ldb,
                              real *C, size ldc) noexcept nogil:
    """So many vectors of all M lists' rows of `listed_product_from`."""
    cdef vec c[PANEL_VECS]
    cdef size i
    cdef int j
    for i in range(M):
        for j in range(vecs):
            if S == NULL:
                c[j] = vec_fill(0)
            else:
                c[j] = (<const vec *>(S + i * lds + j * LANES))[0]
        add_listed(vecs, lists, i, B, ldb, c)
        for j in range(vecs):
            (<vec *>(C + i * ldc + j * LANES))[0] = c[j]


cdef void product_of_lists(const Nonzeros *lists, size M, size copied, const real *S, size lds, const real *B, size ldb,
                           real *C, size ldc, size N) noexcept nogil:
    """C = S + A B, where M rows of A are listed; `copied` rows of B are, as they are read often, or 0."""
    cdef size j = 0
    cdef const real *b
    cdef const real *s
    cdef size ld
    while N - j >= PANEL_VECS * LANES:
        b, ld, s = B + j, ldb, S + j if S != NULL else S
        if copied > 0:
            copy_rows(b, ldb, lists.panel, PANEL_VECS * LANES, copied, PANEL_VECS * LANES)
            b, ld = lists.panel, PANEL_VECS * LANES
        listed_panel(PANEL_VECS, lists, M, s, lds, b, ld, C + j, ldc)
        j += PANEL_VECS * LANES
    if N - j >= 4 * LANES:
        listed_panel(4, lists, M, S + j if S != NULL else S, lds, B + j, ldb, C + j, ldc)
        j += 4 * LANES
    if N - j >= 2 * LANES:
        listed_panel(2, lists, M, S + j if S != NULL else S, lds, B + j, ldb, C + j, ldc)
        j += 2 * LANES
    if N - j >= LANES:
        listed_panel(1, lists, M, S + j if S != NULL else S, lds, B + j, ldb, C + j, ldc)


cdef void listed_product_from(const Nonzeros *lists, const real *S, size lds, const real *A, size lda, const real *B,
                              size ldb, real *C, size ldc, size M, size N, size K) noexcept nogil:
    """`product_from`, with its bits, by lists of the rows of A."""
    cdef size i, m, k, n, first = 0
    cdef const real *s
    # rows of B so far apart share few sets of the cache
    cdef bint copies = ldb * REAL_BYTES % 512 == 0 and ldb > PANEL_VECS * LANES
    while first < M:
        m = min(M - first, LISTED)
        s = S + first * lds if S != NULL else S
        k = 0
        while k < K:
            n = min(K - k, listed_terms())
            for i in range(m):
                lists.count[i] = <int32_t>fm_compress(A + (first + i) * lda + k, 0, n, NULL,
                                                      lists.value + i * lists.room, lists.place + i * lists.room)
            product_of_lists(lists, m, n if copies and m >= COPIED_FOR else 0, s, lds if k == 0 else ldc,
                             B + k * ldb, ldb, C + first * ldc, ldc, N)
            s = C + first * ldc
            k += n
        first += m


cdef void product_of_hidden(const Layer *layer, const Nonzeros *lists, const real *S, size lds, const real *A, size lda,
                            const real *B, size ldb, real *C, size ldc, size M, size N, size K) noexcept nogil:
    """`product_from` of a layer's outputs, or its dZ: by lists, where there is room, if most of A is 0."""
    if lists != NULL and may_list(layer, N) and mostly_zero(A, lda, M, K, N):
        listed_product_from(lists, S, lds, A, lda, B, ldb, C, ldc, M, N, K)
    else:
        product_from(S, lds, A, lda, 1, B, ldb, C, ldc, M, N, K)


cdef void list_columns(const Nonzeros *lists, size n, size first, size columns, real scale, real factor) noexcept nogil:
    """List columns first..first + columns, times scale and factor, of `lists.row`, n rows."""
    cdef size s = 0, r
    memset(lists.count, 0, columns * sizeof(int32_t))
    for r in range(n, n + LANES):             # lanes behind the last row, which are not listed
        lists.row[r] = lists.row[0]
    while s < n:
        fm_append_columns(lists.row + s, first, columns, <int>min(n - s, LANES), s, scale, factor, lists.value,
                          lists.place, lists.count, lists.room)
        s += LANES


cdef void gradient_of_hidden(const Layer *layer, const Nonzeros *lists, bint fresh, const real *A, size lda,
                             const real *D, size ldd, real *G, size ld, size M, size K) noexcept nogil:
    """G (M, ld) = or += A^T D, where A (K, M) is of a layer's outputs: by lists of its columns if most of it is 0.

    fresh : G is not read
    """
    cdef size s = 0, n, f, m, r
    cdef real *g
    if K < LANES or not (may_list(layer, ld) and mostly_zero(A, lda, K, M, ld)):
        product_from(NULL if fresh else G, ld, A, 1, lda, D, ldd, G, ld, M, ld, K)
        return
    while s < K:
        n = min(K - s, listed_terms())
        for r in range(n):
            lists.row[r] = A + (s + r) * lda
        f = 0
        while f < M:
            m = min(M - f, LISTED)
            g = G + f * ld
            list_columns(lists, n, f, m, ONE, ONE)
            product_of_lists(lists, m, 0, NULL if fresh else g, ld, D + s * ldd, ldd, g, ld, ld)
            f += m
        fresh = False
        s += n
