// SPDX-License-Identifier: MIT
// Every message of `ttscale eval` about data, models and result files that a user can cause: one line, its exit code,
// the thing it is about and the way out. And: what was computed before is kept.
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "cli/fixtures.h"
#include "cli/matchers.h"
#include "cli/program.h"
#include "paths.h"

namespace ttscale::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class EvalErrorsTest : public ProgramTest {
 protected:
  [[nodiscard]] Outcome eval(const std::string& model_file, const std::string& data,
                             std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments{"eval",   model_file, "--data", data,           "--rule",
                                       "source", "--rule",   "batch",  "--batch-size", "4"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }
  [[nodiscard]] Outcome eval_images(std::vector<std::string> more = {}) const {
    return eval(model(), images(), std::move(more));
  }
  [[nodiscard]] std::string bad_image(const std::string& bytes) const {
    write_file(path("images/b/bad.ppm"), bytes);
    return path("images/b/bad.ppm").string();
  }
};

using DataErrors = EvalErrorsTest;

TEST_F(EvalErrorsTest, SeedsHaveNoSign) {
  for (const char* seed : {"-1", "3,-1"}) {
    expect_failure(eval_images({"--seed", seed}), 2,
                   {"--seed: expected a whole number from 0 on, found -1", "ttscale eval --help"});
  }
  expect_failure(eval_images({"--shift", "fog:3", "--shift-seed", "-1"}), 2, {"--shift-seed", "found -1"});
}

TEST_F(DataErrors, FolderThatIsNotThere) {
  expect_failure(eval(model(), path("none").string()), 3, {path("none").string(), "check the path"});
}

TEST_F(DataErrors, FileInPlaceOfAFolder) { expect_failure(eval(model(), model()), 3, {model(), "folder"}); }

TEST_F(DataErrors, EmptyFolder) {
  fs::create_directories(path("empty"));
  expect_failure(eval(model(), path("empty").string()), 3, {path("empty").string(), ".png"});
}

TEST_F(DataErrors, ClassFolderWithoutImages) {
  fs::create_directories(path("images/d"));
  expect_failure(eval_images(), 3, {path("images/d").string(), ".png", "remove"});
}

TEST_F(DataErrors, ImagesOutsideClassFolders) {
  write_file(path("flat/1.ppm"), ppm(1));
  expect_failure(eval(model(), path("flat").string()), 3, {path("flat").string(), "class"});
}

TEST_F(DataErrors, ZeroByteImage) {
  const std::string file = bad_image("");
  expect_failure(eval_images(), 3, {file, "empty", "--on-error skip"});
}

TEST_F(DataErrors, TruncatedImage) {
  const std::string file = bad_image(ppm(1).substr(0, 60));
  expect_failure(eval_images(), 3, {file, "--on-error skip"});
}

TEST_F(DataErrors, FileThatIsNoImage) {
  const std::string file = bad_image("<html></html>");
  expect_failure(eval_images(), 3, {file, "PNG", "--on-error skip"});
}

TEST_F(DataErrors, LinkToAnImageThatIsNotThere) {
  fs::create_symlink(path("nowhere.ppm"), path("images/b/link.ppm"));
  expect_failure(eval_images(), 3, {path("images/b/link.ppm").string()});
}

TEST_F(DataErrors, ImageWithoutPermission) {
  if (geteuid() == 0) {
    GTEST_SKIP() << "root may read everything";
  }
  const std::string file = bad_image(ppm(1));
  fs::permissions(file, fs::perms::none);
  expect_failure(eval_images(), 3, {file, "permissions"});
}

TEST_F(DataErrors, ImageBombIsRefusedBeforeItIsDecoded) {
  const std::string file = bad_image(png_bomb());
  expect_failure(eval_images(), 3, {file, "178956970", "--max-pixels"});
}

TEST_F(DataErrors, MaxPixelsSetsTheLimit) {
  expect_failure(eval_images({"--max-pixels", "63"}), 3, {"63", ".ppm", "--max-pixels"});
}

TEST_F(DataErrors, ImagesOfDifferentSizes) {
  write_file(path("images/b/small.ppm"), "P6\n1 1\n255\nabc");
  expect_failure(eval_images({"--batch-size", "13"}), 3, {"size", "--img-size"});
}

TEST_F(DataErrors, ClassFoldersThatAreNotTheOutputsOfTheModel) {
  save_model(path("five.pt"), 5);
  expect_failure(eval(path("five.pt").string(), images()), 3, {"5", "3", "--class-map"});
}

TEST_F(DataErrors, ClassMapThatIsTooShort) {
  write_file(path("map.txt"), "a\nb\n");
  expect_failure(eval_images({"--class-map", path("map.txt").string()}), 3, {path("map.txt").string(), "'c'"});
  save_model(path("five.pt"), 5);
  write_file(path("map.txt"), "a\nb\nc\n");
  expect_failure(eval(path("five.pt").string(), images(), {"--class-map", path("map.txt").string()}), 3,
                 {path("map.txt").string(), "5", "3"});
}

TEST_F(DataErrors, ClassMapThatIsNotThere) {
  expect_failure(eval_images({"--class-map", path("none.txt").string()}), 3,
                 {path("none.txt").string(), "--class-map"});
}

TEST_F(DataErrors, OrderListsThatDoNotFit) {
  const std::string list = path("list.txt").string();
  expect_failure(eval_images({"--order", "file:" + list}), 3, {list});
  write_file(list, "");
  expect_failure(eval_images({"--order", "file:" + list}), 3, {list, "empty"});
  write_file(list, images() + "/a/77.ppm\n");
  expect_failure(eval_images({"--order", "file:" + list}), 3, {list, images() + "/a/77.ppm"});
}

TEST_F(DataErrors, DescriptionThatCannotBeUsed) {
  write_file(path("model.json"), R"({"mean": "imagenet"})");
  expect_failure(eval_images(), 3, {path("model.json").string(), "mean"});
}

TEST_F(DataErrors, NothingLeftAfterSkipping) {
  for (const char* name : {"a", "b", "c"}) {
    write_file(path("bad") / name / "x.ppm", "");
  }
  expect_failure(eval(model(), path("bad").string(), {"--on-error", "skip"}), 3, {"readable"});
}

using ModelErrors = EvalErrorsTest;

TEST_F(ModelErrors, FileThatIsNotThere) {
  const Outcome outcome = eval(path("none.pt").string(), images());
  expect_failure(outcome, 4, {path("none.pt").string(), "does not exist"});
}

TEST_F(ModelErrors, FileThatIsNoArchive) {
  write_file(path("text.pt"), "no model");
  expect_failure(eval(path("text.pt").string(), images()), 4, {path("text.pt").string(), "TorchScript"});
}

TEST_F(ModelErrors, ArchiveThatIsCutOff) {
  const std::string bytes = read_file(model());
  write_file(path("cut.pt"), bytes.substr(0, bytes.size() / 2));
  expect_failure(eval(path("cut.pt").string(), images()), 4, {path("cut.pt").string()});
}

TEST_F(ModelErrors, ArchiveWithoutForward) {
  save_model_without_forward(path("predict.pt"));
  expect_failure(eval(path("predict.pt").string(), images()), 4, {path("predict.pt").string(), "forward"});
}

TEST_F(ModelErrors, ModelsWithoutSitesSayWhatWasFoundAndWhatToDo) {
  const fs::path models = source_dir() / "models";
  const std::string data = (models / "fashion-images").string();
  expect_failure(eval((models / "fashion-resnet.folded.pt").string(), data), 4, {"convolution", "folded", "calibrate"});
  expect_failure(eval((models / "fashion-layernorm.pt").string(), data), 4, {"group_norm", "calibrate"});
}

TEST_F(ModelErrors, ImagesOfAShapeTheModelDoesNotTake) {
  expect_failure(eval_images({"--in-chans", "1", "--mean", ".5", "--std", ".5"}), 4, {"[4, 1, 8, 8]", "--in-chans"});
}

using OutputErrors = EvalErrorsTest;

TEST_F(OutputErrors, ResultsFileInAFolderThatIsNotThereFailsBeforeTheWork) {
  const std::string file = path("none/results.json").string();
  const Outcome outcome = eval_images({"--results-file", file});
  expect_failure(outcome, 1, {file});
  EXPECT_THAT(outcome.out, IsEmpty());
}

TEST_F(OutputErrors, DomainsThatTheFormatCannotHoldFailBeforeTheWork) {
  const std::string file = path("results.csv").string();
  const Outcome outcome =
      eval_images({"--shift", "clean", "--shift", "fog:3", "--results-file", file, "--results-format", "robustbench"});
  expect_failure(outcome, 2, {"robustbench", "kind/severity", "clean", "json or csv"});
  EXPECT_THAT(outcome.out, IsEmpty());
  EXPECT_FALSE(fs::exists(file));
}

TEST_F(OutputErrors, PredictionsInAFolderThatIsNotThereFailBeforeTheWork) {
  const std::string file = path("none/predictions.csv").string();
  const Outcome outcome = eval_images({"--predictions", file});
  expect_failure(outcome, 1, {file});
  EXPECT_THAT(outcome.out, IsEmpty());
}

TEST_F(OutputErrors, FullDiskBehindResultsStillShowsTheTable) {
  const Outcome outcome = eval_images({"--results-file", "/dev/full"});
  expect_failure(outcome, 1, {"/dev/full", "No space left"});
  EXPECT_THAT(outcome.out, HasSubstr("batch"));
}

TEST_F(OutputErrors, FullDiskBehindPredictionsIsReported) {
  expect_failure(eval_images({"--predictions", "/dev/full"}), 1, {"/dev/full", "No space left"});
}

TEST_F(OutputErrors, FullDiskBehindStdoutLeavesTheResultsFile) {
  const Outcome outcome = run_program(
      {"eval", model(), "--data", images(), "--results-file", path("results.json").string()}, Stdout::kDevFull);
  expect_failure(outcome, 1, {"standard output", "No space left"});
  EXPECT_EQ(nlohmann::json::parse(read_file(path("results.json"))).at("complete"), true);
}

TEST_F(OutputErrors, WrongOptionLeavesOldFilesAlone) {
  write_file(path("predictions.csv"), "precious");
  write_file(path("results.json"), "precious");
  const std::vector<std::string> files{"--predictions", path("predictions.csv").string(), "--results-file",
                                       path("results.json").string()};
  EXPECT_EQ(eval(path("none.pt").string(), images(), files).exit_code, 4);
  EXPECT_EQ(read_file(path("predictions.csv")), "precious");
  EXPECT_EQ(read_file(path("results.json")), "precious");
}

class PartialResults : public EvalErrorsTest {
 protected:
  void SetUp() override {
    EvalErrorsTest::SetUp();
    write_images(path("tree/1"));
    write_images(path("tree/2"));
    write_file(path("tree/2/c/9.ppm"), "P6 8 8 255 cut");
  }
};

TEST_F(PartialResults, FinishedDomainsAreKeptWhenALaterOneFails) {
  const Outcome outcome = eval(model(), path("tree").string(),
                               {"--order", "sorted", "--results-file", path("results.json").string(), "--predictions",
                                path("predictions.csv").string()});
  expect_failure(outcome, 3, {path("tree/2/c/9.ppm").string()});
  EXPECT_THAT(outcome.err, HasSubstr("2 of 4"));
  EXPECT_THAT(outcome.err, HasSubstr(path("results.json").string()));
  EXPECT_THAT(outcome.out, HasSubstr("batch"));
  EXPECT_EQ(nlohmann::json::parse(read_file(path("results.json"))).at("complete"), false);
  EXPECT_THAT(read_file(path("predictions.csv")), HasSubstr(path("tree/1/c/3.ppm").string()));
}

TEST_F(PartialResults, FirstDomainThatFailsLeavesNoTable) {
  const Outcome outcome = eval(model(), path("tree/2").string(), {"--order", "sorted"});
  expect_failure(outcome, 3, {path("tree/2/c/9.ppm").string()});
  EXPECT_THAT(outcome.out, IsEmpty());
}

}  // namespace
}  // namespace ttscale::testing
