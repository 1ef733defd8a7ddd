# Stacks of matrices: leading dimensions, the way that a product is computed, and what Python calls.

cdef void multiply_run(Factors f, size a, size b, size c, size count, real *panel) noexcept nogil:
    """C_s = A_s B_s for a run of matrices a, b, c elements apart."""
    cdef size s, vecs = (f.N + LANES - 1) // LANES
    cdef Ahead ahead
    cdef Ahead *far = NULL
    cdef bint single = vecs <= TILE_VECS and f.K * TILE_VECS * LANES * REAL_BYTES <= K_BYTES
    if f.way != DOTS and b == 0 and (f.M == 1 or (a == f.M * f.a_row and c == f.M * f.c_row)):
        # one B for all: the stack is one tall matrix
        if f.M == 1:
            f.a_row = a
            f.c_row = c
        f.M *= count
        count = 1
    if single and f.way == DIRECT:
        one_panel(vecs, &f, a, b, c, count)
        return
    if single and f.way == PACKED:
        packed_panels(&f, vecs, a, b, c, count, panel)
        return
    if plan_ahead(&f, vecs, count, &ahead):
        far = &ahead
        if f.way != DOTS:
            ahead.distance[0], ahead.distance[1], ahead.distance[2] = a * REAL_BYTES, b * REAL_BYTES, c * REAL_BYTES
    if f.way == DOTS and f.M == 1 and f.N == 1:
        dot_stack(&f, a, b, c, count)
        return
    for s in range(count):
        if far != NULL:
            aim_ahead(far, f.A, f.B, f.C, s == 0)
        if f.way == DOTS:
            dot_products(&f, far)
        elif f.way == DIRECT and f.M == 1:
            single_row(&f, far)
        else:
            many_panels(&f, panel, far)
        f.A += a
        f.B += b
        f.C += c


cdef void multiply_stack(Factors *f, const Leading *leading, size first, size n) noexcept nogil:
    """Matrices first..first + n of the stack, in C's order, by runs along the last of the leading dimensions."""
    cdef double words[PANEL_WORDS]
    cdef real *panel = <real *>(<size>(words + 7) & ~<size>63)
    cdef size rest, run, place, top
    cdef int d
    cdef Factors g
    while n > 0:
        g = f[0]
        rest = first
        run = 1
        for d in range(leading.n - 1, -1, -1):
            place = rest % leading.shape[d]
            rest //= leading.shape[d]
            g.A += place * leading.a[d]
            g.B += place * leading.b[d]
            g.C += place * leading.c[d]
            if d == leading.n - 1:
                run = leading.shape[d] - place
        run = n if n < run else run
        top = leading.n - 1
        if leading.n == 0:
            multiply_run(g, 0, 0, 0, 1, panel)
        else:
            multiply_run(g, leading.a[top], leading.b[top], leading.c[top], run, panel)
        first += run
        n -= run


cdef void transpose_factors(const Factors *f, Factors *t) noexcept nogil:
    """t: C^T = B^T A^T."""
    t.A, t.a_row, t.a_col = f.B, f.b_col, f.b_row
    t.B, t.b_row, t.b_col = f.A, f.a_col, f.a_row
    t.C, t.c_row, t.c_col = f.C, f.c_col, f.c_row
    t.M, t.N, t.K = f.N, f.M, f.K


