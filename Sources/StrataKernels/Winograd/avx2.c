#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define KERNELS strata_winograd_avx2
#define GRADIENT_KERNELS strata_winograd_gradient_avx2
#include "body.h"
#include "gradient.h"
#pragma clang attribute pop
#endif
