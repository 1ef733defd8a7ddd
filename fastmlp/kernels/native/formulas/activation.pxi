# Elementary functions and activations, a vector at a time.
#
# Branch-free: Cody-Waite reduction x = n ln 2 + r, |r| <= ln(2)/2, and Taylor's polynomial of exp(r) - 1
# (degree 7 in single, 13 in double precision). An activation stands beside its derivative, which is taken
# from the output a wherever it can be.

cdef extern from *:
    """
    #if REAL_BYTES == 4
      #define EXP_LOW -87.3f
      #define EXP_HIGH 88.7228f
      #define TANH_HIGH 8.7f                /* from here on tanh rounds to 1 */
      #define ROUNDER 12582912.0f              /* 1.5 * 2^23: adding it rounds to an integer */
      #define LN2_HIGH 0.693145751953125f
      #define LN2_LOW 1.42860682030941723212e-6f
      #define REAL_EPS 1.1920929e-07f
      #define REAL_TINY 1.17549435e-38f
      #define REAL_MAX 3.40282347e+38f
    #else
      #define EXP_LOW -708.0
      #define EXP_HIGH 709.7827
      #define TANH_HIGH 20.0
      #define ROUNDER 6755399441055744.0       /* 1.5 * 2^52 */
      #define LN2_HIGH 0.693147180369123816490
      #define LN2_LOW 1.90821492927058770002e-10
      #define REAL_EPS 2.220446049250313e-16
      #define REAL_TINY 2.2250738585072014e-308
      #define REAL_MAX 1.7976931348623157e+308
    #endif
    /* exp(r) - 1 for |r| <= ln(2)/2 */
    static inline vec vec_expm1_reduced(vec r) {
        vec r2 = r*r;                          /* pairs of terms first: half the latency of Horner's scheme */
    #if REAL_BYTES == 4
        vec q = (r*(1.0f/6) + 0.5f) + r2*(r*(1.0f/120) + 1.0f/24) + (r2*r2)*(r*(1.0f/5040) + 1.0f/720);
    #else
        vec r4 = r2*r2;
        vec a = (r*(1.0/6) + 0.5) + r2*(r*(1.0/120) + 1.0/24);
        vec b = (r*(1.0/5040) + 1.0/720) + r2*(r*(1.0/362880) + 1.0/40320);
        vec d = (r*(1.0/39916800) + 1.0/3628800) + r2*(r*(1.0/6227020800.0) + 1.0/479001600);
        vec q = a + r4*b + (r4*r4)*d;
    #endif
        return q*r2 + r;
    }
    /* tanh(x), with no more than one division and no exponential in single precision. */
    static inline vec vec_tanh(vec x) {
    #if REAL_BYTES == 4
        /* tanh(x / 2) is about P / Q, P = x/2 (1 + p1 u + p2 u^2), u = x^2, and tanh(x) = 2 P Q / (P^2 + Q^2): what the
           quotient lacks is not felt where tanh comes near 1, so few terms do (minimax of the whole: 6e-9). The
           rounding is felt: about 5 ulp at most, 0.5 on average. */
        vec c = vec_min(vec_fill(TANH_HIGH), vec_max(vec_fill(-TANH_HIGH), x));
        vec u = vec_min(vec_fill(TANH_HIGH * TANH_HIGH), x * x);
        vec b = u * 1.146518116e-4f + 2.979202569e-2f, quarter = c * 0.25f;
        vec p = (c * u) * b + c, p4 = (quarter * u) * b + quarter;       /* 2 P and P / 2 */
        vec q = (u * 1.131253242e-1f + 1.0f) + (u * u) * (u * 1.237494075e-6f + 1.208462636e-3f);
        return (p * q) / (q * q + vec_rounded(p * p4));
    #else
        /* (e - 1) / (e + 1), e = exp(2 |x|), with the sign of x. The reduction takes ln 2 as one number: where that
           would be felt, the quotient is all but 1. */
        vec c = vec_min(vec_fill(TANH_HIGH), vec_abs(x));
        vec t = c * (2 * 1.44269504088896340736) + ROUNDER, n = t - ROUNDER;
        vec r = vec_expm1_reduced(2 * c - n * 0.69314718055994530942), p = vec_scale(vec_fill(1), t);
        return vec_with_sign((p * r + (p - 1)) / (p * r + (p + 1)), x);
    #endif
    }
    /* log(1 + u) for 0 <= u <= 1: twice the atanh series in s = u / (2 + u) <= 1/3 */
    static inline vec vec_log1p_unit(vec u) {
        vec s = u / ((real)2 + u), t = s * s, q;
    #if REAL_BYTES == 4
        q = t*(1.0f/15) + 1.0f/13;
        q = q*t + 1.0f/11; q = q*t + 1.0f/9; q = q*t + 1.0f/7; q = q*t + 1.0f/5; q = q*t + 1.0f/3;
    #else
        q = t*(1.0/33) + 1.0/31;
        q = q*t + 1.0/29; q = q*t + 1.0/27; q = q*t + 1.0/25; q = q*t + 1.0/23; q = q*t + 1.0/21;
        q = q*t + 1.0/19; q = q*t + 1.0/17; q = q*t + 1.0/15; q = q*t + 1.0/13; q = q*t + 1.0/11; q = q*t + 1.0/9;
        q = q*t + 1.0/7; q = q*t + 1.0/5; q = q*t + 1.0/3;
    #endif
        return (real)2 * (s + s * t * q);
    }
    """
    real EXP_LOW, EXP_HIGH, ROUNDER, LN2_HIGH, LN2_LOW, REAL_EPS, REAL_TINY, REAL_MAX
    vec vec_expm1_reduced(vec) noexcept nogil
    vec vec_tanh(vec) noexcept nogil
    vec vec_log1p_unit(vec) noexcept nogil

