// SPDX-License-Identifier: MIT
// The stopwatch of scripts/bench_shifts.py. usage: time_shifts IMAGE...; then lines "KIND SEVERITY PARAMETERS" on
// stdin, each answered by the seconds of processor time that the shift takes for all images, one after the other, in
// one thread.
#include <ctime>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "cli/memory.h"
#include "image/decode.h"
#include "shift/shift.h"

namespace {

using ttscale::shift::Shift;

double seconds_for(const std::vector<at::Tensor>& images, const Shift& shift, const std::string& parameters) {
  const auto set = ttscale::shift::parse_parameters(parameters);
  const std::clock_t start = std::clock();
  for (std::size_t i = 0; i < images.size(); ++i) {
    (void)ttscale::shift::apply(images[i], shift, set, i);
  }
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

void answer(const std::vector<at::Tensor>& images) {
  Shift shift;
  for (std::string parameters; std::cin >> shift.kind >> shift.severity >> parameters;) {
    std::cout << seconds_for(images, shift, parameters) << std::endl;
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    ttscale::cli::prepare_memory();  // as the program does, whose speed this is about
    std::vector<at::Tensor> images;
    for (int i = 1; i < argc; ++i) {
      images.push_back(ttscale::image::decode(argv[i]));
    }
    answer(images);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << '\n';
    return 1;
  }
}
