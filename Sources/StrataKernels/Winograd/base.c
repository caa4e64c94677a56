#define KERNELS strata_winograd_base
#include "body.h"
