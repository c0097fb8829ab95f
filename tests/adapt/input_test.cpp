// SPDX-License-Identifier: MIT
// Input scaling against slow scalar versions.
#include "ttscale/input.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/ATen.h>

#include "ttscale/error.h"

namespace ttscale {
namespace {

using ::testing::HasSubstr;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

at::Tensor images() {
  at::manual_seed(5);
  return at::rand({4, 3, 6, 5}, at::kDouble) * at::tensor({0.2, 0.5, 1.0}, at::kDouble).view({1, 3, 1, 1}) +
         at::rand({4, 1, 1, 1}, at::kDouble);
}

/// The part of x that one scope covers, for the image and channel given.
at::Tensor scope_of(const at::Tensor& x, InputScope scope, std::int64_t image, std::int64_t channel) {
  switch (scope) {
    case InputScope::kBatch:
      return x.select(1, channel);
    case InputScope::kImage:
      return x[image];
    default:
      return x[image][channel];
  }
}

class Scoped : public ::testing::TestWithParam<InputScope> {};

TEST_P(Scoped, StandardizeEqualsTheFormula) {
  const std::vector<double> mean{0.485, 0.456, 0.406};
  const std::vector<double> std{0.229, 0.224, 0.225};
  const at::Tensor x = images();
  const at::Tensor y = standardize(x, {mean, std, GetParam()});
  const auto shape = [](const std::vector<double>& v) { return at::tensor(v, at::kDouble).view({1, 3, 1, 1}); };
  const at::Tensor z = (x - shape(mean)) / shape(std);
  for (std::int64_t n = 0; n < 4; ++n) {
    for (std::int64_t c = 0; c < 3; ++c) {
      const at::Tensor values = scope_of(z, GetParam(), n, c);
      const at::Tensor want = (z[n][c] - values.mean()) / values.std(/*unbiased=*/false);
      const auto i = static_cast<std::size_t>(c);
      EXPECT_TRUE(y[n][c].allclose(want * std[i] + mean[i], 1e-9, 1e-9)) << n << c;
    }
  }
}

TEST_P(Scoped, StandardizeIsTheSameBeforeAndAfterNormalize) {
  const at::Tensor mean = at::tensor({0.485, 0.456, 0.406}, at::kDouble).view({1, 3, 1, 1});
  const at::Tensor std = at::tensor({0.229, 0.224, 0.225}, at::kDouble).view({1, 3, 1, 1});
  const at::Tensor x = images();
  const at::Tensor before = (standardize(x, {{0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}, GetParam()}) - mean) / std;
  const at::Tensor after = standardize((x - mean) / std, {{0.0}, {1.0}, GetParam()});
  EXPECT_TRUE(before.allclose(after, 1e-9, 1e-9));
}

TEST_P(Scoped, MinMaxIsTheSameBeforeAndAfterANormaliseStep) {
  const at::Tensor mean = at::tensor({0.485, 0.456, 0.406}, at::kDouble).view({1, 3, 1, 1});
  const at::Tensor std = at::tensor({0.229, 0.224, 0.225}, at::kDouble).view({1, 3, 1, 1});
  at::Tensor x = images();
  x[1].fill_(0.3);  // constant as pixels, though not behind the step
  const MinMax pixels{-1, 3, 0.05, 0.9, GetParam()};
  MinMax normalised = pixels;
  normalised.mean = {0.485, 0.456, 0.406};
  normalised.std = {0.229, 0.224, 0.225};
  const at::Tensor before = (min_max(x, pixels) - mean) / std;
  EXPECT_TRUE(min_max((x - mean) / std, normalised).allclose(before, 1e-9, 1e-9));
  const at::Tensor single = min_max(((x - mean) / std).to(at::kFloat), normalised);
  EXPECT_TRUE(single.to(at::kDouble).allclose(before, 1e-4, 1e-4)) << "rounding is no spread";
}

double slow_quantile(const at::Tensor& values, double q) {
  std::vector<double> sorted;
  const at::Tensor flat = values.flatten();
  for (std::int64_t i = 0; i < flat.numel(); ++i) {
    if (!std::isnan(flat[i].item<double>())) {
      sorted.push_back(flat[i].item<double>());
    }
  }
  std::sort(sorted.begin(), sorted.end());
  const double position = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const auto above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (position - static_cast<double>(below));
}

TEST_P(Scoped, MinMaxEqualsTheFormulaAndIgnoresNan) {
  at::Tensor x = images();
  x[2][1][3][3] = kNan;
  for (const auto& [low_q, high_q] : {std::pair<double, double>{0, 1}, {0.05, 0.9}}) {
    const at::Tensor y = min_max(x, {-1, 3, low_q, high_q, GetParam()});
    for (std::int64_t n = 0; n < 4; ++n) {
      for (std::int64_t c = 0; c < 3; ++c) {
        const at::Tensor values = scope_of(x, GetParam(), n, c);
        const double low = slow_quantile(values, low_q);
        const double high = slow_quantile(values, high_q);
        const at::Tensor want = ((x[n][c] - low) / (high - low)).clamp(0, 1) * 4 - 1;
        EXPECT_TRUE(y[n][c].allclose(want, 1e-9, 1e-9, /*equal_nan=*/true)) << n << c;
      }
    }
  }
}

TEST_P(Scoped, ConstantImagesPassThrough) {
  const at::Tensor x = at::full({2, 3, 4, 4}, 0.3);
  EXPECT_TRUE(standardize(x, {{0.5}, {0.2}, GetParam()}).equal(x));
  EXPECT_TRUE(min_max(x, {0, 1, 0, 1, GetParam()}).equal(x));
}

TEST_P(Scoped, NanStaysInItsImage) {
  at::Tensor x = images();
  x[2][1][3][3] = kNan;
  const at::Tensor y = standardize(x, {{0.0}, {1.0}, GetParam()});
  EXPECT_TRUE(at::equal(y[2].nan_to_num(9), x[2].nan_to_num(9)));
  for (const std::int64_t n : {0, 1, 3}) {
    EXPECT_TRUE(y[n].isfinite().all().item<bool>());
  }
  if (GetParam() == InputScope::kBatch) {
    const at::Tensor others = standardize(at::cat({x.narrow(0, 0, 2), x.narrow(0, 3, 1)}), {{0.0}, {1.0}, GetParam()});
    EXPECT_TRUE(y[3].allclose(others[2]));
  }
}

TEST_P(Scoped, TypeAndLayoutStay) {
  const at::Tensor x = images().to(at::kHalf).contiguous(at::MemoryFormat::ChannelsLast);
  for (const at::Tensor& y : {standardize(x, {{0.0}, {1.0}, GetParam()}), min_max(x, {0, 1, 0, 1, GetParam()})}) {
    EXPECT_EQ(y.scalar_type(), at::kHalf);
    EXPECT_EQ(y.strides(), x.strides());
  }
  EXPECT_EQ(min_max(x.narrow(0, 0, 0), {}).size(0), 0);
  EXPECT_EQ(standardize(x.narrow(0, 0, 0), {}).size(0), 0);
}

INSTANTIATE_TEST_SUITE_P(Scopes, Scoped,
                         ::testing::Values(InputScope::kBatch, InputScope::kImage, InputScope::kChannel));

TEST(InputText, RoundTripsAndRefuses) {
  for (const char* text : {"none", "standardize", "standardize:scope=image", "min-max",
                           "min-max:low=-1,upper-quantile=0.995,scope=batch"}) {
    EXPECT_EQ(to_string(parse_input_scaling(text)), text);
  }
  const auto message = [](const char* text) -> std::string {
    try {
      parse_input_scaling(text);
    } catch (const UsageError& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_THAT(message("whiten"), HasSubstr("none, standardize, min-max"));
  EXPECT_THAT(message("standardize:scope=world"), HasSubstr("batch, image, channel"));
  EXPECT_THAT(message("min-max:low=2"), HasSubstr("high must be"));
  EXPECT_THAT(message("min-max:lower-quantile=1.5"), HasSubstr("from 0 to 1"));
  EXPECT_THAT(message("min-max:lower-quantile=0.6,upper-quantile=0.5"), HasSubstr("upper-quantile"));
  EXPECT_THAT(message("none:scope=image"), HasSubstr("takes none"));
  MinMax flat;
  flat.std = {0};
  EXPECT_THROW(validate(InputScaling(flat)), UsageError);
}

TEST(InputOptions, SayWhichFieldIsWrong) {
  const at::Tensor x = at::rand({1, 3, 4, 4});
  EXPECT_THROW(standardize(x, {{0.5, 0.5}, {1.0}}), UsageError);
  EXPECT_THROW(standardize(x, {{0.5}, {0.0}}), UsageError);
  EXPECT_THROW(standardize(x, {{kNan}, {1.0}}), UsageError);
  EXPECT_ANY_THROW(standardize(at::ones({2, 3}, at::kInt), {}));
}

}  // namespace
}  // namespace ttscale
