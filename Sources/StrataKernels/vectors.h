// Vectors of 16 floats for every instruction set: the compiler splits them into the registers that there are.
//
// A file that defines kernels is compiled once for each instruction set: it sets STRATA_TARGET_AVX512 or
// STRATA_TARGET_AVX2 or neither, then includes this and the kernels' bodies.
#ifndef STRATA_VECTORS_H
#define STRATA_VECTORS_H

#include <stdint.h>
#include <string.h>

// All that takes or returns a vector is inlined, so it does not matter how calls would pass one.
#pragma clang diagnostic ignored "-Wpsabi"

#define INLINE static inline __attribute__((always_inline, unused))
#define UNROLL _Pragma("clang loop unroll(full)")

/// Channels that kernels treat at once.
enum { LANES = 16 };

typedef float floats __attribute__((vector_size(64)));
typedef int32_t integers __attribute__((vector_size(64)));
/// A vector that lies anywhere in memory.
typedef float loose_floats __attribute__((vector_size(64), aligned(4), may_alias));

INLINE floats load(const float *place) { return *(const loose_floats *)place; }
INLINE void store(float *place, floats value) { *(loose_floats *)place = value; }
INLINE floats filled(float v) { return (floats){v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v}; }

/// `a` where the condition's bits are set, else `b`; a select of the processor.
INLINE floats chosen(integers condition, floats a, floats b) {
  return (floats)((condition & (integers)a) | (~condition & (integers)b));
}

/// Values between two bounds; not-a-number stays.
INLINE floats bounded(floats value, floats low, floats high) {
  value = chosen(value < low, low, value);
  return chosen(value > high, high, value);
}
INLINE floats larger(floats a, floats b) { return chosen(a < b, b, a); }

/// Exchanges blocks of `d` vectors and lanes; a step of transposing.
#define EXCHANGE(d)                                                                                  \
  UNROLL for (int i = 0; i < LANES; i++) {                                                           \
    if (i & d) continue;                                                                             \
    const floats a = r[i], b = r[i + d];                                                             \
    r[i] = __builtin_shufflevector(a, b, LOW_##d);                                                   \
    r[i + d] = __builtin_shufflevector(a, b, HIGH_##d);                                              \
  }
#define LOW_8 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23
#define HIGH_8 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31
#define LOW_4 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27
#define HIGH_4 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31
#define LOW_2 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define HIGH_2 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#define LOW_1 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30
#define HIGH_1 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31

/// 16 vectors become their columns.
INLINE void transpose(floats *r) {
  EXCHANGE(8)
  EXCHANGE(4)
  EXCHANGE(2)
  EXCHANGE(1)
}

#endif
