// SPDX-License-Identifier: MIT
// The CUDA kernels of moments and affine against the CPU's and against slow loops, and what a CUDA graph asks of them.
// ops_test.cpp runs the operators on every device; here is what only kernels of our own promise.
#include <ATen/cuda/CUDAGraph.h>

#include <cmath>
#include <limits>
#include <vector>

#include "cuda_test.h"
#include "ops/affine.h"
#include "ops/cuda/aten.h"
#include "ops/moments.h"

namespace ttscale::ops {
namespace {

using Shape = std::vector<std::int64_t>;
using Pair = std::tuple<at::Tensor, at::Tensor>;

class CudaKernels : public testing::CudaTest,
                    public ::testing::WithParamInterface<std::tuple<at::ScalarType, at::MemoryFormat>> {
 protected:
  at::ScalarType dtype() const { return std::get<0>(GetParam()); }
  bool is_wide() const { return dtype() == at::kFloat || dtype() == at::kDouble; }
  double tolerance() const { return dtype() == at::kDouble ? 1e-12 : 2e-6; }

  /// Values in the dtype and layout under test, on the device.
  at::Tensor laid_out(const at::Tensor& x) const {
    const at::Tensor typed = x.to(dtype());
    return (x.dim() == 4 ? typed.contiguous(std::get<1>(GetParam())) : typed).to(at::kCUDA);
  }
  at::Tensor activations(const Shape& shape, double mean = 0.3, double spread = 1.5) const {
    return laid_out(at::randn(shape, at::kDouble) * spread + mean);
  }
};

/// Mean and biased variance in long double, two passes.
std::pair<long double, long double> slow_moments(const double* x, std::int64_t n) {
  long double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    sum += x[i];
  }
  const long double mean = sum / static_cast<long double>(n);
  long double squares = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    squares += (x[i] - mean) * (x[i] - mean);
  }
  return {mean, squares / static_cast<long double>(n)};
}

void expect_as_slow_loops(const at::Tensor& x, double relative) {
  const auto [mean, var] = moments_cuda(x);
  ASSERT_EQ(mean.sizes(), at::IntArrayRef({x.size(0), x.size(1)}));
  ASSERT_EQ(mean.scalar_type(), at::kDouble);
  const at::Tensor m = mean.cpu();
  const at::Tensor v = var.cpu();
  const at::Tensor rows = x.cpu().to(at::kDouble).contiguous(at::MemoryFormat::Contiguous);
  const std::int64_t length = x.numel() / m.numel();
  for (std::int64_t i = 0; i < m.numel(); ++i) {
    const auto [want_mean, want_var] = slow_moments(rows.data_ptr<double>() + i * length, length);
    const double got_mean = m.data_ptr<double>()[i];
    const double got_var = v.data_ptr<double>()[i];
    ASSERT_LE(std::fabs(static_cast<double>(got_mean - want_mean)),
              relative * static_cast<double>(std::sqrt(want_var)) + 1e-15 * std::fabs(got_mean))
        << x.sizes() << " row " << i;
    ASSERT_LE(std::fabs(static_cast<double>(got_var - want_var)), relative * static_cast<double>(want_var))
        << x.sizes() << " row " << i;
  }
}

/// As the CPU's kernel; for sizes at which slow loops are too slow.
void expect_as_cpu(const at::Tensor& x, double relative) {
  const auto [mean, var] = moments_cuda(x);
  const auto [want_mean, want_var] = moments_cpu(x.cpu());
  const at::Tensor spread = want_var.sqrt().clamp_min(1e-30);
  EXPECT_LE(((mean.cpu() - want_mean).abs() / spread).max().item<double>(), relative) << x.sizes();
  EXPECT_LE(((var.cpu() - want_var).abs() / spread.square()).max().item<double>(), relative) << x.sizes();
}

bool same_bits(const Pair& a, const Pair& b) {
  return std::get<0>(a).equal(std::get<0>(b)) && std::get<1>(a).equal(std::get<1>(b));
}

TEST_P(CudaKernels, MomentsOfOddShapes) {
  // Around the widths of loads, groups of threads, tiles of channels and parts of rows.
  for (const std::int64_t channels : {1, 2, 3, 4, 8, 31, 32, 33, 64, 127, 128, 130, 257, 515}) {
    for (const std::int64_t pixels : {1, 2, 7, 8, 9, 49, 196}) {
      ASSERT_NO_FATAL_FAILURE(expect_as_slow_loops(activations({2, channels, pixels, 1}), tolerance()));
    }
  }
  for (const Shape& shape : std::vector<Shape>{{1, 1, 1, 3}, {1, 3, 224, 223}, {2, 5, 90, 91}, {1, 64, 56, 56}}) {
    ASSERT_NO_FATAL_FAILURE(expect_as_slow_loops(activations(shape), tolerance()));
  }
}

