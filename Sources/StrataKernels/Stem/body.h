// The kernels of convolutions of few channels, included once for each instruction set.
//
// The source rows under a row of windows are copied with their borders, which costs little. Then `MOST_ROWS` pixels
// of a row of results times a panel of outputs are summed up in registers over all taps.
#include "../product.h"
#include "stem.h"

/// Sums of pixels side by side.
INLINE void add_taps(
  const int vectors, const int step, const strata_stem *job, const float *rows, const float *weights,
  floats sum[MOST_ROWS][PANEL]) {
  const int64_t length = stem_row(job), lines = (int64_t)job->channels * job->kernel_height;
  UNROLL for (int i = 0; i < MOST_ROWS; i++)
    UNROLL for (int j = 0; j < vectors; j++) sum[i][j] = (floats){0};
  for (int64_t line = 0; line < lines; line++) {
    const float *from = rows + line * length;
    for (int u = 0; u < job->kernel_width; u++) {
      floats weight[PANEL];
      UNROLL for (int j = 0; j < vectors; j++) weight[j] = load(weights + j * LANES);
      UNROLL for (int i = 0; i < MOST_ROWS; i++) {
        const floats value = filled(from[i * step + u]);
        UNROLL for (int j = 0; j < vectors; j++) sum[i][j] += value * weight[j];
      }
      weights += vectors * LANES;
    }
  }
}

INLINE void compute_pixels(
  const int vectors, const strata_stem *job, const float *rows, const float *weights, const float *bias,
  float *result) {
  floats sum[MOST_ROWS][PANEL];
  switch (job->stride_width) {
    case 1: add_taps(vectors, 1, job, rows, weights, sum); break;
    case 2: add_taps(vectors, 2, job, rows, weights, sum); break;
    default: add_taps(vectors, 4, job, rows, weights, sum); break;
  }
  const floats low = filled(job->low), high = filled(job->high);
  UNROLL for (int j = 0; j < vectors; j++) {
    const floats shift = bias ? load(bias + j * LANES) : (floats){0};
    UNROLL for (int i = 0; i < MOST_ROWS; i++)
      store(result + i * job->result.pixel + j * job->result.block, bounded(sum[i][j] + shift, low, high));
  }
}

/// Copies the source rows under a row of results, with zeros beyond the border.
INLINE void copy_rows(const strata_stem *job, const float *image, int64_t y, float *rows) {
  const int64_t length = stem_row(job), left = job->pad_left;
  const int64_t inside = length - left < job->width ? length - left : job->width;
  for (int64_t c = 0; c < job->channels; c++)
    for (int64_t v = 0; v < job->kernel_height; v++) {
      const int64_t line = y * job->stride_height - job->pad_top + v;
      if (line < 0 || line >= job->height || inside <= 0) {
        memset(rows, 0, length * sizeof(float));
      } else {
        memset(rows, 0, left * sizeof(float));
        memcpy(rows + left, image + (c * job->height + line) * job->width, inside * sizeof(float));
        memset(rows + left + inside, 0, (length - left - inside) * sizeof(float));
      }
      rows += length;
    }
}

static void compute(
  const strata_stem *job, const float *source, const float *weights, const float *bias, float *result,
  float *rows, int64_t first, int64_t last) {
  const int64_t taps = (int64_t)job->channels * job->kernel_height * job->kernel_width;
  for (int64_t row = first; row < last; row++) {
    const int64_t image = row / job->result_height, y = row % job->result_height;
    copy_rows(job, source + image * job->channels * job->height * job->width, y, rows);
    float *target = result + image * job->result.image + y * job->result.row;
    for (int64_t output = 0; output < job->outputs; output += PANEL * LANES) {
      for (int64_t x = 0; x < job->result_width; x += MOST_ROWS) {
        // The last pixels are computed together with some that are known already.
        const int64_t begin = x + MOST_ROWS <= job->result_width ? x : job->result_width - MOST_ROWS;
        const float *window = rows + begin * job->stride_width, *panel = weights + output * taps;
        float *place = target + begin * job->result.pixel + output / LANES * job->result.block;
        const float *shift = bias ? bias + output : 0;
        if (job->outputs - output >= PANEL * LANES) {
          compute_pixels(PANEL, job, window, panel, shift, place);
        } else {
          compute_pixels(1, job, window, panel, shift, place);
        }
      }
    }
  }
}

const stem_kernels KERNELS = {PANEL * LANES, compute};
