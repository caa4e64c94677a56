// Products that skip zeros, included once for each instruction set.
//
// Behind a rectifier about half of the values are zeros, and what they are multiplied by need not be read. Here a row
// of pixels is a list: its values that are not zero and where their weights are. Each value then costs one read of
// the weights for every product, so the weights have to lie in the first-level cache: 64 channels of 128 outputs do,
// and all rows of a block pass them before the next 64.
#include "pointwise.h"

#if defined(STRATA_TARGET_AVX512)
#include <immintrin.h>
#endif

// Panels of outputs that are multiplied together: 8 vectors of sums, or AVX2's 12 and NEON's 24 shorter ones.
#if defined(STRATA_TARGET_AVX512)
enum { SPARSE_PANELS = 4 };
#else
enum { SPARSE_PANELS = 6 };
#endif

// MARK: Lists

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

/// Adds those of 16 values that are not zero to a list, with the places of their weights; returns how many.
INLINE int32_t keep(floats from, int32_t place, float *values, int32_t *places) {
#if defined(STRATA_TARGET_AVX512)
  const __m512i steps = _mm512_mullo_epi32(
    _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), _mm512_set1_epi32(PANEL * LANES));
  const __mmask16 kept = _mm512_cmp_ps_mask((__m512)from, _mm512_setzero_ps(), _CMP_NEQ_UQ);
  const __m512i all = _mm512_add_epi32(steps, _mm512_set1_epi32(place));
  // Compressed in a register: compressing straight to memory is slow on some processors.
  _mm512_storeu_ps(values, _mm512_maskz_compress_ps(kept, (__m512)from));
  _mm512_storeu_si512(places, _mm512_maskz_compress_epi32(kept, all));
  return __builtin_popcount(kept);
#else
  int32_t count = 0;
  for (int i = 0; i < LANES; i++) {
    values[count] = from[i];
    places[count] = place + i * PANEL * LANES;
    count += from[i] != 0;
  }
  return count;
#endif
}

/// Makes lists of packed rows of the groups from `first` to `last`, for every 64 values one, while it pays.
static void make_lists(
  const strata_pointwise *job, int64_t rows, int64_t first, int64_t last, const float *packed,
  const sparse_rows *lists, zero_count *zeros) {
  // Not even an uneven image is sparse on the whole if some rows have more values than this.
  const double most = 0.85;
  const int64_t begin = group_at(rows, MOST_ROWS, first).first, end = group_at(rows, MOST_ROWS, last).first;
  const int64_t depth = depth_of(job);
  if (zeros->is_dense) return;
  zeros->is_dense = count_zeros(packed + begin * depth, (end - begin) * depth, zeros) > most;
  if (zeros->is_dense) return;
  for (int64_t index = first; index < last; index++) {
    const group g = group_at(rows, MOST_ROWS, index);
    const float *from = packed + g.first * depth;
    for (int64_t channel = 0; channel < depth; channel += SPARSE_CHANNELS) {
      const int64_t left = depth - channel, list = channel / SPARSE_CHANNELS * rows + g.first;
      for (int64_t i = 0; i < g.count; i++) {
        float *values = lists->values + (list + i) * SPARSE_CHANNELS;
        int32_t *places = lists->places + (list + i) * SPARSE_CHANNELS, kept = 0;
        for (int64_t c = 0; c < SPARSE_CHANNELS && c < left; c += LANES)
          kept += keep(
            load(from + (channel + c) * g.count + i * LANES), (int32_t)c * PANEL * LANES, values + kept,
            places + kept);
        lists->counts[list + i] = kept;
      }
    }
  }
}

// MARK: Products

