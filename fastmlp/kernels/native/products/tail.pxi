# The last columns of a product where they are few, at most TAIL of a vector: 100 columns are 6 vectors of 16 and a
# quarter.
#
# Their sums lie in vectors across the terms (forward) or across the features (gradient), whose lanes are all of use,
# not in a vector of columns that is mostly empty.

cdef enum:
    TAIL = 4
    TAIL_TERMS = 192      # at most, of an element


cdef inline bint has_tail(size n) noexcept nogil:
    """Whether the last vector of n columns holds so few that they have products of their own."""
    return LANES >= 2 * TAIL and 0 < n % LANES <= TAIL


cdef void add_tail(const real *A, size lda, const real *B, size ldb, real *C, size ldc, size M,
                   size K) noexcept nogil:
    """C += A B, for TAIL columns. An element's terms go round the lanes, whose sums are added up at the end.

    A : IN (M, K), rows lda apart, 0 up to whole vectors
    B : IN (K, TAIL), rows ldb apart, K at most TAIL_TERMS
    C : IN/OUT (M, TAIL), rows ldc apart
    """
    cdef real room[TAIL * TAIL_TERMS + 16]
    cdef real *T = <real *>((<size>room + 63) // 64 * 64)     # B transposed, by whole lines of the cache
    cdef real sums[16]
    cdef vec c[16]            # of LANES / TAIL rows
    cdef vec sum
    cdef const real *a[4]
    cdef size i = 0, p, depth = padded(K)
    cdef int r, j
    for p in range(depth):
        for j in range(TAIL):
            T[j * TAIL_TERMS + p] = B[p * ldb + j] if p < K else 0
    while i < M:
        for r in range(LANES // TAIL):
            a[r] = A + min(i + r, M - 1) * lda
            for j in range(TAIL):
                c[r * TAIL + j] = vec_fill(0)
        for p in range(depth // LANES):
            for r in range(LANES // TAIL):
                for j in range(TAIL):
                    c[r * TAIL + j] = c[r * TAIL + j] + (<const vec *>a[r])[p] * (<const vec *>(T + j * TAIL_TERMS))[p]
        sum = vec_lane_sums(c)
        memcpy(sums, &sum, sizeof(vec))
        for r in range(min(LANES // TAIL, M - i)):
            for j in range(TAIL):
                C[(i + r) * ldc + j] = C[(i + r) * ldc + j] + sums[r * TAIL + j]
        i += LANES // TAIL


cdef inline void tail_block(int vecs, bint fresh, const real *A, size lda, const real *D, size ldd, real *G, size ldg,
                            size M, size K) noexcept nogil:
    """`tail_gradient` of so many vectors of features."""
    cdef vec c[TAIL][3]
    cdef vec a
    cdef real *out = <real *>c
    cdef int i, j
    cdef size p, f
    for i in range(TAIL):
        for j in range(vecs):
            c[i][j] = vec_fill(0)
    for p in range(K):
        for j in range(vecs):
            a = (<const vec *>(A + j * LANES))[0]
            for i in range(TAIL):
                c[i][j] = c[i][j] + D[i] * a
        A += lda
        D += ldd
    for f in range(min(vecs * LANES, M)):
        if fresh:
            (<vec *>(G + f * ldg))[0] = vec_fill(0)
        for i in range(TAIL):
            G[f * ldg + i] = G[f * ldg + i] + out[i * 3 * LANES + f]


cdef void tail_gradient(bint fresh, const real *A, size lda, const real *D, size ldd, real *G, size ldg, size M,
                        size K) noexcept nogil:
    """G = or += A^T D, for TAIL columns, those up to a whole vector 0.

    A : IN (K, M), rows lda apart, whole vectors    D : IN (K, TAIL), rows ldd apart    G : (M, LANES), rows ldg apart
    """
    cdef size f = 0
    while M - f > 2 * LANES:
        tail_block(3, fresh, A + f, lda, D, ldd, G + f * ldg, ldg, M - f, K)
        f += 3 * LANES
    while f < M:
        tail_block(1, fresh, A + f, lda, D, ldd, G + f * ldg, ldg, M - f, K)
        f += LANES
