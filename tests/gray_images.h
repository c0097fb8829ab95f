// SPDX-License-Identifier: MIT
// A model that tells dark, gray and light images apart, and such images: under `batch` with one image a batch all look
// alike to it, so that a guard has something to stop.
#pragma once

#include <torch/script.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace ttscale::testing {

/// Saves a scripted BatchNorm, mean over pixels and linear layer: [N, 3, H, W] -> [N, 3].
inline void save_gray_model(const std::filesystem::path& file) {
  torch::jit::Module module("Gray");
  module.register_parameter("weight", torch::ones({3}), false);
  module.register_parameter("bias", torch::zeros({3}), false);
  module.register_buffer("running_mean", torch::zeros({3}));
  module.register_buffer("running_var", torch::ones({3}));
  // Scores -10 |x - c|^2 of the classes' places c, without what they have in common.
  const at::Tensor places = torch::tensor({-1.3F, 0.2F, 1.7F});
  module.register_parameter("readout", (20.0F / 3.0F * places).unsqueeze(1).repeat({1, 3}), false);
  module.register_parameter("offset", -10 * places.square(), false);
  module.define(R"(
def forward(self, x: Tensor) -> Tensor:
  y = torch.batch_norm(x, self.weight, self.bias, self.running_mean, self.running_var, False, 0.0, 1e-5, True)
  return torch.linear(torch.mean(y, [2, 3]), self.readout, self.offset)
)");
  module.eval();
  module.save(file.string());
}

/// Writes root/<class>/<i>.ppm for the classes a (dark), b and c (light), `count` images of 8x8 each.
inline void write_gray_images(const std::filesystem::path& root, int count) {
  int level = 40;
  for (const char* name : {"a", "b", "c"}) {
    std::filesystem::create_directories(root / name);
    for (int i = 0; i < count; ++i) {
      const std::string pixels(3 * 8 * 8, static_cast<char>(level + i % 7));
      std::ofstream(root / name / (std::to_string(i) + ".ppm"), std::ios::binary) << "P6\n8 8\n255\n" << pixels;
    }
    level += 87;
  }
}

}  // namespace ttscale::testing
