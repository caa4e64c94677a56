// Pointwise convolutions: how pixels are cut into blocks, and who computes what.
#include "pointwise.h"

#include "../shares.h"

#include <string.h>

// Bytes of packed pixels that a thread keeps in its second-level cache beside a panel of weights.
enum { CACHED_BYTES = 256 << 10 };
// Packed pixels that threads exchange, at most.
enum { SHARED_BYTES = 4 << 20 };
// Panels of outputs that are multiplied at once where threads share a block, and groups of rows that are, at least;
// blocks of each thread where they do not.
enum { UNIT_PANELS = 4, UNIT_GROUPS = 4, LEAST_BLOCKS = 4 };

typedef struct {
  /// All rows, and those of a block at most.
  int64_t rows, block;
  /// Rows of stretches that no block crosses, each a block of some images or the blocks of one image.
  int64_t stretch, stretch_blocks;
  int64_t blocks;
  /// Whether all threads share each block.
  int32_t is_shared;
} cut;

static cut cut_of(const strata_pointwise *job) {
  cut c;
  const int64_t depth = depth_of(job), threads = job->threads, most = kernels(job)->most_rows;
  c.rows = (int64_t)job->batch * job->result_height * job->result_width;
  // Sharing a block, threads exchange packed pixels, which is slow; else each reads all weights.
  c.is_shared = threads > 1 && 4 * c.rows < (threads - 1) * job->outputs && c.rows * depth * 4 < SHARED_BYTES;
  if (c.is_shared) {
    c.block = c.rows;
  } else {
    int64_t rows = CACHED_BYTES / (depth * 4) / most * most;
    const int64_t fair = part_up(c.rows, LEAST_BLOCKS * threads);
    if (rows > fair) rows = fair;
    if (rows < UNIT_GROUPS * most) rows = UNIT_GROUPS * most;
    c.block = part_up(c.rows, part_up(part_up(c.rows, rows), threads) * threads);
  }
  const int64_t even = even_rows(job);
  if (c.block > even) c.block = c.block / even * even;
  c.stretch = c.block < even ? even : c.block;
  c.stretch_blocks = part_up(c.stretch, c.block);
  c.blocks = part_up(c.rows, c.stretch) * c.stretch_blocks;
  return c;
}

/// The rows of a block.
static group block_rows(const cut *c, int64_t index) {
  const int64_t stretch = index / c->stretch_blocks * c->stretch;
  const int64_t begin = stretch + index % c->stretch_blocks * c->block;
  const int64_t end = stretch + c->stretch < c->rows ? stretch + c->stretch : c->rows, left = end - begin;
  return (group){begin, left < c->block ? left : c->block};
}

/// Parts that groups of rows are cut into where threads share them.
static int64_t unit_parts(int64_t groups) { return groups < 2 * UNIT_GROUPS ? 1 : groups / UNIT_GROUPS; }

/// Where a block's packed pixels lie, and as marked rows.
typedef struct {
  float *packed;
  sparse_rows marked;
} block_memory;

/// Runs of 64 values of marked rows, and floats of packed pixels.
static int64_t run_count(const strata_pointwise *job, const cut *c) {
  return job->skips_zeros ? part_up(depth_of(job), SPARSE_CHANNELS) * c->block : 0;
}
static int64_t packed_count(const strata_pointwise *job, const cut *c) { return (c->block + 1) * depth_of(job) + 16; }

/// Numbers of 4 bytes that all of it takes; a mask is as long as two.
static int64_t block_count(const strata_pointwise *job, const cut *c) {
  return packed_count(job, c) + run_count(job, c) * (SPARSE_CHANNELS + 2);
}

static block_memory block_at(const strata_pointwise *job, const cut *c, float *begin) {
  float *values = begin + packed_count(job, c);
  return (block_memory){begin, {values, (uint64_t *)(values + run_count(job, c) * SPARSE_CHANNELS)}};
}

int64_t strata_pointwise_scratch_bytes(const strata_pointwise *job) {
  const cut c = cut_of(job);
  return 4 * (block_count(job, &c) * (c.is_shared ? 1 : job->threads) + (int64_t)job->channels * job->threads);
}

typedef struct {
  const strata_pointwise *job;
  const strata_pointwise_buffers *at;
  cut c;
  /// Blocks, or the groups and then the panels of the one block that threads share.
  shares first, second;
  /// What threads counted of the zeros of a block that they share.
  _Atomic int64_t seen, kept;
  _Atomic int32_t is_dense;
} run;

/// Whether so many of a block's values are zeros that skipping them is faster, since the others then take longer.
static int is_sparse(zero_count zeros) { return !zeros.is_dense && zeros.kept < 0.7 * (double)zeros.seen; }

/// Multiplies some groups of rows by panels, without zeros where these are marked.
static void multiply(
  const run *r, int64_t begin, int64_t rows, int64_t first_group, int64_t last_group, int64_t first, int64_t last,
  int is_sparse, const block_memory *b) {
  const pointwise_kernels *k = kernels(r->job);
  if (is_sparse) {
    const int64_t whole = r->job->outputs / k->panel, end = last < whole ? last : whole;
    k->multiply_sparse(r->job, r->at, begin, rows, first_group, last_group, first, end, &b->marked);
    first = end;
  }
  k->multiply(r->job, r->at, begin, rows, first_group, last_group, first, last, b->packed);
}

