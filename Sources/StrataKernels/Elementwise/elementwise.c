#include "elementwise.h"

#include <stdlib.h>

#include "../include/StrataParallel.h"

/// Elements below which waking other threads costs more than it saves.
enum { SERIAL = 1 << 14 };

typedef struct {
  const strata_elementwise *program;
  float *const *memory;
  float *scratch;
  int64_t scratch_count;
  strata_elementwise_part *part;
} call;

static void enter(void *context, int32_t thread, int32_t count) {
  const call *c = context;
  c->part(c->program, c->memory, c->scratch + c->scratch_count * thread, thread, count);
}

void strata_elementwise_run(const strata_elementwise *program, float *const *memory) {
  const int32_t threads = program->rows * program->columns < SERIAL ? 1 : program->threads;
  call c = {program, memory, NULL, 0, strata_elementwise_base};
#if defined(__x86_64__)
  if (program->isa == STRATA_ISA_AVX512) c.part = strata_elementwise_avx512;
  if (program->isa == STRATA_ISA_AVX2) c.part = strata_elementwise_avx2;
#endif
  c.scratch_count = (int64_t)(program->operand_count + program->instruction_count) * STRATA_BLOCK;
  const size_t bytes = (size_t)(c.scratch_count * threads) * sizeof(float);
  c.scratch = aligned_alloc(64, bytes);
  if (!c.scratch) abort();
  strata_parallel(threads, enter, &c);
  free(c.scratch);
}
