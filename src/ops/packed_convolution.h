// SPDX-License-Identifier: MIT
// A 2-d convolution whose weight lies as oneDNN wants it for the images that come. LibTorch's own convolution brings
// the weight into that order in every call, which at a batch of one image takes as long as half the convolution.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/util/Optional.h>
#include <torch/custom_class.h>

namespace ttscale::ops {

/// Qualified name of the operator in graphs, (x, PackedConvolution) -> Tensor, and of the class.
inline constexpr const char* kConvolutionOperator = "ttscale::convolution";

/// What aten::conv2d takes beside x.
struct ConvolutionOptions {
  at::Tensor weight;  ///< [C_out, C_in / groups, H, W]
  c10::optional<at::Tensor> bias;
  std::vector<std::int64_t> stride, padding, dilation;
  std::int64_t groups = 1;
};

/// May be called from several threads.
class PackedConvolution : public torch::CustomClassHolder {
 public:
  explicit PackedConvolution(ConvolutionOptions options);

  /// aten::conv2d of x [N, C, H, W], on the CPU with packed weights where LibTorch has the operators for them (2.x),
  /// in channels_last. The result depends on x alone, not on what came before. Throws what aten::conv2d throws.
  at::Tensor forward(const at::Tensor& x);

 private:
  struct Packed {
    std::vector<std::int64_t> sizes;  ///< of x
    at::Tensor weight;                ///< undefined: LibTorch cannot pack it
  };
  at::Tensor packed_for(const at::Tensor& x);

  ConvolutionOptions options_;
  std::mutex mutex_;
  std::vector<Packed> packed_;  ///< the latest last
};

}  // namespace ttscale::ops
