// The weight gradients of 3×3 convolutions by Winograd's filtering: how tiles are cut into rounds, and who computes what.
#include "../parts.h"
#include "StrataParallel.h"
#include "winograd.h"

static const winograd_gradient_kernels *kernels(const strata_winograd *job) {
#if defined(__x86_64__)
  if (job->isa >= STRATA_ISA_AVX512) return &strata_winograd_gradient_avx512;
  if (job->isa >= STRATA_ISA_AVX2) return &strata_winograd_gradient_avx2;
#endif
  return &strata_winograd_gradient_base;
}

// Tiles in a round, at most: a panel of their gradients takes 600 KB, and what all threads exchange stays in the third
// level.
enum { PLACES = 36, MOST_TILES = 128 };
// Bytes of sums that a thread keeps in its second-level cache, with the windows and gradients of some tiles.
enum { OWN_SUM_BYTES = 640 << 10, OWN_BYTES = 600 << 10 };

static winograd_blocks blocks_of(const strata_winograd *job) {
  winograd_blocks b = {0};
  b.rows = part_up(job->result_height, job->tile);
  b.columns = part_up(job->result_width, job->tile);
  b.tiles = b.rows * b.columns * job->batch;
  b.is_shared = job->threads == 1 || PLACES * 4ll * job->channels * job->outputs > OWN_SUM_BYTES;
  int64_t most = OWN_BYTES / (PLACES * 4ll * (job->channels + job->outputs));
  if (b.is_shared || most > MOST_TILES) most = MOST_TILES;
  b.blocks = part_up(b.tiles, most);
  if (!b.is_shared) b.blocks = part_up(b.blocks, job->threads) * job->threads;
  b.block = part_up(b.tiles, b.blocks);
  b.blocks = part_up(b.tiles, b.block);
  b.groups = 1;
  // Distances that are no power of two, or all places would fall into the same sets of the cache.
  b.window_place = b.block * job->channels + 16;
  b.sum_place = b.block * job->outputs + 16;
  b.sum_row = 16 * kernels(job)->panel * 16 + 16;
  return b;
}

/// Pairs of a panel of outputs and 16 channels.
static int64_t unit_count(const strata_winograd *job) {
  return part_up(job->outputs / 16, kernels(job)->panel) * (job->channels / 16);
}

/// Sums stay from round to round; with a single round every thread needs those of one unit.
static int64_t sum_count(const strata_winograd *job, const winograd_blocks *b) {
  if (b->is_shared && b->blocks == 1) return PLACES * b->sum_row * job->threads;
  return PLACES * b->sum_row * unit_count(job);
}

/// Floats that all threads share, or that each needs.
static int64_t part_count(const strata_winograd *job, const winograd_blocks *b) {
  return PLACES * (b->window_place + b->sum_place) + sum_count(job, b);
}

int64_t strata_winograd_gradient_scratch_bytes(const strata_winograd *job) {
  const winograd_blocks b = blocks_of(job);
  return 4 * part_count(job, &b) * (b.is_shared ? 1 : job->threads);
}

typedef struct {
  const strata_winograd *job;
  const winograd_gradient_kernels *kernels;
  winograd_blocks blocks;
  const float *source, *gradient;
  float *weights, *bias, *scratch;
} run;

/// All threads transform a part of each round's tiles; then each adds up products for its units.
static void compute_shared(const run *r, int32_t thread, int32_t count) {
  const strata_winograd *job = r->job;
  const winograd_blocks *b = &r->blocks;
  float *windows = r->scratch, *gradients = windows + PLACES * b->window_place;
  float *sums = gradients + PLACES * b->sum_place;
  const int64_t units = unit_count(job), first = units * thread / count, last = units * (thread + 1) / count;
  const int64_t unit_sums = PLACES * b->sum_row;
  const int is_single = b->blocks == 1;
  for (int64_t round = 0; round < b->blocks; round++) {
    const int64_t begin = round * b->block;
    const int64_t tiles = b->tiles - begin < b->block ? b->tiles - begin : b->block;
    const int64_t sources = tiles * (job->channels / 16), results = tiles * (job->outputs / 16);
    // Nobody may write over what another still multiplies.
    if (round > 0) strata_barrier(count);
    r->kernels->transform(
      job, b, r->source, sources * thread / count, sources * (thread + 1) / count, begin, windows);
    r->kernels->transform_gradients(
      job, b, r->gradient, results * thread / count, results * (thread + 1) / count, begin, gradients);
    strata_barrier(count);
    r->kernels->add_round(
      job, b, tiles, round == 0, round == b->blocks - 1, windows, gradients, first, last,
      sums + (is_single ? thread : first) * unit_sums, is_single ? 0 : unit_sums, r->weights);
  }
}

/// Every thread adds up products of tiles of its own, which never leave its cache; then all add up all sums.
static void compute_own(const run *r, int32_t thread, int32_t count) {
  const strata_winograd *job = r->job;
  const winograd_blocks *b = &r->blocks;
  const int64_t part = part_count(job, b), units = unit_count(job), unit_sums = PLACES * b->sum_row;
  float *windows = r->scratch + thread * part, *gradients = windows + PLACES * b->window_place;
  float *sums = gradients + PLACES * b->sum_place;
  for (int64_t round = thread; round < b->blocks; round += count) {
    const int64_t begin = round * b->block;
    const int64_t tiles = b->tiles - begin < b->block ? b->tiles - begin : b->block;
    r->kernels->transform(job, b, r->source, 0, tiles * (job->channels / 16), begin, windows);
    r->kernels->transform_gradients(job, b, r->gradient, 0, tiles * (job->outputs / 16), begin, gradients);
    r->kernels->add_round(job, b, tiles, round == thread, 0, windows, gradients, 0, units, sums, unit_sums, 0);
  }
  strata_barrier(count);
  const int64_t first = units * thread / count, last = units * (thread + 1) / count;
  float *total = r->scratch + PLACES * (b->window_place + b->sum_place);
  // With fewer rounds than threads the last ones have no sums.
  for (int64_t other = 1; other < count && other < b->blocks; other++) {
    for (int64_t i = first * unit_sums; i < last * unit_sums; i++) total[i] += total[other * part + i];
  }
  r->kernels->add_round(
    job, b, 0, 0, 1, windows, gradients, first, last, total + first * unit_sums, unit_sums, r->weights);
}

static void compute(void *context, int32_t thread, int32_t count) {
  const run *r = context;
  if (r->bias) {
    const int64_t blocks = r->job->outputs / 16;
    r->kernels->add_pixels(r->job, r->gradient, blocks * thread / count, blocks * (thread + 1) / count, r->bias);
  }
  if (r->blocks.is_shared) {
    compute_shared(r, thread, count);
  } else {
    compute_own(r, thread, count);
  }
}

void strata_winograd_gradient(
  const strata_winograd *job, const float *source, const float *gradient, float *weights, float *bias, float *scratch) {
  run r = {job, kernels(job), blocks_of(job), source, gradient, weights, bias, scratch};
  strata_parallel(job->threads, compute, &r);
}
