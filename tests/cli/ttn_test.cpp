// SPDX-License-Identifier: MIT
// `ttscale calibrate --shift`, and `ttscale eval --rule ttn` on what it writes for the bundled model.
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/fixtures.h"
#include "cli/matchers.h"
#include "cli/program.h"
#include "paths.h"

namespace ttscale::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string demo(const std::string& name) { return (source_dir() / "models" / name).string(); }

class TtnProgram : public ProgramTest {
 protected:
  [[nodiscard]] std::string out() const { return path("net.reference").string(); }

  /// Calibrates the bundled model on some of its clean images.
  [[nodiscard]] Outcome calibrate(std::vector<std::string> more) const {
    std::vector<std::string> arguments{"calibrate",     demo("fashion-resnet.scripted.pt"),
                                       "--data",        demo("fashion-images/clean"),
                                       "--num-samples", "100",
                                       "--out",         out()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }
  /// Calibrates the fixture's model on its images.
  [[nodiscard]] Outcome calibrate_fixture(std::vector<std::string> more, const std::string& file) const {
    std::vector<std::string> arguments{"calibrate", model(), "--data", images(), "--out", file};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }
  [[nodiscard]] Outcome evaluate(const std::string& domain, std::vector<std::string> more) const {
    std::vector<std::string> arguments{"eval",           demo("fashion-resnet.scripted.pt"),
                                       "--data",         demo("fashion-images/" + domain),
                                       "--reference",    out(),
                                       "--rule",         "ttn",
                                       "--results-file", path("results.json").string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }
  /// Top-1 of a rule in the last results.
  [[nodiscard]] double top1(const std::string& rule) const {
    const auto results = nlohmann::json::parse(read_file(path("results.json")));
    for (const auto& cell : results.at("cells")) {
      if (cell.at("rule") == rule) {
        return cell.at("top1").get<double>();
      }
    }
    ADD_FAILURE() << "no rule " << rule;
    return 0;
  }
};

TEST_F(TtnProgram, WeightsOfOtherShiftsBeatTheBatchInSmallBatches) {
  const Outcome outcome = calibrate({"--shift", "shot_noise:3;snow:3", "--shift", "motion_blur:3,4"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, out() + ": 15 sites, from 100 images, weights under 4 shifts; use it with --reference\n");
  EXPECT_THAT(outcome.err, HasSubstr("measuring weights under motion_blur/4 (4 of 4)"));
  // 500 images: in batches of 4, 15 more of them are right than under batch.
  for (const auto& [batch, margin] : std::vector<std::pair<const char*, double>>{{"1", 15}, {"4", 1}}) {
    const std::string samples = std::string(batch) == "1" ? "200" : "500";
    const Outcome evaluated =
        evaluate("gaussian_noise", {"--rule", "batch", "--rule", "source", "-b", batch, "--num-samples", samples});
    ASSERT_EQ(evaluated.exit_code, 0) << evaluated.err;
    EXPECT_GT(top1("ttn"), top1("batch") + margin) << batch;
    EXPECT_GT(top1("ttn"), top1("source") + margin) << batch;
  }
}

TEST_F(TtnProgram, TheWindowCountsAsTheBatch) {
  ASSERT_EQ(calibrate({"--shift", "fog:3", "--quiet"}).exit_code, 0);
  const std::vector<std::string> few{"-b", "1", "--num-samples", "100"};
  ASSERT_EQ(evaluate("fog", few).exit_code, 0);
  const double single = top1("ttn");
  std::vector<std::string> window = few;
  window.insert(window.end(), {"--window", "16"});
  ASSERT_EQ(evaluate("fog", window).exit_code, 0);
  EXPECT_GT(top1("ttn"), single + 5);
}

TEST_F(TtnProgram, TheNoiseFollowsItsSeedAndNotTheThreads) {
  const auto file = [&](const std::string& name, std::vector<std::string> more) {
    more.insert(more.end(), {"--shift", "gaussian_noise:5", "-b", "5", "--quiet"});
    const std::string target = path(name).string();
    EXPECT_EQ(calibrate_fixture(more, target).exit_code, 0);
    return read_file(target);
  };
  const std::string first = file("a.reference", {"--workers", "0"});
  EXPECT_EQ(file("b.reference", {"--workers", "3"}), first);
  EXPECT_NE(file("c.reference", {"--shift-seed", "1"}), first);
  EXPECT_NE(file("d.reference", {"--shift-parameters", "cifar"}), first);
}

TEST_F(TtnProgram, AReferenceWithoutWeightsIsRefusedAndTheRemedyNamed) {
  const auto eval = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments{"eval", model(), "--data", images(), "--rule", "ttn"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  };
  expect_failure(eval({}), 2, {"rule ttn", "found none", "ttscale calibrate MODEL", "--shift"});
  ASSERT_EQ(calibrate_fixture({"--quiet"}, out()).exit_code, 0);
  expect_failure(eval({"--reference", out()}), 2, {"rule ttn", "found none", "--shift"});
  ASSERT_EQ(calibrate_fixture({"--quiet", "--shift", "contrast:3"}, out()).exit_code, 0);
  EXPECT_EQ(eval({"--reference", out()}).exit_code, 0);
}

TEST_F(TtnProgram, AStreamIsWrittenOnlineAndNotFixed) {
  ASSERT_EQ(calibrate_fixture({"--quiet", "--shift", "contrast:3"}, out()).exit_code, 0);
  const auto adapt = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments{"adapt", model(),       "--data", images(), "--rule",
                                       "ttn",   "--reference", out(),    "--out",  path("out.pt").string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  };
  expect_failure(adapt({}), 2, {"rule ttn", "from each batch anew"});
  EXPECT_EQ(adapt({"--keep-online"}).exit_code, 0);
  EXPECT_TRUE(fs::is_regular_file(path("out.pt")));
}

TEST_F(TtnProgram, ShiftsThatCannotBeMadeFailBeforeTheWork) {
  const auto refused = [&](std::vector<std::string> more, std::initializer_list<std::string> texts) {
    const Outcome outcome = calibrate_fixture(std::move(more), out());
    expect_failure(outcome, 2, texts);
    EXPECT_THAT(outcome.err, Not(HasSubstr("calibrating")));
  };
  refused({"--shift", "rain:3"}, {"rain", "fog"});
  refused({"--shift", "fog:6"}, {"fog:6", "1 to 5"});
  refused({"--shift", "fog:3", "--shift-parameters", "mnist"}, {"--shift-parameters", "imagenet or cifar", "mnist"});
  refused({"--shift-parameters", "cifar"}, {"go with --shift"});
  refused({"--shift-seed", "5"}, {"go with --shift"});
  expect_failure(run_program({"calibrate", model(), "--from", model(), "--shift", "fog:3", "--out", out()}), 2,
                 {"--shift", "--data", "--from"});
  EXPECT_THAT(run_program({"calibrate", "--help"}).out, HasSubstr("--shift"));
}

}  // namespace
}  // namespace ttscale::testing
