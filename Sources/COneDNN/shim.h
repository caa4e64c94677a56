// oneDNN's C API: the project's private copy if script/bootstrap made one, else the system's.
#if __has_include("../../.deps/onednn/include/oneapi/dnnl/dnnl.h")
#include "../../.deps/onednn/include/oneapi/dnnl/dnnl.h"
#elif __has_include(<oneapi/dnnl/dnnl.h>)
#include <oneapi/dnnl/dnnl.h>
#else
#error "oneDNN 3 was not found: run script/bootstrap"
#endif

// Version 2 has another API under the same names.
#if defined(DNNL_VERSION_MAJOR) && DNNL_VERSION_MAJOR != 3
#error "Strata needs version 3 of oneDNN, and this is another one: run script/bootstrap"
#endif
