// SPDX-License-Identifier: MIT
// Values as bytes that torch.load(weights_only=True) reads in Python, and back.
#pragma once

#include <string>

#include <ATen/core/ivalue.h>

namespace ttscale::graph {

/// Tensors, numbers, strings, lists of strings or of any values, and dictionaries of them. (Lists of numbers would get
/// a type that torch.load(weights_only=True) refuses.)
std::string pickle(const c10::IValue& value);

/// Throws c10::Error or std::exception for bytes that are no pickle.
c10::IValue unpickle(const std::string& bytes);

}  // namespace ttscale::graph
