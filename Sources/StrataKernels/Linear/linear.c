// Linear layers for few rows: who computes what.
#include "linear.h"

#include "../shares.h"

#include "StrataParallel.h"

// Cache lines of results that a thread takes at a time: 96 outputs.
enum { SHARE = 6 };

static const linear_kernels *kernels(const strata_linear *job) {
#if defined(__x86_64__)
  if (job->isa >= STRATA_ISA_AVX512) return &strata_linear_avx512;
  if (job->isa >= STRATA_ISA_AVX2) return &strata_linear_avx2;
#endif
  return &strata_linear_base;
}

typedef struct {
  const strata_linear *job;
  const float *source, *bias, *residual;
  const void *weights;
  float *result;
  void *halved;
  /// Cache lines of results.
  shares lines;
} run;

static void compute(void *context, int32_t thread, int32_t count) {
  run *r = context;
  const int64_t outputs = r->job->outputs;
  int64_t line, end;
  while (take_share(&r->lines, thread, SHARE, &line, &end)) {
    const int64_t first = 16 * line, last = 16 * end < outputs ? 16 * end : outputs;
    if (r->halved)
      kernels(r->job)->halve(r->job, r->weights, r->halved, first, last);
    else
      kernels(r->job)->compute(r->job, r->source, r->weights, r->bias, r->residual, r->result, first, last);
  }
}

static void run_all(run *r) {
  share_out(&r->lines, (r->job->outputs + 15) / 16, r->job->threads);
  strata_parallel(r->job->threads, compute, r);
}

void strata_linear_run(
  const strata_linear *job, const float *source, const void *weights, const float *bias, const float *residual,
  float *result) {
  run r = {.job = job, .source = source, .weights = weights, .bias = bias, .residual = residual, .result = result};
  run_all(&r);
}

int64_t strata_linear_halved_bytes(const strata_linear *job) {
  return linear_scale_bytes(job) + 2 * (int64_t)job->outputs * job->channels;
}

void strata_linear_halve(const strata_linear *job, const float *weights, void *halved) {
  run r = {.job = job, .weights = weights, .halved = halved};
  run_all(&r);
}
