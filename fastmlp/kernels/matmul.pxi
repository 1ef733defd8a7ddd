# Products of small matrices: C_s = A_s B_s for every s of a run.
#
# A tile of rows x vectors of C stays in registers while k runs, as in dense.pxi, but its last vector is masked, so
# that narrow matrices are read and written where they lie. Every element is one chain of multiply-adds in the order
# of k (DOTS: one chain a lane), so that it depends neither on tiles nor on how a stack is split.
#
# C^T = B^T A^T: either form is taken if its C has whole rows. Three ways, by an estimate of their cost:
# DIRECT reads rows of B, PACKED copies panels of B first, DOTS multiplies rows of A with columns of B along k.
#
# M rows, N columns, K terms; strides are in elements.

cdef enum:
    STACK_DIMS = 64       # NumPy's most dimensions
    STACK_ROWS = 16       # of a tile, at most
    PANEL_WORDS = 3080    # K_BYTES, and what aligning them takes
    AHEAD_BYTES = 6144    # how far ahead of its use memory is fetched
    CACHE_BYTES = 1 << 20    # runs of matrices beyond this are fetched ahead
    STREAM_BYTES = 12 << 20  # the same, where all is read once and in order, which the hardware follows
    SMALL = 4096          # multiply-adds that take less than handing over the interpreter's lock
    DIRECT = 0, PACKED, DOTS

cdef struct Factors:      # one matrix of each stack, and how to multiply them
    const real *A
    const real *B
    real *C
    size a_row, a_col, b_row, b_col, c_row, c_col
    size M, N, K
    int way
    double cost

cdef struct Leading:      # dimensions before the last two, and the strides along them
    int n
    size shape[STACK_DIMS]
    size a[STACK_DIMS]
    size b[STACK_DIMS]
    size c[STACK_DIMS]

cdef struct Ahead:        # what of A, B, C is fetched early: from `at` up to `to`, which moves on by `step` a tile
    const char *at[3]
    const char *to[3]
    size step[3]


cdef inline void fetch_ahead(Ahead *ahead) noexcept nogil:
    """Fetch a tile's share. The hardware follows no stream through matrices that are done in a few dozen cycles."""
    cdef int i
    for i in range(3):
        ahead.to[i] += ahead.step[i]
        while ahead.at[i] < ahead.to[i]:
            fm_prefetch_far(ahead.at[i])
            ahead.at[i] += 64


