// SPDX-License-Identifier: MIT
// What holds for every kind. That they are the published ones: scripts/check_shifts.py.
#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include <cmath>
#include <map>
#include <set>
#include <thread>

#include "shift/random.h"
#include "shift/shift.h"
#include "temp_folder.h"
#include "ttscale/error.h"

namespace ttscale::shift {
namespace {

using ::testing::HasSubstr;
using ttscale::testing::message_of;

/// Blots, a slope and stripes: edges and shades for every kind to change.
at::Tensor picture(std::int64_t height, std::int64_t width) {
  Random random(9);
  at::Tensor image = at::empty({height, width, 3}, at::kByte);
  auto* out = image.data_ptr<std::uint8_t>();
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      for (std::int64_t c = 0; c < 3; ++c) {
        const std::uint64_t blot = mix(static_cast<std::uint64_t>((y / 8 * 64 + x / 8) * 3 + c)) % 160;
        *out++ = static_cast<std::uint8_t>(blot + static_cast<std::uint64_t>(x % 60) + (y % 4 == 0 ? 30U : 0U));
      }
    }
  }
  return image;
}

std::vector<Shift> every_shift() { return combine_shifts(kinds(), {1, 2, 3, 4, 5}); }

double distance(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).pow(2).mean().item<double>();
}

std::uint64_t checksum(const at::Tensor& image) {
  std::uint64_t sum = 0;
  for (std::int64_t i = 0; i < image.numel(); ++i) {
    sum = mix(sum ^ image.data_ptr<std::uint8_t>()[i]);
  }
  return sum;
}

TEST(EveryKind, WorksAtAnySizeAndChangesNoInput) {
  const std::vector<std::pair<std::int64_t, std::int64_t>> sizes{{1, 1},   {2, 3},  {3, 2},  {7, 5},
                                                                 {33, 31}, {1, 40}, {40, 1}, {61, 128}};
  for (const auto& [height, width] : sizes) {
    const at::Tensor image = picture(height, width);
    const at::Tensor before = image.clone();
    for (const Shift& shift : every_shift()) {
      for (const auto parameters : {Parameters::kImageNet, Parameters::kCifar}) {
        SCOPED_TRACE(shift.domain() + " " + to_string(parameters) + " " + std::to_string(height));
        const at::Tensor result = apply(image, shift, parameters, 1);
        EXPECT_EQ(result.sizes(), image.sizes());
        EXPECT_EQ(result.scalar_type(), at::kByte);
        EXPECT_TRUE(result.is_contiguous());
        EXPECT_NE(result.data_ptr(), image.data_ptr());
        EXPECT_TRUE(image.equal(before));
      }
    }
  }
}

TEST(EveryKind, SurvivesImagesOfOneColour) {
  for (const int level : {0, 255}) {
    const at::Tensor image = at::full({24, 24, 3}, level, at::kByte);
    for (const Shift& shift : every_shift()) {
      EXPECT_EQ(apply(image, shift, Parameters::kImageNet, 1).numel(), image.numel()) << shift.domain();
    }
  }
}

