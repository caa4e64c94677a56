// The kernels of Winograd convolutions, included once for each instruction set.
//
// A tile of `tile` × `tile` results needs a window of `size` × `size` source pixels, where size = tile + kernel - 1:
// 4 for tiles of 2 and 6 for tiles of 4 with a 3×3 kernel, 8 for tiles of 4 with a 5×5 kernel. Windows and weights are
// transformed to `size` × `size` matrices, whose products, element by element and summed over channels, are
// transformed back. The sums over channels are `size`² matrix products, and nearly all of the work.
//
// Layout of transformed windows: [place][group of rows][block of 16 channels][row][channel]; a row is a tile, and
// a group has as many as the product kernel keeps sums for. Its reads have constant distances, and the transform
// writes whole cache lines. Of transformed weights: [place][panel of outputs][channel][output].
#include "../product.h"
#include "winograd.h"

// MARK: Transforms along one axis

// They evaluate polynomials at points: 0, ±1, ∞ for a size of 4; 0, ±√½, ±√2, ∞ for 6, which round better than
// 0, ±1, ±2, ∞; 0, ±1, ±2, ±½, ∞ for 8.

/// `size` source values to as many.
INLINE void transform_source(const int size, const floats *d, floats *r) {
  floats even, odd;
  if (size == 4) {
    r[0] = d[2] - d[0];
    r[1] = d[1] + d[2];
    r[2] = d[2] - d[1];
    r[3] = d[3] - d[1];
  } else if (size == 6) {
    const float a = POINT_A, b = POINT_B;
    r[0] = d[0] + (d[4] - 2.5f * d[2]);
    even = d[4] - 2.0f * d[2];
    odd = d[3] - 2.0f * d[1];
    r[1] = even + a * odd;
    r[2] = even - a * odd;
    even = d[4] - 0.5f * d[2];
    odd = d[3] - 0.5f * d[1];
    r[3] = even + b * odd;
    r[4] = even - b * odd;
    r[5] = d[1] + (d[5] - 2.5f * d[3]);
  } else {
    r[0] = (d[6] - d[0]) + 5.25f * (d[2] - d[4]);
    even = d[6] - 4.25f * d[4] + d[2];
    odd = d[5] - 4.25f * d[3] + d[1];
    r[1] = even + odd;
    r[2] = even - odd;
    even = d[6] - 1.25f * d[4] + 0.25f * d[2];
    odd = 2.0f * d[5] - 2.5f * d[3] + 0.5f * d[1];
    r[3] = even + odd;
    r[4] = even - odd;
    even = d[6] - 5.0f * d[4] + 4.0f * d[2];
    odd = 0.5f * d[5] - 2.5f * d[3] + 2.0f * d[1];
    r[5] = even + odd;
    r[6] = even - odd;
    r[7] = (d[7] - d[1]) + 5.25f * (d[3] - d[5]);
  }
}

/// `size` sums to results: 2 of 4, 4 of 6 or 8.
INLINE void transform_result(const int size, const floats *m, floats *r) {
  if (size == 4) {
    r[0] = m[0] + m[1] + m[2];
    r[1] = m[1] - m[2] + m[3];
    return;
  }
  const floats sum = m[1] + m[2], difference = m[1] - m[2];
  const floats sum2 = m[3] + m[4], difference2 = m[3] - m[4];
  if (size == 6) {
    const float a = POINT_A, b = POINT_B;
    r[0] = m[0] + sum + sum2;
    r[1] = a * difference + b * difference2;
    r[2] = 0.5f * sum + 2.0f * sum2;
    r[3] = (0.5f * a) * difference + (2.0f * b) * difference2 + m[5];
  } else {
    const floats sum3 = m[5] + m[6], difference3 = m[5] - m[6];
    r[0] = m[0] + sum + sum2 + sum3;
    r[1] = difference + 2.0f * difference2 + 0.5f * difference3;
    r[2] = sum + 4.0f * sum2 + 0.25f * sum3;
    r[3] = difference + 8.0f * difference2 + 0.125f * difference3 + m[7];
  }
}