cdef inline void stack_tile(int rows, int vecs, bint add, const real *A, size a_row, size a_col, const real *B,
                            size ldb, real *C, size ldc, size K, vmask last) noexcept nogil:
    """C (+)= A B on one register tile. `rows` and `vecs` are constants where it is inlined."""
    cdef vec c[STACK_ROWS][TILE_VECS]
    cdef vec b[TILE_VECS]
    cdef const char *a[4]
    cdef size row = a_row * REAL_BYTES
    cdef int i, j
    cdef size p
    for i in range(0, rows, 4):      # four rows a pointer: their addresses need no registers of their own
        a[i // 4] = fm_opaque(<const char *>A + i * row)
    for i in range(rows):
        for j in range(vecs):
            c[i][j] = vec_fill(0)
    if add:
        for i in range(rows):
            for j in range(vecs - 1):
                c[i][j] = (<const vec *>(C + i * ldc + j * LANES))[0]
            c[i][vecs - 1] = vec_load_masked(C + i * ldc + (vecs - 1) * LANES, last)
    for p in range(K):
        for j in range(vecs - 1):
            b[j] = (<const vec *>(B + j * LANES))[0]
        b[vecs - 1] = vec_load_masked(B + (vecs - 1) * LANES, last)
        for i in range(rows):
            for j in range(vecs):
                c[i][j] = c[i][j] + (<const real *>(a[i // 4] + (i % 4) * row))[0] * b[j]
        for i in range(0, rows, 4):
            a[i // 4] += a_col * REAL_BYTES
        B += ldb
    for i in range(rows):
        for j in range(vecs - 1):
            (<vec *>(C + i * ldc + j * LANES))[0] = c[i][j]
        vec_store_masked(C + i * ldc + (vecs - 1) * LANES, c[i][vecs - 1], last)


cdef inline size tile_height(size vecs) noexcept nogil:
    """Most rows of a tile, so that it stays in registers."""
    if vecs == TILE_VECS:
        return 6
    if vecs == 1:
        return 16 if TILE_VECS == 4 else 12
    return 8


cdef inline void stack_rows(int vecs, bint add, const real *A, size a_row, size a_col, const real *B, size ldb,
                            real *C, size ldc, size M, size K, vmask last, Ahead *ahead) noexcept nogil:
    """All M rows of a column panel, by tiles of about the same height."""
    cdef size most = tile_height(vecs)
    cdef size tiles = (M + most - 1) // most, rows
    while M > 0:
        rows = (M + tiles - 1) // tiles if tiles > 1 else M
        if ahead != NULL:
            fetch_ahead(ahead)
        if rows == 16 and vecs == 1 and TILE_VECS == 4:
            stack_tile(16, vecs, add, A, a_row, a_col, B, ldb, C, ldc, K, last)
        elif rows == 15 and vecs == 1 and TILE_VECS == 4:
            stack_tile(15, vecs, add, A, a_row, a_col, B, ldb, C, ldc, K, last)
        elif rows == 14 and vecs == 1 and TILE_VECS == 4:
            stack_tile(14, vecs, add, A, a_row, a_col, B, ldb, C, ldc, K, last)
        elif rows == 13 and vecs == 1 and TILE_VECS == 4:
            stack_tile(13, vecs, add, A, a_row, a_col, B, ldb, C, ldc, K, last)
        elif rows == 12 and vecs == 1:
            stack_tile(12, vecs, add, A, a_row, a_col, B, ldb, C, ldc, K, last)
        elif rows == 11 and vecs == 1:
            stack_tile(11, vecs, add, A, a_row, a_col, B, ldb, C, ldc, K, last)
        elif rows == 10 and vecs == 1:
            stack_tile(10, vecs, add, A, a_row, a_col, B, ldb, C, ldc, K, last)
        elif rows == 9 and vecs == 1:
            stack_tile(9, vecs, add, A, a_row, a_col, B, ldb, C, ldc, K, last)
        elif rows == 8 and vecs < TILE_VECS:
            stack_tile(8, vecs, add, A, a_row, a_col, B, ldb, C, ldc, K, last)
        elif rows == 7 and vecs < TILE_VECS:
            stack_tile(7, vecs, add, A, a_row, a_col, B, ldb, C, ldc, K, last)
        elif rows == 6:
            stack_tile(6, vecs, add, A, a_row, a_col, B, ldb, C, ldc, K, last)
        elif rows == 5:
            stack_tile(5, vecs, add, A, a_row, a_col, B, ldb, C, ldc, K, last)
        elif rows == 4:
            stack_tile(4, vecs, add, A, a_row, a_col, B, ldb, C, ldc, K, last)
        elif rows == 3:
            stack_tile(3, vecs, add, A, a_row, a_col, B, ldb, C, ldc, K, last)
        elif rows == 2:
            stack_tile(2, vecs, add, A, a_row, a_col, B, ldb, C, ldc, K, last)
        else:
            stack_tile(1, vecs, add, A, a_row, a_col, B, ldb, C, ldc, K, last)
        A += rows * a_row
        C += rows * ldc
        M -= rows
        tiles -= 1


cdef bint plan_ahead(const Factors *f, size vecs, size count, Ahead *ahead) noexcept nogil:
    """Share what a product reads and writes among its tiles; False where a run fits into the cache."""
    cdef size depth = K_BYTES // (TILE_VECS * LANES * REAL_BYTES), rest = vecs % TILE_VECS
    cdef size tiles = vecs // TILE_VECS * ((f.M + 5) // 6)
    if rest > 0:
        tiles += (f.M + tile_height(rest) - 1) // tile_height(rest)
    if f.K > depth:
        tiles *= (f.K + depth - 1) // depth
    if f.way == DOTS:
        tiles = f.M * ((f.N + 3) // 4)
    ahead.step[0] = f.M * f.K * REAL_BYTES // tiles
    ahead.step[1] = f.K * f.N * REAL_BYTES // tiles
    ahead.step[2] = f.M * f.N * REAL_BYTES // tiles
    cdef size least = STREAM_BYTES if f.way == DOTS or f.M == 1 else CACHE_BYTES
    return count * tiles * (ahead.step[0] + ahead.step[1] + ahead.step[2]) > least


cdef inline void aim_ahead(Ahead *ahead, const real *A, const real *B, const real *C, size a, size b, size c,
                           bint start) noexcept nogil:
    """Look a, b, c bytes ahead of these matrices."""
    ahead.to[0] = <const char *>A + a
    ahead.to[1] = <const char *>B + b
    ahead.to[2] = <const char *>C + c
    if start:
        ahead.at[0], ahead.at[1], ahead.at[2] = ahead.to[0], ahead.to[1], ahead.to[2]


cdef inline void one_panel(int vecs, const Factors *f, size a, size b, size c, size count) noexcept nogil:
    """A run of matrices whose B is one column panel."""
    cdef vmask last = vec_mask(f.N - (vecs - 1) * LANES)
    cdef const real *A = f.A
    cdef const real *B = f.B
    cdef real *C = f.C
    cdef size a_row = f.a_row, a_col = f.a_col, b_row = f.b_row, c_row = f.c_row, M = f.M, K = f.K, s
    cdef Ahead ahead
    cdef Ahead *far = &ahead if plan_ahead(f, vecs, count, &ahead) else NULL
    for s in range(count):
        if far != NULL:
            aim_ahead(far, A, B, C, AHEAD_BYTES, AHEAD_BYTES, AHEAD_BYTES, s == 0)
        stack_rows(vecs, False, A, a_row, a_col, B, b_row, C, c_row, M, K, last, far)
        A += a
        B += b
        C += c


cdef void pack_panel(const real *B, size b_row, size b_col, real *P, size ldp, size K, size N) noexcept nogil:
    """P = B, whose strides are any.

    B : IN (K, N)    P : OUT (K, N), rows ldp apart
    """
    cdef size i, j = 0, p
    if b_row == 1:
        while N - j >= 4:
            p = 0
            while K - p >= 4:
                transpose_quad(B + j * b_col + p, b_col, P + p * ldp + j, ldp)
                p += 4
            while p < K:
                for i in range(j, j + 4):
                    P[p * ldp + i] = B[p + i * b_col]
                p += 1
            j += 4
    for p in range(K):
        for i in range(j, N):
            P[p * ldp + i] = B[p * b_row + i * b_col]


cdef void many_panels(const Factors *f, real *panel, Ahead *far) noexcept nogil:
    """One product, by panels of `panel`'s size or less; a panel is copied there where B's rows have gaps."""
    cdef size wide = TILE_VECS * LANES, depth = K_BYTES // (TILE_VECS * LANES * REAL_BYTES)
    cdef size j, k = 0, n, width, vecs, ldb
    cdef vmask last
    cdef const real *A
    cdef const real *B
    cdef real *C
    while k < f.K or k == 0:
        n = f.K - k if f.K - k < depth else depth
        A = f.A + k * f.a_col
        j = 0
        while j < f.N:
            width = f.N - j if f.N - j < wide else wide
            vecs = (width + LANES - 1) // LANES
            last = vec_mask(width - (vecs - 1) * LANES)
            B = f.B + k * f.b_row + j * f.b_col
            ldb = f.b_row
            C = f.C + j
            if f.way == PACKED:
                pack_panel(B, f.b_row, f.b_col, panel, wide, n, width)
                B = panel
                ldb = wide
            if vecs == 1:
                stack_rows(1, k > 0, A, f.a_row, f.a_col, B, ldb, C, f.c_row, f.M, n, last, far)
            elif vecs == 2:
                stack_rows(2, k > 0, A, f.a_row, f.a_col, B, ldb, C, f.c_row, f.M, n, last, far)
            elif vecs == 3:
                stack_rows(TILE_VECS - 1, k > 0, A, f.a_row, f.a_col, B, ldb, C, f.c_row, f.M, n, last, far)
            else:
                stack_rows(TILE_VECS, k > 0, A, f.a_row, f.a_col, B, ldb, C, f.c_row, f.M, n, last, far)
            j += wide
        k += depth


cdef inline void row_tile(int vecs, const real *a, size a_col, const real *B, size ldb, real *c, size K,
                          vmask last) noexcept nogil:
    """c = a B for one row: wide, since a row has no other chains of additions to fill the time of one."""
    cdef vec t[8]
    cdef int j
    cdef size p
    for j in range(vecs):
        t[j] = vec_fill(0)
    for p in range(K):
        for j in range(vecs - 1):
            t[j] = t[j] + a[0] * (<const vec *>(B + j * LANES))[0]
        t[vecs - 1] = t[vecs - 1] + a[0] * vec_load_masked(B + (vecs - 1) * LANES, last)
        a += a_col
        B += ldb
    for j in range(vecs - 1):
        (<vec *>(c + j * LANES))[0] = t[j]
    vec_store_masked(c + (vecs - 1) * LANES, t[vecs - 1], last)


cdef void single_row(const Factors *f, Ahead *far) noexcept nogil:
    """One product of a row with a matrix of whole rows."""
    cdef size j = 0, vecs
    cdef vmask last
    while j < f.N:
        vecs = (f.N - j + LANES - 1) // LANES
        vecs = 8 if vecs > 8 else (4 if vecs > 4 and vecs < 8 else (2 if vecs == 3 else vecs))
        last = vec_mask(f.N - j - (vecs - 1) * LANES)
        if far != NULL:
            fetch_ahead(far)
        if vecs == 8:
            row_tile(8, f.A, f.a_col, f.B + j, f.b_row, f.C + j, f.K, last)
        elif vecs == 4:
            row_tile(4, f.A, f.a_col, f.B + j, f.b_row, f.C + j, f.K, last)
        elif vecs == 2:
            row_tile(2, f.A, f.a_col, f.B + j, f.b_row, f.C + j, f.K, last)
        else:
            row_tile(1, f.A, f.a_col, f.B + j, f.b_row, f.C + j, f.K, last)
        j += vecs * LANES


cdef inline void dot_columns(int columns, const real *a, const real *B, size b_col, real *c, size c_col,
                             size K) noexcept nogil:
    """c[j] = sum_p a[p] B[p, j] for some columns, read along p."""
    cdef vec t[4]
    cdef vec x
    cdef vmask last
    cdef int j
    cdef size p = 0
    for j in range(columns):
        t[j] = vec_fill(0)
    while K - p >= LANES:
        x = (<const vec *>(a + p))[0]
        for j in range(columns):
            t[j] = t[j] + x * (<const vec *>(B + j * b_col + p))[0]
        p += LANES
    if p < K:
        last = vec_mask(K - p)
        x = vec_load_masked(a + p, last)
        for j in range(columns):
            t[j] = t[j] + x * vec_load_masked(B + j * b_col + p, last)
    if columns == 4:
        vec_sums(t[0], t[1], t[2], t[3], c, c_col)
    else:
        for j in range(columns):
            c[j * c_col] = vec_sum(t[j])


cdef void dot_products(const Factors *f, Ahead *far) noexcept nogil:
    """One product, where both factors are read along k."""
    cdef size i, j
    for i in range(f.M):
        j = 0
        while f.N - j >= 4:
            if far != NULL:
                fetch_ahead(far)
            dot_columns(4, f.A + i * f.a_row, f.B + j * f.b_col, f.b_col,
                        f.C + i * f.c_row + j * f.c_col, f.c_col, f.K)
            j += 4
        if far != NULL and j < f.N:
            fetch_ahead(far)
        while j < f.N:
            dot_columns(1, f.A + i * f.a_row, f.B + j * f.b_col, f.b_col,
                        f.C + i * f.c_row + j * f.c_col, f.c_col, f.K)
            j += 1


cdef void dot_stack(const Factors *f, size a, size b, size c, size count) noexcept nogil:
    """Products of rows with columns, one number each, four matrices at a time."""
    cdef vec t[4]
    cdef real sums[4]
    cdef const real *x[4]
    cdef const real *y[4]
    cdef vmask last = vec_mask(f.K % LANES)
    cdef size s = 0, whole = f.K // LANES * LANES, n, p
    cdef int j
    while s < count:
        for j in range(4):           # at the end of the stack its last matrix stands in
            n = s + j if s + j < count else count - 1
            x[j] = f.A + n * a
            y[j] = f.B + n * b
            t[j] = vec_fill(0)
        p = 0
        while p < whole:
            for j in range(4):
                t[j] = t[j] + (<const vec *>(x[j] + p))[0] * (<const vec *>(y[j] + p))[0]
            p += LANES
        if p < f.K:
            for j in range(4):
                t[j] = t[j] + vec_load_masked(x[j] + p, last) * vec_load_masked(y[j] + p, last)
        if count - s >= 4:
            vec_sums(t[0], t[1], t[2], t[3], f.C + s * c, c)
        else:
            vec_sums(t[0], t[1], t[2], t[3], sums, 1)
            for j in range(count - s):
                f.C[(s + j) * c] = sums[j]
        s += 4
