// The weight gradients of pointwise convolutions: how weights are cut into tiles, and who computes which.
#include "pointwise.h"

#include "../shares.h"


// Squares of 16 × 16 weights whose sums stay in a second-level cache of 1 MB, with the values of some pixels.
enum { MOST_SQUARES = 512 };

typedef struct {
  /// Parts that blocks of windows' values and of outputs are cut into.
  int64_t depth, outputs;
} tiling;

/// Cuts the longer side of all tiles.
static void cut_longer(tiling *t, int64_t depth, int64_t outputs, int64_t parts) {
  if (depth * t->outputs >= outputs * t->depth) {
    t->depth *= parts;
  } else {
    t->outputs *= parts;
  }
}

/// Tiles as square as can be, so that few threads read the same, and as many for each thread.
static tiling tiling_of(const strata_pointwise *job) {
  const int64_t depth = depth_of(job) / 16, outputs = job->outputs / 16;
  tiling t = {1, 1};
  cut_longer(&t, depth, outputs, job->threads);
  for (;;) {
    const int64_t d = part_up(depth, t.depth), o = part_up(outputs, t.outputs);
    const int few = t.depth * t.outputs < 2 * job->threads && (d > 8 || o > 8);
    if (d * o <= MOST_SQUARES && !few) break;
    cut_longer(&t, depth, outputs, 2);
  }
  if (t.depth > depth) t.depth = depth;
  if (t.outputs > outputs) t.outputs = outputs;
  return t;
}

/// Blocks of windows' values that a tile has, at most.
static int64_t most_depth(const strata_pointwise *job) {
  const int64_t depth = depth_of(job) / 16;
  return part_up(depth, tiling_of(job).depth);
}

/// Floats that a thread keeps for each block of 16 values: the values of some pixels, masks of 64 bits and where they
/// begin.
enum { BLOCK_FLOATS = GRADIENT_PIXELS * 16 + 2 * 16 + 2 };

/// Floats of all squares, in which tiles are added up.
static int64_t square_floats(const strata_pointwise *job) { return depth_of(job) * job->outputs; }

int64_t strata_pointwise_gradient_scratch_bytes(const strata_pointwise *job) {
  return 4 * (square_floats(job) + BLOCK_FLOATS * most_depth(job) * job->threads);
}

/// The gradients of weights, in squares and as they are wanted.
typedef struct {
  const strata_pointwise *job;
  const float *source, *upstream;
  const float *squares;
  float *scratch, *rows;
  tiling tiles;
  shares units;
} gradient_run;

static void order_part(void *context, int32_t thread, int32_t count) {
  const gradient_run *r = context;
  const group blocks = part_of(r->job->outputs / 16, thread, count);
  kernels(r->job)->order_gradient(r->job, r->squares, r->rows, blocks.first, blocks.first + blocks.count);
}

static void compute(void *context, int32_t thread, int32_t count) {
  gradient_run *r = context;
  const strata_pointwise *job = r->job;
  const int64_t most = most_depth(job);
  gradient_tile tile;
  tile.gathered = r->scratch + square_floats(job) + thread * BLOCK_FLOATS * most;
  tile.kept = (uint64_t *)(tile.gathered + GRADIENT_PIXELS * 16 * most);
  tile.values = (const float **)(tile.kept + 16 * most);
  int64_t unit, end;
  while (take_share(&r->units, thread, 1, &unit, &end)) {
    tile.depth = part_of(depth_of(job) / 16, unit % r->tiles.depth, r->tiles.depth);
    tile.outputs = part_of(job->outputs / 16, unit / r->tiles.depth, r->tiles.outputs);
    kernels(job)->add_gradient(job, r->source, r->upstream, &tile, r->scratch);
  }
  strata_barrier(count);
  order_part(context, thread, count);
}

void strata_pointwise_gradient(
  const strata_pointwise *job, const float *source, const float *upstream, float *scratch, float *gradient) {
  gradient_run r = {job, source, upstream, scratch, scratch, gradient, tiling_of(job)};
  share_out(&r.units, r.tiles.depth * r.tiles.outputs, job->threads);
  strata_parallel(job->threads, compute, &r);
}

void strata_pointwise_order_gradient(const strata_pointwise *job, const float *squares, float *rows) {
  gradient_run r = {.job = job, .squares = squares, .rows = rows};
  strata_parallel(job->threads, order_part, &r);
}
