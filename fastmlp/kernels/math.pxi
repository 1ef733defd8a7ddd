# Elementary functions and activations.
#
# Point functions are branch-free, so that the loops over them vectorise with any compiler: Cody-Waite
# reduction x = n ln 2 + r, |r| <= ln(2)/2, and Taylor's polynomial of exp(r) - 1 (degree 7 in single,
# 13 in double precision). An activation stands beside its derivative, which is taken from the
# output a wherever it can be.

cdef extern from *:
    """
    #if REAL_BYTES == 4
      #define EXP_LOW -87.3f
      #define EXP_HIGH 88.7228f
      #define TANH_HIGH 20.0f
      #define ROUNDER 12582912.0f              /* 1.5 * 2^23: adding it rounds to an integer */
      #define LN2_HIGH 0.693145751953125f
      #define LN2_LOW 1.42860682030941723212e-6f
      #define REAL_EPS 1.1920929e-07f
      #define REAL_MAX 3.40282347e+38f
    #else
      #define EXP_LOW -708.0
      #define EXP_HIGH 709.7827
      #define TANH_HIGH 40.0
      #define ROUNDER 6755399441055744.0       /* 1.5 * 2^52 */
      #define LN2_HIGH 0.693147180369123816490
      #define LN2_LOW 1.90821492927058770002e-10
      #define REAL_EPS 2.220446049250313e-16
      #define REAL_MAX 1.7976931348623157e+308
    #endif
    /* exp(r) - 1 for |r| <= ln(2)/2 */
    static inline real fm_expm1_reduced(real r) {
    #if REAL_BYTES == 4
        real q = 1.0f/5040;
        q = q*r + 1.0f/720; q = q*r + 1.0f/120; q = q*r + 1.0f/24; q = q*r + 1.0f/6; q = q*r + 0.5f;
    #else
        real q = 1.0/6227020800.0;
        q = q*r + 1.0/479001600.0; q = q*r + 1.0/39916800.0; q = q*r + 1.0/3628800.0;
        q = q*r + 1.0/362880.0; q = q*r + 1.0/40320.0; q = q*r + 1.0/5040.0; q = q*r + 1.0/720.0;
        q = q*r + 1.0/120.0; q = q*r + 1.0/24.0; q = q*r + 1.0/6.0; q = q*r + 0.5;
    #endif
        return q*r*r + r;
    }
    /* log(1 + u) for 0 <= u <= 1: twice the atanh series in s = u / (2 + u) <= 1/3 */
    static inline real fm_log1p_unit(real u) {
        real s = u / (2 + u), t = s * s, q;
    #if REAL_BYTES == 4
        q = 1.0f/15;
        q = q*t + 1.0f/13; q = q*t + 1.0f/11; q = q*t + 1.0f/9; q = q*t + 1.0f/7; q = q*t + 1.0f/5; q = q*t + 1.0f/3;
    #else
        q = 1.0/33;
        q = q*t + 1.0/31; q = q*t + 1.0/29; q = q*t + 1.0/27; q = q*t + 1.0/25; q = q*t + 1.0/23; q = q*t + 1.0/21;
        q = q*t + 1.0/19; q = q*t + 1.0/17; q = q*t + 1.0/15; q = q*t + 1.0/13; q = q*t + 1.0/11; q = q*t + 1.0/9;
        q = q*t + 1.0/7; q = q*t + 1.0/5; q = q*t + 1.0/3;
    #endif
        return 2 * (s + s * t * q);
    }
    """
    real EXP_LOW, EXP_HIGH, TANH_HIGH, ROUNDER, LN2_HIGH, LN2_LOW, REAL_EPS, REAL_MAX
    real fm_expm1_reduced(real) noexcept nogil
    real fm_log1p_unit(real) noexcept nogil

cdef extern from "math.h" nogil:
    double c_log "log"(double) noexcept
    double c_exp "exp"(double) noexcept
    double c_erf "erf"(double) noexcept
    double c_pow "pow"(double, double) noexcept
    double c_sqrt "sqrt"(double) noexcept
    double c_fabs "fabs"(double) noexcept
    double INFINITY
    bint isfinite(double) noexcept

cdef real SELU_SCALE = 1.0507009873554804934193349852946
cdef real SELU_ALPHA = 1.6732632423543772848170429916717


cdef inline real exp_(real x) noexcept nogil:
    cdef real c = EXP_LOW if x < EXP_LOW else x
    cdef real t = c * <real>1.4426950408889634 + ROUNDER
    cdef real n = t - ROUNDER
    cdef real r = (c - n * LN2_HIGH) - n * LN2_LOW
    cdef real y = fm_scale(ONE + fm_expm1_reduced(r), t)
    return <real>INFINITY if x > EXP_HIGH else y

cdef inline real expm1_(real x) noexcept nogil:
    """exp(x) - 1 for x <= EXP_HIGH, without cancellation at 0."""
    cdef real c = EXP_LOW if x < EXP_LOW else x
    cdef real t = c * <real>1.4426950408889634 + ROUNDER
    cdef real n = t - ROUNDER
    cdef real r = (c - n * LN2_HIGH) - n * LN2_LOW
    cdef real p = fm_scale(ONE, t)
    return p * fm_expm1_reduced(r) + (p - ONE)

cdef inline real tanh_(real x) noexcept nogil:
    """tanh(x) = (e - 1) / (e + 1), e = exp(2 |x|), with the sign of x."""
    cdef real y = TWO * (-x if x < 0 else x)
    cdef real e = expm1_(TANH_HIGH if y > TANH_HIGH else y)
    cdef real t = e / (e + TWO)
    return -t if x < 0 else t

