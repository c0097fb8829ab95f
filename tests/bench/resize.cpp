// SPDX-License-Identifier: MIT
// Resizing as preprocessing does it (shorter side to 256, of which the centre 224x224 is computed), on every
// instruction set.
//
// Every iteration runs the plain loops and the measured ones in turn, so that what else the machine does meets both
// alike. The time is that of the measured loops; the counter `of_plain` is the median over the iterations of how many
// times longer the plain loops took. README.md has results.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include "image/fit_geometry.h"
#include "image/preprocess.h"
#include "image/resize.h"

namespace {

using ttscale::Isa;
using ttscale::image::Interpolation;
using ttscale::image::Size;
using ttscale::image::Window;

void bench_resize(benchmark::State& state, Isa isa, Size from, std::int64_t channels, Interpolation interpolation) {
  const at::Tensor image = at::randint(0, 256, {from.height, from.width, channels}, at::kByte);
  ttscale::image::Preprocessing options;
  options.img_size = Size{224, 224};
  const auto geometry = ttscale::image::fit_geometry(from, options);
  const Window window{geometry.rows.from, geometry.columns.from, {geometry.rows.length, geometry.columns.length}};
  const auto seconds = [&](Isa loops) {
    const auto start = std::chrono::steady_clock::now();
    benchmark::DoNotOptimize(ttscale::image::resize_window_on(loops, image, geometry.scaled, window, interpolation));
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  std::vector<double> ratios;
  for ([[maybe_unused]] const auto& iteration : state) {
    const double plain = seconds(Isa::kBaseline);
    const double time = seconds(isa);
    state.SetIterationTime(time);
    ratios.push_back(plain / time);
  }
  std::sort(ratios.begin(), ratios.end());
  state.counters["of_plain"] = ratios[ratios.size() / 2];
}

void register_all() {
  for (const Isa isa : ttscale::available_isas()) {
    if (isa == Isa::kAvx512) {
      continue;  // the loops are those for AVX2
    }
    for (const auto interpolation : {Interpolation::kBilinear, Interpolation::kBicubic, Interpolation::kBox}) {
      for (const std::int64_t channels : {3, 1}) {
        for (const Size from : {Size{375, 500}, Size{3000, 4000}, Size{100, 100}}) {
          const std::string name = std::string("resize/") + ttscale::isa_name(isa) + "/" + to_string(interpolation) +
                                   "/" + std::to_string(from.width) + "x" + std::to_string(from.height) + "x" +
                                   std::to_string(channels);
          benchmark::RegisterBenchmark(
              name.c_str(), [=](benchmark::State& state) { bench_resize(state, isa, from, channels, interpolation); })
              ->UseManualTime()
              ->Unit(benchmark::kMicrosecond);
        }
      }
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
