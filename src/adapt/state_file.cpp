// SPDX-License-Identifier: MIT
// Statistics of a stream as a pickled dictionary, which torch.load(weights_only=True) reads.
#include "adapt/state_file.h"

#include <fstream>
#include <iterator>

#include <ATen/ATen.h>
#include <ATen/core/Dict.h>
#include <ATen/core/jit_type.h>

#include "base/file.h"
#include "base/option_text.h"
#include "graph/archive.h"
#include "graph/pickle.h"
#include "ttscale/error.h"
#include "ttscale/version.h"

namespace ttscale {
namespace {

constexpr const char* kFormat = "ttscale-state";
constexpr std::int64_t kFormatVersion = 1;

c10::impl::GenericDict parse(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) {
    throw DataError("cannot read state file " + file.string() + "; name one that save() wrote");
  }
  const std::string bytes((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  try {
    c10::IValue value = graph::unpickle(bytes);
    if (value.isGenericDict() && value.toGenericDict().contains("format") &&
        value.toGenericDict().at("format").isString() && value.toGenericDict().at("format").toStringRef() == kFormat) {
      return value.toGenericDict();
    }
  } catch (const std::exception& error) {
    throw DataError(file.string() + " is damaged or no state file (" + graph::reason(error) +
                    "); name one that save() wrote");
  }
  throw DataError(file.string() + " is no state file; name one that save() wrote");
}

void expect_same(const std::filesystem::path& file, const char* what, const std::string& expected,
                 const std::string& found) {
  if (expected != found) {
    throw DataError("state file " + file.string() + " belongs to another " + what + ": expected " + expected +
                    ", found " + found);
  }
}

at::Tensor checked_state(const std::filesystem::path& file, const c10::impl::GenericDict& dict,
                         const StateFile& expected) {
  const auto version = dict.at("format_version").toInt();
  if (version != kFormatVersion) {
    throw DataError("state file " + file.string() + " has format version " + std::to_string(version) +
                    ", this is ttscale " + ttscale::version() + " which reads " + std::to_string(kFormatVersion));
  }
  expect_same(file, "rule", expected.rule, dict.at("rule").toStringRef());
  std::vector<std::string> sites;
  for (const c10::IValue& site : dict.at("sites").toListRef()) {
    sites.push_back(site.toStringRef());
  }
  expect_same(file, "set of layers", join(expected.sites), join(sites));
  expect_same(file, "model", expected.model, dict.at("model").toStringRef());
  at::Tensor state = dict.at("state").toTensor();
  if (state.scalar_type() != at::kDouble || state.sizes() != expected.state.sizes()) {
    throw DataError("state file " + file.string() + " holds " + c10::str(state.sizes()) + " numbers, expected " +
                    c10::str(expected.state.sizes()));
  }
  return state;
}

}  // namespace

void write_state(const std::filesystem::path& file, const StateFile& content) {
  c10::impl::GenericDict dict(c10::StringType::get(), c10::AnyType::get());
  dict.insert("format", kFormat);
  dict.insert("format_version", kFormatVersion);
  dict.insert("ttscale", ttscale::version());
  dict.insert("model", content.model);
  dict.insert("rule", content.rule);
  dict.insert("sites", c10::List<std::string>(content.sites));
  dict.insert("state", content.state);
  write_file(file, graph::pickle(dict));
}

at::Tensor read_state(const std::filesystem::path& file, const StateFile& expected) {
  const auto dict = parse(file);
  try {
    return checked_state(file, dict, expected);
  } catch (const c10::Error& error) {
    throw DataError(file.string() + " is damaged (" + graph::reason(error) + "); name a state file that save() wrote");
  } catch (const std::out_of_range&) {
    throw DataError(file.string() + " is damaged (an entry is missing); name a state file that save() wrote");
  }
}

}  // namespace ttscale
