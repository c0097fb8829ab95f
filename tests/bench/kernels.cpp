// SPDX-License-Identifier: MIT
// The kernels of moments and affine against the memory's bandwidth and against ATen. README.md has results.
//
// Every iteration runs the kernel and what it is compared with in turn, so that what else the machine does meets all
// alike. The time is the kernel's; counters are medians over the iterations of a ratio within one iteration:
//   of_read, of_memcpy, of_copy_   bytes a second of the kernel as a share of those of a plain sum over the same bytes,
//                                  of memcpy, of at::Tensor::copy_ (bytes read and written)
//   batch_norm, var_mean           how many times longer ATen takes for the same statistics
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "ops/affine.h"
#include "ops/cpu/affine_kernel.h"
#include "ops/cpu/moments_kernel.h"

namespace {

using ttscale::Isa;
using Call = std::function<void()>;

double seconds(const Call& call) {
  const auto start = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
std::int64_t
sum(const std::int64_t* p, std::int64_t n) {
  std::int64_t lanes[64] = {};
  for (std::int64_t i = 0; i + 64 <= n; i += 64) {
    for (int j = 0; j < 64; ++j) {
      lanes[j] += p[i + j];
    }
  }
  std::int64_t all = 0;
  for (const std::int64_t lane : lanes) {
    all += lane;
  }
  return all;
}

/// Calls part(first byte, bytes) for every thread's share.
template <typename Part>
void in_parallel(const at::Tensor& x, const Part& part) {
  const std::int64_t words = static_cast<std::int64_t>(x.nbytes()) / 64;
  at::parallel_for(0, words, 1024, [&](std::int64_t begin, std::int64_t end) { part(begin * 64, (end - begin) * 64); });
}

void read_all(const at::Tensor& x) {
  in_parallel(x, [&](std::int64_t first, std::int64_t bytes) {
    benchmark::DoNotOptimize(
        sum(reinterpret_cast<const std::int64_t*>(static_cast<const char*>(x.data_ptr()) + first), bytes / 8));
  });
}

void copy_all(const at::Tensor& x, at::Tensor& y) {
  in_parallel(x, [&](std::int64_t first, std::int64_t bytes) {
    std::memcpy(static_cast<char*>(y.data_ptr()) + first, static_cast<const char*>(x.data_ptr()) + first,
                static_cast<std::size_t>(bytes));
  });
}

/// What the kernel is compared with. Time of the other by time of the kernel is its share of the other's bandwidth, and
/// how many times longer the other takes.
using Others = std::vector<std::pair<std::string, Call>>;

void race(benchmark::State& state, const at::Tensor& x, const Call& kernel, const Others& others, double bytes) {
  std::map<std::string, std::vector<double>> ratios;
  for (const auto& [name, call] : others) {
    call();
  }
  kernel();
  for ([[maybe_unused]] const auto& iteration : state) {
    read_all(x);  // before each, so that all find the caches alike
    const double time = seconds(kernel);
    state.SetIterationTime(time);
    for (const auto& [name, call] : others) {
      read_all(x);
      ratios[name].push_back(seconds(call) / time);
    }
  }
  for (const auto& [name, values] : ratios) {
    state.counters[name] = median(values);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes) * state.iterations());
}

at::Tensor activations(const std::vector<std::int64_t>& shape, at::ScalarType type, at::MemoryFormat format) {
  return at::randn(shape).to(type).contiguous(format);
}

void bench_moments(benchmark::State& state, Isa isa, const std::vector<std::int64_t>& shape, at::ScalarType type,
                   at::MemoryFormat format, bool against_aten) {
  const at::Tensor x = activations(shape, type, format);
  Others others{{"of_read", [&] { read_all(x); }}};
  if (against_aten) {
    others.emplace_back("var_mean", [&] {
      benchmark::DoNotOptimize(at::var_mean(x, at::IntArrayRef{2, 3}, /*unbiased=*/false));
    });
    others.emplace_back("batch_norm", [&] { benchmark::DoNotOptimize(at::batch_norm_update_stats(x, {}, {}, 0.1)); });
  }
  race(
      state, x, [&] { benchmark::DoNotOptimize(ttscale::ops::moments_on(isa, x)); }, others,
      static_cast<double>(x.nbytes()));
}

void bench_affine(benchmark::State& state, Isa isa, const std::vector<std::int64_t>& shape, at::ScalarType type,
                  at::MemoryFormat format) {
  const at::Tensor x = activations(shape, type, format);
  const auto coefficient = [&] { return at::rand({shape[1]}, at::kDouble); };
  const at::Tensor center = coefficient();
  const at::Tensor scale = coefficient();
  const at::Tensor shift = coefficient();
  // Memory that the operator's result gets is new to it; that of copies must be too.
  const Others others{
      {"of_memcpy",
       [&] {
         at::Tensor to = at::empty_like(x);
         copy_all(x, to);
       }},
      {"of_copy_", [&] { benchmark::DoNotOptimize(at::empty_like(x).copy_(x)); }},
  };
  race(
      state, x, [&] { benchmark::DoNotOptimize(ttscale::ops::affine_on(isa, x, center, scale, shift)); }, others,
      2.0 * static_cast<double>(x.nbytes()));
}

/// Affine, residual and ReLU in place, as graphs have them, against copies into memory that is there, by bytes moved.
void bench_fused(benchmark::State& state, Isa isa, const std::vector<std::int64_t>& shape, at::ScalarType type,
                 at::MemoryFormat format) {
  const at::Tensor x = activations(shape, type, format);
  const at::Tensor residual = activations(shape, type, format);
  const auto coefficient = [&](double low, double high) {
    return at::rand({shape[1]}, at::kDouble) * (high - low) + low;
  };
  // Stays bounded however often it is applied.
  const ttscale::ops::Coefficients k{coefficient(0, 0.1), coefficient(0.1, 0.5), coefficient(0, 0.1)};
  const ttscale::ops::Epilogue epilogue{
      residual, {ttscale::ops::Activation::Function::kClamp, 0, std::numeric_limits<double>::infinity()}, true};
  at::Tensor first = at::empty_like(x);
  const Others others{{"of_copies", [&] {
                         // Two streams in and one out here, one in and one out there: three halves of a copy.
                         copy_all(x, first);
                         copy_all(x, first);
                         copy_all(x, first);
                       }}};
  race(
      state, x, [&] { benchmark::DoNotOptimize(ttscale::ops::affine_then_on(isa, x, k, epilogue)); }, others,
      3.0 * static_cast<double>(x.nbytes()));
  state.counters["of_copies"] = state.counters["of_copies"] / 2;
}

void register_all() {
  struct Size {
    const char* name;
    std::vector<std::int64_t> shape;
    bool against_aten;
  };
  const std::vector<Size> sizes{{"205MB", {64, 64, 112, 112}, false},       {"1x64x112x112", {1, 64, 112, 112}, true},
                                {"16x256x56x56", {16, 256, 56, 56}, true},  {"1x256x56x56", {1, 256, 56, 56}, true},
                                {"16x512x28x28", {16, 512, 28, 28}, true},  {"16x1024x14x14", {16, 1024, 14, 14}, true},
                                {"16x2048x7x7", {16, 2048, 7, 7}, true},    {"1x2048x7x7", {1, 2048, 7, 7}, true},
                                {"1x3x1024x1024", {1, 3, 1024, 1024}, true}};
  for (const Isa isa : ttscale::available_isas()) {
    for (const auto type : {at::kFloat, at::kBFloat16}) {
      for (const auto format : {at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast}) {
        for (const auto& size : sizes) {
          const std::string name = std::string("/") + ttscale::isa_name(isa) + "/" + at::toString(type) + "/" +
                                   (format == at::MemoryFormat::Contiguous ? "NCHW/" : "NHWC/") + size.name;
          const bool fastest = isa == ttscale::available_isas().back();
          benchmark::RegisterBenchmark(("moments" + name).c_str(),
                                       [=](benchmark::State& state) {
                                         bench_moments(state, isa, size.shape, type, format,
                                                       fastest && size.against_aten);
                                       })
              ->UseManualTime()
              ->Unit(benchmark::kMicrosecond);
          benchmark::RegisterBenchmark(
              ("affine" + name).c_str(),
              [=](benchmark::State& state) { bench_affine(state, isa, size.shape, type, format); })
              ->UseManualTime()
              ->Unit(benchmark::kMicrosecond);
          benchmark::RegisterBenchmark(
              ("fused" + name).c_str(),
              [=](benchmark::State& state) { bench_fused(state, isa, size.shape, type, format); })
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
  benchmark::AddCustomContext("threads", std::to_string(at::get_num_threads()));
  benchmark::AddCustomContext("torch", TTSCALE_TORCH_VERSION);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
