// SPDX-License-Identifier: MIT
// A 2-d convolution whose weight lies as oneDNN wants it for the images that come. LibTorch's own convolution brings
// the weight into that order in every call, which at a batch of one image takes as long as half the convolution.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/util/Optional.h>
#include <torch/custom_class.h>

#include "ops/coefficients.h"
#include "ops/convolution_options.h"
#include "ops/epilogue.h"
#include "ops/measured.h"
#include "ops/packed_channels.h"
#include "ops/prologue.h"

namespace ttscale::ops {

/// Qualified name of the operator in graphs, (x, PackedConvolution) -> Tensor, and of the class.
inline constexpr const char* kConvolutionOperator = "ttscale::convolution";

/// May be called from several threads.
class PackedConvolution : public torch::CustomClassHolder {
 public:
  explicit PackedConvolution(ConvolutionOptions options);

  /// aten::conv2d of x [N, C, H, W], on the CPU with packed weights where LibTorch has the operators for them (2.x),
  /// in channels_last. 16-bit images that oneDNN does not take on this CPU are convolved in float32, which LibTorch's
  /// own loops are many times slower than. The result depends on x alone, not on what came before. Throws what
  /// aten::conv2d throws.
  at::Tensor forward(const at::Tensor& x);

  /// forward() of prologue(x) to rounding; the prologue has a residual, or finishes x, only where finishes() holds.
  /// Depthwise and 1x1 convolutions (ops/cpu) normalise and measure on the way; of others the moments are not taken.
  Measured forward_measured(const at::Tensor& x, const Prologue& prologue);

  /// Whether forward_measured() normalises float32 images on the CPU without a pass over memory for that.
  [[nodiscard]] bool normalises() const;

  /// Whether forward_measured() can finish x (Prologue) without a pass over memory for that; without x, whether it can
  /// any.
  [[nodiscard]] bool finishes(const at::Tensor& x, const Prologue& prologue) const;
  [[nodiscard]] bool finishes() const;

  /// Whether this is a 1x1 convolution that a depthwise one of as many channels, `next`, could do for itself while it
  /// reads (cpu/depthwise_convolution.h), to more channels than it takes.
  [[nodiscard]] bool expands_for(const PackedConvolution& next) const;
  /// Whether that takes less time for x than to write what this makes of it, where expands_for() something.
  [[nodiscard]] bool saves_memory(const at::Tensor& x) const;
  /// The moments of forward(x), with a tensor of its shape that holds nothing; for x that saves_memory().
  Measured measure(const at::Tensor& x);
  /// Whether x [N, C, H, W] has the channels that this takes.
  [[nodiscard]] bool takes(const at::Tensor& x) const;
  /// forward_measured() of what `expansion` makes of x; of x itself where expansion.takes() it not: that has been done.
  Measured expand_and_forward(PackedConvolution& expansion, const at::Tensor& x, const Prologue& prologue);

  /// affine_then(forward(x), k, epilogue) (ops/epilogue.h) to rounding, for coefficients [C]. Where weights can be
  /// packed and the coefficients are finite, scale and shift are folded into a copy of the weights, which is kept for
  /// as long as they stay. oneDNN then does the epilogue as it writes, but for a residual that may not be overwritten,
  /// of another shape, dtype or layout than the output, behind groups, or ahead of an activation other than ReLU.
  at::Tensor forward_then(const at::Tensor& x, const Coefficients& k, const Epilogue& epilogue);

 private:
  struct Packed {
    std::vector<std::int64_t> sizes;         ///< of x
    at::Tensor weight;                       ///< undefined: LibTorch cannot pack it
    bool asked = false;                      ///< whether `channels` is known
    std::optional<PackedChannels> channels;  ///< where it can be scaled as it lies
  };
  /// Of the latest shape of x and the latest coefficients: streams that take turns fold anew each time.
  struct Folded {
    std::vector<std::int64_t> sizes;  ///< of x
    Coefficients coefficients;        ///< copies
    at::Tensor weight, bias;          ///< undefined: cannot be folded
  };
  [[nodiscard]] bool fits(const at::Tensor& x) const;
  /// Whether x is convolved in_float32().
  [[nodiscard]] bool widens(const at::Tensor& x) const;
  PackedConvolution& in_float32();
  /// `weight` packed for x, undefined where this CPU cannot.
  [[nodiscard]] at::Tensor pack(const at::Tensor& weight, at::IntArrayRef sizes) const;
  /// With the mutex held, for x that fits.
  Packed& packed_entry(const at::Tensor& x);
  at::Tensor packed_for(const at::Tensor& x);
  /// Weight and bias.
  std::pair<at::Tensor, at::Tensor> folded_for(const at::Tensor& x, const Coefficients& k);
  /// The weight times `scale` [C], float32, packed for x, with the mutex held: into `last`, the one before, where
  /// nobody else is using it.
  at::Tensor scaled(const at::Tensor& x, const at::Tensor& scale, at::Tensor last);
  using LayOut = at::Tensor (*)(const at::Tensor&);
  /// The weight as the kernels of ops/cpu want it, made once.
  at::Tensor laid_out(LayOut lay_out);
  [[nodiscard]] bool adds_to_output(const at::Tensor& residual, const at::Tensor& x) const;

  ConvolutionOptions options_;
  std::mutex mutex_;
  std::vector<Packed> packed_;  ///< the latest last
  std::vector<std::pair<LayOut, at::Tensor>> laid_out_;
  std::optional<Folded> folded_;
  std::unique_ptr<PackedConvolution> float32_;  ///< made for the first images that it widens()
};

}  // namespace ttscale::ops
