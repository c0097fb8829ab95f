// SPDX-License-Identifier: MIT
// When to trust, to doubt and to go back.
#include "adapt/watch.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <c10/util/StringUtil.h>

namespace ttscale {
namespace {

/// Images after the first are compared in groups of so many where batches are that large: one forward of 16 is cheaper
/// than 16 forwards.
constexpr std::int64_t kGroup = 16;
/// Evidence below this is none, whatever it says.
constexpr double kFewestImages = 16;
constexpr double kFewestBatches = 2;
/// Standard errors: to act, and to let the statistics rest until more is known.
constexpr double kSure = 2;
constexpr double kDoubt = 1;
/// A loss of so much accuracy is not met by adapting half as much.
constexpr double kLargeLoss = 0.1;
/// Images that must speak for adapting before it is trusted again, doubled with every retreat: no swinging to and fro.
constexpr std::int64_t kPatience = 32;
constexpr std::int64_t kMostDoublings = 5;
constexpr std::size_t kMostDecisions = 1000;

}  // namespace

std::vector<std::int64_t> Watch::due(std::int64_t images) {
  seen_ += images;
  if (!on() || images == 0) {
    return {};
  }
  std::int64_t group = 0;
  if (compared_ < Guard::kFirstImages) {
    group = std::min(images, Guard::kFirstImages - compared_);
  } else if (static_cast<double>(groups_) < kFewestBatches) {
    // One batch, however large, is no evidence: the next ones in part.
    group = std::min(images, kGroup);
  } else {
    const double share = guard_.fraction * static_cast<double>(images);
    credit_ += share;
    group = std::max(static_cast<std::int64_t>(std::ceil(share)), std::min(images, kGroup));
    if (credit_ + 1e-9 < static_cast<double>(group)) {
      return {};
    }
    credit_ = std::max(0.0, credit_ - static_cast<double>(group));
  }
  std::vector<std::int64_t> out;
  for (std::int64_t i = 0; i < group; ++i) {
    out.push_back(i * images / group);
  }
  return out;
}

Watch::Memory Watch::add(const at::Tensor& source, const at::Tensor& adapted) {
  const at::Tensor before = stats::class_probabilities(source);
  const at::Tensor after = stats::class_probabilities(adapted);
  if (!before.defined() || !after.defined() || before.sizes() != after.sizes()) {
    stop_watching(c10::str("the output of shape ", source.sizes(), " holds no class scores [N, K] or [N, K, H, W]"));
    return Memory::kGoOn;
  }
  compared_ += before.size(0);
  classes_ = before.size(1);
  since_ += before.size(0);
  ++groups_;
  comparison_.add(before, after);
  return decide();
}

Watch::Memory Watch::decide() {
  const GuardEvidence found = evidence();
  if (found.images < kFewestImages || found.batches < kFewestBatches) {
    return Memory::kGoOn;
  }
  if (answer_ == Answer::kSource) {
    watch_source();
    return Memory::kGoOn;
  }
  return watch_adapted();
}

Watch::Memory Watch::watch_adapted() {
  const GuardEvidence found = evidence();
  if (found.gain + kSure * found.error < 0) {
    ++retreats_;
    if (answer_ == Answer::kAdapted && blends_ && found.gain > -kLargeLoss) {
      change(Answer::kBlended);
      return Memory::kGoOn;
    }
    change(Answer::kSource);
    return Memory::kGoBack;
  }
  const bool sure = found.gain - kSure * found.error > 0;
  if (sure && answer_ == Answer::kBlended && since_ >= patience()) {
    change(Answer::kAdapted);
    return Memory::kMark;
  }
  const bool doubts = found.gain + kDoubt * found.error < 0;
  if (doubts != holds_) {
    holds_ = doubts;
    log();
  }
  return sure ? Memory::kMark : Memory::kGoOn;
}

void Watch::watch_source() {
  const GuardEvidence found = evidence();
  if (found.gain - kSure * found.error > 0 && since_ >= patience()) {
    change(blends_ ? Answer::kBlended : Answer::kAdapted);
  }
}

void Watch::change(Answer answer) {
  answer_ = answer;
  holds_ = false;
  since_ = 0;
  log();
  comparison_.change_adapted();
}

void Watch::log() {
  if (decisions_.size() < kMostDecisions) {
    decisions_.push_back({seen_, action(), evidence()});
  }
}

std::int64_t Watch::patience() const {
  return kPatience << std::min(std::max<std::int64_t>(retreats_ - 1, 0), kMostDoublings);
}

void Watch::give_up(std::string reason) {
  unable_ = std::move(reason);
  answer_ = Answer::kAdapted;  // nobody would ever change it again
  holds_ = false;
}

void Watch::stop_watching(std::string reason) {
  if (answer_ == Answer::kSource) {
    unable_ = std::move(reason);
  } else {
    give_up(std::move(reason));
  }
}

void Watch::go_back(const Watch& then) {
  const std::string reason = unable_;
  *this = then;
  if (!reason.empty()) {
    stop_watching(reason);
  }
}

void Watch::reset() {
  Watch next(guard_, blends_);
  next.unable_ = unable_;
  *this = std::move(next);
}

at::Tensor Watch::numbers() const {
  const std::vector<double> own{static_cast<double>(answer_),
                                holds_ ? 1.0 : 0.0,
                                credit_,
                                static_cast<double>(seen_),
                                static_cast<double>(compared_),
                                static_cast<double>(since_),
                                static_cast<double>(groups_),
                                static_cast<double>(classes_),
                                static_cast<double>(retreats_)};
  return at::cat({at::tensor(own, at::kDouble), comparison_.numbers()});
}

bool Watch::from_numbers(const at::Tensor& numbers) {
  constexpr std::int64_t kOwn = 9;
  constexpr double kMost = 9007199254740992.0;  // whole numbers of a double
  if (numbers.dim() != 1 || numbers.numel() < kOwn || !numbers.ge(0).narrow(0, 0, kOwn).all().item<bool>() ||
      !numbers.le(kMost).narrow(0, 0, kOwn).all().item<bool>()) {
    return false;
  }
  const auto whole = [&](std::int64_t i) { return static_cast<std::int64_t>(numbers[i].item<double>()); };
  Watch next(guard_, blends_);
  next.unable_ = unable_;
  if (whole(0) > static_cast<std::int64_t>(Answer::kSource) ||
      !next.comparison_.from_numbers(numbers.narrow(0, kOwn, numbers.numel() - kOwn))) {
    return false;
  }
  next.answer_ = static_cast<Answer>(whole(0));
  next.holds_ = whole(1) != 0;
  next.credit_ = numbers[2].item<double>();
  next.seen_ = whole(3);
  next.compared_ = whole(4);
  next.since_ = whole(5);
  next.groups_ = whole(6);
  next.classes_ = whole(7);
  next.retreats_ = whole(8);
  *this = std::move(next);
  return true;
}

GuardAction Watch::action() const {
  if (answer_ == Answer::kSource) {
    return GuardAction::kRollBack;
  }
  if (holds_) {
    return GuardAction::kHold;
  }
  return answer_ == Answer::kBlended ? GuardAction::kBlend : GuardAction::kKeep;
}

GuardEvidence Watch::evidence() const {
  const stats::Comparison::Summary found = comparison_.summary();
  return {found.images,
          found.batches,
          found.gain,
          found.error,
          found.agreement,
          found.source_confidence,
          found.adapted_confidence,
          found.source_classes,
          found.adapted_classes};
}

GuardReport Watch::report() const {
  return {guard_, unable_, {}, compared_, classes_, action(), evidence(), decisions_};
}

}  // namespace ttscale
