# The smallest of the tiny nets, whose whole step stays in registers: one hidden layer of a few neurons, one output, and
# batches of no more samples than a vector has lanes. How many inputs and neurons there are is known when this is
# compiled, so every weight, output and gradient is a variable. The optimizer is plain gradient descent: what others
# remember would not fit in too. A weight fills a vector of its own, and the sum of a gradient's lanes is left in all
# of them, so that nothing is broadcast. A step is one chain of results that wait for each other, so what can be
# computed before the output is known is: all that multiplies the output's error in a weight's step.

cdef enum:
    REGISTER_PARAMS = 17      # of the largest of these nets, 2-4-1

cdef extern from *:
    """
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
    """
    vec vec_sum_everywhere(vec, bint) noexcept nogil


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


cdef void registers_widen(Tiny *self) noexcept nogil:
    """Take the parameters over."""
    cdef size p
    for p in range(<size>self.job.net.n_params):
        self.wide[p] = vec_fill(self.params[p])
        self.wide_backup[p] = vec_fill(self.backup[p])


cdef void registers_narrow(Tiny *self) noexcept nogil:
    """Hand them back."""
    cdef size p
    for p in range(<size>self.job.net.n_params):
        self.params[p] = (<const real *>(self.wide + p))[0]
        self.backup[p] = (<const real *>(self.wide_backup + p))[0]


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


cdef inline void registers_run(int inputs, int hidden, Tiny *self) noexcept nogil:
    """Steps until the budget is used up or the status is not RUNNING.

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
    cdef vec out, error, step
    cdef Near near[5]
    cdef int lanes, moved
    cdef size start, m, n_samples = run.n_samples
    cdef double loss
    cdef bint low, taken = False, gathered = False, whole = run.batch_size >= run.n_samples and not run.shuffle
    cdef int64_t budget = run.budget
    low = (run.batch_size if run.batch_size < run.n_samples else run.n_samples) * REAL_BYTES <= 16
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
            tiny_gather(self, start, m)
            gathered = True
        lanes = (1 << m) - 1
        for i in range(inputs):
            x[i] = (<const vec *>self.X)[i]
        for u in range(hidden):
            a[u] = b[u]
            for i in range(inputs):
                a[u] = a[u] + W[i * hidden + u] * x[i]
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
        loss = 0.5 * vec_sum((<const vec *>self.weight)[0] * error * error)
        if not unlikely(not isfinite(loss)):
            loss *= run.loss_scale
            error = registers_back(of_output, error, out)
            for u in range(products):
                dW[u] = dW[u] * error
            for u in range(hidden):
                db[u] = db[u] * error
                dV[u] = dV[u] * error
            dc[0] = step * error
            # in the order in which the next step needs them
            registers_descend(products, W, dW, low)
            registers_descend(hidden, b, db, low)
            registers_descend(hidden, V, dV, low)
            registers_descend(1, c, dc, low)
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
        memcpy(self.wide, last, job.net.n_params * sizeof(vec))
    registers_narrow(self)


# functions of their own: inlined into one, they would share its registers
cdef void registers_2_2(Tiny *self) noexcept nogil:
    registers_run(2, 2, self)

cdef void registers_2_3(Tiny *self) noexcept nogil:
    registers_run(2, 3, self)

cdef void registers_2_4(Tiny *self) noexcept nogil:
    registers_run(2, 4, self)

cdef void registers_3_3(Tiny *self) noexcept nogil:
    registers_run(3, 3, self)


cdef bint registers_serve(Tiny *self) noexcept nogil:
    """Run, and return whether this net and what is asked of it is what these functions are for."""
    cdef size inputs = self.job.run.n_features, hidden = self.job.net.layers[0].n_out
    if not fits_registers(self):
        return False
    if inputs == 2 and hidden == 2:
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
