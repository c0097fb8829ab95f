// SPDX-License-Identifier: MIT
// Checks words, and joins them.
#include "cli/arguments.h"

#include <CLI/CLI.hpp>
#include <cctype>
#include <cstdlib>

#include "base/message_text.h"
#include "ttscale/error.h"

namespace ttscale::cli {
namespace {

using Words = std::vector<std::string>;

bool is_flag(const std::string& word) { return word.rfind('-', 0) == 0; }
bool is_long_flag(const std::string& word) { return word.rfind("--", 0) == 0; }

[[noreturn]] void throw_empty_value(const std::string& flag) {
  throw UsageError(shown(flag) + ": expected a value, found an empty text; give one, or leave the flag out");
}

bool takes_value(const CLI::App* command, const std::string& word) {
  const CLI::Option* option = command != nullptr && is_flag(word) ? command->get_option_no_throw(word) : nullptr;
  return option != nullptr && option->get_items_expected_max() > 0;
}

/// A shell variable that is not set is an empty word: as the name of a file it would lose what a long run found.
void check_filled(const Words& words, const CLI::App* command) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (is_long_flag(word) && word.find('=') == word.size() - 1) {
      throw_empty_value(word.substr(0, word.size() - 1));
    }
    if (word.empty() && i > 0 && takes_value(command, words[i - 1])) {
      throw_empty_value(words[i - 1]);
    }
    if (word.empty()) {
      throw UsageError("expected an argument, found an empty text" + (i > 0 ? " behind " + shown(words[i - 1]) : "") +
                       "; remove it, or write what it stands for");
    }
  }
}

const CLI::App* command_of(const CLI::App& app, const Words& words) {
  for (const CLI::App* command : app.get_subcommands({})) {
    if (!words.empty() && command->get_name() == words.front()) {
      return command;
    }
  }
  return nullptr;
}

/// `1,2` of `--batch-size=1,2`, `-b1,2` and `-b 1,2`; empty where nothing follows.
std::string value_of(const Words& words, std::size_t flag, std::size_t name_size) {
  const std::string& word = words[flag];
  if (word.size() > name_size) {
    return word.substr(name_size + (is_long_flag(word) ? 1 : 0));
  }
  return flag + 1 < words.size() ? words[flag + 1] : std::string();
}

void check_lists(const Words& words, const CLI::App& command) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string name = words[i].substr(0, is_long_flag(words[i]) ? words[i].find('=') : 2);
    const CLI::Option* option = is_flag(name) ? command.get_option_no_throw(name) : nullptr;
    if (option == nullptr || option->get_delimiter() != ',') {
      continue;
    }
    const std::string value = value_of(words, i, name.size());
    if (!value.empty() && ("," + value + ",").find(",,") != std::string::npos) {
      throw UsageError(option->get_name() + ": expected values separated by single commas, found '" + shown(value) +
                       "'");
    }
  }
}

bool is_number(const std::string& text) {
  char* end = nullptr;
  (void)std::strtod(text.c_str(), &end);
  return !text.empty() && *end == '\0' && std::isalpha(static_cast<unsigned char>(text.back())) == 0;
}

std::string without_comma(const std::string& word) {
  return !word.empty() && word.back() == ',' ? word.substr(0, word.size() - 1) : word;
}

// `--mean .485 .456 .406 model.pt` takes as many values as are numbers, and `--seed -1` is a value, not a flag: values
// that follow a long flag are joined to it, which CLI11 reads without guessing.
Words join_numbers(const Words& words) {
  Words joined;
  for (std::size_t i = 0; i < words.size(); ++i) {
    joined.push_back(words[i]);
    std::string& flag = joined.back();
    const bool is_list = flag == "--mean" || flag == "--std" || flag == "--img-size" || flag == "--severities" ||
                         flag == "--batch-size" || flag == "--seed";
    char separator = '=';
    while (is_long_flag(flag) && i + 1 < words.size() && (is_list || separator == '=')) {
      // `.485, .456, .406`, as it stands in Python: with more numbers behind it, a comma says no more than the blank.
      const bool more = is_list && i + 2 < words.size() && is_number(without_comma(words[i + 2]));
      const std::string value = more ? without_comma(words[i + 1]) : words[i + 1];
      if (!is_number(value) || !(is_list || is_flag(value))) {
        break;
      }
      flag += separator + value;
      separator = ',';
      ++i;
    }
  }
  return joined;
}

}  // namespace

std::vector<std::string> read_arguments(int argc, const char* const* argv, const CLI::App& app) {
  Words words;
  for (int i = 1; i < argc; ++i) {
    words.emplace_back(argv[i]);
  }
  const CLI::App* command = command_of(app, words);
  check_filled(words, command);
  const Words joined = join_numbers(words);
  if (command != nullptr) {
    check_lists(joined, *command);
  }
  return joined;
}

}  // namespace ttscale::cli