/// Weights to `size`: 3 to 4 or 6, 5 to 8.
INLINE void transform_weights(const int size, const floats *g, floats *r) {
  floats even, odd;
  if (size == 4) {
    r[0] = -g[0];
    r[1] = 0.5f * (g[0] + g[1] + g[2]);
    r[2] = 0.5f * (g[0] - g[1] + g[2]);
    r[3] = g[2];
  } else if (size == 6) {
    const float a = POINT_A, b = POINT_B;
    r[0] = g[0];
    even = g[0] + 0.5f * g[2];
    r[1] = (even + a * g[1]) * (-1.0f / 1.5f);
    r[2] = (even - a * g[1]) * (-1.0f / 1.5f);
    even = g[0] + 2.0f * g[2];
    r[3] = (even + b * g[1]) * (1.0f / 6.0f);
    r[4] = (even - b * g[1]) * (1.0f / 6.0f);
    r[5] = g[2];
  } else {
    r[0] = -g[0];
    even = g[0] + g[2] + g[4];
    odd = g[1] + g[3];
    r[1] = (even + odd) * (-2.0f / 9.0f);
    r[2] = (even - odd) * (-2.0f / 9.0f);
    even = g[0] + 4.0f * g[2] + 16.0f * g[4];
    odd = 2.0f * g[1] + 8.0f * g[3];
    r[3] = (even + odd) * (1.0f / 90.0f);
    r[4] = (even - odd) * (1.0f / 90.0f);
    even = g[0] + 0.25f * g[2] + 0.0625f * g[4];
    odd = 0.5f * g[1] + 0.125f * g[3];
    r[5] = (even + odd) * (32.0f / 45.0f);
    r[6] = (even - odd) * (32.0f / 45.0f);
    r[7] = g[4];
  }
}

// MARK: Windows

// By how many tiles fetching runs ahead.
enum { AHEAD_TILES = 2 };

/// Transforms one window of 16 channels.
INLINE void transform_window(
  const int size, const float *source, int64_t row, int64_t pixel, float *result, int64_t place) {
  floats half[64], line[8], out[8];
  UNROLL for (int y = 0; y < size; y++) {
    UNROLL for (int x = 0; x < size; x++) line[x] = load(source + y * row + x * pixel);
    transform_source(size, line, half + y * size);
  }
  UNROLL for (int x = 0; x < size; x++) {
    UNROLL for (int y = 0; y < size; y++) line[y] = half[y * size + x];
    transform_source(size, line, out);
    UNROLL for (int y = 0; y < size; y++) store(result + (y * size + x) * place, out[y]);
  }
}

/// Brings the columns from `first` to `size` of a square of pixels nearer: images mostly come from the third level or
/// memory, and squares are no pattern that processors foresee.
INLINE void prefetch_square(const int first, const int size, const float *corner, int64_t row, int64_t pixel) {
  UNROLL for (int y = 0; y < size; y++)
    UNROLL for (int x = first; x < size; x++) __builtin_prefetch(corner + y * row + x * pixel, 0, 2);
}

