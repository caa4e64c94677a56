// The kernels of pointwise convolutions, included once for each instruction set.
#include "../product.h"
#include "pointwise.h"
#include "sparse.h"
#include "gradient.h"

// MARK: Packing

/// The window of a pixel of the result: where its taps begin, zeros where they are outside.
INLINE void find_taps(
  const int kernel, const strata_pointwise *job, const float *source, const float *zeros, int64_t pixel,
  const float **taps) {
  const int64_t line = pixel / job->result_width;
  const int x = (int)(pixel % job->result_width) * job->stride_width - job->pad_left;
  const int y = (int)(line % job->result_height) * job->stride_height - job->pad_top;
  const float *image = source + line / job->result_height * job->source.image;
  UNROLL for (int v = 0; v < kernel; v++)
    UNROLL for (int u = 0; u < kernel; u++) {
      const int inside = y + v >= 0 && y + v < job->height && x + u >= 0 && x + u < job->width;
      taps[kernel * v + u] = inside ? image + (y + v) * job->source.row + (x + u) * job->source.pixel : zeros;
    }
}

/// Convolves one pixel, all channels.
INLINE void convolve_pixel(
  const strata_pointwise *job, const strata_pointwise_buffers *at, const float *zeros, int64_t pixel,
  float *packed, int64_t distance) {
  const float *taps[9];
  find_taps(3, job, at->source, zeros, pixel, taps);
  const floats low = filled(job->middle_low), high = filled(job->middle_high);
  const int64_t channels = job->channels;
  for (int64_t c = 0; c < channels; c += LANES) {
    const float *weights = at->depthwise_weights + c;
    floats sum = at->depthwise_bias ? load(at->depthwise_bias + c) : (floats){0};
    UNROLL for (int t = 0; t < 9; t++) sum += load(taps[t] + c) * load(weights + t * channels);
    store(packed, bounded(sum, low, high));
    packed += distance;
  }
}

/// Convolves pixels side by side whose windows are inside the image; the weights stay in registers.
INLINE void convolve_run(
  const strata_pointwise *job, const strata_pointwise_buffers *at, const float *corner, int64_t count,
  float *packed, int64_t distance) {
  const floats low = filled(job->middle_low), high = filled(job->middle_high);
  const int64_t channels = job->channels, line = job->width * channels;
  const int64_t step = job->stride_width * channels;
  for (int64_t c = 0; c < channels; c += LANES) {
    floats weights[9];
    UNROLL for (int t = 0; t < 9; t++) weights[t] = load(at->depthwise_weights + t * channels + c);
    const floats shift = at->depthwise_bias ? load(at->depthwise_bias + c) : (floats){0};
    const float *from = corner + c;
    for (int64_t i = 0; i < count; i++) {
      floats sum = shift;
      UNROLL for (int t = 0; t < 9; t++) sum += load(from + t / 3 * line + t % 3 * channels) * weights[t];
      store(packed + i * LANES, bounded(sum, low, high));
      from += step;
    }
    packed += distance;
  }
}

/// Convolves `count` pixels from `pixel` on.
INLINE void convolve_group(
  const strata_pointwise *job, const strata_pointwise_buffers *at, const float *zeros, int64_t pixel,
  int64_t count, float *packed) {
  const int64_t channels = job->channels, distance = count * LANES;
  for (int64_t i = 0; i < count;) {
    const int64_t line = (pixel + i) / job->result_width, column = (pixel + i) % job->result_width;
    const int64_t x = column * job->stride_width - job->pad_left;
    const int64_t y = line % job->result_height * job->stride_height - job->pad_top;
    int64_t run = 0;
    if (x >= 0 && y >= 0 && y + 3 <= job->height && x + 3 <= job->width) {
      run = (job->width - 3 - x) / job->stride_width + 1;
      if (run > job->result_width - column) run = job->result_width - column;
      if (run > count - i) run = count - i;
    }
    if (run > 0) {
      const int64_t image = line / job->result_height * job->height;
      const float *corner = at->source + ((image + y) * job->width + x) * channels;
      convolve_run(job, at, corner, run, packed + i * LANES, distance);
      i += run;
    } else {
      convolve_pixel(job, at, zeros, pixel + i, packed + i * LANES, distance);
      i++;
    }
  }
}

/// Packs the channels of a pixel.
INLINE float *copy_pixel(const strata_pointwise *job, const float *source, float *packed, int64_t distance) {
  for (int64_t c = 0; c < job->channels; c += LANES) {
    store(packed, load(source));
    packed += distance;
    source += job->source.block;
  }
  return packed;
}

