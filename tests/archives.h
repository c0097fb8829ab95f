// SPDX-License-Identifier: MIT
// The TorchScript archives of tests/archives (made by scripts/make_test_archives.py) and what eager PyTorch computes
// with them.
#pragma once

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <torch/csrc/jit/serialization/pickle.h>
#include <torch/script.h>

#include "paths.h"

namespace ttscale::testing {

inline std::filesystem::path archive_path(const std::string& name) {
  return source_dir() / "tests" / "archives" / (name + ".pt");
}

inline torch::jit::Module load_archive(const std::string& name) {
  return torch::jit::load(archive_path(name).string());
}

/// One tensor of NAME.golden.pt: "input", "source" or "batch".
inline at::Tensor golden(const std::string& name, const std::string& key) {
  std::ifstream file(archive_path(name + ".golden"), std::ios::binary);
  const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return torch::jit::pickle_load(bytes).toGenericDict().at(key).toTensor();
}

}  // namespace ttscale::testing
