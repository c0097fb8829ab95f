// SPDX-License-Identifier: MIT
// Convolutions that normalise what they read and measure what they write, against LibTorch's with passes of their own
// for that. README.md has results.
//
// Every iteration runs both, and the convolution alone, in turn. The time is that of the convolution that does all;
// counters are medians over the iterations of a ratio within one iteration:
//   apart         how many times longer the normalisation in place, LibTorch's convolution and moments() take
//   convolution   LibTorch's convolution alone, as a share
// expanded: a 1x1 convolution and a depthwise one that does it again, against both with the tensor between them.
#include <benchmark/benchmark.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include "bench/timing.h"
#include "ops/epilogue.h"
#include "ops/moments.h"
#include "ops/packed_convolution.h"

namespace {

using ttscale::bench::median;
using ttscale::bench::milliseconds;
using namespace ttscale::ops;

/// in, out channels; side of the input; step; kernel, where that is 3 depthwise.
struct Size {
  std::int64_t in, out, side, step, kernel;
};

PackedConvolution convolution_of(const Size& size) {
  const bool depthwise = size.kernel > 1;
  return PackedConvolution({at::randn({size.out, depthwise ? 1 : size.in, size.kernel, size.kernel}),
                            {},
                            {size.step, size.step},
                            {size.kernel / 2, size.kernel / 2},
                            {1, 1},
                            depthwise ? size.in : 1});
}

at::Tensor images_of(const Size& size, std::int64_t images) {
  return at::randn({images, size.in, size.side, size.side}).contiguous(at::MemoryFormat::ChannelsLast);
}

/// ReLU6 alone, so that the same input can be normalised again and again.
Prologue prologue_of(std::int64_t channels) {
  const at::Tensor zero = at::zeros({channels}, at::kDouble);
  return {{zero, at::ones({channels}, at::kDouble), zero}, {Activation::Function::kClamp, 0, 6}};
}

using Calls = std::map<std::string, std::function<void()>>;

void race(benchmark::State& state, const std::function<void()>& together, const Calls& others) {
  std::map<std::string, std::vector<double>> ratios;
  together();
  for (const auto& [name, call] : others) {
    call();
  }
  for ([[maybe_unused]] const auto& iteration : state) {
    const double time = milliseconds(together);
    state.SetIterationTime(time / 1000);
    for (const auto& [name, call] : others) {
      ratios[name].push_back(milliseconds(call) / time);
    }
  }
  for (const auto& [name, values] : ratios) {
    state.counters[name] = median(values);
  }
}

/// What a stream does where a site is not deferred: the normalisation lies in its input.
void normalise(const at::Tensor& x, const Prologue& prologue) {
  Prologue in_place = prologue;
  in_place.finishes = true;
  benchmark::DoNotOptimize(done(in_place, x));
}

void bench_measured(benchmark::State& state, const Size& size, std::int64_t images) {
  const c10::InferenceMode guard;
  at::manual_seed(1);
  PackedConvolution convolution = convolution_of(size);
  const at::Tensor x = images_of(size, images);
  const Prologue prologue = prologue_of(size.in);
  race(state, [&] { benchmark::DoNotOptimize(convolution.forward_measured(x, prologue)); },
       {{"apart",
         [&] {
           normalise(x, prologue);
           benchmark::DoNotOptimize(moments_cpu(convolution.forward(x)));
         }},
        {"convolution", [&] { benchmark::DoNotOptimize(convolution.forward(x)); }}});
}

void bench_expanded(benchmark::State& state, const Size& size, const Size& next, std::int64_t images) {
  const c10::InferenceMode guard;
  at::manual_seed(1);
  PackedConvolution expansion = convolution_of(size);
  PackedConvolution convolution = convolution_of(next);
  const at::Tensor x = images_of(size, images);
  const Prologue prologue = prologue_of(size.out);
  race(state,
       [&] {
         benchmark::DoNotOptimize(expansion.measure(x));
         benchmark::DoNotOptimize(convolution.expand_and_forward(expansion, x, prologue));
       },
       {{"written",
         [&] {
           const Measured between = expansion.forward_measured(x, {});
           benchmark::DoNotOptimize(convolution.forward_measured(between.x, prologue));
         }},
        {"apart", [&] {
           const at::Tensor between = expansion.forward(x);
           benchmark::DoNotOptimize(moments_cpu(between));
           normalise(between, prologue);
           benchmark::DoNotOptimize(moments_cpu(convolution.forward(between)));
         }}});
}

std::string name_of(const Size& size, std::int64_t images) {
  return std::to_string(images) + "x" + std::to_string(size.in) + ">" + std::to_string(size.out) + "@" +
         std::to_string(size.side) + (size.step > 1 ? "/" + std::to_string(size.step) : "");
}

void add(const std::string& name, const std::function<void(benchmark::State&)>& run) {
  benchmark::RegisterBenchmark(name.c_str(), run)->UseManualTime()->Unit(benchmark::kMillisecond);
}

void register_all() {
  for (const std::int64_t images : {1, 16}) {
    // Of ResNet-50 and MobileNetV2.
    for (const Size& size : {Size{64, 256, 56, 1, 1},
                             {256, 64, 56, 1, 1},
                             {256, 1024, 14, 1, 1},
                             {512, 2048, 7, 1, 1},
                             {144, 24, 56, 1, 1},
                             {384, 64, 14, 1, 1},
                             {160, 960, 7, 1, 1}}) {
      add("pointwise/" + name_of(size, images), [=](auto& state) { bench_measured(state, size, images); });
    }
    for (const Size& size : {Size{32, 32, 112, 1, 3},
                             {96, 96, 112, 2, 3},
                             {144, 144, 56, 1, 3},
                             {384, 384, 14, 1, 3},
                             {960, 960, 7, 1, 3}}) {
      add("depthwise/" + name_of(size, images), [=](auto& state) { bench_measured(state, size, images); });
    }
    // The last ones are of no model: where doing it twice ceases to pay.
    for (const auto& [size, step] : {std::pair{Size{16, 96, 112, 1, 1}, 2},
                                     {{24, 144, 56, 1, 1}, 1},
                                     {{32, 192, 28, 1, 1}, 1},
                                     {{32, 192, 56, 1, 1}, 1},
                                     {{48, 288, 56, 1, 1}, 1},
                                     {{64, 384, 56, 1, 1}, 1}}) {
      const Size next{size.out, size.out, size.side, step, 3};
      add("expanded/" + name_of(size, images) + ">" + name_of(next, images),
          [=, size = size](auto& state) { bench_expanded(state, size, next, images); });
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  register_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) {
    return 1;
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