/// Packs the window of a pixel of the result.
INLINE void copy_window(
  const int kernel, const strata_pointwise *job, const strata_pointwise_buffers *at, const float *zeros,
  int64_t pixel, float *packed, int64_t distance) {
  const float *taps[9];
  find_taps(kernel, job, at->source, zeros, pixel, taps);
  for (int t = 0; t < kernel * kernel; t++) packed = copy_pixel(job, taps[t], packed, distance);
}

static void pack(
  const strata_pointwise *job, const strata_pointwise_buffers *at, int64_t begin, int64_t rows, int64_t first,
  int64_t last, float *zeros, float *packed) {
  if (job->kernel > 1) memset(zeros, 0, sizeof(float) * job->channels);
  const int64_t image = (int64_t)job->result_height * job->result_width;
  const int is_stepping = job->kernel > 1 || job->stride_height != 1 || job->stride_width != 1;
  for (int64_t index = first; index < last; index++) {
    const group g = row_group(job, rows, MOST_ROWS, index);
    float *target = packed + g.first * depth_of(job);
    if (job->is_separable) {
      convolve_group(job, at, zeros, begin + g.first, g.count, target);
      continue;
    }
    const int64_t pixel = begin + g.first;
    const float *source = at->source + pixel / image * job->source.image + pixel % image * job->source.pixel;
    for (int64_t i = 0; i < g.count; i++) {
      float *row = target + i * LANES;
      if (!is_stepping) {
        copy_pixel(job, source + i * job->source.pixel, row, g.count * LANES);
      } else if (job->kernel == 1) {
        copy_window(1, job, at, zeros, pixel + i, row, g.count * LANES);
      } else {
        copy_window(3, job, at, zeros, pixel + i, row, g.count * LANES);
      }
    }
  }
}

// MARK: Products

INLINE void fetch_rows(const int rows, const int vectors, int64_t pixel, int64_t block, const float *values) {
  for (int j = 0; j < vectors; j++)
    for (int i = 0; i < rows; i++) __builtin_prefetch(values + i * pixel + j * block);
}

INLINE void multiply_rows(
  const int rows, const int vectors, const strata_pointwise *job, const float *values, const float *weights,
  const float *ahead, int64_t lines, const float *bias, const float *residual, const float *rectified,
  float *result) {
  floats sum[MOST_ROWS][PANEL];
  const int64_t pixel = job->result.pixel, block = job->result.block;
  // What sums meet at their end comes nearer meanwhile.
  if (residual) fetch_rows(rows, vectors, pixel, block, residual);
  if (rectified) fetch_rows(rows, vectors, pixel, block, rectified);
  add_products(rows, vectors, depth_of(job), values, weights, ahead, lines, sum);
  const floats low = filled(job->low), high = filled(job->high);
  UNROLL for (int j = 0; j < vectors; j++) {
    const floats shift = bias ? load(bias + j * LANES) : (floats){0};
    UNROLL for (int i = 0; i < rows; i++) sum[i][j] += shift;
  }
  if (residual) {
    UNROLL for (int i = 0; i < rows; i++)
      UNROLL for (int j = 0; j < vectors; j++) sum[i][j] += load(residual + i * pixel + j * block);
  }
  if (rectified) {
    const floats zero = filled(0);
    UNROLL for (int i = 0; i < rows; i++)
      UNROLL for (int j = 0; j < vectors; j++)
        sum[i][j] = chosen(load(rectified + i * pixel + j * block) <= zero, zero, sum[i][j]);
  }
  UNROLL for (int i = 0; i < rows; i++)
    UNROLL for (int j = 0; j < vectors; j++)
      store(result + i * pixel + j * block, bounded(sum[i][j], low, high));
}

#define MULTIPLY(count)                                                                              \
  case count:                                                                                        \
    if (count <= MOST_ROWS)                                                                          \
      multiply_rows(                                                                                 \
        count <= MOST_ROWS ? count : 1, vectors, job, values, weights, ahead, lines, bias, residual, \
        rectified, result);                                                                          \
    break;

INLINE void multiply_group(
  int64_t rows, const int vectors, const strata_pointwise *job, const float *values, const float *weights,
  const float *ahead, int64_t lines, const float *bias, const float *residual, const float *rectified,
  float *result) {
  switch (rows) {
    MULTIPLY(1) MULTIPLY(2) MULTIPLY(3) MULTIPLY(4) MULTIPLY(5) MULTIPLY(6) MULTIPLY(7)
    MULTIPLY(8) MULTIPLY(9) MULTIPLY(10) MULTIPLY(11) MULTIPLY(12) MULTIPLY(13) MULTIPLY(14)
  }
}

