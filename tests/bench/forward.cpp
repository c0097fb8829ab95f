// SPDX-License-Identifier: MIT
// Time of a forward: the model in every unadapted form of LibTorch's, adapted under rules, optimised and not, and
// baked. Without guard, whose first images cost more than those that follow: `ttscale bench` times its steady state.
//
// usage: bench_forward [--bf16] [--only VARIANT]... [MODEL [EDGE [ROUNDS [BATCH...]]]]
//        (default: the bundled ResNet-14, 28, 60, 1 64)
//
// --bf16: parameters and images in bfloat16.
// --only: these variants alone, under the names of the output; one of them, for a profile of it.
//
// The variants run in random order within each round, so that what else the machine does, and what each leaves in
// caches and heap for the next, meets all alike; ratios are medians over the rounds of the ratio to the original and to
// the fastest unadapted form (by its median) in the same round.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <torch/script.h>

#include "base/option_text.h"
#include "bench/timing.h"
#include "graph/plain_forms.h"
#include "ttscale/adapter.h"
#include "ttscale/bake.h"

namespace {

using Forward = std::function<void(const at::Tensor&)>;

using ttscale::bench::median;

/// The first of graph::plain_forms().
constexpr const char* kOriginal = "original";

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

/// Those of the names given, in their own order; all where none is given.
std::vector<Variant> chosen(std::vector<Variant> all, const std::vector<std::string>& names) {
  std::vector<std::string> valid;
  valid.reserve(all.size());
  for (const Variant& variant : all) {
    valid.push_back(variant.name);
  }
  const auto unknown = std::find_if(names.begin(), names.end(), [&](const std::string& name) {
    return std::find(valid.begin(), valid.end(), name) == valid.end();
  });
  if (unknown != names.end()) {  // names have commas in them
    throw std::invalid_argument("unknown variant '" + *unknown + "'; expected one of " + ttscale::join(valid, "; "));
  }
  if (!names.empty()) {
    const auto unwanted = [&](const Variant& v) {
      return std::find(names.begin(), names.end(), v.name) == names.end();
    };
    all.erase(std::remove_if(all.begin(), all.end(), unwanted), all.end());
  }
  return all;
}

struct Settings {
  std::int64_t edge = 28;
  int rounds = 60;
  at::ScalarType dtype = at::kFloat;
  std::vector<std::string> only = {};
};

void measure(const torch::jit::Module& module, std::int64_t batch, const Settings& settings) {
  constexpr int kWarmUp = 5;
  const auto& [edge, rounds, dtype, only] = settings;
  const at::Tensor images = at::rand({batch, 3, edge, edge}).to(dtype);
  const std::vector<Variant> all = chosen(variants(module, edge, dtype), only);
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
  const auto ratio = [&](std::size_t i, std::size_t to) {
    std::vector<double> ratios;
    for (std::size_t round = 0; round < times[i].size(); ++round) {
      ratios.push_back(times[i][round] / times[to][round]);
    }
    return median(ratios);
  };
  std::optional<std::size_t> original;
  std::optional<std::size_t> fastest;  // --only may have left them out
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].unadapted) {
      original = all[i].name == kOriginal ? i : original;
      fastest = !fastest || median(times[i]) < median(times[*fastest]) ? i : fastest;
    }
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::printf("batch %3ld  %-22s %9.2f ms", static_cast<long>(batch), all[i].name.c_str(), median(times[i]));
    if (original) {
      std::printf("  %5.2f of original", ratio(i, *original));
    }
    if (fastest) {
      std::printf("  %5.2f of %s", ratio(i, *fastest), all[*fastest].name.c_str());
    }
    std::printf("\n");
  }
  std::fflush(stdout);
}

/// A whole number of at least 1.
int count_of(const std::string& what, const std::string& text) {
  int value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || rest != end || value < 1) {
    throw std::invalid_argument("expected " + what + ", a whole number from 1 on, found " + text);
  }
  return value;
}

void run(std::vector<std::string> arguments) {
  Settings settings;
  while (!arguments.empty() && arguments.front().rfind("--", 0) == 0) {
    const bool only = arguments.front() == "--only";
    if (arguments.front() == "--bf16") {
      settings.dtype = at::kBFloat16;
    } else if (only && arguments.size() > 1) {
      settings.only.push_back(arguments[1]);
    } else {
      throw std::invalid_argument("expected --bf16 or --only VARIANT, found " + arguments.front());
    }
    arguments.erase(arguments.begin(), arguments.begin() + (only ? 2 : 1));
  }
  if (arguments.size() > 1) {
    settings.edge = count_of("EDGE", arguments[1]);
  }
  if (arguments.size() > 2) {
    settings.rounds = count_of("ROUNDS", arguments[2]);
  }
  std::vector<std::int64_t> batches;
  for (std::size_t i = 3; i < arguments.size(); ++i) {
    batches.push_back(count_of("BATCH", arguments[i]));
  }
  torch::jit::Module module =
      torch::jit::load(arguments.empty() ? TTSCALE_SOURCE_DIR "/models/fashion-resnet.scripted.pt" : arguments[0]);
  module.eval();
  module.to(settings.dtype);
  for (const std::int64_t batch : batches.empty() ? std::vector<std::int64_t>{1, 64} : batches) {
    measure(module, batch, settings);
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run({argv + 1, argv + argc});
  } catch (const c10::Error& error) {
    std::fprintf(stderr, "bench_forward: %s\n", error.what_without_backtrace());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_forward: %s\n", error.what());
    return 2;
  }
  return 0;
}
