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
      static real near_c0[NEAR_LAST + 1];                            /* by part, from -NEAR_TOP on */

      /* With half a part's width w, h^4 is w^2 h^2 - w^4 / 8 to within w^4 / 8 (Chebyshev): so much of Taylor's
         fourth term is taken into c0 and c2, which leaves 3e-8 of it. Taylor's coefficients are polynomials of
         t = tanh(centre), s = 1 - t^2:  t, s, -s t, s (t^2 - 1/3), s t (2/3 - t^2). */
      #define NEAR_W2 (0.25 / NEAR_PARTS / NEAR_PARTS)

      static void near_prepare(void) {
          for (int k = 0; k <= NEAR_LAST; k++) {
              double t = tanh((double)k / NEAR_PARTS - NEAR_TOP), fourth = (1 - t * t) * t * (2.0 / 3 - t * t);
              near_c0[k] = (real)(t - fourth * (NEAR_W2 * NEAR_W2 / 8));
          }
      }

      static inline vec near_part(vec x) { return x * NEAR_PARTS + ROUNDER; }

      /* The bits of the lanes whose x has another part than before. */
      static inline int near_moved(const Near *n, vec x) {
          vec part = near_part(x);
      #if defined(__AVX512F__)
          return _mm512_cmpneq_epi32_mask((__m512i)part, (__m512i)n->part);
      #elif defined(__AVX2__)
          return 255 - _mm256_movemask_ps((__m256)_mm256_cmpeq_epi32((__m256i)part, (__m256i)n->part));
      #else
          return 15 - _mm_movemask_ps((__m128)_mm_cmpeq_epi32((__m128i)part, (__m128i)n->part));
      #endif
      }

      /* near_c0[number] in each lane, 0 where there is none, whose lanes are the bits of `beyond`. */
      static inline vec near_look_up(vbits number, int *beyond) {
      #if defined(__AVX512F__)
          __mmask16 known = _mm512_cmple_epu32_mask((__m512i)number, _mm512_set1_epi32(NEAR_LAST));
          *beyond = (__mmask16)~known;
          return (vec)_mm512_mask_i32gather_ps(_mm512_setzero_ps(), known, (__m512i)number, near_c0, 4);
      #elif defined(__AVX2__)
          __m256i least = _mm256_min_epu32((__m256i)number, _mm256_set1_epi32(NEAR_LAST));
          __m256 known = (__m256)_mm256_cmpeq_epi32(least, (__m256i)number);
          *beyond = 255 - _mm256_movemask_ps(known);
          return (vec)_mm256_mask_i32gather_ps(_mm256_setzero_ps(), near_c0, (__m256i)number, known, 4);
      #else
          vec t = {0};
          *beyond = 0;
          for (int l = 0; l < VEC_BYTES / REAL_BYTES; l++) {
              if (number[l] <= NEAR_LAST) t[l] = near_c0[number[l]];
              else *beyond |= 1 << l;
          }
          return t;
      #endif
      }

      /* Where one of these lanes has moved, take the cubics of their parts, or note that one is beyond the last. */
      static __attribute__((noinline, cold)) void near_renew(Near *n, vec x, int lanes) {
          if (!(near_moved(n, x) & lanes)) return;
          vec t, s;
          n->part = near_part(x);
          n->centre = (n->part - ROUNDER) * (real)(1.0 / NEAR_PARTS);
          vbits number = (vbits)n->part - (vbits)vec_fill(ROUNDER - NEAR_TOP * NEAR_PARTS);
          t = near_look_up(number, &n->beyond);
          n->beyond &= lanes;
          s = 1 - t * t;
          n->c1 = s;
          n->c0 = t - n->centre * s;
          n->c3 = s * (t * t - (real)(1.0 / 3 - NEAR_W2 / 9));     /* a ninth: h^5 about 0, relative to h */
          n->c2 = s * t * ((real)NEAR_W2 * ((real)(2.0 / 3) - t * t) - 1) - n->centre * n->c3;
      }

      /* Begin with no part; `kept`: nothing else is asked for than cubics, if not, nothing else than tanh. */
      static inline void near_begin(Near *n, int kept) {
          memset(n, 0xff, sizeof *n);                                /* a NaN that is nobody's part */
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
