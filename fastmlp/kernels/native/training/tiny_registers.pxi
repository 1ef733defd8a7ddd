# The smallest of the tiny nets, whose whole step stays in registers: one hidden layer of a few neurons, one output, and
# batches of no more samples than a vector has lanes. How many inputs and neurons there are is known when this is
# compiled, so every weight, output and gradient is a variable. The optimizer is plain gradient descent: what others
# remember would not fit in too. A weight is in every lane that a sample may be in, and the sum of a gradient's lanes is
# left in all of them, so that nothing is broadcast. A step is one chain of results that wait for each other, so what
# can be computed before the output is known is: all that multiplies the output's error in a weight's step.
#
# Where the samples fit into 16 bytes, a vector has room for several neurons, each in 16 bytes of its own: `together` of
# them, and zeros behind. So a vector is W[i, u], b[u] or V[u] of these neurons, and samples are repeated for each. The
# output's bias stands beside the first one only, as the output is their sum.

cdef enum:
    REGISTER_PARAMS = 17      # of the largest of these nets, 2-4-1

cdef extern from *:
    """
    #if defined(FM_ADD) && REAL_BYTES == 4
      #define FM_PARTS (VEC_BYTES / 16)      /* of 16 bytes, that can hold a neuron each */
    #else
      #define FM_PARTS 1
    #endif
    #define FM_PART_LANES (LANES / FM_PARTS)
    /* vec_sum(a) in every lane, bit for bit. `low`: in those of the first 16 bytes, the others being 0. */
    #if defined(FM_ADD)
      #define FM_TURN(a, list) ((a) + __builtin_shufflevector(a, a, FM_LIST list))
    #endif
    static inline vec vec_sum_everywhere(vec a, int low) {
    #if !defined(FM_ADD)
        return vec_fill(vec_sum(a));
    #elif VEC_BYTES / REAL_BYTES == 16
        if (!low) {
            a = FM_TURN(a, (8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
            a = FM_TURN(a, (4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
        }
        a = FM_TURN(a, (2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
        return FM_TURN(a, (1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14));
    #elif VEC_BYTES / REAL_BYTES == 8
        if (!low || REAL_BYTES == 8) a = FM_TURN(a, (4, 5, 6, 7, 0, 1, 2, 3));
        a = FM_TURN(a, (2, 3, 0, 1, 6, 7, 4, 5));
        return FM_TURN(a, (1, 0, 3, 2, 5, 4, 7, 6));
    #elif VEC_BYTES / REAL_BYTES == 4
        a = FM_TURN(a, (2, 3, 0, 1));
        return FM_TURN(a, (1, 0, 3, 2));
    #else
        return FM_TURN(a, (1, 0));
    #endif
    }

    /* The sum over the neurons that a vector holds, beside each of them. */
    static inline vec vec_sum_together(int together, vec a) {
    #if FM_PARTS == 4
        if (together == 2) {                   /* a shuffle of 32 bytes takes 3 cycles, one of 64 takes 5 */
            __m256 low = _mm512_castps512_ps256((__m512)a);
            a = a + (vec)_mm512_zextps256_ps512(_mm256_permute2f128_ps(low, low, 1));
        } else if (together > 2) {
            a = FM_TURN(a, (4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
            a = FM_TURN(a, (8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
        }
    #elif FM_PARTS == 2
        if (together > 1) a = FM_TURN(a, (4, 5, 6, 7, 0, 1, 2, 3));
    #endif
        (void)together;
        return a;
    }

    /* 1 beside the first neuron of those that a vector holds, else 0. */
    static inline vec vec_beside_first(int together) {
        vec a;
        for (int l = 0; l < LANES; l++) a[l] = together == 1 || l < FM_PART_LANES;
        return a;
    }
    """
    enum: FM_PARTS
    enum: FM_PART_LANES
    vec vec_sum_everywhere(vec, bint) noexcept nogil
    vec vec_sum_together(int, vec) noexcept nogil
    vec vec_beside_first(int) noexcept nogil


