#define KERNELS strata_winograd_base
#define GRADIENT_KERNELS strata_winograd_gradient_base
#include "body.h"
#include "gradient.h"
