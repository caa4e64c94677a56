// Work that threads take as they get to it: cores are not equally fast where others use them too.
#ifndef STRATA_SHARES_H
#define STRATA_SHARES_H

#include "parts.h"

#include <stdatomic.h>
#include <stdint.h>

// Parts that work is cut into at first, at most, and the bytes of a cache line.
enum { MOST_PARTS = 64, CACHE_LINE = 64 };

/// Units of work. Each thread begins with a part of its own, whose data its cache may still have, and then helps the
/// others with theirs.
typedef struct {
  struct {
    _Atomic int64_t next;
    char padding[CACHE_LINE - sizeof(int64_t)];
  } parts[MOST_PARTS];
  int64_t units;
  int32_t count;
} shares;

static inline void share_out(shares *s, int64_t units, int32_t threads) {
  s->units = units;
  s->count = threads < MOST_PARTS ? threads : MOST_PARTS;
  for (int32_t part = 0; part < s->count; part++)
    atomic_init(&s->parts[part].next, part_begin(units, part, s->count));
}

/// Takes the units from `*first` to `*last`, at most `most` of them; returns whether any were left.
static inline int take_share(shares *s, int32_t thread, int64_t most, int64_t *first, int64_t *last) {
  for (int32_t i = 0; i < s->count; i++) {
    const int32_t part = (thread + i) % s->count;
    const int64_t end = part_begin(s->units, part + 1, s->count);
    if (atomic_load_explicit(&s->parts[part].next, memory_order_relaxed) >= end) continue;
    *first = atomic_fetch_add_explicit(&s->parts[part].next, most, memory_order_relaxed);
    if (*first >= end) continue;
    *last = *first + most < end ? *first + most : end;
    return 1;
  }
  return 0;
}

/// Units to take at a time, so that each thread comes back several times.
static inline int64_t share_size(const shares *s) {
  const int64_t size = s->units / (8 * (int64_t)s->count);
  return size > 1 ? size : 1;
}

#endif
