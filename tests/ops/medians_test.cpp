// SPDX-License-Identifier: MIT
// Medians of activations against sorted plain numbers, in all layouts and types.
#include "ops/medians.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <limits>

#include "ops/moments.h"
#include "ops/support.h"

namespace ttscale::ops {
namespace {

at::Tensor medians_of(const at::Tensor& x) {
  const auto [mean, var] = moments(x);
  return medians(x, mean, var);
}

/// Sorts the values of each channel of the images in `keep`.
at::Tensor by_sorting(const at::Tensor& x, const std::vector<std::int64_t>& keep) {
  const at::Tensor values = x.to(at::kCPU).to(at::kDouble).contiguous();
  at::Tensor out = at::empty({2, x.size(1)}, at::kDouble);
  for (std::int64_t c = 0; c < x.size(1); ++c) {
    std::vector<double> all;
    for (const std::int64_t i : keep) {
      const at::Tensor pixels = values[i][c].flatten().contiguous();
      all.insert(all.end(), pixels.data_ptr<double>(), pixels.data_ptr<double>() + pixels.numel());
    }
    std::sort(all.begin(), all.end());
    out[0][c] = all[(all.size() - 1) / 2];
    out[1][c] = all[all.size() / 2];
  }
  return out;
}

class Medians : public ::testing::TestWithParam<at::Device> {};

TEST_P(Medians, AreTheMiddleOfTheSortedValues) {
  at::manual_seed(21);
  for (const auto type : {at::kFloat, at::kDouble, at::kHalf, at::kBFloat16}) {
    for (const at::Tensor& x :
         {at::randn({3, 4, 5, 7}), at::randn({2, 4, 3, 2}), at::randn({1, 4, 1, 1}), at::randn({2, 4}),
          at::randn({2, 4, 6, 5}).contiguous(at::MemoryFormat::ChannelsLast), at::randn({2, 4, 2, 3, 2})}) {
      const at::Tensor input = x.to(type).to(GetParam());
      std::vector<std::int64_t> all;
      for (std::int64_t i = 0; i < x.size(0); ++i) {
        all.push_back(i);
      }
      EXPECT_TRUE(medians_of(input).cpu().equal(by_sorting(input, all))) << x.sizes() << ' ' << type;
    }
  }
}

TEST_P(Medians, EqualValuesAboutTheMiddleAreBoth) {
  for (const std::vector<float>& values : std::vector<std::vector<float>>{
           {1, 2, 2, 3}, {1, 2, 3, 3}, {1, 1, 2, 3}, {2, 2, 2, 2}, {1, 1, 2, 2}, {0, -1, -1, 5, 5, 5}}) {
    const at::Tensor x = at::tensor(values).view({1, 1, -1, 1}).to(GetParam());
    EXPECT_TRUE(medians_of(x).cpu().equal(by_sorting(x, {0}))) << x;
  }
}

TEST_P(Medians, AnImageWithNanOrInfCountsInNoChannel) {
  at::manual_seed(22);
  at::Tensor x = at::randn({5, 3, 4, 4});
  x[1][2][0][0] = std::numeric_limits<float>::quiet_NaN();
  x[3][0][1][1] = -std::numeric_limits<float>::infinity();
  EXPECT_TRUE(medians_of(x.to(GetParam())).cpu().equal(by_sorting(x, {0, 2, 4})));
  const at::Tensor none = at::full({2, 3, 4, 4}, std::numeric_limits<float>::quiet_NaN());
  EXPECT_TRUE(medians_of(none.to(GetParam())).isnan().all().item<bool>());
}

INSTANTIATE_TEST_SUITE_P(Devices, Medians, ::testing::ValuesIn(devices()),
                         [](const auto& test) { return c10::str(test.param.type()); });

}  // namespace
}  // namespace ttscale::ops
