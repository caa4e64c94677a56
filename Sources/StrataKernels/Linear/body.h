// The kernels of linear layers for few rows, included once for each instruction set.
//
// A block of rows × outputs is summed up in registers, 16 channels at a time, while the weights of those outputs
// stream by. Channels are cut into parts, so that the rows stay in the cache meanwhile; results hold the sums
// between parts.
#include "../halves.h"
#include "linear.h"

// Rows of a block, and its sums: 24 of AVX-512's 32 registers, 10 of AVX2's 16.
#if defined(STRATA_TARGET_AVX512)
enum { MOST_ROWS = 8, SUMS = 24 };
#else
enum { MOST_ROWS = 4, SUMS = 5 };
#endif
enum { MOST_OUTPUTS = 8 };

/// Floats of the rows that stay in the second-level cache, and bytes by which reading weights runs ahead.
enum { CACHED = 128 << 10, AHEAD = 4096 };

#define OUTPUTS(rows) (SUMS / (rows) < MOST_OUTPUTS ? SUMS / (rows) : MOST_OUTPUTS)

INLINE float total(floats v) {
  v += __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
  v += __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
  v += __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
  return v[0] + v[1];
}

/// Weights are floats, or halves.
INLINE floats load_weights(const int halves, const void *weights, int64_t place) {
  return halves ? load_halves((const uint16_t *)weights + place) : load((const float *)weights + place);
}

INLINE float weight_at(const int halves, const void *weights, int64_t place) {
  if (!halves) return ((const float *)weights)[place];
  uint16_t one[LANES] = {((const uint16_t *)weights)[place]};
  return load_halves(one)[0];
}

/// Adds to the results of `rows` × `outputs` what the channels from `from` to `to` contribute.
INLINE void add_part(
  const int halves, const int rows, const int outputs, const strata_linear *job, const float *source,
  const void *weights, float *result, int64_t from, int64_t to) {
  const int64_t channels = job->channels, size = halves ? 2 : 4;
  floats sum[MOST_ROWS][MOST_OUTPUTS];
  UNROLL for (int i = 0; i < rows; i++)
    UNROLL for (int j = 0; j < outputs; j++) sum[i][j] = (floats){0};
  int64_t c = from;
  for (; c + LANES <= to; c += LANES) {
    floats weight[MOST_OUTPUTS];
    UNROLL for (int j = 0; j < outputs; j++) weight[j] = load_weights(halves, weights, j * channels + c);
    UNROLL for (int i = 0; i < rows; i++) {
      const floats value = load(source + i * channels + c);
      // Between the products, so that these do not wait.
      if (i < outputs) __builtin_prefetch((const char *)weights + (i * channels + c) * size + AHEAD);
      UNROLL for (int j = 0; j < outputs; j++) sum[i][j] += value * weight[j];
    }
  }
  UNROLL for (int i = 0; i < rows; i++)
    UNROLL for (int j = 0; j < outputs; j++) {
      float value = total(sum[i][j]);
      for (int64_t rest = c; rest < to; rest++)
        value += source[i * channels + rest] * weight_at(halves, weights, j * channels + rest);
      float *place = result + i * job->outputs + j;
      *place = from == 0 ? value : *place + value;
    }
}

/// All parts of channels of `rows` rows for the outputs from `first` to `last`, in turn.
INLINE void add_rows(
  const int halves, const int rows, const strata_linear *job, const float *source, const char *weights,
  float *result, int64_t first, int64_t last, int64_t from, int64_t to) {
  const int64_t step = (halves ? 2 : 4) * (int64_t)job->channels;
  int64_t output = first;
  for (; output + OUTPUTS(rows) <= last; output += OUTPUTS(rows))
    add_part(halves, rows, OUTPUTS(rows), job, source, weights + output * step, result + output, from, to);
  for (; output < last; output++)
    add_part(halves, rows, 1, job, source, weights + output * step, result + output, from, to);
}

