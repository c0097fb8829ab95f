// SPDX-License-Identifier: MIT
// What a refusal must look like, and what must hold after one was not given.
#pragma once

#include <stdexcept>
#include <string>

#include "ttscale/error.h"

namespace ttscale::fuzz {

/// A finding that is no crash.
class Finding : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

inline void require(bool condition, const std::string& otherwise) {
  if (!condition) {
    throw Finding(otherwise);
  }
}

/// Throws Finding for a message that is empty, longer than a few lines of a terminal, or not on one line.
inline void check_message(const std::string& message) {
  constexpr std::size_t kLongest = 1500;
  require(!message.empty() && message.size() <= kLongest, "a message of " + std::to_string(message.size()) + " bytes");
  require(message.find_first_of("\n\r") == std::string::npos, "a message of several lines: " + message);
}

/// Calls `read`, which may refuse with an Error; whether it did not. Other exceptions pass: findings.
template <typename Read>
bool may_refuse(Read read) {
  try {
    read();
    return true;
  } catch (const Error& error) {
    check_message(error.what());
    return false;
  }
}

}  // namespace ttscale::fuzz
