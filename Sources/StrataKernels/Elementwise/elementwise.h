#ifndef STRATA_ELEMENTWISE_KERNELS_H
#define STRATA_ELEMENTWISE_KERNELS_H

#include "../include/StrataElementwise.h"

// A thread's part of the work; `scratch` holds a block for each number, product and instruction.
typedef void strata_elementwise_part(
  const strata_elementwise *program, float *const *memory, float *scratch, int32_t thread, int32_t count);

strata_elementwise_part strata_elementwise_base, strata_elementwise_avx2, strata_elementwise_avx512;

/// Elements of a block: with a dozen values it fits into the first cache.
enum { STRATA_BLOCK = 512 };

#endif
