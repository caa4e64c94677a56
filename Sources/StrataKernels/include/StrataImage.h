#ifndef STRATA_IMAGE_H
#define STRATA_IMAGE_H

#include <stdint.h>

/// Distances in floats within an image whose channels lie side by side at least 16 at a time: from image to image,
/// from one block of 16 channels to the next, from row to row and from pixel to pixel.
typedef struct {
  int64_t image, block, row, pixel;
} strata_image_layout;

#endif
