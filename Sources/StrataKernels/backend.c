#include "StrataKernels.h"

// Defined by the backend; a weak reference, so that a program without one links too.
extern void strata_install_onednn(void) __attribute__((weak));

void strata_install_backend(void) {
  if (strata_install_onednn) strata_install_onednn();
}
