// SPDX-License-Identifier: MIT
// The texts of the input scalings.
#include <limits>

#include "base/option_text.h"
#include "ttscale/error.h"
#include "ttscale/input.h"

namespace ttscale {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr Bounds kAny{-kInfinity, kInfinity};
constexpr Bounds kShare{0, 1};

const Choices<InputScope>& scopes() {
  static const Choices<InputScope> choices{
      {"batch", InputScope::kBatch}, {"image", InputScope::kImage}, {"channel", InputScope::kChannel}};
  return choices;
}

template <typename Options, typename Visitor>
void fields(Options& options, Visitor& visit) {
  if constexpr (std::is_same_v<std::remove_const_t<Options>, MinMax>) {
    visit("low", options.low, kAny);
    visit("high", options.high, kAny);
    visit("lower-quantile", options.lower_quantile, kShare);
    visit("upper-quantile", options.upper_quantile, kShare);
  }
  visit("scope", options.scope, scopes());
}

template <typename Options>
InputScaling read(const OptionText& text) {
  Options options;
  FieldReader reader(text);
  fields(options, reader);
  reader.finish();
  return options;
}

template <typename Options>
std::string write(const char* name, const Options& options) {
  FieldWriter writer;
  FieldWriter defaults;
  const Options standard;
  fields(options, writer);
  fields(standard, defaults);
  return option_text(name, writer.fields(), defaults.fields());
}

void check_reference(const std::string& name, const std::vector<double>& mean, const std::vector<double>& std) {
  if (mean.empty() || std.empty()) {
    throw UsageError(name + ": mean and std must have one value or one per channel, found none");
  }
  for (const double value : mean) {
    check_number(name, "mean", value, kAny);
  }
  for (const double value : std) {
    check_number(name, "std", value, {0, kInfinity, /*open_low=*/true});
  }
}

void check_range(const MinMax& options) {
  FieldChecker checker("min-max");
  fields(options, checker);
  check_number("min-max", "high", options.high, {options.low, kInfinity, /*open_low=*/true});
  check_number("min-max", "upper-quantile", options.upper_quantile, {options.lower_quantile, 1, /*open_low=*/true});
}

}  // namespace

InputScaling parse_input_scaling(const std::string& text) {
  const OptionText parts = split_option_text("input scaling", text);
  InputScaling scaling;
  if (parts.name == "standardize") {
    scaling = read<Standardize>(parts);
  } else if (parts.name == "min-max") {
    scaling = read<MinMax>(parts);
  } else if (parts.name == "none") {
    FieldReader(parts).finish();
  } else {
    throw_unknown_name("input scaling", parts.name, {"none", "standardize", "min-max"});
  }
  validate(scaling);
  return scaling;
}

std::string to_string(const InputScaling& scaling) {
  if (const auto* chosen = std::get_if<Standardize>(&scaling)) {
    return write("standardize", *chosen);
  }
  if (const auto* chosen = std::get_if<MinMax>(&scaling)) {
    return write("min-max", *chosen);
  }
  return "none";
}

void validate(const InputScaling& scaling) {
  if (const auto* chosen = std::get_if<Standardize>(&scaling)) {
    check_reference("standardize", chosen->mean, chosen->std);
  } else if (const auto* chosen_range = std::get_if<MinMax>(&scaling)) {
    check_range(*chosen_range);
    check_reference("min-max", chosen_range->mean, chosen_range->std);
  }
}

}  // namespace ttscale