cdef inline real logistic_(real x) noexcept nogil:
    return ONE / (ONE + exp_(-x))

cdef inline real softplus_(real x) noexcept nogil:
    """log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|))."""
    return (x if x > 0 else 0) + fm_log1p_unit(exp_(x if x < 0 else -x))

cdef inline real normal_cdf(real x) noexcept nogil:
    return <real>(0.5 * (1 + c_erf(<double>x * 0.70710678118654752440)))

cdef inline real normal_pdf(real x) noexcept nogil:
    return <real>0.39894228040143267794 * exp_(<real>-0.5 * x * x)


cdef bint needs_logits(int64_t code) noexcept nogil:
    """Whether the derivative is taken from z rather than from the output."""
    return code == GELU or code == SILU


cdef void activation_forward(int64_t code, real slope, const real *z, real *a, size n) noexcept nogil:
    """a = f(z), elementwise (softmax: see `softmax_rows`). z and a may be the same.

    z : IN (n,)    a : OUT (n,)
    """
    cdef size i
    if code == LOGISTIC:
        if slope == 1:
            for i in range(n): a[i] = logistic_(z[i])
        else:
            for i in range(n): a[i] = logistic_(slope * z[i])
    elif code == TANH:
        if slope == 1:
            for i in range(n): a[i] = tanh_(z[i])
        else:
            for i in range(n): a[i] = tanh_(slope * z[i])
    elif code == RELU:
        for i in range(n): a[i] = 0 if z[i] < 0 else z[i]
    elif code == LEAKY_RELU:
        for i in range(n): a[i] = slope * z[i] if z[i] < 0 else z[i]
    elif code == ELU:
        for i in range(n): a[i] = slope * expm1_(z[i] if z[i] < 0 else 0) if z[i] < 0 else z[i]
    elif code == SELU:
        for i in range(n):
            a[i] = SELU_SCALE * (SELU_ALPHA * expm1_(z[i] if z[i] < 0 else 0) if z[i] < 0 else z[i])
    elif code == SOFTPLUS:
        for i in range(n): a[i] = softplus_(z[i])
    elif code == GELU:
        for i in range(n): a[i] = z[i] * normal_cdf(z[i])
    elif code == SILU:
        for i in range(n): a[i] = z[i] * logistic_(z[i])
    elif code == STEP:
        for i in range(n): a[i] = 0 if z[i] < 0 else 1
    elif code == EXP:
        for i in range(n): a[i] = exp_(z[i])
    elif a != z:
        memcpy(a, z, n * sizeof(real))


cdef void activation_backward(int64_t code, real slope, const real *z, const real *a, real *d,
                              size n) noexcept nogil:
    """d *= f'(z), from the output a, or from z where `needs_logits`.

    z, a : IN (n,)    d : IN/OUT (n,)
    """
    cdef size i
    cdef real s
    if code == LOGISTIC:
        for i in range(n): d[i] = d[i] * (slope * a[i] * (ONE - a[i]))
    elif code == TANH:
        for i in range(n): d[i] = d[i] * (slope * (ONE - a[i] * a[i]))
    elif code == RELU:
        for i in range(n): d[i] = d[i] if a[i] > 0 else 0
    elif code == LEAKY_RELU:      # the output has z's sign only for slope > 0: _checks.py sees to it
        for i in range(n): d[i] = d[i] if a[i] > 0 else slope * d[i]
    elif code == ELU:
        for i in range(n): d[i] = d[i] if a[i] > 0 else d[i] * (a[i] + slope)
    elif code == SELU:
        for i in range(n):
            d[i] = d[i] * SELU_SCALE if a[i] > 0 else d[i] * (a[i] + SELU_SCALE * SELU_ALPHA)
    elif code == SOFTPLUS:        # f' = logistic(z) = 1 - exp(-a)
        for i in range(n): d[i] = -d[i] * expm1_(-a[i])
    elif code == GELU:
        for i in range(n): d[i] = d[i] * (normal_cdf(z[i]) + z[i] * normal_pdf(z[i]))
    elif code == SILU:
        for i in range(n):
            s = logistic_(z[i])
            d[i] = d[i] * (s * (ONE + z[i] * (ONE - s)))
    elif code == STEP:
        for i in range(n): d[i] = 0
    elif code == EXP:
        for i in range(n): d[i] = d[i] * a[i]


cdef void softmax(const real *z, real *a, size n) noexcept nogil:
    """a = exp(z - max z) / sum, over the n values of one sample.

    z : IN (n,)    a : OUT (n,); may be the same
    """
    cdef size j
    cdef real top = z[0]
    cdef double total = 0
    for j in range(1, n):
        top = z[j] if z[j] > top else top
    for j in range(n):
        a[j] = exp_(z[j] - top)
    for j in range(n):
        total += a[j]
    cdef real scale = <real>(1 / total)
    for j in range(n):
        a[j] = a[j] * scale


cdef real log_sum_exp(const real *z, real *a, size n) noexcept nogil:
    """Softmax of z into a; return log(sum(exp(z)))."""
    cdef size j
    cdef real top = z[0]
    cdef double total = 0
    for j in range(1, n):
        top = z[j] if z[j] > top else top
    for j in range(n):
        a[j] = exp_(z[j] - top)
    for j in range(n):
        total += a[j]
    cdef real scale = <real>(1 / total)
    for j in range(n):
        a[j] = a[j] * scale
    return top + <real>c_log(total)
