// SPDX-License-Identifier: MIT
// Residual networks with random weights as TorchScript, made in code: for programs that have no archive at hand.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include <torch/script.h>

namespace ttscale::testing {

/// A residual network of bottleneck blocks (He et al. 2016). The defaults are ResNet-50.
struct ResNet {
  std::vector<int> blocks{3, 4, 6, 3};  ///< of each stage
  std::int64_t width = 64;              ///< channels of the stem, and of the middle of the first stage's blocks
  std::int64_t classes = 1000;
  bool wide_stem = true;  ///< 7 x 7, stride 2, and a pooling layer; else 3 x 3
};

namespace resnet_detail {

class Builder {
 public:
  explicit Builder(const ResNet& net) : net_(net) {}

  torch::jit::Module build() {
    const std::int64_t stem = net_.wide_stem ? 7 : 3;
    line("x = torch.relu(" + norm(convolution("x", 3, net_.width, stem, net_.wide_stem ? 2 : 1), net_.width, 1) + ")");
    if (net_.wide_stem) {
      line("x = torch.max_pool2d(x, [3, 3], [2, 2], [1, 1])");
    }
    std::int64_t channels = net_.width;
    for (std::size_t stage = 0; stage < net_.blocks.size(); ++stage) {
      for (int block = 0; block < net_.blocks[stage]; ++block) {
        channels = bottleneck(channels, net_.width << stage, stage > 0 && block == 0 ? 2 : 1, block == 0);
      }
    }
    buffer("head_weight", at::randn({net_.classes, channels}) / std::sqrt(static_cast<double>(channels)));
    buffer("head_bias", at::zeros({net_.classes}));
    line("return torch.linear(x.mean([2, 3]), self.head_weight, self.head_bias)");
    module_.define("def forward(self, x):\n" + source_);
    module_.eval();
    return module_;
  }

 private:
  void line(const std::string& text) { source_ += "    " + text + "\n"; }
  void buffer(const std::string& name, const at::Tensor& value) { module_.register_buffer(name, value); }

  std::string convolution(const std::string& x, std::int64_t from, std::int64_t to, std::int64_t size,
                          std::int64_t stride) {
    const std::string name = "conv" + std::to_string(++convolutions_);
    buffer(name, at::randn({to, from, size, size}) * std::sqrt(2.0 / static_cast<double>(from * size * size)));
    const auto twice = [](std::int64_t value) {
      return "[" + std::to_string(value) + ", " + std::to_string(value) + "]";
    };
    return "torch.conv2d(" + x + ", self." + name + ", None, " + twice(stride) + ", " + twice(size / 2) +
           ", [1, 1], 1)";
  }

  /// `gain`: mean of the scales.
  std::string norm(const std::string& x, std::int64_t channels, double gain) {
    const std::string name = "bn" + std::to_string(++norms_) + "_";
    buffer(name + "weight", gain * (at::rand({channels}) + 0.5));
    buffer(name + "bias", at::randn({channels}) * 0.1);
    buffer(name + "mean", at::randn({channels}) * 0.1);
    buffer(name + "var", at::rand({channels}) + 0.5);
    std::string arguments;
    for (const char* part : {"weight", "bias", "mean", "var"}) {
      arguments += ", self." + name + part;
    }
    return "torch.batch_norm(" + x + arguments + ", False, 0.1, 1e-5, True)";
  }

  /// Returns its number of output channels.
  std::int64_t bottleneck(std::int64_t from, std::int64_t middle, std::int64_t stride, bool first) {
    const std::int64_t to = 4 * middle;
    line("y = torch.relu(" + norm(convolution("x", from, middle, 1, 1), middle, 1) + ")");
    line("y = torch.relu(" + norm(convolution("y", middle, middle, 3, stride), middle, 1) + ")");
    line("y = " + norm(convolution("y", middle, to, 1, 1), to, 0.3));  // sums of many blocks stay in range
    if (first) {
      line("x = " + norm(convolution("x", from, to, 1, stride), to, 1));
    }
    line("x = torch.relu(x + y)");
    return to;
  }

  const ResNet& net_;
  torch::jit::Module module_{"ResNet"};
  std::string source_;
  int convolutions_ = 0;
  int norms_ = 0;
};

}  // namespace resnet_detail

/// In evaluation mode, float32, on the CPU. Weights from at::manual_seed().
inline torch::jit::Module resnet(const ResNet& net = {}) { return resnet_detail::Builder(net).build(); }

/// Puts the module's four-dimensional buffers in channels_last order.
inline void to_channels_last(torch::jit::Module& module) {
  const at::NoGradGuard no_grad;
  for (const auto& named : module.named_buffers()) {
    if (named.value.dim() == 4) {
      at::Tensor(named.value).set_data(named.value.contiguous(at::MemoryFormat::ChannelsLast));
    }
  }
}

}  // namespace ttscale::testing
