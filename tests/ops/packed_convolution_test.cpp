// SPDX-License-Identifier: MIT
// ttscale::convolution against aten::conv2d.
#include "ops/packed_convolution.h"

#include <gmock/gmock.h>

#include <thread>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

namespace ttscale::ops {
namespace {

using Sides = std::vector<std::int64_t>;

struct Case {
  std::int64_t in, out, kernel;
  Sides stride, padding, dilation;
  std::int64_t groups;
  bool bias;
};

ConvolutionOptions options_of(const Case& c) {
  ConvolutionOptions out{
      at::randn({c.out, c.in / c.groups, c.kernel, c.kernel}), {}, c.stride, c.padding, c.dilation, c.groups};
  if (c.bias) {
    out.bias = at::randn({c.out});
  }
  return out;
}

at::Tensor reference(const at::Tensor& x, const ConvolutionOptions& o) {
  const auto wide = [](const at::Tensor& t) { return t.to(at::kDouble); };
  return at::conv2d(wide(x), wide(o.weight), o.bias ? c10::optional<at::Tensor>(wide(*o.bias)) : o.bias, o.stride,
                    o.padding, o.dilation, o.groups);
}

TEST(PackedConvolution, IsConv2d) {
  at::manual_seed(1);
  for (const Case& c : {Case{3, 16, 7, {2, 2}, {3, 3}, {1, 1}, 1, false},
                        {16, 24, 1, {1, 1}, {0, 0}, {1, 1}, 1, true},
                        {16, 16, 3, {1, 1}, {1, 1}, {1, 1}, 16, false},
                        {16, 32, 3, {2, 1}, {1, 0}, {1, 2}, 2, true},
                        {1, 1, 1, {1, 1}, {0, 0}, {1, 1}, 1, false}}) {
    const ConvolutionOptions options = options_of(c);
    PackedConvolution convolution(options);
    // More shapes than packed weights are kept for, and back; any layout; nothing at all.
    for (const Sides& shape : {Sides{4, 17, 19}, {1, 17, 19}, {4, 17, 19}, {2, 9, 9}, {4, 17, 19}, {0, 17, 19}}) {
      for (const auto layout : {at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast}) {
        const at::Tensor x = at::randn({shape[0], c.in, shape[1], shape[2]}).contiguous(layout);
        const at::Tensor y = convolution.forward(x);
        const at::Tensor want = reference(x, options);
        ASSERT_EQ(y.sizes(), want.sizes());
        EXPECT_TRUE(at::allclose(y.to(at::kDouble), want, 1e-4, 1e-4)) << x.sizes();
        EXPECT_TRUE(convolution.forward(x).equal(y)) << "depends on what came before";
      }
    }
  }
}

TEST(PackedConvolution, TakesWhatConv2dTakes) {
  at::manual_seed(2);
  const ConvolutionOptions options = options_of({4, 6, 3, {1, 1}, {1, 1}, {1, 1}, 1, true});
  PackedConvolution convolution(options);
  const at::Tensor single = at::randn({4, 9, 9});
  EXPECT_TRUE(at::allclose(convolution.forward(single).to(at::kDouble), reference(single, options), 1e-4, 1e-4));
  EXPECT_ANY_THROW(convolution.forward(at::randn({1, 5, 9, 9})));
  EXPECT_ANY_THROW(convolution.forward(at::randn({1, 4, 9, 9}, at::kDouble)));
  ConvolutionOptions wide = options;
  wide.weight = wide.weight.to(at::kDouble);
  wide.bias = wide.bias->to(at::kDouble);
  const at::Tensor x = at::randn({2, 4, 9, 9}, at::kDouble);
  EXPECT_TRUE(at::allclose(PackedConvolution(wide).forward(x), reference(x, wide)));
}

TEST(PackedConvolution, SixteenBitImagesAreConvolvedToTheirPrecision) {
  at::manual_seed(4);
  for (const auto& [type, epsilon] : {std::pair{at::kBFloat16, 0x1p-7}, std::pair{at::kHalf, 0x1p-10}}) {
    for (const Case& c : {Case{16, 24, 1, {1, 1}, {0, 0}, {1, 1}, 1, true},
                          {16, 16, 3, {1, 1}, {1, 1}, {1, 1}, 16, false},
                          {16, 32, 3, {2, 1}, {1, 0}, {1, 2}, 2, true}}) {
      ConvolutionOptions options = options_of(c);
      options.weight = options.weight.to(type);
      if (options.bias) {
        options.bias = options.bias->to(type);
      }
      PackedConvolution convolution(options);
      for (const auto layout : {at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast}) {
        const at::Tensor x = at::randn({3, c.in, 17, 19}).to(type).contiguous(layout);
        const at::Tensor y = convolution.forward(x);
        const at::Tensor want = reference(x, options);
        ASSERT_EQ(y.scalar_type(), type);
        ASSERT_EQ(y.sizes(), want.sizes());
        // Where the CPU convolves this type, the bias may have been added to what was rounded already.
        EXPECT_TRUE(at::allclose(y.to(at::kDouble), want, epsilon, epsilon)) << type << ", " << c.kernel;
        EXPECT_TRUE(convolution.forward(x).equal(y)) << "depends on what came before";
      }
      EXPECT_ANY_THROW(convolution.forward(at::randn({1, c.in, 9, 9}))) << "float32 images for a 16-bit weight";
      EXPECT_ANY_THROW(convolution.forward(at::randn({1, c.in + 1, 9, 9}).to(type)));
    }
  }
}

TEST(PackedConvolution, MayBeSharedByThreads) {
  at::manual_seed(3);
  const ConvolutionOptions options = options_of({8, 8, 3, {1, 1}, {1, 1}, {1, 1}, 1, false});
  PackedConvolution convolution(options);
  std::vector<at::Tensor> x;
  std::vector<at::Tensor> want;
  for (std::int64_t i = 1; i <= 4; ++i) {
    x.push_back(at::randn({i, 8, 11, 11}));
    want.push_back(PackedConvolution(options).forward(x.back()));
  }
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      const at::NoGradGuard no_grad;
      for (std::size_t call = 0; call < 40; ++call) {
        const std::size_t j = (i + call) % 4;
        wrong[i] += convolution.forward(x[j]).equal(want[j]) ? 0 : 1;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_THAT(wrong, ::testing::Each(0));
}

}  // namespace
}  // namespace ttscale::ops
