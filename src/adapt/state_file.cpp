// SPDX-License-Identifier: MIT
// The dictionary of a state file.
#include "adapt/state_file.h"

#include <ATen/ATen.h>

#include "adapt/dictionary_file.h"
#include "base/message_text.h"
#include "base/option_text.h"
#include "ttscale/error.h"

namespace ttscale {
namespace {

constexpr std::size_t kMostShown = 400;
constexpr DictionaryFormat kFormat{"ttscale-state", 2, "state file", "save()"};

void expect_same(const std::filesystem::path& file, const char* what, const std::string& expected,
                 const std::string& found) {
  if (expected != found) {
    const auto or_none = [](const std::string& text) {
      return text.empty() ? std::string("none") : shown(text, kMostShown);
    };
    throw DataError("state file " + file.string() + " belongs to another " + what + ": expected " + or_none(expected) +
                    ", found " + or_none(found));
  }
}

void expect_finite(const std::filesystem::path& file, const at::Tensor& numbers) {
  if (!numbers.isfinite().all().item<bool>()) {
    throw DataError("state file " + file.string() + " holds numbers that are not finite; it is damaged");
  }
}

/// A state of the size expected.
at::Tensor checked_numbers(const std::filesystem::path& file, const at::Tensor& state, const at::Tensor& expected) {
  if (state.scalar_type() != at::kDouble || state.sizes() != expected.sizes()) {
    throw DataError("state file " + file.string() + " holds " + c10::str(state.sizes()) + " numbers, expected " +
                    c10::str(expected.sizes()) +
                    "; it is damaged or of another version of ttscale: start the stream anew");
  }
  expect_finite(file, state);
  return state;
}

/// A row of numbers that not every file has: those of before there was a guard have none.
at::Tensor checked_row(const std::filesystem::path& file, const c10::impl::GenericDict& dictionary, const char* key) {
  if (!dictionary.contains(key)) {
    return {};
  }
  at::Tensor row = dictionary.at(key).toTensor();
  if (row.scalar_type() != at::kDouble || row.dim() != 1) {
    throw DataError("state file " + file.string() + " has a " + key + " of " + c10::str(row.sizes()) +
                    " numbers, expected one row of float64; it is damaged");
  }
  expect_finite(file, row);
  return row;
}

SavedState checked_state(const std::filesystem::path& file, const c10::impl::GenericDict& dictionary,
                         const StateFile& expected) {
  expect_same(file, "rule", expected.rule, dictionary.at("rule").toStringRef());
  std::vector<std::string> sites;
  for (const c10::IValue& site : dictionary.at("sites").toListRef()) {
    sites.push_back(site.toStringRef());
  }
  expect_same(file, "set of layers", join(expected.sites), join(sites));
  expect_same(file, "model", expected.model, dictionary.at("model").toStringRef());
  expect_same(file, "reference", expected.reference, dictionary.at("reference").toStringRef());
  SavedState out;
  out.state = checked_numbers(file, dictionary.at("state").toTensor(), expected.state);
  out.guard = checked_row(file, dictionary, "guard");
  out.probe = checked_row(file, dictionary, "probe");
  if (dictionary.contains("good")) {
    out.good = checked_numbers(file, dictionary.at("good").toTensor(), expected.state);
  }
  return out;
}

}  // namespace

void write_state(const std::filesystem::path& file, const StateFile& content) {
  auto dictionary = new_dictionary(kFormat);
  dictionary.insert("model", content.model);
  dictionary.insert("reference", content.reference);
  dictionary.insert("rule", content.rule);
  dictionary.insert("sites", c10::List<std::string>(content.sites));
  dictionary.insert("images", content.images);
  if (content.guard.defined()) {
    dictionary.insert("guard", content.guard);
  }
  if (content.probe.defined()) {
    dictionary.insert("probe", content.probe);
  }
  if (content.good.defined()) {
    dictionary.insert("good", content.good);
  }
  dictionary.insert("state", content.state);
  write_dictionary(file, dictionary);
}

SavedState read_state(const std::filesystem::path& file, const StateFile& expected) {
  return parse_state(dictionary_bytes(file, kFormat), file, expected);
}

SavedState parse_state(const std::string& bytes, const std::filesystem::path& file, const StateFile& expected) {
  SavedState state;
  read_dictionary(bytes, file, kFormat,
                  [&](const c10::impl::GenericDict& dictionary) { state = checked_state(file, dictionary, expected); });
  return state;
}

}  // namespace ttscale
