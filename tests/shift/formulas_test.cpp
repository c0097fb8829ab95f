// SPDX-License-Identifier: MIT
// Kinds against their formulas, written out in the slow and obvious way.
#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <vector>

#include "shift/random.h"
#include "shift/shift.h"

namespace ttscale::shift {
namespace {

using Pixel = std::array<double, 3>;

at::Tensor random_image(std::int64_t height, std::int64_t width, std::uint64_t seed) {
  Random random(seed);
  at::Tensor image = at::empty({height, width, 3}, at::kByte);
  std::generate_n(image.data_ptr<std::uint8_t>(), image.numel(),
                  [&random] { return static_cast<std::uint8_t>(random.below(256)); });
  return image;
}

/// Every pixel in 0..1 through a function, cut off to whole levels.
at::Tensor each_pixel(const at::Tensor& image, const std::function<Pixel(const Pixel&)>& change) {
  at::Tensor result = image.clone();
  auto* bytes = result.data_ptr<std::uint8_t>();
  for (std::int64_t i = 0; i < image.numel(); i += 3) {
    const Pixel changed = change({bytes[i] / 255.0, bytes[i + 1] / 255.0, bytes[i + 2] / 255.0});
    for (std::int64_t c = 0; c < 3; ++c) {
      bytes[i + c] = static_cast<std::uint8_t>(std::clamp(changed[static_cast<std::size_t>(c)], 0.0, 1.0) * 255);
    }
  }
  return result;
}

Pixel to_hsv(const Pixel& rgb) {
  const double value = std::max({rgb[0], rgb[1], rgb[2]});
  const double range = value - std::min({rgb[0], rgb[1], rgb[2]});
  if (range == 0) {
    return {0, 0, value};
  }
  const double sixths = rgb[0] == value   ? (rgb[1] - rgb[2]) / range
                        : rgb[1] == value ? 2 + (rgb[2] - rgb[0]) / range
                                          : 4 + (rgb[0] - rgb[1]) / range;
  return {sixths < 0 ? sixths + 6 : sixths, range / value, value};
}

/// The textbook's: f(n) = V - V S max(0, min(k, 4 - k, 1)), k = (n + 6 H) mod 6.
Pixel from_hsv(const Pixel& hsv) {
  Pixel rgb{};
  for (std::size_t c = 0; c < 3; ++c) {
    const double k = std::fmod(std::array<double, 3>{5, 3, 1}[c] + hsv[0], 6);
    rgb[c] = hsv[2] - hsv[2] * hsv[1] * std::max(0.0, std::min({k, 4 - k, 1.0}));
  }
  return rgb;
}

void expect_near(const at::Tensor& found, const at::Tensor& expected, int levels) {
  EXPECT_LE((found.to(at::kInt) - expected.to(at::kInt)).abs().max().item<int>(), levels);
}

at::Tensor shifted(const at::Tensor& image, const std::string& kind, std::int64_t severity) {
  return apply(image, {kind, severity}, Parameters::kImageNet, 11);
}

TEST(Formula, BrightnessRaisesTheValueOfHsv) {
  const at::Tensor image = random_image(40, 40, 1);
  const at::Tensor expected = each_pixel(image, [](const Pixel& rgb) {
    Pixel hsv = to_hsv(rgb);
    hsv[2] = std::min(1.0, hsv[2] + 0.3);
    return from_hsv(hsv);
  });
  expect_near(shifted(image, "brightness", 3), expected, 1);
}

TEST(Formula, SaturateScalesTheSaturationOfHsv) {
  at::Tensor image = random_image(40, 40, 2);
  image[0].fill_(128);  // gray has hue 0, which saturation turns red
  const at::Tensor expected = each_pixel(image, [](const Pixel& rgb) {
    Pixel hsv = to_hsv(rgb);
    hsv[1] = std::clamp(hsv[1] * 5 + 0.1, 0.0, 1.0);
    return from_hsv(hsv);
  });
  expect_near(shifted(image, "saturate", 4), expected, 1);
}

TEST(Formula, ContrastShrinksTowardsTheMeanOfEachChannel) {
  const at::Tensor image = random_image(30, 20, 3);
  const at::Tensor unit = image.to(at::kDouble) / 255;
  const at::Tensor mean = unit.mean(at::IntArrayRef{0, 1}, true);
  expect_near(shifted(image, "contrast", 1), (((unit - mean) * 0.4 + mean) * 255).to(at::kByte), 1);
}

TEST(Formula, NoiseHasItsSpreadOnGray) {
  const at::Tensor gray = at::full({200, 200, 3}, 128, at::kByte);
  const double root = std::sqrt(gray.numel());
  const auto added = [&gray](const char* kind) { return shifted(gray, kind, 1).to(at::kDouble) - 128; };
  // Cutting off lowers the mean by half a level and adds 1/12 to the variance.
  EXPECT_NEAR(added("gaussian_noise").std().item<double>(), std::hypot(.08 * 255, .29), 4 * 20.4 / root);
  EXPECT_NEAR(added("gaussian_noise").mean().item<double>(), -0.5, 4 * 20.4 / root);
  EXPECT_NEAR(added("speckle_noise").std().item<double>(), std::hypot(.15 * 128, .29), 4 * 19.2 / root);
  const double photons = 128 / 255.0 * 60;
  EXPECT_NEAR(added("shot_noise").std().item<double>(), std::sqrt(photons) / 60 * 255, 4 * 23.0 / root);
  const at::Tensor impulse = added("impulse_noise");
  EXPECT_NEAR(impulse.eq(127).to(at::kDouble).mean().item<double>(), .015, 4 * std::sqrt(.015) / root);
  EXPECT_NEAR(impulse.eq(-128).to(at::kDouble).mean().item<double>(), .015, 4 * std::sqrt(.015) / root);
  EXPECT_NEAR(impulse.eq(0).to(at::kDouble).mean().item<double>(), .97, 4 * std::sqrt(.03) / root);
}

// Without blur (sigma .05 has a kernel of one pixel) the pixels themselves show where they came from.
TEST(Formula, GlassTakesPixelsFromOneStepUpOrLeft) {
  at::Tensor image = at::empty({32, 32, 3}, at::kByte);
  for (std::int64_t y = 0; y < 32; ++y) {
    for (std::int64_t x = 0; x < 32; ++x) {
      image[y][x][0] = y;
      image[y][x][1] = x;
      image[y][x][2] = 0;
    }
  }
  const at::Tensor result = apply(image, {"glass_blur", 1}, Parameters::kCifar, 3).to(at::kInt);
  const at::Tensor moved = image.to(at::kInt) - result;  // 0 or 1, as from the last pixel back none is read twice
  EXPECT_EQ(moved.min().item<int>(), 0);
  EXPECT_EQ(moved.max().item<int>(), 1);
  EXPECT_EQ(moved.slice(0, 0, 2).abs().max().item<int>(), 0);  // the border rows and columns stay
  EXPECT_EQ(moved.slice(1, 0, 2).abs().max().item<int>(), 0);
  const double share = moved.slice(0, 2).slice(1, 2).slice(2, 0, 2).to(at::kDouble).mean().item<double>();
  EXPECT_NEAR(share, 0.5, 0.05);
}

// The darkest fog is none: at one pixel of the cloud nothing is added, and the whole is scaled.
TEST(Formula, FogLiesBetweenNoneAndItsStrength) {
  const at::Tensor image = at::full({64, 64, 3}, 204, at::kByte);
  const at::Tensor result = shifted(image, "fog", 2);
  const double scale = .8 / (.8 + 2);
  EXPECT_EQ(result.min().item<int>(), static_cast<int>(204 * scale));
  EXPECT_NEAR(result.max().item<int>(), (204 + 2 * 255) * scale, 1);
  EXPECT_TRUE(result.select(2, 0).equal(result.select(2, 2)));  // it is gray
}

// Memory that grows with the square of the longer side would be gigabytes: the cloud repeats.
TEST(Formula, FogOfLongImagesRepeatsItsCloud) {
  const at::Tensor tall = shifted(at::full({20000, 3, 3}, 204, at::kByte), "fog", 2);
  const at::Tensor wide = shifted(at::full({3, 20000, 3}, 204, at::kByte), "fog", 2);
  for (const at::Tensor& result : {tall, wide.transpose(0, 1)}) {
    EXPECT_TRUE(result.slice(0, 0, 4096).equal(result.slice(0, 4096, 8192)));
    EXPECT_TRUE(result.slice(0, 0, 20000 - 16384).equal(result.slice(0, 16384)));
    EXPECT_GT(result.slice(0, 0, 4096).to(at::kDouble).std().item<double>(), 1);
    const at::Tensor steps = (result.slice(0, 1).to(at::kInt) - result.slice(0, 0, -1).to(at::kInt)).abs();
    const int seam = steps.slice(0, 4095, 4096).max().item<int>();
    EXPECT_LE(seam, steps.slice(0, 0, 4095).max().item<int>());
  }
}

/// The published kernel: a disk of equal weights, smoothed by `taps` Gaussian weights in a box that mirrors its
/// content.
std::vector<std::vector<double>> defocus_kernel(double radius, double smoothing) {
  const int reach = radius <= 8 ? 8 : static_cast<int>(radius);
  const int half = radius <= 8 ? 1 : 2;
  const auto side = static_cast<std::size_t>(2 * reach + 1);
  std::vector<std::vector<double>> kernel(side, std::vector<double>(side));
  double area = 0;
  double gauss = 0;
  const auto one = [radius](int y, int x) { return x * x + y * y <= radius * radius ? 1.0 : 0.0; };
  const auto inside = [reach](int at) { return at > reach ? 2 * reach - at : at < -reach ? -2 * reach - at : at; };
  for (int dy = -half; dy <= half; ++dy) {
    for (int dx = -half; dx <= half; ++dx) {
      const double weight = std::exp(-.5 * (dy * dy + dx * dx) / (smoothing * smoothing));
      gauss += weight;
      for (int y = -reach; y <= reach; ++y) {
        for (int x = -reach; x <= reach; ++x) {
          const double value = weight * one(inside(y + dy), inside(x + dx));
          kernel[static_cast<std::size_t>(y + reach)][static_cast<std::size_t>(x + reach)] += value;
          area += dy == 0 && dx == 0 ? one(y, x) : 0;
        }
      }
    }
  }
  for (auto& row : kernel) {
    std::for_each(row.begin(), row.end(), [&](double& weight) { weight /= area * gauss; });
  }
  return kernel;
}

/// The index of the pixel behind a border that mirrors without repeating the outermost pixel.
std::int64_t mirrored(std::int64_t at, std::int64_t size) {
  while (size > 1 && (at < 0 || at >= size)) {
    at = at < 0 ? -at : 2 * (size - 1) - at;
  }
  return size > 1 ? at : 0;
}

at::Tensor filtered(const at::Tensor& image, const std::vector<std::vector<double>>& kernel) {
  const auto reach = static_cast<std::int64_t>(kernel.size() / 2);
  at::Tensor sum = at::zeros(image.sizes(), at::kDouble);
  const auto in = image.accessor<std::uint8_t, 3>();
  auto out = sum.accessor<double, 3>();
  for (std::int64_t i = 0; i < image.numel(); ++i) {
    const std::int64_t y = i / 3 / image.size(1);
    const std::int64_t x = i / 3 % image.size(1);
    for (std::int64_t dy = -reach; dy <= reach; ++dy) {
      for (std::int64_t dx = -reach; dx <= reach; ++dx) {
        out[y][x][i % 3] += kernel[static_cast<std::size_t>(dy + reach)][static_cast<std::size_t>(dx + reach)] *
                            in[mirrored(y + dy, image.size(0))][mirrored(x + dx, image.size(1))][i % 3];
      }
    }
  }
  return sum.clamp(0, 255);
}

// The sums are exact, so that a pixel that is cut off differently must have been within rounding of a whole level.
TEST(Formula, DefocusIsTheMeanOverASmoothedDisk) {
  const std::array<std::pair<double, double>, 5> imagenet{{{3, .1}, {4, .5}, {6, .5}, {8, .5}, {10, .5}}};
  const std::array<std::pair<double, double>, 5> cifar{{{.3, .4}, {.4, .5}, {.5, .6}, {1, .2}, {1.5, .1}}};
  for (const auto& [height, width] : std::vector<std::pair<std::int64_t, std::int64_t>>{{40, 33}, {3, 5}, {1, 9}}) {
    const at::Tensor image = random_image(height, width, 8);
    for (std::size_t i = 0; i < 5; ++i) {
      for (const auto set : {Parameters::kImageNet, Parameters::kCifar}) {
        const auto& [radius, smoothing] = (set == Parameters::kImageNet ? imagenet : cifar)[i];
        const at::Tensor expected = filtered(image, defocus_kernel(radius, smoothing));
        const at::Tensor found = apply(image, {"defocus_blur", static_cast<std::int64_t>(i) + 1}, set, 1);
        const at::Tensor above = expected - found.to(at::kDouble);  // 0 to 1, as it is cut off
        EXPECT_GT(above.min().item<double>(), -.02) << radius;
        EXPECT_LT(above.max().item<double>(), 1.02) << radius;
      }
    }
  }
}

// Pillow's box filter at a scale of a half: means of four, then each pixel four times.
TEST(Formula, PixelateRepeatsMeansOfBoxes) {
  const at::Tensor image = random_image(16, 24, 9);
  const at::Tensor means = image.to(at::kDouble).view({8, 2, 12, 2, 3}).mean(at::IntArrayRef{1, 3}, true);
  const at::Tensor expected = means.expand({8, 2, 12, 2, 3}).reshape({16, 24, 3});
  const at::Tensor found = shifted(image, "pixelate", 2);
  EXPECT_LE((found.to(at::kDouble) - expected).abs().max().item<double>(), 1.0);
  const at::Tensor blocks = found.view({8, 2, 12, 2, 3});
  EXPECT_TRUE(blocks.equal(blocks.slice(1, 0, 1).slice(3, 0, 1).expand({8, 2, 12, 2, 3})));
}

TEST(Formula, FrostAddsAShareOfATexture) {
  const at::Tensor black = at::zeros({64, 64, 3}, at::kByte);
  const at::Tensor texture = shifted(black, "frost", 3).to(at::kDouble) / .7;
  const at::Tensor gray = at::full({64, 64, 3}, 50, at::kByte);
  const at::Tensor expected = (gray.to(at::kDouble) * .7 + texture * .7).clamp(0, 255);
  EXPECT_LE((shifted(gray, "frost", 3).to(at::kDouble) - expected).abs().max().item<double>(), 1.0);
  EXPECT_GT(texture.std().item<double>(), 5);
}

TEST(Formula, ElasticTransformKeepsColours) {
  const at::Tensor image = at::full({60, 50, 3}, 93, at::kByte);
  for (std::int64_t severity = 1; severity <= 5; ++severity) {
    expect_near(shifted(image, "elastic_transform", severity), image, 1);
  }
}

TEST(Formula, ElasticTransformTakesLongThinImages) {
  const at::Tensor image = at::full({20000, 2, 3}, 93, at::kByte);
  expect_near(shifted(image, "elastic_transform", 1), image, 1);
}

TEST(Formula, SnowIsTheSameTurnedByHalf) {
  const at::Tensor black = at::zeros({61, 40, 3}, at::kByte);
  const at::Tensor snow = shifted(black, "snow", 5);
  EXPECT_TRUE(snow.equal(snow.flip({0, 1})));
  EXPECT_GT(snow.to(at::kDouble).std().item<double>(), 10);
}

TEST(Formula, ExposureMultipliesLight) {
  const at::Tensor image = at::full({1, 1, 3}, 188, at::kByte);  // half of the light of white
  expect_near(shifted(image, "overexposure", 2), at::full({1, 1, 3}, 255, at::kByte), 2);
  expect_near(shifted(image, "underexposure", 2), at::full({1, 1, 3}, 137, at::kByte), 1);
}

TEST(Formula, WhiteBalanceTintsWhiteAndKeepsItsLuminance) {
  const at::Tensor gray = at::full({1, 1, 3}, 120, at::kByte);
  const at::Tensor warm = shifted(gray, "warm_white_balance", 5).flatten();
  const at::Tensor cool = shifted(gray, "cool_white_balance", 5).flatten();
  EXPECT_GT(warm[0].item<int>(), 150);
  EXPECT_LT(warm[2].item<int>(), 70);
  EXPECT_LT(cool[0].item<int>(), 115);
  EXPECT_GT(cool[2].item<int>(), 135);
  for (const at::Tensor& tint : {warm, cool}) {
    const at::Tensor light = ((tint.to(at::kDouble) / 255 + .055) / 1.055).pow(2.4);
    const double luminance = (light * at::tensor({.2126, .7152, .0722}, at::kDouble)).sum().item<double>();
    EXPECT_NEAR(luminance, std::pow((120 / 255.0 + .055) / 1.055, 2.4), .003);
  }
}

TEST(Formula, ChannelsAreSwappedInTheOrderOfTheirNames) {
  const at::Tensor image = random_image(5, 4, 6);
  const std::array<std::array<std::int64_t, 3>, 5> orders{{{1, 0, 2}, {0, 2, 1}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}};
  for (std::int64_t severity = 1; severity <= 5; ++severity) {
    const auto& order = orders[static_cast<std::size_t>(severity - 1)];
    const at::Tensor expected = image.index_select(2, at::tensor({order[0], order[1], order[2]}, at::kLong));
    EXPECT_TRUE(shifted(image, "channel_swap", severity).equal(expected));
  }
}

TEST(Formula, GrayscaleEndsInLuma) {
  const at::Tensor image = random_image(20, 20, 7);
  const at::Tensor luma = (image.to(at::kDouble) * at::tensor({.299, .587, .114}, at::kDouble)).sum(2, true);
  expect_near(shifted(image, "grayscale", 5), luma.round().to(at::kByte).expand({20, 20, 3}), 1);
}

TEST(Formula, LetterboxPadsTheWholePicture) {
  const at::Tensor white = at::full({40, 60, 3}, 255, at::kByte);
  const at::Tensor result = shifted(white, "letterbox", 5);
  EXPECT_TRUE(result.slice(0, 10, 30).slice(1, 15, 45).eq(255).all().item<bool>());
  EXPECT_EQ(result.eq(114).sum().item<std::int64_t>(), (40 * 60 - 20 * 30) * 3);
}

}  // namespace
}  // namespace ttscale::shift
