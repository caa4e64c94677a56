// What the kernels of all instruction sets share.
#ifndef POINTWISE_H
#define POINTWISE_H

#include "StrataParallel.h"
#include "StrataPointwise.h"

#include "../parts.h"

/// Rows, or panels, that are multiplied together.
typedef struct {
  int64_t first, count;
} group;

/// One of `count` parts of nearly equal size of `size` rows or panels.
static inline group part_of(int64_t size, int64_t index, int64_t count) {
  const int64_t first = part_begin(size, index, count);
  return (group){first, part_begin(size, index + 1, count) - first};
}

/// One of the groups, of nearly equal size and at most `most`, that `size` rows or panels are cut into.
static inline group group_at(int64_t size, int64_t most, int64_t index) {
  return part_of(size, index, part_up(size, most));
}

/// Rows that lie evenly in memory: those of all images, or of one where channels are in blocks.
static inline int64_t even_rows(const strata_pointwise *job) {
  const int64_t from = (int64_t)job->height * job->width, to = (int64_t)job->result_height * job->result_width;
  const int is_even = job->source.image == from * job->source.pixel && job->result.image == to * job->result.pixel;
  return is_even ? job->batch * to : to;
}

/// Groups of the rows of a block, which are some images, or a part of one; none belongs to two images.
static inline int64_t group_count(const strata_pointwise *job, int64_t rows, int64_t most) {
  const int64_t even = even_rows(job);
  return rows <= even ? part_up(rows, most) : rows / even * part_up(even, most);
}

/// One of these groups; behind the last one, where it would begin.
static inline group row_group(const strata_pointwise *job, int64_t rows, int64_t most, int64_t index) {
  const int64_t even = even_rows(job);
  if (rows <= even) return group_at(rows, most, index);
  const int64_t groups = part_up(even, most);
  group g = group_at(even, most, index % groups);
  g.first += index / groups * even;
  return g;
}

/// Where a row and one of its outputs lie in the result.
static inline int64_t result_place(const strata_pointwise *job, int64_t row, int64_t output) {
  const int64_t even = even_rows(job);
  return row / even * job->result.image + row % even * job->result.pixel + output / 16 * job->result.block;
}

/// Values of a packed row.
static inline int64_t depth_of(const strata_pointwise *job) {
  return (int64_t)job->channels * (job->is_separable ? 1 : job->kernel * job->kernel);
}

// Values of a row that are multiplied together where zeros are skipped: as many as a mask has bits.
enum { SPARSE_CHANNELS = 64 };

/// Packed rows, [64 values of a row][row][value], and which of their values are not zero, [64 values of a row][row].
typedef struct {
  float *values;
  uint64_t *kept;
} sparse_rows;

/// What was seen of the zeros of packed rows.
typedef struct {
  int64_t seen, kept;
  /// Whether rows have so few zeros that none are marked.
  int32_t is_dense;
} zero_count;

// Pixels that are multiplied together where a weight gradient skips zeros: up to as many as a mask has bits.
enum { GRADIENT_PIXELS = 56 };

/// Blocks of 16 values of windows and blocks of 16 outputs whose weights' gradients one thread computes, and where it
/// keeps some pixels' values: where they begin, a place for those that do not lie side by side, and which are not zero.
typedef struct {
  group depth, outputs;
  const float **values;
  float *gathered;
  uint64_t *kept;
} gradient_tile;

/// Where the gradients of 16 × 16 weights lie in squares, `[output / 16][value of a window / 16][value][output]`.
static inline int64_t square_of(const strata_pointwise *job, int64_t output_block, int64_t depth_block) {
  return output_block * depth_of(job) * 16 + depth_block * 256;
}

/// The kernels of an instruction set. Rows are pixels of the result, counted through the batch; packed rows are
/// [group][block of 16 values][row][value]; a row has a pixel's channels, or those of all pixels of a window.
typedef struct {
  int32_t most_rows, panel;
  /// Packs the rows of the groups from `first` to `last` of a block of `rows` rows that begins at `begin`.
  void (*pack)(
    const strata_pointwise *, const strata_pointwise_buffers *, int64_t begin, int64_t rows, int64_t first,
    int64_t last, float *zeros, float *packed);
  /// Multiplies the rows of the groups from `first_group` to `last_group` of a block by the panels of outputs from
  /// `first` to `last`.
  void (*multiply)(
    const strata_pointwise *, const strata_pointwise_buffers *, int64_t begin, int64_t rows, int64_t first_group,
    int64_t last_group, int64_t first, int64_t last, const float *packed);
  /// Marks the zeros of packed groups, unless those before or these have too few, and counts them.
  void (*mark_zeros)(
    const strata_pointwise *, int64_t rows, int64_t first, int64_t last, const float *packed, const sparse_rows *,
    zero_count *);
  /// Multiplies marked rows likewise, by panels of full width.
  void (*multiply_sparse)(
    const strata_pointwise *, const strata_pointwise_buffers *, int64_t begin, int64_t rows, int64_t first_group,
    int64_t last_group, int64_t first, int64_t last, const sparse_rows *);
  void (*prepare)(const strata_pointwise *, const float *weights, float *prepared, int64_t first, int64_t last);
  /// Computes the gradients of a tile's weights; images and upstream gradients lie in blocks of 16 channels.
  void (*add_gradient)(
    const strata_pointwise *, const float *source, const float *upstream, const gradient_tile *, float *squares);
  /// Orders the gradients of the blocks of 16 outputs from `first` to `last`.
  void (*order_gradient)(const strata_pointwise *, const float *squares, float *rows, int64_t first, int64_t last);
} pointwise_kernels;

extern const pointwise_kernels strata_pointwise_base;
#if defined(__x86_64__)
extern const pointwise_kernels strata_pointwise_avx2, strata_pointwise_avx512;
#endif

static inline const pointwise_kernels *kernels(const strata_pointwise *job) {
#if defined(__x86_64__)
  if (job->isa >= STRATA_ISA_AVX512) return &strata_pointwise_avx512;
  if (job->isa >= STRATA_ISA_AVX2) return &strata_pointwise_avx2;
#endif
  return &strata_pointwise_base;
}

#endif
