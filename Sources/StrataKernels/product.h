// The inner loop of all our matrix products.
#ifndef STRATA_PRODUCT_H
#define STRATA_PRODUCT_H

#include "vectors.h"

// Rows × vectors of 16 outputs whose sums stay in registers: 28 of AVX-512's 32, 12 of AVX2's 16, NEON's 24 of 32.
#if defined(STRATA_TARGET_AVX512)
enum { MOST_ROWS = 14, PANEL = 2 };
#else
enum { MOST_ROWS = 6, PANEL = 1 };
#endif

/// Cache lines of the next panel to fetch for every 16 channels of each of `groups` products.
INLINE int64_t lines_ahead(int64_t groups) { return (PANEL * LANES + groups - 1) / groups; }

/// Adds up products over channels for `rows` rows and `vectors` × 16 outputs, all in registers.
///
/// Rows are packed as [block of 16 channels][row][channel], so that reads have constant distances; weights as
/// [channel][output]. Weights come from memory where a network has many: while one panel of them is in use, each call
/// brings a part of the next one nearer, `lines` cache lines from `ahead` on for every 16 channels.
INLINE void add_products(
  const int rows, const int vectors, int64_t channels, const float *values, const float *weights,
  const float *ahead, int64_t lines, floats sum[MOST_ROWS][PANEL]) {
  UNROLL for (int i = 0; i < rows; i++)
    UNROLL for (int j = 0; j < vectors; j++) sum[i][j] = (floats){0};
  for (int64_t block = 0; block < channels; block += LANES) {
    for (int64_t line = 0; line < lines; line++) __builtin_prefetch(ahead + line * LANES, 0, 2);
    ahead += lines * LANES;
#pragma clang loop unroll_count(4)
    for (int c = 0; c < LANES; c++) {
      floats weight[PANEL];
      UNROLL for (int j = 0; j < vectors; j++) weight[j] = load(weights + (c * vectors + j) * LANES);
      UNROLL for (int i = 0; i < rows; i++) {
        const floats value = filled(values[i * LANES + c]);
        UNROLL for (int j = 0; j < vectors; j++) sum[i][j] += value * weight[j];
      }
    }
    values += rows * LANES;
    weights += vectors * LANES * LANES;
  }
}

#endif
