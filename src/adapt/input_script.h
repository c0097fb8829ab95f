// SPDX-License-Identifier: MIT
// Input scaling as TorchScript, for archives that run without this library.
#pragma once

#include <string>

#include "ttscale/input.h"

namespace ttscale {

/// Source of a method `NAME(self, x: Tensor) -> Tensor` that computes scale_input(x, scaling) from ATen operators
/// alone; empty for no scaling.
std::string input_script(const std::string& name, const InputScaling& scaling);

}  // namespace ttscale
