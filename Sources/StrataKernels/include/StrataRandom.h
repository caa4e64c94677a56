#ifndef STRATA_RANDOM_H
#define STRATA_RANDOM_H

#include <stdint.h>

/// Writes `groups` groups of 16 random numbers of a seed's stream, the first of which is group `firstGroup`:
/// numbers of 24 bits times `scale` plus `offset`, and at most `limit`.
void strata_fill_uniform(
    float *target, int64_t firstGroup, int64_t groups, uint64_t seed, uint64_t stream, float scale, float offset,
    float limit);

/// The same for numbers of a normal distribution.
void strata_fill_normal(
    float *target, int64_t firstGroup, int64_t groups, uint64_t seed, uint64_t stream, float mean,
    float deviation);

#endif
