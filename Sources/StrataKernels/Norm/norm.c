// Batch norm with residual and rectifier: who computes what.
#include "norm.h"

#include "../parts.h"

#include "StrataParallel.h"

static const norm_kernels *kernels(const strata_norm *job) {
#if defined(__x86_64__)
  if (job->isa >= STRATA_ISA_AVX512) return &strata_norm_avx512;
  if (job->isa >= STRATA_ISA_AVX2) return &strata_norm_avx2;
#endif
  return &strata_norm_base;
}

static void normalise(void *context, int32_t thread, int32_t count) {
  const norm_run *run = context;
  const int64_t blocks = run->job->channels / 16;
  kernels(run->job)->normalise(run, part_begin(blocks, thread, count), part_begin(blocks, thread + 1, count));
}

void strata_norm_run(
  const strata_norm *job, const float *images, const float *scale, const float *shift, const float *residual,
  float *mean, float *variance, float *result) {
  norm_run run = {job, images, scale, shift, residual, mean, variance, result};
  strata_parallel(job->threads, normalise, &run);
}

static void differentiate(void *context, int32_t thread, int32_t count) {
  const norm_gradient_run *run = context;
  const int64_t blocks = run->job->channels / 16;
  kernels(run->job)->differentiate(run, part_begin(blocks, thread, count), part_begin(blocks, thread + 1, count));
}

void strata_norm_gradient(const strata_norm *job, const strata_norm_gradient_buffers *buffers) {
  norm_gradient_run run = {job, buffers};
  strata_parallel(job->threads, differentiate, &run);
}
