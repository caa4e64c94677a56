#ifndef STRATA_LINEAR_H
#define STRATA_LINEAR_H

#include <stdint.h>

/// A linear layer for few rows, whose cost is to read the weights: they are read once for all rows, as they are
/// stored, `[outputs, channels]`.
typedef struct {
  int32_t isa, threads;
  int32_t rows, channels, outputs;
  /// Whether weights are what `strata_linear_halve` made of them: half as many bytes, widened as they are read.
  int32_t halves;
  /// Bounds of the results.
  float low, high;
} strata_linear;

/// Computes `[rows, outputs]` from `[rows, channels]`. `bias` and `residual` may be null; the result may be neither.
void strata_linear_run(
  const strata_linear *job, const float *source, const void *weights, const float *bias, const float *residual,
  float *result);

/// Bytes of weights in half precision, with a power of two for each output.
int64_t strata_linear_halved_bytes(const strata_linear *job);
/// Rounds weights to half precision.
void strata_linear_halve(const strata_linear *job, const float *weights, void *halved);

#endif
