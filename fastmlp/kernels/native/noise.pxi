# Gaussian noise: Philox 4x32-10 and the Box-Muller transform, bit for bit the same on every backend.
#
# Value i of a stream is a function of the key and of i alone. Sixteen counters make a group of GROUP values:
# counter j's values stand at position j of rows of 16, four in single and two in double precision. Words are
# drawn for a NOISE_BLOCK of some groups: word i of counter j is w[i * COUNTERS + j].
#
# Loops over `EACH` run over as many vectors as fill the CPU's pipes while each waits for its own results: a chain of
# multiplications and additions is long, so that there are more of them than registers hold.
#
# Same bits: every operation is exact or rounded once by IEEE 754 (+, -, *, square root, conversions). The
# compiler may fuse a * b + c where the CPU can, which would round once instead of twice; `vec_rounded` keeps
# it from doing so wherever a product is not exact.

cdef extern from *:
    """
    #if defined(__AVX512F__)
      #define COUNTERS 64
    #else
      #define COUNTERS 32
    #endif
    #define GROUP ((int)(256 / REAL_BYTES))
    #define NOISE_BLOCK (COUNTERS / 16 * GROUP)
    #define WORDS (REAL_BYTES / 4)              /* of a radius, and of an angle */
    #define NOISE_STREAM 0x6e6f6973u            /* the counter's last word, where dropout has the epoch */
    #define SIDE 8
    #define EACH for (int o = 0; o < SIDE; o++)
    /* Where vector o of the radii is among a block's words: their rows are 0, 1 or 0, 2. */
    #define RADIUS(o) ((o) * LANES / COUNTERS * (2 * WORDS * COUNTERS) + (o) * LANES % COUNTERS)

    #if defined(__GNUC__)
      typedef int32_t vsigned __attribute__((vector_size(VEC_BYTES), aligned(sizeof(real)), may_alias));
      typedef vbits nbits;
      #if REAL_BYTES == 4
        #define LOAD_WORDS(w) (*(const nbits *)(w))
      #else
        typedef uint32_t narrow __attribute__((vector_size(VEC_BYTES / 2), aligned(4), may_alias));
        #define LOAD_WORDS(w) __builtin_convertvector(*(const narrow *)(w), nbits)
      #endif
      #define BITS_OF(v) ((vbits)(v))
      #define REAL_OF(b) ((vec)(b))
      #define REAL_OF_INT32(b) __builtin_convertvector((vsigned)(b), vec)
    #else
      typedef bits nbits;
      #define LOAD_WORDS(w) ((nbits)*(w))
      static inline bits BITS_OF(real v) { union { real f; bits i; } a; a.f = v; return a.i; }
      static inline real REAL_OF(bits b) { union { real f; bits i; } a; a.i = b; return a.f; }
      #define REAL_OF_INT32(b) ((real)(int32_t)(b))
    #endif
    #define SUM_OF(p, c) (vec_rounded(p) + (c))
    #define HIGHEST_BIT ((bits)1 << (8 * REAL_BYTES - 1))

    /* a where the highest bit of a lane of b is set, else c */
    #if defined(__AVX__) && !defined(__AVX512F__) && REAL_BYTES == 4
      static inline vec vec_by_bit(nbits b, vec a, vec c) {
          return (vec)_mm256_blendv_ps((__m256)c, (__m256)a, (__m256)b);
      }
    #elif defined(__AVX__) && !defined(__AVX512F__)
      static inline vec vec_by_bit(nbits b, vec a, vec c) {
          return (vec)_mm256_blendv_pd((__m256d)c, (__m256d)a, (__m256d)b);
      }
    #else
      static inline vec vec_by_bit(nbits b, vec a, vec c) {
          nbits chosen = (bits)0 - (b >> (8 * REAL_BYTES - 1));
          return REAL_OF(BITS_OF(c) ^ ((BITS_OF(a) ^ BITS_OF(c)) & chosen));
      }
    #endif

    #if REAL_BYTES == 4
      #define ROOT_HALF_BITS 0x3f3504f3u
      #define LARGEST_DRAW 0.999999940395355224609375f        /* the float below 1 */
      #define LOG_SCALE -1.38629436111989061883f
      /* the word + 1/2, rounded once, times 2^-32; its lower half is read as a number's last bits, 2^-9 more */
      static inline vec noise_draw(const uint32_t *word) {
          nbits u = LOAD_WORDS(word);
          vec low = REAL_OF((u & 0xffffu) | 0x3b000000u);
          return REAL_OF_INT32(u >> 16) * 1.52587890625e-5f + (low - 0.00195312488358467817306518554688f);
      }
      /* the word's low 30 bits, as an odd multiple of 2^-31 in (-1/2, 1/2), rounded once */
      static inline vec noise_angle(const uint32_t *word) {
          return REAL_OF_INT32((LOAD_WORDS(word) << 2) | 2u) * 2.3283064365386962890625e-10f;
      }
      /* -2 log(2^e), where `power` is e 2^MANTISSA */
      static inline vec noise_power(nbits draw, nbits power) {
          (void)draw;
          return REAL_OF_INT32(power) * (LOG_SCALE / 8388608.0f);
      }
      /* minimax polynomials: -2 log(1 + f) / f to 2.6e-8, sin(t pi/2) / t to 3.3e-9, cos(t pi/2) to 3.3e-8 */
      static const real NOISE_LOG[] = {-0.17444713415363f, 0.28733688592910767f, -0.2990453243255615f,
          0.33124786615371704f, -0.39913666248321533f, 0.5000414848327637f, -0.6666837334632874f, 0.9999997615814209f,
          -2.0f};
      static const real NOISE_SIN[] = {-0.00460165785625577f, 0.07968003302812576f, -0.6459634900093079f,
          1.5707963705062866f};
      static const real NOISE_COS[] = {-0.02039858140051365f, 0.25359493494033813f, -1.233696699142456f,
          0.9999999403953552f};
    #else
      #define ROOT_HALF_BITS 0x3fe6a09e667f3bcdu
      #define ROUNDER_BITS 0x4338000000000000u
      #define WORD_BITS 0x4330000000000000u     /* 2^52, whose last bits take a 32-bit word */
      #define LARGEST_DRAW 18446744073709549568.0
      #define LOG_SCALE -1.38629436111989061883
      #define REAL_OF_WORD(b) (REAL_OF((b) | WORD_BITS) - 4503599627370496.0)
      static inline vec noise_draw(const uint32_t *word) {
          return REAL_OF_WORD(LOAD_WORDS(word)) * 4294967296.0 + (REAL_OF_WORD(LOAD_WORDS(word + COUNTERS)) + 0.5);
      }
      static inline vec noise_angle(const uint32_t *word) {
          vec fraction = (REAL_OF_WORD(LOAD_WORDS(word + COUNTERS)) + 0.5) * 2.3283064365386962890625e-10;
          nbits high = LOAD_WORDS(word) & 0x3fffffffu;
          return ((REAL_OF_WORD(high) - 536870912.0) + fraction) * 9.31322574615478515625e-10;
      }
      static inline vec noise_power(nbits draw, nbits power) {
          (void)power;
          nbits e = (draw - (ROOT_HALF_BITS - (64ull << 52))) >> 52;
          return (REAL_OF(e + (ROUNDER_BITS - 128)) - ROUNDER) * LOG_SCALE;
      }
      /* minimax polynomials, -2 log(1 + f) / s in s^2, s = f / (2 + f); all to better than 2^-57 */
      static const real NOISE_LOG[] = {-0.2962105968898056, -0.3062488750469676, -0.3636727018910893,
          -0.44444393976477314, -0.5714285752269359, -0.7999999999859776, -1.333333333333353, -4.0};
      static const real NOISE_SIN[] = {5.6337210119058174e-08, -3.598641754446395e-06, 0.00016044115029165067,
          -0.004681754132282418, 0.07969262624603957, -0.6459640975062443, 1.5707963267948966};
      static const real NOISE_COS[] = {-6.320557348901039e-09, 4.7106035813759967e-07, -2.5202036558211215e-05,
          0.0009192602741467712, -0.020863480763308004, 0.2536695079010466, -1.2337005501361697, 1.0};
    #endif

    /* p = c[0] x^n + ... + c[n - 1] x, for all coefficients but the last. */
    #define POWERS(p, x, c) do { \\
        EACH p[o] = x[o] * c[0]; \\
        for (int k = 1; k < (int)(sizeof(c) / sizeof(real)) - 1; k++) EACH p[o] = SUM_OF(p[o], c[k]) * x[o]; \\
    } while (0)
    #define LAST(c) c[sizeof(c) / sizeof(real) - 1]

    /* r = sqrt(-2 ln(draw), in double precision of draw / 2^64), never 0: draw = 2^e m, m from sqrt(1/2) to sqrt(2) */
    static inline void noise_radii(const uint32_t *word, vec *r) {
        vec n[SIDE], f[SIDE], p[SIDE];
        EACH {
            nbits draw = BITS_OF(vec_min(noise_draw(word + RADIUS(o)), vec_fill(LARGEST_DRAW)));
            nbits power = (draw - ROOT_HALF_BITS) & ~(((bits)1 << MANTISSA) - 1);
            n[o] = vec_rounded(noise_power(draw, power));
            f[o] = REAL_OF(draw - power) - (real)1;
        }
    #if REAL_BYTES == 4
        POWERS(p, f, NOISE_LOG);
        EACH p[o] = SUM_OF(p[o], LAST(NOISE_LOG)) * f[o];
    #else
        vec x[SIDE];
        EACH {
            f[o] = f[o] / (2.0 + f[o]);
            x[o] = f[o] * f[o];
        }
        POWERS(p, x, NOISE_LOG);
        EACH p[o] = SUM_OF(p[o], LAST(NOISE_LOG)) * f[o];
    #endif
        EACH r[o] = vec_sqrt(n[o] + vec_rounded(p[o]));
    }

    /* Sine and cosine, or cosine and sine, of an angle within 45 degrees of an axis; the two highest bits of a word say
       which axis. */
    static inline void noise_directions(const uint32_t *word, vec *x, vec *y) {
        vec t[SIDE], q[SIDE], s[SIDE], c[SIDE];
        EACH {
            t[o] = noise_angle(word + RADIUS(o));
            q[o] = t[o] * t[o];
        }
        POWERS(s, q, NOISE_SIN);
        POWERS(c, q, NOISE_COS);
        EACH {
            nbits turn = LOAD_WORDS(word + RADIUS(o)) << (8 * REAL_BYTES - 32);
            vec sine = SUM_OF(s[o], LAST(NOISE_SIN)) * t[o];
            vec cosine = REAL_OF(BITS_OF(SUM_OF(c[o], LAST(NOISE_COS))) ^ ((turn << 1) & HIGHEST_BIT));
            x[o] = vec_by_bit(turn, sine, cosine);
            y[o] = vec_by_bit(turn, cosine, sine);
        }
    }

    /* target = source + sigma normal, for the NOISE_BLOCK values of the words (4, COUNTERS) */
    static inline void noise_block(const uint32_t *words, real sigma, const real *source, real *target) {
        vec r[SIDE], x[SIDE], y[SIDE];
        for (int i = 0; i < NOISE_BLOCK / 2 / LANES; i += SIDE) {
            noise_radii(words + RADIUS(i), r);
            noise_directions(words + RADIUS(i) + WORDS * COUNTERS, x, y);
            EACH {
                int j = (i + o) * LANES % COUNTERS, row = (i + o) * LANES / COUNTERS * 2;
                int at = j / 16 * GROUP + row * 16 + j % 16;
                vec length = r[o] * sigma;
                *(vec *)(target + at) = SUM_OF(length * x[o], *(const vec *)(source + at));
                *(vec *)(target + at + 16) = SUM_OF(length * y[o], *(const vec *)(source + at + 16));
            }
        }
    }

    #if VECTOR_PHILOX
      static inline void noise_words(uint32_t *w, uint64_t first, uint64_t key) {
          enum { n = 4 };
          words c[4 * n];
          for (int j = 0; j < COUNTERS; j += n * LANES32) {
              philox_counters(c, n, (uint32_t)first + (uint32_t)j);
              philox_vectors(c, n, (uint32_t)(first >> 32), REAL_BYTES, NOISE_STREAM, key);
              for (int i = 0; i < 4 * n; i++) *(words *)(w + i / n * COUNTERS + j + i % n * LANES32) = c[i];
          }
      }
    #else
      static inline void noise_words(uint32_t *w, uint64_t first, uint64_t key) { (void)w; (void)first; (void)key; }
    #endif
    """
    enum:
        COUNTERS
        GROUP
        NOISE_BLOCK
        NOISE_STREAM
    void noise_words(uint32_t *, uint64_t, uint64_t) noexcept nogil
    void noise_block(const uint32_t *, real, const real *, real *) noexcept nogil

