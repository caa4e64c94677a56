// Winograd convolutions: how tiles are cut into blocks, and who computes what.
#include "winograd.h"

#include "../parts.h"
#include "../shares.h"

#include "StrataParallel.h"

static const winograd_kernels *kernels(const strata_winograd *job) {
#if defined(__x86_64__)
  if (job->isa >= STRATA_ISA_AVX512) return &strata_winograd_avx512;
  if (job->isa >= STRATA_ISA_AVX2) return &strata_winograd_avx2;
#endif
  return &strata_winograd_base;
}

static int64_t places(const strata_winograd *job) {
  const int64_t size = job->tile + job->kernel - 1;
  return size * size;
}

// Bytes of windows and sums that a thread keeps in its second-level cache beside the weights that stream by.
enum { CACHED_BYTES = 700 << 10 };
// Tiles for which weights that stream by are read once, at least: from the third level, or from memory where they
// are larger than that can hold.
enum { LEAST_TILES = 28, LEAST_TILES_FROM_MEMORY = 98, LARGE_WEIGHTS = 12 << 20 };
// Windows and sums that threads exchange through the third level, at most.
enum { SHARED_BYTES = 24 << 20 };

static winograd_blocks blocks_of(const strata_winograd *job) {
  winograd_blocks b;
  b.rows = part_up(job->result_height, job->tile);
  b.columns = part_up(job->result_width, job->tile);
  b.tiles = b.rows * b.columns * job->batch;
  const int64_t channels = job->channels, outputs = job->outputs, threads = job->threads;
  const int64_t tile_bytes = places(job) * (channels + outputs) * 4;
  // Sharing a block, threads exchange windows and sums; else each reads all weights.
  b.is_shared = threads > 1 && b.tiles * (channels + outputs) < threads * channels * outputs &&
    b.tiles * tile_bytes < SHARED_BYTES;
  if (b.is_shared || job->is_late) {
    b.blocks = 1;
  } else {
    const int is_large = places(job) * channels * outputs * 4 > LARGE_WEIGHTS;
    const int64_t least = is_large ? LEAST_TILES_FROM_MEMORY : LEAST_TILES;
    int64_t most = CACHED_BYTES / tile_bytes;
    if (most < least) most = least;
    b.blocks = part_up(part_up(b.tiles, most), threads) * threads;
    if (b.blocks > b.tiles) b.blocks = b.tiles;
  }
  b.block = part_up(b.tiles, b.blocks);
  b.blocks = part_up(b.tiles, b.block);
  b.groups = part_up(b.block, kernels(job)->most_rows);
  // Distances that are no power of two, or all places would fall into the same sets of the cache.
  b.window_place = b.block * channels + 16;
  b.sum_row = outputs;
  b.sum_place = b.block * outputs + 16;
  return b;
}

/// Floats of the windows and sums of one block.
static int64_t block_count(const strata_winograd *job, const winograd_blocks *b) {
  return places(job) * (b->window_place + b->sum_place);
}

int64_t strata_winograd_weight_count(const strata_winograd *job) {
  return (job->is_late ? job->kernel * job->kernel : places(job)) * (int64_t)job->channels * job->outputs;
}

/// Floats of the transformed weights and of the sums of one panel.
static int64_t panel_count(const strata_winograd *job, const winograd_blocks *b) {
  const int64_t outputs = kernels(job)->panel * 16;
  return places(job) * (LATE_DEPTH * outputs + b->block * outputs + 32);
}

int64_t strata_winograd_scratch_bytes(const strata_winograd *job) {
  winograd_blocks b = blocks_of(job);
  if (job->is_late) return 4 * (places(job) * b.window_place + job->threads * panel_count(job, &b));
  return 4 * block_count(job, &b) * (b.is_shared ? 1 : job->threads);
}

typedef struct {
  const strata_winograd *job;
  const winograd_kernels *kernels;
  winograd_blocks blocks;
  const float *source, *weights, *bias, *residual;
  float *result, *scratch;
  /// Blocks; or units of windows, then places, then units of results; or units of windows, then panels.
  shares first, second, third;
} run;