cdef bint fits_registers(const Tiny *self) noexcept nogil:
    """Whether registers_run has this net, and does what is asked of it."""
    cdef const Net *net = &self.job.net
    cdef const Run *run = self.job.run
    cdef const Layer *layer
    cdef size k, samples = run.batch_size if run.batch_size < run.n_samples else run.n_samples
    if self.Y == NULL or self.l2 != NULL or self.any_frozen or run.weight_decay != 0 or samples > LANES:
        return False
    if run.optimizer != SGD or net.n_layers != 2 or net.n_edges != 2 or net.edges[1].source != 0:
        return False
    for k in range(2):
        layer = &net.layers[k]
        if layer.activation > RELU or layer.slope != 1 or layer.bias < 0:
            return False
    return run.n_outputs == 1


cdef void widen(const Tiny *self, const real *flat, vec *wide) noexcept nogil:
    """Put W, b, V, whose rows have a number for each neuron, and c into vectors. What no neuron has is 0."""
    cdef size rows = self.job.run.n_features + 2, hidden = self.job.net.layers[0].n_out
    cdef size r, v, lane, part, u, vectors = (hidden + self.together - 1) // self.together
    for r in range(rows):
        for v in range(vectors):
            for lane in range(LANES):
                part = lane // FM_PART_LANES if self.together > 1 else 0
                u = v * self.together + part
                (<real *>(wide + r * vectors + v))[lane] = (
                    flat[r * hidden + u] if part < <size>self.together and u < hidden else 0)
    wide[rows * vectors] = flat[rows * hidden] * vec_beside_first(self.together)


