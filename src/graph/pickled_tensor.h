// SPDX-License-Identifier: MIT
// Tensors from the bytes and numbers of a pickle that nobody vouches for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>

namespace ttscale::graph {

/// The values in a record, [count]. `storage` is the pickle's name of their type: "torch DoubleStorage", FloatStorage
/// or LongStorage. Throws DataError for another one, and for a record that ends inside a value.
at::Tensor pickled_values(const std::string& storage, std::string_view record);

/// A view of `values` [count]. Throws DataError if it would reach beyond them, or be larger (by a stride of 0).
at::Tensor pickled_tensor(const at::Tensor& values, std::int64_t offset, const std::vector<std::int64_t>& sizes,
                          const std::vector<std::int64_t>& strides);

}  // namespace ttscale::graph
