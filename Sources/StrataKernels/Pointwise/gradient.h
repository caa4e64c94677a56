// Gradients of weights that skip zeros, included once for each instruction set.
//
// A weight's gradient is a sum over pixels of a value that was multiplied by it and an upstream gradient. Behind a
// rectifier half of the values are zeros. So a pair of channels goes through the pixels: first through those where both
// have values, whose upstream gradients are then read once for the two, then through those where one has. 56 pixels'
// gradients of 128 outputs stay in the first-level cache while all channels pass them; 56 divides most images.
#include "pointwise.h"

// Blocks of 16 outputs whose sums stay in registers for a pair of channels.
enum { SUM_BLOCKS = SPARSE_PANELS * PANEL };

/// Finds the values that each tap multiplies, of some pixels of a result, null outside of the image, and marks those
/// inside.
INLINE void find_values(
  const strata_pointwise *job, const float *image, int64_t pixel, int64_t count,
  const float *taps[9][GRADIENT_PIXELS], uint64_t inside[9]) {
  int64_t line = pixel / job->result_width, column = pixel % job->result_width;
  for (int64_t i = 0; i < count; i++) {
    const int64_t y = line * job->stride_height - job->pad_top, x = column * job->stride_width - job->pad_left;
    for (int v = 0; v < job->kernel; v++)
      for (int u = 0; u < job->kernel; u++) {
        const int tap = v * job->kernel + u;
        const int is_inside = y + v >= 0 && y + v < job->height && x + u >= 0 && x + u < job->width;
        taps[tap][i] = is_inside ? image + (y + v) * job->source.row + (x + u) * job->source.pixel : 0;
        inside[tap] |= (uint64_t)is_inside << i;
      }
    if (++column == job->result_width) (column = 0, line++);
  }
}

/// Brings 16 channels' values of some pixels side by side.
INLINE void gather(const float *const *pixels, int64_t channel, int64_t count, float *values) {
  for (int64_t i = 0; i < count; i++)
    store(values + i * LANES, pixels[i] ? load(pixels[i] + channel) : (floats){0});
}

/// Marks the pixels where each of 16 channels is not zero.
INLINE void mark_pixels(const float *values, int64_t count, uint64_t *kept) {
#if defined(STRATA_TARGET_AVX512)
  uint16_t pixels[64] = {0};
  for (int64_t i = 0; i < count; i++) pixels[i] = (uint16_t)kept_of(load(values + i * LANES));
  const __m512i first = _mm512_loadu_si512(pixels), second = _mm512_loadu_si512(pixels + 32);
  for (int c = 0; c < LANES; c++) {
    const __m512i bit = _mm512_set1_epi16((short)(1 << c));
    kept[c] = _mm512_test_epi16_mask(first, bit) | (uint64_t)_mm512_test_epi16_mask(second, bit) << 32;
  }
#else
  for (int c = 0; c < LANES; c++) kept[c] = 0;
  for (int64_t i = 0; i < count; i++) {
    const uint64_t pixel = kept_of(load(values + i * LANES));
    for (int c = 0; c < LANES; c++) kept[c] |= (pixel >> c & 1) << i;
  }
#endif
}

/// Whether no upstream gradient of some pixels is infinite or not a number.
INLINE int are_finite(const float *upstream, int64_t block, int64_t blocks, int64_t count) {
  integers found = {0};
  for (int64_t k = 0; k < blocks; k++)
    for (int64_t i = 0; i < count; i++) {
      const integers bits = (integers)load(upstream + k * block + i * LANES);
      found |= (bits & 0x7f800000) == 0x7f800000;
    }
  int sum = 0;
  for (int i = 0; i < LANES; i++) sum |= found[i];
  return !sum;
}

/// Adds up a channel's products of marked pixels; `block` lies between 16 outputs' gradients and the next 16.
INLINE void add_pixels(
  const int blocks, const float *values, uint64_t kept, const float *upstream, int64_t block, floats *sum) {
  for (; kept; kept &= kept - 1) {
    const int64_t pixel = __builtin_ctzll(kept) * LANES;
    const floats value = filled(values[pixel]);
    UNROLL for (int k = 0; k < blocks; k++) sum[k] += value * load(upstream + pixel + k * block);
  }
}

