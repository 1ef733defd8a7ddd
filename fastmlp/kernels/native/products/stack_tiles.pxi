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
    SPREAD_BYTES = 1 << 14   # of a matrix at most, for tiles to fetch the next while they compute
    SPREAD_WORK = 512        # multiply-adds of vectors a term times bytes fetched, at least, for the same
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

cdef struct Ahead:        # what of A, B, C is fetched early
    size distance[3]      # bytes beyond the matrices at hand
    size each             # large tiles fetch so many bytes of each with every term; 0: as small ones
    const char *fetch     # what they fetch next of B, and where from there A's and C's share is
    size to_a, to_c
    const char *at[3]     # small tiles fetch first, from `at` up to `to`, which moves on by `step` a tile
    const char *to[3]
    size step[3]

cdef struct Tiles:        # of a run of matrices, a panel of columns wide
    const real *A
    const real *B
    real *C
    size a_row, a_col, b_row, c_row, K
    size a, b, c, count   # matrices, and what lies between two of them
    size tiles, rows      # of a matrix, and of a tile: all are as high,
    size overlap          # and the last one begins so many rows inside the one above it
    bint add              # to what C holds
    vmask last            # of the last vector of a row
    Ahead *ahead          # NULL: nothing is fetched


cdef inline void fetch_ahead(Ahead *ahead) noexcept nogil:
    """Fetch a tile's share. The hardware follows no stream through matrices that are done in a few dozen cycles."""
    cdef int i
    for i in range(3):
        ahead.to[i] += ahead.step[i]
        while ahead.at[i] < ahead.to[i]:
            fm_prefetch_far(ahead.at[i])
            ahead.at[i] += 64


cdef inline void aim_ahead(Ahead *ahead, const real *A, const real *B, const real *C, bint start) noexcept nogil:
    """Look `distance` beyond these matrices; `start`: nothing has been fetched yet."""
    ahead.to[0] = <const char *>A + ahead.distance[0]
    ahead.to[1] = <const char *>B + ahead.distance[1]
    ahead.to[2] = <const char *>C + ahead.distance[2]
    ahead.fetch, ahead.to_a, ahead.to_c = ahead.to[1], ahead.to[0] - ahead.to[1], ahead.to[2] - ahead.to[1]
    if start:
        ahead.at[0], ahead.at[1], ahead.at[2] = ahead.to[0], ahead.to[1], ahead.to[2]


cdef inline int fetched_lines(size rows, size vecs) noexcept nogil:
    """Cache lines of each matrix that a tile has the time to fetch with every term."""
    if rows * vecs < 8:
        return 0
    return 2 if vecs == 2 and rows > 8 else 1


