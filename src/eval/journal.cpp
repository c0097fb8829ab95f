// SPDX-License-Identifier: MIT
// Lines of JSON, each synced.
#include "eval/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <system_error>

#include "base/file.h"
#include "base/message_text.h"
#include "eval/json_values.h"
#include "eval/plan_json.h"
#include "eval/result_json.h"
#include "ttscale/error.h"
#include "ttscale/version.h"

namespace ttscale::eval {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "ttscale-journal";
constexpr int kVersion = 1;

template <typename T, typename Function>
Json list(const std::vector<T>& values, Function function) {
  Json json = Json::array();
  for (const T& value : values) {
    json.push_back(function(value));
  }
  return json;
}

template <typename T, typename Function>
std::vector<T> read_list(const Json& json, Function function) {
  std::vector<T> values;
  for (const Json& item : json) {
    values.push_back(function(item));
  }
  return values;
}

Json to_json(const Checkpoint& checkpoint) {
  return {{"unit", checkpoint.unit},
          {"parts", checkpoint.parts},
          {"unit_done", checkpoint.unit_done},
          {"work", checkpoint.work},
          {"predictions_bytes", checkpoint.predictions_bytes},
          {"cells", list(checkpoint.cells, cell_to_json)},
          {"classes", list(checkpoint.classes, classes_to_json)},
          {"examples", list(checkpoint.examples, example_to_json)},
          {"skipped", list(checkpoint.skipped, skipped_to_json)}};
}

Checkpoint from_json(const Json& json) {
  Checkpoint out;
  out.unit = count_from(json.at("unit"));
  out.parts = count_from(json.at("parts"));
  out.unit_done = json.at("unit_done");
  out.work = count_from(json.at("work"));
  out.predictions_bytes = count_from(json.at("predictions_bytes"));
  out.cells = read_list<Cell>(json.at("cells"), cell_from_json);
  out.classes = read_list<RuleClasses>(json.at("classes"), classes_from_json);
  out.examples = read_list<Example>(json.at("examples"), example_from_json);
  out.skipped = read_list<SkippedFile>(json.at("skipped"), skipped_from_json);
  return out;
}

/// A line of a journal, with its number in the message of whatever is wrong with it.
template <typename Function>
void read_line(const std::filesystem::path& file, std::size_t number, Function function) {
  constexpr std::size_t kShown = 300;
  const auto refuse = [&](const std::exception& error) {
    throw DataError("resume: " + file.string() + ": line " + std::to_string(number) +
                    ": expected a line of this program, found another (" + shown(error.what(), kShown) +
                    "); name a new file to begin anew");
  };
  try {
    function();
  } catch (const Json::exception& error) {
    refuse(error);
  } catch (const Error& error) {
    refuse(error);
  }
}

/// What of the header differs from the work that is about to be done; empty if nothing does.
std::string difference_of(const Json& header, const EvalPlan& plan) {
  std::string difference = first_difference(plan_from_json(header.at("plan")), plan);
  if (!difference.empty()) {
    return difference;
  }
  if (header.at("ttscale") != version() || header.at("torch") != torch_version()) {
    return "versions: " + shown(dump_line(header.at("ttscale"))) + " with LibTorch " +
           shown(dump_line(header.at("torch")));
  }
  const Json shard = plan_to_json(plan)["shard"];
  const Json& found = header.at("plan").at("shard");
  return found == shard ? std::string() : "shard: " + shown(dump_line(found)) + " and " + dump_line(shard);
}

void check_header(const std::string& line, const EvalPlan& plan, const std::filesystem::path& file) {
  std::string difference;
  read_line(file, 1, [&] {
    const Json header = parse_json(line);
    if (header.at("format") != kFormat || header.at("format_version") != kVersion) {
      throw DataError("another format");
    }
    difference = difference_of(header, plan);
  });
  if (!difference.empty()) {
    throw DataError("resume: expected the work that " + file.string() + " was begun with, found another " + difference +
                    "; repeat the command as it was, or name a new file");
  }
}

}  // namespace