/// All threads pack some groups of rows, then each multiplies some groups by some panels.
static void compute_shared(run *r, int32_t thread, int32_t count, float *blocks, int skips) {
  const strata_pointwise *job = r->job;
  const pointwise_kernels *k = kernels(job);
  const int64_t rows = r->c.rows, groups = group_count(job, rows, k->most_rows);
  const block_memory b = block_at(job, &r->c, blocks);
  float *zeros = r->at->scratch + thread * job->channels;
  zero_count counted = {0, 0, !skips};
  int64_t first, last;
  while (take_share(&r->first, thread, 1, &first, &last)) {
    k->pack(job, r->at, 0, rows, first, last, zeros, b.packed);
    k->mark_zeros(job, rows, first, last, b.packed, &b.marked, &counted);
  }
  r->seen += counted.seen;
  r->kept += counted.kept;
  r->is_dense |= counted.is_dense;
  strata_barrier(count);
  const int skips_them = is_sparse((zero_count){r->seen, r->kept, r->is_dense});
  const int64_t panels = part_up(job->outputs, k->panel), parts = unit_parts(groups);
  while (take_share(&r->second, thread, 1, &first, &last)) {
    const int64_t panel = first / parts * UNIT_PANELS, part = first % parts;
    const int64_t end = panel + UNIT_PANELS < panels ? panel + UNIT_PANELS : panels;
    multiply(
      r, 0, rows, part_begin(groups, part, parts), part_begin(groups, part + 1, parts), panel, end, skips_them, &b);
  }
}

/// Every thread packs and multiplies blocks of its own.
static void compute_own(run *r, int32_t thread, float *blocks, int skips) {
  const strata_pointwise *job = r->job;
  const pointwise_kernels *k = kernels(job);
  const block_memory b = block_at(job, &r->c, blocks + thread * block_count(job, &r->c));
  float *zeros = r->at->scratch + thread * job->channels;
  int64_t block, end;
  while (take_share(&r->first, thread, 1, &block, &end)) {
    const group g = block_rows(&r->c, block);
    const int64_t groups = group_count(job, g.count, k->most_rows);
    zero_count counted = {0, 0, !skips};
    k->pack(job, r->at, g.first, g.count, 0, groups, zeros, b.packed);
    k->mark_zeros(job, g.count, 0, groups, b.packed, &b.marked, &counted);
    multiply(r, g.first, g.count, 0, groups, 0, part_up(job->outputs, k->panel), is_sparse(counted), &b);
  }
}

static void compute(void *context, int32_t thread, int32_t count) {
  run *r = context;
  float *blocks = r->at->scratch + r->job->threads * r->job->channels;
  const int skips = r->job->skips_zeros && r->at->weights[strata_pointwise_prepared_count(r->job) - 1] != 0;
  if (r->c.is_shared) {
    compute_shared(r, thread, count, blocks, skips);
  } else {
    compute_own(r, thread, blocks, skips);
  }
}

void strata_pointwise_run(const strata_pointwise *job, const strata_pointwise_buffers *buffers) {
  run r = {.job = job, .at = buffers, .c = cut_of(job)};
  if (r.c.is_shared) {
    const pointwise_kernels *k = kernels(job);
    const int64_t groups = group_count(job, r.c.rows, k->most_rows), panels = part_up(job->outputs, k->panel);
    share_out(&r.first, groups, job->threads);
    share_out(&r.second, part_up(panels, UNIT_PANELS) * unit_parts(groups), job->threads);
  } else {
    share_out(&r.first, r.c.blocks, job->threads);
  }
  strata_parallel(job->threads, compute, &r);
}

/// A change of the order of weights.
typedef struct {
  const strata_pointwise *job;
  const float *from;
  float *to;
  /// Whether some weights are infinite or not numbers.
  _Atomic int32_t is_infinite;
} change;

/// Whether some values are infinite or not numbers; integers, since such loops become vectors.
static int32_t has_infinity(const float *values, int64_t count) {
  const int32_t exponent = 0x7f800000;
  int32_t found = 0;
  for (int64_t i = 0; i < count; i++) {
    int32_t bits;
    memcpy(&bits, values + i, sizeof bits);
    found |= (bits & exponent) == exponent;
  }
  return found;
}

static void prepare_part(void *context, int32_t thread, int32_t count) {
  change *c = context;
  const strata_pointwise *job = c->job;
  const pointwise_kernels *k = kernels(job);
  const int64_t panels = part_up(job->outputs, k->panel);
  k->prepare(job, c->from, c->to, part_begin(panels, thread, count), part_begin(panels, thread + 1, count));
  if (!job->skips_zeros) return;
  const int64_t weights = depth_of(job) * job->outputs, first = part_begin(weights, thread, count);
  c->is_infinite |= has_infinity(c->from + first, part_begin(weights, thread + 1, count) - first);
}

int64_t strata_pointwise_prepared_count(const strata_pointwise *job) {
  return depth_of(job) * job->outputs + 1;
}

void strata_pointwise_prepare(const strata_pointwise *job, const float *weights, float *prepared) {
  change c = {job, weights, prepared, 0};
  strata_parallel(job->threads, prepare_part, &c);
  // Zeros times infinity are not zeros.
  prepared[strata_pointwise_prepared_count(job) - 1] = (float)!c.is_infinite;
}

void strata_pointwise_prepare_depthwise(const strata_pointwise *job, const float *weights, float *prepared) {
  for (int64_t c = 0; c < job->channels; c++)
    for (int64_t t = 0; t < 9; t++) prepared[t * job->channels + c] = weights[9 * c + t];
}
