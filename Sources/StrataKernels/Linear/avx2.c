#if defined(__x86_64__)
// Before the attribute, which its functions do not take.
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define STRATA_TARGET_AVX2
#define KERNELS strata_linear_avx2
#include "body.h"
#pragma clang attribute pop
#endif
