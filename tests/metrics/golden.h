// SPDX-License-Identifier: MIT
// Stored results of other libraries, and tensors from JSON.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "paths.h"

namespace ttscale::testing {

/// A file of tests/metrics/golden, made by scripts/make_metric_goldens.py.
inline nlohmann::json golden(const std::string& name) {
  std::ifstream file(source_dir() / "tests/metrics/golden" / name);
  return nlohmann::json::parse(file);
}

inline at::Tensor labels_of(const std::vector<std::int64_t>& labels) { return at::tensor(labels, at::kLong); }

/// Nested lists of numbers of any depth, as float64.
inline at::Tensor tensor_of(const nlohmann::json& values) {
  if (values.front().is_number()) {
    return at::tensor(values.get<std::vector<double>>(), at::kDouble);
  }
  std::vector<at::Tensor> parts;
  for (const auto& part : values) {
    parts.push_back(tensor_of(part));
  }
  return at::stack(parts);
}

}  // namespace ttscale::testing
