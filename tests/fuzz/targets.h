// SPDX-License-Identifier: MIT
// Readers of files that anybody may hand to ttscale, as functions of bytes. Each accepts what the reader accepts and
// its refusals; everything else is a finding: another exception, a crash, a report of a sanitizer, a hang. The result
// says whether a reader accepted them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ttscale::fuzz {

bool class_map(std::string_view bytes);
bool model_config(std::string_view bytes);
bool results(std::string_view bytes);
bool journal(std::string_view bytes);
bool state(std::string_view bytes);
bool reference(std::string_view bytes);
bool order(std::string_view bytes);
bool image_header(std::string_view bytes);
bool option_text(std::string_view bytes);

/// A target by the name of its program and of its folder in corpus/.
struct Target {
  const char* name;
  bool (*run)(std::string_view bytes);
};

inline const std::vector<Target>& targets() {
  static const std::vector<Target> all{{"class_map", class_map},
                                       {"model_config", model_config},
                                       {"results", results},
                                       {"journal", journal},
                                       {"state", state},
                                       {"reference", reference},
                                       {"order", order},
                                       {"image_header", image_header},
                                       {"option_text", option_text}};
  return all;
}

}  // namespace ttscale::fuzz