INLINE void transform_tile_windows(
  const int size, const strata_winograd *job, const winograd_blocks *blocks, const float *source, int64_t first,
  int64_t last, int64_t begin, float *windows) {
  const int tile = size == 4 ? 2 : 4;
  const int64_t depth = job->channels / LANES;
  for (int64_t unit = first; unit < last;) {
    const int64_t row = unit / depth, end = (row + 1) * depth < last ? (row + 1) * depth : last;
    const winograd_place at = winograd_tile(job, blocks, begin + row);
    const winograd_group group = winograd_group_of(blocks, row);
    const int top = at.y - job->pad_top, left = at.x - job->pad_left;
    const int is_inside = top >= 0 && left >= 0 && top + size <= job->height && left + size <= job->width;
    const winograd_place next = winograd_tile(job, blocks, begin + row + AHEAD_TILES);
    const int64_t next_corner = next.image * job->source.image + (next.y - job->pad_top) * job->source.row +
      (next.x - job->pad_left) * job->source.pixel;
    for (; unit < end; unit++) {
      const int64_t block = unit - row * depth;
      const float *image = source + at.image * job->source.image + block * job->source.block;
      float *result = windows + group.first * job->channels + (block * group.rows + row - group.first) * LANES;
      if (is_inside) {
        // The columns before belong to the window to its left too.
        prefetch_square(
          size - tile, size, source + next_corner + block * job->source.block, job->source.row,
          job->source.pixel);
        const float *corner = image + top * job->source.row + left * job->source.pixel;
        transform_window(size, corner, job->source.row, job->source.pixel, result, blocks->window_place);
        continue;
      }
      // A window that hangs over the border is completed by zeros.
      float patch[64 * LANES];
      for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
          const int v = top + y, u = left + x;
          floats value = {0};
          if (v >= 0 && u >= 0 && v < job->height && u < job->width)
            value = load(image + v * job->source.row + u * job->source.pixel);
          store(patch + (y * size + x) * LANES, value);
        }
      transform_window(size, patch, size * LANES, LANES, result, blocks->window_place);
    }
  }
}

// MARK: Products

/// Stores sums of products, or adds them to what is there.
INLINE void multiply(
  const int rows, const int vectors, int64_t channels, const float *windows, const float *weights,
  const float *ahead, int64_t lines, float *sums, int64_t distance, int adds) {
  floats sum[MOST_ROWS][PANEL];
  add_products(rows, vectors, channels, windows, weights, ahead, lines, sum);
  if (adds) {
    UNROLL for (int i = 0; i < rows; i++)
      UNROLL for (int j = 0; j < vectors; j++) sum[i][j] += load(sums + i * distance + j * LANES);
  }
  UNROLL for (int i = 0; i < rows; i++)
    UNROLL for (int j = 0; j < vectors; j++) store(sums + i * distance + j * LANES, sum[i][j]);
}

#define MULTIPLY(count)                                                                              \
  case count:                                                                                        \
    if (count <= MOST_ROWS)                                                                          \
      multiply(                                                                                      \
        count <= MOST_ROWS ? count : 1, vectors, channels, windows, weights, ahead, lines, sums,     \
        distance, adds);                                                                             \
    break;

INLINE void multiply_group(
  int64_t rows, const int vectors, int64_t channels, const float *windows, const float *weights,
  const float *ahead, int64_t lines, float *sums, int64_t distance, int adds) {
  switch (rows) {
    MULTIPLY(1) MULTIPLY(2) MULTIPLY(3) MULTIPLY(4) MULTIPLY(5) MULTIPLY(6) MULTIPLY(7)
    MULTIPLY(8) MULTIPLY(9) MULTIPLY(10) MULTIPLY(11) MULTIPLY(12) MULTIPLY(13) MULTIPLY(14)
  }
}

/// The matrix products of the places from `first` to `last`.
static void multiply_places(
  const strata_winograd *job, const winograd_blocks *blocks, const float *windows, const float *weights,
  float *sums, int64_t rows, int64_t first, int64_t last) {
  const int64_t channels = job->channels, outputs = job->outputs;
  const int64_t lines = lines_ahead(blocks->groups);
  for (int64_t place = first; place < last; place++) {
    const float *matrix = windows + place * blocks->window_place;
    for (int64_t output = 0; output < outputs; output += PANEL * LANES) {
      const float *panel = weights + (place * outputs + output) * channels;
      const int isWhole = outputs - output >= PANEL * LANES;
      float *result = sums + place * blocks->sum_place + output;
      const float *ahead = panel + PANEL * LANES * channels;
      for (int64_t row = 0; row < rows;) {
        winograd_group group = winograd_group_of(blocks, row);
        const float *values = matrix + row * channels;
        float *target = result + row * blocks->sum_row;
        if (isWhole) {
          multiply_group(group.rows, PANEL, channels, values, panel, ahead, lines, target, blocks->sum_row, 0);
        } else {
          multiply_group(group.rows, 1, channels, values, panel, ahead, lines, target, blocks->sum_row, 0);
        }
        ahead += lines * channels;
        row += group.rows;
      }
    }
  }
}