TEST_P(CudaKernels, MomentsOfManyRowsAndOfOneHugeRow) {
  expect_as_cpu(activations({512, 2048, 3, 3}), 4 * tolerance());
  expect_as_cpu(activations({70000, 24, 1, 1}), 4 * tolerance());
  expect_as_cpu(activations({1, 1, 2500, 4001}), 4 * tolerance());
  expect_as_cpu(activations({1, 3, 2001, 1667}), 4 * tolerance());
}

TEST_P(CudaKernels, MomentsOfWhatIsNotAligned) {
  // A view that begins off the alignment of loads.
  const at::Tensor flat = activations({2 * 8 * 16 * 16 + 1, 1}).flatten();
  for (const std::int64_t offset : {0, 1}) {
    const at::Tensor x = flat.narrow(0, offset, 2 * 8 * 16 * 16);
    ASSERT_NO_FATAL_FAILURE(expect_as_slow_loops(x.view({2, 8, 16, 16}), tolerance()));
    ASSERT_NO_FATAL_FAILURE(expect_as_slow_loops(x.view({2, 16, 16, 8}).permute({0, 3, 1, 2}), tolerance()));
    const at::Tensor one = at::ones({8}, flat.options().dtype(at::kDouble));
    EXPECT_TRUE(affine_cuda(x.view({2, 8, 16, 16}), one * 0, one, one * 0).equal(x.view({2, 8, 16, 16})));
  }
}

TEST_P(CudaKernels, MomentsSurviveALargeMean) {
  if (!is_wide()) {
    GTEST_SKIP() << "N(1000, 0.1) rounds to a handful of values in 16 bits";
  }
  for (const Shape& shape : std::vector<Shape>{{2, 3, 500, 400}, {1, 8, 1000, 1000}, {16, 4, 7, 7}}) {
    ASSERT_NO_FATAL_FAILURE(expect_as_slow_loops(activations(shape, 1000, 0.1), 1e-5));
  }
}

TEST_P(CudaKernels, MomentsSurviveAnOutlierAndAJump) {
  at::Tensor x = activations({2, 4, 100, 100});
  x.select(2, 0).select(2, 0).fill_(300);
  ASSERT_NO_FATAL_FAILURE(expect_as_slow_loops(x, tolerance()));
  x.narrow(2, 50, 50).add_(200);
  ASSERT_NO_FATAL_FAILURE(expect_as_slow_loops(x, tolerance()));
}

TEST_P(CudaKernels, MomentsOfConstantsAreExact) {
  const auto [mean, var] = moments_cuda(activations({2, 3, 50, 50}, 0.5, 0));
  EXPECT_TRUE(mean.cpu().equal(at::full({2, 3}, 0.5, at::kDouble)));
  EXPECT_TRUE(var.cpu().equal(at::zeros({2, 3}, at::kDouble)));
}

TEST_P(CudaKernels, NanAndInfStayInTheirImageAndChannel) {
  for (const double poison : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
                              -std::numeric_limits<double>::infinity()}) {
    for (const std::int64_t position : {0, 1, 1234, 2399}) {
      at::Tensor x = activations({3, 4, 40, 60});
      x[1][2][position / 60][position % 60] = poison;
      const auto [mean, var] = moments_cuda(x);
      const at::Tensor finite = mean.isfinite().logical_and(var.isfinite()).cpu();
      EXPECT_FALSE(finite[1][2].item<bool>()) << poison << " at " << position;
      EXPECT_EQ(finite.sum().item<std::int64_t>(), 11) << poison << " at " << position;
    }
  }
}

TEST_P(CudaKernels, AgreeWithAten) {
  const at::Tensor x = activations({8, 32, 14, 14});
  const auto [mean, var] = moments_cuda(x);
  const auto [aten_mean, aten_var] = moments_by_aten(x);
  EXPECT_TRUE(mean.allclose(aten_mean, 1e-5, 1e-6));
  EXPECT_TRUE(var.allclose(aten_var, 1e-5, 1e-6));
}

