# Optimizers: one pass over flat memory, parameters, state and gradient side by side.
#
# `step_vec` is the point function: one vector of each. Loops below give it a gradient from memory or,
# in online learning, the product x[p] * dZ. Formulas: scikit-learn's for SGD, momentum, Nesterov and Adam;
# PyTorch's for the others.

cdef struct Step:         # the constants of one update
    int64_t optimizer
    real rate             # learning rate; Adam: with both bias corrections folded in
    real momentum, beta_1, beta_2, epsilon
    real rest_1, rest_2   # 1 - beta, rounded once
    real keep             # 1 - learning rate * weight decay
    real scale            # 1 / (sum of the batch's sample weights)
    double whole          # that sum; 1 where gradients are not averaged
    real clip
    bint first            # no update was made before this one
    double correction, rest   # Adam: what bias correction multiplies and divides the rate by


cdef inline real adam_rate(double learning_rate, const Step *s) noexcept nogil:
    return <real>(learning_rate * s.correction / s.rest)


cdef void begin_step(Run *run, double batch_weight, Step *s) noexcept nogil:
    cdef double t = <double>(run.step + 1)
    s.optimizer = run.optimizer
    s.momentum, s.beta_1, s.beta_2 = <real>run.momentum, <real>run.beta_1, <real>run.beta_2
    s.rest_1, s.rest_2 = <real>(1 - run.beta_1), <real>(1 - run.beta_2)
    s.epsilon = <real>run.epsilon
    s.rate = <real>run.learning_rate
    s.keep = <real>(1 - run.learning_rate * run.weight_decay)
    s.scale = <real>(1 / batch_weight) if batch_weight > 0 else 0
    s.whole = batch_weight
    s.clip = <real>run.clip_value
    s.first = run.step == 0
    if run.optimizer == ADAM or run.optimizer == AMSGRAD:
        s.correction = c_sqrt(1 - c_pow(run.beta_2, t))
        s.rest = 1 - c_pow(run.beta_1, t)
        s.rate = adam_rate(run.learning_rate, s)
        if run.epsilon_corrected:
            s.epsilon = <real>(run.epsilon * s.correction)


cdef inline vec step_vec(int64_t optimizer, const Step *s, vec w, vec *s0, vec *s1, vec *s2, vec g) noexcept nogil:
    """The new value of w; state is updated in place. `optimizer` is a constant where it is inlined.

    What w moves by is rounded by itself, so that bits are the same with no weight decay and with one of 0.
    """
    cdef vec v
    w = w * s.keep
    if optimizer == SGD:
        return w - s.rate * g
    if optimizer == MOMENTUM:
        s0[0] = s.momentum * s0[0] - s.rate * g
        return w + s0[0]
    if optimizer == NESTEROV:
        s0[0] = s.momentum * s0[0] - s.rate * g
        return w + (s.momentum * s0[0] - s.rate * g)
    if optimizer == ADAM:
        s0[0] = s.beta_1 * s0[0] + s.rest_1 * g
        s1[0] = s.beta_2 * s1[0] + s.rest_2 * (g * g)
        return w - vec_rounded(vec_over_root(s.rate * s0[0], s1[0], s.epsilon))
    if optimizer == AMSGRAD:
        s0[0] = s.beta_1 * s0[0] + s.rest_1 * g
        s1[0] = s.beta_2 * s1[0] + s.rest_2 * (g * g)
        s2[0] = vec_max(s2[0], s1[0])
        return w - vec_rounded(vec_over_root(s.rate * s0[0], s2[0], s.epsilon))
    if optimizer == ADAGRAD:
        s0[0] = s0[0] + g * g
        return w - vec_rounded(vec_over_root(s.rate * g, s0[0], s.epsilon))
    # RMSPROP
    s0[0] = s.beta_2 * s0[0] + s.rest_2 * (g * g)
    s1[0] = s.momentum * s1[0] + vec_over_root(g, s0[0], s.epsilon)
    return w - vec_rounded(s.rate * s1[0])