// MARK: Results

INLINE void finish_tile(
  const int size, const int pools, const strata_winograd *job, const winograd_blocks *blocks, const float *sums,
  int64_t first, int64_t last, int64_t begin, const float *bias, const float *residual, float *result) {
  const int tile = size == 4 ? 2 : 4;
  const int64_t depth = job->outputs / LANES;
  const floats low = filled(job->low), high = filled(job->high);
  const int step = pools ? 2 : 1;
  const int height = job->result_height / step, width = job->result_width / step;
  for (int64_t unit = first; unit < last;) {
    const int64_t row = unit / depth, end = (row + 1) * depth < last ? (row + 1) * depth : last;
    const winograd_place at = winograd_tile(job, blocks, begin + row);
    const int rows = height - at.y / step, columns = width - at.x / step;
    const winograd_place next = winograd_tile(job, blocks, begin + row + AHEAD_TILES);
    const int64_t next_corner = next.image * job->result.image + next.y / step * job->result.row +
      next.x / step * job->result.pixel;
    for (; unit < end; unit++) {
      const int64_t block = unit - row * depth;
      const float *from = sums + row * blocks->sum_row + block * LANES;
      const float *coming = (residual ? residual : result) + next_corner + block * job->result.block;
      prefetch_square(0, tile / step, coming, job->result.row, job->result.pixel);
      floats half[64], line[8], column[8], out[16];
      UNROLL for (int x = 0; x < size; x++) {
        UNROLL for (int y = 0; y < size; y++) line[y] = load(from + (y * size + x) * blocks->sum_place);
        transform_result(size, line, column);
        UNROLL for (int y = 0; y < tile; y++) half[y * size + x] = column[y];
      }
      UNROLL for (int y = 0; y < tile; y++) transform_result(size, half + y * size, out + y * tile);
      const floats shift = bias ? load(bias + block * LANES) : (floats){0};
      const int64_t corner = at.image * job->result.image + block * job->result.block +
        at.y / step * job->result.row + at.x / step * job->result.pixel;
      UNROLL for (int y = 0; y < tile / step; y++) {
        UNROLL for (int x = 0; x < tile / step; x++) {
          if (y >= rows || x >= columns) continue;
          const floats *from_window = out + step * (y * tile + x);
          floats value = from_window[0];
          if (pools) value = larger(larger(value, from_window[1]), larger(from_window[tile], from_window[tile + 1]));
          const int64_t pixel = corner + y * job->result.row + x * job->result.pixel;
          value += shift;
          if (residual) value += load(residual + pixel);
          store(result + pixel, bounded(value, low, high));
        }
      }
    }
  }
}

// MARK: Weights

/// Transforms the weights of one channel and 16 outputs.
INLINE void transform_taps(const int size, const floats *tap, float *result, int64_t place) {
  const int kernel = size == 8 ? 5 : 3;
  floats half[40], line[5], out[8];
  UNROLL for (int y = 0; y < kernel; y++) transform_weights(size, tap + kernel * y, half + y * size);
  UNROLL for (int x = 0; x < size; x++) {
    UNROLL for (int y = 0; y < kernel; y++) line[y] = half[y * size + x];
    transform_weights(size, line, out);
    UNROLL for (int y = 0; y < size; y++) store(result + (y * size + x) * place, out[y]);
  }
}

/// The weights of 16 outputs and as many channels, as [channel][tap], of rows of 16 channels for each output.
INLINE void ordered_taps(const int taps, const float *rows, int64_t row, floats *tap) {
  for (int part = 0; part < taps; part++) {
    UNROLL for (int i = 0; i < LANES; i++) tap[part * LANES + i] = load(rows + i * row + part * LANES);
    transpose(tap + part * LANES);
  }
}

