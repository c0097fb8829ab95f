// SPDX-License-Identifier: MIT
// Plain, natural and numeric order of class names.
#include "data/class_order.h"

#include <algorithm>
#include <string_view>

#include "ttscale/error.h"

namespace ttscale::data {
namespace {

// By hand: the answers of <cctype> depend on the locale.
bool is_digit(char c) { return c >= '0' && c <= '9'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Takes the leading run of digits (or of anything else) off `text`.
std::string_view take_run(std::string_view& text, bool digits) {
  const auto end = std::find_if(text.begin(), text.end(), [digits](char c) { return is_digit(c) != digits; });
  const auto length = static_cast<std::size_t>(end - text.begin());
  const std::string_view run = text.substr(0, length);
  text.remove_prefix(length);
  return run;
}

int compare_numbers(std::string_view a, std::string_view b) {
  a.remove_prefix(std::min(a.find_first_not_of('0'), a.size()));
  b.remove_prefix(std::min(b.find_first_not_of('0'), b.size()));
  if (a.size() != b.size()) {
    return a.size() < b.size() ? -1 : 1;
  }
  return a.compare(b);
}

int compare_letters(std::string_view a, std::string_view b) {
  std::string lower_a(a);
  std::string lower_b(b);
  std::transform(lower_a.begin(), lower_a.end(), lower_a.begin(), lower);
  std::transform(lower_b.begin(), lower_b.end(), lower_b.begin(), lower);
  return lower_a.compare(lower_b);
}

int compare_naturally(std::string_view a, std::string_view b) {
  while (!a.empty() || !b.empty()) {
    if (const int letters = compare_letters(take_run(a, false), take_run(b, false)); letters != 0) {
      return letters;
    }
    if (a.empty() || b.empty()) {
      return static_cast<int>(!a.empty()) - static_cast<int>(!b.empty());
    }
    if (const int numbers = compare_numbers(take_run(a, true), take_run(b, true)); numbers != 0) {
      return numbers;
    }
  }
  return 0;
}

void check_numeric(const std::vector<std::string>& names) {
  for (const auto& name : names) {
    if (name.empty() || !std::all_of(name.begin(), name.end(), is_digit)) {
      throw DataError("class order numeric: expected class folders named by whole numbers, found '" + name +
                      "'; use lexical or natural, or give --class-map");
    }
  }
}

}  // namespace

bool natural_less(const std::string& a, const std::string& b) {
  const int compared = compare_naturally(a, b);
  return compared != 0 ? compared < 0 : a < b;
}

void sort_names(std::vector<std::string>& names, ClassOrder order) {
  if (order == ClassOrder::kNumeric) {
    check_numeric(names);
  }
  if (order == ClassOrder::kLexical) {
    std::sort(names.begin(), names.end());
  } else {
    std::sort(names.begin(), names.end(), natural_less);
  }
}

ClassOrder parse_class_order(const std::string& text) {
  if (text == "lexical") {
    return ClassOrder::kLexical;
  }
  if (text == "natural") {
    return ClassOrder::kNatural;
  }
  if (text == "numeric") {
    return ClassOrder::kNumeric;
  }
  throw UsageError("class_order: expected lexical, natural or numeric, found '" + text + "'");
}

}  // namespace ttscale::data
