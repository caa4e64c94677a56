#ifndef STRATA_PARTS_H
#define STRATA_PARTS_H

#include <stdint.h>

/// How many parts of a size cover a value.
static inline int64_t part_up(int64_t value, int64_t part) { return (value + part - 1) / part; }

#endif
