// SPDX-License-Identifier: MIT
// Statistics of a stream as a file that torch.load(weights_only=True) reads in Python.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace ttscale {

/// What a state belongs to, and the state.
struct StateFile {
  std::string model;               ///< fingerprint of the model
  std::string reference;           ///< fingerprint of the reference moments; empty without
  std::string rule;                ///< text with its options
  std::vector<std::string> sites;  ///< names
  std::int64_t images = 0;         ///< seen since the last reset
  at::Tensor state;                ///< float64, on the CPU
  at::Tensor guard = {};           ///< Watch::numbers()
  at::Tensor probe = {};           ///< InputProbe::numbers()
  at::Tensor good = {};            ///< state that the guard would go back to; undefined: the beginning
};

/// What a file gives back; `guard`, `probe` and `good` undefined where it has none.
struct SavedState {
  at::Tensor state, guard, probe, good;
};

/// Writes the file, whole or not at all. Throws Error naming path and reason.
void write_state(const std::filesystem::path& file, const StateFile& content);

/// The state in a file that belongs to what `expected` describes. Throws DataError that names the difference otherwise,
/// or if the file is damaged.
SavedState read_state(const std::filesystem::path& file, const StateFile& expected);

/// The same of the bytes of a file; `file` is for messages.
SavedState parse_state(const std::string& bytes, const std::filesystem::path& file, const StateFile& expected);

}  // namespace ttscale
