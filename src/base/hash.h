// SPDX-License-Identifier: MIT
// One number for many bytes: tells apart what differs by mistake, not by intent.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

namespace ttscale {

/// FNV-1a (Fowler, Noll, Vo) on words of eight bytes in place of bytes. The length of every piece counts too, so that
/// "a", "bc" and "ab", "c" differ.
class Hash {
 public:
  void add(std::string_view bytes) {
    std::size_t i = 0;
    for (; i + sizeof(std::uint64_t) <= bytes.size(); i += sizeof(std::uint64_t)) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data() + i, sizeof word);
      mix(word);
    }
    for (; i < bytes.size(); ++i) {
      mix(static_cast<unsigned char>(bytes[i]));
    }
    mix(bytes.size());
  }

  /// 16 hexadecimal digits.
  [[nodiscard]] std::string text() const {
    std::array<char, 17> hex{};
    std::snprintf(hex.data(), hex.size(), "%016llx", static_cast<unsigned long long>(state_));
    return hex.data();
  }

 private:
  // The shift brings high bits down, which multiplication alone never does.
  void mix(std::uint64_t word) {
    constexpr int kHalf = 32;
    state_ = (state_ ^ word) * 1099511628211ULL;
    state_ ^= state_ >> kHalf;
  }

  std::uint64_t state_ = 14695981039346656037ULL;
};

}  // namespace ttscale