cdef enum:
    NOISE_TILE = 2048        # values whose copies lie in the first cache until the noise is added


cdef inline void draw_words(uint32_t *w, uint64_t block, uint64_t key) noexcept nogil:
    """The words (4, COUNTERS) of a block.

    Counter: (low and high half of its number, bytes of a value, NOISE_STREAM).
    """
    cdef uint32_t c[4]
    cdef uint64_t first = block * COUNTERS
    cdef int i, j
    if VECTOR_PHILOX:
        noise_words(w, first, key)
        return
    for j in range(COUNTERS):
        c[0], c[1], c[2], c[3] = <uint32_t>first + <uint32_t>j, <uint32_t>(first >> 32), sizeof(real), NOISE_STREAM
        philox(c, <uint32_t>key, <uint32_t>(key >> 32))
        for i in range(4):
            w[i * COUNTERS + j] = c[i]


cdef void add_stream(const real *source, real *target, uint64_t first, size n, uint64_t key,
                     real sigma) noexcept nogil:
    """target = source + sigma z, where z are values first ... first + n of the stream.

    source : IN (n,)    target : OUT (n,), may be the source
    """
    cdef uint32_t w[256]                       # 4 COUNTERS
    cdef real part[256]                        # NOISE_BLOCK
    cdef uint64_t block = first // NOISE_BLOCK
    cdef size skip = first % NOISE_BLOCK, m
    while n > 0:
        draw_words(w, block, key)
        m = NOISE_BLOCK - skip
        if m == NOISE_BLOCK and n >= m:
            noise_block(w, sigma, source, target)
        else:
            m = m if m < n else n
            memset(part, 0, sizeof(part))
            memcpy(part + skip, source, m * sizeof(real))
            noise_block(w, sigma, part, part)
            memcpy(target, part + skip, m * sizeof(real))
            skip = 0
        source += m
        target += m
        n -= m
        block += 1


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
    cdef const real *row
    cdef size column, done, m, k
    while n > 0:
        row = source + at // (width * n_copies) * width
        column = at % width
        m = width * n_copies - at % (width * n_copies)
        m = m if m < n else n
        done = width - column if width - column < m else m
        memcpy(target, row + column, done * sizeof(real))
        if done < m:
            k = column if column < m - done else m - done
            memcpy(target + done, row, k * sizeof(real))
            done += k
        while done < m:             # what is there is whole rows, and begins as it goes on
            k = done if done < m - done else m - done
            memcpy(target + done, target, k * sizeof(real))
            done += k
        target += m
        at += m
        n -= m