cdef extern from "math.h" nogil:
    double c_log "log"(double) noexcept
    double c_exp "exp"(double) noexcept
    double c_expm1 "expm1"(double) noexcept
    double c_erf "erf"(double) noexcept
    double c_pow "pow"(double, double) noexcept
    double c_sqrt "sqrt"(double) noexcept
    double c_fabs "fabs"(double) noexcept
    double INFINITY
    bint isfinite(double) noexcept

cdef extern from *:
    """
    #define SELU_SCALE ((real)1.0507009873554804934193349852946)
    #define SELU_ALPHA ((real)1.6732632423543772848170429916717)
    #define LOG2_E ((real)1.44269504088896340736)
    #define LN2 ((real)0.69314718055994530942)
    #define REAL_INFINITY ((real)INFINITY)
    #define NOT_A_NUMBER ((double)NAN)
    """
    real SELU_SCALE, SELU_ALPHA, LOG2_E, LN2, REAL_INFINITY
    double NOT_A_NUMBER


cdef inline vec vec_exp(vec x) noexcept nogil:
    """exp(x) for x <= EXP_HIGH."""
    cdef vec c = vec_max(vec_fill(EXP_LOW), x)
    cdef vec t = c * LOG2_E + ROUNDER
    cdef vec n = t - ROUNDER
    cdef vec r = (c - n * LN2_HIGH) - n * LN2_LOW
    return vec_scale(ONE + vec_expm1_reduced(r), t)

cdef inline vec vec_expm1(vec x) noexcept nogil:
    """exp(x) - 1 for x <= EXP_HIGH, without cancellation at 0."""
    cdef vec c = vec_max(vec_fill(EXP_LOW), x)
    cdef vec t = c * LOG2_E + ROUNDER
    cdef vec n = t - ROUNDER
    cdef vec r = (c - n * LN2_HIGH) - n * LN2_LOW
    cdef vec p = vec_scale(vec_fill(ONE), t)
    return p * vec_expm1_reduced(r) + (p - ONE)

