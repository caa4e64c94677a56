#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define KERNELS strata_norm_avx2
#include "body.h"
#pragma clang attribute pop
#endif
