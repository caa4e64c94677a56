// Products that skip zeros, included once for each instruction set.
//
// Behind a rectifier about half of the values are zeros, and what they are multiplied by need not be read. Rows of
// pixels are multiplied in pairs: first by the weights that both need, which are then read once for the two, then by
// those that one of them needs. Most weights are still read for one product or two, so they have to lie in the
// first-level cache: 64 channels of 128 outputs do, and all rows of a block pass them before the next 64.
#include "pointwise.h"

#if defined(STRATA_TARGET_AVX512) || defined(STRATA_TARGET_AVX2)
#include <immintrin.h>
#endif

// Panels of outputs that are multiplied together, so that a pair's sums stay in registers: 16 of AVX-512's 32, 12 of
// AVX2's 16, NEON's 24 of 32.
#if defined(STRATA_TARGET_AVX512)
enum { SPARSE_PANELS = 4 };
#else
enum { SPARSE_PANELS = 3 };
#endif

// MARK: Zeros

/// Counts zeros of packed rows; looks at one vector in four. Returns the part of values that are none.
static double count_zeros(const float *packed, int64_t count, zero_count *zeros) {
  integers found = {0};
  int64_t seen = 0, sum = 0;
  for (int64_t i = 0; i < count; i += 4 * LANES, seen += LANES) found -= load(packed + i) == 0;
  for (int i = 0; i < LANES; i++) sum += found[i];
  zeros->seen += seen;
  zeros->kept += seen - sum;
  return (double)(seen - sum) / (double)seen;
}

/// A bit for each of 16 values that is not zero.
INLINE uint64_t kept_of(floats values) {
#if defined(STRATA_TARGET_AVX512)
  return _mm512_cmp_ps_mask((__m512)values, _mm512_setzero_ps(), _CMP_NEQ_UQ);
#elif defined(STRATA_TARGET_AVX2)
  typedef float half __attribute__((vector_size(32)));
  const half low = __builtin_shufflevector(values, values, 0, 1, 2, 3, 4, 5, 6, 7);
  const half high = __builtin_shufflevector(values, values, 8, 9, 10, 11, 12, 13, 14, 15);
  const int first = _mm256_movemask_ps((__m256)(low != 0)), second = _mm256_movemask_ps((__m256)(high != 0));
  return (uint64_t)(first | second << 8);
#else
  const integers bits = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768};
  return (uint64_t)__builtin_reduce_or((values != 0) & bits);
#endif
}

/// Brings packed rows of the groups from `first` to `last` into runs of 64 values and marks those that are not zero,
/// while that pays.
static void mark_zeros(
  const strata_pointwise *job, int64_t rows, int64_t first, int64_t last, const float *packed,
  const sparse_rows *marked, zero_count *zeros) {
  // Not even an uneven image is sparse on the whole if some rows have more values than this.
  const double most = 0.9;
  const int64_t begin = row_group(job, rows, MOST_ROWS, first).first;
  const int64_t end = row_group(job, rows, MOST_ROWS, last).first;
  const int64_t depth = depth_of(job);
  if (zeros->is_dense) return;
  zeros->is_dense = count_zeros(packed + begin * depth, (end - begin) * depth, zeros) > most;
  if (zeros->is_dense) return;
  for (int64_t index = first; index < last; index++) {
    const group g = row_group(job, rows, MOST_ROWS, index);
    const float *from = packed + g.first * depth;
    for (int64_t channel = 0; channel < depth; channel += SPARSE_CHANNELS) {
      const int64_t left = depth - channel, run = channel / SPARSE_CHANNELS * rows + g.first;
      const int64_t width = left < SPARSE_CHANNELS ? left : SPARSE_CHANNELS;
      for (int64_t i = 0; i < g.count; i++) {
        float *values = marked->values + (run + i) * SPARSE_CHANNELS;
        uint64_t kept = 0;
        for (int64_t c = 0; c < width; c += LANES) {
          const floats next = load(from + (channel + c) * g.count + i * LANES);
          store(values + c, next);
          kept |= kept_of(next) << c;
        }
        marked->kept[run + i] = kept;
      }
    }
  }
}

// MARK: Products

/// What products of runs of 64 channels have in common.
typedef struct {
  /// From the weights of a panel to those of the next one.
  int64_t distance;
  const float *weights, *bias;
  floats low, high;
  int is_first, is_last;
} sparse_product;

/// Adds up a row's products with the weights of marked channels.
INLINE void add_marked(
  const int vectors, const sparse_product *by, const float *values, uint64_t kept, floats *sum) {
  for (; kept; kept &= kept - 1) {
    const int c = __builtin_ctzll(kept);
    const float *weights = by->weights + c * PANEL * LANES;
    const floats value = filled(values[c]);
    UNROLL for (int k = 0; k < vectors; k++)
      sum[k] += value * load(weights + k / PANEL * by->distance + k % PANEL * LANES);
  }
}

/// The same for two rows that need the same weights.
INLINE void add_marked_pair(
  const int vectors, const sparse_product *by, const float *values, uint64_t kept, floats *sum, floats *other) {
  for (; kept; kept &= kept - 1) {
    const int c = __builtin_ctzll(kept);
    const float *weights = by->weights + c * PANEL * LANES;
    const floats value = filled(values[c]), second = filled(values[SPARSE_CHANNELS + c]);
    UNROLL for (int k = 0; k < vectors; k++) {
      const floats weight = load(weights + k / PANEL * by->distance + k % PANEL * LANES);
      sum[k] += value * weight;
      other[k] += second * weight;
    }
  }
}