static void multiply(
  const strata_pointwise *job, const strata_pointwise_buffers *at, int64_t begin, int64_t rows, int64_t first_group,
  int64_t last_group, int64_t first, int64_t last, const float *packed) {
  const int64_t outputs = job->outputs, depth = depth_of(job);
  const int64_t lines = lines_ahead(last_group - first_group);
  for (int64_t panel = first; panel < last; panel++) {
    const int64_t output = panel * PANEL * LANES;
    const float *weights = at->weights + output * depth;
    const float *bias = at->bias ? at->bias + output : 0;
    const float *ahead = weights + PANEL * LANES * depth;
    for (int64_t index = first_group; index < last_group; index++) {
      const group g = row_group(job, rows, MOST_ROWS, index);
      const int64_t place = result_place(job, begin + g.first, output);
      const float *residual = at->residual ? at->residual + place : 0;
      const float *rectified = at->rectified ? at->rectified + place : 0;
      const float *values = packed + g.first * depth;
      float *result = at->result + place;
      if (outputs - output >= PANEL * LANES) {
        multiply_group(g.count, PANEL, job, values, weights, ahead, lines, bias, residual, rectified, result);
      } else {
        multiply_group(g.count, 1, job, values, weights, ahead, lines, bias, residual, rectified, result);
      }
      ahead += lines * depth;
    }
  }
}

// MARK: Weights

/// Makes columns of 16 rows of 16 values; rows lie at one distance, columns then at another.
INLINE void turn_square(const float *from, int64_t row, float *to, int64_t column) {
  floats square[LANES];
  UNROLL for (int i = 0; i < LANES; i++) square[i] = load(from + i * row);
  transpose(square);
  UNROLL for (int i = 0; i < LANES; i++) store(to + i * column, square[i]);
}

/// Packs the panels from `first` to `last`, as [channel of a window][output].
static void prepare(
  const strata_pointwise *job, const float *weights, float *prepared, int64_t first, int64_t last) {
  const int64_t channels = job->channels, depth = depth_of(job), taps = depth / channels;
  for (int64_t panel = first; panel < last; panel++) {
    const int64_t output = panel * PANEL * LANES, left = job->outputs - output;
    const int64_t width = left < PANEL * LANES ? left : PANEL * LANES;
    const float *from = weights + output * depth;
    float *target = prepared + output * depth;
    // 1×1 weights are packed at each step of training.
    if (job->transposes) {
      for (int64_t c = 0; c < channels; c++)
        for (int64_t k = 0; k < width; k += LANES)
          store(target + c * width + k, load(weights + c * job->outputs + output + k));
      continue;
    }
    if (taps == 1) {
      for (int64_t c = 0; c < channels; c += LANES)
        for (int64_t k = 0; k < width; k += LANES)
          turn_square(from + k * channels + c, channels, target + c * width + k, width);
      continue;
    }
    for (int64_t c = 0; c < channels; c++)
      for (int64_t t = 0; t < taps; t++)
        for (int64_t k = 0; k < width; k++)
          target[(t * channels + c) * width + k] = from[(k * channels + c) * taps + t];
  }
}

static void order_gradient(
  const strata_pointwise *job, const float *squares, float *rows, int64_t first, int64_t last) {
  const int64_t channels = job->channels, depth = depth_of(job), taps = depth / channels;
  for (int64_t block = first; block < last; block++)
    for (int64_t c = 0; c < channels; c += LANES) {
      float *row = rows + block * LANES * depth + c * taps;
      if (taps == 1) {
        turn_square(squares + square_of(job, block, c / LANES), LANES, row, depth);
        continue;
      }
      // Taps lie beside each other only here; their squares come from far apart.
      float turned[LANES][9 * LANES];
      for (int64_t t = 0; t < taps; t++) {
        const float *square = squares + square_of(job, block, (t * channels + c) / LANES);
        for (int i = 0; i < LANES; i++)
          for (int k = 0; k < LANES; k++) turned[k][i * taps + t] = square[i * LANES + k];
      }
      for (int k = 0; k < LANES; k++) memcpy(row + k * depth, turned[k], sizeof turned[k]);
    }
}

const pointwise_kernels KERNELS = {
  MOST_ROWS, PANEL * LANES, pack, multiply, mark_zeros, multiply_sparse, prepare, add_gradient, order_gradient,
};
