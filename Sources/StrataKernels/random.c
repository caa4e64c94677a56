// Random numbers by the counter-based generator Philox4x32-10 of Salmon, Moraes, Dror and Shaw (2011).
//
// Element 16g + 4w + l of a sequence is made of word w of counter 4g + l. The loops run over sixteen counters,
// four groups, and are written so that the compiler turns them into vectors of whatever width the processor has.
// Every operation is exact or rounded once as IEEE 754 says, so the numbers are the same on every processor:
// multiplications and additions must not be fused.

#include "StrataRandom.h"

#include <string.h>

#pragma STDC FP_CONTRACT OFF

#if defined(__x86_64__) && defined(__linux__)
#define FOR_EACH_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif
#define INLINED static inline __attribute__((always_inline))

/// Counters computed at a time, and the groups that they make.
enum { counters = 16, blockGroups = counters / 4, groupSize = 16 };

/// One number for each word of each counter of a block.
typedef struct { uint32_t word[4][counters]; } words;
typedef struct { float word[4][counters]; } numbers;

INLINED void philox(words *result, uint64_t counter, uint64_t seed, uint64_t stream) {
  for (int l = 0; l < counters; l++) {
    uint32_t a = (uint32_t)(counter + l), b = (uint32_t)((counter + l) >> 32);
    uint32_t c = (uint32_t)stream, d = (uint32_t)(stream >> 32);
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
#pragma clang loop unroll(full)
    for (int round = 0; round < 10; round++) {
      uint64_t first = (uint64_t)a * 0xd2511f53, second = (uint64_t)c * 0xcd9e8d57;
      a = (uint32_t)(second >> 32) ^ b ^ k0;
      b = (uint32_t)second;
      c = (uint32_t)(first >> 32) ^ d ^ k1;
      d = (uint32_t)first;
      k0 += 0x9e3779b9;
      k1 += 0xbb67ae85;
    }
    result->word[0][l] = a;
    result->word[1][l] = b;
    result->word[2][l] = c;
    result->word[3][l] = d;
  }
}

/// Stores the first groups of a block in the order of elements.
INLINED void store(float *target, const numbers *block, int64_t groups) {
  if (groups > blockGroups) groups = blockGroups;
  for (int64_t g = 0; g < groups; g++)
    for (int w = 0; w < 4; w++)
      memcpy(target + groupSize * g + 4 * w, &block->word[w][4 * g], 4 * sizeof(float));
}

FOR_EACH_PROCESSOR
void strata_fill_uniform(
    float *target, int64_t firstGroup, int64_t groups, uint64_t seed, uint64_t stream, float scale, float offset,
    float limit) {
  for (int64_t group = 0; group < groups; group += blockGroups) {
    words random;
    numbers block;
    philox(&random, 4 * (uint64_t)(firstGroup + group), seed, stream);
    for (int w = 0; w < 4; w++)
      for (int l = 0; l < counters; l++) {
        float number = (float)(int32_t)(random.word[w][l] >> 8) * scale + offset;
        block.word[w][l] = number > limit ? limit : number;
      }
    store(target + groupSize * group, &block, groups - group);
  }
}

/// a + bz + cz² + dz³ + ez⁴.
INLINED float polynomial(float z, float a, float b, float c, float d, float e) {
  return (((z * e + d) * z + c) * z + b) * z + a;
}

INLINED uint32_t bits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

INLINED float number(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/// The natural logarithm of a normal number, right to about two units in the last place.
///
/// Own arithmetic, and not the C library's, keeps the numbers the same on every system.
INLINED float logarithm(float x) {
  // Subtracting √½ splits x into 2ᵉ·m with m between √½ and √2.
  int32_t exponent = (int32_t)(bits(x) - 0x3f3504f3) >> 23;
  float m = number(bits(x) - ((uint32_t)exponent << 23));
  // log m = 2 artanh s, an odd series that converges fast for |s| < 0.172.
  float s = (m - 1) / (m + 1);
  float z = s * s;
  float series = z * polynomial(z, 1.0f / 3, 1.0f / 5, 1.0f / 7, 1.0f / 9, 1.0f / 11);
  return (float)exponent * 0.693147180559945f + (s + s * series) * 2;
}

/// The transform of Box and Muller: two random words make two independent normal numbers.
INLINED void normals(uint32_t radius, uint32_t turn, float *first, float *second) {
  // Odd, hence never zero, whose logarithm would be infinite.
  float length =
      __builtin_elementwise_sqrt(logarithm((float)(int32_t)((radius >> 1) | 1) * 0x1p-31f) * -2.0f);
  // The angle is a fraction of a turn in units of 2⁻³². Integer arithmetic finds the nearest quarter turn and
  // the exact rest.
  uint32_t quarter = (turn + 0x20000000) >> 30;
  float x = (float)(int32_t)(turn - (quarter << 30)) * (float)(1.57079632679489662 * 0x1p-30);
  float z = x * x;
  uint32_t sine = bits(x + x * z * polynomial(z, -1.0f / 6, 1.0f / 120, -1.0f / 5040, 1.0f / 362880, 0));
  uint32_t cosine =
      bits(z * polynomial(z, -1.0f / 2, 1.0f / 24, -1.0f / 720, 1.0f / 40320, -1.0f / 3628800) + 1);
  // Quarters 0, 1, 2, 3 give (c, s), (−s, c), (−c, −s), (s, −c).
  uint32_t odd = -(quarter & 1);
  *first = length * number(((cosine & ~odd) | (sine & odd)) ^ (((quarter + 1) & 2) << 30));
  *second = length * number(((sine & ~odd) | (cosine & odd)) ^ ((quarter & 2) << 30));
}

FOR_EACH_PROCESSOR
void strata_fill_normal(
    float *target, int64_t firstGroup, int64_t groups, uint64_t seed, uint64_t stream, float mean,
    float deviation) {
  for (int64_t group = 0; group < groups; group += blockGroups) {
    words random;
    numbers block;
    philox(&random, 4 * (uint64_t)(firstGroup + group), seed, stream);
    for (int w = 0; w < 4; w += 2)
      for (int l = 0; l < counters; l++) {
        float first, second;
        normals(random.word[w][l], random.word[w + 1][l], &first, &second);
        block.word[w][l] = first * deviation + mean;
        block.word[w + 1][l] = second * deviation + mean;
      }
    store(target + groupSize * group, &block, groups - group);
  }
}
