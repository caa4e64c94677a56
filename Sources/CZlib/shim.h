// zlib: the project's private copy if script/bootstrap made one, else the system's.
#ifndef STRATA_CZLIB_H
#define STRATA_CZLIB_H

#if __has_include("../../.deps/libraries/include/zlib.h")
#include "../../.deps/libraries/include/zlib.h"
#elif __has_include(<zlib.h>)
#include <zlib.h>
#else
#error "zlib was not found: run script/bootstrap"
#endif

// zlib's own name for this is a macro, which Swift does not see.
static inline int strata_inflate_gzip(z_stream *stream) { return inflateInit2(stream, 16 + MAX_WBITS); }

#endif
