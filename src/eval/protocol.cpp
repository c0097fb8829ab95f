// SPDX-License-Identifier: MIT
// The list of protocols.
#include "eval/protocol.h"

#include <algorithm>

#include "base/option_text.h"
#include "eval/protocols/protocols.h"
#include "ttscale/error.h"

namespace ttscale::eval {
namespace {

using Make = std::unique_ptr<Protocol> (*)(const OptionText& text);

/// Refuses fields where there are none.
template <std::unique_ptr<Protocol> (*make)()>
std::unique_ptr<Protocol> without_fields(const OptionText& text) {
  FieldReader(text).finish();
  return make();
}

struct Entry {
  const char* name;
  const char* fields;
  const char* help;
  Make make;
};

constexpr const char* kReplay = "replay:";

const std::vector<Entry>& entries() {
  static const std::vector<Entry> kEntries{
      {"reset-each-domain", "", "each domain is met for the first time (default)",
       without_fields<make_reset_each_domain>},
      {"continual", "", "domains follow each other in one stream, never reset", without_fields<make_continual>},
      {"gradual", "", "one stream, the severities of each kind up and down again", without_fields<make_gradual>},
      {"mixed", "", "one stream, the images of all domains shuffled together", without_fields<make_mixed>},
      {"correlated", "delta=0.1", "as reset-each-domain, classes in runs; delta 0: one class after the other",
       make_correlated},
      {"mixed-correlated", "delta=0.1", "one stream, all domains together, classes in runs", make_mixed_correlated},
      {"recurring", "rounds=10", "one stream, domains in turn and round after round, a share of their images each time",
       make_recurring},
      {"short", "images=10", "as reset-each-domain, in streams of so many images", make_short},
      {"episodic", "", "statistics start again before every batch", without_fields<make_episodic>},
  };
  return kEntries;
}

}  // namespace

std::vector<StreamPlan> stream_each_domain(const Images& images) {
  std::vector<StreamPlan> streams;
  for (std::size_t i = 0; i < images.domains().size(); ++i) {
    streams.push_back({{{images.domains()[i].name, images.of(static_cast<std::int64_t>(i))}}});
  }
  return streams;
}

std::unique_ptr<Protocol> parse_protocol(const std::string& text) {
  if (text.rfind(kReplay, 0) == 0) {
    return make_replay(text.substr(std::string(kReplay).size()));
  }
  const OptionText option = split_option_text("protocol", text);
  std::vector<std::string> names;
  for (const Entry& entry : entries()) {
    if (option.name == entry.name) {
      return entry.make(option);
    }
    names.emplace_back(entry.name);
  }
  names.emplace_back("replay:FILE");
  throw_unknown_name("protocol", option.name, names);
}

std::string describe_protocols() {
  constexpr std::size_t kWidth = 30;
  std::string text;
  const auto add = [&](std::string name, const std::string& help) {
    name.resize(std::max(kWidth, name.size() + 1), ' ');
    text += "  " + name + help + '\n';
  };
  for (const Entry& entry : entries()) {
    add(entry.name + std::string(*entry.fields != '\0' ? ":" : "") + entry.fields, entry.help);
  }
  add("replay:FILE", "the order that --export-order wrote");
  return text;
}

}  // namespace ttscale::eval
