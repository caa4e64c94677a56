#ifndef STRATA_KERNELS_H
#define STRATA_KERNELS_H

#include <stdint.h>

/// The cores that this process may run on, at least 1.
int32_t strata_available_cores(void);

/// Sets the threads of the OpenMP pool that oneDNN runs in, for calls from this thread.
void strata_set_threads(int32_t count);

/// Lets the CPU backend that is linked into the program announce itself; does nothing where there is none.
void strata_install_backend(void);

#endif
