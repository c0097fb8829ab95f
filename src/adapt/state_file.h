// SPDX-License-Identifier: MIT
// The file of a stream's statistics.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace ttscale {

/// What the statistics belong to, and they themselves.
struct StateFile {
  std::string model;               ///< fingerprint of the rewritten model
  std::string rule;                ///< text of the rule with its options
  std::vector<std::string> sites;  ///< names of the adapted layers
  at::Tensor state;                ///< all tensors of the stream end to end, float64, CPU
};

/// Writes the file whole or not at all. Throws Error naming the path and the reason.
void write_state(const std::filesystem::path& file, const StateFile& content);

/// Reads a file that must have been written for `expected` (all but its `state` values, whose number counts). Throws
/// DataError that names the first difference, or says that the file is missing, damaged, or of another format.
at::Tensor read_state(const std::filesystem::path& file, const StateFile& expected);

}  // namespace ttscale
