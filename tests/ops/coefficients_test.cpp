// SPDX-License-Identifier: MIT
// Coefficients in loops, by operators on tensors, and by their formulas.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include <ATen/ATen.h>

#include "ops/affine.h"
#include "ops/coefficients.h"

namespace ttscale::ops {
namespace {

constexpr std::int64_t kChannels = 5;

void expect_equal(const Coefficients& a, const Coefficients& b) {
  for (const auto& [x, y] : {std::pair(a.center, b.center), std::pair(a.scale, b.scale), std::pair(a.shift, b.shift)}) {
    ASSERT_EQ(x.sizes(), y.sizes());
    EXPECT_TRUE(x.allclose(y, 1e-14, 0, /*equal_nan=*/true)) << x << y;
    EXPECT_TRUE(x.is_contiguous());
  }
}

stats::Moments moments(bool per_image) {
  at::Tensor mean = per_image ? at::randn({3, kChannels}, at::kDouble) : at::randn({kChannels}, at::kDouble);
  at::Tensor var = mean.square();
  var.view(-1)[0] = 0;
  var.view(-1)[1] = std::numeric_limits<double>::quiet_NaN();
  return {mean, var};
}

class SiteCoefficients : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override { at::manual_seed(1); }
};

TEST_P(SiteCoefficients, OfNormAgreeWithOrWithoutParametersAndEps) {
  const stats::Moments used = moments(GetParam());
  const at::Tensor weight = at::randn({kChannels});
  const at::Tensor bias = at::randn({kChannels}, at::kDouble);
  for (const double eps : {0.0, 1e-5}) {
    expect_equal(norm_coefficients(used, weight, bias, eps), norm_coefficients_in_tensors(used, weight, bias, eps));
    expect_equal(norm_coefficients(used, {}, {}, eps), norm_coefficients_in_tensors(used, {}, {}, eps));
    expect_equal(norm_coefficients(used, at::Tensor(), bias, eps),
                 norm_coefficients_in_tensors(used, at::Tensor(), bias, eps));
  }
  const Coefficients k = norm_coefficients(used, weight, bias, 1e-5);
  const double var = used.var.view(-1)[3].item<double>();
  EXPECT_DOUBLE_EQ(k.scale.view(-1)[3].item<double>(), weight[3].item<double>() / std::sqrt(var + 1e-5));
  EXPECT_EQ(k.shift.view(-1)[3].item<double>(), bias[3].item<double>());
  EXPECT_TRUE(k.center.equal(used.mean));
  EXPECT_TRUE(std::isfinite(norm_coefficients(used, weight, bias, 0).scale.view(-1)[0].item<double>()));
}

TEST_P(SiteCoefficients, OfAReferenceAgreeAndLeaveDeadChannelsAlone) {
  const stats::Moments used = moments(GetParam());
  stats::Moments reference{at::randn({kChannels}, at::kDouble), at::rand({kChannels}, at::kDouble) + 0.1};
  reference.var[2] = 0;
  const at::Tensor eps = at::rand({kChannels}, at::kDouble) * 1e-3;
  const Coefficients k = reference_coefficients(used, reference, eps);
  expect_equal(k, reference_coefficients_in_tensors(used, reference, eps));
  at::Tensor x = at::randn({3, kChannels, 2, 2}) + 1e-9;
  x[0][2][0][0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(affine(x, k.center, k.scale, k.shift).select(1, 2).allclose(x.select(1, 2), 0, 0, /*equal_nan=*/true));
  const double e = eps[3].item<double>();
  EXPECT_DOUBLE_EQ(k.scale.view(-1)[3].item<double>(),
                   std::sqrt((reference.var[3].item<double>() + e) / (used.var.view(-1)[3].item<double>() + e)));
}

TEST_P(SiteCoefficients, OfAReferenceWithoutEpsAreFinite) {
  stats::Moments used = moments(GetParam());
  used.var.zero_();
  const stats::Moments reference{at::randn({kChannels}, at::kDouble), at::ones({kChannels}, at::kDouble)};
  const at::Tensor none = at::zeros({kChannels}, at::kDouble);
  const Coefficients k = reference_coefficients(used, reference, none);
  EXPECT_TRUE(k.scale.isfinite().all().item<bool>());
  expect_equal(k, reference_coefficients_in_tensors(used, reference, none));
}

TEST_P(SiteCoefficients, TakeMomentsThatAreNotContiguous) {
  const stats::Moments used = moments(true);
  const stats::Moments strided{used.mean.t().contiguous().t(), used.var.t().contiguous().t()};
  expect_equal(
      {norm_coefficients(strided, {}, {}, 1e-5).center.contiguous(),
       norm_coefficients(strided, {}, {}, 1e-5).scale.contiguous(), norm_coefficients(strided, {}, {}, 1e-5).shift},
      norm_coefficients(used, {}, {}, 1e-5));
}

INSTANTIATE_TEST_SUITE_P(PooledAndPerImage, SiteCoefficients, ::testing::Bool());

}  // namespace
}  // namespace ttscale::ops
