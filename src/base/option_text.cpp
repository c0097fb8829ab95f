// SPDX-License-Identifier: MIT
// Splitting, number parsing and messages of option texts.
#include "base/option_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <sstream>
#include <string_view>

#include "base/message_text.h"
#include "ttscale/error.h"

namespace ttscale {
namespace {

std::string bounds_text(const Bounds& bounds) {
  const std::string low = number_text(bounds.low);
  if (std::isinf(bounds.high)) {
    return std::isinf(bounds.low) ? "a finite number" : (bounds.open_low ? "a number > " : "a number >= ") + low;
  }
  return "a number from " + low + (bounds.open_low ? " (excluded) to " : " to ") + number_text(bounds.high);
}

std::optional<double> finite_number(std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);  // no locale: a decimal comma can never appear
  const bool read = result.ec == std::errc() && result.ptr == end && std::isfinite(value);
  return read ? std::optional(value) : std::nullopt;
}

}  // namespace

bool OptionText::has_word(const std::string& word) const {
  return std::find(words.begin(), words.end(), word) != words.end();
}

OptionText split_option_text(const std::string& what, const std::string& text, const std::vector<std::string>& words) {
  const auto colon = text.find(':');
  OptionText out{text.substr(0, colon), {}, {}};
  if (colon == std::string::npos) {
    return out;
  }
  if (text.back() == ':' || text.back() == ',') {
    throw UsageError(what + " '" + shown(text) + "': expected field=value after '" + text.back() + "', found nothing");
  }
  std::istringstream rest(text.substr(colon + 1));
  for (std::string pair; std::getline(rest, pair, ',');) {
    if (std::find(words.begin(), words.end(), pair) != words.end()) {
      if (out.has_word(pair)) {
        throw UsageError(what + " '" + shown(text) + "': '" + pair + "' stands twice");
      }
      out.words.push_back(pair);
      continue;
    }
    const auto equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw UsageError(what + " '" + shown(text) + "': expected field=value after the colon, found '" + shown(pair) +
                       "'");
    }
    std::string name = pair.substr(0, equals);
    if (std::any_of(out.fields.begin(), out.fields.end(), [&](const auto& field) { return field.first == name; })) {
      throw UsageError(what + " '" + shown(text) + "': field '" + shown(name) + "' is set twice");
    }
    out.fields.emplace_back(std::move(name), pair.substr(equals + 1));
  }
  return out;
}

void check_number(const std::string& option, const std::string& field, double value, const Bounds& bounds) {
  const bool above = bounds.open_low ? value > bounds.low : value >= bounds.low;
  if (!std::isfinite(value) || !above || value > bounds.high) {
    throw UsageError(option + ": " + field + " must be " + bounds_text(bounds) + ", found " + number_text(value));
  }
}

double read_number(const std::string& option, const std::string& field, const std::string& text, const Bounds& bounds) {
  const auto slash = text.find('/');
  const auto above = finite_number(std::string_view(text).substr(0, slash));
  const auto below =
      slash == std::string::npos ? std::optional(1.0) : finite_number(std::string_view(text).substr(slash + 1));
  const double value = above && below ? *above / *below : std::nan("");
  if (!std::isfinite(value)) {
    throw UsageError(option + ": " + field + " must be " + bounds_text(bounds) + ", found '" + shown(text) + "'");
  }
  check_number(option, field, value, bounds);
  return value;
}

std::string number_text(double value) {
  std::array<char, 32> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return {buffer.data(), result.ptr};
}

std::string join(const std::vector<std::string>& words, const char* separator) {
  std::string out;
  for (const auto& word : words) {
    out += (out.empty() ? "" : separator) + word;
  }
  return out;
}

void throw_unknown_choice(const std::string& option, const std::string& field, const std::string& text,
                          const std::vector<std::string>& valid) {
  throw UsageError(option + ": " + field + " must be one of " + join(valid) + "; found '" + shown(text) + "'");
}

void throw_unknown_field(const std::string& option, const std::string& field, const std::vector<std::string>& valid) {
  throw UsageError("'" + option + "' has no field '" + shown(field) + "'" +
                   (valid.empty() ? "; it takes none" : "; its fields are " + join(valid)));
}

void throw_unknown_name(const std::string& what, const std::string& name, const std::vector<std::string>& valid) {
  throw UsageError("unknown " + what + " '" + shown(name) + "'; expected one of " + join(valid));
}

std::optional<std::string> FieldReader::take(const char* name) {
  known_.emplace_back(name);
  const auto found =
      std::find_if(text_.fields.begin(), text_.fields.end(), [&](const auto& field) { return field.first == name; });
  return found == text_.fields.end() ? std::nullopt : std::optional<std::string>(found->second);
}

void FieldReader::finish() const {
  for (const auto& field : text_.fields) {
    if (std::find(known_.begin(), known_.end(), field.first) == known_.end()) {
      throw_unknown_field(text_.name, field.first, known_);
    }
  }
}

void FieldWriter::add(const char* name, std::string value, const Bounds& bounds) {
  fields_.push_back({name, std::move(value), bounds_text(bounds), false});
}

std::string option_text(const std::string& name, const std::vector<FieldWriter::Field>& fields,
                        const std::vector<FieldWriter::Field>& defaults) {
  std::string out;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].value != defaults[i].value) {
      out += (out.empty() ? ":" : ",") + fields[i].name + (fields[i].is_word ? "" : "=" + fields[i].value);
    }
  }
  return name + out;
}

}  // namespace ttscale
