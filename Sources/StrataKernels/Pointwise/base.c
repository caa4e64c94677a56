#define KERNELS strata_pointwise_base
#include "body.h"