TEST_P(CudaKernels, AffineIsTheCpus) {
  for (const Shape& shape : std::vector<Shape>{{2, 3, 5, 7},
                                               {3, 70, 9, 9},
                                               {4, 6, 1, 1},
                                               {1, 1, 3, 1},
                                               {5, 64, 14, 14},
                                               {2, 515, 7, 7},
                                               {1, 8, 300, 301},
                                               {40, 128, 7, 7}}) {
    const at::Tensor x = activations(shape);
    for (const Shape& size : std::vector<Shape>{{shape[1]}, {shape[0], shape[1]}}) {
      const auto coefficient = [&] { return at::randn(size, at::kDouble); };
      const at::Tensor center = coefficient();
      const at::Tensor scale = coefficient();
      const at::Tensor shift = coefficient();
      const at::Tensor y = affine_cuda(x, center.cuda(), scale.cuda(), shift.cuda());
      const at::Tensor want = affine_cpu(x.cpu(), center, scale, shift);
      EXPECT_EQ(y.strides(), x.strides());
      EXPECT_EQ(y.scalar_type(), x.scalar_type());
      // One rounding of the type, and in float32 those of sums of ten, where a product and a sum are joined in one.
      const double unit = dtype() == at::kDouble  ? 1e-13
                          : dtype() == at::kFloat ? 5e-6
                          : dtype() == at::kHalf  ? 1e-3
                                                  : 8e-3;
      const at::Tensor w = want.to(at::kDouble);
      EXPECT_LE(((y.cpu().to(at::kDouble) - w).abs() / w.abs().clamp_min(1)).max().item<double>(), unit)
          << x.sizes() << size;
    }
  }
}

TEST_P(CudaKernels, AffineKeepsDigitsNearALargeCenter) {
  if (!is_wide()) {
    GTEST_SKIP() << "N(1000, 0.1) rounds to a handful of values in 16 bits";
  }
  const at::Tensor x = activations({2, 4, 20, 20}, 1000, 0.1);
  const auto all = [](double value) { return at::full({4}, value, at::TensorOptions(at::kDouble).device(at::kCUDA)); };
  const at::Tensor y = affine_cuda(x, all(1000.0001), all(10), all(0));
  const at::Tensor want = (x.cpu().to(at::kDouble) - 1000.0001) * 10;
  EXPECT_LE((y.cpu().to(at::kDouble) - want).abs().max().item<double>(), 2e-6);
}

TEST_P(CudaKernels, AffinePassesNanAndInf) {
  at::Tensor x = activations({2, 3, 6, 6});
  x[1][2][3][3] = std::numeric_limits<double>::quiet_NaN();
  x[0][1][0][0] = std::numeric_limits<double>::infinity();
  const at::Tensor one = at::ones({3}, x.options().dtype(at::kDouble).memory_format(at::MemoryFormat::Contiguous));
  const at::Tensor y = affine_cuda(x, one, one, one);
  EXPECT_EQ(y.isnan().sum().item<std::int64_t>(), 1);
  EXPECT_EQ(y.isinf().sum().item<std::int64_t>(), 1);
}

TEST_P(CudaKernels, GiveTheSameBitsTwice) {
  for (const Shape& shape :
       std::vector<Shape>{{1, 1, 3000, 3001}, {4, 64, 112, 112}, {64, 512, 7, 7}, {1, 64, 300, 300}}) {
    const at::Tensor x = activations(shape);
    const Pair first = moments_cuda(x);
    for (int repeat = 0; repeat < 5; ++repeat) {
      EXPECT_TRUE(same_bits(moments_cuda(x), first)) << x.sizes();
    }
    EXPECT_TRUE(same_bits(moments_cuda(x.clone()), first)) << x.sizes();
  }
}

TEST_P(CudaKernels, RunOnTheCurrentStream) {
  const at::Tensor x = activations({8, 64, 56, 56});
  const at::Tensor y = activations({8, 64, 56, 56}, 5, 2);
  const Pair want = moments_cuda(y);
  at::Tensor changing = x.clone();
  c10::cuda::device_synchronize();
  const c10::cuda::CUDAStream side = c10::cuda::getStreamFromPool();
  {
    // Behind work that takes a while on the same stream: on another the kernel would read what was there before.
    const c10::cuda::CUDAStreamGuard guard(side);
    at::Tensor busy = at::randn({4096, 4096}, at::TensorOptions(at::kFloat).device(at::kCUDA));
    for (int i = 0; i < 20; ++i) {
      busy = busy.matmul(busy).clamp(-1, 1);
    }
    changing.copy_(y);
    const Pair found = moments_cuda(changing);
    const at::Tensor one = at::ones({64}, busy.options().dtype(at::kDouble));
    const at::Tensor copy = affine_cuda(changing, one * 0, one, one * 0);
    side.synchronize();
    EXPECT_TRUE(same_bits(found, want));
    EXPECT_TRUE(copy.equal(y));
  }
}

