// SPDX-License-Identifier: MIT
// Values as bytes that torch.load(weights_only=True) reads in Python, and back.
#pragma once

#include <string>
#include <string_view>

#include <ATen/core/ivalue.h>

namespace ttscale::graph {

/// Tensors, numbers, strings, lists of strings or of any values, and dictionaries of them. (Lists of numbers would get
/// a type that torch.load(weights_only=True) refuses.)
std::string pickle(const c10::IValue& value);

/// What pickle() wrote; texts, numbers, lists, dictionaries with texts as keys, and tensors of float64, float32 and
/// int64. Throws DataError saying what is wrong, without a file's name, for any other bytes, whatever they are.
c10::IValue unpickle(std::string_view bytes);

}  // namespace ttscale::graph
