# Dense products: C = S + A B, register-blocked; S may be C.
#
# A tile of `rows` x `vecs` vectors of C stays in registers while k runs; every element of C is one
# chain of multiply-adds in the order of k, so that a result depends neither on the tiling nor on
# threads. A's strides are free: the same code computes Y = X W and dW = X^T dZ.
#
# M rows, N columns (whole vectors), K terms. MR rows a tile, TILE_VECS vectors a tile.

cdef enum:
    MR = 6
    K_BYTES = 24576       # of a panel of B that is reused from the first-level cache


cdef inline void tile(int rows, int vecs, const real *S, size lds, const real *A, size a_row, size a_col,
                      const real *B, size ldb, real *C, size ldc, size K) noexcept nogil:
    """C = S + A B on one register tile. `rows` and `vecs` are constants where it is inlined."""
    cdef vec c[MR][TILE_VECS]
    cdef vec b[TILE_VECS]
    cdef int i, j
    cdef size p
    for i in range(rows):
        for j in range(vecs):
            if S == NULL:
                c[i][j] = vec_fill(0)
            else:
                c[i][j] = (<const vec *>(S + i * lds + j * LANES))[0]
    for p in range(K):
        for j in range(vecs):
            b[j] = (<const vec *>(B + j * LANES))[0]
        for i in range(rows):
            for j in range(vecs):
                c[i][j] = c[i][j] + A[i * a_row] * b[j]
        A += a_col
        B += ldb
    for i in range(rows):
        for j in range(vecs):
            (<vec *>(C + i * ldc + j * LANES))[0] = c[i][j]


cdef inline void tile_rows(int vecs, const real *S, size lds, const real *A, size a_row, size a_col,
                           const real *B, size ldb, real *C, size ldc, size M, size K) noexcept nogil:
    """All M rows of a column panel, by tiles of 6, 4, 2 and 1 rows."""
    cdef size i = 0
    while M - i >= 6:
        tile(6, vecs, S + i * lds if S != NULL else S, lds, A + i * a_row, a_row, a_col, B, ldb, C + i * ldc, ldc, K)
        i += 6
    if M - i >= 4:
        tile(4, vecs, S + i * lds if S != NULL else S, lds, A + i * a_row, a_row, a_col, B, ldb, C + i * ldc, ldc, K)
        i += 4
    if M - i >= 2:
        tile(2, vecs, S + i * lds if S != NULL else S, lds, A + i * a_row, a_row, a_col, B, ldb, C + i * ldc, ldc, K)
        i += 2
    if M - i >= 1:
        tile(1, vecs, S + i * lds if S != NULL else S, lds, A + i * a_row, a_row, a_col, B, ldb, C + i * ldc, ldc, K)


cdef void product_from(const real *S, size lds, const real *A, size a_row, size a_col, const real *B, size ldb,
                       real *C, size ldc, size M, size N, size K) noexcept nogil:
    """C = S + A B.

    S : IN (M, N), rows lds apart: C itself, or 0 apart where one row is for all, or NULL for zeros
    A : IN, element (i, p) at A[i a_row + p a_col], (M, K)
    B : IN (K, N), rows ldb apart, N a multiple of LANES
    C : OUT (M, N), rows ldc apart
    """
    cdef size j, n, k = 0
    cdef size depth = K_BYTES // (TILE_VECS * LANES * REAL_BYTES)
    cdef const real *s
    while k < K:
        n = K - k if K - k < depth else depth
        j = 0
        while j < N:
            s = S + j if S != NULL else S
            if N - j >= TILE_VECS * LANES:
                tile_rows(TILE_VECS, s, lds, A + k * a_col, a_row, a_col, B + k * ldb + j, ldb, C + j, ldc, M, n)
                j += TILE_VECS * LANES
            elif TILE_VECS == 4 and N - j >= 3 * LANES:
                tile_rows(3, s, lds, A + k * a_col, a_row, a_col, B + k * ldb + j, ldb, C + j, ldc, M, n)
                j += 3 * LANES
            elif TILE_VECS == 4 and N - j >= 2 * LANES:
                tile_rows(2, s, lds, A + k * a_col, a_row, a_col, B + k * ldb + j, ldb, C + j, ldc, M, n)
                j += 2 * LANES
            else:
                tile_rows(1, s, lds, A + k * a_col, a_row, a_col, B + k * ldb + j, ldb, C + j, ldc, M, n)
                j += LANES
        S, lds = C, ldc
        k += n


cdef void add_product(const real *A, size a_row, size a_col, const real *B, size ldb, real *C, size ldc,
                      size M, size N, size K) noexcept nogil:
    """C += A B: see `product_from`."""
    product_from(C, ldc, A, a_row, a_col, B, ldb, C, ldc, M, N, K)


cdef void fill_rows(const real *b, real *C, size ldc, size M, size N) noexcept nogil:
    """Every row of C becomes b, or 0 where b is NULL."""
    cdef size i
    for i in range(M):
        if b == NULL:
            memset(C + i * ldc, 0, N * sizeof(real))
        else:
            memcpy(C + i * ldc, b, N * sizeof(real))


cdef void transpose(const real *A, size lda, real *T, size ldt, size M, size N) noexcept nogil:
    """T = A^T, by LANES x 4 numbers, then by 4 x 4, where there are as many.

    A : IN (M, N), rows lda apart    T : OUT (N, M), rows ldt apart
    """
    cdef const real *x[64]
    cdef vec t[4]
    cdef size i = 0, j, r, rows = M // 4 * 4, columns = N // 4 * 4
    while LANES > 4 and M - i >= LANES:
        for r in range(LANES):
            x[r] = A + (i + r) * lda
        for j in range(0, columns, 4):
            vec_four_columns(x, j, t, False)
            for r in range(4):
                (<vec *>(T + (j + r) * ldt + i))[0] = t[r]
        i += LANES
    for j in range(0, columns, 4):
        for r in range(i, rows, 4):
            transpose_quad(A + r * lda + j, lda, T + j * ldt + r, ldt)
    for i in range(M):
        for j in range(columns if i < rows else 0, N):
            T[j * ldt + i] = A[i * lda + j]
