// SPDX-License-Identifier: MIT
// Time of a forward: the model as it is, adapted under rules, with the default guard, and baked.
//
// usage: bench_forward [MODEL [EDGE [ROUNDS [BATCH...]]]]     (default: the bundled ResNet-14, 28, 60, 1 64)
//
// The variants run in turn within each round, so that what else the machine does meets all alike; ratios are medians
// over the rounds of the ratio to the original in the same round.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <torch/script.h>

#include "ttscale/adapter.h"
#include "ttscale/bake.h"

namespace {

using Forward = std::function<void(const at::Tensor&)>;

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

double milliseconds(const Forward& forward, const at::Tensor& images) {
  const auto start = std::chrono::steady_clock::now();
  forward(images);
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

Forward of_module(torch::jit::Module module) {
  return [module](const at::Tensor& images) mutable {
    const at::NoGradGuard no_grad;
    module.forward({images});
  };
}

std::vector<std::pair<const char*, Forward>> variants(const torch::jit::Module& module, std::int64_t edge) {
  ttscale::AdaptOptions unguarded;
  unguarded.guard = ttscale::parse_guard("off");
  const ttscale::AdaptedModel adapted = ttscale::adapt(module, unguarded);
  const auto of_stream = [](ttscale::Stream stream) {
    auto shared = std::make_shared<ttscale::Stream>(std::move(stream));
    return [shared](const at::Tensor& images) { shared->forward(images); };
  };
  const auto stream = [&](const char* rule) { return of_stream(adapted.stream(ttscale::parse_rule(rule))); };
  ttscale::Stream seen = adapted.stream(ttscale::rule::Ema{});
  seen.forward(at::rand({16, 3, edge, edge}));
  return {{"original", of_module(module)},
          {"source", stream("source")},
          {"batch", stream("batch")},
          {"ema", stream("ema")},
          {"auto", stream("auto")},
          {"guarded", of_stream(ttscale::adapt(module).stream())},
          {"baked", of_module(ttscale::bake(seen))}};
}

void measure(const torch::jit::Module& module, std::int64_t edge, std::int64_t batch, int rounds) {
  constexpr int kWarmUp = 5;
  const at::Tensor images = at::rand({batch, 3, edge, edge});
  const auto all = variants(module, edge);
  std::vector<std::vector<double>> times(all.size());
  std::vector<std::vector<double>> ratios(all.size());
  for (int round = -kWarmUp; round < rounds; ++round) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      const double time = milliseconds(all[i].second, images);
      if (round >= 0) {
        times[i].push_back(time);
        ratios[i].push_back(time / times[0].back());
      }
    }
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::printf("batch %3ld  %-9s %8.2f ms  %5.2f of original\n", static_cast<long>(batch), all[i].first,
                median(times[i]), median(ratios[i]));
  }
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string model = argc > 1 ? argv[1] : TTSCALE_SOURCE_DIR "/models/fashion-resnet.scripted.pt";
  const std::int64_t edge = argc > 2 ? std::stol(argv[2]) : 28;
  const int rounds = argc > 3 ? std::stoi(argv[3]) : 60;
  torch::jit::Module module = torch::jit::load(model);
  module.eval();
  std::vector<std::int64_t> batches;
  for (int i = 4; i < argc; ++i) {
    batches.push_back(std::stol(argv[i]));
  }
  if (batches.empty()) {
    batches = {1, 64};
  }
  for (const std::int64_t batch : batches) {
    measure(module, edge, batch, rounds);
  }
  return 0;
}
