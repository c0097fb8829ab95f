// SPDX-License-Identifier: MIT
// The texts of the rules: names, fields, bounds.
#include <limits>
#include <tuple>

#include "base/option_text.h"
#include "ttscale/rule.h"

namespace ttscale {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr Bounds kShare{0, 1};
constexpr Bounds kCount{0, kInfinity};
constexpr Bounds kPositive{0, kInfinity, /*open_low=*/true};
constexpr Bounds kBlock{1, kInfinity};

const Choices<Variance>& variances() {
  static const Choices<Variance> choices{{"biased", Variance::kBiased}, {"unbiased", Variance::kUnbiased}};
  return choices;
}
const Choices<Mixing>& mixings() {
  static const Choices<Mixing> choices{{"convex", Mixing::kConvex}, {"total", Mixing::kTotal}};
  return choices;
}
const Choices<Order>& orders() {
  static const Choices<Order> choices{{"update-use", Order::kUpdateUse}, {"use-update", Order::kUseUpdate}};
  return choices;
}

const Choices<Part>& parts() {
  static const Choices<Part> choices{{"both", Part::kBoth}, {"mean", Part::kMean}, {"variance", Part::kVariance}};
  return choices;
}

const char* name(const rule::Source&) { return "source"; }
const char* name(const rule::Batch&) { return "batch"; }
const char* name(const rule::Prior&) { return "prior"; }
const char* name(const rule::Alpha&) { return "alpha"; }
const char* name(const rule::Ema&) { return "ema"; }
const char* name(const rule::Cumulative&) { return "cumulative"; }
const char* name(const rule::Dua&) { return "dua"; }
const char* name(const rule::Auto&) { return "auto"; }

template <typename R, typename Visitor>
void auto_fields(R& rule, Visitor& visit) {
  visit("weight", rule.weight, kShare);
  visit("shift", rule.shift, kPositive);
  visit("count", rule.count, kCount);
  visit("correlation", rule.correlation, kShare);
  visit("spread", rule.spread, kCount);
  visit("positions", rule.positions, kCount);
  visit("memory", rule.memory, kPositive);
  visit("memory_diverse", rule.memory_diverse, kPositive);
  visit("jump", rule.jump, kPositive);
  visit("surprise", rule.surprise, kPositive);
  visit("restraint", rule.restraint, kCount);
  visit("concentration", rule.concentration, kShare);
  visit("block", rule.block, kBlock);
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
  }
}

template <typename R, typename Visitor>
void fields(R& rule, Visitor& visit) {
  using T = std::remove_const_t<R>;
  own_fields(rule, visit);
  if constexpr (!std::is_same_v<T, rule::Source> && !std::is_same_v<T, rule::Auto>) {
    constexpr bool kHasState =
        std::is_same_v<T, rule::Ema> || std::is_same_v<T, rule::Cumulative> || std::is_same_v<T, rule::Dua>;
    if constexpr (kHasState) {
      visit("order", rule.order, orders());
    }
    visit("variance", rule.variance, variances());
    if constexpr (!std::is_same_v<T, rule::Batch>) {
      visit("mixing", rule.mixing, mixings());
    }
    visit("part", rule.part, parts());
    visit("eps", rule.eps, kPositive);
  }
}

template <std::size_t... I>
std::vector<Rule> defaults(std::index_sequence<I...>) {
  return {Rule(std::variant_alternative_t<I, Rule>{})...};
}
std::vector<Rule> default_rules() { return defaults(std::make_index_sequence<std::variant_size_v<Rule>>{}); }

std::string name_of(const Rule& rule) {
  return std::visit([](const auto& r) { return std::string(name(r)); }, rule);
}

std::vector<FieldWriter::Field> fields_of(const Rule& rule) {
  FieldWriter writer;
  std::visit([&](const auto& r) { fields(r, writer); }, rule);
  return writer.fields();
}

}  // namespace

Rule parse_rule(const std::string& text) {
  const OptionText parts = split_option_text("rule", text);
  std::vector<std::string> names;
  for (Rule& rule : default_rules()) {
    names.push_back(name_of(rule));
    if (names.back() == parts.name) {
      FieldReader reader(parts);
      std::visit([&](auto& r) { fields(r, reader); }, rule);
      reader.finish();
      validate(rule);
      return rule;
    }
  }
  throw_unknown_name("rule", parts.name, names);
}

void validate(const Rule& rule) {
  const FieldChecker checker(name_of(rule));
  std::visit([&](const auto& r) { fields(r, checker); }, rule);
  if (const auto* dua = std::get_if<rule::Dua>(&rule)) {
    check_number("dua", "initial * decay + floor, the first momentum,", dua->initial * dua->decay + dua->floor, kShare);
  }
}

std::string to_string(const Rule& rule) {
  return option_text(name_of(rule), fields_of(rule), fields_of(default_rules()[rule.index()]));
}

std::string describe_rules() {
  std::string out;
  for (const Rule& rule : default_rules()) {
    std::vector<std::string> parts;
    for (const auto& field : fields_of(rule)) {
      parts.push_back(field.name + "=" + (field.value.empty() ? "layer's" : field.value) + " (" + field.allowed + ")");
    }
    out += "  " + name_of(rule) + (parts.empty() ? "" : ": " + join(parts)) + "\n";
  }
  return out;
}

}  // namespace ttscale