cdef inline vec vec_logistic(vec x) noexcept nogil:
    return vec_divide(vec_fill(ONE), ONE + vec_exp(vec_min(vec_fill(EXP_HIGH), -x)))

cdef inline vec vec_softplus(vec x) noexcept nogil:
    """log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|))."""
    return vec_max(vec_fill(0), x) + vec_log1p_unit(vec_exp(-vec_abs(x)))

cdef inline vec vec_normal_cdf(vec x) noexcept nogil:
    cdef real v[64]
    cdef int i
    (<vec *>v)[0] = x
    for i in range(LANES):
        v[i] = <real>(0.5 * (1 + c_erf(<double>v[i] * 0.70710678118654752440)))
    return (<vec *>v)[0]

cdef inline vec vec_normal_pdf(vec x) noexcept nogil:
    return <real>0.39894228040143267794 * vec_exp(<real>-0.5 * x * x)


cdef bint needs_logits(int64_t code) noexcept nogil:
    """Whether the derivative is taken from z rather than from the output."""
    return code == GELU or code == SILU


cdef inline vec vec_activate(int64_t code, real slope, vec z) noexcept nogil:
    """f(z). `code` is a constant where it is inlined in a loop."""
    cdef vec zero = vec_fill(0)
    if code == LOGISTIC:
        return vec_logistic(slope * z)
    if code == TANH:
        return vec_tanh(slope * z)
    if code == RELU:
        return vec_max(zero, z)
    if code == LEAKY_RELU:
        return vec_if_negative(z, slope * z, z)
    if code == ELU:
        return vec_if_negative(z, slope * vec_expm1(vec_min(zero, z)), z)
    if code == SELU:
        return SELU_SCALE * vec_if_negative(z, SELU_ALPHA * vec_expm1(vec_min(zero, z)), z)
    if code == SOFTPLUS:
        return vec_softplus(z)
    if code == GELU:
        return z * vec_normal_cdf(z)
    if code == SILU:
        return z * vec_logistic(z)
    if code == STEP:
        return vec_if_negative(z, zero, vec_fill(ONE))
    if code == EXP:
        return vec_if_positive(z - EXP_HIGH, vec_fill(REAL_INFINITY), vec_exp(z))
    return z


cdef inline vec vec_derivative(int64_t code, real slope, vec z, vec a) noexcept nogil:
    """f'(z), from the output a, or from z where `needs_logits`."""
    cdef vec zero = vec_fill(0), one = vec_fill(ONE), s
    if code == LOGISTIC:
        return slope * a * (ONE - a)
    if code == TANH:
        return slope * (ONE - a * a)
    if code == RELU:
        return vec_if_positive(a, one, zero)
    if code == LEAKY_RELU:        # the output has z's sign: slope >= 0
        return vec_if_positive(a, one, vec_fill(slope))
    if code == ELU:
        return vec_if_positive(a, one, a + slope)
    if code == SELU:
        return vec_if_positive(a, vec_fill(SELU_SCALE), a + SELU_SCALE * SELU_ALPHA)
    if code == SOFTPLUS:          # logistic(z) = 1 - exp(-a)
        return -vec_expm1(-a)
    if code == GELU:
        return vec_normal_cdf(z) + z * vec_normal_pdf(z)
    if code == SILU:
        s = vec_logistic(z)
        return s * (ONE + z * (ONE - s))
    if code == STEP:
        return zero
    if code == EXP:
        return a
    return one


