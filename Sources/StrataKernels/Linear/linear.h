// What the kernels of all instruction sets share.
#ifndef LINEAR_H
#define LINEAR_H

#include "StrataLinear.h"

/// Computes the outputs from `first` to `last`.
typedef void linear_kernel(
  const strata_linear *, const float *source, const float *weights, const float *bias, const float *residual,
  float *result, int64_t first, int64_t last);

extern linear_kernel *const strata_linear_base;
#if defined(__x86_64__)
extern linear_kernel *const strata_linear_avx2, *const strata_linear_avx512;
#endif

#endif
