// SPDX-License-Identifier: MIT
// Fixtures are made here, not stored: what is in them can be read.
#include "cli/fixtures.h"

#include <torch/script.h>

#include <array>
#include <fstream>
#include <random>

namespace ttscale::testing {

void write_file(const fs::path& file, const std::string& bytes) {
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << bytes;
}

std::string ppm(std::uint32_t seed) {
  std::string bytes = "P6\n8 8\n255\n";
  std::mt19937 random(seed);
  for (int i = 0; i < 8 * 8 * 3; ++i) {
    bytes.push_back(static_cast<char>(random() % 256));
  }
  return bytes;
}

std::string png_bomb() {
  constexpr std::array<unsigned char, 65> kBytes{
      0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00,
      0x01, 0x86, 0xa0, 0x00, 0x01, 0x86, 0xa0, 0x08, 0x00, 0x00, 0x00, 0x00, 0x8d, 0x39, 0x54, 0x14, 0x00,
      0x00, 0x00, 0x08, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x03, 0x00, 0x00, 0x00, 0x00, 0x01, 0x48, 0x06,
      0x89, 0xd2, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82};
  return {kBytes.begin(), kBytes.end()};
}

void write_images(const fs::path& root, int count) {
  std::uint32_t seed = 0;
  for (const char* name : {"a", "b", "c"}) {
    for (int i = 0; i < count; ++i) {
      write_file(root / name / (std::to_string(i) + ".ppm"), ppm(seed++));
    }
  }
}

void save_model(const fs::path& file, std::int64_t outputs) {
  torch::manual_seed(1);
  torch::jit::Module module("Net");
  module.register_parameter("filter", torch::randn({4, 3, 3, 3}), false);
  module.register_parameter("scale", torch::ones({4}), false);
  module.register_parameter("shift", torch::zeros({4}), false);
  module.register_buffer("running_mean", torch::zeros({4}));
  module.register_buffer("running_var", torch::ones({4}));
  module.register_parameter("readout", torch::randn({outputs, 4}), false);
  module.define(R"(
    def forward(self, x: Tensor) -> Tensor:
      y = torch.conv2d(x, self.filter, None, [1, 1], [1, 1], [1, 1], 1)
      y = torch.batch_norm(y, self.scale, self.shift, self.running_mean, self.running_var, False, 0.1, 1e-5, True)
      y = torch.mean(torch.relu(y), [2, 3])
      return torch.linear(y, self.readout)
  )");
  module.eval();
  module.save(file.string());
}

void save_model_without_forward(const fs::path& file) {
  torch::jit::Module module("Net");
  module.define(R"(
    def predict(self, x: Tensor) -> Tensor:
      return x
  )");
  module.save(file.string());
}

void ProgramTest::SetUp() {
  save_model(path("model.pt"));
  write_images(path("images"));
}

}  // namespace ttscale::testing
