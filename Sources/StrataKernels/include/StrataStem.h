#ifndef STRATA_STEM_H
#define STRATA_STEM_H

#include "StrataWinograd.h"

/// A convolution of images of few channels in row-major order, `[batch, channels, height, width]`, as networks
/// begin with. Outputs are a multiple of 16; distances between columns are 1, 2 or 4; the result has
/// at least 14 columns. All sizes and layouts are fixed; buffers are given at each run.
typedef struct {
  int32_t isa, threads;
  int32_t batch, channels, height, width;
  int32_t outputs, result_height, result_width;
  int32_t kernel_height, kernel_width, stride_height, stride_width, pad_top, pad_left;
  strata_image_layout result;
  /// Bounds of the results.
  float low, high;
} strata_stem;

/// Bytes that a run needs besides.
int64_t strata_stem_scratch_bytes(const strata_stem *job);

/// Packs weights `[outputs, channels, kernel_height, kernel_width]`; as many floats.
void strata_stem_prepare(const strata_stem *job, const float *weights, float *prepared);

/// Computes a result. `bias` may be null.
void strata_stem_run(
  const strata_stem *job, const float *source, const float *prepared, const float *bias, float *result,
  float *scratch);

#endif
