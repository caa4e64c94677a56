#if defined(__x86_64__)
#pragma clang attribute push( \
  __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma"))), apply_to = function)
#define STRATA_TARGET_AVX512
#define KERNELS strata_norm_avx512
#include "body.h"
#pragma clang attribute pop
#endif
