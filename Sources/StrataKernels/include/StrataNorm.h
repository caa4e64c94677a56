#ifndef STRATA_NORM_H
#define STRATA_NORM_H

#include <stdint.h>

/// Batch norm by a batch's own moments, where asked with a residual added to it and a rectifier, in one pass after that
/// for the moments. Images lie in blocks of 16 channels, of which there is a whole number.
typedef struct {
  int32_t isa, threads;
  int64_t batch, channels;
  /// Pixels of an image.
  int64_t pixels;
  float epsilon;
  int32_t rectifies;
} strata_norm;

/// Computes moments and result. `scale` and `shift` may be null, both, and so may `residual`; `result` may be `residual`.
void strata_norm_run(
  const strata_norm *job, const float *images, const float *scale, const float *shift, const float *residual,
  float *mean, float *variance, float *result);

/// What the gradient of a norm without a residual reads and writes. `scale` and `shift` may be null, and with them their
/// gradients; without a rectifier no shift is needed. `result`, the images' gradient, may be `upstream`.
typedef struct {
  const float *images, *upstream, *mean, *variance, *scale, *shift;
  float *result, *scale_gradient, *shift_gradient;
} strata_norm_gradient_buffers;

/// Computes the gradient of images, scale and shift; which values the rectifier kept is computed again.
void strata_norm_gradient(const strata_norm *job, const strata_norm_gradient_buffers *buffers);

#endif
