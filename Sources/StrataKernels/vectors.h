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

#endif