/// Every thread computes blocks of its own.
static void compute_own(run *r, int32_t thread) {
  const strata_winograd *job = r->job;
  float *windows = r->scratch + thread * block_count(job, &r->blocks);
  float *sums = windows + places(job) * r->blocks.window_place;
  int64_t block, end;
  while (take_share(&r->first, thread, 1, &block, &end)) {
    winograd_blocks b = r->blocks;
    int64_t begin = block * b.block;
    if (b.tiles - begin < b.block) {
      b.block = b.tiles - begin;
      b.groups = part_up(b.block, r->kernels->most_rows);
    }
    r->kernels->transform(job, &b, r->source, 0, b.block * (job->channels / 16), begin, windows);
    r->kernels->multiply(job, &b, windows, r->weights, sums, b.block, 0, places(job));
    r->kernels->finish(
      job, &b, sums, 0, b.block * (job->outputs / 16), begin, r->bias, r->residual, r->result);
  }
}

/// Each thread transforms some windows of the one block, until all are.
static void transform_all(run *r, int32_t thread, int32_t count) {
  int64_t first, last;
  while (take_share(&r->first, thread, share_size(&r->first), &first, &last))
    r->kernels->transform(r->job, &r->blocks, r->source, first, last, 0, r->scratch);
  strata_barrier(count);
}

/// All threads compute the same tiles: some of the windows, then of the products, then of the results.
static void compute_shared(run *r, int32_t thread, int32_t count) {
  const winograd_blocks *b = &r->blocks;
  float *sums = r->scratch + places(r->job) * b->window_place;
  transform_all(r, thread, count);
  int64_t first, last;
  while (take_share(&r->second, thread, 1, &first, &last))
    r->kernels->multiply(r->job, b, r->scratch, r->weights, sums, b->tiles, first, last);
  strata_barrier(count);
  while (take_share(&r->third, thread, share_size(&r->third), &first, &last))
    r->kernels->finish(r->job, b, sums, first, last, 0, r->bias, r->residual, r->result);
}

/// All threads transform some of the windows, then each computes the results of some outputs.
static void compute_late(run *r, int32_t thread, int32_t count) {
  const strata_winograd *job = r->job;
  const winograd_blocks *b = &r->blocks;
  float *own = r->scratch + places(job) * b->window_place + thread * panel_count(job, b);
  transform_all(r, thread, count);
  int64_t first, last;
  while (take_share(&r->second, thread, 1, &first, &last))
    r->kernels->compute_panels(
      job, b, r->scratch, r->weights, first, last, r->bias, r->residual, r->result, own);
}

static void compute(void *context, int32_t thread, int32_t count) {
  run *r = context;
  if (r->job->is_late) {
    compute_late(r, thread, count);
  } else if (r->blocks.is_shared) {
    compute_shared(r, thread, count);
  } else {
    compute_own(r, thread);
  }
}

void strata_winograd_run(
  const strata_winograd *job, const float *source, const float *prepared, const float *bias,
  const float *residual, float *result, float *scratch) {
  run r = {
    .job = job, .kernels = kernels(job), .blocks = blocks_of(job), .source = source, .weights = prepared,
    .bias = bias, .residual = residual, .result = result, .scratch = scratch,
  };
  const int64_t windows = r.blocks.tiles * (job->channels / 16);
  if (job->is_late) {
    share_out(&r.first, windows, job->threads);
    share_out(&r.second, part_up(job->outputs / 16, r.kernels->panel), job->threads);
  } else if (r.blocks.is_shared) {
    share_out(&r.first, windows, job->threads);
    share_out(&r.second, places(job), job->threads);
    share_out(&r.third, r.blocks.tiles * (job->outputs / 16), job->threads);
  } else {
    share_out(&r.first, r.blocks.blocks, job->threads);
  }
  strata_parallel(job->threads, compute, &r);
}

typedef struct {
  const strata_winograd *job;
  const float *weights;
  float *prepared;
} preparation;

static void prepare_part(void *context, int32_t thread, int32_t count) {
  const preparation *p = context;
  const int64_t vectors = p->job->outputs / 16;
  for (int64_t v = vectors * thread / count; v < vectors * (thread + 1) / count; v++)
    kernels(p->job)->prepare(p->job, 16 * v, p->weights, p->prepared);
}

void strata_winograd_prepare(const strata_winograd *job, const float *weights, float *prepared) {
  preparation p = {job, weights, prepared};
  strata_parallel(job->threads, prepare_part, &p);
}
