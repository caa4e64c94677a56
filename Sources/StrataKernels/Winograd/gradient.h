// The weight gradients of 3×3 convolutions by Winograd's filtering, included once for each instruction set after body.h.
//
// It is the convolution's own formula read in another direction: windows of 6 × 6 source pixels are transformed as for
// the result, 4 × 4 pixels of the result's gradient as sums are, but the other way, and what their products add up to
// over all tiles is transformed as weights are, the other way. 36 products instead of 144 for each tile, channel and
// output.
//
// Tiles come in rounds of as many as keep a panel of gradients in the second-level cache. Layout of windows:
// [place][block of 16 channels][tile][channel]; of gradients: [place][panel of outputs][tile][output]; of sums:
// [panel][block of channels][place][channel][output]. A product keeps SUM_ROWS channels × PANEL vectors of outputs in
// registers while it runs over the tiles of a round: enough sums to hide how long an addition takes.

#if defined(STRATA_TARGET_AVX512)
enum { SUM_ROWS = 8 };
#else
enum { SUM_ROWS = 4 };
#endif

// MARK: Transforms along one axis

/// 4 gradients to 6: what `transform_result` does, transposed.
INLINE void transform_gradient(const floats *g, floats *r) {
  const float a = POINT_A, b = POINT_B;
  r[0] = g[0];
  floats even = g[0] + 0.5f * g[2], odd = a * g[1] + (0.5f * a) * g[3];
  r[1] = even + odd;
  r[2] = even - odd;
  even = g[0] + 2.0f * g[2];
  odd = b * g[1] + (2.0f * b) * g[3];
  r[3] = even + odd;
  r[4] = even - odd;
  r[5] = g[3];
}

/// 6 sums to the gradients of 3 weights: what `transform_weights` does, transposed.
INLINE void transform_sums(const floats *m, floats *r) {
  const floats sum = (m[1] + m[2]) * (-1.0f / 1.5f), difference = (m[1] - m[2]) * (-POINT_A / 1.5f);
  const floats sum2 = (m[3] + m[4]) * (1.0f / 6.0f), difference2 = (m[3] - m[4]) * (POINT_B / 6.0f);
  r[0] = m[0] + sum + sum2;
  r[1] = difference + difference2;
  r[2] = 0.5f * sum + 2.0f * sum2 + m[5];
}

// MARK: Gradients of the result

/// Transforms some tiles of the result's gradient; units are pairs of a tile of the round and 16 outputs.
static void transform_gradients(
  const strata_winograd *job, const winograd_blocks *blocks, const float *gradient, int64_t first, int64_t last,
  int64_t begin, float *result) {
  const int64_t depth = job->outputs / LANES;
  for (int64_t unit = first; unit < last; unit++) {
    const int64_t row = unit / depth, block = unit % depth, panel = block / PANEL * PANEL;
    const int64_t vectors = depth - panel < PANEL ? depth - panel : PANEL;
    const winograd_place at = winograd_tile(job, blocks, begin + row);
    const int rows = job->result_height - at.y, columns = job->result_width - at.x;
    const float *from = gradient + at.image * job->result.image + block * job->result.block +
      at.y * job->result.row + at.x * job->result.pixel;
    floats half[24], line[6], out[6];
    UNROLL for (int x = 0; x < 4; x++) {
      UNROLL for (int y = 0; y < 4; y++)
        line[y] = y < rows && x < columns ? load(from + y * job->result.row + x * job->result.pixel) : filled(0);
      transform_gradient(line, out);
      UNROLL for (int y = 0; y < 6; y++) half[y * 4 + x] = out[y];
    }
    float *to = result + panel * LANES * blocks->block + (row * vectors + block - panel) * LANES;
    UNROLL for (int y = 0; y < 6; y++) {
      transform_gradient(half + y * 4, out);
      UNROLL for (int x = 0; x < 6; x++) store(to + (y * 6 + x) * blocks->sum_place, out[x]);
    }
  }
}

// MARK: Products

/// Adds up products over tiles for SUM_ROWS channels and `vectors` × 16 outputs.
INLINE void add_tiles(
  const int vectors, int64_t tiles, const float *windows, const float *gradients, float *sums, int adds) {
  floats sum[SUM_ROWS][PANEL];
  UNROLL for (int i = 0; i < SUM_ROWS; i++)
    UNROLL for (int j = 0; j < vectors; j++)
      sum[i][j] = adds ? load(sums + (i * vectors + j) * LANES) : filled(0);
#pragma clang loop unroll_count(2)
  for (int64_t t = 0; t < tiles; t++) {
    floats value[PANEL];
    UNROLL for (int j = 0; j < vectors; j++) value[j] = load(gradients + (t * vectors + j) * LANES);
    UNROLL for (int i = 0; i < SUM_ROWS; i++) {
      const floats window = filled(windows[t * LANES + i]);
      UNROLL for (int j = 0; j < vectors; j++) sum[i][j] += window * value[j];
    }
  }
  UNROLL for (int i = 0; i < SUM_ROWS; i++)
    UNROLL for (int j = 0; j < vectors; j++) store(sums + (i * vectors + j) * LANES, sum[i][j]);
}

