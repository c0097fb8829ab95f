// SPDX-License-Identifier: MIT
#include "ops/packed_convolution.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <string>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include "ops/cpu/depthwise_convolution.h"
#include "ops/cpu/pointwise_convolution.h"
#include "ops/post_operation.h"

namespace ttscale::ops {
namespace {

/// Streams meet a whole batch and a smaller last one, each of which may run in two parts (graph/sampler.h). A copy of
/// the weight is kept for each shape.
constexpr std::size_t kKept = 4;

/// One of LibTorch's operators for packed weights, which have no C++ declarations; absent in 1.13.
c10::optional<c10::OperatorHandle> find(const char* name, const char* overload = "") {
  auto found = c10::Dispatcher::singleton().findSchema({name, overload});
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

bool is_16_bit(at::ScalarType type) { return type == at::kBFloat16 || type == at::kHalf; }

/// Whether oneDNN convolves numbers of a 16-bit type on this CPU. LibTorch, whose own loops take the others, does not
/// say so; its packer refuses what oneDNN cannot do. Without one (1.13) it gives oneDNN bfloat16 where there is
/// AVX-512.
bool asks_onednn(at::ScalarType type) {
  if (!packer()) {
    return type == at::kBFloat16 && available_isas().back() == Isa::kAvx512;
  }
  const std::vector<std::int64_t> ones{1, 1};
  try {
    call(*packer(), {at::ones({16, 16, 1, 1}, type), std::vector<std::int64_t>{0, 0}, ones, ones, 1,
                     std::vector<std::int64_t>{1, 16, 8, 8}});
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

bool in_onednn(at::ScalarType type) {
  static const bool bfloat16 = asks_onednn(at::kBFloat16);
  static const bool half = asks_onednn(at::kHalf);
  return type == at::kBFloat16 ? bfloat16 : half;
}

bool can_pack(at::ScalarType type) {
  return packer() && (type == at::kFloat || (type == at::kBFloat16 && in_onednn(type)));
}

at::Tensor in_channels_last(const at::Tensor& weight) {
  return weight.is_cpu() && weight.dim() == 4 ? weight.contiguous(at::MemoryFormat::ChannelsLast) : weight;
}

/// Of float64 in main memory, as coefficients are. No operator: it is asked at every layer. NaN is never the same.
bool same_values(const at::Tensor& a, const at::Tensor& b) {
  const double* first = a.data_ptr<double>();
  return a.numel() == b.numel() && std::equal(first, first + a.numel(), b.data_ptr<double>());
}

/// conv2d of x in channels_last with a packed weight, and what oneDNN does as it writes.
at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const c10::optional<at::Tensor>& bias,
                    const ConvolutionOptions& options, const PostOperation& post) {
  static const c10::OperatorHandle op = *find("mkldnn::_convolution_pointwise");
  return call(op, {x, weight, bias, options.padding, options.stride, options.dilation, options.groups, post.name,
                   post.numbers, std::string()});
}

/// LibTorch 1.13 gives 1x1 convolutions of few images to BLAS where it has one thread, which takes ten times as long as
/// oneDNN with a BLAS that is not made for this CPU. What aten::conv2d would refuse is left to it.
bool suits_onednn(const at::Tensor& x, const ConvolutionOptions& options) {
  if (packer() || !is_sound(options) || !at::globalContext().hasMKLDNN() || !at::globalContext().userEnabledMkldnn() ||
      !x.is_cpu() || x.dim() != 4 || x.numel() == 0 || x.scalar_type() != at::kFloat ||
      options.weight.scalar_type() != at::kFloat || x.size(1) != options.weight.size(1) * options.groups) {
    return false;
  }
  return output_side(x, options, 0) > 0 && output_side(x, options, 1) > 0;
}

}  // namespace

PackedConvolution::PackedConvolution(ConvolutionOptions options) : options_(std::move(options)) {
  options_.weight = options_.weight.detach();
  if (!can_pack(options_.weight.scalar_type())) {  // else a copy for nothing
    options_.weight = in_channels_last(options_.weight);
  }
}

bool PackedConvolution::fits(const at::Tensor& x) const {
  const auto type = x.scalar_type();
  return can_pack(type) && is_sound(options_) && at::globalContext().userEnabledMkldnn() && x.is_cpu() &&
         x.dim() == 4 && x.numel() > 0 && type == options_.weight.scalar_type();
}

at::Tensor PackedConvolution::pack(const at::Tensor& weight, at::IntArrayRef sizes) const {
  try {
    return call(*packer(),
                {weight, options_.padding, options_.stride, options_.dilation, options_.groups, sizes.vec()});
  } catch (const std::exception&) {
    return {};  // not on this CPU; the convolution itself says what else may be wrong
  }
}

PackedConvolution::Packed& PackedConvolution::packed_entry(const at::Tensor& x) {
  const auto same = [&](const Packed& packed) { return x.sizes() == packed.sizes; };
  const auto found = std::find_if(packed_.begin(), packed_.end(), same);
  if (found != packed_.end()) {
    std::rotate(found, found + 1, packed_.end());
    return packed_.back();
  }
  if (packed_.size() == kKept) {
    packed_.erase(packed_.begin());
  }
  Packed packed{x.sizes().vec(), pack(options_.weight, x.sizes()), false, std::nullopt};
  packed_.push_back(std::move(packed));
  return packed_.back();
}

at::Tensor PackedConvolution::packed_for(const at::Tensor& x) {
  if (!fits(x)) {
    return {};
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  return packed_entry(x).weight;
}

bool PackedConvolution::widens(const at::Tensor& x) const {
  const auto type = x.scalar_type();
  return is_16_bit(type) && type == options_.weight.scalar_type() && x.is_cpu() && x.dim() == 4 && x.numel() > 0 &&
         is_sound(options_) && at::globalContext().userEnabledMkldnn() && !in_onednn(type);
}

PackedConvolution& PackedConvolution::in_float32() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!float32_) {
    ConvolutionOptions options = options_;
    options.weight = options_.weight.to(at::kFloat);
    if (options_.bias) {
      options.bias = options_.bias->to(at::kFloat);
    }
    float32_ = std::make_unique<PackedConvolution>(std::move(options));
  }
  return *float32_;
}

at::Tensor PackedConvolution::forward(const at::Tensor& x) {
  if (widens(x)) {
    return in_float32().forward(x.to(at::kFloat)).to(x.scalar_type());
  }
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
  return convolve(x.contiguous(at::MemoryFormat::ChannelsLast), weight, options_.bias, options_, {});
}

at::Tensor PackedConvolution::laid_out(LayOut lay_out) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found =
      std::find_if(laid_out_.begin(), laid_out_.end(), [&](const auto& made) { return made.first == lay_out; });
  if (found != laid_out_.end()) {
    return found->second;
  }
  return laid_out_.emplace_back(lay_out, lay_out(options_.weight)).second;
}

Measured PackedConvolution::forward_measured(const at::Tensor& x, const Prologue& prologue) {
  const Isa isa = available_isas().back();
  if (is_depthwise(x, options_)) {
    return depthwise_convolution(isa, x, laid_out(depthwise_weight), options_, prologue);
  }
  if (is_pointwise(x, options_)) {
    return pointwise_convolution(isa, x, laid_out(pointwise_weight), options_, prologue);
  }
  return {forward(done(prologue, x)), {}, {}};
}

bool PackedConvolution::normalises() const { return is_depthwise(options_) || finishes(); }

bool PackedConvolution::finishes() const { return is_pointwise(options_) && pointwise_normalises(options_); }

bool PackedConvolution::finishes(const at::Tensor& x, const Prologue& prologue) const {
  return pointwise_finishes(x, options_, prologue);
}

bool PackedConvolution::takes(const at::Tensor& x) const {
  return x.dim() == 4 && x.size(1) == options_.weight.size(1) * options_.groups;
}

bool PackedConvolution::expands_for(const PackedConvolution& next) const {
  return is_expansion(options_, next.options_);
}

bool PackedConvolution::saves_memory(const at::Tensor& x) const {
  return is_worth_repeating(available_isas().back(), x, options_);
}

Measured PackedConvolution::measure(const at::Tensor& x) {
  return pointwise_moments(available_isas().back(), x, laid_out(pointwise_weight), options_);
}

Measured PackedConvolution::expand_and_forward(PackedConvolution& expansion, const at::Tensor& x,
                                               const Prologue& prologue) {
  if (!expansion.takes(x)) {
    return forward_measured(x, prologue);
  }
  if (output_side(x, options_, 0) < 1 || output_side(x, options_, 1) < 1) {
    return forward_measured(expansion.forward(x), prologue);  // that says what is wrong
  }
  return expand_and_convolve(available_isas().back(), x, expansion.laid_out(expansion_weight), expansion.options_.bias,
                             laid_out(depthwise_weight), options_, prologue);
}

at::Tensor PackedConvolution::scaled(const at::Tensor& x, const at::Tensor& scale, at::Tensor last) {
  const auto pack_for_x = [&](const at::Tensor& weight) { return pack(weight, x.sizes()); };
  Packed& packed = packed_entry(x);
  if (!packed.asked && packed.weight.defined() && options_.weight.scalar_type() == at::kFloat) {
    packed.channels = PackedChannels::find(options_.weight, packed.weight, pack_for_x);
    packed.asked = true;
  }
  if (packed.channels) {
    // Another stream may still be convolving with it. Its last reads come before our writes.
    const bool own = last.defined() && last.use_count() == 1;
    std::atomic_thread_fence(std::memory_order_acquire);
    at::Tensor out = own ? std::move(last) : pack_for_x(options_.weight);
    if (packed.channels->scale(packed.weight, scale, out)) {
      return out;
    }
  }
  const at::Tensor product = options_.weight * scale.view({-1, 1, 1, 1});  // float32, also of 16-bit weights
  return pack_for_x(product.to(options_.weight.scalar_type()));
}

std::pair<at::Tensor, at::Tensor> PackedConvolution::folded_for(const at::Tensor& x, const Coefficients& k) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const bool same_shape = folded_ && x.sizes() == folded_->sizes;
  if (same_shape && same_values(k.center, folded_->coefficients.center) &&
      same_values(k.scale, folded_->coefficients.scale) && same_values(k.shift, folded_->coefficients.shift)) {
    return {folded_->weight, folded_->bias};
  }
  at::Tensor last = same_shape ? folded_->weight : at::Tensor();
  folded_.reset();  // should what follows throw
  // Not by operators: at few images a dozen of them take as long as a small convolution.
  const at::Tensor scale = at::empty({k.scale.numel()}, at::kFloat);
  const at::Tensor bias = at::empty({k.scale.numel()}, at::kFloat);
  const at::Tensor own = options_.bias ? options_.bias->to(at::kFloat).contiguous() : at::Tensor();
  bool finite = true;
  for (std::int64_t c = 0; c < k.scale.numel(); ++c) {
    const double factor = k.scale.data_ptr<double>()[c];
    const double before = own.defined() ? own.data_ptr<float>()[c] : 0.0;
    const double after = (before - k.center.data_ptr<double>()[c]) * factor + k.shift.data_ptr<double>()[c];
    scale.data_ptr<float>()[c] = static_cast<float>(factor);
    bias.data_ptr<float>()[c] = static_cast<float>(after);
    finite = finite && std::isfinite(static_cast<float>(factor)) && std::isfinite(static_cast<float>(after));
  }
  Folded folded{x.sizes().vec(), {k.center.clone(), k.scale.clone(), k.shift.clone()}, {}, {}};
  if (finite) {
    folded.weight = scaled(x, scale, std::move(last));
    folded.bias = bias.to(options_.weight.scalar_type());
  }
  folded_ = folded;
  return {folded.weight, folded.bias};
}

