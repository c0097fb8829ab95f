// SPDX-License-Identifier: MIT
// Accuracy of real models on real shifted images is what PyTorch gets (../shared/data/README.md).
#include <gtest/gtest.h>

#include "eval/evaluate.h"
#include "paths.h"

namespace ttscale::eval {
namespace {

EvalResult evaluate_shared(EvalOptions options) {
  EvalObserver silent;
  EvalResult result;
  evaluate(options, silent, result);
  return result;
}

TEST(SharedData, CifarResNetUnderNoise) {
  const auto data = testing::shared_data();
  EvalOptions options;
  options.model = data / "models/resnet20-cifar10.scripted.pt";
  options.data = data / "cifar10-dev/shifted/gaussian_noise/5";
  if (!std::filesystem::exists(options.model) || !std::filesystem::exists(options.data)) {
    GTEST_SKIP() << "no " << options.model << " or " << options.data;
  }
  options.rules = {"source", "batch"};
  options.batch_sizes = {200};
  const EvalResult result = evaluate_shared(options);
  EXPECT_EQ(result.cells[0].scores.images, 2000);
  EXPECT_NEAR(result.cells[0].scores.top1, 24.80, 0.051);  // an image to either side
  EXPECT_GT(result.cells[1].scores.top1, 56);
  EXPECT_LT(result.cells[1].scores.top1, 60);
}

TEST(SharedData, ImageNetMobileNetWithFewerFoldersThanOutputs) {
  const auto data = testing::shared_data();
  EvalOptions options;
  options.model = data / "models/mobilenetv1-025-imagenet.traced.pt";
  options.data = data / "imagenet-dev/clean";
  options.class_map = data / "imagenet-dev/class-map.txt";
  if (!std::filesystem::exists(options.model) || !std::filesystem::exists(options.data)) {
    GTEST_SKIP() << "no " << options.model << " or " << options.data;
  }
  options.rules = {"source", "batch"};
  options.batch_sizes = {50};
  options.preprocessing.img_size = image::Size{224, 224};
  options.preprocessing.crop_pct = 0.985;  // 227 pixels before the crop: as they are
  const EvalResult result = evaluate_shared(options);
  EXPECT_NEAR(result.cells[0].scores.top1, 54.00, 0.26);  // an image to either side
  EXPECT_NEAR(result.cells[1].scores.top1, 51.75, 2);     // the order is another
}

}  // namespace
}  // namespace ttscale::eval
