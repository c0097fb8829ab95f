// SPDX-License-Identifier: MIT
// Protocols, batch sizes, seeds and windows give what a slow reading of their definition gives.
#include <gmock/gmock.h>

#include <fstream>
#include <map>
#include <set>

#include "eval/evaluate.h"
#include "eval/result_json.h"
#include "fixtures.h"
#include "image/decode.h"
#include "image/encode.h"
#include "shift/shift.h"
#include "ttscale/error.h"

namespace ttscale::eval {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::ThrowsMessage;

class Settings : public EvalTest {
 protected:
  /// A tree of two kinds with severities 1 to 3 and a clean domain; 12 images each.
  void write_severities() const {
    int light = 0;
    for (const char* domain : {"clean", "fog/1", "fog/2", "fog/3", "contrast/1", "contrast/2", "contrast/3"}) {
      write_images(folder / "tree" / domain, 4, light += 9);
    }
  }

  [[nodiscard]] EvalOptions with(const std::string& protocol, std::vector<std::string> rules) const {
    EvalOptions out = options(std::move(rules));
    out.protocols = {protocol};
    return out;
  }

  [[nodiscard]] std::vector<std::string> parts() const {
    std::vector<std::string> names;
    for (const std::string& call : seen.calls) {
      if (call.rfind("part ", 0) == 0) {
        names.push_back(call.substr(5, call.rfind(' ') - 5));
      }
    }
    return names;
  }

