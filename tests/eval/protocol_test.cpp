// SPDX-License-Identifier: MIT
// Order, reset, subsets and class names mean what they say.
#include <gmock/gmock.h>

#include <fstream>

#include "eval/evaluate.h"
#include "fixtures.h"

namespace ttscale::eval {
namespace {

using ::testing::SizeIs;

using Protocol = EvalTest;

std::vector<std::string> paths(const std::vector<Recorder::Prediction>& predictions) {
  std::vector<std::string> found;
  for (const auto& prediction : predictions) {
    found.push_back(prediction.path);
  }
  return found;
}

TEST_F(Protocol, ResetDomainMeetsEachDomainForTheFirstTime) {
  run(options({"cumulative"}));
  const double after_dark = cell("light", "cumulative")->scores.nll;
  EvalOptions alone = options({"cumulative"});
  alone.data = folder / "data/light";
  run(alone);
  EXPECT_EQ(cell("light", "cumulative")->scores.nll, after_dark);
}

TEST_F(Protocol, ResetNeverCarriesStatisticsOn) {
  run(options({"cumulative", "source"}));
  const EvalResult reset = result;
  EvalOptions continual = options({"cumulative", "source"});
  continual.protocols = {"continual"};
  run(continual);
  EXPECT_EQ(result.cells[0].scores.nll, reset.cells[0].scores.nll);
  EXPECT_NE(result.cells[2].scores.nll, reset.cells[2].scores.nll);
  EXPECT_EQ(result.cells[3].scores.nll, reset.cells[3].scores.nll);
}

TEST_F(Protocol, SeedDecidesTheShuffledOrder) {
  run(options({"source"}));
  const auto first = paths(seen.all);
  run(options({"source"}));
  EXPECT_EQ(paths(seen.all), first);
  EvalOptions other = options({"source"});
  other.seeds = {43};
  run(other);
  EXPECT_NE(paths(seen.all), first);
  EXPECT_THAT(paths(seen.all), ::testing::UnorderedElementsAreArray(first));
}

TEST_F(Protocol, ListGivesTheOrder) {
  const std::vector<std::string> listed = {folder / "data/dark/c/1.ppm", folder / "data/dark/a/0.ppm",
                                           folder / "data/light/b/2.ppm"};
  std::ofstream list(folder / "list.txt");
  for (const std::string& line : listed) {
    list << line << '\n';
  }
  list.close();
  EvalOptions ordered = options({"source"});
  ordered.order = "file:" + (folder / "list.txt").string();
  run(ordered);
  EXPECT_EQ(paths(seen.all), listed);
  EXPECT_EQ(result.plan.images(), 3);
}

TEST_F(Protocol, NumSamplesTakesTheFirstOfTheOrder) {
  run(options({"source"}));
  const auto all = paths(seen.of("light", "source"));
  EvalOptions few = options({"source"});
  few.num_samples = 7;
  run(few);
  const auto taken = paths(seen.of("light", "source"));
  EXPECT_EQ(taken, std::vector<std::string>(all.begin(), all.begin() + 7));
  EXPECT_EQ(result.plan.images(), 14);
  few.num_samples = 1000;
  run(few);
  EXPECT_EQ(result.plan.images(), 24);
}

TEST_F(Protocol, ClassMapGivesTheLabels) {
  std::ofstream(folder / "map.txt") << "c\nx\nb\na\ny\n";
  EvalOptions mapped = options({"source"});
  mapped.model = save_model(ModelKind::kPlain, 5);
  mapped.class_map = folder / "map.txt";
  mapped.classes = {"never", "used"};
  run(mapped);
  for (const auto& prediction : seen.all) {
    const std::string name = std::filesystem::path(prediction.path).parent_path().filename();
    EXPECT_EQ(prediction.label, name == "a" ? 3 : name == "b" ? 2 : 0);
  }
  EXPECT_EQ(result.plan.classes_file, (folder / "map.txt").string());
}

TEST_F(Protocol, ClassesOfTheModelsDescriptionGiveTheLabels) {
  EvalOptions named = options({"source"});
  named.classes = {"c", "b", "a"};
  named.classes_file = "model.json";
  run(named);
  EXPECT_EQ(seen.all[0].label, 'c' - std::filesystem::path(seen.all[0].path).parent_path().filename().string()[0]);
}

TEST_F(Protocol, SkippedImagesAreListedAndMoveNothingElse) {
  run(options({"batch"}));
  const auto before = paths(seen.of("light", "batch"));
  std::ofstream(before[1], std::ios::trunc);
  EvalOptions tolerant = options({"batch"});
  tolerant.on_error = data::OnError::kSkip;
  run(tolerant);
  ASSERT_THAT(result.skipped, SizeIs(1));
  EXPECT_EQ(result.skipped[0].domain, "light");
  EXPECT_EQ(result.skipped[0].path, before[1]);
  EXPECT_FALSE(result.skipped[0].reason.empty());
  EXPECT_EQ(cell("dark", "batch")->skipped, 0);
  EXPECT_EQ(cell("light", "batch")->skipped, 1);
  EXPECT_EQ(cell("light", "batch")->scores.images, 11);
  auto expected = before;
  expected.erase(expected.begin() + 1);
  EXPECT_EQ(paths(seen.of("light", "batch")), expected);
  EXPECT_EQ(seen.progress.back().images, 24);
}

TEST_F(Protocol, PartWithoutAReadableImageIsSkipped) {
  std::ofstream(folder / "data/light/b/2.ppm", std::ios::trunc);
  EvalOptions tolerant = options({"cumulative"});
  tolerant.on_error = data::OnError::kSkip;
  for (const char* protocol : {"short:images=1", "recurring:rounds=12"}) {
    tolerant.protocols = {protocol};
    run(tolerant);
    EXPECT_FALSE(result.partial);
    EXPECT_THAT(result.skipped, SizeIs(1)) << protocol;
    EXPECT_EQ(cell("dark", "cumulative")->scores.images, 12) << protocol;
    EXPECT_EQ(cell("light", "cumulative")->scores.images, 11) << protocol;
    EXPECT_EQ(cell("light", "cumulative")->skipped, 1) << protocol;
  }
}

TEST_F(Protocol, SkippedLayersStayAsTheyAre) {
  EvalOptions none = options({"batch"});
  none.skip_layers = {"*"};
  EXPECT_ANY_THROW(run(none)) << "a pattern that leaves nothing to adapt must not pass for an adaptation";
}

}  // namespace
}  // namespace ttscale::eval
