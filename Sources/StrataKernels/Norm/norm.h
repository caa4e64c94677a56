#ifndef NORM_H
#define NORM_H

#include "StrataNorm.h"

typedef struct {
  const strata_norm *job;
  const float *images, *scale, *shift, *residual;
  float *mean, *variance, *result;
} norm_run;

/// Computes the blocks of 16 channels from `first` to `last`.
typedef void norm_blocks(const norm_run *, int64_t first, int64_t last);

extern norm_blocks strata_norm_base;
#if defined(__x86_64__)
extern norm_blocks strata_norm_avx2, strata_norm_avx512;
#endif

#endif
