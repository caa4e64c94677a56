#define _GNU_SOURCE
#include "StrataKernels.h"

#include <dlfcn.h>
#include <stddef.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#endif

int32_t strata_available_cores(void) {
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    int count = CPU_COUNT(&set);
    if (count > 0) return count;
  }
#endif
  long count = sysconf(_SC_NPROCESSORS_ONLN);
  return count > 0 ? (int32_t)count : 1;
}

void strata_set_threads(int32_t count) {
  // oneDNN brings its OpenMP library with it; looking the symbol up avoids naming one at link time.
  typedef void (*setter)(int);
  static setter set = NULL;
  if (!set) set = (setter)dlsym(RTLD_DEFAULT, "omp_set_num_threads");
  if (set) set(count);
}

// Defined by the backend; a weak reference, so that a program without one links too.
extern void strata_install_onednn(void) __attribute__((weak));

void strata_install_backend(void) {
  if (strata_install_onednn) strata_install_onednn();
}
