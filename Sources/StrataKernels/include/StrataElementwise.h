#ifndef STRATA_ELEMENTWISE_H
#define STRATA_ELEMENTWISE_H

#include <stdint.h>

/// What one instruction does to each element. Two operands, or the first alone.
enum {
  STRATA_ADD,
  STRATA_SUBTRACT,
  STRATA_MULTIPLY,
  STRATA_DIVIDE,
  STRATA_MINIMUM,
  STRATA_MAXIMUM,
  STRATA_NEGATE,
  STRATA_ABSOLUTE,
  STRATA_SQUARE,
  STRATA_SQRT,
  STRATA_RSQRT,
  /// Limits to `low...high`.
  STRATA_CLAMP,
  /// The second operand where the first is above `low` and not from `high` on, else 0; not-a-number is no bound.
  STRATA_GATE,
};

/// Values are numbered: first the operands, then the results of the instructions in order.
typedef struct {
  int32_t operation;
  int32_t first;
  int32_t second;
  float low;
  float high;
} strata_instruction;

/// Where an operand's elements come from.
enum {
  /// Memory, an element each.
  STRATA_ELEMENTS,
  /// One number for all.
  STRATA_NUMBER,
  /// The matrix product `aᵀ x` of `a [depth, rows]` and `x [depth, columns]`, computed where it is needed.
  STRATA_PRODUCT,
};

typedef struct {
  int32_t kind;
  /// Positions in the list of memory; `second` is that of `x` in a product.
  int32_t first;
  int32_t second;
  int32_t depth;
} strata_operand;

/// A small program that runs over all elements of some arrays of one size, in one pass over memory.
///
/// The arrays are cut into blocks that fit into the first cache; each instruction runs over a block. A block's
/// results are written after all its operands were read, so that a result may take an operand's place.
typedef struct {
  int32_t isa;
  int32_t threads;
  int64_t rows;
  int64_t columns;
  int32_t operand_count;
  int32_t instruction_count;
  int32_t output_count;
  const strata_operand *operands;
  const strata_instruction *instructions;
  /// The values that are kept, in the order of their memory, which follows that of the operands.
  const int32_t *outputs;
  /// Position of the first output in the list of memory.
  int32_t first_output;
} strata_elementwise;

/// The deepest product.
enum { STRATA_DEPTH_LIMIT = 64 };

/// Runs the program on a list of arrays.
void strata_elementwise_run(const strata_elementwise *program, float *const *memory);

#endif