def add_noise(cnp.ndarray source, cnp.ndarray target, size width, size n_copies, uint64_t first, uint64_t key,
              double sigma, double low, double high):
    """target = min(max(rows + sigma z, low), high): rows of `width` values, each n_copies times in succession.

    z are the values from number `first` of the stream that `key` names on, standard normal and independent.
    sigma = 0 adds nothing. Both arrays are contiguous; they may be one where n_copies is 1.
    """
    cdef const real *rows = readable_reals("source", source, source.size)
    cdef real *out = writable_reals("target", target, source.size * n_copies)
    cdef const real *tile
    cdef const real *row
    cdef const real *held = NULL        # the row whose copies are there
    cdef real copies[2 * NOISE_TILE]
    cdef size at = 0, m, n = target.size
    cdef real s = <real>sigma, least = <real>low, most = <real>high
    cdef bint clips = least > -REAL_INFINITY or most < REAL_INFINITY
    with nogil:
        while at < n:
            m = NOISE_TILE - <size>((first + <uint64_t>at) % NOISE_TILE)    # so that tiles end where blocks do
            m = m if m < n - at else n - at
            tile = rows + at
            if n_copies > 1:
                row = rows + at // (width * n_copies) * width
                tile = copies
                if width > NOISE_TILE or at % (width * n_copies) + m > width * n_copies:
                    repeat_rows(rows, width, n_copies, at, copies, m)
                    held = NULL
                else:                   # all of one row: its copies serve for many tiles
                    if row != held:
                        repeat_rows(row, width, n_copies, 0, copies, min(2 * NOISE_TILE, width * n_copies))
                        held = row
                    tile = copies + at % width
            if s != 0:
                add_stream(tile, out + at, first + <uint64_t>at, m, key, s)
                tile = out + at
            if clips or s == 0:
                clip_values(tile, out + at, m, least, most)
            at += m


def normals(cnp.ndarray words, cnp.ndarray out):
    """For tests: the values made of uint32 words (n, 4, 16); out (n, 16 values for each of 4 or 2 words)."""
    cdef const uint32_t *given = <const uint32_t *>readable("words", words, c'u', 4, words.shape[0] * 64)
    cdef real *target = writable_reals("out", out, words.shape[0] * GROUP)
    cdef uint32_t w[256]                       # 4 COUNTERS
    cdef real part[256]                        # NOISE_BLOCK
    cdef size k, i
    for k in range(words.shape[0]):
        for i in range(4 * COUNTERS):         # the same group several times
            w[i] = given[64 * k + i // COUNTERS * 16 + i % 16]
        memset(part, 0, sizeof(part))
        noise_block(w, ONE, part, part)
        memcpy(target + k * GROUP, part + k % (COUNTERS // 16) * GROUP, GROUP * sizeof(real))
