// Batch norm with residual and rectifier, included once for each instruction set.
//
// A thread takes 16 channels of all images after others, so that the second pass finds them in a cache: 0.4 MB for eight
// images of 28 × 28. Moments are taken of runs of pixels that fit into the first cache, first the mean, then the
// squares of what differs from it, and joined run by run (Chan, Golub and LeVeque): as exact as two passes over all.
#include "../vectors.h"
#include "norm.h"

/// Pixels of a run: 4 KB.
enum { RUN = 64 };

// Results that do not stay in a cache until they are read: written past it, they need not be fetched first.
enum { LARGE_BYTES = 4 << 20 };

typedef struct {
  floats mean, squares;
  float count;
} moments;

INLINE void add_run(moments *all, const float *pixels, int64_t count) {
  floats part[4] = {filled(0), filled(0), filled(0), filled(0)};
  int64_t p = 0;
  for (; p + 4 <= count; p += 4)
    UNROLL for (int i = 0; i < 4; i++) part[i] += load(pixels + (p + i) * LANES);
  for (; p < count; p++) part[0] += load(pixels + p * LANES);
  const floats mean = ((part[0] + part[1]) + (part[2] + part[3])) * (1.0f / (float)count);
  UNROLL for (int i = 0; i < 4; i++) part[i] = filled(0);
  for (p = 0; p + 4 <= count; p += 4) {
    UNROLL for (int i = 0; i < 4; i++) {
      const floats difference = load(pixels + (p + i) * LANES) - mean;
      part[i] += difference * difference;
    }
  }
  for (; p < count; p++) {
    const floats difference = load(pixels + p * LANES) - mean;
    part[0] += difference * difference;
  }
  const float total = all->count + (float)count, share = (float)count / total;
  const floats step = mean - all->mean;
  all->mean += step * share;
  all->squares += ((part[0] + part[1]) + (part[2] + part[3])) + step * step * (all->count * share);
  all->count = total;
}

void KERNELS(const norm_run *run, int64_t first, int64_t last) {
  const strata_norm *job = run->job;
  const int64_t size = job->pixels * LANES, image = job->channels * job->pixels;
  const int is_large = job->batch * image * 4 > LARGE_BYTES && (uintptr_t)run->result % sizeof(floats) == 0;
  for (int64_t block = first; block < last; block++) {
    moments all = {filled(0), filled(0), 0};
    for (int64_t n = 0; n < job->batch; n++) {
      const float *from = run->images + n * image + block * size;
      for (int64_t p = 0; p < job->pixels; p += RUN)
        add_run(&all, from + p * LANES, job->pixels - p < RUN ? job->pixels - p : RUN);
    }
    const floats variance = all.squares * (1.0f / all.count);
    store(run->mean + block * LANES, all.mean);
    store(run->variance + block * LANES, variance);
    floats factor = 1.0f / __builtin_elementwise_sqrt(variance + job->epsilon), shift = filled(0);
    if (run->scale) factor *= load(run->scale + block * LANES);
    if (run->shift) shift = load(run->shift + block * LANES);
    const floats zero = filled(0);
    for (int64_t n = job->batch - 1; n >= 0; n--) {
      // The last images are the likeliest in the cache.
      const int64_t place = n * image + block * size;
      const float *from = run->images + place, *other = run->residual + place;
      float *to = run->result + place;
#pragma clang loop unroll_count(4)
      for (int64_t i = 0; i < size; i += LANES) {
        const floats value = (load(from + i) - all.mean) * factor + shift + load(other + i);
        const floats rectified = chosen(value < zero, zero, value);
        if (is_large) {
          __builtin_nontemporal_store(rectified, (floats *)(to + i));
        } else {
          store(to + i, rectified);
        }
      }
    }
  }
}
