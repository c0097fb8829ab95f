// SPDX-License-Identifier: MIT
// What cameras and readers of their pictures do: exposure, white balance, order and loss of colours.
#include <algorithm>
#include <array>
#include <cmath>

#include "shift/kinds.h"
#include "shift/pixels.h"

namespace ttscale::shift {
namespace {

/// Exposure in stops: one less is half the light.
constexpr std::array<double, 5> kUnder{-.5, -1, -1.5, -2, -3};
constexpr std::array<double, 5> kOver{.5, 1, 1.5, 2, 2.5};

/// Temperature in kelvin of the light, seen by a camera that expects 6500 K.
constexpr std::array<double, 5> kWarm{5500, 4800, 4200, 3600, 3000};
constexpr std::array<double, 5> kCool{7500, 8500, 10000, 13000, 20000};
constexpr double kExpected = 6500;

/// Which channel each of R, G and B is taken from: every order but the right one. The last is BGR read as RGB.
constexpr std::array<std::array<std::size_t, 3>, 5> kOrders{{{1, 0, 2}, {0, 2, 1}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}};

/// How much of the colour is gone.
constexpr std::array<double, 5> kGray{.2, .4, .6, .8, 1};

/// sRGB (IEC 61966-2-1): a value in 0..1 -> light in 0..1, and back.
double to_light(double value) { return value <= .04045 ? value / 12.92 : std::pow((value + .055) / 1.055, 2.4); }
double from_light(double light) { return light <= .0031308 ? light * 12.92 : 1.055 * std::pow(light, 1 / 2.4) - .055; }

/// What a byte becomes when its light is multiplied.
Table with_gain(double gain) {
  Table table{};
  for (std::size_t value = 0; value < table.size(); ++value) {
    table[value] = to_byte(255.0 * from_light(gain * to_light(static_cast<double>(value) / 255.0)) + .5);
  }
  return table;
}

/// Chromaticity of a black body of 1667 to 25000 K (Kim et al., US patent 7024034, 2002) as linear sRGB of luminance 1.
std::array<double, 3> colour_of_light(double kelvin) {
  const double t = 1000 / kelvin;
  const double x = kelvin <= 4000 ? ((-.2661239 * t - .2343589) * t + .8776956) * t + .179910
                                  : ((-3.0258469 * t + 2.1070379) * t + .2226347) * t + .240390;
  const double y = kelvin <= 2222   ? ((-1.1063814 * x - 1.34811020) * x + 2.18555832) * x - .20219683
                   : kelvin <= 4000 ? ((-.9549476 * x - 1.37418593) * x + 2.09137015) * x - .16748867
                                    : ((3.0817580 * x - 5.87338670) * x + 3.75112997) * x - .37001483;
  const double big_x = x / y;
  const double big_z = (1 - x - y) / y;
  return {3.2406 * big_x - 1.5372 - .4986 * big_z, -.9689 * big_x + 1.8758 + .0415 * big_z,
          .0557 * big_x - .2040 + 1.0570 * big_z};
}

cv::Mat expose(const cv::Mat& rgb, double stops) {
  const Table table = with_gain(std::exp2(stops));
  return look_up(rgb, {table, table, table});
}

/// Under another light than expected, at the same luminance of white.
cv::Mat relight(const cv::Mat& rgb, double kelvin) {
  const auto light = colour_of_light(kelvin);
  const auto expected = colour_of_light(kExpected);
  std::array<double, 3> gains{};
  for (std::size_t c = 0; c < 3; ++c) {
    gains[c] = std::max(0.0, light[c]) / expected[c];
  }
  const double luminance = .2126 * gains[0] + .7152 * gains[1] + .0722 * gains[2];
  return look_up(rgb,
                 {with_gain(gains[0] / luminance), with_gain(gains[1] / luminance), with_gain(gains[2] / luminance)});
}

/// Pixel by pixel.
template <typename Change>
cv::Mat change_pixels(const cv::Mat& rgb, Change change) {
  cv::Mat result(rgb.rows, rgb.cols, CV_8UC3);
  const std::uint8_t* in = bytes_of(rgb);
  auto* out = result.ptr<std::uint8_t>();
  for (std::size_t i = 0; i < rgb.total(); ++i, in += 3, out += 3) {
    change(in, out);
  }
  return result;
}

}  // namespace

cv::Mat underexposure(const cv::Mat& rgb, Job& job) { return expose(rgb, kUnder[job.level]); }

cv::Mat overexposure(const cv::Mat& rgb, Job& job) { return expose(rgb, kOver[job.level]); }

cv::Mat warm_white_balance(const cv::Mat& rgb, Job& job) { return relight(rgb, kWarm[job.level]); }

cv::Mat cool_white_balance(const cv::Mat& rgb, Job& job) { return relight(rgb, kCool[job.level]); }

cv::Mat channel_swap(const cv::Mat& rgb, Job& job) {
  const auto& order = kOrders[job.level];
  return change_pixels(rgb, [&order](const std::uint8_t* in, std::uint8_t* out) {
    for (std::size_t c = 0; c < 3; ++c) {
      out[c] = in[order[c]];
    }
  });
}

// Luma of ITU-R BT.601, as Pillow's mode L.
cv::Mat grayscale(const cv::Mat& rgb, Job& job) {
  const double share = kGray[job.level];
  return change_pixels(rgb, [share](const std::uint8_t* in, std::uint8_t* out) {
    const double luma = .299 * in[0] + .587 * in[1] + .114 * in[2];
    for (std::size_t c = 0; c < 3; ++c) {
      out[c] = to_byte(in[c] + share * (luma - in[c]) + .5);
    }
  });
}

}  // namespace ttscale::shift
