# Gaussian noise: Philox 4x32-10 and the Box-Muller transform, bit for bit the same on every backend.
#
# Value i of a stream is a function of the key and of i alone. Sixteen counters make a group of GROUP values:
# counter j's four words w0 ... w3 stand at position j of four rows, and so do the values made of them,
# four in single and two in double precision. The layout is that of whole vectors at every level.
#
# Same bits: every operation is exact or rounded once by IEEE 754 (+, -, *, square root, conversions). The
# compiler may fuse a * b + c where the CPU can, which would round once instead of twice; `vec_rounded` keeps
# it from doing so wherever a product is not exact.

cdef extern from *:
    """
    #define COUNTERS 16
    #define GROUP_ROWS ((int)(16 / REAL_BYTES))
    #define GROUP (COUNTERS * GROUP_ROWS)
    #define WORD_LANES(w, row, j) ((w) + (row) * COUNTERS + (j))
    #define NOISE_STREAM 0x6e6f6973u            /* the counter's last word, where dropout has the epoch */

    #if defined(__GNUC__)
      #if REAL_BYTES == 4
        typedef int32_t vsigned __attribute__((vector_size(VEC_BYTES), aligned(sizeof(real)), may_alias));
      #else
        typedef int64_t vsigned __attribute__((vector_size(VEC_BYTES), aligned(sizeof(real)), may_alias));
      #endif
      typedef vbits nbits;
      #define BITS_OF(v) ((vbits)(v))
      #define REAL_OF(b) ((vec)(b))
      #define SHIFT_SIGNED(b, n) ((vbits)((vsigned)(b) >> (n)))
      #define REAL_OF_INT32(b) __builtin_convertvector((vsigned)(b), vec)
    #else
      typedef bits nbits;
      static inline bits BITS_OF(real v) { union { real f; bits i; } a; a.f = v; return a.i; }
      static inline real REAL_OF(bits b) { union { real f; bits i; } a; a.i = b; return a.f; }
      #if REAL_BYTES == 4
        #define SHIFT_SIGNED(b, n) ((bits)((int32_t)(b) >> (n)))
      #else
        #define SHIFT_SIGNED(b, n) ((bits)((int64_t)(b) >> (n)))
      #endif
      #define REAL_OF_INT32(b) ((real)(int32_t)(b))
    #endif
    #define SUM_OF(p, c) (vec_rounded(p) + (c))

    #if REAL_BYTES == 4
      #define ROOT_HALF_BITS 0x3f3504f3u
      #define ROUNDER_BITS 0x4b400000u
      #define LARGEST_DRAW 4294967040.0f        /* the float below 2^32 */
      #define DRAW_BITS 32
      #define LOG_SCALE -1.38629436111989061883f
      /* (hi + 1/2), rounded once; `lo` is not used */
      static inline vec noise_draw(nbits hi, nbits lo) {
          (void)lo;
          return REAL_OF_INT32(hi >> 16) * 65536.0f + (REAL_OF_INT32(hi & 0xffffu) + 0.5f);
      }
      /* the low 30 bits of `hi`, as an odd multiple of 2^-31 in (-1/2, 1/2), rounded once */
      static inline vec noise_angle(nbits hi, nbits lo) {
          (void)lo;
          return REAL_OF_INT32((hi << 2) | 2u) * 2.3283064365386962890625e-10f;
      }
      /* minimax polynomials: -2 log(1 + f) / f to 2.6e-8, sin(t pi/2) / t to 3.3e-9, cos(t pi/2) to 3.3e-8 */
      static inline vec noise_log(vec f) {
          vec p = f * -0.17444713415363f;
          p = SUM_OF(p, 0.28733688592910767f) * f;
          p = SUM_OF(p, -0.2990453243255615f) * f;
          p = SUM_OF(p, 0.33124786615371704f) * f;
          p = SUM_OF(p, -0.39913666248321533f) * f;
          p = SUM_OF(p, 0.5000414848327637f) * f;
          p = SUM_OF(p, -0.6666837334632874f) * f;
          p = SUM_OF(p, 0.9999997615814209f) * f;
          return SUM_OF(p, -2.0f) * f;
      }
      static inline vec noise_sin(vec t, vec q) {
          vec p = q * -0.00460165785625577f;
          p = SUM_OF(p, 0.07968003302812576f) * q;
          p = SUM_OF(p, -0.6459634900093079f) * q;
          return SUM_OF(p, 1.5707963705062866f) * t;
      }
      static inline vec noise_cos(vec q) {
          vec p = q * -0.02039858140051365f;
          p = SUM_OF(p, 0.25359493494033813f) * q;
          p = SUM_OF(p, -1.233696699142456f) * q;
          return SUM_OF(p, 0.9999999403953552f);
      }
    #else
      #define ROOT_HALF_BITS 0x3fe6a09e667f3bcdu
      #define ROUNDER_BITS 0x4338000000000000u
      #define WORD_BITS 0x4330000000000000u     /* 2^52, whose last bits take a 32-bit word */
      #define LARGEST_DRAW 18446744073709549568.0
      #define DRAW_BITS 64
      #define LOG_SCALE -1.38629436111989061883
      #define REAL_OF_WORD(b) (REAL_OF((b) | WORD_BITS) - 4503599627370496.0)
      static inline vec noise_draw(nbits hi, nbits lo) {
          return REAL_OF_WORD(hi) * 4294967296.0 + (REAL_OF_WORD(lo) + 0.5);
      }
      static inline vec noise_angle(nbits hi, nbits lo) {
          vec fraction = (REAL_OF_WORD(lo) + 0.5) * 2.3283064365386962890625e-10;
          return ((REAL_OF_WORD(hi & 0x3fffffffu) - 536870912.0) + fraction) * 9.31322574615478515625e-10;
      }
      /* minimax polynomials in s = f / (2 + f) and q, all to better than 2^-57 */
      static inline vec noise_log(vec f) {
          vec s = f / (2.0 + f), t = s * s, p = t * -0.2962105968898056;
          p = SUM_OF(p, -0.3062488750469676) * t;
          p = SUM_OF(p, -0.3636727018910893) * t;
          p = SUM_OF(p, -0.44444393976477314) * t;
          p = SUM_OF(p, -0.5714285752269359) * t;
          p = SUM_OF(p, -0.7999999999859776) * t;
          p = SUM_OF(p, -1.333333333333353) * t;
          return SUM_OF(p, -4.0) * s;
      }
      static inline vec noise_sin(vec t, vec q) {
          vec p = q * 5.6337210119058174e-08;
          p = SUM_OF(p, -3.598641754446395e-06) * q;
          p = SUM_OF(p, 0.00016044115029165067) * q;
          p = SUM_OF(p, -0.004681754132282418) * q;
          p = SUM_OF(p, 0.07969262624603957) * q;
          p = SUM_OF(p, -0.6459640975062443) * q;
          return SUM_OF(p, 1.5707963267948966) * t;
      }
      static inline vec noise_cos(vec q) {
          vec p = q * -6.320557348901039e-09;
          p = SUM_OF(p, 4.7106035813759967e-07) * q;
          p = SUM_OF(p, -2.5202036558211215e-05) * q;
          p = SUM_OF(p, 0.0009192602741467712) * q;
          p = SUM_OF(p, -0.020863480763308004) * q;
          p = SUM_OF(p, 0.2536695079010466) * q;
          p = SUM_OF(p, -1.2337005501361697) * q;
          return SUM_OF(p, 1.0);
      }
    #endif

    /* sqrt(-2 ln(draw / 2^DRAW_BITS)), never 0: draw = 2^e m with m from sqrt(1/2) to sqrt(2) */
    static inline vec noise_radius(nbits hi, nbits lo) {
        vec draw = vec_min(noise_draw(hi, lo), vec_fill(LARGEST_DRAW));
        nbits e = SHIFT_SIGNED(BITS_OF(draw) - ROOT_HALF_BITS, MANTISSA);
        vec f = REAL_OF(BITS_OF(draw) - (e << MANTISSA)) - (real)1;
        vec n = REAL_OF(e - DRAW_BITS + ROUNDER_BITS) - ROUNDER;
        return vec_sqrt(vec_rounded(n * LOG_SCALE) + vec_rounded(noise_log(f)));
    }

    /* Two values of deviation sigma: radius (sin, cos) or (cos, sin) of an angle within 45 degrees of an axis; the
       two highest bits of `turn` say which axis. */
    static inline void noise_pair(vec radius, real sigma, nbits turn, vec t, vec *x, vec *y) {
        vec q = t * t, s = noise_sin(t, q), c = noise_cos(q), r = radius * sigma;
        nbits swap = (bits)0 - (turn >> 31), sign = (turn << (8 * REAL_BYTES - 31)) & ((bits)1 << (8 * REAL_BYTES - 1));
        c = REAL_OF(BITS_OF(c) ^ sign);
        *x = vec_rounded(r * REAL_OF((BITS_OF(s) & swap) | (BITS_OF(c) & ~swap)));
        *y = vec_rounded(r * REAL_OF((BITS_OF(c) & swap) | (BITS_OF(s) & ~swap)));
    }

    static inline void noise_store(const real *source, real *target, vec noise, vec low, vec high) {
        *(vec *)target = vec_min(vec_max(*(const vec *)source + noise, low), high);
    }

    /* target = min(max(source + sigma normal, low), high) for the GROUP values of the words (4, COUNTERS) */
    static inline void noise_group(const bits *w, real sigma, real low, real high, const real *source, real *target) {
        vec x, y, least = vec_fill(low), most = vec_fill(high);
        for (int j = 0; j < COUNTERS; j += LANES)
            for (int row = 0; row < GROUP_ROWS; row += 2) {
                const nbits *u = (const nbits *)WORD_LANES(w, row, j), *v;
    #if REAL_BYTES == 4
                v = (const nbits *)WORD_LANES(w, row + 1, j);
                noise_pair(noise_radius(*u, *u), sigma, *v, noise_angle(*v, *v), &x, &y);
    #else
                const nbits *u_low = (const nbits *)WORD_LANES(w, 1, j), *v_low = (const nbits *)WORD_LANES(w, 3, j);
                v = (const nbits *)WORD_LANES(w, 2, j);
                noise_pair(noise_radius(*u, *u_low), sigma, *v, noise_angle(*v, *v_low), &x, &y);
    #endif
                noise_store(source + row * COUNTERS + j, target + row * COUNTERS + j, x, least, most);
                noise_store(source + (row + 1) * COUNTERS + j, target + (row + 1) * COUNTERS + j, y, least, most);
            }
    }

    #if VECTOR_PHILOX
      static inline void noise_words(bits *w, uint64_t group, uint64_t key) {
          static const uint64_t lanes[8] = {0, 1, 2, 3, 4, 5, 6, 7};
          const uint64_t first = group * COUNTERS;
          wide zero = {0}, c[PHILOX_VECTORS][4];
          for (int j = 0; j < COUNTERS; j += LANES) {
              for (int o = 0; o < PHILOX_VECTORS; o++) {
                  c[o][0] = *(const wide *)lanes * (uint64_t)PHILOX_VECTORS + ((uint32_t)first + (uint64_t)(j + o));
                  c[o][1] = zero + (first >> 32);
                  c[o][2] = zero + REAL_BYTES;
                  c[o][3] = zero + NOISE_STREAM;
              }
              philox_wide(c, key);
              for (int i = 0; i < 4; i++) {
                  wide words = c[0][i] & 0xffffffffu;
      #if REAL_BYTES == 4
                  words |= c[1][i] << 32;
      #endif
                  *(wide *)WORD_LANES(w, i, j) = words;
              }
          }
      }
    #else
      static inline void noise_words(bits *w, uint64_t group, uint64_t key) { (void)w; (void)group; (void)key; }
    #endif
    """
    ctypedef uint64_t bits        # 32 bits wide in single precision
    enum:
        COUNTERS
        GROUP
        NOISE_STREAM
    void noise_words(bits *, uint64_t, uint64_t) noexcept nogil
    void noise_group(const bits *, real, real, real, const real *, real *) noexcept nogil