/// Adds a row's sums to what is there, which they need not wait for before; `block` lies between 16 outputs and the
/// next 16.
INLINE void finish_row(
  const int vectors, const int64_t block, const sparse_product *by, const float *residual, floats *sum,
  float *result) {
  if (!by->is_first) {
    UNROLL for (int k = 0; k < vectors; k++) sum[k] += load(result + k * block);
  } else if (by->bias) {
    UNROLL for (int k = 0; k < vectors; k++) sum[k] += load(by->bias + k * LANES);
  }
  if (by->is_first && residual) {
    UNROLL for (int k = 0; k < vectors; k++) sum[k] += load(residual + k * block);
  }
  if (by->is_last) {
    UNROLL for (int k = 0; k < vectors; k++) sum[k] = bounded(sum[k], by->low, by->high);
  }
  UNROLL for (int k = 0; k < vectors; k++) store(result + k * block, sum[k]);
}

/// Multiplies runs of 64 channels by `panels` panels of outputs.
INLINE void multiply_runs(
  const int panels, const int64_t block, const strata_pointwise *job, const sparse_product *by, const float *values,
  const uint64_t *kept, int64_t rows, const float *ahead, const float *residual, float *result) {
  const int vectors = panels * PANEL;
  const int64_t pixel = job->result.pixel;
  // The next channels' weights come nearer while these are in use.
  const int64_t lines = (2 * SPARSE_CHANNELS * PANEL + rows - 1) / rows;
  for (int64_t row = 0; row < rows; row += 2) {
    const int is_pair = row + 1 < rows;
    const uint64_t one = kept[row], two = is_pair ? kept[row + 1] : 0;
    floats sum[SPARSE_PANELS * PANEL], other[SPARSE_PANELS * PANEL];
    UNROLL for (int k = 0; k < vectors; k++) sum[k] = other[k] = (floats){0};
    UNROLL for (int p = 0; p < panels; p++)
      for (int64_t line = 0; line < lines; line++) __builtin_prefetch(ahead + p * by->distance + line * LANES, 0, 2);
    ahead += lines * LANES;
    add_marked_pair(vectors, by, values, one & two, sum, other);
    add_marked(vectors, by, values, one & ~two, sum);
    add_marked(vectors, by, values + SPARSE_CHANNELS, two & ~one, other);
    finish_row(vectors, block, by, residual, sum, result);
    if (is_pair)
      finish_row(vectors, block, by, residual ? residual + pixel : 0, other, result + pixel);
    values += 2 * SPARSE_CHANNELS;
    result += 2 * pixel;
    if (residual) residual += 2 * pixel;
  }
}

// Outputs mostly lie side by side, at distances that the compiler then knows.
#define MULTIPLY_RUNS(count)                                                                             \
  case count:                                                                                            \
    if (count > SPARSE_PANELS) break;                                                                    \
    if (block == LANES) {                                                                                \
      multiply_runs(                                                                                     \
        count <= SPARSE_PANELS ? count : 1, LANES, job, &by, values, kept, end - row, ahead, residual,   \
        result);                                                                                         \
    } else {                                                                                             \
      multiply_runs(                                                                                     \
        count <= SPARSE_PANELS ? count : 1, block, job, &by, values, kept, end - row, ahead, residual,   \
        result);                                                                                         \
    }                                                                                                    \
    break;

/// Multiplies marked rows of an image by the panels of outputs from `first` to `last`, all of them whole.
static void multiply_marked(
  const strata_pointwise *job, const strata_pointwise_buffers *at, int64_t begin, int64_t rows, int64_t row,
  int64_t end, int64_t first, int64_t last, const sparse_rows *marked) {
  const int64_t depth = depth_of(job), block = job->result.block;
  sparse_product by = {.distance = PANEL * LANES * depth, .low = filled(job->low), .high = filled(job->high)};
  for (int64_t index = 0; index < part_up(last - first, SPARSE_PANELS); index++) {
    const group panels = group_at(last - first, SPARSE_PANELS, index);
    const int64_t output = (first + panels.first) * PANEL * LANES, place = result_place(job, begin + row, output);
    const float *residual = at->residual ? at->residual + place : 0;
    float *result = at->result + place;
    by.bias = at->bias ? at->bias + output : 0;
    for (int64_t channel = 0; channel < depth; channel += SPARSE_CHANNELS) {
      const int64_t run = channel / SPARSE_CHANNELS * rows + row;
      const float *values = marked->values + run * SPARSE_CHANNELS;
      const uint64_t *kept = marked->kept + run;
      by.weights = at->weights + output * depth + channel * PANEL * LANES;
      by.is_first = channel == 0;
      by.is_last = channel + SPARSE_CHANNELS >= depth;
      const float *ahead = by.is_last ? at->weights + (output + panels.count * PANEL * LANES) * depth
                                      : by.weights + SPARSE_CHANNELS * PANEL * LANES;
      switch (panels.count) {
        MULTIPLY_RUNS(1)
        MULTIPLY_RUNS(2)
        MULTIPLY_RUNS(3)
        MULTIPLY_RUNS(4)
      }
    }
  }
}

/// Multiplies marked rows of some groups likewise.
static void multiply_sparse(
  const strata_pointwise *job, const strata_pointwise_buffers *at, int64_t begin, int64_t rows, int64_t first_group,
  int64_t last_group, int64_t first, int64_t last, const sparse_rows *marked) {
  const int64_t end = row_group(job, rows, MOST_ROWS, last_group).first, even = even_rows(job);
  for (int64_t row = row_group(job, rows, MOST_ROWS, first_group).first; row < end;) {
    const int64_t left = even - (begin + row) % even, stop = row + left < end ? row + left : end;
    multiply_marked(job, at, begin, rows, row, stop, first, last, marked);
    row = stop;
  }
}
