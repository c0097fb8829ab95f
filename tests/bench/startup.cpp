// SPDX-License-Identifier: MIT
// What adapting adds to the start of a program: rewriting, the optimised form and its trial on the first images, beside
// loading the model and running it twice as it is.
//
// usage: bench_startup [MODEL [EDGE [BATCH [ROUNDS]]]]     (default: the bundled ResNet-14, 28, 1, 9)
//
// Every measurement is a process of its own, since what a process has run before makes the next model faster; the kinds
// take turns.
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <torch/script.h>

#include "bench/timing.h"
#include "ttscale/adapter.h"

namespace {

using ttscale::bench::median;

/// Seconds that a fresh process takes for the work.
double in_a_process(const std::function<void()>& work) {
  int ends[2];  // NOLINT(modernize-avoid-c-arrays): what pipe() takes
  if (pipe(ends) != 0) {
    std::perror("pipe");
    std::exit(1);
  }
  const pid_t child = fork();
  if (child == 0) {
    const auto start = std::chrono::steady_clock::now();
    work();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    _exit(write(ends[1], &seconds, sizeof(seconds)) == sizeof(seconds) ? 0 : 1);
  }
  close(ends[1]);
  double seconds = 0;
  const bool answered = read(ends[0], &seconds, sizeof(seconds)) == sizeof(seconds);
  close(ends[0]);
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || status != 0 || !answered) {
    std::fprintf(stderr, "bench_startup: a measurement failed\n");
    std::exit(1);
  }
  return seconds;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string model = argc > 1 ? argv[1] : TTSCALE_SOURCE_DIR "/models/fashion-resnet.scripted.pt";
  const std::int64_t edge = argc > 2 ? std::stol(argv[2]) : 28;
  const std::int64_t batch = argc > 3 ? std::stol(argv[3]) : 1;
  const int rounds = argc > 4 ? std::stoi(argv[4]) : 9;
  const auto load = [&] {
    torch::jit::Module module = torch::jit::load(model);
    module.eval();
    return module;
  };
  const auto images = [&] { return at::rand({batch, 3, edge, edge}); };
  const auto adapted = [&](ttscale::Optimize optimize) {
    return [&load, &images, optimize] {
      ttscale::AdaptOptions options;
      options.guard = ttscale::Guard{0};  // a second look is no part of starting
      options.optimize = optimize;
      ttscale::adapt(load(), options).stream(ttscale::rule::Ema{}).forward(images());
    };
  };
  struct Kind {
    const char* name;
    std::function<void()> work;
    std::vector<double> seconds;
  };
  std::vector<Kind> kinds{{"load, two forwards",
                           [&] {
                             const at::NoGradGuard no_grad;
                             torch::jit::Module module = load();
                             module.forward({images()});
                             module.forward({images()});
                           },
                           {}},
                          {"load, adapt, first forward", adapted(ttscale::Optimize::kAuto), {}},
                          {"the same, --optimize none", adapted(ttscale::Optimize::kNone), {}}};
  for (int round = 0; round < rounds; ++round) {
    for (Kind& kind : kinds) {
      kind.seconds.push_back(in_a_process(kind.work));
    }
  }
  for (const Kind& kind : kinds) {
    std::vector<double> more;
    for (std::size_t i = 0; i < kind.seconds.size(); ++i) {
      more.push_back(kind.seconds[i] - kinds.front().seconds[i]);
    }
    std::printf("%-28s %7.3f s   %+7.3f s\n", kind.name, median(kind.seconds), median(more));
  }
  return 0;
}
