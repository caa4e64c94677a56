#define KERNELS strata_stem_base
#include "body.h"
