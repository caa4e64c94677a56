// What the kernels of all instruction sets share.
#ifndef LINEAR_H
#define LINEAR_H

#include "StrataLinear.h"

/// The kernels of an instruction set; each does the outputs from `first` to `last`.
typedef struct {
  void (*compute)(
    const strata_linear *, const float *source, const void *weights, const float *bias, const float *residual,
    float *result, int64_t first, int64_t last);
  void (*halve)(const strata_linear *, const float *weights, void *halved, int64_t first, int64_t last);
} linear_kernels;

extern const linear_kernels strata_linear_base;
#if defined(__x86_64__)
extern const linear_kernels strata_linear_avx2, strata_linear_avx512;
#endif

/// Bytes of the scales before halves: whole cache lines.
static inline int64_t linear_scale_bytes(const strata_linear *job) {
  return ((int64_t)job->outputs + 15) / 16 * 64;
}

#endif
