// SPDX-License-Identifier: MIT
// What the program says to wrong command lines, and what it does when nobody can read what it says.
#include "cli/fixtures.h"
#include "cli/matchers.h"
#include "cli/program.h"

namespace ttscale::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

class UsageTest : public ProgramTest {
 protected:
  [[nodiscard]] Outcome eval(std::vector<std::string> more) const {
    std::vector<std::string> arguments{"eval", model(), "--data", images()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }
};

TEST_F(UsageTest, VersionNamesTheLibTorchItRunsOn) {
  const Outcome outcome = run_program({"--version"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.out, MatchesRegex("ttscale [0-9.]+ \\(LibTorch [0-9.]+[^)]*\\)\n"));
}

TEST_F(UsageTest, HelpListsRulesAndExamples) {
  const Outcome outcome = run_program({"eval", "--help"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.err, IsEmpty());
  for (const char* text :
       {"--batch-size", "--crop-mode", "--predictions", "cumulative", "momentum", "ttscale eval model.pt"}) {
    EXPECT_THAT(outcome.out, HasSubstr(text));
  }
}

TEST_F(UsageTest, HelpSaysWhichRulesRunUnaskedAndAtWhichSizeShiftsAreMade) {
  const Outcome outcome = run_program({"eval", "--help"});
  EXPECT_THAT(outcome.out, HasSubstr("under source and auto"));
  EXPECT_THAT(outcome.out, HasSubstr("at an image's own size, before resize and crop"));
}

TEST_F(UsageTest, CommandIsNeeded) {
  expect_failure(run_program({}), 2, {"command", "inspect, eval", "`ttscale --help`"});
}

TEST_F(UsageTest, UnknownCommand) { expect_failure(run_program({"evaluate"}), 2, {"evaluate", "`ttscale --help`"}); }

TEST_F(UsageTest, UnknownFlagNamesItAndTheHelpOfTheCommand) {
  expect_failure(eval({"--batchsize", "8"}), 2, {"--batchsize", "`ttscale eval --help`"});
}

TEST_F(UsageTest, ModelAndDataAreNeeded) {
  expect_failure(run_program({"eval"}), 2, {"`ttscale eval --help`"});
  expect_failure(run_program({"eval", model()}), 2, {"--data", "`ttscale eval --help`"});
  expect_failure(run_program({"inspect"}), 2, {"model", "`ttscale inspect --help`"});
  expect_failure(run_program({"preprocess", "x.png"}), 2, {"--dump", "`ttscale preprocess --help`"});
}

TEST_F(UsageTest, ValueThatIsNoNumber) {
  expect_failure(eval({"--batch-size", "many"}), 2, {"--batch-size", "many", "`ttscale eval --help`"});
}

TEST_F(UsageTest, ValuesOutOfRangeNameTheFlag) {
  expect_failure(eval({"--batch-size", "0"}), 2, {"--batch-size", "1 or more", "0"});
  expect_failure(eval({"--batch-size", "-3"}), 2, {"--batch-size", "1 or more", "-3"});
  expect_failure(eval({"--workers", "-1"}), 2, {"--workers", "0 or more", "-1"});
  expect_failure(eval({"--num-samples", "0"}), 2, {"--num-samples", "1 or more"});
  expect_failure(eval({"--threads", "-1"}), 2, {"--threads", "-1"});
  expect_failure(eval({"--log-freq", "0"}), 2, {"--log-freq", "0"});
  expect_failure(eval({"--img-size", "8", "--crop-pct", "2"}), 2, {"--crop-pct", "2"});
  expect_failure(eval({"--max-pixels", "0"}), 2, {"--max-pixels: expected 1 to 1099511627776, found 0"});
  expect_failure(eval({"--threads", "100000"}), 2, {"--threads: expected 0 to 1024, found 100000"});
  expect_failure(run_program({"bench", model(), "--threads", "100000"}), 2, {"--threads", "found 100000"});
  for (const char* megabytes : {"-1", "17592186044417", "99999999999999", "99999999999999999999"}) {
    expect_failure(eval({"--cache-mb", megabytes}), 2,
                   {std::string("--cache-mb: expected 0 to 8796093022207, found ") + megabytes + ';'});
  }
}

TEST_F(UsageTest, NumbersThatDoNotFitAreNamedAsTheyWereTyped) {
  const std::string huge = "99999999999999999999";
  expect_failure(eval({"--seed", huge}), 2, {"--seed", "at most 18446744073709551615, found " + huge});
  expect_failure(eval({"--seed", "3," + huge}), 2, {"--seed", "found " + huge});
  expect_failure(eval({"-b", huge}), 2, {"--batch-size", "64 bits, found " + huge});
  expect_failure(eval({"--num-samples", "-" + huge}), 2, {"--num-samples", "found -" + huge});
  expect_failure(run_program({"calibrate", model(), "--data", images(), "--out", path("r").string(), "--seed", huge}),
                 2, {"--seed", "found " + huge});
}

TEST_F(UsageTest, DecimalsAreFiniteAndNamedAsTheyWereTyped) {
  for (const char* text : {"nan", "inf", "-inf", "1e400"}) {
    expect_failure(eval({std::string("--mean=") + text}), 2,
                   {std::string("--mean: expected a finite number, found ") + text});
  }
  expect_failure(eval({"--std", "nan"}), 2, {"--std", "found nan"});
  expect_failure(eval({"--img-size", "8", "--crop-pct", "nan"}), 2, {"--crop-pct", "found nan"});
}

TEST_F(UsageTest, EmptyValuesAreNoValues) {
  for (const char* flag : {"--results-file", "--html", "--predictions", "--resume", "--export-order", "--state-out",
                           "--output", "-b", "--rule"}) {
    expect_failure(eval({flag, ""}), 2, {std::string(flag) + ": expected a value, found an empty text"});
  }
  expect_failure(eval({"--html=", "--quiet"}), 2, {"--html: expected a value, found an empty text"});
  expect_failure(run_program({"preprocess", path("x.ppm").string(), "--dump", ""}), 2, {"--dump", "empty"});
  expect_failure(run_program({"inspect", ""}), 2, {"expected an argument, found an empty text behind inspect"});
  expect_failure(eval({"--quiet", ""}), 2, {"expected an argument, found an empty text behind --quiet"});
}

TEST_F(UsageTest, ListsHaveAValueBetweenCommas) {
  for (const char* sizes : {"1,", "1,,2", ",1", ","}) {
    const std::string found = std::string("found '") + sizes + "'";
    expect_failure(eval({"-b", sizes}), 2, {"--batch-size: expected values separated by single commas", found});
    expect_failure(eval({std::string("-b") + sizes}), 2, {"--batch-size", found});
    expect_failure(eval({std::string("--batch-size=") + sizes}), 2, {"--batch-size", found});
  }
  expect_failure(eval({"--layers", "a,,b"}), 2, {"--layers", "'a,,b'"});
  expect_failure(eval({"--mean", "0.4,", "--quiet"}), 2, {"--mean", "'0.4,'"});
  expect_failure(eval({"-b"}), 2, {"--batch-size", "required"});
  EXPECT_EQ(eval({"--rule", "source", "--mean", "0.485,", "0.456,", "0.406"}).exit_code, 0);
  EXPECT_EQ(eval({"-b", "4,12", "--rule", "source"}).exit_code, 0);
}

TEST_F(UsageTest, UnknownNamesListTheValidOnes) {
  expect_failure(eval({"--rule", "bath"}), 2, {"bath", "source", "batch", "prior", "cumulative"});
  expect_failure(eval({"--rule", "prior:counts=4"}), 2, {"counts", "count"});
  expect_failure(eval({"--input", "standardise"}), 2, {"standardise", "standardize", "min-max"});
  expect_failure(eval({"--reset", "sometimes"}), 2, {"--reset", "sometimes", "domain", "never"});
  expect_failure(eval({"--reset", "never", "--protocol", "mixed"}), 2, {"--reset", "--protocol"});
  expect_failure(eval({"--protocol", "random"}), 2, {"random", "continual", "mixed-correlated", "replay:FILE"});
  expect_failure(eval({"--shift", "fogg:1"}), 2, {"fogg", "fog", "contrast"});
  expect_failure(eval({"--shard", "2"}), 2, {"--shard", "1/4"});
  expect_failure(eval({"--order", "random"}), 2, {"--order", "random", "shuffled", "sorted", "file:LIST"});
  expect_failure(eval({"--on-error", "ignore"}), 2, {"--on-error", "ignore", "stop", "skip"});
  expect_failure(eval({"--class-order", "random"}), 2, {"random", "lexical", "natural", "numeric"});
  expect_failure(eval({"--img-size", "8", "--crop-mode", "top"}), 2, {"--crop-mode", "top", "squash"});
  expect_failure(eval({"--img-size", "8", "--interpolation", "lanczos"}), 2, {"--interpolation", "lanczos", "bicubic"});
  expect_failure(eval({"--results-file", path("r").string(), "--results-format", "xml"}), 2, {"xml", "json", "csv"});
  expect_failure(eval({"--device", "tpu"}), 2, {"tpu", "cpu", "cuda"});
}

TEST_F(UsageTest, LastOfARepeatedValueWins) {
  const Outcome outcome = eval({"--num-samples", "4", "--num-samples", "6"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.err, HasSubstr("at most 6 of a domain"));
}

TEST_F(UsageTest, ValuesOfRulesAreChecked) {
  expect_failure(eval({"--rule", "ema:momentum=2"}), 2, {"momentum", "2"});
  expect_failure(eval({"--rule", "prior:count=few"}), 2, {"count", "few"});
  expect_failure(eval({"--rule", "ema:momentum"}), 2, {"momentum"});
  expect_failure(eval({"--rule", "source", "--rule", "source"}), 2, {"source", "twice"});
}

TEST_F(UsageTest, FlagsThatNeedAnotherSaySo) {
  expect_failure(eval({"--results-format", "csv"}), 2, {"--results-format", "--results-file"});
  expect_failure(eval({"--crop-pct", "0.9"}), 2, {"--crop-pct", "--img-size"});
}

TEST_F(UsageTest, MeanTakesOneValueOrOneAChannel) {
  expect_failure(eval({"--mean", ".5", ".4", "--std", ".2"}), 2, {"--mean", "2"});
  EXPECT_EQ(eval({"--mean", ".5", "--std", ".2"}).exit_code, 0);
  EXPECT_EQ(run_program({"eval", "--data", images(), "--mean", ".5", ".4", ".3", "--std", ".2", ".2", ".2", model()})
                .exit_code,
            0);
}

TEST_F(UsageTest, LayerPatternThatMatchesNothingListsTheLayers) {
  expect_failure(eval({"--layers", "layer9.*"}), 2, {"layer9.*", "ttscale inspect"});
}

TEST_F(UsageTest, FullDiskBehindStdoutIsAnError) {
  expect_failure(run_program({"inspect", model()}, Stdout::kDevFull), 1, {"standard output", "No space left"});
}

TEST_F(UsageTest, ClosedStdoutIsAnErrorAndHarmsNoFile) {
  const std::string before = read_file(model());
  expect_failure(run_program({"inspect", model()}, Stdout::kClosed), 1, {"standard output"});
  EXPECT_EQ(read_file(model()), before);
}

TEST_F(UsageTest, ReaderThatLeavesEndsTheProgramSilently) {
  const Outcome outcome = run_program({"inspect", model()}, Stdout::kBrokenPipe);
  EXPECT_EQ(outcome.exit_code, 128 + 13);
  EXPECT_THAT(outcome.err, IsEmpty());
}

}  // namespace
}  // namespace ttscale::testing
