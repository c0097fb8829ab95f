// SPDX-License-Identifier: MIT
// glibc's mallopt.
#include "cli/memory.h"

#include <limits>

#include <malloc.h>

namespace ttscale::cli {

void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
#endif
}

}  // namespace ttscale::cli
