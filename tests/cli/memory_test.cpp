// SPDX-License-Identifier: MIT
// The allocator of a program that has called prepare_memory(), by what Linux says of its pages.
#include "cli/memory.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include <unistd.h>

namespace ttscale::cli {
namespace {

constexpr std::size_t kActivation = std::size_t{64} << 20;

/// The flags of the mapping that holds an address, as /proc/self/smaps has them.
std::string flags_of(const void* address) {
  std::ifstream maps("/proc/self/smaps");
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    char dash = 0;
    std::istringstream range(line);
    if (range >> std::hex >> begin >> dash >> end && dash == '-') {
      inside = begin <= wanted && wanted < end;
    } else if (inside && line.rfind("VmFlags:", 0) == 0) {
      return line + ' ';
    }
  }
  return {};
}

/// Bytes of this process that are in memory.
std::size_t resident() {
  std::ifstream statm("/proc/self/statm");
  std::size_t all = 0;
  std::size_t pages = 0;
  statm >> all >> pages;
  return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

/// Memory of an activation, written.
void* written() {
  auto* const p = static_cast<volatile char*>(std::malloc(kActivation));
  for (std::size_t i = 0; p != nullptr && i < kActivation; i += 4096) {
    p[i] = 1;
  }
  return const_cast<char*>(p);
}

/// Exits with 0 if all is as it should be; in a process of its own, whose allocator nothing else has met.
[[noreturn]] void try_memory() {
  const std::size_t before = resident();
  prepare_memory();
  if (resident() > before + kActivation / 2) {
    std::_Exit(1);  // what is laid out ahead must not be memory
  }
  void* const first = written();
  if (flags_of(static_cast<char*>(first) + kActivation / 2).find(" hg ") == std::string::npos) {
    std::_Exit(2);
  }
  std::free(first);
  if (resident() < before + kActivation / 2) {
    std::_Exit(3);  // given back
  }
  std::_Exit(0);
}

TEST(Memory, FreedMemoryIsKeptAndPagesMayBeHuge) {
#if !defined(__linux__) || !defined(__GLIBC__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the allocator is not glibc's";
#endif
  if (!std::ifstream("/sys/kernel/mm/transparent_hugepage/enabled")) {
    GTEST_SKIP() << "this kernel has no huge pages to ask for";
  }
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_EXIT(try_memory(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace ttscale::cli
