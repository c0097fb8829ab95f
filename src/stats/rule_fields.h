// SPDX-License-Identifier: MIT
// The rules as options: names, fields, bounds. One place that reading, writing, checking and help share.
#pragma once

#include <limits>
#include <type_traits>

#include "base/option_text.h"
#include "stats/rule_traits.h"
#include "ttscale/rule.h"

namespace ttscale::rule_fields {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();
inline constexpr Bounds kShare{0, 1};
inline constexpr Bounds kCount{0, kInfinity};
inline constexpr Bounds kPositive{0, kInfinity, /*open_low=*/true};
inline constexpr Bounds kSample{0, 1, /*open_low=*/true};
inline constexpr Bounds kFromOne{1, kInfinity};
inline constexpr Bounds kMany{1, 1024};
inline constexpr Bounds kManyOrNone{0, 1024};

inline const Choices<Variance>& variances() {
  static const Choices<Variance> choices{{"biased", Variance::kBiased}, {"unbiased", Variance::kUnbiased}};
  return choices;
}
inline const Choices<Mixing>& mixings() {
  static const Choices<Mixing> choices{{"convex", Mixing::kConvex}, {"total", Mixing::kTotal}};
  return choices;
}
inline const Choices<Order>& orders() {
  static const Choices<Order> choices{{"update-use", Order::kUpdateUse}, {"use-update", Order::kUseUpdate}};
  return choices;
}

inline const Choices<bool>& lags() {
  static const Choices<bool> choices{{"0", false}, {"1", true}};
  return choices;
}
inline const Choices<MomentumTable>& tables() {
  static const Choices<MomentumTable> choices{{"cifar", MomentumTable::kCifar}, {"imagenet", MomentumTable::kImageNet}};
  return choices;
}
inline const Choices<Part>& parts() {
  static const Choices<Part> choices{{"both", Part::kBoth}, {"mean", Part::kMean}, {"variance", Part::kVariance}};
  return choices;
}

inline const char* name(const rule::Source&) { return "source"; }
inline const char* name(const rule::Batch&) { return "batch"; }
inline const char* name(const rule::Prior&) { return "prior"; }
inline const char* name(const rule::Alpha&) { return "alpha"; }
inline const char* name(const rule::Ema&) { return "ema"; }
inline const char* name(const rule::Cumulative&) { return "cumulative"; }
inline const char* name(const rule::Dua&) { return "dua"; }
inline const char* name(const rule::Auto&) { return "auto"; }
inline const char* name(const rule::Iabn&) { return "iabn"; }
inline const char* name(const rule::Rbn&) { return "rbn"; }
inline const char* name(const rule::Tbr&) { return "tbr"; }
inline const char* name(const rule::AdaMixBn&) { return "adamixbn"; }
inline const char* name(const rule::UnMixTns&) { return "unmixtns"; }
inline const char* name(const rule::MedBn&) { return "medbn"; }
inline const char* name(const rule::MixNorm&) { return "mixnorm"; }
inline const char* name(const rule::Tema&) { return "tema"; }
inline const char* name(const rule::Rotta&) { return "rotta"; }
inline const char* name(const rule::Ttn&) { return "ttn"; }

/// The word that asks for what the authors' code does.
inline constexpr const char* kPublished = "published";

template <typename R, typename Visitor>
void auto_fields(R& rule, Visitor& visit) {
  visit("weight", rule.weight, kShare);
  visit("shift", rule.shift, kPositive);
  visit("count", rule.count, kCount);
  visit("correlation", rule.correlation, kCount);
  visit("spread", rule.spread, kCount);
  visit("positions", rule.positions, kCount);
  visit("memory", rule.memory, kPositive);
  visit("memory_diverse", rule.memory_diverse, kPositive);
  visit("jump", rule.jump, kPositive);
  visit("surprise", rule.surprise, kPositive);
  visit("distinct", rule.distinct, kPositive);
  visit("few_classes", rule.few_classes, kFromOne);
  visit("restraint", rule.restraint, kCount);
  visit("concentration", rule.concentration, kShare);
  visit("block", rule.block, kFromOne);
  visit("neighbours", rule.neighbours, kManyOrNone);
  visit("alike", rule.alike, kMany);
  visit("apart", rule.apart, kPositive);
}

template <typename R, typename Visitor>
void preset_fields(R& rule, Visitor& visit) {
  using T = std::remove_const_t<R>;
  if constexpr (stats::has_published<T>) {
    visit(kPublished, rule.published);
  }
  if constexpr (std::is_same_v<T, rule::Iabn>) {
    visit("k", rule.k, kCount);
  } else if constexpr (std::is_same_v<T, rule::Rbn> || std::is_same_v<T, rule::Tbr>) {
    visit("momentum", rule.momentum, kShare);
  } else if constexpr (std::is_same_v<T, rule::UnMixTns>) {
    visit("components", rule.components, kMany);
    visit("momentum", rule.momentum, kShare);
    visit("batch", rule.batch, kPositive);
    visit("alpha", rule.alpha, kShare);
    visit("temperature", rule.temperature, kPositive);
  } else if constexpr (std::is_same_v<T, rule::MixNorm>) {
    visit("weight", rule.weight, kShare);
    visit("momentum", rule.momentum, kShare);
  } else if constexpr (std::is_same_v<T, rule::Tema>) {
    visit("table", rule.table, tables());
  } else if constexpr (std::is_same_v<T, rule::Rotta>) {
    visit("momentum", rule.momentum, kShare);
    visit("slots", rule.slots, kMany);
    visit("interval", rule.interval, kPositive);
    visit("timeliness", rule.timeliness, kCount);
    visit("uncertainty", rule.uncertainty, kCount);
  }
}

template <typename R, typename Visitor>
void own_fields(R& rule, Visitor& visit) {
  using T = std::remove_const_t<R>;
  if constexpr (std::is_same_v<T, rule::Prior> || std::is_same_v<T, rule::Cumulative>) {
    visit("count", rule.count, kCount);
  } else if constexpr (std::is_same_v<T, rule::Alpha>) {
    visit("weight", rule.weight, kShare);
  } else if constexpr (std::is_same_v<T, rule::Ema>) {
    visit("momentum", rule.momentum, kShare);
  } else if constexpr (std::is_same_v<T, rule::Dua>) {
    visit("initial", rule.initial, kShare);
    visit("decay", rule.decay, kShare);
    visit("floor", rule.floor, kShare);
  } else if constexpr (std::is_same_v<T, rule::Auto>) {
    auto_fields(rule, visit);
  } else {
    preset_fields(rule, visit);
  }
}

/// Calls the visitor with every field of the rule.
template <typename R, typename Visitor>
void fields(R& rule, Visitor& visit) {
  using T = std::remove_const_t<R>;
  own_fields(rule, visit);
  if constexpr (stats::has_common_fields<T>) {
    if constexpr (stats::has_order<T>) {
      visit("order", rule.order, orders());
    }
    visit("variance", rule.variance, variances());
    if constexpr (!std::is_same_v<T, rule::Batch>) {
      visit("mixing", rule.mixing, mixings());
    }
    visit("part", rule.part, parts());
    visit("eps", rule.eps, kPositive);
    visit("sample", rule.sample, kSample);
    visit("lag", rule.lag, lags());
  }
}

}  // namespace ttscale::rule_fields
