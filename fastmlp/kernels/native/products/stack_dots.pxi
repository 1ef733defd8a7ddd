# Products of small matrices that are rows or dot products: a row times a matrix, and factors read along k.

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