cdef enum:
    NOISE_TILE = 4096        # values whose copies are still in the first cache when the noise is added


cdef inline void draw_words(bits *w, uint64_t group, uint64_t key) noexcept nogil:
    """The words of counters 16 group ... 16 group + 15: w[i * COUNTERS + j] is word i of counter j.

    Counter: (low and high half of 16 group + j, bytes of a value, NOISE_STREAM).
    """
    cdef uint32_t c[4]
    cdef uint64_t first = group * COUNTERS
    cdef int i, j
    if VECTOR_PHILOX:
        noise_words(w, group, key)
        return
    for j in range(COUNTERS):
        c[0], c[1], c[2], c[3] = <uint32_t>first + <uint32_t>j, <uint32_t>(first >> 32), sizeof(real), NOISE_STREAM
        philox(c, <uint32_t>key, <uint32_t>(key >> 32))
        for i in range(4):
            w[i * COUNTERS + j] = <bits>c[i]


cdef void add_stream(const real *source, real *target, uint64_t first, size n, uint64_t key, real sigma, real low,
                     real high) noexcept nogil:
    """target = min(max(source + sigma z, low), high), where z are values first ... first + n of the stream.

    source : IN (n,)    target : OUT (n,), may be the source
    """
    cdef bits w[64]
    cdef real part[64]
    cdef uint64_t group = first // GROUP
    cdef size skip = first % GROUP, m
    while n > 0:
        draw_words(w, group, key)
        m = GROUP - skip
        if m == GROUP and n >= m:
            noise_group(w, sigma, low, high, source, target)
        else:
            m = m if m < n else n
            memset(part, 0, sizeof(part))
            memcpy(part + skip, source, m * sizeof(real))
            noise_group(w, sigma, low, high, part, part)
            memcpy(target, part + skip, m * sizeof(real))
            skip = 0
        source += m
        target += m
        n -= m
        group += 1


