// Convolutions of few channels: who computes what.
#include "stem.h"

#include "../shares.h"

#include "StrataParallel.h"

static const stem_kernels *kernels(const strata_stem *job) {
#if defined(__x86_64__)
  if (job->isa >= STRATA_ISA_AVX512) return &strata_stem_avx512;
  if (job->isa >= STRATA_ISA_AVX2) return &strata_stem_avx2;
#endif
  return &strata_stem_base;
}

/// Floats of the padded rows that a thread keeps.
static int64_t rows_count(const strata_stem *job) {
  return ((int64_t)job->channels * job->kernel_height * stem_row(job) + 15) / 16 * 16;
}

int64_t strata_stem_scratch_bytes(const strata_stem *job) { return 4 * rows_count(job) * job->threads; }

void strata_stem_prepare(const strata_stem *job, const float *weights, float *prepared) {
  const int64_t taps = (int64_t)job->channels * job->kernel_height * job->kernel_width;
  const int64_t panel = kernels(job)->panel;
  for (int64_t output = 0; output < job->outputs; output += panel) {
    const int64_t left = job->outputs - output, width = left < panel ? left : panel;
    for (int64_t t = 0; t < taps; t++)
      for (int64_t k = 0; k < width; k++) *prepared++ = weights[(output + k) * taps + t];
  }
}

typedef struct {
  const strata_stem *job;
  const float *source, *weights, *bias;
  float *result, *scratch;
  shares rows;
} run;

static void compute(void *context, int32_t thread, int32_t count) {
  run *r = context;
  float *own = r->scratch + thread * rows_count(r->job);
  int64_t first, last;
  while (take_share(&r->rows, thread, share_size(&r->rows), &first, &last))
    kernels(r->job)->compute(r->job, r->source, r->weights, r->bias, r->result, own, first, last);
}

void strata_stem_run(
  const strata_stem *job, const float *source, const float *prepared, const float *bias, float *result,
  float *scratch) {
  run r = {job, source, prepared, bias, result, scratch};
  share_out(&r.rows, (int64_t)job->batch * job->result_height, job->threads);
  strata_parallel(job->threads, compute, &r);
}