std::string journal_header(const EvalPlan& plan) {
  Json json = {{"format", kFormat}, {"format_version", kVersion}, {"ttscale", version()}, {"torch", torch_version()}};
  json["plan"] = plan_to_json(plan);
  return dump_line(json) + '\n';
}

std::string journal_line(const Checkpoint& checkpoint) { return dump_line(to_json(checkpoint)) + '\n'; }

std::vector<Checkpoint> parse_checkpoints(const std::string& lines, const std::filesystem::path& file,
                                          std::size_t number) {
  std::vector<Checkpoint> out;
  std::size_t begin = 0;
  for (std::size_t end = lines.find('\n'); end != std::string::npos; end = lines.find('\n', begin)) {
    read_line(file, number++, [&] { out.push_back(from_json(parse_json(lines.substr(begin, end - begin)))); });
    begin = end + 1;
  }
  return out;
}

JournalText parse_journal(const std::string& text, const EvalPlan& plan, const std::filesystem::path& file) {
  const std::size_t end = text.find('\n');
  if (end == std::string::npos) {
    throw DataError("resume: expected a file of `ttscale eval --resume`, found another: " + file.string());
  }
  check_header(text.substr(0, end), plan, file);
  return {parse_checkpoints(text.substr(end + 1), file, 2), text.rfind('\n') + 1};
}

Journal::Journal(const std::filesystem::path& file, const EvalPlan& plan) : file_(file) {
  refuse_device("resume", file);
  // A crash before the first line is complete leaves an empty file, or none: write_file() is all or nothing.
  std::error_code missing;
  if (std::filesystem::exists(file, missing) && std::filesystem::file_size(file, missing) > 0) {
    read(plan);
  } else {
    write_file(file, journal_header(plan));
  }
  out_.emplace(file, O_WRONLY | O_APPEND, file);
  remove_orphans();
}

// A run that was killed right before or after a line was written leaves statistics that no line needs.
void Journal::remove_orphans() const {
  const bool inside = !checkpoints_.empty() && !checkpoints_.back().unit_done;
  const std::string prefix = file_.filename().string() + ".";
  const std::string needed = inside ? state_prefix(checkpoints_.back()).filename().string() : std::string();
  std::error_code unreadable;
  const std::filesystem::path folder = file_.has_parent_path() ? file_.parent_path() : std::filesystem::path(".");
  std::vector<std::filesystem::path> orphans;
  for (const auto& entry : std::filesystem::directory_iterator(folder, unreadable)) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() == ".state" && name.rfind(prefix, 0) == 0 && (!inside || name.rfind(needed, 0) != 0)) {
      orphans.push_back(entry.path());
    }
  }
  for (const auto& orphan : orphans) {
    std::filesystem::remove(orphan, unreadable);
  }
}

std::filesystem::path Journal::state_prefix(const Checkpoint& at) const {
  return file_.string() + "." + std::to_string(at.unit) + "-" + std::to_string(at.parts) + "-";
}

void Journal::read(const EvalPlan& plan) {
  std::ifstream in(file_, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  const std::string content = text.str();
  JournalText parsed = parse_journal(content, plan, file_);
  checkpoints_ = std::move(parsed.checkpoints);
  if (parsed.whole_lines < content.size() && ::truncate(file_.c_str(), static_cast<off_t>(parsed.whole_lines)) != 0) {
    throw Error("resume: cannot drop the unfinished last line of " + file_.string());
  }
}

void Journal::append(const Checkpoint& checkpoint) {
  out_->write(journal_line(checkpoint));
  out_->sync();
}

std::filesystem::path Journal::state_file(const Checkpoint& at, std::size_t rule) const {
  return state_prefix(at).string() + std::to_string(rule) + ".state";
}

void Journal::remove_states(const Checkpoint& at, std::size_t rules) const {
  for (std::size_t rule = 0; rule < rules; ++rule) {
    std::error_code ignored;  // a left-over file harms nobody
    std::filesystem::remove(state_file(at, rule), ignored);
  }
}

}  // namespace ttscale::eval