  [[nodiscard]] std::vector<std::string> paths() const {
    std::vector<std::string> out;
    for (const auto& prediction : seen.all) {
      out.push_back(prediction.path);
    }
    return out;
  }
};

TEST_F(Settings, ContinualMeetsKindsInTheOrderOfThePapers) {
  write_severities();
  EvalOptions continual = with("continual", {"source"});
  continual.data = folder / "tree";
  run(continual);
  EXPECT_THAT(parts(), ElementsAre("clean", "fog/1", "fog/2", "fog/3", "contrast/1", "contrast/2", "contrast/3"));
  EXPECT_EQ(result.cells[4].place, 4);
}

TEST_F(Settings, GradualRisesAndFalls) {
  write_severities();
  EvalOptions gradual = with("gradual", {"source", "cumulative"});
  gradual.data = folder / "tree";
  run(gradual);
  EXPECT_THAT(parts(), ElementsAre("clean", "fog/1", "fog/2", "fog/3", "fog/2", "fog/1", "contrast/1", "contrast/2",
                                   "contrast/3", "contrast/2", "contrast/1"));
  EXPECT_EQ(cell("fog/1", "source")->scores.images, 24);
  EXPECT_EQ(cell("fog/3", "source")->scores.images, 12);
  EXPECT_EQ(result.plan.work, 11 * 12);
  EXPECT_EQ(result.plan.images(), 7 * 12);
}

TEST_F(Settings, GradualNeedsSeverities) {
  EXPECT_THAT([&] { run(with("gradual", {"source"})); },
              ThrowsMessage<DataError>(HasSubstr("protocol gradual: expected domains KIND/SEVERITY")));
}

TEST_F(Settings, MixedMeetsAllImagesOnceInOneStreamAndScoresThemByDomain) {
  run(with("mixed", {"source", "batch"}));
  EXPECT_THAT(parts(), ElementsAre("all domains"));
  std::map<std::string, int> correct;
  std::set<std::string> different;
  bool both_in_first_batch = false;
  for (std::size_t i = 0; i < seen.all.size(); ++i) {
    if (seen.all[i].rule == "batch") {
      correct[seen.all[i].domain] += seen.all[i].index == seen.all[i].label ? 1 : 0;
      different.insert(seen.all[i].path);
    }
    both_in_first_batch = both_in_first_batch || (i < 5 && seen.all[i].domain != seen.all[0].domain);
  }
  EXPECT_THAT(different, SizeIs(24));
  EXPECT_TRUE(both_in_first_batch);
  for (const char* domain : {"dark", "light"}) {
    EXPECT_EQ(cell(domain, "batch")->scores.images, 12);
    EXPECT_DOUBLE_EQ(cell(domain, "batch")->scores.top1, 100.0 * correct[domain] / 12);
  }
}

TEST_F(Settings, CorrelatedMeetsOneClassAfterTheOtherAtDeltaZero) {
  run(with("correlated:delta=0", {"source"}));
  const auto met = seen.of("light", "source");
  int changes = 0;
  for (std::size_t i = 1; i < met.size(); ++i) {
    changes += met[i].label != met[i - 1].label ? 1 : 0;
  }
  EXPECT_EQ(changes, 2);
}

TEST_F(Settings, EpisodicForgetsBetweenBatches) {
  run(with("episodic", {"cumulative"}));
  const EvalResult episodic = result;
  run(with("reset-each-domain", {"cumulative"}));
  EXPECT_NE(episodic.cells[0].scores.nll, result.cells[0].scores.nll);
  EvalOptions first = with("reset-each-domain", {"cumulative"});
  first.num_samples = 5;  // one batch
  run(first);
  const EvalResult one = result;
  EvalOptions again = with("episodic", {"cumulative"});
  again.num_samples = 5;
  run(again);
  EXPECT_EQ(result.cells[0].scores.nll, one.cells[0].scores.nll);
}

TEST_F(Settings, RejectedBatchesCountAcrossResets) {
  for (const char* protocol : {"reset-each-domain", "continual", "short:images=5", "episodic"}) {
    EvalOptions infinite = with(protocol, {"cumulative"});
    infinite.preprocessing.std = {1e-40};
    infinite.optimize = Optimize::kNone;
    run(infinite);
    EXPECT_EQ(cell("dark", "cumulative")->rejected, 3) << protocol;
    EXPECT_EQ(cell("light", "cumulative")->rejected, 3) << protocol;
  }
}

/// The images that make up a stream of the domain, by the lengths of its pieces.
std::vector<std::vector<std::string>> pieces_of(const std::vector<Recorder::Prediction>& met,
                                                const std::vector<std::size_t>& lengths) {
  std::vector<std::vector<std::string>> pieces;
  std::size_t next = 0;
  for (const std::size_t length : lengths) {
    pieces.emplace_back();
    for (std::size_t i = 0; i < length; ++i) {
      pieces.back().push_back(met.at(next++).path);
    }
  }
  EXPECT_EQ(next, met.size());
  return pieces;
}

TEST_F(Settings, RecurringVisitsTheDomainsInTurnWithAShareOfTheirImages) {
  run(options({"source"}));
  const auto dark = pieces_of(seen.of("dark", "source"), {2, 2, 3, 2, 3});
  const auto light = pieces_of(seen.of("light", "source"), {2, 2, 3, 2, 3});
  std::vector<std::string> expected;
  for (std::size_t round = 0; round < 5; ++round) {
    expected.insert(expected.end(), dark[round].begin(), dark[round].end());
    expected.insert(expected.end(), light[round].begin(), light[round].end());
  }
  run(with("recurring:rounds=5", {"source"}));
  EXPECT_THAT(parts(),
              ElementsAre("dark", "light", "dark", "light", "dark", "light", "dark", "light", "dark", "light"));
  EXPECT_EQ(paths(), expected);
  EXPECT_EQ(result.plan.work, 2 * 12);
  EXPECT_EQ(cell("dark", "source")->scores.images, 12);
  EXPECT_EQ(cell("light", "source")->scores.images, 12);
}

TEST_F(Settings, RecurringIsOneStream) {
  run(with("recurring:rounds=1", {"cumulative"}));
  const std::vector<Cell> once = result.cells;
  run(with("continual", {"cumulative"}));
  EXPECT_EQ(once[1].scores.nll, result.cells[1].scores.nll) << "one round is continual";
  run(with("recurring:rounds=3", {"cumulative"}));
  EXPECT_NE(once[0].scores.nll, result.cells[0].scores.nll) << "the second visit comes after the other domain";
}

TEST_F(Settings, RecurringHasNoMoreRoundsThanImages) {
  run(with("recurring:rounds=1000", {"source"}));
  EXPECT_THAT(parts(), SizeIs(2 * 12));
  EXPECT_THAT(std::set<std::string>(seen.calls.begin(), seen.calls.end()), ::testing::Contains("part light 1"));
}

TEST_F(Settings, ShortStreamsStartFromTraining) {
  EvalOptions two = with("short:images=5", {"cumulative"});
  two.batch_sizes = {2};
  run(two);
  EXPECT_THAT(parts(), ElementsAre("dark", "dark", "dark", "light", "light", "light"));
  EXPECT_EQ(cell("light", "cumulative")->scores.images, 12);
  const auto met = seen.of("light", "cumulative");
  std::vector<double> confidences;
  for (const auto& piece : pieces_of(met, {5, 5, 2})) {
    std::ofstream list(folder / "piece.txt");
    for (const std::string& path : piece) {
      list << path << '\n';
    }
    list.close();
    EvalOptions alone = options({"cumulative"});
    alone.data = folder / "data/light";
    alone.batch_sizes = {2};
    alone.order = "file:" + (folder / "piece.txt").string();
    run(alone);
    for (const auto& prediction : seen.of("light", "cumulative")) {
      confidences.push_back(prediction.confidence);
    }
  }
  ASSERT_THAT(confidences, SizeIs(met.size()));
  for (std::size_t i = 0; i < met.size(); ++i) {
    EXPECT_EQ(met[i].confidence, confidences[i]) << i;
  }
}

TEST_F(Settings, SweepsAreTheirRunsOneByOne) {
  EvalOptions sweep = options({"source", "batch"});
  sweep.batch_sizes = {1, 4};
  sweep.seeds = {3, 4};
  run(sweep);
  const EvalResult all = result;
  ASSERT_THAT(all.cells, SizeIs(2 * 2 * 2 * 2));
  for (const Setting& setting : all.plan.settings) {
    EvalOptions one = options({"source", "batch"});
    one.batch_sizes = {setting.batch_size};
    one.seeds = {setting.seed};
    run(one);
    EXPECT_EQ(all.find(setting, "light", "batch")->scores.nll, cell("light", "batch")->scores.nll);
  }
  const auto means = all.means();
  ASSERT_THAT(means, SizeIs(4));
  EXPECT_EQ(means[1].seeds, 2);
  EXPECT_LE(means[1].low, means[1].scores.top1);
  EXPECT_GE(means[1].high, means[1].scores.top1);
}

TEST_F(Settings, WindowOfTheBatchChangesNothingAndAWiderOneSeesTheLatestImages) {
  EvalOptions windowed = options({"batch"});
  windowed.num_samples = 10;  // two whole batches
  run(windowed);
  const EvalResult plain = result;
  windowed.window = 5;
  run(windowed);
  EXPECT_EQ(result.cells[0].scores.nll, plain.cells[0].scores.nll);
  windowed.batch_sizes = {1};
  windowed.window = 4;
  run(windowed);
  EXPECT_NE(result.cells[0].scores.nll, plain.cells[0].scores.nll);
  // The prediction of image i under `batch` is that of the last image of the batch i-3 .. i.
  const auto met = seen.of("dark", "batch");
  const image::Preprocessing defaults;
  for (std::size_t i : {std::size_t{3}, std::size_t{7}}) {
    const std::vector<Recorder::Prediction> latest(met.begin() + static_cast<std::ptrdiff_t>(i) - 3,
                                                   met.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    const at::Tensor probabilities = replay(save_model(ModelKind::kTraining), latest, 4, [&](const at::Tensor& pixels) {
      return image::normalize(pixels, defaults.mean, defaults.std);
    });
    EXPECT_NEAR(met[i].confidence, probabilities[3].max().item<double>(), 1e-5);
  }
}

TEST_F(Settings, ExportedOrderIsReplayed) {
  EvalOptions exporting = with("mixed", {"batch"});
  exporting.export_order = folder / "order.txt";
  run(exporting);
  const auto met = paths();
  const double nll = cell("dark", "batch")->scores.nll;
  run(with("replay:" + (folder / "order.txt").string(), {"batch"}));
  EXPECT_EQ(paths(), met);
  EXPECT_EQ(cell("dark", "batch")->scores.nll, nll);
  std::ofstream(folder / "order.txt", std::ios::app) << "0\t0\tall\tdark\tdark/a/none.ppm\n";
  EXPECT_THAT([&] { run(with("replay:" + (folder / "order.txt").string(), {"batch"})); },
              ThrowsMessage<DataError>(HasSubstr("line 26: expected an image of these domains")));
}

TEST_F(Settings, ReplayNeedsNoOtherOptionOfTheRunThatWasExported) {
  EvalOptions exporting = with("mixed", {"source"});
  exporting.seeds = {7};
  exporting.num_samples = 5;
  exporting.export_order = folder / "order.txt";
  run(exporting);
  const auto met = paths();
  EvalOptions replayed = with("replay:" + (folder / "order.txt").string(), {"source"});
  run(replayed);
  EXPECT_EQ(paths(), met);
  EXPECT_EQ(result.plan.images(), 10) << "those of the file, not of the data";
  EXPECT_EQ(result.plan.domains[1].images, 5);
  replayed.num_samples = 5;
  run(replayed);
  EXPECT_EQ(paths(), met);
}

TEST_F(Settings, NumSamplesOfAReplayAreTheFirstOfItsFile) {
  EvalOptions exporting = with("recurring:rounds=4", {"source"});  // three of a domain at each visit
  exporting.export_order = folder / "order.txt";
  run(exporting);
  const auto dark = seen.of("dark", "source");
  EvalOptions few = with("replay:" + (folder / "order.txt").string(), {"source"});
  few.num_samples = 4;
  run(few);
  EXPECT_THAT(parts(), ElementsAre("dark", "light", "dark", "light"));
  EXPECT_EQ(result.plan.images(), 8);
  const auto taken = seen.of("dark", "source");
  ASSERT_THAT(taken, SizeIs(4));
  for (std::size_t i = 0; i < taken.size(); ++i) {
    EXPECT_EQ(taken[i].path, dark[i].path) << i;
  }
}

TEST_F(Settings, ChangeAgainstSourceIsThatOfThePredictions) {
  run(options({"batch", "source"}));
  const auto before = seen.of("dark", "source");
  const auto after = seen.of("dark", "batch");
  std::int64_t broken = 0;
  std::int64_t repaired = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const bool was = before[i].index == before[i].label;
    const bool is = after[i].index == after[i].label;
    broken += was && !is ? 1 : 0;
    repaired += !was && is ? 1 : 0;
  }
  const Cell& adapted = *cell("dark", "batch");
  ASSERT_TRUE(adapted.change);
  EXPECT_EQ(adapted.change->broken, broken);
  EXPECT_EQ(adapted.change->repaired, repaired);
  EXPECT_NEAR(100.0 * static_cast<double>(repaired - broken) / 12,
              adapted.scores.top1 - cell("dark", "source")->scores.top1, 1e-9);
  EXPECT_FALSE(cell("dark", "source")->change);
}

TEST_F(Settings, CurvesAndClassCountsAddUpToTheScores) {
  run(options({"source"}));
  for (const Cell& one : result.cells) {
    std::int64_t correct = 0;
    for (const CurvePoint& point : one.curve) {
      correct += point.correct;
    }
    EXPECT_DOUBLE_EQ(one.scores.top1, 100.0 * static_cast<double>(correct) / 12);
  }
  ASSERT_THAT(result.classes, SizeIs(1));
  for (const ClassCount& count : result.classes[0].classes) {
    EXPECT_EQ(count.images, 8);
  }
}

TEST_F(Settings, ExamplesAreTheGreatestLossesThenGains) {
  EvalOptions showing = options({"source", "batch"});
  showing.examples = 2;
  showing.thumbnails = true;
  run(showing);
  ASSERT_FALSE(result.examples.empty());
  for (std::size_t i = 0; i < result.examples.size(); ++i) {
    const Example& example = result.examples[i];
    EXPECT_EQ(example.thumbnail.substr(1, 3), "PNG");
    EXPECT_NE(example.source.prediction == example.label, example.adapted.prediction == example.label);
    if (i > 0 && result.examples[i - 1].gain < 0 && example.gain < 0) {
      EXPECT_LE(result.examples[i - 1].gain, example.gain);
    }
  }
}

TEST_F(Settings, ValidClassesLeaveOutOutputsWithoutImages) {
  std::ofstream(folder / "map.txt") << "a\nx\nb\nc\ny\n";
  EvalOptions five = options({"source"});
  five.model = save_model(ModelKind::kPlain, 5);
  five.class_map = folder / "map.txt";
  run(five);
  const auto before = seen.all;
  five.valid_classes = true;
  run(five);
  for (std::size_t i = 0; i < seen.all.size(); ++i) {
    EXPECT_THAT(seen.all[i].index, ::testing::AnyOf(0, 2, 3));
    // Softmax over fewer outputs; those left out had some of it.
    EXPECT_GT(seen.all[i].confidence, before[i].index == seen.all[i].index ? before[i].confidence : 0.0);
  }
}

TEST_F(Settings, ShiftsOnTheFlyAreThoseOfTheWrittenImages) {
  EvalOptions made = options({"source", "batch"});
  made.data = folder / "data/dark";
  made.shifts = "clean;contrast:2,4;gaussian_noise:3";
  made.shift_parameters = shift::Parameters::kCifar;
  made.shift_seed = 7;
  run(made);
  const EvalResult fly = result;
  ASSERT_THAT(fly.plan.domains, SizeIs(4));
  for (const shift::Shift& shift : shift::parse_shifts("contrast:2,4;gaussian_noise:3")) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / "data/dark")) {
      if (!entry.is_regular_file()) {
        continue;
      }
      const auto path = std::filesystem::relative(entry.path(), folder / "data/dark");
      const at::Tensor shifted = shift::apply(image::decode(entry.path()), shift, shift::Parameters::kCifar,
                                              shift::image_seed(7, shift, path.generic_string()));
      const auto file = (folder / "written" / shift.domain() / path).replace_extension(".png");
      std::filesystem::create_directories(file.parent_path());
      std::ofstream(file, std::ios::binary) << image::encode(shifted, {});
    }
  }
  EvalOptions written = options({"source", "batch"});
  written.data = folder / "written";
  run(written);
  for (const char* domain : {"contrast/2", "contrast/4", "gaussian_noise/3"}) {
    for (const char* rule : {"source", "batch"}) {
      EXPECT_EQ(fly.find(fly.plan.settings[0], domain, rule)->scores.nll, cell(domain, rule)->scores.nll) << domain;
    }
  }
  made.data = folder / "data";
  EXPECT_THAT([&] { run(made); }, ThrowsMessage<UsageError>(HasSubstr("shift: expected one folder of clean images")));
}

}  // namespace
}  // namespace ttscale::eval
