#ifndef STRATA_CPNG_H
#define STRATA_CPNG_H

#include <png.h>
#include <setjmp.h>
#include <stddef.h>
#include <string.h>

// libpng leaves a function that failed by a long jump, which may not cross Swift's frames: the functions
// below are C, hold the jump inside themselves, and return what went wrong.

/// Where reading has come to, and what went wrong.
typedef struct {
  const unsigned char *bytes;
  size_t count;
  size_t position;
  char message[128];
} strata_png_state;

static inline void strata_png_read_bytes(png_structp png, png_bytep target, size_t count) {
  strata_png_state *state = (strata_png_state *)png_get_io_ptr(png);
  if (count > state->count - state->position) png_error(png, "its data end early");
  memcpy(target, state->bytes + state->position, count);
  state->position += count;
}

static inline void strata_png_fail(png_structp png, png_const_charp message) {
  strata_png_state *state = (strata_png_state *)png_get_error_ptr(png);
  strncpy(state->message, message, sizeof state->message - 1);
  png_longjmp(png, 1);
}

static inline void strata_png_ignore(png_structp png, png_const_charp message) {
  (void)png;
  (void)message;
}

/// Decodes the rows of a PNG of `width` × `height` into `pixels`, top row first, without gaps: 8-bit RGB, or,
/// where `keeps_grey16` is not 0, the 16-bit samples of a greyscale picture, high byte first.
///
/// Colours are what the file has: no gamma, no background behind transparent pixels; of 16 bits the upper 8.
/// Returns 1, or 0 with `state->message` set.
static inline int strata_png_decode(
    strata_png_state *state, unsigned width, unsigned height, int keeps_grey16, unsigned char *pixels) {
  png_structp png =
      png_create_read_struct(PNG_LIBPNG_VER_STRING, state, strata_png_fail, strata_png_ignore);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  if (!info) {
    strncpy(state->message, "libpng cannot start", sizeof state->message - 1);
    png_destroy_read_struct(&png, NULL, NULL);
    return 0;
  }
  if (setjmp(png_jmpbuf(png))) {
    png_destroy_read_struct(&png, &info, NULL);
    return 0;
  }
  png_set_read_fn(png, state, strata_png_read_bytes);
  png_set_user_limits(png, width, height);
  // Profiles and texts may be bombs themselves, and none of them changes a pixel.
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
  png_read_info(png, info);
  if (!keeps_grey16) {
    png_set_strip_16(png);
    png_set_palette_to_rgb(png);
    png_set_expand_gray_1_2_4_to_8(png);
    png_set_gray_to_rgb(png);
    png_set_strip_alpha(png);
  }
  int passes = png_set_interlace_handling(png);
  png_read_update_info(png, info);
  size_t row_bytes = (size_t)width * (keeps_grey16 ? 2 : 3);
  if (png_get_image_width(png, info) != width || png_get_image_height(png, info) != height ||
      png_get_rowbytes(png, info) != row_bytes)
    png_error(png, "its header is ambiguous");
  for (int pass = 0; pass < passes; pass++)
    for (size_t row = 0; row < height; row++) png_read_row(png, pixels + row * row_bytes, NULL);
  png_destroy_read_struct(&png, &info, NULL);
  return 1;
}

/// The most bytes that a PNG of 8-bit RGB takes.
static inline size_t strata_png_bound(unsigned width, unsigned height) {
  png_image image;
  memset(&image, 0, sizeof image);
  image.width = width;
  image.height = height;
  image.format = PNG_FORMAT_RGB;
  return PNG_IMAGE_PNG_SIZE_MAX(image);
}

/// Encodes 8-bit RGB into `target` of `capacity` bytes.
/// Returns the bytes written, or 0 with `state->message` set.
static inline size_t strata_png_encode(
    strata_png_state *state, unsigned width, unsigned height, const unsigned char *pixels, void *target,
    size_t capacity) {
  png_image image;
  memset(&image, 0, sizeof image);
  image.version = PNG_IMAGE_VERSION;
  image.width = width;
  image.height = height;
  image.format = PNG_FORMAT_RGB;
  png_alloc_size_t count = capacity;
  int written = png_image_write_to_memory(&image, target, &count, 0, pixels, (png_int_32)(width * 3), NULL);
  if (written) return count;
  strncpy(state->message, image.message, sizeof state->message - 1);
  png_image_free(&image);
  return 0;
}

#endif
