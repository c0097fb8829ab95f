// SPDX-License-Identifier: MIT
// Signs, dashes and thin spaces.
#include "report/html/number.h"

#include <cmath>

#include "report/format.h"

namespace ttscale::report::html {
namespace {

constexpr const char* kMinus = "\u2212";
constexpr const char* kDash = "\u2013";
constexpr const char* kThinSpace = "\u202F";

Markup with_dash(double value, const std::string& words) {
  if (std::isfinite(value)) {
    return text(words);
  }
  return element("span", {{"class", "none"}, {"title", "no number: see the note on dashes"}}, text(words));
}

}  // namespace

std::string number_words(double value, int decimals) {
  if (!std::isfinite(value)) {
    return kDash;
  }
  const std::string digits = fixed(value, decimals);
  return digits.front() == '-' ? kMinus + digits.substr(1) : digits;
}

std::string signed_words(double value, int decimals) {
  const std::string words = number_words(value, decimals);
  const bool zero = words.find_first_of("123456789") == std::string::npos;
  return (value > 0 && !zero ? "+" : "") + words;
}

std::string count_words(std::int64_t count) {
  std::string digits = std::to_string(count);
  for (std::size_t end = digits.size(); end > 3 + (count < 0 ? 1U : 0U); end -= 3) {
    digits.insert(end - 3, kThinSpace);
  }
  return digits;
}

Markup number(double value, int decimals) { return with_dash(value, number_words(value, decimals)); }

Markup signed_number(double value, int decimals) { return with_dash(value, signed_words(value, decimals)); }

std::string interval_words(double low, double high, int decimals) {
  if (!std::isfinite(low) || !std::isfinite(high)) {
    return kDash;
  }
  return signed_words(low, decimals) + " to " + signed_words(high, decimals);
}

std::string p_value_words(double value) {
  constexpr double kLeast = 0.001;
  return std::isfinite(value) && value < kLeast ? "< 0.001" : number_words(value, 3);
}

}  // namespace ttscale::report::html
