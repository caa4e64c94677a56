#if defined(__x86_64__)
#pragma clang attribute push( \
  __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma"))), apply_to = function)
#define STRATA_TARGET_AVX512
#define KERNELS strata_winograd_avx512
#define GRADIENT_KERNELS strata_winograd_gradient_avx512
#include "body.h"
#include "gradient.h"
#pragma clang attribute pop
#endif
