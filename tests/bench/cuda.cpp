// SPDX-License-Identifier: MIT
// CUDA: the kernels of moments and affine against the bandwidth of a copy and against ATen's, and a ResNet-50 adapted,
// unadapted and folded. Everything is captured as a CUDA graph and timed with events, so that the host's part of a call
// does not count.
//
// usage: bench_cuda [--quick]        prints "name <tab> figures" lines; exit status 77 without a device
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/cuda.h>
#include <torch/script.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ops/affine.h"
#include "ops/cuda/aten.h"
#include "ops/moments.h"
#include "resnet.h"
#include "ttscale/adapter.h"

namespace {

using Call = std::function<at::Tensor()>;

bool failed = false;

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void
row(const std::string& name, const char* format, ...) {
  std::printf("%s\t", name.c_str());
  va_list arguments;
  va_start(arguments, format);
  std::vprintf(format, arguments);
  va_end(arguments);
  std::printf("\n");
  std::fflush(stdout);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

class Event {
 public:
  Event() { C10_CUDA_CHECK(cudaEventCreate(&event_)); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  void record() { C10_CUDA_CHECK(cudaEventRecord(event_, c10::cuda::getCurrentCUDAStream())); }
  /// Milliseconds from `start` to this one, which it waits for.
  double since(const Event& start) {
    C10_CUDA_CHECK(cudaEventSynchronize(event_));
    float milliseconds = 0;
    C10_CUDA_CHECK(cudaEventElapsedTime(&milliseconds, start.event_, event_));
    return milliseconds;
  }

 private:
  cudaEvent_t event_{};
};

/// `repeats` calls as a graph, after `warm_up` ordinary ones. Throws what the calls or the capture throw.
class Graph {
 public:
  Graph(const Call& call, int warm_up, int repeats) : repeats_(repeats) {
    const c10::cuda::CUDAStreamGuard guard(c10::cuda::getStreamFromPool());
    for (int i = 0; i < warm_up; ++i) {
      call();
    }
    c10::cuda::device_synchronize();
    graph_.capture_begin();
    try {
      for (int i = 0; i < repeats; ++i) {
        result_ = call();
      }
    } catch (...) {
      try {
        graph_.capture_end();
      } catch (const std::exception&) {  // the first reason counts
      }
      throw;
    }
    graph_.capture_end();
    graph_.instantiate();
    C10_CUDA_CHECK(cudaGraphGetNodes(graph_.raw_cuda_graph(), nullptr, &nodes_));
  }

  /// Kernels, copies and fills of one call.
  [[nodiscard]] std::size_t nodes() const { return nodes_ / static_cast<std::size_t>(repeats_); }

  /// Milliseconds of one call.
  double time() {
    Event start;
    Event stop;
    start.record();
    graph_.replay();
    stop.record();
    return stop.since(start) / repeats_;
  }

 private:
  int repeats_;
  at::cuda::CUDAGraph graph_{/*keep_graph=*/true};
  std::size_t nodes_ = 0;
  at::Tensor result_;  // in the graph's memory
};

struct Outcome {
  double time;  ///< milliseconds; negative for a form that failed, whose reason has been printed
  std::size_t nodes;
};

/// Medians over rounds in which all take turns.
std::vector<Outcome> race(const std::string& name, const std::vector<Call>& calls, int warm_up, int repeats,
                          int rounds) {
  std::vector<std::unique_ptr<Graph>> graphs;
  for (const Call& call : calls) {
    try {
      graphs.push_back(std::make_unique<Graph>(call, warm_up, repeats));
    } catch (const std::exception& error) {
      failed = true;
      graphs.push_back(nullptr);
      const std::string what = error.what();
      row(name, "FAILED (form %zu): %s", graphs.size() - 1, what.substr(0, what.find('\n')).c_str());
      c10::cuda::device_synchronize();
    }
  }
  std::vector<std::vector<double>> times(calls.size());
  for (int round = -1; round < rounds; ++round) {
    for (std::size_t i = 0; i < calls.size(); ++i) {
      if (graphs[i] != nullptr) {
        const double time = graphs[i]->time();
        if (round >= 0) {
          times[i].push_back(time);
        }
      }
    }
  }
  std::vector<Outcome> out;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    out.push_back(graphs[i] == nullptr ? Outcome{-1, 0} : Outcome{median(times[i]), graphs[i]->nodes()});
  }
  return out;
}

double gigabytes_a_second(double bytes, double milliseconds) { return bytes / milliseconds * 1e-6; }

/// GB/s of a copy within the device, bytes read and written, as large as a copy gets.
double copy_bandwidth() {
  const auto options = at::TensorOptions(at::kFloat).device(at::kCUDA);
  const at::Tensor x = at::randn({1 << 28}, options);  // 1 GiB
  at::Tensor y = at::empty_like(x);
  const double time = race("copy", {[&] { return y.copy_(x); }}, 2, 4, 10)[0].time;
  const double rate = gigabytes_a_second(2.0 * static_cast<double>(x.nbytes()), time);
  row("copy 1 GiB", "%.0f GB/s read and written", rate);
  return rate;
}

void bench_kernels(const std::vector<std::int64_t>& shape, at::ScalarType type, at::MemoryFormat format, double copy,
                   int rounds) {
  const auto options = at::TensorOptions(at::kFloat).device(at::kCUDA);
  const at::Tensor x = at::randn(shape, options).to(type).contiguous(format);
  const auto doubles = options.dtype(at::kDouble);
  const at::Tensor c = at::rand({shape[1]}, doubles);
  const at::Tensor each = at::rand({shape[0], shape[1]}, doubles);
  const auto bytes = static_cast<double>(x.nbytes());
  std::string name = std::string(format == at::MemoryFormat::Contiguous ? "NCHW " : "NHWC ") +
                     (type == at::kFloat ? "fp32 " : "bf16 ");
  for (std::size_t i = 0; i < shape.size(); ++i) {
    name += (i == 0 ? "" : "x") + std::to_string(shape[i]);
  }
  const auto first = [](const std::tuple<at::Tensor, at::Tensor>& pair) { return std::get<0>(pair); };
  const std::vector<Outcome> outcomes = race(
      name,
      {[&] { return first(ttscale::ops::moments_cuda(x)); }, [&] { return first(ttscale::ops::moments_by_aten(x)); },
       [&] { return ttscale::ops::affine_cuda(x, c, c, c); },
       [&] { return ttscale::ops::affine_cuda(x, each, each, each); },
       [&] { return ttscale::ops::affine_by_aten(x, c, c, c); }, [&] { return x.clone(); }},
      2, 5, rounds);
  std::vector<double> t;
  for (const Outcome& outcome : outcomes) {
    t.push_back(outcome.time);
  }
  const auto rate = [&](std::size_t i, double reads) {
    return t[i] < 0 ? -1 : gigabytes_a_second(reads * bytes, t[i]);
  };
  row("moments " + name, "%.0f GB/s (%.2f of copy), %.1f us; ATen %.1f us", rate(0, 1), rate(0, 1) / copy, t[0] * 1e3,
      t[1] * 1e3);
  row("affine " + name, "[C] %.0f GB/s (%.2f of copy), %.1f us; [N,C] %.1f us; ATen %.1f us; clone %.1f us", rate(2, 2),
      rate(2, 2) / copy, t[2] * 1e3, t[3] * 1e3, t[4] * 1e3, t[5] * 1e3);
}

/// Forms of ResNet-50 in bfloat16, channels_last.
void bench_network(std::int64_t batch, const std::vector<std::string>& rules, int rounds) {
  at::manual_seed(3);
  torch::jit::Module module = ttscale::testing::resnet();
  module.to(at::Device(at::kCUDA), at::kBFloat16, /*non_blocking=*/false);
  ttscale::testing::to_channels_last(module);
  const at::Tensor x = at::randn({batch, 3, 224, 224}, at::TensorOptions(at::kFloat).device(at::kCUDA))
                           .to(at::kBFloat16)
                           .contiguous(at::MemoryFormat::ChannelsLast);
  ttscale::AdaptOptions options;
  options.guard = ttscale::parse_guard("off");  // it judges on the host
  const ttscale::AdaptedModel adapted = ttscale::adapt(module, options);

  std::vector<std::string> names;
  std::vector<Call> calls;
  const auto add_module = [&](const char* name, const torch::jit::Module& of) {
    names.emplace_back(name);
    calls.emplace_back([module = torch::jit::Module(of), &x]() mutable {
      const at::NoGradGuard no_grad;
      return module.forward({x}).toTensor();
    });
  };
  add_module("folded", torch::jit::freeze(module.clone()));
  add_module("original", module.clone());
  for (const std::string& rule : rules) {
    names.push_back(rule);
    auto stream = std::make_shared<ttscale::Stream>(adapted.stream(ttscale::parse_rule(rule)));
    calls.emplace_back([stream, &x] { return stream->forward(x); });
  }
  const std::string name = "ResNet-50 bf16 NHWC batch " + std::to_string(batch) + " ";
  const std::vector<Outcome> outcomes = race(name, calls, 5, 1, rounds);
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const double time = outcomes[i].time;
    if (time < 0) {
      row(name + names[i], "FAILED");
      continue;
    }
    // Without a graph: what the host's part of a forward adds.
    std::vector<double> eager;
    for (int round = 0; round < 5; ++round) {
      Event start;
      Event stop;
      start.record();
      calls[i]();
      stop.record();
      eager.push_back(stop.since(start));
    }
    row(name + names[i], "%.2f ms as a graph of %zu nodes (%.3f of folded), %.0f images/s; %.2f ms without", time,
        outcomes[i].nodes, time / outcomes[0].time, static_cast<double>(batch) / time * 1e3, median(eager));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bool quick = argc > 1 && std::strcmp(argv[1], "--quick") == 0;
  if (!torch::cuda::is_available()) {
    std::puts("no CUDA device: nothing was run");
    return 77;
  }
  const c10::InferenceMode inference(false);
  const at::NoGradGuard no_grad;
  const int rounds = quick ? 3 : 15;
  const double copy = copy_bandwidth();
  const std::vector<std::vector<std::int64_t>> shapes{{256, 64, 112, 112}, {256, 256, 56, 56}, {256, 512, 28, 28},
                                                      {256, 1024, 14, 14}, {256, 2048, 7, 7},  {1, 64, 112, 112},
                                                      {1, 2048, 7, 7}};
  for (const auto type : {at::kBFloat16, at::kFloat}) {
    for (const auto format : {at::MemoryFormat::ChannelsLast, at::MemoryFormat::Contiguous}) {
      for (const auto& shape : shapes) {
        bench_kernels(shape, type, format, copy, rounds);
      }
    }
  }
  const std::vector<std::string> rules{"source", "batch", "prior", "ema", "auto"};
  bench_network(256, rules, rounds);
  bench_network(16, rules, rounds);
  bench_network(1, rules, rounds);
  return failed ? 1 : 0;
}
