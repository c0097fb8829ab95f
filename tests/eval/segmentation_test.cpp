// SPDX-License-Identifier: MIT
// Segmentation through the whole evaluation: scores against an obvious loop over pixels, and data that does not fit.
#include <gmock/gmock.h>
#include <torch/script.h>

#include <cmath>
#include <fstream>
#include <random>
#include <set>

#include "eval/evaluate.h"
#include "eval/merge.h"
#include "eval/result_json.h"
#include "fixtures.h"
#include "image/decode.h"
#include "image/decode_labels.h"
#include "image/preprocess.h"
#include "report/tiny_png.h"
#include "ttscale/error.h"

namespace ttscale::eval {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using ::testing::Not;
using ::testing::SizeIs;

constexpr std::int64_t kClasses = 4;
constexpr std::int64_t kSide = 8;
constexpr int kImages = 6;
constexpr std::uint8_t kIgnored = 255;

struct Interrupted : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Logits [K, h, w] at one pixel of a map `side` pixels wide: bilinear, align_corners = false, as its formula reads.
double bilinear(const at::Tensor& map, std::int64_t k, std::int64_t y, std::int64_t x, std::int64_t side) {
  const auto value = map.accessor<float, 3>();
  const auto weigh = [&](std::int64_t place, std::int64_t size, std::int64_t& low, std::int64_t& high) {
    const double from =
        std::max(0.0, (static_cast<double>(place) + 0.5) * static_cast<double>(size) / static_cast<double>(side) - 0.5);
    low = static_cast<std::int64_t>(from);
    high = std::min(low + 1, size - 1);
    return from - static_cast<double>(low);
  };
  std::int64_t top = 0;
  std::int64_t bottom = 0;
  std::int64_t left = 0;
  std::int64_t right = 0;
  const double down = weigh(y, map.size(1), top, bottom);
  const double over = weigh(x, map.size(2), left, right);
  return (1 - down) * ((1 - over) * value[k][top][left] + over * value[k][top][right]) +
         down * ((1 - over) * value[k][bottom][left] + over * value[k][bottom][right]);
}

std::int64_t largest(const at::Tensor& map, std::int64_t y, std::int64_t x, std::int64_t side) {
  std::int64_t best = 0;
  for (std::int64_t k = 1; k < map.size(0); ++k) {
    best = bilinear(map, k, y, x, side) > bilinear(map, best, y, x, side) ? k : best;
  }
  return best;
}

/// Pairs of label and prediction of every pixel that counts.
using Pixels = std::vector<std::pair<std::int64_t, std::int64_t>>;

double slow_miou(const Pixels& pixels) {
  double sum = 0;
  int classes = 0;
  for (std::int64_t k = 0; k < kClasses; ++k) {
    int both = 0;
    int either = 0;
    for (const auto& [label, predicted] : pixels) {
      both += label == k && predicted == k ? 1 : 0;
      either += label == k || predicted == k ? 1 : 0;
    }
    if (either > 0) {
      sum += static_cast<double>(both) / either;
      ++classes;
    }
  }
  return 100 * sum / classes;
}

double slow_accuracy(const Pixels& pixels) {
  int right = 0;
  for (const auto& [label, predicted] : pixels) {
    right += label == predicted ? 1 : 0;
  }
  return 100.0 * right / static_cast<double>(pixels.size());
}

class Segment : public EvalTest {
 protected:
  void SetUp() override {
    write_pairs("dark", 0);
    write_pairs("light", 127);
  }

  void write_pairs(const std::string& domain, unsigned light) {
    for (int i = 0; i < kImages; ++i) {
      std::mt19937 random(static_cast<unsigned>(i));
      std::string image = "P6\n8 8\n255\n";
      for (int byte = 0; byte < kSide * kSide * 3; ++byte) {
        image.push_back(static_cast<char>(random() % 128 + light));
      }
      folder.write("seg/" + domain + "/images/" + std::to_string(i) + ".ppm", image);
      std::vector<std::uint8_t> labels;
      for (int pixel = 0; pixel < kSide * kSide; ++pixel) {
        const auto drawn = random() % 9;
        labels.push_back(drawn == 8 ? kIgnored : static_cast<std::uint8_t>(drawn % kClasses));
      }
      write_labels(domain, i, labels);
    }
  }

  fs::path write_labels(const std::string& domain, int image, const std::vector<std::uint8_t>& labels,
                        std::uint32_t width = kSide) const {
    return folder.write("seg/" + domain + "/labels/" + std::to_string(image) + ".png", report::tiny_png(labels, width));
  }

