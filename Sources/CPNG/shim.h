// libpng: the project's private copy if script/bootstrap made one, else the system's.
#if __has_include("../../.deps/libraries/include/png.h")
#include "../../.deps/libraries/include/png.h"
#elif __has_include(<png.h>)
#include <png.h>
#else
#error "libpng was not found: run script/bootstrap"
#endif
