// SPDX-License-Identifier: MIT
// The most memory that a process takes to load a model and to run it: as it is, adapted under rules, optimised and not.
//
// usage: bench_memory [MODEL [EDGE [BATCH...]]]     (default: the bundled ResNet-14, 28, 1 64)
//
// Every form is a process of its own; what it has taken at most, resident, is what the system says of it when it ends
// (getrusage). Freed memory is kept, as the program does (src/cli/memory.cpp).
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <torch/script.h>

#include "ttscale/adapter.h"

namespace {

constexpr int kForwards = 6;  // the executor profiles, then optimises; then all is there

/// Megabytes of resident memory that a process takes at most for the work.
double peak_megabytes(const std::function<void()>& work) {
  const pid_t child = fork();
  if (child == 0) {
    work();
    _exit(0);
  }
  int status = 0;
  rusage usage{};
  if (child < 0 || wait4(child, &status, 0, &usage) != child || status != 0) {
    std::fprintf(stderr, "bench_memory: a measurement failed\n");
    std::exit(1);
  }
  return static_cast<double>(usage.ru_maxrss) / 1e3;  // kilobytes on Linux
}

}  // namespace

int main(int argc, char** argv) {
  const std::string model = argc > 1 ? argv[1] : TTSCALE_SOURCE_DIR "/models/fashion-resnet.scripted.pt";
  const std::int64_t edge = argc > 2 ? std::stol(argv[2]) : 28;
  std::vector<std::int64_t> batches;
  for (int i = 3; i < argc; ++i) {
    batches.push_back(std::stol(argv[i]));
  }
  if (batches.empty()) {
    batches = {1, 64};
  }
  const auto load = [&] {
    torch::jit::Module module = torch::jit::load(model);
    module.eval();
    return module;
  };
  const auto adapted = [&](const char* rule, ttscale::Optimize optimize, std::int64_t batch) {
    ttscale::AdaptOptions options;
    options.guard = ttscale::parse_guard("off");
    options.optimize = optimize;
    ttscale::Stream stream = ttscale::adapt(load(), options).stream(ttscale::parse_rule(rule));
    for (int i = 0; i < kForwards; ++i) {
      stream.forward(at::rand({batch, 3, edge, edge}));
    }
  };
  const double empty = peak_megabytes([] {});
  std::printf("%s: megabytes above those of the process itself (%.0f)\n", model.c_str(), empty);
  const double loaded = peak_megabytes([&] { load(); });
  for (const std::int64_t batch : batches) {
    const double plain = peak_megabytes([&] {
      const at::NoGradGuard no_grad;
      torch::jit::Module module = load();
      for (int i = 0; i < kForwards; ++i) {
        module.forward({at::rand({batch, 3, edge, edge})});
      }
    });
    const auto print = [&](const std::string& name, double megabytes) {
      std::printf("batch %3ld  %-24s %8.0f MB  %5.2f of the model as it is\n", static_cast<long>(batch), name.c_str(),
                  megabytes - empty, (megabytes - empty) / (plain - empty));
      std::fflush(stdout);
    };
    print("loaded", loaded);
    print("as it is", plain);
    for (const auto& [rule, optimize] :
         std::vector<std::pair<const char*, ttscale::Optimize>>{{"ema", ttscale::Optimize::kAuto},
                                                                {"ema:sample=1/4", ttscale::Optimize::kAuto},
                                                                {"auto", ttscale::Optimize::kAuto},
                                                                {"ema", ttscale::Optimize::kNone}}) {
      const bool none = optimize == ttscale::Optimize::kNone;
      print(rule + std::string(none ? ", --optimize none" : ""),
            peak_megabytes([&, rule = rule, optimize = optimize] { adapted(rule, optimize, batch); }));
    }
  }
  return 0;
}
