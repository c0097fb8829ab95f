// SPDX-License-Identifier: MIT
// Adds images one by one: the bootstrap needs the areas of each.
#include "eval/segmentation_score.h"

#include <ATen/ATen.h>

namespace ttscale::eval {
namespace {

double percent(double share) { return 100 * share; }

std::int64_t count(const at::Tensor& mask) { return mask.sum().item<std::int64_t>(); }

}  // namespace

SegmentationScore::SegmentationScore(std::size_t rules, std::optional<std::size_t> source, std::int64_t ignore_index)
    : rules_(rules), source_(source), ignore_index_(ignore_index) {
  for (RuleSums& rule : rules_) {
    rule.confusion.ignore_index = ignore_index;
  }
}

std::vector<SegmentationScore::Areas> SegmentationScore::add_rule(std::size_t rule, const at::Tensor& predictions,
                                                                  const at::Tensor& labels, std::int64_t classes) {
  std::vector<Areas> areas;
  for (std::int64_t i = 0; i < labels.size(0); ++i) {
    metrics::Segmentation image;
    image.ignore_index = ignore_index_;
    image.add_classes(predictions.narrow(0, i, 1), labels.narrow(0, i, 1), classes);
    rules_[rule].confusion.merge(image);
    areas.push_back(image.class_areas());
  }
  return areas;
}

void SegmentationScore::compare(RuleSums& rule, const at::Tensor& source, const at::Tensor& adapted,
                                const at::Tensor& labels) const {
  const at::Tensor counts = labels.ne(ignore_index_);
  const at::Tensor before = source.eq(labels).logical_and(counts);
  const at::Tensor after = adapted.eq(labels).logical_and(counts);
  rule.broken += count(before.logical_and(after.logical_not()));
  rule.repaired += count(after.logical_and(before.logical_not()));
  rule.changed += count(source.ne(adapted).logical_and(counts));
}

BatchScore SegmentationScore::add(const Outputs& outputs, const at::Tensor& labels,
                                  const std::vector<data::Sample>& /*samples*/) {
  BatchScore batch;
  std::vector<std::vector<Areas>> areas;
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    const std::int64_t right = rules_[i].confusion.right();
    areas.push_back(add_rule(i, outputs.of_rules[i], labels, outputs.classes));
    batch.correct.push_back(rules_[i].confusion.right() - right);
  }
  batch.counted = count(labels.ne(ignore_index_));
  for (std::size_t i = 0; source_ && i < rules_.size(); ++i) {
    if (i == *source_) {
      continue;
    }
    compare(rules_[i], outputs.of_rules[*source_], outputs.of_rules[i], labels);
    for (std::size_t image = 0; image < areas[i].size(); ++image) {
      rules_[i].paired.add(areas[*source_][image], areas[i][image]);
    }
  }
  return batch;
}

std::int64_t SegmentationScore::images() const { return rules_.empty() ? 0 : rules_.front().confusion.images; }

Cell SegmentationScore::cell(std::size_t index) const {
  const RuleSums& rule = rules_[index];
  Cell cell;
  cell.scores.images = rule.confusion.images;
  cell.scores.non_finite = rule.confusion.non_finite;
  cell.scores.miou = percent(rule.confusion.mean_iou());
  cell.scores.pixel_accuracy = percent(rule.confusion.pixel_accuracy());
  cell.scores.mean_class = percent(rule.confusion.mean_class_accuracy());
  if (source_ && index != *source_) {
    const metrics::Interval interval = rule.paired.interval();
    cell.change = {rule.broken,           rule.repaired,          rule.changed,
                   percent(interval.low), percent(interval.high), Scores::kNone};
  }
  return cell;
}

RuleClasses SegmentationScore::classes(std::size_t rule) const {
  return {{}, {}, rules_[rule].confusion.class_areas()};
}

}  // namespace ttscale::eval