  /// Convolution of stride 2 and BatchNorm: [N, 3, 8, 8] -> [N, outputs, 4, 4]; in training mode a reference for the
  /// rule `batch`.
  [[nodiscard]] fs::path save_map_model(bool training = false, std::int64_t outputs = kClasses) const {
    torch::manual_seed(7);
    torch::jit::Module module("Net");
    module.register_parameter("filter", torch::randn({outputs, 3, 3, 3}), false);
    module.register_parameter("weight", torch::rand({outputs}) + 0.5, false);
    module.register_parameter("bias", torch::randn({outputs}) * 0.1, false);
    module.register_buffer("running_mean", torch::randn({outputs}));
    module.register_buffer("running_var", torch::rand({outputs}) + 4);
    module.define(std::string("def forward(self, x: Tensor) -> Tensor:\n"
                              "  y = torch.conv2d(x, self.filter, None, [2, 2], [1, 1], [1, 1], 1)\n"
                              "  return torch.batch_norm(y, self.weight, self.bias, self.running_mean, "
                              "self.running_var, ") +
                  (training ? "True" : "False") + ", 0.0, 1e-5, True)\n");
    module.eval();
    const fs::path file = folder / (training ? "training.pt" : "map" + std::to_string(outputs) + ".pt");
    module.save(file.string());
    return file;
  }

  [[nodiscard]] EvalOptions segmentation(std::vector<std::string> rules) const {
    EvalOptions out;
    out.task = Task::kSegmentation;
    out.model = save_map_model();
    out.data = folder / "seg";
    out.rules = std::move(rules);
    out.batch_sizes = {kImages};
    return out;
  }

  /// Every pixel of a domain through a module, all images in one batch.
  [[nodiscard]] Pixels pixels(const std::string& domain, const fs::path& model) const {
    const torch::NoGradGuard no_grad;
    const image::Preprocessing defaults;
    std::vector<at::Tensor> inputs;
    for (int i = 0; i < kImages; ++i) {
      const at::Tensor hwc = image::decode(folder / ("seg/" + domain + "/images/" + std::to_string(i) + ".ppm"));
      inputs.push_back(image::to_input(hwc, defaults));
    }
    torch::jit::Module module = torch::jit::load(model.string());
    const at::Tensor maps = module.forward({at::stack(inputs)}).toTensor();
    Pixels out;
    for (int i = 0; i < kImages; ++i) {
      const at::Tensor labels =
          image::decode_labels(folder / ("seg/" + domain + "/labels/" + std::to_string(i) + ".png"));
      for (std::int64_t y = 0; y < kSide; ++y) {
        for (std::int64_t x = 0; x < kSide; ++x) {
          const auto label = labels[y][x].item<std::int64_t>();
          if (label != kIgnored) {
            out.emplace_back(label, largest(maps[i], y, x, kSide));
          }
        }
      }
    }
    return out;
  }

