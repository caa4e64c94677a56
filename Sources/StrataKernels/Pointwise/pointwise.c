// Pointwise convolutions: how pixels are cut into blocks, and who computes what.
#include "pointwise.h"

#include "../parts.h"

#include "StrataParallel.h"

static const pointwise_kernels *kernels(const strata_pointwise *job) {
#if defined(__x86_64__)
  if (job->isa >= STRATA_ISA_AVX512) return &strata_pointwise_avx512;
  if (job->isa >= STRATA_ISA_AVX2) return &strata_pointwise_avx2;
#endif
  return &strata_pointwise_base;
}

// Bytes of packed pixels that a thread keeps in its second-level cache beside a panel of weights.
enum { CACHED_BYTES = 256 << 10 };
// Packed pixels that threads exchange, at most.
enum { SHARED_BYTES = 4 << 20 };

typedef struct {
  int64_t rows, block, blocks;
  /// Whether all threads share each block.
  int32_t is_shared;
} cut;

static cut cut_of(const strata_pointwise *job) {
  cut c;
  const int64_t channels = job->channels, threads = job->threads, most = kernels(job)->most_rows;
  c.rows = (int64_t)job->batch * job->result_height * job->result_width;
  // Sharing a block, threads exchange packed pixels; else each reads all weights.
  c.is_shared = threads > 1 && c.rows < (threads - 1) * job->outputs && c.rows * channels * 4 < SHARED_BYTES;
  if (c.is_shared) {
    c.block = c.rows;
  } else {
    int64_t rows = CACHED_BYTES / (channels * 4) / most * most;
    if (rows < 4 * most) rows = 4 * most;
    c.block = part_up(c.rows, part_up(part_up(c.rows, rows), threads) * threads);
  }
  c.blocks = part_up(c.rows, c.block);
  return c;
}

/// Floats of a block's packed pixels, and of zeros for what is outside an image.
static int64_t block_count(const strata_pointwise *job, const cut *c) { return (c->block + 1) * job->channels + 16; }

int64_t strata_pointwise_scratch_bytes(const strata_pointwise *job) {
  const cut c = cut_of(job);
  return 4 * (block_count(job, &c) * (c.is_shared ? 1 : job->threads) + job->channels * job->threads);
}

typedef struct {
  const strata_pointwise *job;
  const strata_pointwise_buffers *at;
  cut c;
} run;

static void compute(void *context, int32_t thread, int32_t count) {
  const run *r = context;
  const strata_pointwise *job = r->job;
  const pointwise_kernels *k = kernels(job);
  const int64_t size = block_count(job, &r->c), panels = part_up(job->outputs, k->panel);
  float *zeros = r->at->scratch + thread * job->channels;
  float *packed = r->at->scratch + job->threads * job->channels;
  if (r->c.is_shared) {
    const int64_t groups = part_up(r->c.rows, k->most_rows);
    k->pack(
      job, r->at, 0, r->c.rows, groups * thread / count, groups * (thread + 1) / count, zeros, packed);
    strata_barrier(count);
    k->multiply(
      job, r->at, 0, r->c.rows, panels * thread / count, panels * (thread + 1) / count, packed);
    return;
  }
  packed += thread * size;
  for (int64_t block = thread; block < r->c.blocks; block += count) {
    const int64_t begin = block * r->c.block, left = r->c.rows - begin;
    const int64_t rows = left < r->c.block ? left : r->c.block;
    k->pack(job, r->at, begin, rows, 0, rows, zeros, packed);
    k->multiply(job, r->at, begin, rows, 0, panels, packed);
  }
}

void strata_pointwise_run(const strata_pointwise *job, const strata_pointwise_buffers *buffers) {
  run r = {job, buffers, cut_of(job)};
  strata_parallel(job->threads, compute, &r);
}

typedef struct {
  const strata_pointwise *job;
  const float *weights;
  float *prepared;
} preparation;

static void prepare_part(void *context, int32_t thread, int32_t count) {
  const preparation *p = context;
  const pointwise_kernels *k = kernels(p->job);
  const int64_t panels = part_up(p->job->outputs, k->panel);
  k->prepare(p->job, p->weights, p->prepared, panels * thread / count, panels * (thread + 1) / count);
}

void strata_pointwise_prepare(const strata_pointwise *job, const float *weights, float *prepared) {
  preparation p = {job, weights, prepared};
  strata_parallel(job->threads, prepare_part, &p);
}

void strata_pointwise_prepare_depthwise(const strata_pointwise *job, const float *weights, float *prepared) {
  for (int64_t c = 0; c < job->channels; c++)
    for (int64_t t = 0; t < 9; t++) prepared[t * job->channels + c] = weights[9 * c + t];
}