cdef inline vec online_vec(int64_t optimizer, const Step *s, vec w, vec *s0, vec *s1, vec x, vec d) noexcept nogil:
    """`step_vec` with the gradient x dZ, without weight decay; d is dZ times `online_factor`.

    It says what is rounded, and when: an ensemble's nets have the same bits.
    """
    if optimizer == SGD:
        return w - x * d
    if optimizer == ADAM:
        return step_vec(ADAM, s, w, s0, s1, s1, vec_rounded(x * d))
    d = vec_rounded(x * d)
    s0[0] = s.momentum * s0[0] - d
    if optimizer == MOMENTUM:
        return w + s0[0]
    return w + (s.momentum * s0[0] - d)       # NESTEROV


cdef inline real online_factor(int64_t optimizer, const Step *s) noexcept nogil:
    """What is the same for all gradients of a step: it multiplies dZ once, not each of them."""
    return s.scale if optimizer == ADAM else s.rate * s.scale


cdef inline Step own_step(const Step *s, bint decays) noexcept nogil:
    """A copy for one loop, whose stores cannot alias it, so that what it has stays in registers.

    decays : a constant; False: there is no weight decay, so that none is computed
    """
    cdef Step own = s[0]
    if not decays:
        own.keep = 1
    return own


cdef inline void step_loop(int64_t optimizer, bint decays, const Step *s, real *w, real *s0, real *s1, real *s2,
                           const real *g, real factor, size n) noexcept nogil:
    cdef size i
    cdef Step step = own_step(s, decays)
    for i in range(n // LANES):
        (<vec *>w)[i] = step_vec(optimizer, &step, (<vec *>w)[i], <vec *>s0 + i, <vec *>s1 + i, <vec *>s2 + i,
                                 (<const vec *>g)[i] * factor)


cdef void rprop_loop(const Step *s, real *w, real *previous, real *width, const real *g, real factor,
                     size n) noexcept nogil:
    """iRprop-: the sign of the gradient, a step width for every parameter (0.5, 1.2; 1e-6 to 50)."""
    cdef size i
    cdef real agree, d, h
    for i in range(n):
        h = s.rate if s.first else width[i]
        d = g[i] * factor
        agree = d * previous[i]
        if agree > 0:
            h = h * <real>1.2
        elif agree < 0:
            h = h * <real>0.5
            d = 0
        h = <real>50.0 if h > 50 else (<real>1e-6 if h < 1e-6 else h)
        w[i] = w[i] * s.keep - (h if d > 0 else (-h if d < 0 else 0))
        previous[i] = d
        width[i] = h


cdef inline void update_by(bint decays, const Step *s, real *w, real *s0, real *s1, real *s2, const real *g,
                           real factor, size n) noexcept nogil:
    """`update_flat`, with weight decay or without."""
    if s.optimizer == SGD:
        step_loop(SGD, decays, s, w, w, w, w, g, factor, n)
    elif s.optimizer == MOMENTUM:
        step_loop(MOMENTUM, decays, s, w, s0, w, w, g, factor, n)
    elif s.optimizer == NESTEROV:
        step_loop(NESTEROV, decays, s, w, s0, w, w, g, factor, n)
    elif s.optimizer == ADAM:
        step_loop(ADAM, decays, s, w, s0, s1, w, g, factor, n)
    elif s.optimizer == AMSGRAD:
        step_loop(AMSGRAD, decays, s, w, s0, s1, s2, g, factor, n)
    elif s.optimizer == ADAGRAD:
        step_loop(ADAGRAD, decays, s, w, s0, w, w, g, factor, n)
    elif s.optimizer == RMSPROP:
        step_loop(RMSPROP, decays, s, w, s0, s1, w, g, factor, n)
    elif s.optimizer == RPROP:
        rprop_loop(s, w, s0, s1, g, factor, n)


cdef void update_flat(const Step *s, real *w, real *s0, real *s1, real *s2, const real *g, real factor,
                      size n) noexcept nogil:
    """One optimizer step on n parameters, n a multiple of LANES; the gradient is factor * g.

    g : IN    w, s0, s1, s2 : IN/OUT (those that the optimizer has)
    """
    if s.keep == 1:
        update_by(False, s, w, s0, s1, s2, g, factor, n)
    else:
        update_by(True, s, w, s0, s1, s2, g, factor, n)


cdef void regularise(Step *s, const real *w, real *g, size n, real l1, real l2) noexcept nogil:
    """g = (g + l2 w + l1 sign w) / (sum of sample weights), clipped by value. g : IN/OUT, n whole vectors."""
    cdef size i
    cdef vec v
    if l2 != 0:
        for i in range(n // LANES):
            (<vec *>g)[i] = ((<vec *>g)[i] + l2 * (<const vec *>w)[i]) * s.scale
    else:
        for i in range(n // LANES):
            (<vec *>g)[i] = (<vec *>g)[i] * s.scale
    if l1 != 0:
        for i in range(n):
            g[i] = g[i] + s.scale * (l1 if w[i] > 0 else (-l1 if w[i] < 0 else 0))
    if s.clip > 0:
        for i in range(n // LANES):
            (<vec *>g)[i] = vec_max(vec_fill(-s.clip), vec_min(vec_fill(s.clip), (<vec *>g)[i]))


cdef void shrinking_step(const Step *s, real *w, const real *g, size n, real l2) noexcept nogil:
    """Plain gradient descent with l2: `regularise` and `update_flat` in one pass. w : IN/OUT, n whole vectors."""
    cdef size i
    cdef vec v
    cdef Step step = own_step(s, True)
    for i in range(n // LANES):
        v = (<vec *>w)[i]
        (<vec *>w)[i] = step_vec(SGD, &step, v, &v, &v, &v, ((<const vec *>g)[i] + l2 * v) * step.scale)


cdef inline bint penalised(const Layer *layer) noexcept nogil:
    return layer.l1 != 0 or layer.l2 != 0 or layer.mean_l1 != 0 or layer.mean_l2 != 0


cdef inline double l1_of(const Layer *layer, double whole) noexcept nogil:
    """A layer's l1 beside the sum of a batch's losses, which is divided by `whole`."""
    return layer.l1 + layer.mean_l1 * whole


cdef inline double l2_of(const Layer *layer, double whole) noexcept nogil:
    return layer.l2 + layer.mean_l2 * whole


cdef double penalty(const real *w, size n, double l1, double l2) noexcept nogil:
    """l1 * sum |w| + l2 / 2 * sum w^2; n whole vectors, sums of lanes in double precision."""
    cdef double total = 0
    cdef vec a, b, c, d       # side by side, as each sum waits for the one before it
    cdef size i, j, m
    # single precision within 64 vectors, double precision beyond
    i = 0
    while i < n // LANES:
        m = i + 64 if i + 64 < n // LANES else n // LANES
        if l2 != 0:
            a = b = c = d = vec_fill(0)
            j = i
            while j + 4 <= m:
                a = a + (<const vec *>w)[j] * (<const vec *>w)[j]
                b = b + (<const vec *>w)[j + 1] * (<const vec *>w)[j + 1]
                c = c + (<const vec *>w)[j + 2] * (<const vec *>w)[j + 2]
                d = d + (<const vec *>w)[j + 3] * (<const vec *>w)[j + 3]
                j += 4
            while j < m:
                a = a + (<const vec *>w)[j] * (<const vec *>w)[j]
                j += 1
            total += 0.5 * l2 * vec_sum((a + b) + (c + d))
        if l1 != 0:
            a = vec_fill(0)
            for j in range(i, m):
                a = a + vec_abs((<const vec *>w)[j])
            total += l1 * vec_sum(a)
        i = m
    return total
