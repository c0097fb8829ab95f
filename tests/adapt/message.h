// SPDX-License-Identifier: MIT
// What is said where something is refused.
#pragma once

#include <functional>
#include <string>

#include <gtest/gtest.h>

namespace ttscale::testing {

/// The one line that an Error says.
template <typename Error>
std::string message(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error of the kind";
  return {};
}

}  // namespace ttscale::testing
