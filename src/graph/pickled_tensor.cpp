// SPDX-License-Identifier: MIT
// Types and bounds of pickled tensors.
#include "graph/pickled_tensor.h"

#include <algorithm>
#include <unordered_map>

#include <ATen/ATen.h>

#include "base/message_text.h"
#include "ttscale/error.h"

namespace ttscale::graph {
namespace {

at::ScalarType type_of(const std::string& storage) {
  static const std::unordered_map<std::string, at::ScalarType> kTypes{
      {"torch DoubleStorage", at::kDouble}, {"torch FloatStorage", at::kFloat}, {"torch LongStorage", at::kLong}};
  const auto found = kTypes.find(storage);
  if (found == kTypes.end()) {
    throw DataError("a tensor is a " + shown(storage) + ", expected float64, float32 or int64");
  }
  return found->second;
}

/// Numbers in a tensor of these sizes; -1 for a negative size and for more numbers than `most`.
std::int64_t numbers_in(const std::vector<std::int64_t>& sizes, std::int64_t most) {
  std::int64_t numbers = 1;
  bool empty = false;
  for (const std::int64_t size : sizes) {
    if (size < 0 || numbers > most / std::max<std::int64_t>(size, 1)) {
      return -1;
    }
    empty = empty || size == 0;
    numbers *= std::max<std::int64_t>(size, 1);
  }
  return empty ? 0 : numbers;
}

/// Index of the last number that the tensor touches; -1 for a negative stride and for one beyond `most`.
std::int64_t last_index(std::int64_t offset, const std::vector<std::int64_t>& sizes,
                        const std::vector<std::int64_t>& strides, std::int64_t most) {
  std::int64_t last = offset;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const std::int64_t steps = std::max<std::int64_t>(sizes[i] - 1, 0);
    if (strides[i] < 0 || strides[i] > most || (strides[i] > 0 && steps > (most - last) / strides[i])) {
      return -1;
    }
    last += steps * strides[i];
  }
  return last;
}

bool fits(std::int64_t count, std::int64_t offset, const std::vector<std::int64_t>& sizes,
          const std::vector<std::int64_t>& strides) {
  constexpr std::size_t kMaxDims = 8;
  if (sizes.size() != strides.size() || sizes.size() > kMaxDims || offset < 0 || offset > count) {
    return false;
  }
  const std::int64_t most = std::max<std::int64_t>(count, 1);  // what has a size of 0 may still have others of 1
  const std::int64_t numbers = numbers_in(sizes, most);
  const std::int64_t last = last_index(offset, sizes, strides, most);
  return numbers == 0 ? last >= 0 : numbers > 0 && last >= 0 && last < count;
}

}  // namespace

at::Tensor pickled_values(const std::string& storage, std::string_view record) {
  const at::ScalarType type = type_of(storage);
  const std::size_t size = c10::elementSize(type);
  if (record.size() % size != 0) {
    throw DataError("a tensor ends inside a value");
  }
  at::Tensor values = at::empty({static_cast<std::int64_t>(record.size() / size)}, type);
  std::copy(record.begin(), record.end(), static_cast<char*>(values.data_ptr()));
  return values;
}

at::Tensor pickled_tensor(const at::Tensor& values, std::int64_t offset, const std::vector<std::int64_t>& sizes,
                          const std::vector<std::int64_t>& strides) {
  if (!fits(values.numel(), offset, sizes, strides)) {
    throw DataError("a tensor reaches beyond its values");
  }
  return values.as_strided(sizes, strides, offset);
}

}  // namespace ttscale::graph
