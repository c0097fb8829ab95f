// SPDX-License-Identifier: MIT
// Makes an example's image again.
#include "eval/thumbnails.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "image/decode.h"
#include "image/encode.h"
#include "image/resize.h"

namespace ttscale::eval {
namespace {

constexpr std::int64_t kMostPixels = 128;

at::Tensor small(const at::Tensor& hwc) {
  const std::int64_t longest = std::max(hwc.size(0), hwc.size(1));
  if (longest <= kMostPixels) {
    return hwc;
  }
  const auto scaled = [&](std::int64_t side) { return std::max<std::int64_t>(side * kMostPixels / longest, 1); };
  return image::resize(hwc, {scaled(hwc.size(0)), scaled(hwc.size(1))}, image::Interpolation::kBilinear);
}

}  // namespace

at::Tensor shifted(const at::Tensor& hwc, const data::Sample& sample, const Setup& setup, const EvalOptions& options) {
  const std::int64_t index = setup.domains[static_cast<std::size_t>(sample.domain)].shift;
  if (index < 0) {
    return hwc;
  }
  const shift::Shift& shift = setup.shifts[static_cast<std::size_t>(index)];
  const std::string path = sample.path.lexically_relative(setup.tree.root).generic_string();
  return shift::apply(hwc, shift, options.shift_parameters, shift::image_seed(options.shift_seed, shift, path));
}

std::string thumbnail(const Example& example, const Setup& setup, const EvalOptions& options) {
  data::Sample sample;
  sample.path = example.path;
  const auto domain = std::find_if(setup.domains.begin(), setup.domains.end(),
                                   [&](const EvalDomain& d) { return d.name == example.domain; });
  sample.domain = domain - setup.domains.begin();
  const at::Tensor seen = shifted(image::decode(sample.path, options.decode), sample, setup, options);
  at::Tensor picture = small(image::fit(seen, options.preprocessing));
  if (picture.size(2) == 1) {
    picture = picture.expand({-1, -1, 3});
  }
  return image::encode(picture.contiguous(), {});
}

}  // namespace ttscale::eval
