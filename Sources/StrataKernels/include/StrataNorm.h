#ifndef STRATA_NORM_H
#define STRATA_NORM_H

#include <stdint.h>

/// Batch norm by a batch's own moments, a residual added to it, and a rectifier, in one pass after that for the moments.
/// Images lie in blocks of 16 channels, of which there is a whole number.
typedef struct {
  int32_t isa, threads;
  int64_t batch, channels;
  /// Pixels of an image.
  int64_t pixels;
  float epsilon;
} strata_norm;

/// Computes moments and result. `scale` and `shift` may be null, both; `result` may be `residual`.
void strata_norm_run(
  const strata_norm *job, const float *images, const float *scale, const float *shift, const float *residual,
  float *mean, float *variance, float *result);

#endif
