#ifndef STRATA_LINEAR_H
#define STRATA_LINEAR_H

#include <stdint.h>

/// A linear layer for few rows, whose cost is to read the weights: they are read once for all rows, as they are
/// stored, `[outputs, channels]`.
typedef struct {
  int32_t isa, threads;
  int32_t rows, channels, outputs;
  /// Bounds of the results.
  float low, high;
} strata_linear;

/// Computes `[rows, outputs]` from `[rows, channels]`. `bias` and `residual` may be null; the result may be neither.
void strata_linear_run(
  const strata_linear *job, const float *source, const float *weights, const float *bias, const float *residual,
  float *result);

#endif
