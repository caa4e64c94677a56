// What the kernels of all instruction sets share.
#ifndef POINTWISE_H
#define POINTWISE_H

#include "StrataPointwise.h"

/// Rows that are multiplied together; rows of a block are cut into groups of nearly equal size.
static inline int64_t group_rows(int64_t rows, int64_t most, int64_t row) {
  int64_t groups = (rows + most - 1) / most;
  int64_t small = rows / groups, large = rows % groups;
  return row < large * (small + 1) ? small + 1 : small;
}

/// The kernels of an instruction set. Rows are pixels of the result, counted through the batch; packed rows are
/// [group][block of 16 channels][row][channel].
typedef struct {
  int32_t most_rows, panel;
  /// Packs the rows of the groups from `first` to `last` of a block of `rows` rows that begins at `begin`.
  void (*pack)(
    const strata_pointwise *, const strata_pointwise_buffers *, int64_t begin, int64_t rows, int64_t first,
    int64_t last, float *zeros, float *packed);
  /// Multiplies a block by the panels of outputs from `first` to `last`.
  void (*multiply)(
    const strata_pointwise *, const strata_pointwise_buffers *, int64_t begin, int64_t rows, int64_t first,
    int64_t last, const float *packed);
  void (*prepare)(const strata_pointwise *, const float *weights, float *prepared, int64_t first, int64_t last);
} pointwise_kernels;

extern const pointwise_kernels strata_pointwise_base;
#if defined(__x86_64__)
extern const pointwise_kernels strata_pointwise_avx2, strata_pointwise_avx512;
#endif

#endif
