// Batch norm with residual and rectifier: who computes what.
#include "norm.h"

#include "StrataParallel.h"

static void compute(void *context, int32_t thread, int32_t count) {
  const norm_run *run = context;
  const int64_t blocks = run->job->channels / 16;
  norm_blocks *kernel = strata_norm_base;
#if defined(__x86_64__)
  if (run->job->isa == STRATA_ISA_AVX2) kernel = strata_norm_avx2;
  if (run->job->isa >= STRATA_ISA_AVX512) kernel = strata_norm_avx512;
#endif
  kernel(run, blocks * thread / count, blocks * (thread + 1) / count);
}

void strata_norm_run(
  const strata_norm *job, const float *images, const float *scale, const float *shift, const float *residual,
  float *mean, float *variance, float *result) {
  norm_run run = {job, images, scale, shift, residual, mean, variance, result};
  strata_parallel(job->threads, compute, &run);
}
