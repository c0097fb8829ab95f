// SPDX-License-Identifier: MIT
#include "ops/packed_convolution.h"

#include <algorithm>
#include <string>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>

namespace ttscale::ops {
namespace {

/// Streams meet a whole batch and a smaller last one. A copy of the weight is kept for each.
constexpr std::size_t kKept = 2;

/// One of LibTorch's operators for packed weights, which have no C++ declarations; absent in 1.13.
c10::optional<c10::OperatorHandle> find(const char* name) {
  auto found = c10::Dispatcher::singleton().findSchema({name, ""});
  const bool runs = found && found->hasKernelForAnyDispatchKey(c10::DispatchKeySet(c10::DispatchKey::CPU) |
                                                               c10::DispatchKeySet(c10::DispatchKey::MkldnnCPU));
  return runs ? found : c10::nullopt;
}

at::Tensor call(const c10::OperatorHandle& op, torch::jit::Stack stack) {
  op.callBoxed(stack);
  return stack.at(0).toTensor();
}

/// LibTorch's operator that packs, where it also has the one that takes what it packs.
const c10::optional<c10::OperatorHandle>& packer() {
  static const auto op =
      find("mkldnn::_convolution_pointwise") ? find("mkldnn::_reorder_convolution_weight") : c10::nullopt;
  return op;
}

bool can_pack(at::ScalarType type) { return packer() && (type == at::kFloat || type == at::kBFloat16); }

at::Tensor in_channels_last(const at::Tensor& weight) {
  return weight.is_cpu() && weight.dim() == 4 ? weight.contiguous(at::MemoryFormat::ChannelsLast) : weight;
}

/// LibTorch 1.13 gives 1x1 convolutions of few images to BLAS where it has one thread, which takes ten times as long as
/// oneDNN with a BLAS that is not made for this CPU. What aten::conv2d would refuse is left to it.
bool suits_onednn(const at::Tensor& x, const ConvolutionOptions& options) {
  if (packer() || !at::globalContext().hasMKLDNN() || !at::globalContext().userEnabledMkldnn() || !x.is_cpu() ||
      x.dim() != 4 || x.numel() == 0 || x.scalar_type() != at::kFloat || options.weight.scalar_type() != at::kFloat ||
      x.size(1) != options.weight.size(1) * options.groups) {
    return false;
  }
  for (std::size_t side = 0; side < 2; ++side) {
    const auto dimension = static_cast<std::int64_t>(side) + 2;
    const std::int64_t reach = options.dilation[side] * (options.weight.size(dimension) - 1) + 1;
    if (x.size(dimension) + 2 * options.padding[side] < reach) {
      return false;
    }
  }
  return true;
}

}  // namespace

PackedConvolution::PackedConvolution(ConvolutionOptions options) : options_(std::move(options)) {
  options_.weight = options_.weight.detach();
  if (!can_pack(options_.weight.scalar_type())) {  // else a copy for nothing
    options_.weight = in_channels_last(options_.weight);
  }
}

at::Tensor PackedConvolution::packed_for(const at::Tensor& x) {
  const auto type = x.scalar_type();
  if (!can_pack(type) || !at::globalContext().userEnabledMkldnn() || !x.is_cpu() || x.dim() != 4 || x.numel() == 0 ||
      type != options_.weight.scalar_type()) {
    return {};
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto same = [&](const Packed& packed) { return x.sizes() == packed.sizes; };
  const auto found = std::find_if(packed_.begin(), packed_.end(), same);
  if (found != packed_.end()) {
    std::rotate(found, found + 1, packed_.end());
    return packed_.back().weight;
  }
  if (packed_.size() == kKept) {
    packed_.erase(packed_.begin());
  }
  Packed packed{x.sizes().vec(), {}};
  try {
    packed.weight = call(*packer(), {options_.weight, options_.padding, options_.stride, options_.dilation,
                                     options_.groups, packed.sizes});
  } catch (const std::exception&) {
    packed.weight = at::Tensor();  // not on this CPU; the convolution itself says what else may be wrong
  }
  packed_.push_back(packed);
  return packed.weight;
}

at::Tensor PackedConvolution::forward(const at::Tensor& x) {
  const at::Tensor weight = packed_for(x);
  if (!weight.defined() && suits_onednn(x, options_)) {
    return at::mkldnn_convolution(x.contiguous(at::MemoryFormat::ChannelsLast), options_.weight, options_.bias,
                                  options_.padding, options_.stride, options_.dilation, options_.groups);
  }
  if (!weight.defined()) {
    // LibTorch 1.13 cannot convolve nothing with weights in channels_last.
    return at::conv2d(x, x.numel() == 0 ? options_.weight.contiguous() : options_.weight, options_.bias,
                      options_.stride, options_.padding, options_.dilation, options_.groups);
  }
  static const c10::OperatorHandle convolve = *find("mkldnn::_convolution_pointwise");
  return call(convolve, {x.contiguous(at::MemoryFormat::ChannelsLast), weight, options_.bias, options_.padding,
                         options_.stride, options_.dilation, options_.groups, std::string("none"),
                         c10::List<c10::optional<at::Scalar>>(), std::string()});
}

}  // namespace ttscale::ops
