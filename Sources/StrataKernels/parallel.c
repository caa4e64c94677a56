#define _GNU_SOURCE
#include "StrataParallel.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#endif

// oneDNN brings its OpenMP library with it; looking the symbols up avoids naming one at link time.
typedef struct {
  void (*set_threads)(int);
  void (*parallel)(void (*)(void *), void *, unsigned, unsigned);
  void (*barrier)(void);
  int (*thread)(void);
  int (*count)(void);
  int (*processors)(void);
} openmp;

static const openmp *library(void) {
  static openmp known;
  static atomic_int is_known;
  if (atomic_load_explicit(&is_known, memory_order_acquire)) return &known;
  openmp found = {
    .set_threads = (void (*)(int))dlsym(RTLD_DEFAULT, "omp_set_num_threads"),
    .parallel = (void (*)(void (*)(void *), void *, unsigned, unsigned))dlsym(RTLD_DEFAULT, "GOMP_parallel"),
    .barrier = (void (*)(void))dlsym(RTLD_DEFAULT, "GOMP_barrier"),
    .thread = (int (*)(void))dlsym(RTLD_DEFAULT, "omp_get_thread_num"),
    .count = (int (*)(void))dlsym(RTLD_DEFAULT, "omp_get_num_threads"),
    .processors = (int (*)(void))dlsym(RTLD_DEFAULT, "omp_get_num_procs"),
  };
  if (!found.barrier || !found.thread || !found.count) found.parallel = NULL;
  // Two threads that come here at once write the same.
  known = found;
  atomic_store_explicit(&is_known, 1, memory_order_release);
  return &known;
}

int32_t strata_available_cores(void) {
  // Where OMP_PROC_BIND is set, this thread is bound to one core before we are asked; the pool knows of all.
  const openmp *pool = library();
  int bound = pool->processors ? pool->processors() : 1;
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > bound) return CPU_COUNT(&set);
  return bound;
#else
  long count = sysconf(_SC_NPROCESSORS_ONLN);
  return count > bound ? (int32_t)count : bound;
#endif
}

uint64_t strata_core_set(void) {
  uint64_t hash = 0xcbf29ce484222325;
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    const unsigned char *bytes = (const unsigned char *)&set;
    for (size_t i = 0; i < sizeof set; i++) hash = (hash ^ bytes[i]) * 0x100000001b3;
  }
#endif
  return hash;
}

void strata_set_threads(int32_t count) {
  const openmp *pool = library();
  if (pool->set_threads) pool->set_threads(count);
}

typedef struct {
  void (*body)(void *, int32_t, int32_t);
  void *context;
} call;

static void enter(void *data) {
  const call *c = data;
  const openmp *pool = library();
  c->body(c->context, pool->thread(), pool->count());
}

void strata_parallel(int32_t threads, void (*body)(void *, int32_t, int32_t), void *context) {
  const openmp *pool = library();
  if (threads < 2 || !pool->parallel) {
    body(context, 0, 1);
    return;
  }
  call c = {body, context};
  pool->parallel(enter, &c, (unsigned)threads, 0);
}

void strata_barrier(int32_t count) {
  if (count > 1) library()->barrier();
}

int32_t strata_instruction_set(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq"))
    return STRATA_ISA_AVX512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c"))
    return STRATA_ISA_AVX2;
#endif
  return STRATA_ISA_BASE;
}
