// SPDX-License-Identifier: MIT
// `ttscale bench` on the bundled model: its rows, its JSON, and what it refuses. Never how fast anything is.
#include <torch/script.h>

#include <nlohmann/json.hpp>

#include "cli/fixtures.h"
#include "cli/matchers.h"
#include "cli/program.h"
#include "paths.h"

namespace ttscale::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;

std::string demo(const std::string& name) { return (source_dir() / "models" / name).string(); }

/// A model that takes one image and no more: the size of the batch stands in its code.
void save_model_of_one_image(const fs::path& file) {
  torch::jit::Module module("Net");
  module.register_parameter("filter", torch::ones({4, 3, 3, 3}), false);
  module.register_parameter("scale", torch::ones({4}), false);
  module.register_parameter("shift", torch::zeros({4}), false);
  module.register_buffer("running_mean", torch::zeros({4}));
  module.register_buffer("running_var", torch::ones({4}));
  module.define(R"(
    def forward(self, x: Tensor) -> Tensor:
      y = torch.conv2d(x, self.filter, None, [1, 1], [1, 1], [1, 1], 1)
      y = torch.batch_norm(y, self.scale, self.shift, self.running_mean, self.running_var, False, 0.1, 1e-5, True)
      return torch.reshape(torch.mean(torch.relu(y), [2, 3]), [1, 4])
  )");
  module.eval();
  module.save(file.string());
}

