// SPDX-License-Identifier: MIT
// Calibrated models.
#pragma once

#include <string>
#include <vector>

#include "adapt/message.h"
#include "adapt/with_rule.h"
#include "archives.h"
#include "ttscale/adapter.h"
#include "ttscale/calibrate.h"

namespace ttscale::testing {

/// The submodule at a path of names.
inline torch::jit::Module at_path(torch::jit::Module module, const std::vector<std::string>& path) {
  for (const std::string& name : path) {
    module = module.attr(name).toModule();
  }
  return module;
}

/// Images like those that the archives were made with.
inline at::Tensor clean_images(std::int64_t n, at::IntArrayRef pixels = {8, 8}) {
  std::vector<std::int64_t> shape{n, 3};
  shape.insert(shape.end(), pixels.begin(), pixels.end());
  return at::randn(shape) * 0.7 + 0.5 + 0.2 * at::randn({n, 3}).view([&] {
    std::vector<std::int64_t> one(shape.size(), 1);
    one[0] = n;
    one[1] = 3;
    return one;
  }());
}

/// The reference of a module on images, taken in batches.
inline Reference measured(const torch::jit::Module& module, const at::Tensor& images, std::int64_t batch = 16,
                          const std::vector<std::string>& features = {}) {
  Calibration calibration(module, features);
  for (const at::Tensor& part : images.split(batch)) {
    calibration.add(part);
  }
  return calibration.result();
}

inline AdaptOptions with(const char* rule, const Reference& reference) {
  AdaptOptions options = with(rule);
  options.reference = reference;
  return options;
}

inline at::Tensor run(torch::jit::Module module, const at::Tensor& x) {
  const at::NoGradGuard no_grad;
  return module.forward({x}).toTensor();
}

inline std::vector<std::string> names_of(const Reference& reference) {
  std::vector<std::string> out;
  for (const ReferenceSite& site : reference.sites) {
    out.push_back(site.name);
  }
  return out;
}

inline std::vector<std::string> names_of(const std::vector<Site>& sites) {
  std::vector<std::string> out;
  for (const Site& site : sites) {
    out.push_back(site.name);
  }
  return out;
}

}  // namespace ttscale::testing
