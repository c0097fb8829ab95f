// SPDX-License-Identifier: MIT
// How the time of a forward grows with images a batch, edge of the images, layers and streams: residual networks made
// in code, as they are and adapted.
//
// usage: bench_growth [ROUNDS]     (default: 9)
//
// All points of an axis and all forms take turns in each round. What is printed for each form: the medians, and the
// exponent p of time ~ size^p, the slope of a straight line through the logarithms (least squares). Streams run in
// turn, one image each: their time is that of a round through all of them.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include <torch/script.h>

#include "bench/timing.h"
#include "resnet.h"
#include "ttscale/adapter.h"

namespace {

using Forward = std::function<void()>;

struct Form {
  const char* name;
  const char* rule;  ///< null: as it is
  ttscale::Optimize optimize = ttscale::Optimize::kAuto;
};

constexpr Form kForms[] = {{"as it is", nullptr},  // NOLINT
                           {"ema", "ema"},
                           {"ema:sample=1/4", "ema:sample=1/4"},
                           {"auto", "auto"},
                           {"ema, --optimize none", "ema", ttscale::Optimize::kNone}};

/// Where an axis is measured; the others stay at these.
struct Point {
  std::int64_t batch = 4;
  std::int64_t edge = 64;
  int blocks = 2;  ///< of each of three stages
  std::size_t streams = 1;
};

std::int64_t layers(int blocks) {
  return 1 + 3 * (3 * blocks + 1);  // the stem; three convolutions a block, and one in each stage's first shortcut
}

Forward forward_of(const Form& form, const Point& point) {
  at::manual_seed(1);
  ttscale::testing::ResNet net;
  net.blocks = {point.blocks, point.blocks, point.blocks};
  net.width = 32;
  net.classes = 100;
  torch::jit::Module module = ttscale::testing::resnet(net);
  const at::Tensor images = at::rand({point.batch, 3, point.edge, point.edge});
  if (form.rule == nullptr) {
    return [module, images, count = point.streams]() mutable {
      const at::NoGradGuard no_grad;
      for (std::size_t i = 0; i < count; ++i) {
        module.forward({images});
      }
    };
  }
  ttscale::AdaptOptions options;
  options.guard = ttscale::parse_guard("off");
  options.optimize = form.optimize;
  const ttscale::AdaptedModel adapted = ttscale::adapt(module, options);
  auto streams = std::make_shared<std::vector<ttscale::Stream>>();
  for (std::size_t i = 0; i < point.streams; ++i) {
    streams->push_back(adapted.stream(ttscale::parse_rule(form.rule)));
  }
  return [streams, images] {
    for (ttscale::Stream& stream : *streams) {
      stream.forward(images);
    }
  };
}

/// Of y ~ x^p.
double exponent(const std::vector<double>& x, const std::vector<double>& y) {
  double mean_x = 0;
  double mean_y = 0;
  const auto count = static_cast<double>(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    mean_x += std::log(x[i]) / count;
    mean_y += std::log(y[i]) / count;
  }
  double together = 0;
  double spread = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    together += (std::log(x[i]) - mean_x) * (std::log(y[i]) - mean_y);
    spread += (std::log(x[i]) - mean_x) * (std::log(x[i]) - mean_x);
  }
  return together / spread;
}

void measure(const char* axis, const std::vector<double>& sizes, const std::vector<Point>& points, int rounds) {
  constexpr int kWarmUp = 4;
  std::printf("\n%-22s", axis);
  for (const double size : sizes) {
    std::printf(" %9.0f", size);
  }
  std::printf("   exponent\n");
  std::vector<Forward> forwards;  // form by form
  for (const Form& form : kForms) {
    for (const Point& point : points) {
      forwards.push_back(forward_of(form, point));
    }
  }
  std::vector<std::vector<double>> times(forwards.size());
  for (int round = -kWarmUp; round < rounds; ++round) {
    for (std::size_t i = 0; i < forwards.size(); ++i) {
      const double time = ttscale::bench::milliseconds(forwards[i]);
      if (round >= 0) {
        times[i].push_back(time);
      }
    }
  }
  auto of_point = times.begin();
  for (const Form& form : kForms) {
    std::printf("%-22s", form.name);
    std::vector<double> medians;
    for (std::size_t i = 0; i < points.size(); ++i) {
      medians.push_back(ttscale::bench::median(*of_point++));
      std::printf(" %9.2f", medians.back());
    }
    std::printf("   %8.2f\n", exponent(sizes, medians));
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::stoi(argv[1]) : 9;
  std::printf("milliseconds a forward; batch 4, edge 64, %ld layers, one stream where nothing else is said\n",
              static_cast<long>(layers(2)));
  std::vector<double> sizes;
  std::vector<Point> points;
  const auto add = [&](double size, const Point& point) {
    sizes.push_back(size);
    points.push_back(point);
  };
  const auto run = [&](const char* axis) {
    measure(axis, sizes, points, rounds);
    sizes.clear();
    points.clear();
  };
  for (const std::int64_t batch : {1, 2, 4, 8, 16, 32, 64}) {
    add(static_cast<double>(batch), {batch});
  }
  run("images a batch");
  for (const std::int64_t edge : {32, 64, 128, 256}) {
    add(static_cast<double>(edge * edge), {4, edge});
  }
  run("pixels an image");
  for (const int blocks : {1, 2, 4, 8}) {
    add(static_cast<double>(layers(blocks)), {4, 64, blocks});
  }
  run("layers");
  for (const std::size_t streams : {1, 4, 16, 64}) {
    add(static_cast<double>(streams), {1, 64, 2, streams});
  }
  run("streams, one image each");
  return 0;
}
