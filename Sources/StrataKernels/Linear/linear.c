// Linear layers for few rows: who computes what.
#include "linear.h"

#include "StrataParallel.h"

static linear_kernel *kernel(const strata_linear *job) {
#if defined(__x86_64__)
  if (job->isa >= STRATA_ISA_AVX512) return strata_linear_avx512;
  if (job->isa >= STRATA_ISA_AVX2) return strata_linear_avx2;
#endif
  return strata_linear_base;
}

typedef struct {
  const strata_linear *job;
  const float *source, *weights, *bias, *residual;
  float *result;
} run;

static void compute(void *context, int32_t thread, int32_t count) {
  const run *r = context;
  // Parts end where a cache line of results does.
  const int64_t lines = (r->job->outputs + 15) / 16;
  const int64_t first = 16 * (lines * thread / count), last = 16 * (lines * (thread + 1) / count);
  kernel(r->job)(
    r->job, r->source, r->weights, r->bias, r->residual, r->result, first,
    last < r->job->outputs ? last : r->job->outputs);
}

void strata_linear_run(
  const strata_linear *job, const float *source, const float *weights, const float *bias, const float *residual,
  float *result) {
  run r = {job, source, weights, bias, residual, result};
  strata_parallel(job->threads, compute, &r);
}