TEST(EveryKind, DependsOnItsArgumentsAlone) {
  const at::Tensor image = picture(48, 40);
  std::vector<at::Tensor> expected;
  for (const Shift& shift : every_shift()) {
    expected.push_back(apply(image, shift, Parameters::kImageNet, 5));
  }
  std::vector<std::vector<at::Tensor>> found(4);
  std::vector<std::thread> threads;
  for (auto& results : found) {
    threads.emplace_back([&results, &image] {
      for (const Shift& shift : every_shift()) {
        results.push_back(apply(image, shift, Parameters::kImageNet, 5));
      }
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  for (const auto& results : found) {
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_TRUE(results[i].equal(expected[i])) << every_shift()[i].domain();
    }
  }
}

TEST(EveryKind, TakesOtherChancesWithAnotherSeed) {
  const std::set<std::string> random{"gaussian_noise", "shot_noise", "impulse_noise", "glass_blur", "motion_blur",
                                     "snow",           "frost",      "fog",           "spatter",    "elastic_transform",
                                     "speckle_noise"};
  const at::Tensor image = picture(48, 40);
  for (const std::string& kind : kinds()) {
    const bool same =
        apply(image, {kind, 3}, Parameters::kImageNet, 1).equal(apply(image, {kind, 3}, Parameters::kImageNet, 2));
    EXPECT_EQ(same, random.count(kind) == 0) << kind;
  }
}

// Where the published parameters themselves grow; those of glass, snow, elastic and spatter change character
// instead, and what pixelate and letterbox leave depends on the picture.
TEST(Severity, MakesTheDistanceGrow) {
  const std::vector<std::string> growing{"gaussian_noise", "shot_noise",     "impulse_noise",      "speckle_noise",
                                         "gaussian_blur",  "defocus_blur",   "brightness",         "contrast",
                                         "zoom_blur",      "underexposure",  "warm_white_balance", "cool_white_balance",
                                         "overexposure",   "low_resolution", "grayscale",          "jpeg_compression"};
  const at::Tensor image = picture(224, 224);
  for (const std::string& kind : growing) {
    double before = 0;
    for (std::int64_t severity = 1; severity <= 5; ++severity) {
      const double now = distance(apply(image, {kind, severity}, Parameters::kImageNet, 1), image);
      EXPECT_GT(now, before) << kind << " " << severity;
      before = now;
    }
  }
}

// Kinds whose every step is exact: whole numbers, or doubles without library functions that may differ.
TEST(Pixels, AreTheSameEverywhere) {
  const std::map<std::string, std::uint64_t> expected{
      {"gaussian_noise", 14997566551853211025U}, {"shot_noise", 1950363592614680607U},
      {"impulse_noise", 6734102468878898707U},   {"speckle_noise", 11126540482618004965U},
      {"contrast", 2547147285222064055U},        {"brightness", 13466702514570082615U},
      {"saturate", 6923661561986110033U},        {"pixelate", 11142796111008873150U},
      {"channel_swap", 1930483718629521798U},    {"low_resolution", 10163297355816399673U},
      {"letterbox", 2838672019126103246U},       {"grayscale", 3666851143251440529U}};
  for (const auto& [kind, sum] : expected) {
    EXPECT_EQ(checksum(apply(picture(40, 56), {kind, 3}, Parameters::kImageNet, 7)), sum) << kind;
  }
}

TEST(Input, ThatIsNoImageIsRefused) {
  const auto refusal = [](const at::Tensor& tensor, const Shift& shift) {
    return message_of<UsageError>([&] { apply(tensor, shift, Parameters::kImageNet, 0); });
  };
  const at::Tensor image = picture(4, 4);
  EXPECT_THAT(refusal({}, {"fog", 1}), HasSubstr("no tensor"));
  EXPECT_THAT(refusal(image.to(at::kFloat), {"fog", 1}), HasSubstr("expected a uint8 image"));
  EXPECT_THAT(refusal(at::zeros({4, 4, 1}, at::kByte), {"fog", 1}), HasSubstr("expected an RGB image"));
  EXPECT_THAT(refusal(at::zeros({0, 4, 3}, at::kByte), {"fog", 1}), HasSubstr("[0, 4, 3]"));
  EXPECT_THAT(refusal(image, {"mist", 1}), HasSubstr("'mist'"));
  EXPECT_THAT(refusal(image, {"fog", 0}), HasSubstr("found 0"));
  EXPECT_THAT(refusal(image, {"fog", 6}), HasSubstr("found 6"));
}

TEST(Input, MayLieInMemoryInAnyOrder) {
  const at::Tensor turned = picture(20, 30).transpose(0, 1);
  EXPECT_TRUE(apply(turned, {"snow", 3}, Parameters::kImageNet, 1)
                  .equal(apply(turned.contiguous(), {"snow", 3}, Parameters::kImageNet, 1)));
}

}  // namespace
}  // namespace ttscale::shift
