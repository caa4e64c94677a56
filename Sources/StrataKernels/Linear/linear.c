// Linear layers for few rows: who computes what.
#include "linear.h"

#include "StrataParallel.h"

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
} run;

static void compute(void *context, int32_t thread, int32_t count) {
  const run *r = context;
  // Parts end where a cache line of results does.
  const int64_t lines = (r->job->outputs + 15) / 16, outputs = r->job->outputs;
  const int64_t first = 16 * (lines * thread / count), end = 16 * (lines * (thread + 1) / count);
  const int64_t last = end < outputs ? end : outputs;
  if (r->halved)
    kernels(r->job)->halve(r->job, r->weights, r->halved, first, last);
  else
    kernels(r->job)->compute(r->job, r->source, r->weights, r->bias, r->residual, r->result, first, last);
}

void strata_linear_run(
  const strata_linear *job, const float *source, const void *weights, const float *bias, const float *residual,
  float *result) {
  run r = {.job = job, .source = source, .weights = weights, .bias = bias, .residual = residual, .result = result};
  strata_parallel(job->threads, compute, &r);
}

int64_t strata_linear_halved_bytes(const strata_linear *job) {
  return linear_scale_bytes(job) + 2 * (int64_t)job->outputs * job->channels;
}

void strata_linear_halve(const strata_linear *job, const float *weights, void *halved) {
  run r = {.job = job, .weights = weights, .halved = halved};
  strata_parallel(job->threads, compute, &r);
}
