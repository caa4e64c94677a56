// IEEE half-precision numbers in memory, widened to floats where they are read.
#ifndef STRATA_HALVES_H
#define STRATA_HALVES_H

#include "vectors.h"

#if defined(STRATA_TARGET_AVX512)
INLINE floats load_halves(const uint16_t *place) {
  return (floats)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)place));
}
INLINE void store_halves(uint16_t *place, floats value) {
  _mm256_storeu_si256((__m256i *)place, _mm512_cvtps_ph((__m512)value, _MM_FROUND_TO_NEAREST_INT));
}
#elif defined(STRATA_TARGET_AVX2)
INLINE floats load_halves(const uint16_t *place) {
  union {
    __m256 parts[2];
    floats whole;
  } value;
  UNROLL for (int i = 0; i < 2; i++)
    value.parts[i] = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)place + i));
  return value.whole;
}
INLINE void store_halves(uint16_t *place, floats value) {
  union {
    floats whole;
    __m256 parts[2];
  } from = {value};
  UNROLL for (int i = 0; i < 2; i++)
    _mm_storeu_si128((__m128i *)place + i, _mm256_cvtps_ph(from.parts[i], _MM_FROUND_TO_NEAREST_INT));
}
#else
// Without instructions for halves: their bits moved to a float's places have an exponent that is 112 too small.
INLINE floats load_halves(const uint16_t *place) {
  typedef uint16_t words __attribute__((vector_size(32), aligned(2), may_alias));
  const integers bits = __builtin_convertvector(*(const words *)place, integers);
  const integers size = bits & 0x7fff;
  const floats scaled = (floats)(size << 13) * filled(0x1p112f);
  // Infinity and what is no number have all bits of the exponent set.
  const floats value = chosen(size >= 0x7c00, (floats)(size << 13 | 0x7f800000), scaled);
  return (floats)((integers)value | (bits & 0x8000) << 16);
}
INLINE uint16_t half_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  const uint32_t sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
  if (size > 0x7f800000) return (uint16_t)(sign | 0x7e00);
  if (size >= 0x477ff000) return (uint16_t)(sign | 0x7c00);
  // A sum whose last place is that of the half rounds to it, to the even neighbour in the middle.
  float magnitude, anchor;
  memcpy(&magnitude, &size, sizeof size);
  const uint32_t least = 113u << 23, exponent = (size < least ? least : size) & 0x7f800000;
  const uint32_t place = exponent + (13u << 23);
  memcpy(&anchor, &place, sizeof place);
  const float sum = magnitude + anchor;
  uint32_t rounded;
  memcpy(&rounded, &sum, sizeof sum);
  return (uint16_t)(sign | ((((exponent >> 23) - 113) << 10) + (rounded - place)));
}
INLINE void store_halves(uint16_t *place, floats value) {
  for (int i = 0; i < LANES; i++) place[i] = half_of(value[i]);
}
#endif

#endif
