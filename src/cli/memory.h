// SPDX-License-Identifier: MIT
// How the C library's allocator treats the program's memory.
#pragma once

namespace ttscale::cli {

/// Keeps freed memory for the next layer. Activations of tens of megabytes come and go with each; by default glibc
/// returns every one to the system, which hands the pages out anew and zeroes them: a third of the time of a small
/// network. Elsewhere than glibc: nothing.
void keep_freed_memory();

}  // namespace ttscale::cli
