"""The C99 code that headers are put together from, in double precision.

`{p}` stands for the prefix of all names, other words in braces for sizes, numbers and lines.
"""

from ..activations import SELU_ALPHA, SELU_SCALE

# of the weighted sum {z}; {slope} stands for the activation's own parameter and a sign of multiplication
FORMULAS = {
    "identity": "{z}",
    "logistic": "{p}_logistic({slope}{z})",
    "tanh": "tanh({slope}{z})",
    "relu": "{z} > 0.0 ? {z} : 0.0",
    "leaky_relu": "{z} > 0.0 ? {z} : {slope}{z}",
    "elu": "{z} > 0.0 ? {z} : {slope}expm1({z})",
    "selu": f"{SELU_SCALE!r} * ({{z}} > 0.0 ? {{z}} : {SELU_ALPHA!r} * expm1({{z}}))",
    "softplus": "({z} > 0.0 ? {z} : 0.0) + log1p(exp(-fabs({z})))",
    "gelu": "0.5 * {z} * erfc(-0.7071067811865476 * {z})",
    "silu": "{z} * {p}_logistic({z})",
    "step": "{z} >= 0.0 ? 1.0 : 0.0",
    "exp": "exp({z})",
}
LOGISTIC = """
static inline double {p}_logistic(double z)
{{
    double e = exp(-fabs(z));
    return (z >= 0.0 ? 1.0 : e) / (1.0 + e);
}}
"""
SOFTMAX = """
static inline void {p}_softmax(double *a, int n)
{{
    double top = a[0], sum = 0.0;
    int j;
    for (j = 1; j < n; j++)
        top = a[j] > top ? a[j] : top;
    for (j = 0; j < n; j++) {{
        a[j] = exp(a[j] - top);
        sum += a[j];
    }}
    for (j = 0; j < n; j++)
        a[j] /= sum;
}}
"""
PRODUCT = """
/* z += x W, W of shape (n_in, n_out) */
static inline void {p}_product(const double *x, int n_in, const double *W, double *z, int n_out)
{{
    int i, j;
    for (i = 0; i < n_in; i++, W += n_out)
        for (j = 0; j < n_out; j++)
            z[j] += x[i] * W[j];
}}
"""
FORWARD = """
/* Write the last layer's weighted sums to z, and its outputs to a. */
static inline void {p}_forward(const double *x, double *z, double *a)
{{
    int j;
{body}
}}
"""
VALUES = """
/* Write what is predicted for the {p}_n_features numbers x to the {p}_n_outputs numbers y. */
static inline void {p}_predict(const double *x, double *y)
{{
    double z[{n_outputs}];
    {p}_forward(x, z, y);{scale}
}}
"""
STRONGEST = """
/* Return the index of the class that is predicted for the {p}_n_features numbers x. */
static inline int {p}_predict(const double *x)
{{
    double z[{n_outputs}], a[{n_outputs}];
    int k, best = 0;
    {p}_forward(x, z, a);
    for (k = 1; k < {n_classes}; k++)
        if ({by}[k] > {by}[best])
            best = k;
    return best;
}}
"""
OF_TWO = """
/* Return the index of the class that is predicted for the {p}_n_features numbers x. */
static inline int {p}_predict(const double *x)
{{
    double z[{n_outputs}], a[{n_outputs}];
    {p}_forward(x, z, a);
    return {by}[0] > {threshold}{only};
}}
"""
LABELS = """
/* Write 1 for each label that is predicted for the {p}_n_features numbers x, else 0. */
static inline void {p}_predict(const double *x, int *labels)
{{
    double z[{n_outputs}], a[{n_outputs}];
    int k;
    {p}_forward(x, z, a);
    for (k = 0; k < {n_outputs}; k++)
        labels[k] = {by}[k] > {threshold};
}}
"""
PROBABILITIES = """
/* Write the probabilities of the {n_probabilities} classes to p. */
static inline void {p}_predict_proba(const double *x, double *p)
{{
    double z[{n_outputs}];
{body}
}}
"""
CLIP = "p[{at}] = p[{at}] < {eps} ? {eps} : p[{at}] > 1.0 - {eps} ? 1.0 - {eps} : p[{at}];"
LABEL = """
/* Return the label of the class of index k. */
static inline {type}{p}_label(int k)
{{
    static {type}const labels[{n_classes}] = {{{labels}}};
    return labels[k];
}}
"""
HELPERS = (("product", PRODUCT), ("logistic", LOGISTIC), ("softmax", SOFTMAX))  # in this order