cdef inline void forward_loop(int64_t code, real slope, const real *z, real *a, size n) noexcept nogil:
    cdef size i
    cdef real tail[64]
    for i in range(n // LANES):
        (<vec *>a)[i] = vec_activate(code, slope, (<const vec *>z)[i])
    i = n // LANES * LANES
    if i < n:
        (<vec *>tail)[0] = vec_fill(0)
        memcpy(tail, z + i, (n - i) * sizeof(real))
        (<vec *>tail)[0] = vec_activate(code, slope, (<vec *>tail)[0])
        memcpy(a + i, tail, (n - i) * sizeof(real))


cdef void activation_forward(int64_t code, real slope, const real *z, real *a, size n) noexcept nogil:
    """a = f(z), elementwise (softmax: see below). z and a may be the same.

    z : IN (n,)    a : OUT (n,)
    """
    if code == LOGISTIC:
        forward_loop(LOGISTIC, slope, z, a, n)
    elif code == TANH:
        forward_loop(TANH, slope, z, a, n)
    elif code == RELU:
        forward_loop(RELU, slope, z, a, n)
    elif code == IDENTITY or code == SOFTMAX:
        if a != z:
            memcpy(a, z, n * sizeof(real))
    else:
        forward_loop(code, slope, z, a, n)


cdef inline void backward_loop(int64_t code, real slope, const real *z, const real *a, real *d, size n) noexcept nogil:
    cdef size i, m
    cdef real tail[3 * 64]
    for i in range(n // LANES):
        (<vec *>d)[i] = (<vec *>d)[i] * vec_derivative(code, slope, (<const vec *>z)[i], (<const vec *>a)[i])
    i = n // LANES * LANES
    m = (n - i) * sizeof(real)
    if m > 0:
        memset(tail, 0, sizeof(tail))
        memcpy(tail, z + i, m)
        memcpy(tail + 64, a + i, m)
        memcpy(tail + 128, d + i, m)
        (<vec *>(tail + 128))[0] = (<vec *>(tail + 128))[0] * vec_derivative(
            code, slope, (<vec *>tail)[0], (<vec *>(tail + 64))[0])
        memcpy(d + i, tail + 128, m)


cdef void activation_backward(int64_t code, real slope, const real *z, const real *a, real *d, size n) noexcept nogil:
    """d *= f'(z), from the output a, or from z where `needs_logits` (z is NULL elsewhere).

    z, a : IN (n,)    d : IN/OUT (n,)
    """
    if z == NULL:
        z = a
    if code == LOGISTIC:
        backward_loop(LOGISTIC, slope, z, a, d, n)
    elif code == TANH:
        backward_loop(TANH, slope, z, a, d, n)
    elif code == RELU:
        backward_loop(RELU, slope, z, a, d, n)
    elif code != IDENTITY:
        backward_loop(code, slope, z, a, d, n)


cdef inline double softmax_sum(const real *z, real *a, size n, real *top) noexcept nogil:
    """Softmax of z into a (which may be z); return sum(exp(z - top)), top the largest of z.

    z : IN (n,), whole vectors can be read    a : OUT (n,), followed by zeros to whole vectors
    """
    cdef size i, vectors = (n + LANES - 1) // LANES
    cdef vec most = vec_fill(z[0]), total = vec_fill(0), e
    cdef double sum
    for i in range(vectors):
        most = vec_max(vec_first((<const vec *>z)[i], n - i * LANES, z[0]), most)
    top[0] = vec_top(most)
    for i in range(vectors):
        e = vec_first(vec_exp((<const vec *>z)[i] - top[0]), n - i * LANES, 0)
        (<vec *>a)[i] = e
        total = total + e
    sum = vec_sum(total)
    for i in range(vectors):
        (<vec *>a)[i] = (<vec *>a)[i] * <real>(1 / sum)
    return sum


cdef real log_sum_exp(const real *z, real *a, size n) noexcept nogil:
    """Softmax of z into a, as `softmax_sum`; return log(sum(exp(z)))."""
    cdef real top
    cdef double sum = softmax_sum(z, a, n, &top)
    return top + <real>c_log(sum)


cdef void softmax(const real *z, real *a, size n) noexcept nogil:
    """a = exp(z - max z) / sum, over the n outputs of one sample, whole vectors. z and a may be the same."""
    cdef real top
    softmax_sum(z, a, n, &top)
