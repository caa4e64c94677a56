#ifndef STRATA_KERNELS_H
#define STRATA_KERNELS_H

#include "StrataElementwise.h"
#include "StrataLinear.h"
#include "StrataNorm.h"
#include "StrataParallel.h"
#include "StrataPointwise.h"
#include "StrataRandom.h"
#include "StrataStem.h"
#include "StrataWinograd.h"

/// Lets the CPU backend that is linked into the program announce itself; does nothing where there is none.
void strata_install_backend(void);

#endif
