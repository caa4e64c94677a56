// Batch norm with residual and rectifier and its gradient, included once for each instruction set.
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

/// What a norm makes of 16 channels: their distance from the mean times a factor, and a shift.
typedef struct {
  floats mean, inverse, factor, shift;
} affine;

INLINE affine affine_of(
  const strata_norm *job, floats mean, floats variance, const float *scale, const float *shift, int64_t block) {
  affine by = {.mean = mean, .inverse = 1.0f / __builtin_elementwise_sqrt(variance + job->epsilon)};
  by.factor = scale ? by.inverse * load(scale + block * LANES) : by.inverse;
  by.shift = shift ? load(shift + block * LANES) : filled(0);
  return by;
}

INLINE floats normalised(const affine *by, floats value) { return (value - by->mean) * by->factor + by->shift; }

/// Stores past the caches what would not stay in one.
INLINE void store_result(int is_large, float *to, floats value) {
  if (is_large) {
    __builtin_nontemporal_store(value, (floats *)to);
  } else {
    store(to, value);
  }
}

static int is_large(const strata_norm *job, const float *result) {
  return job->batch * job->channels * job->pixels * 4 > LARGE_BYTES && (uintptr_t)result % sizeof(floats) == 0;
}

INLINE void normalise_block(const int adds, const int rectifies, const norm_run *run, int64_t block) {
  const strata_norm *job = run->job;
  const int64_t size = job->pixels * LANES, image = job->channels * job->pixels;
  const int passes_by = is_large(job, run->result);
  moments all = {filled(0), filled(0), 0};
  for (int64_t n = 0; n < job->batch; n++) {
    const float *from = run->images + n * image + block * size;
    for (int64_t p = 0; p < job->pixels; p += RUN)
      add_run(&all, from + p * LANES, job->pixels - p < RUN ? job->pixels - p : RUN);
  }
  const floats variance = all.squares * (1.0f / all.count);
  store(run->mean + block * LANES, all.mean);
  store(run->variance + block * LANES, variance);
  const affine by = affine_of(job, all.mean, variance, run->scale, run->shift, block);
  const floats zero = filled(0);
  for (int64_t n = job->batch - 1; n >= 0; n--) {
    // The last images are the likeliest in the cache.
    const int64_t place = n * image + block * size;
    const float *from = run->images + place, *other = adds ? run->residual + place : 0;
    float *to = run->result + place;
#pragma clang loop unroll_count(4)
    for (int64_t i = 0; i < size; i += LANES) {
      floats value = normalised(&by, load(from + i));
      if (adds) value += load(other + i);
      if (rectifies) value = chosen(value < zero, zero, value);
      store_result(passes_by, to + i, value);
    }
  }
}

static void normalise(const norm_run *run, int64_t first, int64_t last) {
  for (int64_t block = first; block < last; block++) {
    if (run->residual && run->job->rectifies) normalise_block(1, 1, run, block);
    if (run->residual && !run->job->rectifies) normalise_block(1, 0, run, block);
    if (!run->residual && run->job->rectifies) normalise_block(0, 1, run, block);
    if (!run->residual && !run->job->rectifies) normalise_block(0, 0, run, block);
  }
}

// MARK: Gradients

/// Sums of upstream gradients, and of these times what differs from the mean.
typedef struct {
  floats gradients, products;
} gradient_sums;

/// The upstream gradient of a value, zero where the rectifier made it zero.
INLINE floats kept_gradient(const int rectifies, const affine *by, floats value, floats gradient) {
  const floats zero = filled(0);
  return rectifies ? chosen(normalised(by, value) <= zero, zero, gradient) : gradient;
}

/// Adds up a run of pixels, and then the run to all, so that no long sum loses digits.
INLINE void add_gradients(
  const int rectifies, const affine *by, const float *images, const float *upstream, int64_t count,
  gradient_sums *all) {
  gradient_sums part[4];
  UNROLL for (int i = 0; i < 4; i++) part[i] = (gradient_sums){filled(0), filled(0)};
  int64_t p = 0;
  for (; p + 4 <= count; p += 4) {
    UNROLL for (int i = 0; i < 4; i++) {
      const floats value = load(images + (p + i) * LANES);
      const floats gradient = kept_gradient(rectifies, by, value, load(upstream + (p + i) * LANES));
      part[i].gradients += gradient;
      part[i].products += gradient * (value - by->mean);
    }
  }
  for (; p < count; p++) {
    const floats value = load(images + p * LANES);
    const floats gradient = kept_gradient(rectifies, by, value, load(upstream + p * LANES));
    part[0].gradients += gradient;
    part[0].products += gradient * (value - by->mean);
  }
  all->gradients += (part[0].gradients + part[1].gradients) + (part[2].gradients + part[3].gradients);
  all->products += (part[0].products + part[1].products) + (part[2].products + part[3].products);
}

INLINE void differentiate_block(const int rectifies, const norm_gradient_run *run, int64_t block) {
  const strata_norm *job = run->job;
  const strata_norm_gradient_buffers *at = run->at;
  const int64_t size = job->pixels * LANES, image = job->channels * job->pixels;
  const int passes_by = at->result != at->upstream && is_large(job, at->result);
  const floats mean = load(at->mean + block * LANES), variance = load(at->variance + block * LANES);
  const affine by = affine_of(job, mean, variance, at->scale, rectifies ? at->shift : 0, block);
  gradient_sums all = {filled(0), filled(0)};
  for (int64_t n = 0; n < job->batch; n++) {
    const int64_t place = n * image + block * size;
    for (int64_t p = 0; p < job->pixels; p += RUN)
      add_gradients(
        rectifies, &by, at->images + place + p * LANES, at->upstream + place + p * LANES,
        job->pixels - p < RUN ? job->pixels - p : RUN, &all);
  }
  if (at->scale_gradient) store(at->scale_gradient + block * LANES, all.products * by.inverse);
  if (at->shift_gradient) store(at->shift_gradient + block * LANES, all.gradients);
  const float share = 1.0f / (float)(job->batch * job->pixels);
  const floats constant = all.gradients * share, slope = all.products * by.inverse * by.inverse * share;
  for (int64_t n = job->batch - 1; n >= 0; n--) {
    const int64_t place = n * image + block * size;
    const float *from = at->images + place, *upstream = at->upstream + place;
    float *to = at->result + place;
#pragma clang loop unroll_count(4)
    for (int64_t i = 0; i < size; i += LANES) {
      const floats value = load(from + i), gradient = kept_gradient(rectifies, &by, value, load(upstream + i));
      store_result(passes_by, to + i, (gradient - constant - (value - by.mean) * slope) * by.factor);
    }
  }
}

static void differentiate(const norm_gradient_run *run, int64_t first, int64_t last) {
  for (int64_t block = first; block < last; block++) {
    if (run->job->rectifies) {
      differentiate_block(1, run, block);
    } else {
      differentiate_block(0, run, block);
    }
  }
}

const norm_kernels KERNELS = {normalise, differentiate};
