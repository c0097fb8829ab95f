// SPDX-License-Identifier: MIT
// `ttscale eval --task segmentation`: what users type, and what they get back.
#include <torch/script.h>

#include <nlohmann/json.hpp>
#include <random>

#include "cli/fixtures.h"
#include "cli/matchers.h"
#include "cli/program.h"
#include "report/tiny_png.h"

namespace ttscale::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// [N, 3, H, W] -> [N, 3, H/2, W/2], in a dictionary with a second entry where `in_dictionary`.
void save_map_model(const fs::path& file, bool in_dictionary = false) {
  torch::manual_seed(1);
  torch::jit::Module module("Net");
  module.register_parameter("filter", torch::randn({3, 3, 3, 3}), false);
  module.register_buffer("running_mean", torch::zeros({3}));
  module.register_buffer("running_var", torch::ones({3}));
  const std::string type = in_dictionary ? "Dict[str, Tensor]" : "Tensor";
  const std::string value = in_dictionary ? R"({"aux": torch.mul(y, 0.0), "out": y})" : "y";
  module.define("def forward(self, x: Tensor) -> " + type +
                ":\n"
                "  y = torch.conv2d(x, self.filter, None, [2, 2], [1, 1], [1, 1], 1)\n"
                "  y = torch.batch_norm(y, None, None, self.running_mean, self.running_var, False, 0.1, 1e-5, True)\n"
                "  return " +
                value + "\n");
  module.eval();
  module.save(file.string());
}

class SegmentationTest : public ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    save_map_model(path("map.pt"));
    std::uint32_t seed = 0;
    for (const char* domain : {"day", "night"}) {
      for (int i = 0; i < 4; ++i, ++seed) {
        write_file(path("photos") / domain / (std::to_string(i) + ".ppm"), ppm(seed));
      }
    }
    for (int i = 0; i < 4; ++i) {
      std::mt19937 random(static_cast<unsigned>(i));
      std::vector<std::uint8_t> labels(64);
      std::generate(labels.begin(), labels.end(), [&] { return static_cast<std::uint8_t>(random() % 3); });
      labels[5] = 255;
      write_file(path("labels") / (std::to_string(i) + ".png"), report::tiny_png(labels, 8));
    }
  }

  [[nodiscard]] Outcome eval(std::vector<std::string> more, const std::string& model = "map.pt") const {
    std::vector<std::string> arguments{
        "eval",     path(model).string(),    "--task", "segmentation", "--data", path("photos").string(),
        "--labels", path("labels").string(), "--rule", "source",       "--rule", "batch"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }
  [[nodiscard]] nlohmann::json results(const std::string& name = "r.json") const {
    return nlohmann::json::parse(read_file(path(name)));
  }
};

