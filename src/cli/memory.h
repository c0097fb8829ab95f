// SPDX-License-Identifier: MIT
// How the C library's allocator treats the program's memory.
#pragma once

namespace ttscale::cli {

/// Before anything large is allocated. Elsewhere than under Linux with glibc: nothing.
///
/// Freed memory is kept for the next layer. Activations of tens of megabytes come and go with each; by default glibc
/// returns every one to the system, which hands the pages out anew and zeroes them: a third of the time of a small
/// network.
///
/// The heap asks for huge pages, which distributions give to those who ask (`madvise` in
/// /sys/kernel/mm/transparent_hugepage/enabled): walking through activations misses the cores' caches of addresses
/// less often, a twentieth to an eighth of the time of a forward (tests/bench/README.md). What
/// GLIBC_TUNABLES=glibc.malloc.hugetlb=1 does, but that has to be there before the program starts.
void prepare_memory();

}  // namespace ttscale::cli