bool PackedConvolution::adds_to_output(const at::Tensor& residual, const at::Tensor& x) const {
  const std::array<std::int64_t, 4> output{x.size(0), options_.weight.size(0), output_side(x, options_, 0),
                                           output_side(x, options_, 1)};
  return residual.is_cpu() && residual.is_contiguous(at::MemoryFormat::ChannelsLast) &&
         residual.scalar_type() == x.scalar_type() && residual.sizes() == at::IntArrayRef(output);
}

at::Tensor PackedConvolution::forward_then(const at::Tensor& x, const Coefficients& k, const Epilogue& epilogue) {
  Epilogue then = epilogue;
  then.in_place = true;  // the convolution's own output
  std::pair<at::Tensor, at::Tensor> folded;
  if (fits(x)) {
    TORCH_CHECK(k.scale.numel() == options_.weight.size(0), "convolution: expected coefficients of ",
                options_.weight.size(0), " channels, found ", k.scale.numel());
    folded = folded_for(x, {k.center.contiguous(), k.scale.contiguous(), k.shift.contiguous()});
  }
  const auto& [weight, bias] = folded;
  if (!weight.defined()) {
    return affine_then(forward(x), k, then);
  }
  const at::Tensor images = x.contiguous(at::MemoryFormat::ChannelsLast);
  const PostOperation post = post_operation(then.activation);
  if (!then.residual.defined()) {
    return convolve(images, weight, bias, options_, post);
  }
  // LibTorch's operator that adds to a new tensor brings the residual into another layout and back. oneDNN's
  // convolutions of single channels crash where they add and the CPU has no AVX2 (seen with 2.11,
  // ONEDNN_MAX_CPU_ISA=SSE41).
  static const auto add = find("mkldnn::_convolution_pointwise_", "binary");
  if (add && options_.groups == 1 && then.overwrites_residual && adds_to_output(then.residual, x) &&
      (post.name == kNoPostOperation || post.name == kReluPostOperation)) {
    const c10::IValue last = post.name == kNoPostOperation ? c10::IValue() : c10::IValue(post.name);
    return call(*add, {then.residual, images, weight, bias, options_.padding, options_.stride, options_.dilation,
                       options_.groups, std::string("add"), c10::Scalar(1.0), last, post.numbers, std::string()});
  }
  const at::Tensor one = at::ones_like(k.scale);
  const at::Tensor zero = at::zeros_like(k.scale);
  return affine_then(convolve(images, weight, bias, options_, {}), {zero, one, zero}, then);
}

}  // namespace ttscale::ops
