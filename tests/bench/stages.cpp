// SPDX-License-Identifier: MIT
// What each step of loading a photograph takes, in one thread.
//
// usage: bench_stages DIR [ROUNDS]     (default: 10 rounds; DIR holds class folders of gray or three-component JPEGs)
//
// Prints microseconds an image, the least of the rounds: what else the machine does only adds to them.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include "cli/memory.h"
#include "data/image_tree.h"
#include "image/file_bytes.h"
#include "image/format.h"
#include "image/jpeg_decode.h"
#include "image/preprocess.h"

namespace {

using ttscale::image::Bytes;
using ttscale::image::Size;

constexpr std::array<const char*, 5> kStages = {"read the file", "check its structure", "decode", "resize and crop",
                                                "to float, normalise"};
using Times = std::array<double, kStages.size()>;

class Watch {
 public:
  /// Microseconds since the last call.
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    const std::chrono::duration<double, std::micro> passed = now - last_;
    last_ = now;
    return passed.count();
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

void load(const std::filesystem::path& file, Times& times) {
  ttscale::image::Preprocessing fitting;
  fitting.img_size = Size{224, 224};
  const ttscale::image::Preprocessing unfitted;
  Watch watch;
  const std::vector<std::uint8_t> content = ttscale::image::read_bytes(file);
  times[0] += watch.lap();
  const Bytes bytes(content.data(), content.size());
  const Size size = ttscale::image::inspect(bytes, ttscale::image::identify(bytes));
  times[1] += watch.lap();
  const at::Tensor rgb = at::empty({size.height, size.width, 3}, at::kByte);
  if (!ttscale::image::decode_jpeg(bytes, size, rgb.data_ptr<std::uint8_t>()).has_value()) {
    throw std::runtime_error("OpenCV would decode " + file.string() + ", which is not measured here");
  }
  times[2] += watch.lap();
  const at::Tensor fitted = ttscale::image::fit(rgb, fitting);
  times[3] += watch.lap();
  const at::Tensor input = ttscale::image::to_input(fitted, unfitted);
  times[4] += watch.lap();
}

void measure(const std::string& folder, int rounds) {
  ttscale::cli::prepare_memory();
  ttscale::data::TreeOptions options;
  options.layout = ttscale::data::Layout::kClasses;
  const auto tree = ttscale::data::discover(folder, options);
  const auto& samples = tree.domains.front().samples;
  Times least;
  least.fill(1e300);
  for (int round = 0; round < rounds; ++round) {
    Times times{};
    for (const auto& sample : samples) {
      load(sample.path, times);
    }
    for (std::size_t i = 0; i < times.size(); ++i) {
      least[i] = std::min(least[i], times[i] / static_cast<double>(samples.size()));
    }
  }
  for (std::size_t i = 0; i < least.size(); ++i) {
    std::printf("%-20s %9.1f us\n", kStages[i], least[i]);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: bench_stages DIR [ROUNDS]\n");
    return 2;
  }
  try {
    measure(argv[1], argc > 2 ? std::stoi(argv[2]) : 10);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
  return 0;
}
