// SPDX-License-Identifier: MIT
// What oneDNN does to each value as it writes it, as LibTorch's operators for packed weights name it.
#pragma once

#include <string>

#include <ATen/core/List.h>
#include <ATen/core/Scalar.h>
#include <c10/util/Optional.h>

#include "ops/activation.h"

namespace ttscale::ops {

inline constexpr const char* kNoPostOperation = "none";
inline constexpr const char* kReluPostOperation = "relu";

struct PostOperation {
  std::string name = kNoPostOperation;
  c10::List<c10::optional<at::Scalar>> numbers = c10::List<c10::optional<at::Scalar>>();
};

PostOperation post_operation(const Activation& activation);

}  // namespace ttscale::ops
