#ifndef STRATA_PARTS_H
#define STRATA_PARTS_H

#include <stdint.h>

/// How many parts of a size cover a value.
static inline int64_t part_up(int64_t value, int64_t part) { return (value + part - 1) / part; }

/// Where one of `count` parts of nearly equal size begins.
static inline int64_t part_begin(int64_t size, int64_t part, int64_t count) { return size * part / count; }

#endif
