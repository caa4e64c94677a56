// What the kernels of all instruction sets share: how tiles are cut into blocks and groups.
#ifndef WINOGRAD_H
#define WINOGRAD_H

#include "StrataWinograd.h"

#define POINT_A 0.70710678118654752f
#define POINT_B 1.41421356237309505f

// Channels whose weights are transformed at once, where that is late: they stay in the second-level cache with their
// part of the windows.
enum { LATE_DEPTH = 64 };

typedef struct {
  /// Tiles along a column, along a row, in all.
  int64_t rows, columns, tiles;
  /// Tiles that are computed at once, blocks of as many, and groups in a block.
  int64_t block, blocks, groups;
  /// Whether all threads share each block.
  int32_t is_shared;
  /// Distances in floats: between places of transformed windows, of sums, and between rows of sums.
  int64_t window_place, sum_place, sum_row;
} winograd_blocks;

/// Where a tile begins.
typedef struct {
  int64_t image;
  int32_t y, x;
} winograd_place;

/// Tiles whose products are computed together.
typedef struct {
  int64_t first, rows;
} winograd_group;

static inline winograd_place winograd_tile(
  const strata_winograd *job, const winograd_blocks *blocks, int64_t index) {
  int64_t line = index / blocks->columns;
  winograd_place place = {
    line / blocks->rows, (int32_t)(line % blocks->rows) * job->tile,
    (int32_t)(index % blocks->columns) * job->tile,
  };
  return place;
}

/// Groups of nearly equal size; `row` counts within the block.
static inline winograd_group winograd_group_of(const winograd_blocks *blocks, int64_t row) {
  int64_t small = blocks->block / blocks->groups, large = blocks->block % blocks->groups;
  int64_t edge = large * (small + 1);
  winograd_group group;
  if (row < edge) {
    group.rows = small + 1;
    group.first = row / group.rows * group.rows;
  } else {
    group.rows = small;
    group.first = edge + (row - edge) / small * small;
  }
  return group;
}

/// The kernels of an instruction set. Units are pairs of a row of the block and 16 channels.
typedef struct {
  /// Rows and vectors of outputs of the largest product.
  int32_t most_rows, panel;
  void (*transform)(
    const strata_winograd *, const winograd_blocks *, const float *source, int64_t first, int64_t last,
    int64_t begin, float *windows);
  void (*multiply)(
    const strata_winograd *, const winograd_blocks *, const float *windows, const float *weights, float *sums,
    int64_t rows, int64_t first, int64_t last);
  void (*finish)(
    const strata_winograd *, const winograd_blocks *, const float *sums, int64_t first, int64_t last,
    int64_t begin, const float *bias, const float *residual, float *result);
  void (*prepare)(const strata_winograd *, int64_t output, const float *weights, float *prepared);
  /// Where weights are transformed late: all results of the panels of outputs from `first` to `last`.
  void (*compute_panels)(
    const strata_winograd *, const winograd_blocks *, const float *windows, const float *weights, int64_t first,
    int64_t last, const float *bias, const float *residual, float *result, float *scratch);
} winograd_kernels;

/// The kernels of an instruction set for weight gradients. `window_place` and `sum_place` of the blocks are distances
/// between places of windows and of gradients, `sum_row` between places of sums; `block` is the size of a round.
typedef struct {
  /// Vectors of outputs in a panel.
  int32_t panel;
  void (*transform)(
    const strata_winograd *, const winograd_blocks *, const float *source, int64_t first, int64_t last,
    int64_t begin, float *windows);
  void (*transform_gradients)(
    const strata_winograd *, const winograd_blocks *, const float *gradient, int64_t first, int64_t last,
    int64_t begin, float *result);
  void (*add_round)(
    const strata_winograd *, const winograd_blocks *, int64_t tiles, int32_t is_first, int32_t is_last,
    const float *windows, const float *gradients, int64_t first, int64_t last, float *sums, int64_t next_sums,
    float *result);
  void (*add_pixels)(const strata_winograd *, const float *gradient, int64_t first, int64_t last, float *bias);
} winograd_gradient_kernels;

extern const winograd_kernels strata_winograd_base;
extern const winograd_gradient_kernels strata_winograd_gradient_base;
#if defined(__x86_64__)
extern const winograd_kernels strata_winograd_avx2, strata_winograd_avx512;
extern const winograd_gradient_kernels strata_winograd_gradient_avx2, strata_winograd_gradient_avx512;
#endif

#endif
