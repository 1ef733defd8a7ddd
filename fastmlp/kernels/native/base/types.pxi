# What every kernel file builds on: the element type, vectors, the structs of records.py, threads.
#
# The stub that includes the kernels (`_avx512_f32.pyx`, ...) has typedef'd `real` in C. A `vec` is
# VEC_BYTES of them: GNU C gives vectors their arithmetic, and a scalar times a vector broadcasts.
# Cython takes `vec` for a floating-point scalar; where the compiler has no vectors it is one, and
# LANES is 1.
#
# Legend: B samples of a batch, I inputs, O outputs; X, W, b, Z, A as usual; d* is a gradient with
# respect to *; ld* is a row stride in elements. Working copies of weights, state and activations
# have rows padded with zeros to whole vectors, so that no loop over columns has a tail.

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t, uintptr_t
from libc.string cimport memcpy, memset
from libc.stdlib cimport malloc, free

cdef extern from *:
    """
    #include <stdint.h>
    #include <math.h>
    #include <string.h>

    #if defined(__GNUC__)
      #define LANES ((int)(VEC_BYTES / sizeof(real)))
      typedef real vec __attribute__((vector_size(VEC_BYTES), aligned(sizeof(real)), may_alias));
      typedef bits vbits __attribute__((vector_size(VEC_BYTES), aligned(sizeof(real)), may_alias));
    #else
      #define LANES 1
      typedef real vec;
    #endif

    /* Columns of a register tile, in vectors: as many as the register file holds beside 6 rows. */
    #if defined(__AVX512F__) || defined(__aarch64__)
      #define TILE_VECS 4
    #else
      #define TILE_VECS 2
    #endif

    #if defined(__SSE2__) || defined(_M_X64)
      #include <immintrin.h>
      static inline unsigned fm_flush_denormals(void) {
          unsigned old = _mm_getcsr(); _mm_setcsr(old | 0x8040u); return old;
      }
      static inline void fm_restore_denormals(unsigned old) { _mm_setcsr(old); }
      #define fm_pause() _mm_pause()
    #elif defined(__aarch64__) && defined(__GNUC__)
      static inline unsigned fm_flush_denormals(void) {
          uint64_t old; __asm__ volatile("mrs %0, fpcr" : "=r"(old));
          __asm__ volatile("msr fpcr, %0" : : "r"(old | (1u << 24)));
          return (unsigned)old;
      }
      static inline void fm_restore_denormals(unsigned old) {
          __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)old));
      }
      #define fm_pause() __asm__ volatile("yield")
    #else
      static inline unsigned fm_flush_denormals(void) { return 0; }
      static inline void fm_restore_denormals(unsigned old) { (void)old; }
      #define fm_pause() ((void)0)
    #endif

    #if defined(__GNUC__)
      #define fm_load(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
      #define fm_store(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
      #define fm_add(p, v) __atomic_add_fetch((p), (v), __ATOMIC_ACQ_REL)
      #define fm_load64(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
      #define fm_store64(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
      #define fm_swap64(p, old, new) __sync_bool_compare_and_swap((p), (old), (new))
    #elif defined(_MSC_VER)
      #include <intrin.h>
      #define fm_load(p) _InterlockedOr((volatile long *)(p), 0)
      #define fm_store(p, v) ((void)_InterlockedExchange((volatile long *)(p), (v)))
      #define fm_add(p, v) (_InterlockedExchangeAdd((volatile long *)(p), (v)) + (v))
      #define fm_load64(p) _InterlockedOr64((volatile __int64 *)(p), 0)
      #define fm_store64(p, v) ((void)_InterlockedExchange64((volatile __int64 *)(p), (v)))
      #define fm_swap64(p, old, new) (_InterlockedCompareExchange64((volatile __int64 *)(p), (new), (old)) == (old))
    #endif

    #if defined(_WIN32)
      #include <windows.h>
      #define fm_yield() SwitchToThread()
      #define fm_sleep(waits) Sleep(0)
    #else
      #include <sched.h>
      #include <time.h>
      #define fm_yield() sched_yield()
      static inline void fm_sleep(int waits) {
          struct timespec t = {0, waits < 1900 ? 50000 + 500 * waits : 1000000};
          nanosleep(&t, 0);
      }
    #endif

    /* What a thread does that has looked for work in vain so many times. To wake up costs its core 10 microseconds,
       so it sleeps longer the longer it has waited, up to a millisecond. */
    static inline void fm_wait(int waits) {
        if (waits < 500) fm_pause();
        else if (waits < 2000) fm_yield();
        else fm_sleep(waits - 2000);
    }

    /* Into the first-level cache, or the second. GCC drops calls of functions that do no more, unless inlined. */
    #if defined(__GNUC__)
      #define fm_prefetch(p) __builtin_prefetch((p), 0, 3)
      #define fm_prefetch_far(p) __builtin_prefetch((p), 0, 2)
    #else
      #define fm_prefetch(p) ((void)(p))
      #define fm_prefetch_far(p) ((void)(p))
    #endif

    /* What follows an array in a workspace, where AddressSanitizer looks. What is only measured begins at 0. */
    #if defined(__SANITIZE_ADDRESS__)
      #include <sanitizer/asan_interface.h>
      #define FENCE 64
      #define fm_fence(p, n) do { if ((uint64_t)(p) >> 40) ASAN_POISON_MEMORY_REGION((p), (n)); } while (0)
    #else
      #define FENCE 0
      #define fm_fence(p, n) ((void)(p), (void)(n))
    #endif
    """
    ctypedef float vec        # Cython sees a scalar, the C compiler a vector
    enum:
        LANES
        TILE_VECS
        REAL_BYTES
        FENCE                 # bytes that may not be touched; 0 but in builds that look
    void fm_fence(char *, Py_ssize_t) noexcept nogil
    unsigned int fm_flush_denormals() noexcept nogil
    void fm_restore_denormals(unsigned int) noexcept nogil
    void fm_pause() noexcept nogil
    void fm_prefetch(const void *) noexcept nogil
    void fm_prefetch_far(const void *) noexcept nogil
    void fm_yield() noexcept nogil
    void fm_wait(int32_t) noexcept nogil
    int32_t fm_load(int32_t *) noexcept nogil
    void fm_store(int32_t *, int32_t) noexcept nogil
    int32_t fm_add(int32_t *, int32_t) noexcept nogil
    int64_t fm_load64(int64_t *) noexcept nogil
    void fm_store64(int64_t *, int64_t) noexcept nogil
    bint fm_swap64(int64_t *, int64_t, int64_t) noexcept nogil
    # Cython writes a literal beside a `real` as a double, which would drag float32 loops into double precision
    real ONE "((real)1)"
    real TWO "((real)2)"
    bint unlikely(bint) noexcept nogil        # Cython's own macro

ctypedef Py_ssize_t size

cdef extern from "numpy/random/bitgen.h":
    ctypedef struct bitgen_t:
        void *state
        uint64_t (*next_uint64)(void *) noexcept nogil
        uint32_t (*next_uint32)(void *) noexcept nogil

include "records.pxi"    # codes, limits and structs, which setup.py writes from records.py

cdef struct Net:          # a network, as plan.py lays it out
    const Layer *layers
    const Edge *edges
    real *params          # W_0, b_0, W_1, b_1, ...
    size n_layers, n_edges, n_params

cdef inline size n_rows_of(const Layer *layer) noexcept nogil:
    """Rows of a layer's weights, and one more for its bias."""
    return layer.n_in + (1 if layer.bias >= 0 else 0)

cdef inline size padded(size n) noexcept nogil:
    """`n` rounded up to whole vectors."""
    return (n + LANES - 1) // LANES * LANES

cdef inline size stride_of(size n) noexcept nogil:
    """Row stride of a matrix of samples: whole vectors, and not a multiple of 512 bytes, which would
    map a column's elements to few sets of the cache."""
    cdef size ld = padded(n)
    if ld * REAL_BYTES % 512 == 0 and ld * REAL_BYTES >= 512:
        ld += LANES
    return ld
