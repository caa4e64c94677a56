#include "elementwise.h"

#include "../include/StrataParallel.h"
#include "../vectors.h"

/// Rows that share a block of `x` in a product while it lies in the first cache.
enum { ROW_TILE = 16 };

// Loops of one operation each are simple enough for the compiler to vectorise.
#define EACH(expression) \
  for (int64_t i = 0; i < n; i++) r[i] = (expression)

static void perform(
  const strata_instruction *it, const float *restrict a, const float *restrict b, float *restrict r, int64_t n) {
  const float low = it->low, high = it->high;
  switch (it->operation) {
  case STRATA_ADD: EACH(a[i] + b[i]); break;
  case STRATA_SUBTRACT: EACH(a[i] - b[i]); break;
  case STRATA_MULTIPLY: EACH(a[i] * b[i]); break;
  case STRATA_DIVIDE: EACH(a[i] / b[i]); break;
  // Not-a-number stays, whichever side it is on.
  case STRATA_MINIMUM: EACH(a[i] != a[i] || a[i] < b[i] ? a[i] : b[i]); break;
  case STRATA_MAXIMUM: EACH(a[i] != a[i] || a[i] > b[i] ? a[i] : b[i]); break;
  case STRATA_NEGATE: EACH(-a[i]); break;
  case STRATA_ABSOLUTE: EACH(__builtin_elementwise_abs(a[i])); break;
  case STRATA_SQUARE: EACH(a[i] * a[i]); break;
  case STRATA_SQRT: EACH(__builtin_elementwise_sqrt(a[i])); break;
  case STRATA_RSQRT: EACH(1 / __builtin_elementwise_sqrt(a[i])); break;
  case STRATA_CLAMP: EACH(a[i] < low ? low : a[i] > high ? high : a[i]); break;
  case STRATA_GATE: EACH(a[i] > low && !(a[i] >= high) ? b[i] : 0); break;
  default: break;
  }
}

/// `n` elements of a row of a product: the sum of rows of `x` with `weights`.
static void sum_rows(const float *x, int64_t stride, const float *weights, int32_t depth, float *r, int64_t n) {
  int64_t i = 0;
  for (; i + 4 * LANES <= n; i += 4 * LANES) {
    floats s0 = filled(0), s1 = s0, s2 = s0, s3 = s0;
    const float *place = x + i;
    for (int32_t d = 0; d < depth; d++, place += stride) {
      const floats w = filled(weights[d]);
      s0 += w * load(place);
      s1 += w * load(place + LANES);
      s2 += w * load(place + 2 * LANES);
      s3 += w * load(place + 3 * LANES);
    }
    store(r + i, s0);
    store(r + i + LANES, s1);
    store(r + i + 2 * LANES, s2);
    store(r + i + 3 * LANES, s3);
  }
  for (; i < n; i++) {
    float sum = 0;
    for (int32_t d = 0; d < depth; d++) sum += weights[d] * x[d * stride + i];
    r[i] = sum;
  }
}

void KERNELS(
  const strata_elementwise *program, float *const *memory, float *scratch, int32_t thread, int32_t count) {
  const int32_t operands = program->operand_count, instructions = program->instruction_count;
  const int64_t rows = program->rows, columns = program->columns;
  // A single row is cut along its columns, in whole blocks; else each thread has some rows.
  const int64_t blocks = (columns + STRATA_BLOCK - 1) / STRATA_BLOCK;
  const int64_t units = rows == 1 ? blocks : rows;
  const int64_t from = units * thread / count, to = units * (thread + 1) / count;
  const int64_t row_from = rows == 1 ? 0 : from, row_to = rows == 1 ? 1 : to;
  const int64_t block_from = rows == 1 ? from : 0, block_to = rows == 1 ? to : blocks;

  float *values[operands + instructions];
  for (int32_t v = 0; v < operands + instructions; v++) {
    values[v] = scratch + v * STRATA_BLOCK;
    if (v < operands && program->operands[v].kind == STRATA_NUMBER) {
      const float number = *memory[program->operands[v].first];
      for (int64_t i = 0; i < STRATA_BLOCK; i++) values[v][i] = number;
    }
  }
  for (int64_t tile = row_from; tile < row_to; tile += ROW_TILE) {
    const int64_t tile_end = tile + ROW_TILE < row_to ? tile + ROW_TILE : row_to;
    for (int64_t block = block_from; block < block_to; block++) {
      const int64_t column = block * STRATA_BLOCK;
      const int64_t n = columns - column < STRATA_BLOCK ? columns - column : STRATA_BLOCK;
      for (int64_t row = tile; row < tile_end; row++) {
        const int64_t place = row * columns + column;
        for (int32_t v = 0; v < operands; v++) {
          const strata_operand *operand = &program->operands[v];
          if (operand->kind == STRATA_ELEMENTS) {
            values[v] = memory[operand->first] + place;
          } else if (operand->kind == STRATA_PRODUCT) {
            float weights[STRATA_DEPTH_LIMIT];
            for (int32_t d = 0; d < operand->depth; d++) weights[d] = memory[operand->first][d * rows + row];
            sum_rows(memory[operand->second] + column, columns, weights, operand->depth, values[v], n);
          }
        }
        for (int32_t i = 0; i < instructions; i++) {
          const strata_instruction *it = &program->instructions[i];
          perform(it, values[it->first], values[it->second], values[operands + i], n);
        }
        for (int32_t o = 0; o < program->output_count; o++) {
          float *target = memory[program->first_output + o] + place;
          memcpy(target, values[program->outputs[o]], (size_t)n * sizeof(float));
        }
      }
    }
  }
}