cdef void narrow(const Tiny *self, const vec *wide, real *flat) noexcept nogil:
    """Take them out again."""
    cdef size rows = self.job.run.n_features + 2, hidden = self.job.net.layers[0].n_out
    cdef size r, u, vectors = (hidden + self.together - 1) // self.together
    for r in range(rows):
        for u in range(hidden):
            flat[r * hidden + u] = (<const real *>(wide + r * vectors + u // self.together))[
                u % self.together * FM_PART_LANES]
    flat[rows * hidden] = (<const real *>(wide + rows * vectors))[0]


cdef void registers_widen(Tiny *self) noexcept nogil:
    """Take the parameters over."""
    widen(self, self.params, self.wide)
    widen(self, self.backup, self.wide_backup)


cdef void registers_narrow(Tiny *self) noexcept nogil:
    """Hand them back."""
    narrow(self, self.wide, self.params)
    narrow(self, self.wide_backup, self.backup)


cdef void registers_gather(Tiny *self, size start, size m) noexcept nogil:
    """Fill X, Y, weight and scale with m samples, once for each neuron of a vector; but losses count once."""
    cdef size i, lane
    tiny_gather(self, start, m)
    if self.together > 1:                     # the lanes behind have no sample: they are 0
        for lane in range(FM_PART_LANES, self.together * FM_PART_LANES):
            self.Y[lane], self.scale[lane] = self.Y[lane - FM_PART_LANES], self.scale[lane - FM_PART_LANES]
            for i in range(<size>self.job.run.n_features):
                self.X[i * LANES + lane] = self.X[i * LANES + lane - FM_PART_LANES]


cdef inline bint registers_finite(Job *job) noexcept nogil:
    """See `tiny_finite`. The sum is known."""
    cdef Tiny *self = <Tiny *>job
    if vec_finite(self.wide_sum[0]):
        return True
    registers_narrow(self)
    return tiny_all_finite(self)


cdef inline void registers_keep(Job *job) noexcept nogil:
    """Each step writes all of `wide`, so the two may change places."""
    cdef Tiny *self = <Tiny *>job
    cdef vec *wide = self.wide
    self.wide = self.wide_backup
    self.wide_backup = wide


cdef void registers_restore(Job *job) noexcept nogil:
    registers_narrow(<Tiny *>job)
    tiny_restore(job)


cdef inline vec registers_activate(int64_t activation, vec z, const Near *near) noexcept nogil:
    if activation == TANH:
        return near_tanh(near, z)
    if activation == LOGISTIC:
        return vec_activate(LOGISTIC, ONE, z)
    if activation == RELU:
        return vec_activate(RELU, ONE, z)
    return z


cdef inline vec registers_back(int64_t activation, vec d, vec a) noexcept nogil:
    if activation == TANH:
        return d * vec_derivative(TANH, ONE, a, a)
    if activation == LOGISTIC:
        return d * vec_derivative(LOGISTIC, ONE, a, a)
    if activation == RELU:
        return d * vec_derivative(RELU, ONE, a, a)
    return d


cdef inline void registers_sums(int n, vec *g, bint low) noexcept nogil:
    cdef int p
    for p in range(n):
        g[p] = vec_sum_everywhere(g[p], True) if low else vec_sum_everywhere(g[p], False)


cdef inline void registers_descend(int n, vec *w, vec *steps, bint low) noexcept nogil:
    """Plain gradient descent by steps of which each lane has a sample's."""
    cdef int p
    registers_sums(n, steps, low)
    for p in range(n):
        w[p] = w[p] - steps[p]


cdef inline void copy_vectors(int n, const vec *source, vec *target) noexcept nogil:
    cdef int p
    for p in range(n):
        target[p] = source[p]


cdef inline vec vectors_sum(int n, const vec *a) noexcept nogil:
    cdef int p
    cdef vec total = a[0]
    for p in range(1, n):
        total = total + a[p]
    return total


cdef inline void registers_run(int inputs, int hidden, int together, Tiny *self) noexcept nogil:
    """Steps until the budget is used up or the status is not RUNNING. `hidden`: vectors of `together` neurons.

    What is unlikely is said to be, and parameters are read anew after it (`taken`), so that registers are not saved for
    its sake. All loops over parameters are inside
    that over steps, and over parts of them: the compiler unrolls no others early enough to make variables of arrays.
    """
    cdef Job *job = &self.job
    cdef Run *run = job.run
    cdef int64_t of_hidden = self.layers[0].activation, of_output = self.layers[1].activation
    cdef int i, u, products = inputs * hidden
    # parameters and gradients: W (inputs, hidden), b (hidden,), V (hidden, 1), c
    cdef vec W[9]
    cdef vec b[4]
    cdef vec V[4]
    cdef vec c[1]
    cdef vec dW[9]
    cdef vec db[4]
    cdef vec dV[4]
    cdef vec dc[1]
    cdef vec *last = self.wide      # where the parameters are that were stored last
    cdef vec x[3]
    cdef vec a[4]
    cdef vec out, error, back, step, squares
    cdef Near near[5]
    cdef int lanes, moved
    cdef size start, m, n_samples = run.n_samples
    cdef double loss
    cdef bint low, taken = False, gathered = False, whole = run.batch_size >= run.n_samples and not run.shuffle
    cdef int64_t budget = run.budget
    low = together > 1 or (run.batch_size if run.batch_size < run.n_samples else run.n_samples) * REAL_BYTES <= 16
    cdef vec beside_first = vec_beside_first(together)
    self.together = together
    registers_widen(self)
    for u in range(hidden + 1):
        near_begin(&near[u], whole)
    while budget > 0 and run.status == RUNNING:
        if unlikely(not taken):
            copy_vectors(products, last, W)
            copy_vectors(hidden, last + products, b)
            copy_vectors(hidden, last + products + hidden, V)
            copy_vectors(1, last + products + 2 * hidden, c)
            taken = True
        start = run.batch * run.batch_size
        m = n_samples - start if n_samples - start < <size>run.batch_size else <size>run.batch_size
        if unlikely(not (whole and gathered)):
            registers_gather(self, start, m)
            gathered = True
        lanes = (1 << m) - 1
        if together > 1:
            lanes = lanes * (0x11 if together == 2 else 0x1111)
        for i in range(inputs):
            x[i] = (<const vec *>self.X)[i]
        for u in range(hidden):
            # two chains: the last product does not wait for the others
            a[u] = b[u]
            for i in range(inputs - 1):
                a[u] = a[u] + W[i * hidden + u] * x[i]
            a[u] = a[u] + vec_rounded(W[(inputs - 1) * hidden + u] * x[inputs - 1])
        if whole and of_hidden == TANH:
            moved = 0
            for u in range(hidden):
                moved |= near_moved(&near[u], a[u])
            if unlikely(moved & lanes):
                for u in range(hidden):
                    near_renew(&near[u], a[u], lanes)
                taken = False                       # begin this step again
                continue
        for u in range(hidden):
            a[u] = registers_activate(of_hidden, a[u], &near[u])
        out = c[0]
        for u in range(hidden):
            out = out + V[u] * a[u]
        out = vec_sum_together(together, out)
        # what multiplies the output's error in the steps of W, b, V and c
        step = <real>run.learning_rate * (<const vec *>self.scale)[0]
        for u in range(hidden):
            db[u] = step * registers_back(of_hidden, V[u], a[u])
            dV[u] = step * a[u]
        for i in range(inputs):
            for u in range(hidden):
                dW[i * hidden + u] = x[i] * db[u]
        if whole and of_output == TANH and unlikely(near_moved(&near[hidden], out) & lanes):
            near_renew(&near[hidden], out, lanes)
            taken = False
            continue
        out = registers_activate(of_output, out, &near[hidden])
        error = out - (<const vec *>self.Y)[0]
        back = registers_back(of_output, error, out)
        for u in range(products):
            dW[u] = dW[u] * back
        for u in range(hidden):
            db[u] = db[u] * back
            dV[u] = dV[u] * back
        dc[0] = (step * beside_first) * back
        # in the order in which the next step needs them
        registers_descend(products, W, dW, low)
        registers_descend(hidden, b, db, low)
        registers_descend(hidden, V, dV, low)
        registers_descend(1, c, dc, low)
        # nothing waits for the loss, and the oldest instructions are the first to be done
        squares = vec_sum_everywhere((<const vec *>self.weight)[0] * error * error, low)
        loss = 0.5 * (<const real *>&squares)[0]
        if not unlikely(not isfinite(loss)):
            loss *= run.loss_scale
            last = self.wide
            copy_vectors(products, W, last)
            copy_vectors(hidden, b, last + products)
            copy_vectors(hidden, V, last + products + hidden)
            copy_vectors(1, c, last + products + 2 * hidden)
            self.wide_sum[0] = (vectors_sum(products, W) + vectors_sum(hidden, b)) + (vectors_sum(hidden, V) + c[0])
            if run.average:
                loss = loss / self.batch_weight if self.batch_weight > 0 else 0
        budget -= 1
        end_batch(job, loss, m, registers_finite, registers_keep, registers_restore)
    if last != self.wide:
        memcpy(self.wide, last, REGISTER_PARAMS * sizeof(vec))
    registers_narrow(self)


# functions of their own: inlined into one, they would share its registers
cdef void registers_2_2(Tiny *self) noexcept nogil:
    registers_run(2, 2, 1, self)

cdef void registers_2_3(Tiny *self) noexcept nogil:
    registers_run(2, 3, 1, self)

cdef void registers_2_4(Tiny *self) noexcept nogil:
    registers_run(2, 4, 1, self)

cdef void registers_3_3(Tiny *self) noexcept nogil:
    registers_run(3, 3, 1, self)

cdef void registers_2_2_together(Tiny *self) noexcept nogil:
    if FM_PARTS > 1:
        registers_run(2, 1, 2, self)

cdef void registers_2_4_together(Tiny *self) noexcept nogil:
    if FM_PARTS > 1:
        registers_run(2, 4 // FM_PARTS, FM_PARTS, self)

cdef void registers_3_4_together(Tiny *self) noexcept nogil:
    if FM_PARTS > 1:
        registers_run(3, 4 // FM_PARTS, FM_PARTS, self)


cdef bint registers_serve(Tiny *self) noexcept nogil:
    """Run, and return whether this net and what is asked of it is what these functions are for."""
    cdef const Run *run = self.job.run
    cdef size inputs = run.n_features, hidden = self.job.net.layers[0].n_out
    cdef size samples = run.batch_size if run.batch_size < run.n_samples else run.n_samples
    cdef bint together
    if not fits_registers(self):
        return False
    # three neurons have a fourth beside them, whose numbers stay 0 where its output is
    together = FM_PARTS > 1 and samples * REAL_BYTES <= 16 and (
        hidden != 3 or self.layers[0].activation != LOGISTIC)
    if inputs == 2 and hidden == 2 and together:
        registers_2_2_together(self)
    elif inputs == 2 and (hidden == 3 or hidden == 4) and together:
        registers_2_4_together(self)
    elif inputs == 3 and hidden == 3 and together:
        registers_3_4_together(self)
    elif inputs == 2 and hidden == 2:
        registers_2_2(self)
    elif inputs == 2 and hidden == 3:
        registers_2_3(self)
    elif inputs == 2 and hidden == 4:
        registers_2_4(self)
    elif inputs == 3 and hidden == 3:
        registers_3_3(self)
    else:
        return False
    return True
