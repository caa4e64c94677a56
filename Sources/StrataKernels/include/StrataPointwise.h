#ifndef STRATA_POINTWISE_H
#define STRATA_POINTWISE_H

#include "StrataImage.h"

/// A 1×1 convolution, after a 3×3 depthwise one where asked: a block of pixels of that stays in the cache and is
/// at once multiplied. Or a 3×3 convolution whose windows are treated as pixels of nine times as many channels.
///
/// Channels and outputs are multiples of 16. All sizes and layouts are fixed; buffers are given at each run.
typedef struct {
  int32_t isa, threads;
  int32_t batch, channels, height, width;
  int32_t outputs, result_height, result_width;
  /// Of the windows of the image: their side, 1 or 3, their distances, and where the first begins.
  int32_t kernel, stride_height, stride_width, pad_top, pad_left;
  /// Of the source, which has its channels last before a depthwise convolution; of the result, and of the residual.
  strata_image_layout source, result;
  /// Whether windows are convolved channel by channel first.
  int32_t is_separable;
  /// Whether zeros are skipped where many of a block's values are.
  int32_t skips_zeros;
  /// Whether weights lie as `[channels, outputs]`, as in the image gradient of a 1×1 convolution.
  int32_t transposes;
  /// Bounds of the depthwise convolution's results, then of the whole's.
  float middle_low, middle_high, low, high;
} strata_pointwise;

/// Bytes that a run needs besides.
int64_t strata_pointwise_scratch_bytes(const strata_pointwise *job);

/// Floats that packed weights take.
int64_t strata_pointwise_prepared_count(const strata_pointwise *job);

/// Packs weights `[outputs, channels]`, or `[outputs, channels, 3, 3]`, or transposed ones.
void strata_pointwise_prepare(const strata_pointwise *job, const float *weights, float *prepared);

/// Turns depthwise weights `[channels, 9]` into `[9, channels]`.
void strata_pointwise_prepare_depthwise(const strata_pointwise *job, const float *weights, float *prepared);

/// Bytes that the gradient of weights needs besides.
int64_t strata_pointwise_gradient_scratch_bytes(const strata_pointwise *job);

/// Computes the gradient of weights, which has their order. The source is the convolution's, `upstream` the gradient of
/// its result; both lie in blocks of 16 channels. Zeros of the source take no time.
void strata_pointwise_gradient(
  const strata_pointwise *job, const float *source, const float *upstream, float *scratch, float *gradient);

/// Turns the gradient of 1×1 weights from oneDNN's squares, `[outputs / 16, channels / 16, 16 channels, 16 outputs]`, to
/// `[outputs, channels]`.
void strata_pointwise_order_gradient(const strata_pointwise *job, const float *squares, float *rows);

/// What a run reads and writes; biases, residual and `rectified` may be null. Where `rectified`, which lies as the
/// result does, is not above zero, the result is zero, as the gradient of a rectifier is; zeros are not skipped then.
typedef struct {
  const float *source, *depthwise_weights, *depthwise_bias, *weights, *bias, *residual, *rectified;
  float *result, *scratch;
} strata_pointwise_buffers;

/// Computes a result.
void strata_pointwise_run(const strata_pointwise *job, const strata_pointwise_buffers *buffers);

#endif
