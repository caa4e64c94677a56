#ifndef NORM_H
#define NORM_H

#include "StrataNorm.h"

typedef struct {
  const strata_norm *job;
  const float *images, *scale, *shift, *residual;
  float *mean, *variance, *result;
} norm_run;

typedef struct {
  const strata_norm *job;
  const strata_norm_gradient_buffers *at;
} norm_gradient_run;

/// The kernels of an instruction set; they compute the blocks of 16 channels from `first` to `last`.
typedef struct {
  void (*normalise)(const norm_run *, int64_t first, int64_t last);
  void (*differentiate)(const norm_gradient_run *, int64_t first, int64_t last);
} norm_kernels;

extern const norm_kernels strata_norm_base;
#if defined(__x86_64__)
extern const norm_kernels strata_norm_avx2, strata_norm_avx512;
#endif

#endif
