// SPDX-License-Identifier: MIT
// glibc's mallopt, and Linux's madvise on what malloc has yet to hand out.
#include "cli/memory.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>

#if defined(__linux__) && defined(__GLIBC__)
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace ttscale::cli {

#if defined(__linux__) && defined(__GLIBC__)

namespace {

/// The end of the heap that is laid out ahead: addresses, no memory until they are written. Below the largest threshold
/// for trimming, at which glibc would give it back; less where the system grants less.
constexpr std::size_t kMostAhead = std::size_t{1} << 30;
constexpr std::size_t kLeastAhead = std::size_t{1} << 26;

void ask_for_huge_pages() {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  for (std::size_t size = kMostAhead; size >= kLeastAhead; size /= 2) {
    void* const ahead = std::malloc(size);  // NOLINT: it is the allocator that this is about
    if (ahead == nullptr) {
      continue;
    }
    // Whole pages of it.
    const std::size_t before = (page - reinterpret_cast<std::uintptr_t>(ahead) % page) % page;
    // Kernels without huge pages refuse, and nothing is lost.
    static_cast<void>(madvise(static_cast<char*>(ahead) + before, (size - before) / page * page, MADV_HUGEPAGE));
    std::free(ahead);  // NOLINT: joins the end of the heap, from which allocations are taken in turn
    return;
  }
}

}  // namespace

void prepare_memory() {
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
  ask_for_huge_pages();
}

#else

void prepare_memory() {}

#endif

}  // namespace ttscale::cli
