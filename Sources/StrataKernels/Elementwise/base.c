#define KERNELS strata_elementwise_base
#include "body.h"