cdef inline void stack_tile(int rows, int vecs, int lines, bint add, const real *A, size a_row, size a_col,
                            const real *B, size ldb, real *C, size ldc, size K, vmask last, const char *fetch,
                            size to_a, size to_c, size each) noexcept nogil:
    """C (+)= A B on one register tile. `rows`, `vecs` and `lines` are constants where it is inlined.

    With every term `lines` cache lines are fetched at `fetch`, which moves on by `each` bytes, and as many
    `to_a` and `to_c` bytes from there.
    """
    cdef vec c[STACK_ROWS][TILE_VECS]
    cdef vec b[TILE_VECS]
    cdef const char *a[4]
    cdef real *to = C
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
                c[i][j] = (<const vec *>(to + j * LANES))[0]
            c[i][vecs - 1] = vec_load_masked(to + (vecs - 1) * LANES, last)
            to = <real *>fm_opaque(<const char *>(to + ldc))
        to = C
    for p in range(K, 0, -1):
        for j in range(vecs - 1):
            b[j] = (<const vec *>(B + j * LANES))[0]
        b[vecs - 1] = vec_load_masked(B + (vecs - 1) * LANES, last)
        for i in range(lines):
            fm_prefetch(fetch + i * 64)
            fm_prefetch(fetch + to_a + i * 64)
            fm_prefetch(fetch + to_c + i * 64)
        fetch += each
        for i in range(rows):
            for j in range(vecs):
                c[i][j] = c[i][j] + (<const real *>(a[i // 4] + (i % 4) * row))[0] * b[j]
        for i in range(0, rows, 4):
            a[i // 4] += a_col * REAL_BYTES
        B += ldb
    for i in range(rows):
        for j in range(vecs - 1):
            (<vec *>(to + j * LANES))[0] = c[i][j]
        vec_store_masked(to + (vecs - 1) * LANES, c[i][vecs - 1], last)
        to = <real *>fm_opaque(<const char *>(to + ldc))


cdef inline void equal_tiles(int rows, int vecs, const Tiles *t) noexcept nogil:
    """All tiles of a run. `rows` and `vecs` are constants where it is inlined.

    Where memory is waited for, large tiles spread what they fetch over their terms; a tile with little to do
    fetches its share first.
    """
    cdef const real *A = t.A
    cdef const real *B = t.B
    cdef real *C = t.C
    cdef const real *a
    cdef real *c
    cdef Ahead *ahead = t.ahead
    cdef size a_row = t.a_row, a_col = t.a_col, b_row = t.b_row, c_row = t.c_row, K = t.K
    cdef size next_a = t.a, next_b = t.b, next_c = t.c, tiles = t.tiles
    cdef size back_a = t.overlap * a_row, back_c = t.overlap * c_row, s, i, to_a, to_c, each
    cdef vmask last = t.last
    cdef int lines = fetched_lines(rows, vecs)
    cdef const char *fetch
    cdef const char *start
    if lines > 0 and ahead != NULL and ahead.each > 0 and not t.add:
        each, start, to_a, to_c = ahead.each, ahead.fetch, ahead.to_a, ahead.to_c
        ahead.fetch += tiles * K * each
        for s in range(t.count):
            fetch = start
            a = A
            c = C
            for i in range(tiles, 0, -1):
                if i == 1:
                    a -= back_a
                    c -= back_c
                stack_tile(rows, vecs, lines, False, a, a_row, a_col, B, b_row, c, c_row, K, last, fetch, to_a, to_c,
                           each)
                fetch += K * each
                a += rows * a_row
                c += rows * c_row
            A += next_a
            B += next_b
            C += next_c
            start += next_b * REAL_BYTES
            to_a += (next_a - next_b) * REAL_BYTES
            to_c += (next_c - next_b) * REAL_BYTES
        return
    for s in range(t.count):
        if s > 0 and ahead != NULL:
            aim_ahead(ahead, A, B, C, False)
        a = A
        c = C
        for i in range(tiles, 0, -1):
            if i == 1:
                a -= back_a
                c -= back_c
            if ahead != NULL:
                fetch_ahead(ahead)
            stack_tile(rows, vecs, 0, t.add, a, a_row, a_col, B, b_row, c, c_row, K, last, NULL, 0, 0, 0)
            a += rows * a_row
            c += rows * c_row
        A += next_a
        B += next_b
        C += next_c


cdef inline size tile_height(size vecs) noexcept nogil:
    """Most rows of a tile, so that it stays in registers."""
    if vecs == TILE_VECS:
        return 6
    if vecs == 1:
        return 16 if TILE_VECS == 4 else 12
    return 12 if vecs == 2 else 8


cdef inline void stack_tiles(int vecs, const Tiles *t) noexcept nogil:
    """All tiles of a run, by their height."""
    if t.rows == 16 and vecs == 1 and TILE_VECS == 4:
        equal_tiles(16, vecs, t)
    elif t.rows == 15 and vecs == 1 and TILE_VECS == 4:
        equal_tiles(15, vecs, t)
    elif t.rows == 14 and vecs == 1 and TILE_VECS == 4:
        equal_tiles(14, vecs, t)
    elif t.rows == 13 and vecs == 1 and TILE_VECS == 4:
        equal_tiles(13, vecs, t)
    elif t.rows == 12 and (vecs == 1 or (vecs == 2 and TILE_VECS == 4)):
        equal_tiles(12, vecs, t)
    elif t.rows == 11 and (vecs == 1 or (vecs == 2 and TILE_VECS == 4)):
        equal_tiles(11, vecs, t)
    elif t.rows == 10 and (vecs == 1 or (vecs == 2 and TILE_VECS == 4)):
        equal_tiles(10, vecs, t)
    elif t.rows == 9 and (vecs == 1 or (vecs == 2 and TILE_VECS == 4)):
        equal_tiles(9, vecs, t)
    elif t.rows == 8 and vecs < TILE_VECS:
        equal_tiles(8, vecs, t)
    elif t.rows == 7 and vecs < TILE_VECS:
        equal_tiles(7, vecs, t)
    elif t.rows == 6:
        equal_tiles(6, vecs, t)
    elif t.rows == 5:
        equal_tiles(5, vecs, t)
    elif t.rows == 4:
        equal_tiles(4, vecs, t)
    elif t.rows == 3:
        equal_tiles(3, vecs, t)
    elif t.rows == 2:
        equal_tiles(2, vecs, t)
    else:
        equal_tiles(1, vecs, t)


# One function for each width, so that the compiler finds registers for each on its own.

cdef void tiles_1(const Tiles *t) noexcept nogil:
    stack_tiles(1, t)


cdef void tiles_2(const Tiles *t) noexcept nogil:
    stack_tiles(2, t)


cdef void tiles_3(const Tiles *t) noexcept nogil:
    stack_tiles(TILE_VECS - 1, t)


cdef void tiles_4(const Tiles *t) noexcept nogil:
    stack_tiles(TILE_VECS, t)


cdef void stack_run(int vecs, const Tiles *t) noexcept nogil:
    if vecs == 1:
        tiles_1(t)
    elif vecs == 2:
        tiles_2(t)
    elif vecs == 3:
        tiles_3(t)
    else:
        tiles_4(t)


cdef void stack_rows(int vecs, const Tiles *t, size M) noexcept nogil:
    """All M rows of the matrices, by tiles of the same height."""
    cdef size most = tile_height(vecs)
    cdef Tiles run = t[0]
    run.tiles = (M + most - 1) // most
    run.rows = (M + run.tiles - 1) // run.tiles
    run.overlap = run.tiles * run.rows - M
    if t.add and run.overlap > 0:          # what is added must not be added twice
        run.tiles -= 1
        M -= run.tiles * run.rows
        run.overlap = 0
        stack_run(vecs, &run)
        run.A += run.tiles * run.rows * run.a_row
        run.C += run.tiles * run.rows * run.c_row
        run.rows = M
        run.tiles = 1
    stack_run(vecs, &run)


cdef bint plan_ahead(const Factors *f, size vecs, size count, Ahead *ahead) noexcept nogil:
    """Share what a product reads and writes among its tiles; False where a run fits into the cache."""
    cdef size depth = K_BYTES // (TILE_VECS * LANES * REAL_BYTES), rest = vecs % TILE_VECS
    cdef size sizes[3]
    cdef size tiles = vecs // TILE_VECS * ((f.M + 5) // 6), least = f.M * f.K, most = 0, rows, width
    cdef int i
    if rest > 0:
        tiles += (f.M + tile_height(rest) - 1) // tile_height(rest)
    if f.K > depth:
        tiles *= (f.K + depth - 1) // depth
    if f.way == DOTS:
        tiles = f.M * ((f.N + 3) // 4)
    sizes[0], sizes[1], sizes[2] = f.M * f.K, f.K * f.N, f.M * f.N
    for i in range(3):
        ahead.step[i] = sizes[i] * REAL_BYTES // tiles
        ahead.distance[i] = AHEAD_BYTES
        least = sizes[i] if sizes[i] < least else least
        most = sizes[i] if sizes[i] > most else most
    ahead.each = 0
    if f.way != DOTS and f.M > 1 and f.K > 0 and most <= 2 * least and most * REAL_BYTES <= SPREAD_BYTES:
        width = vecs if vecs < TILE_VECS else TILE_VECS
        rows = (f.M + tiles - 1) // tiles if vecs < TILE_VECS else tile_height(TILE_VECS)
        ahead.each = (most * REAL_BYTES + tiles * f.K - 1) // (tiles * f.K)
        if ahead.each > fetched_lines(rows, width) * 64 or ahead.each * rows * width < SPREAD_WORK:
            ahead.each = 0
    return count * tiles * (ahead.step[0] + ahead.step[1] + ahead.step[2]) > (
        STREAM_BYTES if f.way == DOTS or f.M == 1 else CACHE_BYTES)


cdef void one_panel(int vecs, const Factors *f, size a, size b, size c, size count) noexcept nogil:
    """A run of matrices whose B is one column panel."""
    cdef Ahead ahead
    cdef Tiles t
    t.A, t.a_row, t.a_col, t.a = f.A, f.a_row, f.a_col, a
    t.B, t.b_row, t.b = f.B, f.b_row, b
    t.C, t.c_row, t.c = f.C, f.c_row, c
    t.add = False
    t.K, t.count, t.last = f.K, count, vec_mask(f.N - (vecs - 1) * LANES)
    t.ahead = &ahead if plan_ahead(f, vecs, count, &ahead) else NULL
    if t.ahead != NULL:
        aim_ahead(t.ahead, f.A, f.B, f.C, True)
    stack_rows(vecs, &t, f.M)


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


cdef void packed_panels(const Factors *f, size vecs, size a, size b, size c, size count, real *panel) noexcept nogil:
    """A run of matrices whose B is one column panel, copied as many at a time as `panel` holds."""
    cdef Factors g = f[0]
    cdef size each = f.K * vecs * LANES, n = count, done = 0, s
    g.b_row, g.b_col, g.way = vecs * LANES, 1, DIRECT
    if each > 0:
        n = K_BYTES // (each * REAL_BYTES)
    while done < count:
        n = n if n < count - done else count - done
        for s in range(n):
            pack_panel(f.B + (done + s) * b, f.b_row, f.b_col, panel + s * each, g.b_row, f.K, f.N)
        g.A, g.B, g.C = f.A + done * a, panel, f.C + done * c
        one_panel(vecs, &g, a, each, c, n)
        done += n


cdef void many_panels(const Factors *f, real *panel, Ahead *far) noexcept nogil:
    """One product, by panels of `panel`'s size or less; a panel is copied there where B's rows have gaps."""
    cdef size wide = TILE_VECS * LANES, depth = K_BYTES // (TILE_VECS * LANES * REAL_BYTES)
    cdef size j, k = 0, width, vecs
    cdef Tiles t
    t.a_row, t.a_col, t.c_row = f.a_row, f.a_col, f.c_row
    t.a = t.b = t.c = 0
    t.count = 1
    t.ahead = far
    while k < f.K or k == 0:
        t.K = f.K - k if f.K - k < depth else depth
        t.A = f.A + k * f.a_col
        t.add = k > 0
        j = 0
        while j < f.N:
            width = f.N - j if f.N - j < wide else wide
            vecs = (width + LANES - 1) // LANES
            t.last = vec_mask(width - (vecs - 1) * LANES)
            t.B = f.B + k * f.b_row + j * f.b_col
            t.b_row = f.b_row
            t.C = f.C + j
            if f.way == PACKED:
                pack_panel(t.B, f.b_row, f.b_col, panel, wide, t.K, width)
                t.B = panel
                t.b_row = wide
            stack_rows(vecs, &t, f.M)
            j += wide
        k += depth
