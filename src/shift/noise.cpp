// SPDX-License-Identifier: MIT
// Noise that is independent from pixel to pixel and channel to channel.
#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "shift/kinds.h"
#include "shift/pixels.h"
#include "shift/poisson.h"

namespace ttscale::shift {
namespace {

/// Standard deviation of pixels in 0..1.
constexpr Levels<double> kGaussian{{.08, .12, .18, .26, .38}, {.04, .06, .08, .09, .10}};
/// Photons at full brightness.
constexpr Levels<int> kShot{{60, 25, 12, 5, 3}, {500, 250, 100, 75, 50}};
/// Share of the values that become 0 or 255.
constexpr Levels<double> kImpulse{{.03, .06, .09, .17, .27}, {.01, .02, .03, .05, .07}};
/// Standard deviation of the factor.
constexpr Levels<double> kSpeckle{{.15, .2, .35, .45, .6}, {.06, .1, .12, .16, .2}};

/// The bytes that `change` makes of each byte, in the order of memory.
template <typename Change>
cv::Mat change_each(const cv::Mat& rgb, Change change) {
  cv::Mat result(rgb.rows, rgb.cols, CV_8UC3);
  const std::uint8_t* in = bytes_of(rgb);
  std::transform(in, in + count_of(rgb), result.ptr<std::uint8_t>(), change);
  return result;
}

/// Shot noise of one exposure: for each of the 256 byte values its distribution, for each count of photons its byte.
struct Shot {
  std::vector<Poisson> photons;
  std::vector<std::uint8_t> byte;

  explicit Shot(int exposure) {
    for (int value = 0; value < 256; ++value) {
      photons.emplace_back(value / 255.0 * exposure);
    }
    for (int count = 0; count <= exposure; ++count) {
      byte.push_back(to_byte(static_cast<double>(count) / exposure * 255.0));
    }
  }
};

/// Tables are made once, at the first image that needs them.
std::shared_ptr<const Shot> shot_of(int exposure) {
  static std::mutex mutex;
  static std::map<int, std::shared_ptr<const Shot>> made;
  const std::lock_guard<std::mutex> lock(mutex);
  auto& shot = made[exposure];
  if (shot == nullptr) {
    shot = std::make_shared<const Shot>(exposure);
  }
  return shot;
}

}  // namespace

// Normal noise is cut off to whole levels before it is clipped: compilers clip whole numbers without branches, which
// chance would take.
cv::Mat gaussian_noise(const cv::Mat& rgb, Job& job) {
  const double sigma = kGaussian.of(job) * 255.0;
  return change_each(rgb, [sigma, random = job.random](std::uint8_t value) mutable {
    return to_byte(static_cast<int>(value + sigma * random.normal()));
  });
}

cv::Mat shot_noise(const cv::Mat& rgb, Job& job) {
  const auto shot = shot_of(kShot.of(job));
  const auto brightest = static_cast<std::int64_t>(shot->byte.size()) - 1;
  return change_each(rgb, [&shot = *shot, brightest, random = job.random](std::uint8_t value) mutable {
    const std::int64_t count = shot.photons[value](random);
    return shot.byte[static_cast<std::size_t>(std::min(count, brightest))];
  });
}

cv::Mat impulse_noise(const cv::Mat& rgb, Job& job) {
  const double share = kImpulse.of(job);
  return change_each(rgb, [share, random = job.random](std::uint8_t value) mutable {
    const double drawn = random.uniform();  // below share / 2 salt, from there to share pepper
    return drawn >= share ? value : static_cast<std::uint8_t>(drawn < share / 2 ? 255 : 0);
  });
}

cv::Mat speckle_noise(const cv::Mat& rgb, Job& job) {
  const double sigma = kSpeckle.of(job);
  return change_each(rgb, [sigma, random = job.random](std::uint8_t value) mutable {
    return to_byte(static_cast<int>(value + value * sigma * random.normal()));
  });
}

}  // namespace ttscale::shift