/// Adds a pair of channels' products of some pixels to the sums of `blocks` × 16 outputs.
INLINE void add_channels(
  const int blocks, const float *values, uint64_t one, uint64_t two, const float *upstream, int64_t block,
  float *sums, int64_t distance) {
  floats sum[SUM_BLOCKS], other[SUM_BLOCKS];
  UNROLL for (int k = 0; k < blocks; k++) sum[k] = other[k] = (floats){0};
  for (uint64_t both = one & two; both; both &= both - 1) {
    const int64_t pixel = __builtin_ctzll(both) * LANES;
    const floats value = filled(values[pixel]), second = filled(values[pixel + 1]);
    UNROLL for (int k = 0; k < blocks; k++) {
      const floats gradient = load(upstream + pixel + k * block);
      sum[k] += value * gradient;
      other[k] += second * gradient;
    }
  }
  add_pixels(blocks, values, one & ~two, upstream, block, sum);
  add_pixels(blocks, values + 1, two & ~one, upstream, block, other);
  UNROLL for (int k = 0; k < blocks; k++) {
    float *at = sums + k * distance;
    store(at, load(at) + sum[k]);
    store(at + LANES, load(at + LANES) + other[k]);
  }
}

/// Adds the products of 16 channels.
INLINE void add_block(
  const int blocks, const float *values, const uint64_t *kept, uint64_t all, const float *upstream, int64_t block,
  float *sums, int64_t distance) {
  for (int c = 0; c < LANES; c += 2)
    add_channels(
      blocks, values + c, kept[c] | all, kept[c + 1] | all, upstream, block, sums + c * LANES, distance);
}

#define ADD_BLOCK(count)                                                                              \
  case count:                                                                                         \
    if (count <= SUM_BLOCKS)                                                                          \
      add_block(                                                                                      \
        count <= SUM_BLOCKS ? count : 1, values, kept, all, gradients, block, to, depth_of(job) * LANES); \
    break;

/// Adds the products of some pixels of an image to the sums of a tile.
static void add_part(
  const strata_pointwise *job, const float *image, const float *upstream, int64_t pixel, int64_t count,
  const gradient_tile *tile, float *sums) {
  const float *taps[9][GRADIENT_PIXELS];
  uint64_t inside[9] = {0};
  const int64_t channel_blocks = job->channels / LANES, block = job->result.block;
  const int is_even = job->kernel == 1 && job->stride_height == 1 && job->stride_width == 1;
  if (is_even) {
    inside[0] = ~(uint64_t)0 >> (64 - count);
  } else {
    find_values(job, image, pixel, count, taps, inside);
  }
  for (int64_t d = 0; d < tile->depth.count; d++) {
    const int64_t of = tile->depth.first + d, channel = of % channel_blocks * job->source.block;
    tile->values[d] = image + channel + pixel * LANES;
    if (!is_even) {
      float *values = tile->gathered + d * GRADIENT_PIXELS * LANES;
      gather(taps[of / channel_blocks], channel, count, values);
      tile->values[d] = values;
    }
    mark_pixels(tile->values[d], count, tile->kept + d * LANES);
  }
  for (int64_t index = 0; index < part_up(tile->outputs.count, SUM_BLOCKS); index++) {
    const group g = group_at(tile->outputs.count, SUM_BLOCKS, index);
    const float *gradients = upstream + (tile->outputs.first + g.first) * block + pixel * LANES;
    // Zeros times what is not finite are not zeros.
    const int skips = are_finite(gradients, block, g.count, count);
    for (int64_t d = 0; d < tile->depth.count; d++) {
      const float *values = tile->values[d];
      const uint64_t *kept = tile->kept + d * LANES;
      const uint64_t all = skips ? 0 : inside[(tile->depth.first + d) / channel_blocks];
      float *to = sums + square_of(job, tile->outputs.first + g.first, tile->depth.first + d);
      switch (g.count) {
        ADD_BLOCK(1) ADD_BLOCK(2) ADD_BLOCK(3) ADD_BLOCK(4)
        ADD_BLOCK(5) ADD_BLOCK(6) ADD_BLOCK(7) ADD_BLOCK(8)
      }
    }
  }
}

static void add_gradient(
  const strata_pointwise *job, const float *source, const float *upstream, const gradient_tile *tile, float *squares) {
  for (int64_t k = 0; k < tile->outputs.count; k++)
    memset(
      squares + square_of(job, tile->outputs.first + k, tile->depth.first), 0,
      tile->depth.count * LANES * LANES * sizeof(float));
  const int64_t pixels = (int64_t)job->result_height * job->result_width;
  for (int64_t image = 0; image < job->batch; image++)
    for (int64_t index = 0; index < part_up(pixels, GRADIENT_PIXELS); index++) {
      const group g = group_at(pixels, GRADIENT_PIXELS, index);
      add_part(
        job, source + image * job->source.image, upstream + image * job->result.image, g.first, g.count, tile, squares);
    }
}
