// SPDX-License-Identifier: MIT
// Small models and images that the tests of the program write into a folder of their own.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "temp_folder.h"

namespace ttscale::testing {

namespace fs = std::filesystem;

/// Writes bytes as they are.
void write_file(const fs::path& file, const std::string& bytes);

/// An 8x8 binary PPM of pixels drawn from `seed`.
std::string ppm(std::uint32_t seed);

/// A sound PNG of 65 bytes whose header promises 100000x100000 pixels (10 GB).
std::string png_bomb();

/// Writes root/<class>/<i>.ppm for the classes a, b and c, `count` images each.
void write_images(const fs::path& root, int count = 4);

/// Saves a scripted convolution, BatchNorm, ReLU, pooling and linear layer: [N, 3, H, W] -> [N, outputs].
void save_model(const fs::path& file, std::int64_t outputs = 3);

/// Saves an archive whose only method is called `predict`.
void save_model_without_forward(const fs::path& file);

/// A row of a predictions file without the setting, its last three columns.
inline std::string without_setting(std::string row) {
  for (int column = 0; column < 3; ++column) {
    row.resize(row.rfind(','));
  }
  return row;
}

/// A temporary folder with a model of three outputs and a folder of three classes.
class ProgramTest : public ::testing::Test {
 protected:
  void SetUp() override;

  [[nodiscard]] fs::path path(const std::string& name) const { return folder_ / name; }
  [[nodiscard]] std::string model() const { return path("model.pt").string(); }
  [[nodiscard]] std::string images() const { return path("images").string(); }

 private:
  TempFolder folder_;
};

}  // namespace ttscale::testing
