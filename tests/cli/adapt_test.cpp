// SPDX-License-Identifier: MIT
// `ttscale adapt`, and the state files of `eval`.
#include <algorithm>
#include <sstream>

#include "cli/fixtures.h"
#include "cli/matchers.h"
#include "cli/program.h"
#include "paths.h"

namespace ttscale::testing {
namespace {

using ::testing::DoubleNear;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pointwise;

class AdaptTest : public ProgramTest {
 protected:
  [[nodiscard]] Outcome adapt(std::vector<std::string> more) const {
    std::vector<std::string> arguments{
        "adapt",  model(), "--data", images(), "--out",        path("adapted.pt").string(),
        "--mean", ".5",    "--std",  ".5",     "--batch-size", "5"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }
  [[nodiscard]] Outcome eval(const std::string& model_file, std::vector<std::string> more) const {
    std::vector<std::string> arguments{"eval", model_file, "--data", images(),        "--mean",
                                       ".5",   "--std",    ".5",     "--predictions", predictions()};
    if (std::find(more.begin(), more.end(), "--batch-size") == more.end()) {
      more.insert(more.end(), {"--batch-size", "5"});
    }
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }
  [[nodiscard]] std::string predictions() const { return path("predictions.csv").string(); }
  /// The lines "path,label,class,confidence" of the predictions, in the order of paths.
  [[nodiscard]] std::vector<std::string> predicted() const {
    std::istringstream in(read_file(predictions()));
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) {
      if (const auto file = line.find(images()); file != std::string::npos) {
        lines.push_back(without_setting(line.substr(file)));
      }
    }
    std::sort(lines.begin(), lines.end());
    return lines;
  }
  static std::vector<double> confidences(const std::vector<std::string>& lines) {
    std::vector<double> out;
    for (const std::string& line : lines) {
      out.push_back(std::stod(line.substr(line.rfind(',') + 1)));
    }
    return out;
  }
  /// The same without the confidence.
  static std::vector<std::string> classes(std::vector<std::string> lines) {
    for (std::string& line : lines) {
      line.resize(line.rfind(','));
    }
    return lines;
  }
};

TEST_F(AdaptTest, WritesAPlainArchiveThatHasAdapted) {
  ASSERT_EQ(eval(model(), {"--rule", "source"}).exit_code, 0);
  const auto before = predicted();
  const Outcome outcome = adapt({});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("1 site fixed, after 12 images under auto"));
  ASSERT_EQ(eval(path("adapted.pt").string(), {"--rule", "source"}).exit_code, 0);
  EXPECT_NE(predicted(), before);
  // Adapted to what it meets, batch statistics are what it has: one batch of all images under both.
  ASSERT_EQ(eval(model(), {"--rule", "batch:variance=unbiased", "--batch-size", "12"}).exit_code, 0);
  const auto batch = predicted();
  ASSERT_EQ(adapt({"--rule", "cumulative", "--batch-size", "12"}).exit_code, 0);
  ASSERT_EQ(eval(path("adapted.pt").string(), {"--rule", "source"}).exit_code, 0);
  EXPECT_EQ(classes(predicted()), classes(batch));
}

TEST_F(AdaptTest, OnlineArchivesAreWrittenToo) {
  const Outcome outcome = adapt({"--keep-online", "--rule", "batch"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("go on adapting"));
  // An adapted archive is not adapted a second time.
  expect_failure(eval(path("adapted.pt").string(), {"--rule", "batch"}), 4, {"adapted already"});
}

TEST_F(AdaptTest, InputScalingBecomesPartOfTheArchive) {
  ASSERT_EQ(eval(model(), {"--rule", "source"}).exit_code, 0);
  const auto unscaled = confidences(predicted());
  for (const char* input : {"standardize:scope=image", "min-max", "min-max:low=0.2,scope=channel,upper-quantile=0.9"}) {
    ASSERT_EQ(adapt({"--input", input, "--rule", "source"}).exit_code, 0) << input;
    ASSERT_EQ(eval(path("adapted.pt").string(), {"--rule", "source"}).exit_code, 0) << input;
    const auto baked = confidences(predicted());
    ASSERT_EQ(eval(model(), {"--rule", "source", "--input", input}).exit_code, 0) << input;
    EXPECT_THAT(baked, Pointwise(DoubleNear(1e-4), confidences(predicted()))) << input;
    EXPECT_THAT(unscaled, Not(Pointwise(DoubleNear(1e-3), baked))) << input << ": scaling must matter here";
  }
}

TEST_F(AdaptTest, RefusesWhatCannotBeFixed) {
  expect_failure(adapt({"--rule", "prior"}), 2, {"prior", "a rule that remembers: auto, cumulative, ema"});
  EXPECT_FALSE(fs::exists(path("adapted.pt")));
}

TEST_F(AdaptTest, UnwritableOutIsSaidBeforeTheWork) {
  expect_failure(adapt({"--out", path("none/adapted.pt").string()}), 1, {"none/adapted.pt"});
  expect_failure(adapt({"--state-out", path("none/s").string()}), 1, {"none/s"});
}

TEST_F(AdaptTest, WrongFolders) {
  expect_failure(adapt({"--data", path("missing").string()}), 3, {path("missing").string(), "check the path"});
  fs::create_directory(path("empty"));
  expect_failure(adapt({"--data", path("empty").string()}), 3, {path("empty").string(), "no images"});
}

TEST_F(AdaptTest, AStateGoesOnAsIfThereHadBeenNoBreak) {
  write_images(path("more"), 6);
  const auto evaluate = [&](const std::string& data, std::vector<std::string> more) {
    std::vector<std::string> arguments{"eval",
                                       model(),
                                       "--data",
                                       data,
                                       "--mean",
                                       ".5",
                                       "--std",
                                       ".5",
                                       "--rule",
                                       "ema",
                                       "-b",
                                       "5",
                                       "--results-file",
                                       path("r.json").string(),
                                       "--predictions",
                                       predictions()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome outcome = run_program(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return read_file(predictions());
  };
  const std::string state = path("ema.state").string();
  const std::string fresh = evaluate(path("more").string(), {});
  evaluate(images(), {"--state-out", state});
  const std::string continued = evaluate(path("more").string(), {"--state-in", state});
  EXPECT_NE(continued, fresh) << "the statistics of the first run must count";
  EXPECT_EQ(evaluate(path("more").string(), {"--state-in", state}), continued) << "reading must not change the file";
}

TEST_F(AdaptTest, StateFilesThatDoNotFitAreRefused) {
  const std::string state = path("ema.state").string();
  ASSERT_EQ(eval(model(), {"--rule", "ema", "--state-out", state}).exit_code, 0);
  expect_failure(eval(model(), {"--rule", "ema:momentum=0.2", "--state-in", state}), 3,
                 {"another rule", "expected ema:momentum=0.2, found ema"});
  expect_failure(eval(model(), {"--rule", "ema", "--rule", "source", "--state-in", state}), 2,
                 {"--state-in", "one rule"});
  expect_failure(eval(model(), {"--rule", "ema", "--rule", "source", "--state-out", state}), 2,
                 {"--state-out", "one rule"});
  expect_failure(eval(model(), {"--rule", "ema", "--state-in", path("none.state").string()}), 3,
                 {"none.state", "cannot read"});
  const std::string bytes = read_file(state);
  write_file(state, bytes.substr(0, bytes.size() / 2));
  expect_failure(eval(model(), {"--rule", "ema", "--state-in", state}), 3, {"ema.state", "damaged"});
}

TEST_F(AdaptTest, SourceAloneNeedsNoSite) {
  ASSERT_EQ(adapt({}).exit_code, 0);
  const fs::path folded = source_dir() / "models" / "fashion-resnet.folded.pt";
  const std::string data = (source_dir() / "models" / "fashion-images").string();
  const Outcome outcome =
      run_program({"eval", folded.string(), "--data", data, "--rule", "source", "--num-samples", "20"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("0 adapted"));
}

}  // namespace
}  // namespace ttscale::testing
