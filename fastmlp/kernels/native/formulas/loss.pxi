# Losses: the value for one sample, summed over its outputs, and its gradient with respect to the
# logits z. Cross-entropies are computed from z wherever the output activation allows it, never from
# rounded probabilities; values accumulate in double precision.
#
# Point functions are pairs: `<loss>_value(a, y)` and `<loss>_slope(a, y)` = d value / d a.

cdef inline double xlogy(double x, double y) noexcept nogil:
    return 0.0 if x == 0 else x * c_log(y)


cdef inline double point_value(int64_t loss, double a, double y, double parameter) noexcept nogil:
    """Loss of one output a (an activation, not a logit) against the target y."""
    cdef double d = a - y
    if loss == HALF_SQUARED_ERROR:
        return 0.5 * d * d
    if loss == ABSOLUTE_ERROR:
        return c_fabs(d)
    if loss == HUBER:
        return 0.5 * d * d if c_fabs(d) <= parameter else parameter * (c_fabs(d) - 0.5 * parameter)
    if loss == QUANTILE:
        return -parameter * d if d < 0 else (1 - parameter) * d
    if loss == POISSON:
        return xlogy(y, y / a) - y + a
    a = REAL_EPS if a < REAL_EPS else (1 - REAL_EPS if a > 1 - REAL_EPS else a)
    if loss == BINARY_CROSS_ENTROPY:
        return -(xlogy(y, a) + xlogy(1 - y, 1 - a))
    return -xlogy(y, a)           # CATEGORICAL_CROSS_ENTROPY


cdef inline double point_slope(int64_t loss, double a, double y, double parameter) noexcept nogil:
    """d point_value / d a."""
    cdef double d = a - y
    if loss == HALF_SQUARED_ERROR:
        return d
    if loss == ABSOLUTE_ERROR:
        return (d > 0) - <double>(d < 0)
    if loss == HUBER:
        return d if c_fabs(d) <= parameter else (parameter if d > 0 else -parameter)
    if loss == QUANTILE:
        return -parameter if d < 0 else (1 - parameter if d > 0 else 0)
    if loss == POISSON:
        return 1 - y / a
    a = REAL_EPS if a < REAL_EPS else (1 - REAL_EPS if a > 1 - REAL_EPS else a)
    if loss == BINARY_CROSS_ENTROPY:
        return (1 - y) / (1 - a) - y / a
    return -y / a


cdef inline double target(const Job *job, int64_t row, size j) noexcept nogil:
    """Target of output j, smoothed; labels are read as one-hot rows."""
    cdef double y, s = job.run.label_smoothing
    if job.labels != NULL:
        y = job.labels[row] == <int64_t>j
    else:
        y = job.y[row * job.run.n_outputs + j]
    if s > 0:
        if job.run.loss == BINARY_CROSS_ENTROPY:
            y = y * (1 - s) + s / 2
        else:
            y = y * (1 - s) + s / job.run.n_outputs
    return y


cdef double hinge(const Job *job, int64_t row, const real *a, real *d, size n) noexcept nogil:
    """Weston-Watkins: sum over j != y of max(0, a_j - a_y + margin), or its square."""
    cdef size j, label = 0
    cdef double value = 0, slack, slope
    if job.labels != NULL:
        label = job.labels[row]
    else:
        for j in range(1, n):
            if job.y[row * n + j] > job.y[row * n + label]:
                label = j
    cdef double of_label = 0
    for j in range(n):
        if j == label:
            continue
        slack = <double>a[j] - a[label] + job.run.loss_parameter
        if slack <= 0:
            d[j] = 0
            continue
        slope = 1 if job.run.loss == HINGE else 2 * slack
        value += slack if job.run.loss == HINGE else slack * slack
        d[j] = <real>slope
        of_label -= slope
    d[label] = <real>of_label
    return value


cdef void softmax_gradient(const real *a, real *d, size n) noexcept nogil:
    """d = J d with the softmax Jacobian: d_j = a_j (d_j - sum_i a_i d_i)."""
    cdef size j
    cdef double dot = 0
    for j in range(n):
        dot += <double>a[j] * d[j]
    for j in range(n):
        d[j] = a[j] * (d[j] - <real>dot)


cdef double logistic_loss(const Job *job, int64_t row, real slope, const real *z, real *d, size n) noexcept nogil:
    """Binary cross-entropy from logits: softplus(u) - u y with u = slope z; d = slope (logistic(u) - y)."""
    cdef size i = 0, j, m
    cdef real u[64]
    cdef real v[64]
    cdef double value = 0, y
    while i < n:
        m = n - i if n - i < LANES else LANES
        (<vec *>u)[0] = vec_fill(0)
        for j in range(m):
            u[j] = slope * z[i + j]
        (<vec *>v)[0] = vec_softplus((<vec *>u)[0])
        for j in range(m):
            value += v[j] - u[j] * target(job, row, i + j)
        (<vec *>v)[0] = vec_logistic((<vec *>u)[0])
        for j in range(m):
            d[i + j] = slope * (v[j] - <real>target(job, row, i + j))
        i += m
    return value


