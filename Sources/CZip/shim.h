// libzip: the project's private copy if script/bootstrap made one, else the system's.
#if __has_include("../../.deps/libraries/include/zip.h")
#include "../../.deps/libraries/include/zip.h"
#elif __has_include(<zip.h>)
#include <zip.h>
#else
#error "libzip was not found: run script/bootstrap"
#endif