/// Multiplies lists of 64 channels by `panels` panels of outputs.
INLINE void multiply_lists(
  const int panels, const strata_pointwise *job, const sparse_rows *lists, int64_t list, int64_t rows,
  const float *weights, const float *ahead, int is_first, int is_last, const float *bias, const float *residual,
  float *result) {
  const int64_t outputs = job->outputs, distance = PANEL * LANES * depth_of(job);
  const floats low = filled(job->low), high = filled(job->high);
  const float *values = lists->values + list * SPARSE_CHANNELS;
  const int32_t *places = lists->places + list * SPARSE_CHANNELS;
  // The next channels' weights come nearer while these are in use.
  const int64_t lines = (SPARSE_CHANNELS * PANEL + rows - 1) / rows;
  for (int64_t row = 0; row < rows; row++) {
    floats sum[SPARSE_PANELS * PANEL];
    UNROLL for (int k = 0; k < panels * PANEL; k++) sum[k] = (floats){0};
    UNROLL for (int p = 0; p < panels; p++)
      for (int64_t line = 0; line < lines; line++) __builtin_prefetch(ahead + p * distance + line * LANES, 0, 2);
    ahead += lines * LANES;
    const int32_t count = lists->counts[list + row];
    for (int32_t i = 0; i < count; i++) {
      const float *weight = weights + places[i];
      const floats value = filled(values[i]);
      UNROLL for (int k = 0; k < panels * PANEL; k++)
        sum[k] += value * load(weight + k / PANEL * distance + k % PANEL * LANES);
    }
    // What is there is added at the end, so that products need not wait for it.
    if (!is_first) {
      UNROLL for (int k = 0; k < panels * PANEL; k++) sum[k] += load(result + k * LANES);
    } else if (bias) {
      UNROLL for (int k = 0; k < panels * PANEL; k++) sum[k] += load(bias + k * LANES);
    }
    if (is_first && residual) {
      UNROLL for (int k = 0; k < panels * PANEL; k++) sum[k] += load(residual + k * LANES);
      residual += outputs;
    }
    if (is_last) {
      UNROLL for (int k = 0; k < panels * PANEL; k++) sum[k] = bounded(sum[k], low, high);
    }
    UNROLL for (int k = 0; k < panels * PANEL; k++) store(result + k * LANES, sum[k]);
    values += SPARSE_CHANNELS;
    places += SPARSE_CHANNELS;
    result += outputs;
  }
}

#define MULTIPLY_LISTS(count)                                                                              \
  case count:                                                                                              \
    if (count <= SPARSE_PANELS)                                                                            \
      multiply_lists(                                                                                      \
        count <= SPARSE_PANELS ? count : 1, job, lists, list, end - row, weights, ahead, is_first, is_last, bias, \
        residual, result);                                                                                 \
    break;

/// Multiplies the lists of some groups by the panels of outputs from `first` to `last`, all of them whole.
static void multiply_sparse(
  const strata_pointwise *job, const strata_pointwise_buffers *at, int64_t begin, int64_t rows, int64_t first_group,
  int64_t last_group, int64_t first, int64_t last, const sparse_rows *lists) {
  const int64_t row = group_at(rows, MOST_ROWS, first_group).first, depth = depth_of(job);
  const int64_t end = group_at(rows, MOST_ROWS, last_group).first;
  for (int64_t index = 0; index < part_up(last - first, SPARSE_PANELS); index++) {
    const group panels = group_at(last - first, SPARSE_PANELS, index);
    const int64_t output = (first + panels.first) * PANEL * LANES, place = (begin + row) * job->outputs + output;
    const float *bias = at->bias ? at->bias + output : 0, *residual = at->residual ? at->residual + place : 0;
    float *result = at->result + place;
    for (int64_t channel = 0; channel < depth; channel += SPARSE_CHANNELS) {
      const float *weights = at->weights + output * depth + channel * PANEL * LANES;
      const int64_t list = channel / SPARSE_CHANNELS * rows + row;
      const int is_first = channel == 0, is_last = channel + SPARSE_CHANNELS >= depth;
      const float *ahead = is_last ? at->weights + (output + panels.count * PANEL * LANES) * depth
                                   : weights + SPARSE_CHANNELS * PANEL * LANES;
      switch (panels.count) {
        MULTIPLY_LISTS(1)
        MULTIPLY_LISTS(2)
        MULTIPLY_LISTS(3)
        MULTIPLY_LISTS(4)
        MULTIPLY_LISTS(5)
        MULTIPLY_LISTS(6)
      }
    }
  }
}
