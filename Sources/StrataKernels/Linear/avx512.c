#if defined(__x86_64__)
// Before the attribute, which its functions do not take.
#include <immintrin.h>
#pragma clang attribute push( \
  __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,f16c"))), apply_to = function)
#define STRATA_TARGET_AVX512
#define KERNELS strata_linear_avx512
#include "body.h"
#pragma clang attribute pop
#endif