/// The weights of 16 neighbours, turned by 180°.
INLINE void turned_taps(const int taps, const float *weights, floats *tap) {
  floats square[LANES];
  UNROLL for (int i = 0; i < LANES - 1; i++) square[i] = load(weights + i * taps);
  if (taps == 9) {
    // The last row ends where the weights may end.
    const floats end = load(weights + 8 * LANES);
    square[15] = __builtin_shufflevector(end, end, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 0, 0, 0, 0, 0, 0);
  } else {
    square[15] = load(weights + 15 * taps);
  }
  transpose(square);
  UNROLL for (int t = 0; t < taps && t < LANES; t++) tap[taps - 1 - t] = square[t];
  if (taps <= LANES) return;
  UNROLL for (int i = 0; i < LANES; i++) square[i] = load(weights + (i + 1) * taps - LANES);
  transpose(square);
  UNROLL for (int t = LANES; t < taps; t++) tap[taps - 1 - t] = square[t - (taps - LANES)];
}

/// Prepares the weights of one vector of 16 outputs. Those that are transformed late lie as
/// [panel of outputs][channel][tap][output].
INLINE void prepare_outputs(
  const int size, const strata_winograd *job, int64_t output, const float *weights, float *prepared) {
  const int kernel = size == 8 ? 5 : 3;
  const int64_t channels = job->channels, outputs = job->outputs;
  const int64_t panel = output / (PANEL * LANES) * (PANEL * LANES);
  const int64_t vectors = outputs - panel >= PANEL * LANES ? PANEL : 1;
  const int taps = kernel * kernel, turns = job->transposes;
  floats ordered[25 * LANES];
  for (int64_t c = 0; c < channels; c++) {
    floats *tap = ordered;
    if (turns) {
      turned_taps(taps, weights + (c * outputs + output) * taps, tap);
    } else {
      if (c % LANES == 0)
        ordered_taps(taps, weights + (output * channels + c) * taps, channels * taps, ordered);
      tap += c % LANES * taps;
    }
    if (job->is_late) {
      float *late = prepared + (panel * channels + c * vectors * LANES) * taps + output - panel;
      for (int t = 0; t < taps; t++) store(late + t * vectors * LANES, tap[t]);
    } else {
      transform_taps(
        size, tap, prepared + panel * channels + c * vectors * LANES + output - panel, outputs * channels);
    }
  }
}

// MARK: Weights that are transformed late

/// The results of one panel of outputs. For some channels after others its weights are transformed, into the
/// second-level cache, and multiplied at all places, while the next channels' weights are fetched ahead.
INLINE void compute_panel(
  const int size, const int vectors, const strata_winograd *job, const winograd_blocks *blocks,
  const float *windows, const float *weights, float *transformed, float *sums) {
  const int kernel = size == 8 ? 5 : 3, taps = kernel * kernel;
  const int64_t channels = job->channels, wide = vectors * LANES;
  // A constant, so that the places' addresses need no registers.
  const int64_t place = LATE_DEPTH * PANEL * LANES + LANES;
  const int64_t calls = size * size * blocks->groups;
  const int64_t lines = (LANES * taps * vectors + calls - 1) / calls;
  for (int64_t begin = 0; begin < channels; begin += LATE_DEPTH) {
    const int64_t depth = channels - begin < LATE_DEPTH ? channels - begin : LATE_DEPTH;
    const float *from = weights + begin * taps * wide, *ahead = from + depth * taps * wide;
    for (int64_t c = 0; c < depth; c++) {
      UNROLL for (int v = 0; v < vectors; v++) {
        floats tap[25];
        UNROLL for (int t = 0; t < taps; t++) tap[t] = load(from + (c * taps + t) * wide + v * LANES);
        transform_taps(size, tap, transformed + c * wide + v * LANES, place);
      }
    }
    for (int64_t p = 0; p < size * size; p++) {
      for (int64_t row = 0; row < blocks->tiles;) {
        const winograd_group group = winograd_group_of(blocks, row);
        const float *values = windows + p * blocks->window_place + row * channels + begin * group.rows;
        multiply_group(
          group.rows, vectors, depth, values, transformed + p * place, ahead, lines,
          sums + p * blocks->sum_place + row * wide, wide, begin > 0);
        ahead += lines * depth;
        row += group.rows;
      }
    }
  }
}

