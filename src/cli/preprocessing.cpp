// SPDX-License-Identifier: MIT
// Resolves preprocessing: flag, else description, else default.
#include "cli/preprocessing.h"

#include "base/log.h"
#include "ttscale/error.h"

namespace ttscale::cli {
namespace {

template <typename Value>
void set(Value& value, const std::optional<Value>& flag) {
  value = flag.value_or(value);
}

void set(std::vector<double>& values, const std::vector<double>& flag) {
  if (!flag.empty()) {
    values = flag;
  }
}

std::optional<image::Size> to_size(const std::vector<std::int64_t>& values) {
  if (values.empty()) {
    return std::nullopt;
  }
  if (values.size() > 2) {
    throw UsageError("--img-size takes one value, or height and width; found " + std::to_string(values.size()) +
                     " values");
  }
  return image::Size{values.front(), values.back()};
}

void check_size_flags(const PreprocessingFlags& flags) {
  const char* const flag = flags.crop_pct        ? "--crop-pct"
                           : flags.crop_mode     ? "--crop-mode"
                           : flags.interpolation ? "--interpolation"
                                                 : nullptr;
  if (flag != nullptr) {
    throw UsageError(std::string(flag) + " needs --img-size: no size is known, so images keep their own");
  }
}

}  // namespace

image::Preprocessing resolve(const PreprocessingFlags& flags, const std::optional<image::ModelConfig>& config) {
  image::Preprocessing result = config ? config->preprocessing : image::Preprocessing{};
  if (const auto size = to_size(flags.img_size)) {
    result.img_size = size;
  }
  if (!result.img_size) {
    check_size_flags(flags);
  }
  set(result.in_chans, flags.in_chans);
  set(result.crop_pct, flags.crop_pct);
  if (flags.crop_mode) {
    result.crop_mode = image::parse_crop_mode(*flags.crop_mode);
  }
  if (flags.interpolation) {
    result.interpolation = image::parse_interpolation(*flags.interpolation);
  }
  set(result.mean, flags.mean);
  set(result.std, flags.std);
  result.validate();
  return result;
}

void log_sources(const PreprocessingFlags& flags, const std::optional<image::ModelConfig>& config) {
  if (config) {
    log(LogLevel::kInfo, "description of the model: " + config->file.string());
  } else if (flags.mean.empty() || flags.std.empty()) {
    log(LogLevel::kWarning,
        "no JSON beside the model, so mean and std are ImageNet's unless set; if it was trained with others, use "
        "--mean and "
        "--std");
  }
}

}  // namespace ttscale::cli
