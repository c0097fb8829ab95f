// SPDX-License-Identifier: MIT
// A test fixture with an empty folder of its own.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "temp_folder.h"

namespace ttscale::testing {

/// A test with an empty folder, removed with everything in it at the end.
class FolderTest : public ::testing::Test {
 protected:
  /// Names of what lies in the folder.
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      found.push_back(entry.path().filename().string());
    }
    std::sort(found.begin(), found.end());
    return found;
  }

 private:
  TempFolder temporary_;

 protected:
  const std::filesystem::path folder = temporary_.path();
};

}  // namespace ttscale::testing
