// SPDX-License-Identifier: MIT
#include "ops/packed_channels.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>

namespace ttscale::ops {
namespace {

using std::int32_t;
using std::int64_t;

/// oneDNN lays 8 neighbours together, or a multiple of them, by instruction set.
constexpr int64_t kBlock = 8;

struct Memory {
  float* data = nullptr;
  int64_t size = 0;  ///< floats
};

int64_t ask(const c10::OperatorHandle& op, const at::Tensor& packed) {
  torch::jit::Stack stack{packed};
  op.callBoxed(stack);
  return stack.at(0).toInt();
}

/// The memory of a packed weight, which is opaque otherwise; none without LibTorch's operators for it (2.1 on).
std::optional<Memory> memory_of(const at::Tensor& packed) {
  static const auto data = c10::Dispatcher::singleton().findSchema({"mkldnn::data_ptr", ""});
  static const auto bytes = c10::Dispatcher::singleton().findSchema({"mkldnn::_nbytes", ""});
  if (!data || !bytes || !packed.defined() || !packed.is_mkldnn() || packed.scalar_type() != at::kFloat) {
    return std::nullopt;
  }
  return Memory{reinterpret_cast<float*>(ask(*data, packed)),  // NOLINT: the operator gives an address as a number
                ask(*bytes, packed) / static_cast<int64_t>(sizeof(float))};
}

/// The block whose elements are channels counted from 1, or 0 where the block is filled up.
std::optional<int32_t> block_at(const float* marks) {
  const auto first = static_cast<int32_t>(marks[0]);
  bool neighbours = first > 0;
  for (int32_t i = 0; i < kBlock; ++i) {
    const auto mark = static_cast<int32_t>(marks[i]);
    neighbours = neighbours && (mark == first + i || mark == 0);
  }
  if (neighbours) {
    return first - 1;
  }
  const float most = *std::max_element(marks, marks + kBlock);
  const bool same = std::all_of(marks, marks + kBlock, [&](float mark) { return mark == most || mark == 0; });
  const auto channel = std::max(static_cast<int32_t>(most), int32_t{1}) - 1;  // nothing but fill: of any channel
  return same ? std::optional<int32_t>(-1 - channel) : std::nullopt;
}

}  // namespace

std::optional<PackedChannels> PackedChannels::find(const at::Tensor& weight, const at::Tensor& packed,
                                                   const std::function<at::Tensor(const at::Tensor& weight)>& pack) {
  PackedChannels out;
  const int64_t channels = weight.size(0);
  const at::Tensor numbers = at::arange(1, channels + 1, at::kFloat).view({-1, 1, 1, 1});
  const at::Tensor marked = pack(numbers.expand(weight.sizes()).contiguous());
  const auto memory = memory_of(marked);
  if (!memory || memory->size % kBlock != 0) {
    return std::nullopt;
  }
  out.blocks_.reserve(static_cast<std::size_t>(memory->size / kBlock));
  for (int64_t i = 0; i < memory->size; i += kBlock) {
    const auto block = block_at(memory->data + i);
    if (!block) {
      return std::nullopt;
    }
    out.blocks_.push_back(*block);
  }
  // The marks say nothing of how the elements of a channel lie, which must be the same for all weights: tried once,
  // with factors of both signs.
  const at::Tensor scale = at::linspace(-1.5, 2, channels, at::kFloat);
  const at::Tensor expected = pack(weight * scale.view({-1, 1, 1, 1}));
  const auto want = memory_of(expected);
  const bool agrees = out.scale(packed, scale, marked) && want && want->size == memory->size &&
                      std::equal(want->data, want->data + want->size, memory->data);
  return agrees ? std::optional(std::move(out)) : std::nullopt;
}

bool PackedChannels::scale(const at::Tensor& packed, const at::Tensor& scale, const at::Tensor& out) const {
  const auto from = memory_of(packed);
  const auto to = memory_of(out);
  const auto size = static_cast<int64_t>(blocks_.size()) * kBlock;
  if (!from || !to || from->size != size || to->size != size) {
    return false;
  }
  const at::Tensor filled = at::constant_pad_nd(scale, {0, kBlock});  // blocks may end behind the last channel
  const float* factors = filled.data_ptr<float>();
  constexpr int64_t kBlocksWorthAThread = 2048;
  at::parallel_for(0, size / kBlock, kBlocksWorthAThread, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const float* in = from->data + block * kBlock;
      float* result = to->data + block * kBlock;
      const int32_t first = blocks_[static_cast<std::size_t>(block)];
      if (first >= 0) {
        for (int64_t i = 0; i < kBlock; ++i) {
          result[i] = in[i] * factors[first + i];
        }
      } else {
        const float factor = factors[-1 - first];
        for (int64_t i = 0; i < kBlock; ++i) {
          result[i] = in[i] * factor;
        }
      }
    }
  });
  return true;
}

}  // namespace ttscale::ops
