#ifndef STRATA_WINOGRAD_H
#define STRATA_WINOGRAD_H

#include "StrataImage.h"

/// A 3×3 or 5×5 convolution with stride 1 by Winograd's minimal filtering: Lavin and Gray, "Fast Algorithms for
/// Convolutional Neural Networks" (2015), https://arxiv.org/abs/1509.09308.
///
/// Channels and outputs are multiples of 16. All sizes and layouts are fixed; buffers are given at each run.
typedef struct {
  int32_t isa, threads;
  /// Weights along each axis: 3 or 5.
  int32_t kernel;
  /// Results of a tile along each axis: 2 or 4; with 5 weights, 4.
  int32_t tile;
  int32_t batch, channels, height, width;
  int32_t outputs, result_height, result_width;
  int32_t pad_top, pad_left;
  /// Of the result, and of the residual.
  strata_image_layout source, result;
  /// Bounds of the results: a rectifier is 0 to infinity.
  float low, high;
  /// Whether the largest of each 2×2 window is kept; `result_height` and `result_width` are those before.
  int32_t pools;
  /// Whether weights are those of the convolution whose image gradient this is, `[channels, outputs, kernel, kernel]`:
  /// they are transposed and turned by 180° as they are transformed.
  int32_t transposes;
  /// Whether weights are transformed as they are used, by each run anew: for few tiles, whose products take less time
  /// than the larger transformed weights take to come from memory.
  int32_t is_late;
} strata_winograd;

/// Floats of the prepared weights.
int64_t strata_winograd_weight_count(const strata_winograd *job);

/// Bytes that a run needs besides.
int64_t strata_winograd_scratch_bytes(const strata_winograd *job);

/// Prepares weights `[outputs, channels, kernel, kernel]`: transforms them, or puts them in order where that is late.
void strata_winograd_prepare(const strata_winograd *job, const float *weights, float *prepared);

/// Computes a result. `bias` and `residual` may be null; `residual` may be `result`.
void strata_winograd_run(
  const strata_winograd *job, const float *source, const float *prepared, const float *bias,
  const float *residual, float *result, float *scratch);

/// Bytes that a run of `strata_winograd_gradient` needs besides.
int64_t strata_winograd_gradient_scratch_bytes(const strata_winograd *job);

/// The gradient of a 3×3 convolution's weights, `[outputs, channels, 3, 3]`, with tiles of 4: of its source and the
/// gradient of its result, which lies as the job's result does. `bias` may be null; else it gets that of the bias.
void strata_winograd_gradient(
  const strata_winograd *job, const float *source, const float *gradient, float *weights, float *bias, float *scratch);

#endif
