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
  out.unit = json.at("unit");
  out.parts = json.at("parts");
  out.unit_done = json.at("unit_done");
  out.work = json.at("work");
  out.predictions_bytes = json.at("predictions_bytes");
  out.cells = read_list<Cell>(json.at("cells"), cell_from_json);
  out.classes = read_list<RuleClasses>(json.at("classes"), classes_from_json);
  out.examples = read_list<Example>(json.at("examples"), example_from_json);
  out.skipped = read_list<SkippedFile>(json.at("skipped"), skipped_from_json);
  return out;
}

std::string header_of(const EvalPlan& plan) {
  Json json = {{"format", kFormat}, {"format_version", kVersion}, {"ttscale", version()}, {"torch", torch_version()}};
  json["plan"] = plan_to_json(plan);
  return dump_line(json) + '\n';
}

void check_header(const std::string& line, const EvalPlan& plan, const std::filesystem::path& file) {
  const Json json = Json::parse(line);
  if (json.at("format") != kFormat || json.at("format_version") != kVersion) {
    throw DataError("resume: expected a file of `ttscale eval --resume`, found another: " + file.string());
  }
  std::string difference = first_difference(plan_from_json(json.at("plan")), plan);
  if (difference.empty() && (json.at("ttscale") != version() || json.at("torch") != torch_version())) {
    difference = "versions: " + dump_line(json.at("ttscale")) + " with LibTorch " + dump_line(json.at("torch"));
  }
  const Json shard = plan_to_json(plan)["shard"];
  if (difference.empty() && json.at("plan").at("shard") != shard) {
    difference = "shard: " + dump_line(json.at("plan").at("shard")) + " and " + dump_line(shard);
  }
  if (!difference.empty()) {
    throw DataError("resume: expected the work that " + file.string() + " was begun with, found another " + difference +
                    "; repeat the command as it was, or name a new file");
  }
}

}  // namespace

Journal::Journal(const std::filesystem::path& file, const EvalPlan& plan) : file_(file) {
  // A crash before the first line is complete leaves an empty file, or none: write_file() is all or nothing.
  std::error_code missing;
  if (std::filesystem::exists(file, missing) && std::filesystem::file_size(file, missing) > 0) {
    read(plan);
  } else {
    write_file(file, header_of(plan));
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
  std::size_t begin = 0;
  std::size_t number = 0;
  for (std::size_t end = content.find('\n'); end != std::string::npos; end = content.find('\n', begin)) {
    const std::string line = content.substr(begin, end - begin);
    ++number;
    try {
      if (number == 1) {
        check_header(line, plan, file_);
      } else {
        checkpoints_.push_back(from_json(Json::parse(line)));
      }
    } catch (const Json::exception& error) {
      throw DataError("resume: " + file_.string() + ": line " + std::to_string(number) +
                      ": expected a line of this program, found another (" + error.what() +
                      "); name a new file to begin anew");
    }
    begin = end + 1;
  }
  if (number == 0) {
    throw DataError("resume: expected a file of `ttscale eval --resume`, found another: " + file_.string());
  }
  if (begin < content.size() && ::truncate(file_.c_str(), static_cast<off_t>(begin)) != 0) {
    throw Error("resume: cannot drop the unfinished last line of " + file_.string());
  }
}

void Journal::append(const Checkpoint& checkpoint) {
  out_->write(dump_line(to_json(checkpoint)) + '\n');
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
