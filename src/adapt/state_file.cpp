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

/// Files of before there was a guard have none.
std::int64_t checked_guard(const std::filesystem::path& file, const c10::impl::GenericDict& dictionary) {
  constexpr std::int64_t kLast = 2;
  const std::int64_t guard = dictionary.contains("guard") ? dictionary.at("guard").toInt() : 0;
  if (guard < 0 || guard > kLast) {
    throw DataError("state file " + file.string() + " says guard " + std::to_string(guard) + ", expected 0 to " +
                    std::to_string(kLast) + "; it is damaged");
  }
  return guard;
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
  at::Tensor state = dictionary.at("state").toTensor();
  if (state.scalar_type() != at::kDouble || state.sizes() != expected.state.sizes()) {
    throw DataError("state file " + file.string() + " holds " + c10::str(state.sizes()) + " numbers, expected " +
                    c10::str(expected.state.sizes()));
  }
  if (!state.isfinite().all().item<bool>()) {
    throw DataError("state file " + file.string() + " holds numbers that are not finite; it is damaged");
  }
  return {state, checked_guard(file, dictionary)};
}

}  // namespace

void write_state(const std::filesystem::path& file, const StateFile& content) {
  auto dictionary = new_dictionary(kFormat);
  dictionary.insert("model", content.model);
  dictionary.insert("reference", content.reference);
  dictionary.insert("rule", content.rule);
  dictionary.insert("sites", c10::List<std::string>(content.sites));
  dictionary.insert("images", content.images);
  dictionary.insert("guard", content.guard);
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
