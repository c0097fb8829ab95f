// SPDX-License-Identifier: MIT
// Adds batches and reads numbers out of the sums.
#include "eval/classification_score.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "eval/examples.h"

namespace ttscale::eval {
namespace {

constexpr std::int64_t kMostStretches = 50;

using Predictions = std::vector<metrics::Prediction>;

double percent(double share) { return 100 * share; }

/// Infinite for a label that the model excludes: no number that files could hold.
double finite_or_none(double value) { return std::isfinite(value) ? value : Scores::kNone; }

Scores scores_of(const RuleScore& rule) {
  const metrics::Classification& sums = rule.sums;
  const metrics::Interval interval = sums.top1_interval();
  Scores scores;
  scores.images = sums.images;
  scores.non_finite = sums.non_finite;
  scores.top1 = percent(sums.top1());
  scores.top5 = percent(sums.top5());
  scores.nll = finite_or_none(sums.nll());
  scores.ece = sums.ece();
  scores.confidence = sums.mean_confidence();
  scores.top1_low = percent(interval.low);
  scores.top1_high = percent(interval.high);
  scores.mean_class = percent(sums.mean_class_accuracy());
  scores.adaptive_ece = rule.calibration.error();
  scores.brier = sums.brier();
  return scores;
}

Change change_of(const metrics::PairedCounts& paired) {
  const metrics::Interval interval = metrics::bootstrap_interval(paired);
  return {paired.broken,         paired.repaired,        paired.changed(),
          percent(interval.low), percent(interval.high), metrics::mcnemar_p(paired)};
}

}  // namespace

ClassificationScore::ClassificationScore(std::size_t rules, std::optional<std::size_t> source, std::int64_t images,
                                         std::int64_t examples)
    : rules_(rules),
      source_(source),
      stretch_(std::max<std::int64_t>((images + kMostStretches - 1) / kMostStretches, 1)),
      examples_(examples) {}

BatchScore ClassificationScore::add(const Outputs& outputs, const at::Tensor& labels,
                                    const std::vector<data::Sample>& samples) {
  BatchScore batch;
  batch.counted = static_cast<std::int64_t>(samples.size());
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    RuleScore& rule = rules_[i];
    const std::int64_t right = rule.sums.top1_correct;
    batch.predictions.push_back(rule.sums.add(outputs.of_rules[i], labels));
    batch.correct.push_back(rule.sums.top1_correct - right);
    rule.calibration.add(batch.predictions.back(), labels);
    extend_curve(rule, batch.predictions.back(), labels);
  }
  compare(batch.predictions, labels, samples);
  return batch;
}

std::int64_t ClassificationScore::images() const { return rules_.empty() ? 0 : rules_.front().sums.images; }

RuleClasses ClassificationScore::classes(std::size_t rule) const { return {{}, rules_[rule].sums.per_class, {}}; }

void ClassificationScore::compare(const std::vector<Predictions>& predictions, const at::Tensor& labels,
                                  const std::vector<data::Sample>& samples) {
  for (std::size_t i = 0; source_ && i < rules_.size(); ++i) {
    if (i == *source_) {
      continue;
    }
    rules_[i].paired.add(predictions[*source_], predictions[i], labels);
    if (examples_ > 0) {
      add_examples(rules_[i].examples, predictions[*source_], predictions[i], samples);
      keep_examples(rules_[i].examples, examples_);
    }
  }
}

void ClassificationScore::extend_curve(RuleScore& rule, const Predictions& predictions, const at::Tensor& labels) {
  const at::Tensor own = labels.contiguous();
  const auto* label = own.data_ptr<std::int64_t>();
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    if (rule.curve.empty() || rule.curve.back().images == stretch_) {
      rule.curve.emplace_back();
    }
    ++rule.curve.back().images;
    rule.curve.back().correct += predictions[i].index == label[i] ? 1 : 0;
  }
}

Cell ClassificationScore::cell(std::size_t index) const {
  const RuleScore& rule = rules_[index];
  Cell cell;
  cell.scores = scores_of(rule);
  cell.bins.assign(rule.sums.bins.begin(), rule.sums.bins.end());
  cell.curve = rule.curve;
  if (source_ && index != *source_) {
    cell.change = change_of(rule.paired);
  }
  return cell;
}

}  // namespace ttscale::eval
