// SPDX-License-Identifier: MIT
// Memory of many streams over one model.
//
// usage: bench_streams [MODEL [EDGE [STREAMS]]]     (default: the bundled ResNet-14, 28, 100)
//
// Every stream sees one batch of one image, so that all it keeps is there. Resident memory is read before and after
// (Linux, /proc/self/statm); the state that a stream needs is what its file holds.
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <torch/script.h>

#include "ttscale/adapter.h"

namespace {

double resident_kilobytes() {
  long pages = 0;
  long resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1e3;
}

double parameter_kilobytes(const torch::jit::Module& module) {
  double bytes = 0;
  for (const at::Tensor& parameter : module.parameters()) {
    bytes += static_cast<double>(parameter.nbytes());
  }
  return bytes / 1e3;
}

/// Of one stream's statistics, by its file.
double state_kilobytes(const ttscale::Stream& stream) {
  const auto file = std::filesystem::temp_directory_path() / ("ttscale-bench-" + std::to_string(::getpid()) + ".state");
  stream.save(file);
  const auto bytes = static_cast<double>(std::filesystem::file_size(file));
  std::remove(file.c_str());
  return bytes / 1e3;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string model = argc > 1 ? argv[1] : TTSCALE_SOURCE_DIR "/models/fashion-resnet.scripted.pt";
  const std::int64_t edge = argc > 2 ? std::stol(argv[2]) : 28;
  const int count = argc > 3 ? std::stoi(argv[3]) : 100;
  const auto module = torch::jit::load(model);
  const ttscale::AdaptedModel adapted = ttscale::adapt(module);
  const at::Tensor image = at::rand({1, 3, edge, edge});

  std::vector<ttscale::Stream> streams;
  streams.reserve(static_cast<std::size_t>(count) + 1);
  const auto add = [&] {
    streams.push_back(adapted.stream(ttscale::rule::Ema{}));
    for (int pass = 0; pass < 3; ++pass) {  // the executor profiles, then optimises
      streams.back().forward(image);
    }
  };
  add();  // what all streams share is there now
  const double before = resident_kilobytes();
  for (int i = 0; i < count; ++i) {
    add();
  }
  const double each = (resident_kilobytes() - before) / count;
  std::printf("%s: parameters %.0f kB, state of a stream %.1f kB\n", model.c_str(), parameter_kilobytes(module),
              state_kilobytes(streams.front()));
  std::printf("%d more streams: %.1f kB of resident memory each\n", count, each);
  return 0;
}