INLINE void multiply_tiles(
  const int vectors, const winograd_blocks *blocks, int64_t tiles, const float *windows, const float *gradients,
  float *sums, int adds) {
  for (int64_t place = 0; place < 36; place++) {
    for (int64_t c = 0; c < LANES; c += SUM_ROWS)
      add_tiles(
        vectors, tiles, windows + place * blocks->window_place + c, gradients + place * blocks->sum_place,
        sums + place * blocks->sum_row + c * vectors * LANES, adds);
  }
}

// MARK: Gradients of weights

/// Transforms the sums of 16 channels and 16 outputs to `[output][channel][tap]`, as weights are stored.
INLINE void finish_weights(
  const strata_winograd *job, int64_t sum_place, const float *sums, int64_t sum_row, float *result) {
  floats taps[9 * LANES];
  for (int64_t c = 0; c < LANES; c++) {
    floats half[18], line[6], out[3];
    UNROLL for (int x = 0; x < 6; x++) {
      UNROLL for (int y = 0; y < 6; y++) line[y] = load(sums + (y * 6 + x) * sum_place + c * sum_row);
      transform_sums(line, out);
      UNROLL for (int y = 0; y < 3; y++) half[y * 6 + x] = out[y];
    }
    UNROLL for (int y = 0; y < 3; y++) transform_sums(half + y * 6, taps + 9 * c + 3 * y);
  }
  for (int64_t part = 0; part < 9; part++) {
    floats square[LANES];
    UNROLL for (int i = 0; i < LANES; i++) square[i] = taps[part * LANES + i];
    transpose(square);
    UNROLL for (int i = 0; i < LANES; i++) store(result + i * 9 * job->channels + part * LANES, square[i]);
  }
}

/// Adds the products of a round's tiles for units from `first` to `last`, pairs of a panel of outputs and 16 channels,
/// and after the last round makes weights' gradients of them.
static void add_round(
  const strata_winograd *job, const winograd_blocks *blocks, int64_t tiles, int32_t is_first, int32_t is_last,
  const float *windows, const float *gradients, int64_t first, int64_t last, float *sums, int64_t next_sums,
  float *result) {
  const int64_t depth = job->channels / LANES, wide = job->outputs / LANES;
  for (int64_t unit = first; unit < last; unit++, sums += next_sums) {
    const int64_t panel = unit / depth * PANEL, block = unit % depth;
    const float *from = windows + block * blocks->block * LANES;
    const float *with = gradients + panel * LANES * blocks->block;
    const int vectors = wide - panel < PANEL ? 1 : PANEL;
    if (vectors == PANEL) {
      multiply_tiles(PANEL, blocks, tiles, from, with, sums, !is_first);
    } else {
      multiply_tiles(1, blocks, tiles, from, with, sums, !is_first);
    }
    if (!is_last) continue;
    for (int v = 0; v < vectors; v++)
      finish_weights(
        job, blocks->sum_row, sums + v * LANES, vectors * LANES,
        result + ((panel + v) * job->channels + block) * LANES * 9);
  }
}

/// Sums the result's gradient over images and pixels, for 16 outputs at a time.
static void add_pixels(
  const strata_winograd *job, const float *gradient, int64_t first, int64_t last, float *bias) {
  for (int64_t block = first; block < last; block++) {
    floats total = filled(0);
    for (int64_t image = 0; image < job->batch; image++) {
      for (int64_t y = 0; y < job->result_height; y++) {
        const float *from =
          gradient + image * job->result.image + block * job->result.block + y * job->result.row;
        // Rows by themselves and in four parts: quicker, and rounded less than one long sum.
        floats part[4] = {filled(0), filled(0), filled(0), filled(0)};
        int64_t x = 0;
        for (; x + 4 <= job->result_width; x += 4)
          UNROLL for (int i = 0; i < 4; i++) part[i] += load(from + (x + i) * job->result.pixel);
        for (; x < job->result_width; x++) part[0] += load(from + x * job->result.pixel);
        total += (part[0] + part[1]) + (part[2] + part[3]);
      }
    }
    store(bias + block * LANES, total);
  }
}

const winograd_gradient_kernels GRADIENT_KERNELS = {
  PANEL, transform_windows, transform_gradients, add_round, add_pixels};
