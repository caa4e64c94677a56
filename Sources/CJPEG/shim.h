// TurboJPEG: the project's private copy if script/bootstrap made one, else the system's.
#if __has_include("../../.deps/libraries/include/turbojpeg.h")
#include "../../.deps/libraries/include/turbojpeg.h"
#elif __has_include(<turbojpeg.h>)
#include <turbojpeg.h>
#else
#error "TurboJPEG was not found: run script/bootstrap"
#endif
