#define KERNELS strata_linear_base
#include "body.h"