#define ADD_ROWS(count)                                                                                      \
  case count:                                                                                                \
    if (count <= MOST_ROWS)                                                                                  \
      add_rows(halves, count <= MOST_ROWS ? count : 1, job, values, weights, sums, first, last, from, to);   \
    break;

/// With more rows than a block has, outputs are few at a time, so that their weights are still in the cache for the
/// next block.
enum { GROUP = 24 };

INLINE void add_all(
  const int halves, const strata_linear *job, const float *source, const char *weights, float *result,
  int64_t begin, int64_t end) {
  const int64_t channels = job->channels, outputs = job->outputs;
  const int64_t part = CACHED / job->rows / LANES * LANES;
  for (int64_t from = 0; from < channels; from += part) {
    const int64_t to = channels - from < part ? channels : from + part;
    const int64_t group = job->rows > MOST_ROWS ? GROUP : end - begin;
    for (int64_t first = begin; first < end; first += group) {
      const int64_t last = end - first < group ? end : first + group;
      for (int64_t row = 0; row < job->rows; row += MOST_ROWS) {
        const float *values = source + row * channels;
        float *sums = result + row * outputs;
        const int64_t left = job->rows - row;
        switch (left < MOST_ROWS ? left : MOST_ROWS) {
          ADD_ROWS(1) ADD_ROWS(2) ADD_ROWS(3) ADD_ROWS(4) ADD_ROWS(5) ADD_ROWS(6) ADD_ROWS(7) ADD_ROWS(8)
        }
      }
    }
  }
}

static void compute(
  const strata_linear *job, const float *source, const void *weights, const float *bias, const float *residual,
  float *result, int64_t begin, int64_t end) {
  const int64_t outputs = job->outputs;
  const float *scales = job->halves ? weights : 0;
  if (job->halves)
    add_all(1, job, source, (const char *)weights + linear_scale_bytes(job), result, begin, end);
  else
    add_all(0, job, source, weights, result, begin, end);
  for (int64_t row = 0; row < job->rows; row++)
    for (int64_t output = begin; output < end; output++) {
      const int64_t place = row * outputs + output;
      float value = result[place];
      if (scales) value *= scales[output];
      if (bias) value += bias[output];
      if (residual) value += residual[place];
      value = value < job->low ? job->low : value;
      result[place] = value > job->high ? job->high : value;
    }
}

/// Rounds the weights of the outputs from `begin` to `end` to halves. Each output has a power of two of its own, so
/// that no weight is too large for a half and those next to the largest are not too small.
static void halve(const strata_linear *job, const float *weights, void *halved, int64_t begin, int64_t end) {
  const int64_t channels = job->channels;
  for (int64_t output = begin; output < end; output++) {
    const float *row = weights + output * channels;
    uint16_t *target = (uint16_t *)((char *)halved + linear_scale_bytes(job)) + output * channels;
    float most = 0;
    for (int64_t c = 0; c < channels; c++) {
      const float size = __builtin_fabsf(row[c]);
      if (size > most && size < __builtin_inff()) most = size;
    }
    int exponent = 0;
    if (most > 0) __builtin_frexpf(most, &exponent);
    // The largest comes to lie below 2¹⁵; the power and its inverse are floats.
    exponent = exponent < -100 ? -100 : exponent;
    ((float *)halved)[output] = __builtin_ldexpf(1, exponent - 15);
    const floats factor = filled(__builtin_ldexpf(1, 15 - exponent));
    for (int64_t c = 0; c < channels; c += LANES) {
      float rest[LANES] = {0};
      uint16_t narrow[LANES];
      const int64_t count = channels - c < LANES ? channels - c : LANES;
      memcpy(rest, row + c, count * sizeof *rest);
      store_halves(narrow, load(rest) * factor);
      memcpy(target + c, narrow, count * sizeof *narrow);
    }
  }
}

const linear_kernels KERNELS = {compute, halve};
