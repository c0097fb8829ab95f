// SPDX-License-Identifier: MIT
// The texts of the rules.
#include <algorithm>
#include <cmath>
#include <tuple>

#include "base/option_text.h"
#include "stats/rule_fields.h"
#include "stats/rule_traits.h"
#include "ttscale/error.h"
#include "ttscale/rule.h"

namespace ttscale {
namespace {

using rule_fields::fields;
using rule_fields::kPublished;
using rule_fields::name;

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

bool has_published(const Rule& rule) {
  return std::visit([](const auto& r) { return stats::has_published<std::decay_t<decltype(r)>>; }, rule);
}

void check_published(const OptionText& text, const Rule& rule) {
  if (std::any_of(text.fields.begin(), text.fields.end(),
                  [](const auto& field) { return field.first == kPublished; })) {
    throw UsageError("'" + std::string(kPublished) + "' takes no value; write " + text.name + ":" + kPublished);
  }
  if (!text.has_word(kPublished) || has_published(rule)) {
    return;
  }
  std::vector<std::string> names;
  for (const Rule& other : default_rules()) {
    if (has_published(other)) {
      names.push_back(name_of(other));
    }
  }
  throw UsageError("'" + text.name +
                   "' has no variant 'published': it is what was published; rules with such a variant: " + join(names));
}

void check_whole(const std::string& rule, const std::string& field, double value) {
  if (std::floor(value) != value) {
    throw UsageError(rule + ": " + field + " must be a whole number, found " + number_text(value));
  }
}

/// What sampling does not go with.
void check_sample(const Rule& rule) {
  std::visit(
      [&](const auto& r) {
        if constexpr (stats::has_common_fields<std::decay_t<decltype(r)>>) {
          if (r.lag && r.sample == 1) {
            throw UsageError(name_of(rule) +
                             ": lag=1 is for images that are not measured, and sample=1 measures all; set a sample "
                             "below 1, such as sample=1/4, or leave lag out");
          }
        }
        if constexpr (stats::has_order<std::decay_t<decltype(r)>>) {
          if (r.order == Order::kUseUpdate && r.sample < 1) {
            throw UsageError(name_of(rule) + ": sample=" + number_text(r.sample) +
                             " does not go with order=use-update; use lag=1, or leave one of them out");
          }
        }
      },
      rule);
}

/// What fields cannot say of a rule; for the help.
const char* note(const Rule& rule) {
  if (std::holds_alternative<rule::MixNorm>(rule)) {
    return "of the image as it is: augmented views are the caller's business";
  }
  if (std::holds_alternative<rule::Tema>(rule)) {
    return "one forward a batch, not two: weights rest on the forward before";
  }
  if (std::holds_alternative<rule::UnMixTns>(rule)) {
    return "at feature sites (--reference) not the same as in BatchNorm layers";
  }
  if (std::holds_alternative<rule::Rotta>(rule)) {
    return "needs class scores; holds moments of 2 * slots images at each layer";
  }
  if (std::holds_alternative<rule::Ttn>(rule)) {
    return "needs weights, which `ttscale calibrate --shift` measures (--reference)";
  }
  return nullptr;
}

std::string describe(const FieldWriter::Field& field) {
  return field.is_word
             ? field.name
             : field.name + "=" + (field.value.empty() ? "layer's" : field.value) + " (" + field.allowed + ")";
}

}  // namespace

Rule parse_rule(const std::string& text) {
  const OptionText parts = split_option_text("rule", text, {kPublished});
  std::vector<std::string> names;
  for (Rule& rule : default_rules()) {
    names.push_back(name_of(rule));
    if (names.back() == parts.name) {
      check_published(parts, rule);
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
    check_number("dua", "initial * decay + floor, the first momentum,", dua->initial * dua->decay + dua->floor,
                 rule_fields::kShare);
  }
  check_sample(rule);
  if (const auto* automatic = std::get_if<rule::Auto>(&rule)) {
    check_whole("auto", "neighbours", automatic->neighbours);
    check_whole("auto", "alike", automatic->alike);
  }
  if (const auto* unmixtns = std::get_if<rule::UnMixTns>(&rule)) {
    check_whole("unmixtns", "components", unmixtns->components);
  }
  if (const auto* rotta = std::get_if<rule::Rotta>(&rule)) {
    check_whole("rotta", "slots", rotta->slots);
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
      parts.push_back(describe(field));
    }
    out += "  " + name_of(rule) + (parts.empty() ? "" : ": " + join(parts));
    out += (note(rule) == nullptr ? "" : "; " + std::string(note(rule))) + "\n";
  }
  return out;
}

}  // namespace ttscale
