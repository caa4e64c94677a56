// What the kernels of all instruction sets share.
#ifndef STEM_H
#define STEM_H

#include "StrataStem.h"

/// Floats of a padded row: from the first column that a window touches to the last.
static inline int64_t stem_row(const strata_stem *job) {
  return (int64_t)(job->result_width - 1) * job->stride_width + job->kernel_width;
}

/// The kernels of an instruction set.
typedef struct {
  int32_t panel;
  /// Computes the rows of results from `first` to `last`, counted through the batch. `rows` keeps padded rows.
  void (*compute)(
    const strata_stem *, const float *source, const float *weights, const float *bias, float *result,
    float *rows, int64_t first, int64_t last);
} stem_kernels;

extern const stem_kernels strata_stem_base;
#if defined(__x86_64__)
extern const stem_kernels strata_stem_avx2, strata_stem_avx512;
#endif

#endif