cdef bint choose_way(Factors *f) noexcept nogil:
    """Set way and cost (in multiply-adds of vectors) from shapes and strides; False where C has no whole rows."""
    cdef double vecs = (f.N + LANES - 1) // LANES, dots
    cdef bint possible = f.c_col == 1 or f.N == 1
    f.way = DIRECT if f.b_col == 1 or f.N == 1 else PACKED
    f.cost = f.M * (f.K + 1) * vecs
    if f.way == PACKED:
        f.cost += f.K * f.N
    if (f.a_col == 1 and f.b_row == 1) or f.K == 1:
        dots = f.M * (f.N * ((f.K + LANES - 1) // LANES) + 8 * <double>(f.N // 4 + f.N % 4))
        if not possible or dots < f.cost:
            f.way = DOTS
            f.cost = dots
            return True
    return possible


cdef bint reaches_into(cnp.ndarray out, cnp.ndarray other):
    """Whether the bytes between two arrays' first and last elements overlap."""
    cdef const char *low[2]
    cdef const char *high[2]
    cdef size d, span
    cdef int i
    cdef cnp.ndarray array
    for i in range(2):
        array = other if i else out
        low[i] = high[i] = array.data
        for d in range(array.ndim):
            if array.shape[d] == 0:
                return False
            span = (array.shape[d] - 1) * array.strides[d]
            if span < 0:
                low[i] += span
            else:
                high[i] += span
    return low[0] < high[1] + REAL_BYTES and low[1] < high[0] + REAL_BYTES


cdef bint reaches_itself(cnp.ndarray out):
    """Whether two elements may lie in one place: each stride must pass over all that shorter ones reach."""
    cdef size reach = REAL_BYTES, shortest, stride
    cdef int d, best
    cdef uint64_t done = 0
    if cnp.PyArray_IS_C_CONTIGUOUS(out):
        return False
    while True:
        best = -1
        shortest = 0
        for d in range(out.ndim):
            stride = out.strides[d] if out.strides[d] >= 0 else -out.strides[d]
            if out.shape[d] > 1 and not done >> d & 1 and (best < 0 or stride < shortest):
                best = d
                shortest = stride
        if best < 0:
            return False
        if shortest < reach:
            return True
        reach += shortest * (out.shape[best] - 1)
        done |= <uint64_t>1 << best


cdef int describe_stack(Factors *f, Leading *leading, cnp.ndarray A, cnp.ndarray B, cnp.ndarray C) except -1:
    """Shapes and strides; 0 where an array is not aligned, or writing C may change what is still to be read."""
    cdef int n = C.ndim - 2, d, back, last = 0
    cdef size a, b, c, length
    cdef cnp.npy_intp misfit = (<size>C.data | <size>A.data | <size>B.data)
    for d in range(A.ndim): misfit |= A.strides[d]
    for d in range(B.ndim): misfit |= B.strides[d]
    for d in range(C.ndim): misfit |= C.strides[d]
    if misfit % REAL_BYTES or reaches_into(C, A) or reaches_into(C, B) or reaches_itself(C):
        return 0
    f.A, f.B, f.C = <const real *>A.data, <const real *>B.data, <real *>C.data
    f.M, f.N, f.K = C.shape[n], C.shape[n + 1], A.shape[A.ndim - 1]
    f.a_row, f.a_col = A.strides[A.ndim - 2] // REAL_BYTES, A.strides[A.ndim - 1] // REAL_BYTES
    f.b_row, f.b_col = B.strides[B.ndim - 2] // REAL_BYTES, B.strides[B.ndim - 1] // REAL_BYTES
    f.c_row, f.c_col = C.strides[n] // REAL_BYTES, C.strides[n + 1] // REAL_BYTES
    leading.n = 0
    for d in range(n):
        back = n - d + 2
        length = C.shape[d]
        if length == 1:
            continue
        a = A.strides[A.ndim - back] // REAL_BYTES if back <= A.ndim and A.shape[A.ndim - back] > 1 else 0
        b = B.strides[B.ndim - back] // REAL_BYTES if back <= B.ndim and B.shape[B.ndim - back] > 1 else 0
        c = C.strides[d] // REAL_BYTES
        last = leading.n - 1
        if last >= 0 and leading.a[last] == a * length and leading.b[last] == b * length \
                and leading.c[last] == c * length:
            length *= leading.shape[last]
        else:
            last += 1
            leading.n += 1
        leading.shape[last], leading.a[last], leading.b[last], leading.c[last] = length, a, b, c
    return 1


def matmul_stack(cnp.ndarray A, cnp.ndarray B, cnp.ndarray out, size first=0, size n=-1):
    """Write out = A B, or matrices first..first + n of it, counted over its leading dimensions in C's order.

    A, B : IN (..., M, K), (..., K, N), broadcast    out : OUT (..., M, N)

    Return False, with nothing written, where out's matrices have neither whole rows nor whole columns, where
    out shares memory with A, B or itself, or where an array is not aligned.
    """
    cdef Factors f, t
    cdef Factors *best = &f
    cdef Leading leading
    cdef size i
    cdef cnp.npy_intp swap
    if not describe_stack(&f, &leading, A, B, out):
        return False
    transpose_factors(&f, &t)
    cdef bint straight = choose_way(&f), turned = choose_way(&t)
    if not straight and not turned:
        return False
    if turned and (not straight or t.cost < f.cost):
        best = &t
        for i in range(leading.n):
            swap = leading.a[i]
            leading.a[i] = leading.b[i]
            leading.b[i] = swap
    if n < 0:
        n = 1
        for i in range(out.ndim - 2):
            n *= out.shape[i]
    if n > 0 and f.M > 0 and f.N > 0:
        if n * f.M * f.N * (f.K + 1) < SMALL:
            multiply_stack(best, &leading, first, n)
        else:
            with nogil:
                multiply_stack(best, &leading, first, n)
    return True
