#define KERNELS strata_norm_base
#include "body.h"
