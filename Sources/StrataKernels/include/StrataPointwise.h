#ifndef STRATA_POINTWISE_H
#define STRATA_POINTWISE_H

#include <stdint.h>

/// A 1×1 convolution, after a 3×3 depthwise one where asked: a block of pixels of that stays in the cache and is
/// at once multiplied.
///
/// Images have their channels last. Channels and outputs are multiples of 16. All sizes are fixed; buffers are
/// given at each run.
typedef struct {
  int32_t isa, threads;
  int32_t batch, channels, height, width;
  int32_t outputs, result_height, result_width;
  int32_t stride_height, stride_width;
  /// Whether a depthwise convolution comes first; stride and padding are then its.
  int32_t is_separable;
  int32_t pad_top, pad_left;
  /// Bounds of the depthwise convolution's results, then of the whole's.
  float middle_low, middle_high, low, high;
} strata_pointwise;

/// Bytes that a run needs besides.
int64_t strata_pointwise_scratch_bytes(const strata_pointwise *job);

/// Packs weights `[outputs, channels]`; as many floats.
void strata_pointwise_prepare(const strata_pointwise *job, const float *weights, float *prepared);

/// Turns depthwise weights `[channels, 9]` into `[9, channels]`.
void strata_pointwise_prepare_depthwise(const strata_pointwise *job, const float *weights, float *prepared);

/// What a run reads and writes; both biases and the residual may be null.
typedef struct {
  const float *source, *depthwise_weights, *depthwise_bias, *weights, *bias, *residual;
  float *result, *scratch;
} strata_pointwise_buffers;

/// Computes a result.
void strata_pointwise_run(const strata_pointwise *job, const strata_pointwise_buffers *buffers);

#endif
