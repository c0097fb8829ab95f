// SPDX-License-Identifier: MIT
// Time of a forward: the model in every unadapted form of LibTorch's, adapted under rules, optimised and not, and
// baked. Without guard, whose first images cost more than those that follow: `ttscale bench` times its steady state.
//
// usage: bench_forward [--bf16] [MODEL [EDGE [ROUNDS [BATCH...]]]]     (default: the bundled ResNet-14, 28, 60, 1 64)
//
// --bf16: parameters and images in bfloat16.
//
// The variants run in random order within each round, so that what else the machine does, and what each leaves in
// caches and heap for the next, meets all alike; ratios are medians over the rounds of the ratio to the original and to
// the fastest unadapted form (by its median) in the same round.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <torch/script.h>

#include "bench/timing.h"
#include "graph/plain_forms.h"
#include "ttscale/adapter.h"
#include "ttscale/bake.h"

namespace {

using Forward = std::function<void(const at::Tensor&)>;

using ttscale::bench::median;

struct Variant {
  std::string name;
  Forward forward;
  bool unadapted = false;
};

Forward of_module(torch::jit::Module module) {
  return [module](const at::Tensor& images) mutable {
    const at::NoGradGuard no_grad;
    module.forward({images});
  };
}

Forward of_stream(ttscale::Stream stream) {
  auto shared = std::make_shared<ttscale::Stream>(std::move(stream));
  return [shared](const at::Tensor& images) { shared->forward(images); };
}

std::vector<Variant> variants(const torch::jit::Module& module, std::int64_t edge, at::ScalarType dtype) {
  std::vector<Variant> out;
  for (const ttscale::graph::PlainForm& form : ttscale::graph::plain_forms(module, {})) {
    if (form.why_not.empty()) {
      const auto layout = form.images;
      out.push_back({form.name,
                     [forward = form.forward, layout](const at::Tensor& images) { forward(images.contiguous(layout)); },
                     true});
    }
  }
  ttscale::AdaptOptions options;
  options.guard = ttscale::parse_guard("off");
  const ttscale::AdaptedModel adapted = ttscale::adapt(module, options);
  for (const char* rule : {"source", "batch", "ema", "auto", "ema:sample=1/4", "ema:sample=1/4,lag=1"}) {
    out.push_back({rule, of_stream(adapted.stream(ttscale::parse_rule(rule)))});
  }
  options.optimize = ttscale::Optimize::kNone;
  const ttscale::AdaptedModel plain = ttscale::adapt(module, options);
  for (const char* rule : {"batch", "ema"}) {
    out.push_back({std::string(rule) + ", --optimize none", of_stream(plain.stream(ttscale::parse_rule(rule)))});
  }
  ttscale::Stream seen = adapted.stream(ttscale::rule::Ema{});
  seen.forward(at::rand({16, 3, edge, edge}).to(dtype));
  out.push_back({"baked", of_module(ttscale::bake(seen))});
  return out;
}

void measure(const torch::jit::Module& module, std::int64_t edge, std::int64_t batch, int rounds,
             at::ScalarType dtype) {
  constexpr int kWarmUp = 5;
  const at::Tensor images = at::rand({batch, 3, edge, edge}).to(dtype);
  const std::vector<Variant> all = variants(module, edge, dtype);
  std::vector<std::vector<double>> times(all.size());
  std::vector<std::size_t> order(all.size());
  std::iota(order.begin(), order.end(), 0);
  std::mt19937 random(1);
  for (int round = -kWarmUp; round < rounds; ++round) {
    std::shuffle(order.begin(), order.end(), random);
    for (const std::size_t i : order) {
      const double time = ttscale::bench::milliseconds([&] { all[i].forward(images); });
      if (round >= 0) {
        times[i].push_back(time);
      }
    }
  }
  std::size_t fastest = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    fastest = all[i].unadapted && median(times[i]) < median(times[fastest]) ? i : fastest;
  }
  const auto ratio = [&](std::size_t i, std::size_t to) {
    std::vector<double> ratios;
    for (std::size_t round = 0; round < times[i].size(); ++round) {
      ratios.push_back(times[i][round] / times[to][round]);
    }
    return median(ratios);
  };
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::printf("batch %3ld  %-22s %9.2f ms  %5.2f of original  %5.2f of %s\n", static_cast<long>(batch),
                all[i].name.c_str(), median(times[i]), ratio(i, 0), ratio(i, fastest), all[fastest].name.c_str());
  }
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const bool bf16 = argc > 1 && std::string(argv[1]) == "--bf16";
  const at::ScalarType dtype = bf16 ? at::kBFloat16 : at::kFloat;
  argc -= bf16 ? 1 : 0;
  argv += bf16 ? 1 : 0;
  const std::string model = argc > 1 ? argv[1] : TTSCALE_SOURCE_DIR "/models/fashion-resnet.scripted.pt";
  const std::int64_t edge = argc > 2 ? std::stol(argv[2]) : 28;
  const int rounds = argc > 3 ? std::stoi(argv[3]) : 60;
  torch::jit::Module module = torch::jit::load(model);
  module.eval();
  module.to(dtype);
  std::vector<std::int64_t> batches;
  for (int i = 4; i < argc; ++i) {
    batches.push_back(std::stol(argv[i]));
  }
  if (batches.empty()) {
    batches = {1, 64};
  }
  for (const std::int64_t batch : batches) {
    measure(module, edge, batch, rounds, dtype);
  }
  return 0;
}