cdef inline double softmax_loss(const Job *job, int64_t row, const real *z, real *a, real *d, size n) noexcept nogil:
    """Categorical cross-entropy of softmax(z), which is written to `a` where that is not NULL, from log-sum-exp."""
    cdef size i, j, label
    cdef double value = 0, total = 0, y, s = log_sum_exp(z, d, n)
    if a != NULL:
        for i in range((n + LANES - 1) // LANES):
            (<vec *>a)[i] = (<vec *>d)[i]
    if job.labels != NULL and job.run.label_smoothing == 0:
        label = job.labels[row]
        for i in range((n + LANES - 1) // LANES):
            (<vec *>d)[i] = (<vec *>d)[i] - vec_unit(label - i * LANES)
        return s - z[label]
    for j in range(n):
        total += target(job, row, j)
    for j in range(n):
        y = target(job, row, j)
        value += y * (s - z[j])
        d[j] = <real>(total * d[j] - y)
    return value


cdef inline double label_gradient(int vecs, const real *z, size label, real *d, size n, real factor,
                                  real *top) noexcept nogil:
    """The gradient of `softmax_loss` for a label, times `factor`, of n outputs in `vecs` vectors, at most two.

    Return what `label_loss` makes the loss of. That is not done here, as `log` branches upon its argument: where the
    processor guesses wrong, all that follows would have waited for the whole chain of results up to here.
    """
    cdef vec e[2]
    cdef vec total = vec_fill(0), most = vec_fill(z[0])
    cdef int i
    cdef real sum
    for i in range(vecs):
        most = vec_max(vec_first((<const vec *>z)[i], n - i * LANES, z[0]), most)
    top[0] = vec_top(most)
    for i in range(vecs):
        e[i] = vec_first(vec_exp((<const vec *>z)[i] - top[0]), n - i * LANES, 0)
        total = total + e[i]
    sum = vec_sum(total)
    for i in range(vecs):
        e[i] = vec_rounded(e[i] * (ONE / sum)) - vec_unit(label - i * LANES)
        (<vec *>d)[i] = e[i] * factor
    return sum


cdef inline double label_loss(real top, double sum, real z) noexcept nogil:
    """`softmax_loss`; z is the label's logit."""
    cdef double s = <real>(top + <real>c_log(sum))
    return s - z


cdef double softplus_poisson(const Job *job, int64_t row, const real *z, const real *a, real *d, size n) noexcept nogil:
    """Poisson loss behind softplus: far below 0, where a is exp(z) and underflows, log a and a' / a come from z."""
    cdef size j
    cdef double value = 0, y
    for j in range(n):
        y = target(job, row, j)
        if z[j] < -20:                        # a^2 is no more felt
            value += xlogy(y, y) - y * (z[j] - 0.5 * a[j]) - y + a[j]
            d[j] = <real>((a[j] - y) * (1 - 0.5 * a[j]))
        else:
            value += point_value(POISSON, a[j], y, 0)
            d[j] = <real>(-point_slope(POISSON, a[j], y, 0) * c_expm1(-<double>a[j]))
    return value


cdef double sample_loss(const Job *job, int64_t row, const real *z, real *a, real *d) noexcept nogil:
    """Activate the output of one sample; return its loss, with the gradient for z in d.

    z : IN (n_outputs,) logits    a : OUT outputs    d : OUT gradient, unweighted; whole vectors can be read and written
    """
    cdef const Layer *layer = &job.net.layers[job.net.n_layers - 1]
    cdef int64_t code = layer.activation, loss = job.run.loss
    cdef size i, j, n = layer.n_out
    cdef real slope = <real>layer.slope
    cdef double value = 0, y, total = 0, s
    cdef const real *of_row = job.y + row * n
    if loss == CATEGORICAL_CROSS_ENTROPY and (code == SOFTMAX or code == IDENTITY):
        if code == SOFTMAX and job.labels == NULL and job.run.label_smoothing == 0:      # the common case at speed
            s = log_sum_exp(z, a, n)
            for j in range(n):
                total += of_row[j]
                value += of_row[j] * (s - z[j])
            for j in range(n):
                d[j] = <real>total * a[j] - of_row[j]
            return value
        value = softmax_loss(job, row, z, a if code == SOFTMAX else NULL, d, n)
        if code == IDENTITY:
            memcpy(a, z, n * sizeof(real))
        return value
    if code == SOFTMAX:
        softmax(z, a, n)
    else:
        activation_forward(code, slope, z, a, padded(n))
    if loss == BINARY_CROSS_ENTROPY and (code == LOGISTIC or code == IDENTITY):
        if code == IDENTITY:
            slope = 1
        return logistic_loss(job, row, slope, z, d, n)
    if loss == POISSON and code == EXP:
        for j in range(n):
            y = target(job, row, j)
            value += xlogy(y, y) - y * z[j] - y + a[j]
            d[j] = a[j] - <real>y
        return value
    if loss == POISSON and code == SOFTPLUS:
        return softplus_poisson(job, row, z, a, d, n)
    if loss == SOFTMAX_CROSS_ENTROPY:
        value = softmax_loss(job, row, a, NULL, d, n)
    elif loss == HINGE or loss == SQUARED_HINGE:
        value = hinge(job, row, a, d, n)
    elif loss == HALF_SQUARED_ERROR and job.labels == NULL and job.run.label_smoothing == 0:
        # ensemble_loss has the same roundings, and tiny_square others, which are faster: they cannot be one function
        for i in range((n + LANES - 1) // LANES):
            j = n - i * LANES
            (<vec *>d)[i] = vec_first((<vec *>a)[i] - vec_load_masked(of_row + i * LANES, vec_mask(j)), j, 0)
        for j in range(n):
            value += double_rounded(0.5 * <double>d[j] * d[j])
    else:
        for j in range(n):
            y = target(job, row, j)
            value += point_value(loss, a[j], y, job.run.loss_parameter)
            d[j] = <real>point_slope(loss, a[j], y, job.run.loss_parameter)
    if code == SOFTMAX:
        softmax_gradient(a, d, n)
    elif code != IDENTITY:
        activation_backward(code, slope, z, a, d, padded(n))
    return value
