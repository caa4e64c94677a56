#ifndef STRATA_PARALLEL_H
#define STRATA_PARALLEL_H

#include <stdint.h>

/// The cores that this process may run on, at least 1.
int32_t strata_available_cores(void);

/// A number that two processes of one host share where they may run on the same cores.
uint64_t strata_core_set(void);

/// Sets the threads of the OpenMP pool that oneDNN runs in, for calls from this thread.
void strata_set_threads(int32_t count);

/// Runs `body` once on each thread of oneDNN's OpenMP pool, at most `threads` of them, and waits for all.
/// A pool of our own would spin against oneDNN's. Where the OpenMP library has no GNU entry points, `body` runs once.
void strata_parallel(int32_t threads, void (*body)(void *context, int32_t thread, int32_t count), void *context);

/// Waits, inside `strata_parallel`, until all threads are here.
void strata_barrier(int32_t count);

/// Instruction sets that own kernels are compiled for.
enum {
  STRATA_ISA_BASE = 0,
  STRATA_ISA_AVX2 = 1,
  STRATA_ISA_AVX512 = 2,
};

/// The best of these that the processor and the system support.
int32_t strata_instruction_set(void);

#endif
