// SPDX-License-Identifier: MIT
// The options of preprocessing as such: names, checks, texts.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/message_text.h"
#include "base/option_text.h"
#include "image/preprocess.h"
#include "image/tensor_checks.h"
#include "ttscale/error.h"

namespace ttscale::image {
namespace {

constexpr std::int64_t kMaxImgSize = 1 << 14;

/// JSON has no NaN and no infinity, and would say null.
std::string to_text(double value) { return std::isfinite(value) ? nlohmann::json(value).dump() : number_text(value); }

std::string to_text(const std::vector<double>& values) {
  std::string text;
  for (const double value : values) {
    text += (text.empty() ? "" : ",") + to_text(value);
  }
  return text;
}

/// One value for several that are equal: it means the same for every channel.
std::vector<double> shortest(const std::vector<double>& values) {
  const bool equal = std::all_of(values.begin(), values.end(), [&](double value) { return value == values.front(); });
  return equal && !values.empty() ? std::vector<double>{values.front()} : values;
}

void check_values(const char* field, const std::vector<double>& values, std::int64_t channels, bool positive) {
  const auto count = static_cast<std::int64_t>(values.size());
  if (count != 1 && count != channels) {
    const std::string expected = channels == 1 ? "1 value" : "1 or " + std::to_string(channels) + " values";
    throw UsageError(std::string(field) + ": expected " + expected + " (one a channel), found " +
                     std::to_string(count) + ": " + shown(to_text(values)));
  }
  for (const double value : values) {
    if (!std::isfinite(value) || value < 0 || value > (positive ? HUGE_VAL : 1.0) || (positive && value == 0)) {
      throw UsageError(std::string(field) + ": expected values " +
                       (positive ? "above 0" : "in 0..1 (pixels are divided by 255)") + ", found " +
                       shown(to_text(values)));
    }
  }
}

void check_img_size(const std::optional<Size>& size) {
  if (size && (size->height < 1 || size->width < 1 || size->height > kMaxImgSize || size->width > kMaxImgSize)) {
    throw UsageError("img_size: expected 1 to " + std::to_string(kMaxImgSize) + " pixels a side, found " +
                     to_text(*size));
  }
}

}  // namespace

CropMode parse_crop_mode(const std::string& text) {
  for (const auto mode : {CropMode::kCenter, CropMode::kSquash, CropMode::kBorder}) {
    if (text == to_string(mode)) {
      return mode;
    }
  }
  throw UsageError("crop_mode: expected center, squash or border, found '" + shown(text) + "'");
}

std::string to_string(CropMode mode) {
  switch (mode) {
    case CropMode::kCenter:
      return "center";
    case CropMode::kSquash:
      return "squash";
    case CropMode::kBorder:
      break;
  }
  return "border";
}

void Preprocessing::validate() const {
  check_img_size(img_size);
  // A tiny share would ask for an enormous scaled image.
  if (!(crop_pct >= 0.01 && crop_pct <= 1.0)) {
    throw UsageError("crop_pct: expected 0.01 to 1, found " + to_text(crop_pct));
  }
  if (in_chans != 1 && in_chans != 3) {
    throw UsageError("in_chans: expected 1 (gray) or 3 (RGB), found " + std::to_string(in_chans));
  }
  check_values("mean", mean, in_chans, false);
  check_values("std", std, in_chans, true);
}

std::string Preprocessing::to_json() const {
  nlohmann::ordered_json json;
  json["img_size"] = nullptr;
  if (img_size) {
    json["img_size"] = {img_size->height, img_size->width};
  }
  json["crop_pct"] = crop_pct;
  json["crop_mode"] = to_string(crop_mode);
  json["interpolation"] = to_string(interpolation);
  json["in_chans"] = in_chans;
  json["mean"] = mean;
  json["std"] = std;
  return json.dump();
}

std::string Preprocessing::describe() const {
  return describe_geometry(*this) + ", mean " + to_text(shortest(mean)) + ", std " + to_text(shortest(std));
}

std::string describe_geometry(const Preprocessing& options) {
  const std::string geometry = options.img_size
                                   ? to_text(*options.img_size) + ", crop_pct " + to_text(options.crop_pct) + ", " +
                                         to_string(options.crop_mode) + ", " + to_string(options.interpolation)
                                   : "own size";
  return geometry + (options.in_chans == 1 ? ", gray" : ", RGB");
}

}  // namespace ttscale::image