TEST_F(SegmentationTest, TablesOfMiouAndPixelAccuracyAndTheVerdict) {
  const Outcome outcome = eval({"--batch-size", "2"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  for (const char* text :
       {"mIoU in %, then points", "pixel acc in %, then points", "day", "night", "on average against source",
        "interval of a gain in mIoU", "(paired bootstrap over 4 images)"}) {
    EXPECT_THAT(outcome.out, HasSubstr(text));
  }
  EXPECT_THAT(outcome.out, Not(HasSubstr("top-1")));
  EXPECT_THAT(outcome.err, HasSubstr("task          segmentation"));
  EXPECT_THAT(outcome.err, HasSubstr("labels, ignored label 255"));
  EXPECT_THAT(outcome.err, HasSubstr("day: 4 images, mIoU %, source "));
}

TEST_F(SegmentationTest, ResultsSayWhatWasMeasured) {
  ASSERT_EQ(eval({"--results-file", path("r.json").string()}).exit_code, 0);
  const auto json = results();
  EXPECT_EQ(json["format_version"], 2);
  EXPECT_EQ(json["task"], "segmentation");
  EXPECT_EQ(json["labels"], path("labels").string());
  EXPECT_EQ(json["ignore_index"], 255);
  EXPECT_TRUE(json["classes"]["source"].is_null());
  EXPECT_TRUE(json["cells"][0]["top1"].is_null());
  EXPECT_TRUE(json["cells"][0]["miou"].is_number());
  EXPECT_TRUE(json["cells"][1]["change"]["low"].is_number());
  EXPECT_EQ(json["class_counts"][1]["union"].size(), 3U);
  ASSERT_EQ(eval({"--results-file", path("r.csv").string()}).exit_code, 0);
  EXPECT_THAT(read_file(path("r.csv")), HasSubstr("p_value,miou,pixel_accuracy\nday,source,4,,,"));
  ASSERT_EQ(eval({"--results-file", path("r.md").string()}).exit_code, 0);
  EXPECT_THAT(read_file(path("r.md")), HasSubstr("mIoU in %"));
}

TEST_F(SegmentationTest, ThePageShowsIouByClass) {
  write_file(path("names.txt"), "road\nsky\ncar\n");
  ASSERT_EQ(eval({"--html", path("r.html").string(), "--class-map", path("names.txt").string()}).exit_code, 0);
  const std::string page = read_file(path("r.html"));
  for (const char* text : {"mIoU", "IoU in % by class", "road", "over all pixels of a domain", "ignored label 255"}) {
    EXPECT_THAT(page, HasSubstr(text));
  }
  for (const char* text : {"id=\"reliability\"", "id=\"curves\"", "id=\"examples\"", "top-1"}) {
    EXPECT_THAT(page, Not(HasSubstr(text)));
  }
}

TEST_F(SegmentationTest, ShardsMergeToTheWhole) {
  ASSERT_EQ(eval({"--results-file", path("r.json").string()}).exit_code, 0);
  std::vector<std::string> merge{"merge"};
  for (const char* shard : {"1/2", "2/2"}) {
    merge.push_back(path(std::string(1, shard[0]) + ".json").string());
    ASSERT_EQ(eval({"--shard", shard, "--results-file", merge.back()}).exit_code, 0);
  }
  merge.insert(merge.end(), {"--results-file", path("merged.json").string()});
  const Outcome outcome = run_program(merge);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(read_file(path("merged.json")), read_file(path("r.json")));
  EXPECT_THAT(outcome.out, HasSubstr("pixel acc in %"));
}

TEST_F(SegmentationTest, OneOutputOfADictionaryCounts) {
  save_map_model(path("dict.pt"), true);
  ASSERT_EQ(eval({"--results-file", path("r.json").string()}).exit_code, 0);
  ASSERT_EQ(eval({"--results-file", path("out.json").string()}, "dict.pt").exit_code, 0);
  EXPECT_EQ(results("out.json")["cells"][0]["miou"], results()["cells"][0]["miou"]) << "out, unless another is named";
  ASSERT_EQ(eval({"--output", "aux", "--results-file", path("aux.json").string()}, "dict.pt").exit_code, 0);
  EXPECT_NE(results("aux.json")["cells"][0]["miou"], results()["cells"][0]["miou"]);
}

TEST_F(SegmentationTest, ShiftsAreMadeOnTheFly) {
  const std::vector<std::string> one{
      "eval",     path("map.pt").string(), "--task",  "segmentation", "--data", path("photos/day").string(),
      "--labels", path("labels").string(), "--shift", "clean",        "--shift"};
  std::vector<std::string> good = one;
  good.emplace_back("contrast:3");
  const Outcome outcome = run_program(good);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("contrast/3"));
  std::vector<std::string> moving = one;
  moving.emplace_back("letterbox:2");
  expect_failure(run_program(moving), 2, {"letterbox moves what the image shows"});
}

TEST_F(SegmentationTest, WhatMakesNoSenseIsRefusedBeforeTheWork) {
  expect_failure(eval({"--predictions", path("p.csv").string()}), 2, {"--predictions", "class a pixel"});
  expect_failure(eval({"--valid-classes"}), 2, {"--valid-classes"});
  expect_failure(eval({"--order", "sorted"}), 2, {"order sorted", "--order shuffled"});
  expect_failure(eval({"--protocol", "correlated"}), 2, {"protocol correlated", "one class an image"});
  expect_failure(eval({"--results-file", path("r.csv").string(), "--results-format", "robustbench"}), 2,
                 {"robustbench", "markdown"});
  expect_failure(eval({"--ignore-index", "-1"}), 2, {"--ignore-index: expected 0 to 65535"});
  expect_failure(run_program({"eval", model(), "--data", images(), "--labels", path("labels").string()}), 2,
                 {"--task segmentation"});
  expect_failure(run_program({"eval", model(), "--data", images(), "--task", "detection"}), 2,
                 {"expected classification or segmentation"});
  EXPECT_FALSE(fs::exists(path("p.csv")));
}

TEST_F(SegmentationTest, TaskAndModelMustFit) {
  expect_failure(eval({}, "model.pt"), 4, {"[4, classes, height, width]", "--task classification"});
  expect_failure(run_program({"eval", path("map.pt").string(), "--data", images()}), 4,
                 {"[12, classes]", "--task segmentation"});
}

TEST_F(SegmentationTest, LabelsThatDoNotFitAreNamed) {
  write_file(path("labels/2.png"), report::tiny_png(std::vector<std::uint8_t>(16), 4));
  expect_failure(eval({}), 3, {"expected the size of the image", path("labels/2.png").string()});
  write_file(path("labels/2.png"), report::tiny_png(std::vector<std::uint8_t>(64, 9), 8));
  expect_failure(eval({}), 3, {"expected classes 0 to 2", "found 9", path("labels/2.png").string()});
  fs::remove(path("labels/2.png"));
  expect_failure(eval({}), 3, {"expected labels for", "2.ppm", path("labels/2.png").string()});
}

TEST_F(SegmentationTest, HelpShowsTheFlags) {
  const Outcome outcome = run_program({"eval", "--help"});
  for (const char* text : {"--task TASK", "--labels DIR", "--ignore-index N", "--task segmentation"}) {
    EXPECT_THAT(outcome.out, HasSubstr(text));
  }
}

}  // namespace
}  // namespace ttscale::testing
