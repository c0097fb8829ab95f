// SPDX-License-Identifier: MIT
// Channels in the other order, and ranges 255 times as large or small.
#include "adapt/input_probe.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <utility>

#include <ATen/ATen.h>

namespace ttscale {
namespace {

/// Images tried: their forwards are paid once a stream.
constexpr std::int64_t kImages = 64;
/// Standard errors, and accuracy, by which another reading has to be better: a warning must be worth reading.
constexpr double kSure = 3;
constexpr double kClear = 0.05;
constexpr double kFewestImages = 16;

constexpr const char* kReversed = "reversed";
constexpr const char* kDivided = "divided";
constexpr const char* kMultiplied = "multiplied";
constexpr std::array<const char*, 3> kReadings{kReversed, kDivided, kMultiplied};  // in the order of numbers()

/// Images of 0 to 255 stay above this after any usual normalisation, and such of 0 to 1 below.
constexpr double kLargeValue = 30;
/// Images of 0 to 1, before normalisation.
constexpr double kSmallValue = 1.0 + 1e-3;

std::string words(const std::string& reading) {
  if (reading == kReversed) {
    return "with its channels in reverse order: is BGR fed to a model of RGB, or the other way round?";
  }
  if (reading == kDivided) {
    return "divided by 255: are values of 0 to 255 fed to a model of 0 to 1?";
  }
  return "times 255: are values of 0 to 1 fed to a model of 0 to 255?";
}

}  // namespace

std::vector<InputProbe::Reading> InputProbe::readings(const at::Tensor& images) {
  std::vector<Reading> out;
  if (tried_ >= kImages || images.dim() != 4 || !images.is_floating_point() || images.numel() == 0) {
    return out;
  }
  tried_ += images.size(0);
  if (images.size(1) == 3) {
    out.push_back({kReversed, images.flip(1)});
  }
  const double low = images.min().item<double>();
  const double high = images.max().item<double>();
  if (high > kLargeValue) {
    out.push_back({kDivided, images / 255});
  } else if (low >= 0 && high <= kSmallValue) {
    out.push_back({kMultiplied, images * 255});
  }
  return out;
}

void InputProbe::add(const std::string& reading, const at::Tensor& as_fed, const at::Tensor& otherwise) {
  const at::Tensor before = stats::class_probabilities(as_fed);
  const at::Tensor after = stats::class_probabilities(otherwise);
  if (before.defined() && after.defined() && before.sizes() == after.sizes()) {
    comparisons_[reading].add(before, after);
  }
}

std::vector<std::string> InputProbe::warnings() const {
  std::vector<std::string> out;
  for (const auto& [reading, comparison] : comparisons_) {
    const auto found = comparison.summary();
    if (found.images >= kFewestImages && found.gain > kClear && found.gain > kSure * found.error) {
      char evidence[64];
      std::snprintf(evidence, sizeof(evidence), "%+.0f +- %.0f", 100 * found.gain, 100 * found.error);
      out.push_back("the source model tells the input better (" + std::string(evidence) + " points by estimate) " +
                    words(reading) + " Scaling statistics does not mend that");
    }
  }
  return out;
}

at::Tensor InputProbe::numbers() const {
  std::vector<at::Tensor> parts;
  std::vector<double> head{static_cast<double>(tried_)};
  for (const char* reading : kReadings) {
    const auto found = comparisons_.find(reading);
    if (found != comparisons_.end()) {
      parts.push_back(found->second.numbers());
    }
    head.push_back(found != comparisons_.end() ? static_cast<double>(parts.back().numel()) : 0);
  }
  parts.insert(parts.begin(), at::tensor(head, at::kDouble));
  return at::cat(parts);
}

bool InputProbe::from_numbers(const at::Tensor& numbers) {
  constexpr auto kHead = static_cast<std::int64_t>(kReadings.size()) + 1;
  constexpr double kMost = 9007199254740992.0;  // whole numbers of a double
  if (numbers.dim() != 1 || numbers.numel() < kHead) {
    return false;
  }
  const at::Tensor head = numbers.narrow(0, 0, kHead);
  if (!head.ge(0).logical_and(head.le(kMost)).all().item<bool>()) {
    return false;
  }
  InputProbe next;
  next.tried_ = static_cast<std::int64_t>(head[0].item<double>());
  std::int64_t at = kHead;
  for (std::size_t i = 0; i < kReadings.size(); ++i) {
    const auto size = static_cast<std::int64_t>(head[static_cast<std::int64_t>(i) + 1].item<double>());
    if (size > numbers.numel() - at) {
      return false;
    }
    if (size > 0 && !next.comparisons_[kReadings[i]].from_numbers(numbers.narrow(0, at, size))) {
      return false;
    }
    at += size;
  }
  if (at != numbers.numel()) {
    return false;
  }
  *this = std::move(next);
  return true;
}

}  // namespace ttscale