// MARK: By size

#define BY_SIZE(call_4, call_6, call_8)   \
  switch (job->tile + job->kernel - 1) {  \
    case 4: call_4; break;                \
    case 6: call_6; break;                \
    default: call_8; break;               \
  }

static void transform_windows(
  const strata_winograd *job, const winograd_blocks *blocks, const float *source, int64_t first, int64_t last,
  int64_t begin, float *windows) {
  BY_SIZE(
    transform_tile_windows(4, job, blocks, source, first, last, begin, windows),
    transform_tile_windows(6, job, blocks, source, first, last, begin, windows),
    transform_tile_windows(8, job, blocks, source, first, last, begin, windows))
}

static void finish(
  const strata_winograd *job, const winograd_blocks *blocks, const float *sums, int64_t first, int64_t last,
  int64_t begin, const float *bias, const float *residual, float *result) {
  if (job->pools) {
    BY_SIZE(
      finish_tile(4, 1, job, blocks, sums, first, last, begin, bias, residual, result),
      finish_tile(6, 1, job, blocks, sums, first, last, begin, bias, residual, result),
      finish_tile(8, 1, job, blocks, sums, first, last, begin, bias, residual, result))
  } else {
    BY_SIZE(
      finish_tile(4, 0, job, blocks, sums, first, last, begin, bias, residual, result),
      finish_tile(6, 0, job, blocks, sums, first, last, begin, bias, residual, result),
      finish_tile(8, 0, job, blocks, sums, first, last, begin, bias, residual, result))
  }
}

static void prepare(const strata_winograd *job, int64_t output, const float *weights, float *prepared) {
  BY_SIZE(
    prepare_outputs(4, job, output, weights, prepared), prepare_outputs(6, job, output, weights, prepared),
    prepare_outputs(8, job, output, weights, prepared))
}

static void compute_panels(
  const strata_winograd *job, const winograd_blocks *blocks, const float *windows, const float *weights,
  int64_t first, int64_t last, const float *bias, const float *residual, float *result, float *scratch) {
  const int taps = job->kernel * job->kernel;
  for (int64_t panel = first * PANEL; panel < job->outputs / LANES && panel < last * PANEL;) {
    const int vectors = job->outputs / LANES - panel >= PANEL ? PANEL : 1;
    strata_winograd part = *job;
    part.outputs = vectors * LANES;
    winograd_blocks b = *blocks;
    b.sum_row = part.outputs;
    b.sum_place = b.tiles * part.outputs + LANES;
    const int size = job->tile + job->kernel - 1;
    float *sums = scratch + size * size * (LATE_DEPTH * PANEL * LANES + LANES);
    const float *from = weights + panel * LANES * job->channels * taps;
    if (vectors == PANEL) {
      BY_SIZE(
        compute_panel(4, PANEL, job, &b, windows, from, scratch, sums),
        compute_panel(6, PANEL, job, &b, windows, from, scratch, sums),
        compute_panel(8, PANEL, job, &b, windows, from, scratch, sums))
    } else {
      BY_SIZE(
        compute_panel(4, 1, job, &b, windows, from, scratch, sums),
        compute_panel(6, 1, job, &b, windows, from, scratch, sums),
        compute_panel(8, 1, job, &b, windows, from, scratch, sums))
    }
    const int64_t shift = panel * job->result.block;
    finish(
      &part, &b, sums, 0, b.tiles * vectors, 0, bias ? bias + panel * LANES : 0, residual ? residual + shift : 0,
      result + shift);
    panel += vectors;
  }
}

const winograd_kernels KERNELS = {
  MOST_ROWS, PANEL, transform_windows, multiply_places, finish, prepare, compute_panels};
