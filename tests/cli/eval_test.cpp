// SPDX-License-Identifier: MIT
// `ttscale eval` when all goes well: files it writes, and what must not change them.
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/fixtures.h"
#include "cli/matchers.h"
#include "cli/program.h"

namespace ttscale::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    lines.push_back(line);
  }
  return lines;
}

class EvalTest : public ProgramTest {
 protected:
  [[nodiscard]] Outcome eval(std::vector<std::string> more) const {
    std::vector<std::string> arguments{"eval",   model(), "--data", images(), "--batch-size",  "5",
                                       "--mean", ".5",    "--std",  ".5",     "--predictions", predictions()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }
  [[nodiscard]] std::string predictions() const { return path("predictions.csv").string(); }
  [[nodiscard]] std::string results() const { return path("results.json").string(); }
  [[nodiscard]] std::vector<std::string> prediction_lines() const { return lines_of(read_file(predictions())); }
  /// Without protocol, batch size and seed.
  [[nodiscard]] std::vector<std::string> bare_lines() const {
    std::vector<std::string> lines = prediction_lines();
    std::transform(lines.begin(), lines.end(), lines.begin(), without_setting);
    return lines;
  }
};

TEST_F(EvalTest, StdoutIsTheTableAndTheLogGoesToStderr) {
  const Outcome outcome = eval({"--rule", "source", "--rule", "batch"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  for (const char* text : {"source", "batch", "images"}) {
    EXPECT_THAT(outcome.out, HasSubstr(text));
  }
  EXPECT_THAT(outcome.err, HasSubstr("12 images"));
  EXPECT_THAT(outcome.err, HasSubstr("mean 0.5"));
  EXPECT_THAT(outcome.out, Not(HasSubstr("\r")));
  EXPECT_THAT(outcome.err, Not(HasSubstr("\r")));
}

TEST_F(EvalTest, QuietSaysNothingOnStderr) {
  const Outcome outcome = eval({"--quiet", "--rule", "source", "--rule", "prior"});  // auto warns of so few images
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.err, IsEmpty());
  EXPECT_THAT(outcome.out, Not(IsEmpty()));
}

TEST_F(EvalTest, WithoutRulesSourceAndAutoAreCompared) {
  const Outcome outcome = eval({});
  EXPECT_THAT(outcome.err, HasSubstr("auto: the statistics rest on 12 images"));
  EXPECT_THAT(outcome.out, HasSubstr("source"));
  EXPECT_THAT(outcome.out, HasSubstr("auto"));
}

TEST_F(EvalTest, PredictionsHaveALineAnImageAndRuleWithPathsThatOpen) {
  ASSERT_EQ(eval({"--rule", "source", "--rule", "prior:count=4"}).exit_code, 0);
  auto lines = prediction_lines();
  ASSERT_EQ(lines.size(), 1U + 2U * 12U);
  EXPECT_EQ(lines.front(), "domain,rule,path,label,prediction,confidence,protocol,batch_size,seed");
  lines.erase(lines.begin());
  for (const std::string& line : lines) {
    std::istringstream fields(line);
    std::string domain, rule, file, label, prediction;
    std::getline(fields, domain, ',');
    std::getline(fields, rule, ',');
    std::getline(fields, file, ',');
    std::getline(fields, label, ',');
    std::getline(fields, prediction, ',');
    EXPECT_EQ(domain, "images");
    EXPECT_TRUE(rule == "source" || rule == "prior:count=4") << rule;
    EXPECT_TRUE(fs::is_regular_file(file)) << file;
    EXPECT_EQ(fs::path(file).parent_path().filename().string(),
              std::string(1, static_cast<char>('a' + std::stoi(label))));
    EXPECT_GE(std::stoi(prediction), 0);
    EXPECT_LT(std::stoi(prediction), 3);
  }
}

TEST_F(EvalTest, ResultsAreJsonMarkedComplete) {
  ASSERT_EQ(eval({"--rule", "source", "--results-file", results()}).exit_code, 0);
  const auto json = nlohmann::json::parse(read_file(results()));
  EXPECT_EQ(json.at("complete"), true);
}

TEST_F(EvalTest, ResultsAreCsvWhereAsked) {
  ASSERT_EQ(eval({"--rule", "source", "--results-file", path("r.csv").string()}).exit_code, 0);
  ASSERT_EQ(eval({"--rule", "source", "--results-file", path("r.txt").string(), "--results-format", "csv"}).exit_code,
            0);
  EXPECT_EQ(read_file(path("r.csv")), read_file(path("r.txt")));
  EXPECT_THAT(lines_of(read_file(path("r.csv"))), SizeIs(2));
}

TEST_F(EvalTest, SameRunSameBytes) {
  const std::vector<std::string> options{"--rule", "source", "--rule", "ema:momentum=0.3", "--results-file", results()};
  const Outcome first = eval(options);
  const std::string first_results = read_file(results());
  const std::string first_predictions = read_file(predictions());
  const Outcome second = eval(options);
  EXPECT_EQ(first.out, second.out);
  EXPECT_EQ(first.err, second.err);
  EXPECT_EQ(first_results, read_file(results()));
  EXPECT_EQ(first_predictions, read_file(predictions()));
}

TEST_F(EvalTest, WorkersDoNotChangeResults) {
  std::vector<std::string> outcomes;
  for (const char* workers : {"0", "1", "4"}) {
    const Outcome outcome = eval({"--rule", "cumulative", "--workers", workers, "--results-file", results()});
    outcomes.push_back(outcome.out + read_file(results()) + read_file(predictions()));
  }
  EXPECT_THAT(outcomes, Each(outcomes.front()));
}

TEST_F(EvalTest, SeedDecidesTheOrder) {
  ASSERT_EQ(eval({"--rule", "source", "--seed", "1"}).exit_code, 0);
  const auto one = bare_lines();
  ASSERT_EQ(eval({"--rule", "source", "--seed", "2"}).exit_code, 0);
  const auto two = bare_lines();
  EXPECT_NE(one, two);
  EXPECT_THAT(two, ::testing::UnorderedElementsAreArray(one));
}

TEST_F(EvalTest, OrderOfAPredictionsFileCanBeReplayed) {
  ASSERT_EQ(eval({"--rule", "ema:momentum=0.3", "--seed", "7"}).exit_code, 0);
  const std::string before = read_file(predictions());
  std::string list;
  for (const std::string& line : prediction_lines()) {
    std::istringstream fields(line);
    std::string domain, rule, file;
    std::getline(fields, domain, ',');
    std::getline(fields, rule, ',');
    std::getline(fields, file, ',');
    list += file == "path" ? "" : file + '\n';
  }
  write_file(path("order.txt"), list);
  ASSERT_EQ(
      eval({"--rule", "ema:momentum=0.3", "--seed", "7", "--order", "file:" + path("order.txt").string()}).exit_code,
      0);
  EXPECT_EQ(read_file(predictions()), before);
}

TEST_F(EvalTest, ClassMapReordersLabels) {
  write_file(path("map.txt"), "c\nb\na\n");
  ASSERT_EQ(eval({"--rule", "source", "--order", "sorted", "--class-map", path("map.txt").string()}).exit_code, 0);
  EXPECT_THAT(prediction_lines().at(1), HasSubstr("/c/0.ppm,0,"));
}

TEST_F(EvalTest, DescriptionBesideTheModelGivesClassesAndPreprocessing) {
  write_file(path("model.json"), R"({"input_size": [3, 4, 4], "mean": [0.1, 0.2, 0.3], "classes": ["c", "b", "a"]})");
  const Outcome outcome =
      run_program({"eval", model(), "--data", images(), "--order", "sorted", "--predictions", predictions()});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr(path("model.json").string()));
  EXPECT_THAT(outcome.err, HasSubstr("4x4"));
  EXPECT_THAT(outcome.err, HasSubstr("0.1,0.2,0.3"));
  EXPECT_THAT(prediction_lines().at(1), HasSubstr("/c/0.ppm,0,"));
}

TEST_F(EvalTest, EveryDomainOfATreeHasItsRow) {
  write_images(path("tree/noise/1"));
  write_images(path("tree/noise/2"));
  write_images(path("tree/clean"));
  const Outcome outcome = run_program({"eval", model(), "--data", path("tree").string(), "--rule", "source"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  for (const char* domain : {"noise/1", "noise/2", "clean"}) {
    EXPECT_THAT(outcome.out, HasSubstr(domain));
    EXPECT_THAT(outcome.err, HasSubstr(domain));
  }
}

TEST_F(EvalTest, StreamThatIsNotResetRemembersTheDomainBefore) {
  write_images(path("tree/one"));
  write_images(path("tree/two"));
  const auto predict = [&](const char* reset) {
    const Outcome outcome = run_program({"eval", model(), "--data", path("tree").string(), "--rule", "cumulative",
                                         "--reset", reset, "--batch-size", "5", "--predictions", predictions()});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return bare_lines();
  };
  const auto anew = predict("domain");
  const auto on = predict("never");
  EXPECT_TRUE(std::equal(anew.begin(), anew.begin() + 13, on.begin()));
  EXPECT_NE(anew, on);
}

TEST_F(EvalTest, NumSamplesTakesTheFirstOfTheOrder) {
  ASSERT_EQ(eval({"--rule", "source"}).exit_code, 0);
  auto all = prediction_lines();
  ASSERT_EQ(eval({"--rule", "source", "--num-samples", "5"}).exit_code, 0);
  all.resize(6);
  EXPECT_EQ(prediction_lines(), all);
}

TEST_F(EvalTest, InputScalingIsApplied) {
  ASSERT_EQ(eval({"--rule", "source"}).exit_code, 0);
  const auto plain = prediction_lines();
  const Outcome outcome = eval({"--rule", "source", "--input", "standardize:scope=image"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("standardize:scope=image"));
  EXPECT_NE(prediction_lines(), plain);
}

TEST_F(EvalTest, SkippedLayersStayAtTheSource) {
  write_file(path("none"), "");
  expect_failure(eval({"--rule", "batch", "--skip-layers", "*"}), 2, {"no layer"});
}

TEST_F(EvalTest, TimesAreInTheResultsOnlyWhenAsked) {
  ASSERT_EQ(eval({"--results-file", results()}).exit_code, 0);
  EXPECT_THAT(read_file(results()), Not(HasSubstr("seconds")));
  const Outcome timed = eval({"--results-file", results(), "--timings"});
  ASSERT_EQ(timed.exit_code, 0);
  EXPECT_THAT(timed.err, ContainsRegex("12 images in [0-9.]+ s: [0-9.]+ images/s"));
  EXPECT_THAT(read_file(results()), HasSubstr("seconds"));
}

TEST_F(EvalTest, LogLinesComeEveryFewBatches) {
  const Outcome often = eval({"--rule", "source", "--log-freq", "1"});
  EXPECT_THAT(often.err, HasSubstr("images: 5/12"));
  EXPECT_THAT(often.err, HasSubstr("images: 12/12"));
  const Outcome seldom = eval({"--rule", "source", "--log-freq", "2"});
  EXPECT_THAT(seldom.err, Not(HasSubstr("images: 5/12")));
  EXPECT_THAT(seldom.err, HasSubstr("images: 10/12"));
}

TEST_F(EvalTest, SkippedFilesAreListedInTheResults) {
  write_file(path("images/b/bad.ppm"), "");
  const Outcome outcome = eval({"--rule", "source", "--on-error", "skip", "--results-file", results()});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto json = nlohmann::json::parse(read_file(results()));
  EXPECT_EQ(json.at("complete"), true);
  EXPECT_THAT(json.at("skipped").dump(), HasSubstr(path("images/b/bad.ppm").string()));
  EXPECT_THAT(outcome.err, HasSubstr("left out: " + path("images/b/bad.ppm").string()));
}

}  // namespace
}  // namespace ttscale::testing
