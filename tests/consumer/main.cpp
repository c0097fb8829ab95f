// SPDX-License-Identifier: MIT
// The embedding program of the README: a model, a camera, adapted scores.
#include <iostream>

#include <ttscale/ttscale.h>
#include <opencv2/videoio.hpp>

int main(int, char** argv) {
  const std::vector<double> mean{.286}, std{.353};
  auto model = torch::jit::load(argv[1]);
  auto adapted =
      ttscale::adapt(model, {.rule = ttscale::rule::Ema{.momentum = 0.05}, .input = ttscale::Standardize{mean, std}});
  auto camera = adapted.stream();
  cv::VideoCapture capture(argv[2]);
  cv::Mat frame;
  while (capture.read(frame)) {
    at::Tensor logits = camera.forward(ttscale::to_tensor(frame));
    std::cout << logits.argmax(1).item() << ' ';
  }
  std::cout << '\n' << camera.report();
  camera.save("camera-1.state");
}
