// SPDX-License-Identifier: MIT
// rotta's memory for the whole stream: which of the images of a forward come into which slots (Yuan et al. 2023,
// category-balanced sampling with timeliness and uncertainty). With K classes, of each image in turn:
//   an image of age a (images since it came) and entropy u of its prediction, 0 to 1, is dispensable by
//     h = timeliness / (1 + exp(-a / slots)) + uncertainty u;
//   while its class holds fewer than slots / K, it takes a free slot or, without any, competes with the classes that
//   hold most; else with its own. It takes the place of the most dispensable of them if that is more dispensable than
//   the image itself, and else does not come in. All ages then grow by one.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "stats/probabilities.h"
#include "stats/rules.h"
#include "stats/rules/rotta_state.h"

namespace ttscale::stats {
namespace {

using namespace rotta_state;

/// What is known of the images of a forward.
struct Predictions {
  at::Tensor label;        ///< [N], from 1 on
  at::Tensor uncertainty;  ///< [N], 0 to 1
  at::Tensor known;        ///< [N]: whether the scores say anything
  double classes = 1;
};

Predictions predictions_of(const at::Tensor& scores) {
  const bool classes = scores.dim() == 2 && scores.size(1) > 1 && scores.is_floating_point();
  if (!classes) {
    const at::Tensor one = at::ones({scores.size(0)}, scores.options().dtype(at::kDouble));
    return {one, one * 0, one > 0, 1};
  }
  const at::Tensor p = probabilities(scores);
  const at::Tensor known = p.isfinite().all(1);
  const at::Tensor entropy = -(p * p.log()).nan_to_num(0).sum(1);  // 0 log 0 is 0
  const auto count = static_cast<double>(scores.size(1));
  return {scores.to(at::kDouble).argmax(1).to(at::kDouble) + 1, entropy / std::log(count), known, count};
}

/// The slots of the memory, each number a tensor [slots].
class Slots {
 public:
  Slots(const rule::Rotta& rule, const at::Tensor& numbers)
      : rule_(rule), size_(static_cast<double>(numbers.size(1))), numbers_(numbers.clone()) {
    row(kFrom).zero_();
  }

  /// Offers image i of the predictions, the pending one of number `pending` from 1 on.
  void offer(const Predictions& images, std::int64_t i, double pending) {
    const at::Tensor label = images.label[i];
    const at::Tensor own = row(kClass) == label;
    const at::Tensor free = row(kClass) == 0;
    const at::Tensor room = free.any();
    const at::Tensor scarce = own.sum() < size_ / images.classes;
    const at::Tensor rivals = at::where(scarce, at::where(room, free, largest_classes()), own);

    const at::Tensor score = at::where(rivals, dispensable(row(kAge), row(kUncertainty)), -1.0);
    const at::Tensor slot = score.argmax();
    const at::Tensor newcomer = dispensable(at::zeros_like(images.uncertainty[i]), images.uncertainty[i]);
    const at::Tensor beaten =
        (score.max() > newcomer).logical_or(scarce.logical_and(room)).logical_and(images.known[i]);
    const at::Tensor here = (at::arange(numbers_.size(1), slot.options()) == slot).logical_and(beaten);
    put(kClass, here, label);
    put(kAge, here, at::zeros_like(label));
    put(kUncertainty, here, images.uncertainty[i]);
    put(kFrom, here, at::full_like(label, pending));
    row(kAge).add_(row(kClass) > 0);
  }

  [[nodiscard]] const at::Tensor& numbers() const { return numbers_; }

 private:
  [[nodiscard]] at::Tensor row(SlotBlock block) const { return numbers_.select(0, block); }

  void put(SlotBlock block, const at::Tensor& here, const at::Tensor& value) {
    row(block).copy_(at::where(here, value, row(block)));
  }

  /// The slots of the classes that hold the most.
  [[nodiscard]] at::Tensor largest_classes() const {
    const at::Tensor label = row(kClass);
    const at::Tensor count = (label.unsqueeze(0) == label.unsqueeze(1)).sum(1) * (label > 0);
    return count == count.max();
  }

  [[nodiscard]] at::Tensor dispensable(const at::Tensor& age, const at::Tensor& uncertainty) const {
    return rule_.timeliness * (age / size_).sigmoid() + rule_.uncertainty * uncertainty;
  }

  const rule::Rotta& rule_;
  double size_;
  at::Tensor numbers_;  ///< [kSlotBlocks, slots]
};

}  // namespace

void begin(const rule::Rotta&, at::Tensor& stream, bool) { stream[kForward].add_(1); }

void finish(const rule::Rotta& rule, const at::Tensor& scores, at::Tensor& stream) {
  if (scores.dim() == 0 || scores.size(0) == 0) {
    return;
  }
  const auto size = static_cast<std::int64_t>(rule.slots);
  at::Tensor numbers = stream.narrow(0, kSlots, kSlotBlocks * size).view({kSlotBlocks, size});
  const Predictions images = predictions_of(scores);
  Slots slots(rule, numbers);
  const std::int64_t first = std::max<std::int64_t>(0, scores.size(0) - size);
  for (std::int64_t i = first; i < scores.size(0); ++i) {
    slots.offer(images, i, static_cast<double>(i - first + 1));
  }
  const at::Tensor seen = stream[kLeft] + images.known.sum();
  const at::Tensor due = seen / rule.interval;
  const at::Tensor steps = rule.published ? due.floor() : due;
  const at::Tensor count = at::full_like(seen, static_cast<double>(scores.size(0)));
  const at::Tensor left = rule.published ? seen - steps * rule.interval : at::zeros_like(seen);
  const at::Tensor next = at::stack({stream[kForward], stream[kForward], count, steps, left});

  const at::Tensor first_output = stream[kAssigned] != stream[kForward];
  at::Tensor head = stream.narrow(0, 0, kSlots);
  numbers.copy_(at::where(first_output, slots.numbers(), numbers));
  head.copy_(at::where(first_output, next, head));
}

}  // namespace ttscale::stats