TEST_P(CudaKernels, DoNotMakeTheHostWait) {
  const at::Tensor x = activations({4, 64, 28, 28});
  const Pair warm = moments_cuda(x);
  const at::Tensor one = at::ones({64}, at::TensorOptions(at::kDouble).device(at::kCUDA));
  const testing::NoSynchronisation none;
  EXPECT_THROW(one.sum().item<double>(), c10::Error) << "this test cannot see synchronisation";
  EXPECT_NO_THROW(affine_cuda(x, std::get<0>(moments_cuda(x)), std::get<1>(warm), std::get<0>(warm)));
  EXPECT_NO_THROW(affine_cuda(x, one, one, one));
}

TEST_P(CudaKernels, AreCapturedAndReplayed) {
  for (const Shape& shape : std::vector<Shape>{{4, 64, 56, 56}, {1, 64, 300, 300}, {16, 512, 7, 7}}) {
    at::Tensor x = activations(shape);
    const auto whiten = [&] {
      const auto [mean, var] = moments_cuda(x);
      return affine_cuda(x, mean, var.add(1e-5).rsqrt(), at::zeros_like(mean));
    };
    whiten();
    c10::cuda::device_synchronize();
    at::cuda::CUDAGraph graph;
    at::Tensor y;
    {
      const c10::cuda::CUDAStreamGuard guard(c10::cuda::getStreamFromPool());
      graph.capture_begin();
      y = whiten();
      graph.capture_end();
    }
    for (const double mean : {0.0, 3.0, -50.0}) {
      x.copy_(activations(shape, mean, 0.5));
      graph.replay();
      EXPECT_TRUE(y.equal(whiten())) << x.sizes() << " mean " << mean;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, CudaKernels,
                         ::testing::Combine(::testing::Values(at::kFloat, at::kDouble, at::kHalf, at::kBFloat16),
                                            ::testing::Values(at::MemoryFormat::Contiguous,
                                                              at::MemoryFormat::ChannelsLast)),
                         [](const auto& test) {
                           return c10::str(std::get<0>(test.param), "_",
                                           std::get<1>(test.param) == at::MemoryFormat::Contiguous ? "NCHW" : "NHWC");
                         });

class CudaKernel : public testing::CudaTest {};

TEST_F(CudaKernel, TakesViewsAndOtherDimensions) {
  const auto options = at::TensorOptions(at::kFloat).device(at::kCUDA);
  for (const at::Tensor& x :
       {at::randn({7, 5, 40}, options), at::randn({2, 5, 3, 4, 6}, options), at::randn({9, 6}, options),
        at::randn({2, 5, 3, 4, 6}, options).contiguous(at::MemoryFormat::ChannelsLast3d),
        at::randn({4, 6, 20, 20}, options).slice(3, 2, 17), at::randn({4, 6, 20, 20}, options).slice(1, 1, 5),
        at::randn({4, 6, 20, 20}, options).transpose(2, 3), at::randn({4, 6, 1, 1}, options).expand({4, 6, 5, 5})}) {
    expect_as_cpu(x, 1e-5);
    const auto coefficient = at::randn({x.size(1)}, at::kDouble);
    const at::Tensor on_device = coefficient.cuda();
    EXPECT_TRUE(affine_cuda(x, on_device, on_device, on_device)
                    .cpu()
                    .allclose(affine_cpu(x.cpu(), coefficient, coefficient, coefficient), 1e-5, 1e-6))
        << x.sizes() << x.strides();
  }
}

TEST_F(CudaKernel, LeavesAnEmptyBatchEmpty) {
  const at::Tensor x = at::empty({0, 4, 5, 5}, at::TensorOptions(at::kFloat).device(at::kCUDA));
  const at::Tensor one = at::ones({4}, x.options().dtype(at::kDouble));
  EXPECT_EQ(affine_cuda(x, one, one, one).sizes(), x.sizes());
  EXPECT_THROW(moments_cuda(x), c10::Error);
}

TEST_F(CudaKernel, RefusesCoefficientsOfAnotherDevice) {
  const at::Tensor x = at::randn({2, 4, 5, 5}, at::TensorOptions(at::kFloat).device(at::kCUDA));
  const at::Tensor one = at::ones({4}, at::kDouble);
  EXPECT_THROW(affine_cuda(x, one, one, one), c10::Error);
}

}  // namespace
}  // namespace ttscale::ops
