// SPDX-License-Identifier: MIT
// Made-up evaluations.
#include "sample_result.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "metrics/classification.h"
#include "tiny_png.h"

namespace ttscale::report {
namespace {

constexpr std::size_t kStretches = 50;

/// Uniform numbers whose bits are the same on every machine.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  double uniform() { return static_cast<double>(engine_() >> 11U) * 0x1.0p-53; }
  /// Roughly normal, mean 0, deviation 1.
  double normal() {
    double sum = -6;
    for (int i = 0; i < 12; ++i) {
      sum += uniform();
    }
    return sum;
  }

 private:
  std::mt19937_64 engine_;
};

double severity_of(const std::string& domain) {
  const auto slash = domain.rfind('/');
  return slash == std::string::npos ? 0 : std::atof(domain.c_str() + slash + 1);
}

/// Accuracy of a rule, 0..1, at a place of the stream from 0 to 1.
double expected(const eval::Setting& setting, const std::string& domain, const std::string& rule, double place) {
  const double damage = domain.rfind("clean", 0) == 0 ? 0 : 0.12 + 0.13 * severity_of(domain);
  const double kind = std::fmod(static_cast<double>(domain.size()) * 0.37, 1.0);
  const double source = 0.93 - damage * (0.6 + 0.5 * kind);
  if (rule == "source") {
    return source;
  }
  const bool hopeless = domain.rfind("inversion", 0) == 0;
  const double repaired = hopeless ? -0.2 : 0.55 + 0.1 * static_cast<double>(rule.size() % 3);
  const double warm_up = rule == "batch" ? 1 : 1 - std::exp(-8 * place);
  const double noise_of_batch = 0.25 / std::sqrt(static_cast<double>(setting.batch_size));
  const double runs = setting.protocol.rfind("correlated", 0) == 0 ? 0.35 : 0;
  return source + (0.93 - source) * repaired * warm_up - noise_of_batch - runs;
}

void count_stretches(eval::Cell& cell, std::int64_t images, Random& random) {
  cell.curve.resize(std::min<std::size_t>(kStretches, static_cast<std::size_t>(images)));
  for (std::int64_t i = 0; i < images; ++i) {
    const auto stretch = static_cast<std::size_t>(i) * cell.curve.size() / static_cast<std::size_t>(images);
    const double place = static_cast<double>(i) / static_cast<double>(images);
    cell.curve[stretch].images += 1;
    cell.curve[stretch].correct += random.uniform() < expected(cell.setting, cell.domain, cell.rule, place) ? 1 : 0;
  }
}

std::int64_t correct_of(const eval::Cell& cell) {
  std::int64_t correct = 0;
  for (const eval::CurvePoint& point : cell.curve) {
    correct += point.correct;
  }
  return correct;
}

/// Bins with the cell's number of right answers, more sure than right.
void fill_bins(eval::Cell& cell, std::int64_t images, Random& random) {
  cell.bins.resize(metrics::kCalibrationBins);
  std::int64_t right = correct_of(cell);
  const double accuracy = static_cast<double>(right) / static_cast<double>(images);
  for (std::int64_t i = 0; i < images; ++i) {
    const bool correct = i < right;
    const double sure =
        std::clamp(0.35 + 0.6 * std::sqrt(random.uniform()) * (correct ? 1 : 0.8) + 0.05 * accuracy, 0.01, 0.999);
    metrics::CalibrationBin& bin = cell.bins[static_cast<std::size_t>(std::ceil(sure * metrics::kCalibrationBins)) - 1];
    bin.images += 1;
    bin.correct += correct ? 1 : 0;
    bin.confidence += sure;
  }
}

void score(eval::Cell& cell, std::int64_t images) {
  const std::int64_t correct = correct_of(cell);
  const metrics::Interval wilson = metrics::wilson_interval(correct, images);
  eval::Scores& scores = cell.scores;
  scores.images = images;
  scores.top1 = 100 * static_cast<double>(correct) / static_cast<double>(images);
  scores.top5 = std::min(scores.top1 + 8, 100.0);
  scores.top1_low = 100 * wilson.low;
  scores.top1_high = 100 * wilson.high;
  scores.mean_class = scores.top1 - 0.4;
  double gap = 0;
  double sure = 0;
  for (const metrics::CalibrationBin& bin : cell.bins) {
    gap += std::abs(static_cast<double>(bin.correct) - bin.confidence);
    sure += bin.confidence;
  }
  scores.ece = gap / static_cast<double>(images);
  scores.adaptive_ece = scores.ece * 0.95;
  scores.confidence = sure / static_cast<double>(images);
  scores.nll = 3 * (1 - scores.top1 / 100) + 0.1;
  scores.brier = 1.2 * (1 - scores.top1 / 100) + 0.02;
}

void score_segmentation(eval::Cell& cell, std::int64_t images, Random& random) {
  cell.scores.images = images;
  cell.scores.miou =
      100 * std::clamp(expected(cell.setting, cell.domain, cell.rule, 1) * 0.75 + 0.01 * random.normal(), 0.0, 1.0);
  cell.scores.pixel_accuracy = std::min(cell.scores.miou + 18, 99.0);
}

void compare(eval::Cell& cell, const eval::Cell& source) {
  const double gain = headline(cell.scores, eval::Task::kClassification) - source.scores.top1;
  const auto net = correct_of(cell) - correct_of(source);
  const auto images = static_cast<double>(cell.scores.images);
  eval::Change change;
  change.broken = std::max<std::int64_t>(-net, 0) + cell.scores.images / 20;
  change.repaired = change.broken + net;
  change.changed = change.broken + change.repaired + cell.scores.images / 25;
  const double half = 196 * std::sqrt(static_cast<double>(change.broken + change.repaired)) / images;
  change.low = gain - half;
  change.high = gain + half;
  change.p_value = std::erfc(std::abs(gain) / half * 1.96 / std::sqrt(2.0));
  cell.change = change;
}

/// Pixels, and an interval without a test.
void compare_maps(eval::Cell& cell, const eval::Cell& source) {
  constexpr double kHalf = 1.5;
  const double gain = cell.scores.miou - source.scores.miou;
  cell.change = {
      4000, 4000 + static_cast<std::int64_t>(100 * gain), 9000, gain - kHalf, gain + kHalf, eval::Scores::kNone};
}

void add_sites(eval::Cell& cell, std::int64_t count, Random& random) {
  const double strength = 0.03 + 0.07 * severity_of(cell.domain);
  for (std::int64_t i = 0; i < count; ++i) {
    const double depth = static_cast<double>(i) / static_cast<double>(count);
    const double batch = std::clamp(strength * (1 - 0.6 * depth) + 0.02 * random.uniform(), 0.0, 1.0);
    const double used = cell.rule == "source" ? 0 : cell.rule == "batch" ? batch : 0.7 * batch;
    cell.sites.push_back({"layer" + std::to_string(1 + 4 * i / std::max<std::int64_t>(count, 1)) + "." +
                              std::to_string(i % 3) + ".bn" + std::to_string(1 + i % 2),
                          batch, used});
  }
}

eval::Cell make_cell(const SampleOptions& options, const eval::Setting& setting, const std::string& domain,
                     const std::string& rule, Random& random) {
  eval::Cell cell;
  cell.setting = setting;
  cell.domain = domain;
  cell.rule = rule;
  if (options.task == eval::Task::kSegmentation) {
    score_segmentation(cell, options.images, random);
  } else {
    count_stretches(cell, options.images, random);
    fill_bins(cell, options.images, random);
    score(cell, options.images);
  }
  if (rule != "source") {
    add_sites(cell, options.sites, random);
  }
  return cell;
}

void add_classes(eval::EvalResult& result, Random& random) {
  for (const eval::RulePlan& rule : result.plan.rules) {
    eval::RuleClasses classes{rule.label, {}};
    for (std::size_t i = 0; i < result.plan.classes.size(); ++i) {
      const double mean = rule.label == "source" ? 0.5 : 0.65 + 0.12 * random.normal();
      const double rate = std::clamp(mean + 0.05 * random.normal(), 0.0, 1.0);
      if (result.plan.task == eval::Task::kSegmentation) {
        classes.areas.push_back({static_cast<std::int64_t>(90000 * rate), 90000});
      } else {
        classes.classes.push_back({400, static_cast<std::int64_t>(400 * rate)});
      }
    }
    result.classes.push_back(std::move(classes));
  }
}

std::string thumbnail(Random& random) {
  constexpr std::uint32_t kSide = 28;
  std::vector<std::uint8_t> pixels;
  const double centre = 8 + 12 * random.uniform();
  for (std::uint32_t y = 0; y < kSide; ++y) {
    for (std::uint32_t x = 0; x < kSide; ++x) {
      const double distance = std::hypot(x - centre, y - 14.0);
      pixels.push_back(static_cast<std::uint8_t>(std::clamp(255 - 18 * distance + 40 * random.normal(), 0.0, 255.0)));
    }
  }
  return tiny_png(pixels, kSide);
}

void add_examples(eval::EvalResult& result, const SampleOptions& options, Random& random) {
  for (const eval::RulePlan& rule : result.plan.rules) {
    for (std::int64_t i = 0; rule.label != "source" && i < 2 * options.examples; ++i) {
      const bool loss = i < options.examples;
      const auto classes = static_cast<std::int64_t>(result.plan.classes.size());
      const std::int64_t label = i % classes;
      const eval::Opinion right{label, 0.7 + 0.29 * random.uniform()};
      const eval::Opinion wrong{(label + 3) % classes, 0.4 + 0.5 * random.uniform()};
      result.examples.push_back({result.plan.settings.front(),
                                 options.domains[static_cast<std::size_t>(i) % options.domains.size()], rule.label,
                                 "images/" + options.domains.front() + "/class/" + std::to_string(1000 + i) + ".png",
                                 label, loss ? right : wrong, loss ? wrong : right,
                                 (loss ? -1 : 1) * (8 - static_cast<double>(i % options.examples)), thumbnail(random)});
    }
  }
}

eval::EvalPlan make_plan(const SampleOptions& options) {
  eval::EvalPlan plan;
  plan.task = options.task;
  plan.model = "models/fashion-resnet.scripted.pt";
  plan.data = "models/fashion-images";
  plan.device = "cpu";
  plan.input = "none";
  plan.on_error = "stop";
  plan.settings = options.settings;
  if (options.task == eval::Task::kSegmentation) {
    plan.labels = "models/fashion-labels";
    plan.ignore_index = 255;
  }
  plan.classes = {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                  "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};
  if (!options.classes.empty()) {
    plan.classes = options.classes;
  }
  for (const std::string& domain : options.domains) {
    plan.domains.push_back({domain, options.images});
  }
  for (const std::string& rule : options.rules) {
    plan.rules.push_back({rule, rule == "prior:count=16" ? "prior:count=16,variance=unbiased" : rule});
  }
  for (std::int64_t i = 0; i < options.sites; ++i) {
    Site site;
    site.name = "bn" + std::to_string(i);
    plan.sites.push_back(site);
  }
  return plan;
}

}  // namespace

eval::EvalResult make_sample(const SampleOptions& options) {
  eval::EvalResult result;
  result.plan = make_plan(options);
  for (const eval::Setting& setting : options.settings) {
    for (const std::string& domain : options.domains) {
      const std::size_t first = result.cells.size();
      for (const std::string& rule : options.rules) {
        Random random(setting.seed * 7919 + result.cells.size() / options.rules.size());
        result.cells.push_back(make_cell(options, setting, domain, rule, random));
        eval::Cell& cell = result.cells.back();
        if (options.rules.front() == "source" && rule != "source") {
          options.task == eval::Task::kClassification ? compare(cell, result.cells[first])
                                                      : compare_maps(cell, result.cells[first]);
        }
      }
    }
  }
  Random random(1);
  add_classes(result, random);
  if (options.task == eval::Task::kClassification) {
    add_examples(result, options, random);
  }
  result.partial = false;
  return result;
}

eval::EvalResult interrupted(eval::EvalResult result, std::size_t domains) {
  const std::size_t rules = result.plan.rules.size();
  const auto end = result.cells.begin() + static_cast<std::ptrdiff_t>(domains * rules);
  result.unfinished.assign(end, end + static_cast<std::ptrdiff_t>(rules));
  result.cells.erase(end, result.cells.end());
  result.partial = true;
  return result;
}

std::vector<std::string> nine_domains() {
  return {"clean/0", "gaussian_noise/3", "shot_noise/3", "motion_blur/3", "fog/3",
          "frost/3", "brightness/3",     "contrast/3",   "inversion/5"};
}

std::vector<std::string> ninety_five_domains() {
  std::vector<std::string> domains;
  for (const char* kind : {"gaussian_noise", "shot_noise", "impulse_noise", "defocus_blur", "glass_blur", "motion_blur",
                           "zoom_blur", "snow", "frost", "fog", "brightness", "contrast", "elastic_transform",
                           "pixelate", "jpeg_compression", "speckle_noise", "gaussian_blur", "spatter", "saturate"}) {
    for (int severity = 1; severity <= 5; ++severity) {
      domains.push_back(std::string(kind) + "/" + std::to_string(severity));
    }
  }
  return domains;
}

}  // namespace ttscale::report