cdef void clip_values(const real *source, real *target, size n, real low, real high) noexcept nogil:
    """target = min(max(source, low), high), elementwise."""
    cdef size i
    cdef real v
    for i in range(n):
        v = source[i]
        v = v if v > low else low
        target[i] = v if v < high else high


cdef void repeat_rows(const real *source, size width, size n_copies, size at, real *target, size n) noexcept nogil:
    """target = elements at ... at + n of the rows of `source`, each row n_copies times in succession."""
    cdef size row = at // width, column = at % width, m
    while n > 0:
        m = width - column if width - column < n else n
        memcpy(target, source + row // n_copies * width + column, m * sizeof(real))
        target += m
        n -= m
        row += 1
        column = 0


def add_noise(cnp.ndarray source, cnp.ndarray target, size width, size n_copies, uint64_t first, uint64_t key,
              double sigma, double low, double high):
    """target = min(max(rows + sigma z, low), high): rows of `width` values, each n_copies times in succession.

    z are the values from number `first` of the stream that `key` names on, standard normal and independent.
    sigma = 0 adds nothing. Both arrays are contiguous; they may be one where n_copies is 1.
    """
    cdef const real *rows = readable_reals("source", source, source.size)
    cdef real *out = writable_reals("target", target, source.size * n_copies)
    cdef const real *tile
    cdef size at = 0, m, n = target.size
    cdef real s = <real>sigma, least = <real>low, most = <real>high
    with nogil:
        while at < n:
            m = n - at if n - at < NOISE_TILE else NOISE_TILE
            tile = rows + at
            if n_copies > 1:
                repeat_rows(rows, width, n_copies, at, out + at, m)
                tile = out + at
            if s == 0:
                clip_values(tile, out + at, m, least, most)
            else:
                add_stream(tile, out + at, first + <uint64_t>at, m, key, s, least, most)
            at += m


def normals(cnp.ndarray words, cnp.ndarray out):
    """For tests: the values made of uint32 words (n, 4, 16); out (n, 16 values for each of 4 or 2 words)."""
    cdef const uint32_t *given = <const uint32_t *>readable("words", words, c'u', 4, words.shape[0] * 64)
    cdef real *target = writable_reals("out", out, words.shape[0] * GROUP)
    cdef bits w[64]
    cdef size k, i
    for k in range(words.shape[0]):
        for i in range(64):
            w[i] = given[64 * k + i]
        memset(target + k * GROUP, 0, GROUP * sizeof(real))
        noise_group(w, ONE, -REAL_INFINITY, REAL_INFINITY, target + k * GROUP, target + k * GROUP)
