// SPDX-License-Identifier: MIT
// Options written as text, `name:word,field=value,field=value`: one reader, writer and help line for rules and input
// scalings alike. An option struct describes itself once, by a function `fields(struct&, visitor)` that calls
// `visitor(name, member, bounds or choices)`, and `visitor(word, bool member)` for a switch.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ttscale {

/// Bounds of a number, both included unless `open_low`.
struct Bounds {
  double low;
  double high;
  bool open_low = false;
};

/// The texts of an enumeration's values.
template <typename Enum>
using Choices = std::vector<std::pair<const char*, Enum>>;

/// `name`, its `field=value` pairs and bare words as written.
struct OptionText {
  std::string name;
  std::vector<std::pair<std::string, std::string>> fields;
  std::vector<std::string> words;

  [[nodiscard]] bool has_word(const std::string& word) const;
};

/// Splits the text. `what` names the kind of thing in messages ("rule"), `words` are those that may stand without '='.
/// Throws UsageError for another pair without '=' and for a field or word set twice.
OptionText split_option_text(const std::string& what, const std::string& text,
                             const std::vector<std::string>& words = {});

/// Reads a finite number within bounds, "0.25" or "1/4". Throws UsageError naming the option, the field, the bounds and
/// the text found.
double read_number(const std::string& option, const std::string& field, const std::string& text, const Bounds& bounds);

/// Throws UsageError if the number is out of bounds or not finite.
void check_number(const std::string& option, const std::string& field, double value, const Bounds& bounds);

/// The shortest text that reads back as the same double.
std::string number_text(double value);

/// "a, b, c"
std::string join(const std::vector<std::string>& words, const char* separator = ", ");

[[noreturn]] void throw_unknown_choice(const std::string& option, const std::string& field, const std::string& text,
                                       const std::vector<std::string>& valid);
[[noreturn]] void throw_unknown_field(const std::string& option, const std::string& field,
                                      const std::vector<std::string>& valid);
[[noreturn]] void throw_unknown_name(const std::string& what, const std::string& name,
                                     const std::vector<std::string>& valid);

/// Visitor that sets the members named in the text. Call finish() after visiting.
class FieldReader {
 public:
  explicit FieldReader(OptionText text) : text_(std::move(text)) {}

  void operator()(const char* name, double& member, const Bounds& bounds) {
    if (const auto value = take(name)) {
      member = read_number(text_.name, name, *value, bounds);
    }
  }
  void operator()(const char* name, std::optional<double>& member, const Bounds& bounds) {
    if (const auto value = take(name)) {
      member = read_number(text_.name, name, *value, bounds);
    }
  }
  template <typename Enum>
  void operator()(const char* name, Enum& member, const Choices<Enum>& choices) {
    const auto value = take(name);
    if (!value) {
      return;
    }
    std::vector<std::string> valid;
    for (const auto& [word, choice] : choices) {
      valid.emplace_back(word);
      if (*value == word) {
        member = choice;
        return;
      }
    }
    throw_unknown_choice(text_.name, name, *value, valid);
  }

  void operator()(const char* word, bool& member) { member = text_.has_word(word); }

  /// Throws UsageError that lists the valid fields if the text names one that the struct does not have.
  void finish() const;

 private:
  std::optional<std::string> take(const char* name);

  OptionText text_;
  std::vector<std::string> known_;
};

/// Visitor that throws UsageError for a number out of its bounds.
class FieldChecker {
 public:
  explicit FieldChecker(std::string option) : option_(std::move(option)) {}

  void operator()(const char* name, double member, const Bounds& bounds) const {
    check_number(option_, name, member, bounds);
  }
  void operator()(const char* name, const std::optional<double>& member, const Bounds& bounds) const {
    if (member) {
      check_number(option_, name, *member, bounds);
    }
  }
  template <typename Enum>
  void operator()(const char*, const Enum&, const Choices<Enum>&) const {}
  void operator()(const char*, bool) const {}

 private:
  std::string option_;
};

/// Visitor that collects each field as (name, text of the value, what is allowed).
class FieldWriter {
 public:
  struct Field {
    std::string name, value, allowed;
    bool is_word = false;  ///< written by its name alone; the value is "yes" or "no"
  };

  void operator()(const char* name, double member, const Bounds& bounds) { add(name, number_text(member), bounds); }
  void operator()(const char* name, const std::optional<double>& member, const Bounds& bounds) {
    add(name, member ? number_text(*member) : std::string(), bounds);
  }
  template <typename Enum>
  void operator()(const char* name, const Enum& member, const Choices<Enum>& choices) {
    Field field{name, {}, {}};
    for (const auto& [word, choice] : choices) {
      field.allowed += (field.allowed.empty() ? "" : "|") + std::string(word);
      if (choice == member) {
        field.value = word;
      }
    }
    fields_.push_back(std::move(field));
  }

  void operator()(const char* word, bool member) { fields_.push_back({word, member ? "yes" : "no", {}, true}); }

  [[nodiscard]] const std::vector<Field>& fields() const { return fields_; }

 private:
  void add(const char* name, std::string value, const Bounds& bounds);

  std::vector<Field> fields_;
};

/// "name:word,field=value,...", with the fields whose value is not that of `defaults`.
std::string option_text(const std::string& name, const std::vector<FieldWriter::Field>& fields,
                        const std::vector<FieldWriter::Field>& defaults);

}  // namespace ttscale
