// SPDX-License-Identifier: MIT
// The loader alone: images of an ImageFolder, read, resized, cropped and normalised as `ttscale eval` does.
//
// usage: bench_loading DIR [WORKERS [PASSES [BATCH]]]     (default: 2 workers, 1 pass, batches of 64)
//
// For every line on standard input it goes PASSES times over the folder and prints the images, the seconds and the CPU
// seconds of all threads: scripts/bench_loading.py lets it and Python take turns.
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "cli/memory.h"
#include "data/image_tree.h"
#include "data/loader.h"
#include "image/preprocess.h"

namespace {

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void go_over(const std::vector<ttscale::data::Sample>& samples, const ttscale::data::LoaderOptions& options,
             const ttscale::image::Preprocessing& preprocessing) {
  const double cpu = cpu_seconds();
  const auto start = std::chrono::steady_clock::now();
  ttscale::data::Loader loader(samples, options, [&](const at::Tensor& hwc, const ttscale::data::Sample& /*sample*/) {
    return ttscale::image::to_input(hwc, preprocessing);
  });
  std::size_t images = 0;
  while (const auto batch = loader.next()) {
    images += batch->samples.size();
  }
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  std::printf("%zu %.6f %.6f\n", images, wall.count(), cpu_seconds() - cpu);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: bench_loading DIR [WORKERS [PASSES [BATCH]]]\n");
    return 2;
  }
  const auto number = [&](int at, std::int64_t other) { return argc > at ? std::stoll(argv[at]) : other; };
  ttscale::cli::prepare_memory();
  ttscale::data::TreeOptions tree_options;
  tree_options.layout = ttscale::data::Layout::kClasses;
  const auto tree = ttscale::data::discover(argv[1], tree_options);
  ttscale::data::LoaderOptions options;
  options.workers = number(2, 2);
  options.batch_size = number(4, 64);
  std::vector<ttscale::data::Sample> samples;
  for (std::int64_t pass = 0; pass < number(3, 1); ++pass) {
    samples.insert(samples.end(), tree.domains.front().samples.begin(), tree.domains.front().samples.end());
  }
  ttscale::image::Preprocessing preprocessing;
  preprocessing.img_size = ttscale::image::Size{224, 224};
  for (std::string line; std::getline(std::cin, line);) {
    go_over(samples, options, preprocessing);
  }
  return 0;
}
