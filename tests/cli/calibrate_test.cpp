// SPDX-License-Identifier: MIT
// `ttscale calibrate`, and `ttscale eval --reference` and `ttscale inspect` on what it is for: the bundled folded
// model.
#include <cmath>
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
std::string archive(const std::string& name) { return (source_dir() / "tests" / "archives" / (name + ".pt")).string(); }

const std::string kFolded = "fashion-resnet.folded.pt";

class CalibrateTest : public ProgramTest {
 protected:
  [[nodiscard]] std::string out() const { return path("net.reference").string(); }

  /// Calibrates the bundled folded model on some of its clean images.
  [[nodiscard]] Outcome calibrate(std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments{"calibrate",     demo(kFolded), "--data", demo("fashion-images/clean"),
                                       "--num-samples", "100",         "--out",  out()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }
  /// Calibrates a model on the images of the fixture.
  [[nodiscard]] Outcome calibrate_fixture(const std::string& model_file, std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments{"calibrate", model_file, "--data", images(), "--out", out()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }
  /// Accuracy in per cent by rule on one domain of the bundled images.
  [[nodiscard]] nlohmann::json evaluate(const std::string& model_file, const std::string& domain,
                                        std::vector<std::string> more) const {
    std::vector<std::string> arguments{"eval",
                                       model_file,
                                       "--data",
                                       demo("fashion-images/" + domain),
                                       "--rule",
                                       "source",
                                       "--rule",
                                       "batch",
                                       "--num-samples",
                                       "200",
                                       "-b",
                                       "100",
                                       "--results-file",
                                       path("results.json").string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome outcome = run_program(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return nlohmann::json::parse(read_file(path("results.json")));
  }
};

/// Top-1 of a rule in results of one domain.
double top1(const nlohmann::json& results, const std::string& rule) {
  for (const auto& cell : results.at("cells")) {
    if (cell.at("rule") == rule) {
      return cell.at("top1").get<double>();
    }
  }
  ADD_FAILURE() << "no rule " << rule << " in " << results.dump(1);
  return 0;
}

TEST_F(CalibrateTest, MeasuresTheFoldedDemoAndSaysWhatToDoNext) {
  const Outcome outcome = calibrate();
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, out() + ": 15 sites, from 100 images; use it with --reference\n");
  EXPECT_THAT(outcome.err, HasSubstr("calibrating 15 sites on 100 of 500 images"));
  EXPECT_TRUE(fs::is_regular_file(out()));
}

TEST_F(CalibrateTest, TheReferenceMakesTheFoldedModelAdapt) {
  ASSERT_EQ(calibrate({"--quiet"}).exit_code, 0);
  for (const char* domain : {"fog", "gaussian_noise"}) {
    const auto results = evaluate(demo(kFolded), domain, {"--reference", out()});
    EXPECT_GT(top1(results, "batch"), top1(results, "source") + 30) << domain;
    EXPECT_THAT(results.dump(), HasSubstr(out()));
  }
}

TEST_F(CalibrateTest, FromTheModelBeforeFoldingGivesWhatThatModelGives) {
  const Outcome outcome =
      run_program({"calibrate", demo(kFolded), "--from", demo("fashion-resnet.scripted.pt"), "--out", out()});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out,
            out() + ": 15 sites, exact, from " + demo("fashion-resnet.scripted.pt") + "; use it with --reference\n");
  const auto folded = evaluate(demo(kFolded), "fog", {"--reference", out()});
  const auto unfolded = evaluate(demo("fashion-resnet.scripted.pt"), "fog", {});
  for (const char* rule : {"source", "batch"}) {
    EXPECT_NEAR(top1(folded, rule), top1(unfolded, rule), 0.51) << rule << ": one image of 200 may tip over";
  }
  EXPECT_GT(top1(folded, "batch"), top1(folded, "source") + 30);
}

TEST_F(CalibrateTest, ModelsWithBatchNormCanBeCalibratedToo) {
  const Outcome outcome = calibrate_fixture(model());
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("1 site, from 12 images"));
  EXPECT_EQ(run_program({"eval", model(), "--data", images(), "--reference", out()}).exit_code, 0);
}

TEST_F(CalibrateTest, TheFileDoesNotDependOnTheThreadsThatReadImages) {
  ASSERT_EQ(calibrate_fixture(model(), {"-b", "5", "--workers", "0"}).exit_code, 0);
  const std::string first = read_file(out());
  ASSERT_EQ(calibrate_fixture(model(), {"-b", "5", "--workers", "3"}).exit_code, 0);
  EXPECT_EQ(read_file(out()), first);
}

TEST_F(CalibrateTest, FewImagesAreWarnedOfAndTheNumberNeededIsNamed) {
  const Outcome outcome = calibrate({"--num-samples", "4"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("sites are not sure"));
  EXPECT_THAT(outcome.err, HasSubstr("images would bring it to 0.1"));
}

TEST_F(CalibrateTest, ASampleIsDrawnByItsSeed) {
  const auto sample = [&](const char* seed) {
    EXPECT_EQ(calibrate_fixture(model(), {"--num-samples", "4", "--seed", seed}).exit_code, 0);
    return read_file(out());
  };
  const std::string first = sample("1");
  EXPECT_NE(sample("2"), first);
  EXPECT_EQ(sample("1"), first);
  // All of them: the seed changes nothing but the order, of which the moments know no more than rounding.
  EXPECT_EQ(calibrate_fixture(model(), {"--num-samples", "100"}).exit_code, 0);
}

TEST_F(CalibrateTest, UnreadableImagesAreSkippedWithAWarningWhereAsked) {
  write_file(path("images/b/bad.ppm"), "");
  expect_failure(calibrate_fixture(model()), 3, {"bad.ppm", "--on-error skip"});
  const Outcome outcome = calibrate_fixture(model(), {"--on-error", "skip"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("left out: " + path("images/b/bad.ppm").string()));
  EXPECT_THAT(outcome.out, HasSubstr("from 12 images"));
}

TEST_F(CalibrateTest, FeaturesSelectSites) {
  const Outcome outcome = calibrate({"--features", "convolution_1?", "--features", "features"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, MatchesRegex(".*: 6 sites, from 100 images.*\n"));  // convolution_10 to _14, the last layer
}

TEST_F(CalibrateTest, QuietSaysNothingOnStderr) {
  const Outcome outcome =
      calibrate_fixture(model(), {"--quiet", "--features", "batch_norm", "--mean", ".5", "--std", ".5"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.err, IsEmpty());
}

TEST_F(CalibrateTest, OtherPreprocessingThanTheReferencesIsWarnedOf) {
  ASSERT_EQ(calibrate_fixture(model(), {"--mean", ".5", "--std", ".5"}).exit_code, 0);
  const auto eval = [&](const std::string& mean) {
    return run_program({"eval", model(), "--data", images(), "--reference", out(), "--mean", mean, "--std", ".5"});
  };
  const Outcome same = eval(".5");
  EXPECT_EQ(same.exit_code, 0) << same.err;
  EXPECT_THAT(same.err, Not(HasSubstr("other preprocessing")));
  const Outcome other = eval(".4");
  EXPECT_EQ(other.exit_code, 0) << other.err;
  EXPECT_THAT(other.err, HasSubstr("was measured with other preprocessing"));
}

TEST_F(CalibrateTest, InputScalingTakesTheMomentsOfTheCleanImages) {
  const std::vector<std::string> preprocessing{"--mean", ".5", "--std", ".5"};
  ASSERT_EQ(calibrate_fixture(model(), preprocessing).exit_code, 0);
  const auto nll = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments{"eval",   model(), "--data", images(),         "--rule",
                                       "source", "-b",    "12",     "--results-file", path("results.json").string()};
    arguments.insert(arguments.end(), preprocessing.begin(), preprocessing.end());
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome outcome = run_program(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return nlohmann::json::parse(read_file(path("results.json"))).at("cells").front().at("nll").get<double>();
  };
  const double untouched = nll({});
  // The images are the calibrated ones: brought to their own moments they stay what they are.
  EXPECT_NEAR(nll({"--input", "standardize", "--reference", out()}), untouched, 1e-5);
  EXPECT_GT(std::abs(nll({"--input", "standardize"}) - untouched), 1e-3) << "to the mean and std of Normalize instead";
}

// --- messages --------------------------------------------------------------------------------------------------------

using CalibrateErrors = CalibrateTest;

TEST_F(CalibrateErrors, DataOrFromAndNotBoth) {
  expect_failure(run_program({"calibrate", model(), "--out", out()}), 2, {"--data", "--from", "neither"});
  expect_failure(run_program({"calibrate", model(), "--data", images(), "--from", model(), "--out", out()}), 2,
                 {"--data", "--from", "both"});
  expect_failure(run_program({"calibrate", model(), "--data", images()}), 2, {"--out", "`ttscale calibrate --help`"});
  expect_failure(run_program({"calibrate", model(), "--from", model(), "--features", "*", "--out", out()}), 2,
                 {"--features", "--data"});
  EXPECT_FALSE(fs::exists(out()));
}

TEST_F(CalibrateErrors, ValuesOutOfRangeNameTheFlag) {
  expect_failure(calibrate_fixture(model(), {"--num-samples", "1"}), 3, {"at least two images", "found 1"});
  expect_failure(calibrate_fixture(model(), {"--threads", "-1"}), 2, {"--threads", "-1"});
  expect_failure(calibrate_fixture(model(), {"--batch-size", "0"}), 2, {"--batch-size", "0"});
  expect_failure(calibrate_fixture(model(), {"--on-error", "ignore"}), 2, {"--on-error", "ignore", "stop", "skip"});
  expect_failure(calibrate_fixture(model(), {"--device", "tpu"}), 2, {"tpu", "cpu", "cuda"});
}

TEST_F(CalibrateErrors, FoldersThatAreMissingOrHoldNoImages) {
  const auto on = [&](const std::string& data) {
    return run_program({"calibrate", model(), "--data", data, "--out", out()});
  };
  expect_failure(on(path("none").string()), 3, {path("none").string(), "check the path"});
  expect_failure(on(model()), 3, {model(), "folder"});
  fs::create_directories(path("empty/below"));
  write_file(path("empty/below/notes.txt"), "no image");
  expect_failure(on(path("empty").string()), 3, {path("empty").string(), "holds no images", ".png"});
  write_file(path("one/1.ppm"), ppm(1));
  expect_failure(on(path("one").string()), 3, {"at least two images, found 1"});
  EXPECT_FALSE(fs::exists(out()));
}

TEST_F(CalibrateErrors, OutThatCannotBeWrittenFailsBeforeTheWork) {
  const std::string file = path("none/net.reference").string();
  const Outcome outcome = run_program({"calibrate", model(), "--data", images(), "--out", file});
  expect_failure(outcome, 1, {file});
  EXPECT_THAT(outcome.err, Not(HasSubstr("calibrating")));
  expect_failure(run_program({"calibrate", model(), "--data", images(), "--out", "/dev/full"}), 1,
                 {"/dev/full", "No space left"});
  expect_failure(run_program({"calibrate", model(), "--data", images(), "--out", images()}), 1, {images()});
}

TEST_F(CalibrateErrors, ModelsWithoutSites) {
  expect_failure(calibrate_fixture(archive("bare")), 4, {"found no normalisation layer"});
  expect_failure(calibrate_fixture(path("none.pt").string()), 4, {path("none.pt").string(), "does not exist"});
  save_model_without_forward(path("predict.pt"));
  expect_failure(calibrate_fixture(path("predict.pt").string()), 4, {"forward"});
}

TEST_F(CalibrateErrors, FeaturePatternThatMatchesNothing) {
  expect_failure(calibrate({"--features", "layer9.*"}), 2, {"layer9.*", "ttscale inspect"});
}

TEST_F(CalibrateErrors, TwinsThatAreNone) {
  const auto from = [&](const std::string& model_file, const std::string& twin) {
    return run_program({"calibrate", model_file, "--from", twin, "--out", out()});
  };
  expect_failure(from(demo(kFolded), demo(kFolded)), 4, {"no BatchNorm behind a convolution"});
  expect_failure(from(archive("net.folded"), archive("net.plain")), 4, {"no convolution of the model", "calibrate on"});
  expect_failure(from(demo(kFolded), path("none.pt").string()), 4, {path("none.pt").string(), "does not exist"});
  EXPECT_FALSE(fs::exists(out()));
}

TEST_F(CalibrateErrors, ImagesOfAShapeTheModelDoesNotTake) {
  expect_failure(calibrate_fixture(model(), {"--in-chans", "1", "--mean", ".5", "--std", ".5"}), 4, {"[12, 1, 8, 8]"});
}

using ReferenceErrors = CalibrateTest;

TEST_F(ReferenceErrors, MissingDamagedAndForeignFiles) {
  const auto eval = [&](const std::string& file) {
    return run_program({"eval", model(), "--data", images(), "--reference", file});
  };
  expect_failure(eval(path("none.reference").string()), 3, {path("none.reference").string(), "cannot read"});
  ASSERT_EQ(calibrate_fixture(model()).exit_code, 0);
  const std::string bytes = read_file(out());
  write_file(path("cut.reference"), bytes.substr(0, bytes.size() / 2));
  expect_failure(eval(path("cut.reference").string()), 3, {path("cut.reference").string(), "damaged", "calibrate"});
  write_file(path("text.reference"), "no reference");
  expect_failure(eval(path("text.reference").string()), 3, {path("text.reference").string(), "reference file"});
  expect_failure(eval(model()), 3, {model(), "reference file"});
  expect_failure(eval(images()), 3, {images(), "cannot read"});
}

TEST_F(ReferenceErrors, OfAnotherModel) {
  ASSERT_EQ(calibrate_fixture(model()).exit_code, 0);
  save_model(path("five.pt"), 5);
  expect_failure(run_program({"eval", path("five.pt").string(), "--data", images(), "--reference", out()}), 4,
                 {"the reference belongs to another model", "calibrate"});
}

TEST_F(ReferenceErrors, EpsOfARuleNamesTheFeatureSite) {
  ASSERT_EQ(calibrate({"--quiet"}).exit_code, 0);
  expect_failure(run_program({"eval", demo(kFolded), "--data", demo("fashion-images/clean"), "--reference", out(),
                              "--rule", "batch:eps=1e-3"}),
                 2, {"eps", "convolution_0", "leave eps out"});
}

// --- inspect ---------------------------------------------------------------------------------------------------------

TEST_F(CalibrateTest, InspectListsFeatureSitesInATableOfTheirOwn) {
  const Outcome outcome = run_program({"inspect", archive("mixed.folded")});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("site          kind        channels  eps      adaptable  note\n"));
  EXPECT_THAT(outcome.out, HasSubstr("feature site   kind         channels  eps      calibrate  note\n"));
  EXPECT_THAT(
      outcome.out,
      HasSubstr(
          "convolution_0  convolution         4  -        yes        has a bias, as a folded BatchNorm leaves it"));
  EXPECT_THAT(outcome.out,
              HasSubstr("features       features            4  -        no         the input of the last"));
  EXPECT_THAT(outcome.out, HasSubstr("so can 2 convolutions with a bias, as a folded BatchNorm leaves it"));
  EXPECT_THAT(outcome.out, Not(HasSubstr(" \n")));
  // In a network whose convolutions all feed BatchNorm the candidates are of no interest.
  EXPECT_THAT(run_program({"inspect", archive("mixed")}).out, Not(HasSubstr("feature site")));
}

TEST_F(CalibrateTest, InspectPutsFeatureSitesIntoTheJson) {
  const Outcome outcome = run_program({"inspect", archive("mixed.folded"), "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json.at("adaptable"), 1);
  EXPECT_EQ(json.at("chosen_features"), 2);
  ASSERT_EQ(json.at("features").size(), 3U);
  const auto& first = json.at("features").front();
  EXPECT_EQ(first.at("name"), "convolution_0");
  EXPECT_EQ(first.at("kind"), "convolution");
  EXPECT_EQ(first.at("channels"), 4);
  EXPECT_EQ(first.at("chosen"), true);
  EXPECT_EQ(json.at("features").back().at("chosen"), false);
  EXPECT_FALSE(json.at("sites").front().contains("chosen"));
}

TEST_F(CalibrateTest, HelpShowsExamples) {
  const Outcome outcome = run_program({"calibrate", "--help"});
  EXPECT_EQ(outcome.exit_code, 0);
  for (const char* text : {"--data", "--from", "--features", "--num-samples", "ttscale calibrate folded.pt"}) {
    EXPECT_THAT(outcome.out, HasSubstr(text));
  }
}

}  // namespace
}  // namespace ttscale::testing
