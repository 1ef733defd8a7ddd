# tanh for a loop in which everything waits for it, and whose argument moves little from step to step. It is a cubic
# about the nearest sixteenth. Where that is the one of the step before, nothing is looked up: the cubic is kept, and
# takes 10 cycles where a quotient takes 32. A branch finds out, which nothing waits for as long as it is predicted.

cdef extern from *:
    """
    #if defined(__GNUC__) && defined(__SSE2__) && REAL_BYTES == 4
      /* c0 + x c1 + h^2 (c2 + x c3), h = x - centre, for which h^2 alone has to wait */
      typedef struct { vec part, centre, c0, c1, c2, c3; int beyond; } __attribute__((aligned(64))) Near;
      #define NEAR_PARTS 16           /* cubics to a unit */
      #define NEAR_TOP 9              /* from here on tanh is 1 */
      #define NEAR_LAST (2 * NEAR_TOP * NEAR_PARTS)
      static real near_cubics[NEAR_LAST + 2][4];     /* c0 to c3 by part, from -NEAR_TOP on; 0 for those beyond */
      static unsigned int near_first;                /* the bits of the first one's `part` */

      /* With half a part's width w, h^4 is w^2 h^2 - w^4 / 8 to within w^4 / 8 (Chebyshev): so much of Taylor's
         fourth term is taken into c0 and c2, which leaves 3e-8 of it. Taylor's coefficients are polynomials of
         t = tanh(centre), s = 1 - t^2:  t, s, -s t, s (t^2 - 1/3), s t (2/3 - t^2). */
      #define NEAR_W2 (0.25 / NEAR_PARTS / NEAR_PARTS)

      static void near_prepare(void) {
          real first = ROUNDER - NEAR_TOP * NEAR_PARTS;
          memcpy(&near_first, &first, sizeof near_first);
          for (int k = 0; k <= NEAR_LAST; k++) {
              double exact = tanh((double)k / NEAR_PARTS - NEAR_TOP), square = exact * exact;
              real t = (real)(exact - (1 - square) * exact * (2.0 / 3 - square) * (NEAR_W2 * NEAR_W2 / 8));
              real s = 1 - t * t, centre = (real)k / NEAR_PARTS - NEAR_TOP, *cubic = near_cubics[k];
              cubic[0] = t - centre * s;
              cubic[1] = s;
              cubic[3] = s * (t * t - (real)(1.0 / 3 - NEAR_W2 / 9));   /* a ninth: h^5 about 0, relative to h */
              cubic[2] = s * t * ((real)NEAR_W2 * ((real)(2.0 / 3) - t * t) - 1) - centre * cubic[3];
          }
      }

      static inline vec near_part(vec x) { return x * NEAR_PARTS + ROUNDER; }

      static inline vbits near_same(vec a, vec b) { return (vbits)((vbits)a == (vbits)b); }

      /* The bits of the lanes in which both are the same. */
      static inline int near_lanes(vec a, vec b) {
      #if defined(__AVX512F__)
          return _mm512_cmpeq_epi32_mask((__m512i)a, (__m512i)b);
      #elif defined(__AVX2__)
          return _mm256_movemask_ps((__m256)near_same(a, b));
      #else
          return _mm_movemask_ps((__m128)near_same(a, b));
      #endif
      }

      /* The bits of the lanes whose x has another part than before. */
      static inline int near_moved(const Near *n, vec x) {
          return ~near_lanes(near_part(x), n->part) & ((1 << LANES) - 1);
      }

      /* a, but b in those lanes whose bits are 1. */
      static inline vec near_put(vec a, real b, vbits lanes) {
          return (vec)(((vbits)a & ~lanes) | ((vbits)vec_fill(b) & lanes));
      }

      /* Where one of these lanes has moved, take the cubics of their parts, or note that one is beyond the last. As a
         rule one lane has moved, with its copies: all of them take the first one's, those it does not suit another
         then. */
      static __attribute__((noinline, cold)) void near_renew(Near *n, vec x, int lanes) {
          vec part = near_part(x);
          int moved = near_moved(n, x);
          if (!(moved & lanes)) return;
          vbits left = ~near_same(part, n->part);
          n->part = part;
          n->centre = (part - ROUNDER) * (real)(1.0 / NEAR_PARTS);
          while (moved) {
              real own = ((const real *)&n->part)[__builtin_ctz(moved)];
              int here = near_lanes(part, vec_fill(own));
              unsigned int number;
              memcpy(&number, &own, sizeof number);
              number -= near_first;
              n->beyond &= ~here;
              if (__builtin_expect(number > NEAR_LAST, 0)) {
                  number = NEAR_LAST + 1;
                  n->beyond |= here & lanes;
              }
              n->c0 = near_put(n->c0, near_cubics[number][0], left);
              n->c1 = near_put(n->c1, near_cubics[number][1], left);
              n->c2 = near_put(n->c2, near_cubics[number][2], left);
              n->c3 = near_put(n->c3, near_cubics[number][3], left);
              left &= ~near_same(part, vec_fill(own));
              moved &= ~here;
          }
      }

      /* Begin with no part; `kept`: nothing else is asked for than cubics, if not, nothing else than tanh. */
      static inline void near_begin(Near *n, int kept) {
          memset(n, 0, sizeof *n);
          memset(&n->part, 0xff, sizeof n->part);                    /* a NaN that is nobody's part */
          n->beyond = !kept;
      }

      /* tanh(x) where no lane has moved: up to NEAR_TOP in all by cubics, to 0.3 ulp on average, 4 at most. */
      static inline vec near_tanh(const Near *n, vec x) {
          if (__builtin_expect(n->beyond, 0)) return vec_tanh(x);
          vec h = x - n->centre;
          return (n->c0 + x * n->c1) + (h * h) * (n->c2 + x * n->c3);
      }
    #else
      typedef struct { int unused; } Near;
      static void near_prepare(void) {}
      static inline int near_moved(const Near *n, vec x) { (void)n; (void)x; return 0; }
      static inline void near_renew(Near *n, vec x, int lanes) { (void)n; (void)x; (void)lanes; }
      static inline void near_begin(Near *n, int kept) { (void)n; (void)kept; }
      static inline vec near_tanh(const Near *n, vec x) { (void)n; return vec_tanh(x); }
    #endif
    """
    ctypedef struct Near:
        pass
    void near_prepare() noexcept nogil            # before all others
    void near_begin(Near *, bint) noexcept nogil
    int near_moved(const Near *, vec) noexcept nogil
    void near_renew(Near *, vec, int) noexcept nogil
    vec near_tanh(const Near *, vec) noexcept nogil


near_prepare()