  template <typename Error>
  void expect_error(const EvalOptions& options, std::initializer_list<std::string> fragments) {
    const std::string message = message_of<Error>([&] { run(options); });
    EXPECT_THAT(message, Not(HasSubstr("\n")));
    for (const std::string& fragment : fragments) {
      EXPECT_THAT(message, HasSubstr(fragment));
    }
  }
};

TEST_F(Segment, ScoresAreThoseOfALoopOverPixels) {
  run(segmentation({"source", "batch"}));
  for (const char* domain : {"dark", "light"}) {
    const Pixels source = pixels(domain, save_map_model());
    const Pixels batch = pixels(domain, save_map_model(true));
    for (const auto& [rule, expected] : {std::pair{"source", source}, std::pair{"batch", batch}}) {
      const Scores& scores = cell(domain, rule)->scores;
      EXPECT_NEAR(scores.miou, slow_miou(expected), 1e-9) << domain << rule;
      EXPECT_NEAR(scores.pixel_accuracy, slow_accuracy(expected), 1e-9) << domain << rule;
      EXPECT_EQ(scores.images, kImages);
      EXPECT_EQ(scores.non_finite, 0);
      EXPECT_TRUE(std::isnan(scores.top1));
    }
    std::int64_t broken = 0;
    std::int64_t repaired = 0;
    std::int64_t changed = 0;
    for (std::size_t i = 0; i < source.size(); ++i) {
      const bool before = source[i].first == source[i].second;
      const bool after = batch[i].first == batch[i].second;
      broken += before && !after ? 1 : 0;
      repaired += after && !before ? 1 : 0;
      changed += source[i].second != batch[i].second ? 1 : 0;
    }
    const Change& change = *cell(domain, "batch")->change;
    EXPECT_EQ(change.broken, broken);
    EXPECT_EQ(change.repaired, repaired);
    EXPECT_EQ(change.changed, changed);
    const double gain = cell(domain, "batch")->scores.miou - cell(domain, "source")->scores.miou;
    EXPECT_LT(change.low, gain);
    EXPECT_GT(change.high, gain);
    EXPECT_TRUE(std::isnan(change.p_value));
    EXPECT_FALSE(cell(domain, "source")->change.has_value());
  }
}

TEST_F(Segment, ClassesAddUpOverDomains) {
  run(segmentation({"source"}));
  Pixels all = pixels("dark", save_map_model());
  const Pixels light = pixels("light", save_map_model());
  all.insert(all.end(), light.begin(), light.end());
  ASSERT_THAT(result.classes, SizeIs(1));
  EXPECT_THAT(result.classes[0].classes, SizeIs(0));
  ASSERT_THAT(result.classes[0].areas, SizeIs(kClasses));
  double sum = 0;
  for (const metrics::ClassArea& area : result.classes[0].areas) {
    sum += 100 * metrics::iou(area);
  }
  EXPECT_NEAR(sum / kClasses, slow_miou(all), 1e-9);
}

TEST_F(Segment, LabelsGoThroughTheGeometryOfTheirImage) {
  EvalOptions resized = segmentation({"source"});
  resized.preprocessing.img_size = image::Size{16, 16};
  resized.preprocessing.crop_pct = 0.5;  // to 32x32, of which the middle 16x16 remain: the middle 4x4 of the labels
  run(resized);
  Pixels expected;
  torch::jit::Module module = torch::jit::load(resized.model.string());
  const torch::NoGradGuard no_grad;
  for (int i = 0; i < kImages; ++i) {
    const fs::path below = folder / "seg/dark";
    const at::Tensor hwc = image::decode(below / ("images/" + std::to_string(i) + ".ppm"));
    const at::Tensor map =
        module.forward({image::to_input(hwc, resized.preprocessing).unsqueeze(0)}).toTensor().squeeze(0);
    const at::Tensor labels = image::decode_labels(below / ("labels/" + std::to_string(i) + ".png"));
    for (std::int64_t y = 0; y < 16; ++y) {
      for (std::int64_t x = 0; x < 16; ++x) {
        const auto label = labels[2 + y / 4][2 + x / 4].item<std::int64_t>();
        if (label != kIgnored) {
          expected.emplace_back(label, largest(map, y, x, 16));
        }
      }
    }
  }
  EXPECT_NEAR(cell("dark", "source")->scores.miou, slow_miou(expected), 1e-9);
  EXPECT_NEAR(cell("dark", "source")->scores.pixel_accuracy, slow_accuracy(expected), 1e-9);
}

TEST_F(Segment, TheIgnoredLabelIsTheOneThatWasNamed) {
  EvalOptions other = segmentation({"source"});
  other.ignore_index = 3;
  expect_error<DataError>(other, {"expected classes 0 to 3 or the ignored label 3, found 255", ".png"});
  for (int i = 0; i < kImages; ++i) {
    write_labels("dark", i, std::vector<std::uint8_t>(64, static_cast<std::uint8_t>(i < 3 ? 3 : 1)));
  }
  other.data = folder / "seg/dark";
  run(other);
  EXPECT_EQ(result.plan.ignore_index, 3);
  const auto& areas = result.classes.front().areas;
  EXPECT_EQ(areas[3].union_area, 0);
  EXPECT_EQ(areas[1].union_area, 3 * 64);  // every pixel that counts is labelled 1
}

TEST_F(Segment, EverythingIgnoredHasNoScoreAndNoInterval) {
  for (int i = 0; i < kImages; ++i) {
    write_labels("dark", i, std::vector<std::uint8_t>(64, kIgnored));
  }
  run(segmentation({"source", "batch"}));
  EXPECT_TRUE(std::isnan(cell("dark", "batch")->scores.miou));
  EXPECT_TRUE(std::isnan(cell("dark", "batch")->change->low));
  EXPECT_FALSE(std::isnan(cell("light", "batch")->scores.miou));
  EXPECT_EQ(to_json(result).find("nan"), std::string::npos);
}

TEST_F(Segment, LabelsMayLieInAFolderOfTheirOwnSharedByAllDomains) {
  run(segmentation({"source"}));
  const double beside = cell("dark", "source")->scores.miou;
  fs::create_directories(folder / "apart/images");
  fs::copy(folder / "seg/dark/images", folder / "apart/images/dark");
  fs::copy(folder / "seg/light/images", folder / "apart/images/light");
  fs::copy(folder / "seg/dark/labels", folder / "apart/labels");
  EvalOptions apart = segmentation({"source"});
  apart.data = folder / "apart/images";
  apart.labels = folder / "apart/labels";
  run(apart);
  EXPECT_EQ(cell("dark", "source")->scores.miou, beside);
  EXPECT_EQ(result.plan.labels, apart.labels.string());
}

TEST_F(Segment, InterruptedAtAnyBatchGivesTheSameBytes) {
  for (const char* protocol : {"reset-each-domain", "continual", "mixed"}) {
    EvalOptions plain = segmentation({"source", "cumulative", "batch"});
    plain.protocols = {protocol};
    plain.batch_sizes = {4};
    plain.seeds = {1, 2};
    run(plain);
    const std::string expected = to_json(result);
    const int batches = static_cast<int>(seen.progress.size());
    EvalOptions journalled = plain;
    journalled.journal = folder / "run.journal";
    for (int stop = 1; stop <= batches; ++stop) {
      fs::remove(journalled.journal);
      seen.on_batch = [stop, count = 0]() mutable {
        if (++count == stop) {
          throw Interrupted("stop");
        }
      };
      EXPECT_THROW(run(journalled), Interrupted);
      seen.on_batch = nullptr;
      run(journalled);
      EXPECT_EQ(to_json(result), expected) << protocol << " stopped after batch " << stop;
    }
  }
}

TEST_F(Segment, ShardsMergedAreTheWholeToTheLastByte) {
  EvalOptions whole = segmentation({"source", "batch"});
  whole.seeds = {1, 2};
  run(whole);
  const std::string expected = to_json(result);
  std::vector<EvalResult> shards;
  for (const char* shard : {"2/2", "1/2"}) {
    EvalOptions part = whole;
    part.shard = parse_shard(shard);
    run(part);
    std::ofstream(folder / "shard.json") << to_json(result);
    shards.push_back(read_results(folder / "shard.json"));
  }
  EXPECT_EQ(to_json(merge(shards, {"a", "b"})), expected);
}

TEST_F(Segment, GuardsWatchMapsToo) {
  EvalOptions watched = segmentation({"source", "batch"});
  watched.guard = Guard{1};
  run(watched);
  for (const Cell& cell : result.cells) {
    ASSERT_EQ(cell.guard.has_value(), cell.rule == "batch");
    if (cell.guard) {
      EXPECT_EQ(cell.guard->compared, cell.scores.images);
      EXPECT_EQ(cell.guard->unable, "");
    }
  }
}

TEST_F(Segment, OtherLabelsAreOtherWork) {
  EvalOptions journalled = segmentation({"source"});
  journalled.journal = folder / "run.journal";
  run(journalled);
  fs::resize_file(folder / "seg/dark/labels/0.png", 20);
  expect_error<DataError>(journalled, {"found another fingerprint"});
}

TEST_F(Segment, ShiftsMoveTheImageAndNotItsLabels) {
  EvalOptions shifted = segmentation({"source"});
  shifted.data = folder / "seg/dark";
  shifted.shifts = "clean;brightness:3";
  run(shifted);
  EXPECT_NEAR(cell("clean", "source")->scores.miou, slow_miou(pixels("dark", shifted.model)), 1e-9);
  EXPECT_NE(cell("brightness/3", "source")->scores.miou, cell("clean", "source")->scores.miou);
  shifted.shifts = "all:3";
  expect_error<UsageError>(shifted, {"elastic_transform moves what the image shows", "gaussian_noise,shot_noise"});
  shifted.shifts = "letterbox:1";
  expect_error<UsageError>(shifted, {"letterbox moves"});
}

TEST_F(Segment, BrokenFilesStopOrAreSkipped) {
  const fs::path small = write_labels("dark", 2, std::vector<std::uint8_t>(16, 0), 4);
  expect_error<DataError>(segmentation({"source"}),
                          {"expected the size of the image (8x8", "found 4x4", small.string()});
  std::ofstream(folder / "seg/dark/images/4.ppm", std::ios::trunc);
  EvalOptions tolerant = segmentation({"source", "batch"});
  tolerant.on_error = data::OnError::kSkip;
  run(tolerant);
  EXPECT_EQ(cell("dark", "batch")->scores.images, kImages - 2);
  EXPECT_EQ(cell("dark", "batch")->skipped, 2);
  ASSERT_THAT(result.skipped, SizeIs(2));
  EXPECT_THAT(result.skipped[0].reason, HasSubstr(small.string()));
}

TEST_F(Segment, LabelThatIsNoClassOfTheModelEndsTheRunWithItsPlace) {
  std::vector<std::uint8_t> labels(64, 0);
  labels[8 + 3] = 4;
  const fs::path wrong = write_labels("light", 5, labels);
  EvalOptions options = segmentation({"source"});
  expect_error<DataError>(options, {"found 4 at row 1, column 3", wrong.string()});
  EXPECT_THAT(result.cells, SizeIs(1));     // the domain before is kept
  options.on_error = data::OnError::kSkip;  // labels of another data set are no unreadable image
  expect_error<DataError>(options, {wrong.string()});
}

TEST_F(Segment, MissingLabelsAreNamed) {
  fs::remove(folder / "seg/dark/labels/3.png");
  expect_error<DataError>(segmentation({"source"}), {"expected labels for", "dark/images/3.ppm", "dark/labels/3.png"});
}

TEST_F(Segment, ModelsOfTheOtherTaskAreToldSo) {
  EvalOptions scores = segmentation({"source"});
  scores.model = save_model(ModelKind::kPlain, kClasses);
  expect_error<ModelError>(scores, {"[6, classes, height, width]", "[6, 4]", "--task classification"});
  EvalTest::SetUp();
  EvalOptions map = options({"source"});
  map.model = save_map_model();
  expect_error<ModelError>(map, {"[5, 4, 4, 4]", "--task segmentation"});
  EvalOptions one = segmentation({"source"});
  one.model = save_map_model(false, 1);
  expect_error<ModelError>(one, {"2 or more classes", "[0, s]"});
}

TEST_F(Segment, NamesMustBeAsManyAsTheModelHasOutputs) {
  EvalOptions named = segmentation({"source"});
  named.classes = {"road", "car", "sky"};
  named.classes_file = "model.json";
  expect_error<DataError>(named, {"found 3 in model.json"});
  named.class_map = folder.write("classes.txt", "road\ncar\nsky\nperson\n");
  run(named);
  EXPECT_THAT(result.plan.classes, ElementsAre("road", "car", "sky", "person"));
}

TEST_F(Segment, WhatNeedsOneClassAnImageIsRefused) {
  const auto refused = [&](const std::function<void(EvalOptions&)>& change, const std::string& what) {
    EvalOptions wrong = segmentation({"source"});
    change(wrong);
    expect_error<UsageError>(wrong, {what, "one class an image"});
  };
  refused([](EvalOptions& o) { o.order = "sorted"; }, "order sorted");
  refused([](EvalOptions& o) { o.order = "dirichlet:0.1"; }, "order dirichlet:0.1");
  refused([](EvalOptions& o) { o.protocols = {"correlated:delta=1"}; }, "protocol correlated:delta=1");
  refused([](EvalOptions& o) { o.protocols = {"mixed-correlated"}; }, "protocol mixed-correlated");
  refused([](EvalOptions& o) { o.valid_classes = true; }, "--valid-classes");
  refused([](EvalOptions& o) { o.examples = 1; }, "examples");
  refused([](EvalOptions& o) { o.class_order = data::ClassOrder::kNatural; }, "--class-order");
  EvalOptions plain = options({"source"});
  plain.labels = folder / "seg/dark/labels";
  expect_error<UsageError>(plain, {"labels: only segmentation", "--task segmentation"});
  plain = options({"source"});
  plain.ignore_index = 255;
  expect_error<UsageError>(plain, {"ignore_index: only segmentation"});
  EvalOptions negative = segmentation({"source"});
  negative.ignore_index = -1;
  expect_error<UsageError>(negative, {"ignore_index: expected 0 to 65535"});
}

TEST_F(Segment, NoPredictionsOfImagesAreReportedAndProgressIsPixelAccuracy) {
  run(segmentation({"source"}));
  EXPECT_THAT(seen.all, SizeIs(0));
  ASSERT_THAT(seen.progress, SizeIs(2));
  EXPECT_NEAR(seen.progress[0].accuracy.at(0), cell("dark", "source")->scores.pixel_accuracy, 1e-9);
}

}  // namespace
}  // namespace ttscale::eval