class BenchTest : public ProgramTest {
 protected:
  [[nodiscard]] std::string json_file() const { return path("times.json").string(); }
  /// A short run on a model of the tests.
  [[nodiscard]] Outcome bench(std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments{"bench",     model(), "--rounds",     "2", "--warm-up",  "0",
                                       "--threads", "1",     "--batch-size", "1", "--img-size", "8"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }
};

TEST_F(BenchTest, TheBundledModelAtTwoBatchSizes) {
  const Outcome outcome = run_program({"bench", demo("fashion-resnet.scripted.pt"), "--batch-size", "1", "4",
                                       "--rounds", "2", "--warm-up", "0", "--threads", "1", "--json", json_file()});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  for (const char* text :
       {"batch 1, images 3 x 28 x 28, 15 layers adapted", "batch 4, images 3 x 28 x 28", "\noriginal ", "\nfrozen ",
        "\noptimized ", "\nchannels_last ", "\nsource ", "\nema ", "\nauto ", "\nauto with guard (mean) ", "\nbaked ",
        "1 thread,", "times the fastest unadapted form (", "At batch 1 source costs ", "At batch 4 source costs "}) {
    EXPECT_THAT(outcome.out, HasSubstr(text));
  }
  const auto json = nlohmann::json::parse(read_file(json_file()));
  EXPECT_EQ(json.at("model"), demo("fashion-resnet.scripted.pt"));
  EXPECT_EQ(json.at("img_size"), nlohmann::json({28, 28}));
  EXPECT_EQ(json.at("threads"), 1);
  EXPECT_NE(json.at("cpu"), "");
  ASSERT_EQ(json.at("batches").size(), 2U);
  for (const auto& batch : json.at("batches")) {
    EXPECT_EQ(batch.at("forms").size(), 9U);
    for (const auto& form : batch.at("forms")) {
      if (form.contains("not_timed")) {
        EXPECT_NE(form.at("not_timed"), "");
        continue;
      }
      EXPECT_EQ(form.at("times_ms").size(), form.value("guarded", false) ? 16U : 2U) << form.dump();
      for (const double time : form.at("times_ms")) {
        EXPECT_GT(time, 0);
      }
    }
  }
}

TEST_F(BenchTest, RulesAreThoseAskedFor) {
  const Outcome outcome = bench({"--rule", "batch", "--rule", "dua:floor=0.01", "--quiet"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, IsEmpty());
  EXPECT_THAT(outcome.out, HasSubstr("\ndua:floor=0.01 "));
  EXPECT_THAT(outcome.out, Not(HasSubstr("guard")));
  EXPECT_THAT(outcome.out, MatchesRegex("[^:]*: parameters 0.00 MB\n(.|\n)*"));
}

TEST_F(BenchTest, FoldedModelsTakeAReference) {
  const std::string reference = path("folded.reference").string();
  const std::string folded = demo("fashion-resnet.folded.pt");
  expect_failure(run_program({"bench", folded, "--rounds", "1"}), 4, {"folded BatchNorm", "ttscale calibrate"});
  ASSERT_EQ(
      run_program({"calibrate", folded, "--from", demo("fashion-resnet.scripted.pt"), "--out", reference}).exit_code,
      0);
  const Outcome outcome = run_program({"bench", folded, "--reference", reference, "--rounds", "1", "--warm-up", "0",
                                       "-b", "2", "--threads", "1", "--rule", "ema"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("15 layers adapted"));
  EXPECT_THAT(outcome.out, HasSubstr("reference " + reference));
}

TEST_F(BenchTest, AnInterruptEndsItCleanly) {
  const Outcome outcome = interrupt_program(
      {"bench", model(), "--rounds", "100000000", "--threads", "1", "--img-size", "8", "--json", json_file()},
      "batches of 1: timing");
  expect_failure(outcome, 128 + 2, {"interrupted"});
  EXPECT_FALSE(fs::exists(json_file()));
  EXPECT_THAT(outcome.out, IsEmpty());
}

TEST_F(BenchTest, WhatCannotBeTimedIsOneLine) {
  expect_failure(run_program({"bench", path("none.pt").string()}), 4, {path("none.pt").string(), "does not exist"});
  expect_failure(run_program({"bench"}), 2, {"model", "`ttscale bench --help`"});
  expect_failure(bench({"--rounds", "0"}), 2, {"--rounds", "1 or more", "0"});
  expect_failure(bench({"--warm-up", "-1"}), 2, {"--warm-up", "0 or more", "-1"});
  expect_failure(bench({"--rounds", "many"}), 2, {"--rounds", "many"});
  expect_failure(bench({"--threads", "-1"}), 2, {"--threads", "-1"});
  expect_failure(bench({"--batch-size", "0"}), 2, {"--batch-size", "1 or more", "0"});
  expect_failure(bench({"--batch-size", "1"}), 2, {"--batch-size", "1 twice"});
  expect_failure(bench({"--rule", "emma"}), 2, {"emma", "ema"});
  expect_failure(bench({"--img-size", "8", "8"}), 2, {"--img-size", "3 values"});
  expect_failure(bench({"--in-chans", "2"}), 2, {"--in-chans", "2"});
  expect_failure(bench({"--device", "tpu"}), 2, {"tpu", "cpu", "cuda"});
  expect_failure(bench({"--reference", path("none").string()}), 3, {path("none").string()});
}

TEST_F(BenchTest, ImagesThatTheModelDoesNotTake) {
  expect_failure(bench({"--in-chans", "1"}), 4, {"fails on images [1, 1, 8, 8]", "channels"});
  write_file(path("model.json"), R"({"input_size": [1, 8, 8], "mean": [0.5], "std": [0.5]})");
  expect_failure(bench(), 4, {"fails on images [1, 1, 8, 8]", "channels"});
  EXPECT_EQ(bench({"--in-chans", "3", "--rule", "ema"}).exit_code, 0);
}

TEST_F(BenchTest, TimesAreKeptWhenALaterBatchSizeFails) {
  save_model_of_one_image(model());
  expect_failure(bench({"--batch-size", "2", "--rule", "ema", "--json", json_file()}), 4,
                 {"fails on images [2, 3, 8, 8]"});
  const auto batches = nlohmann::json::parse(read_file(json_file())).at("batches");
  ASSERT_EQ(batches.size(), 1U);
  EXPECT_EQ(batches.at(0).at("batch_size"), 1);
}

TEST_F(BenchTest, AFileThatCannotBeWrittenFailsBeforeTheWork) {
  const std::string file = path("none/times.json").string();
  const Outcome outcome = bench({"--json", file});
  expect_failure(outcome, 1, {file});
  EXPECT_THAT(outcome.out, IsEmpty());
}

}  // namespace
}  // namespace ttscale::testing
