// SPDX-License-Identifier: MIT
// Lists files by command, and compares them.
#include "cli/run_files.h"

#include <algorithm>
#include <system_error>

#include "base/file.h"
#include "data/folder.h"
#include "image/model_config.h"
#include "ttscale/error.h"

namespace ttscale::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kModel = "the model";

/// The description beside a model is read without being named: `--results-file model.json` would replace it, or be
/// taken for it by the next command.
void add_descriptions(std::vector<NamedFile>& files, const fs::path& model) {
  for (const fs::path& file : image::model_config_files(model)) {
    files.push_back({"where the description of the model is looked for", file});
  }
}

/// FILE of "replay:FILE" and "file:FILE".
fs::path file_behind(const std::string& prefix, const std::string& text) {
  return text.rfind(prefix, 0) == 0 ? fs::path(text.substr(prefix.size())) : fs::path();
}

/// Where data::read_class_map() looks.
fs::path class_map_of(const EvalFlags& flags) {
  std::error_code error;
  return flags.class_map.empty() || fs::is_regular_file(flags.class_map, error) ? fs::path(flags.class_map)
                                                                                : flags.data / flags.class_map;
}

/// Absolute, as it is written; "images/" and "images/." end in an empty name then, which no path below begins with.
fs::path plain(const fs::path& path) {
  std::error_code error;
  const fs::path normal = fs::absolute(path, error).lexically_normal();
  return normal.has_filename() ? normal : normal.parent_path();
}

bool begins_with(const fs::path& path, const fs::path& start) {
  return std::mismatch(start.begin(), start.end(), path.begin(), path.end()).first == start.end();
}

/// Absolute and free of links, as far as it is there and may be looked at.
fs::path real(const fs::path& path) {
  std::error_code error;
  const fs::path whole = fs::absolute(path, error);
  const fs::path canonical = fs::weakly_canonical(whole, error);
  return error ? whole.lexically_normal() : canonical;
}

bool same_file(const fs::path& one, const fs::path& other) {
  std::error_code error;  // equivalent() knows hard links, but nothing of files that are not there yet
  return fs::equivalent(one, other, error) || real(one) == real(other);
}

/// What a command leaves in one run it may go on with in the next, in the same file.
bool goes_on(const NamedFile& written, const NamedFile& read) {
  return written.name == read.name || (written.name == "--state-out" && read.name == "--state-in");
}

/// Other files may lie among images and be written anew by every run. Links below the folder are followed when images
/// are read, so that the name counts as it is written, too.
bool is_image_in(const fs::path& file, const fs::path& folder) {
  std::error_code error;
  if (folder.empty() || !fs::is_regular_file(file, error) || !data::is_image(file.filename().string())) {
    return false;
  }
  return lies_in(file, folder) || begins_with(plain(file), plain(folder));
}

[[noreturn]] void throw_taken(const NamedFile& written, const std::string& by) {
  throw UsageError(written.name + ": expected a file of its own, found " + written.file.string() + ", which is also " +
                   by + "; name another file");
}

void check_apart(const NamedFile& written, const std::vector<NamedFile>& others) {
  for (const NamedFile& other : others) {
    if (!other.file.empty() && !goes_on(written, other) && same_file(written.file, other.file)) {
      throw_taken(written, other.name);
    }
  }
}

}  // namespace

RunFiles files_of(const InspectFlags&) { return {}; }

RunFiles files_of(const EvalFlags& flags) {
  RunFiles files;
  files.read = {
      {kModel, flags.model}, {"--class-map", class_map_of(flags)}, {"--order", file_behind("file:", flags.order)}};
  add_descriptions(files.read, flags.model);
  for (const std::string& protocol : flags.protocols) {
    files.read.push_back({"--protocol", file_behind("replay:", protocol)});
  }
  files.whole = {{"--reference", flags.reference}, {"--state-in", flags.state_in}, {"--resume", flags.resume}};
  files.written = {{"--results-file", flags.results_file}, {"--html", flags.html},
                   {"--predictions", flags.predictions},   {"--state-out", flags.state_out},
                   {"--export-order", flags.export_order}, {"--resume", flags.resume}};
  files.data_folders = {flags.data, flags.labels};
  return files;
}

RunFiles files_of(const CalibrateFlags& flags) {
  RunFiles files;
  files.read = {{kModel, flags.model}, {"--from", flags.from}};
  if (flags.from.empty()) {
    add_descriptions(files.read, flags.model);
  }
  files.written = {{"--out", flags.out}};
  files.data_folders = {flags.data};
  return files;
}

RunFiles files_of(const AdaptFlags& flags) {
  RunFiles files;
  files.read = {{kModel, flags.model}};
  add_descriptions(files.read, flags.model);
  files.whole = {{"--reference", flags.reference}, {"--state-in", flags.state_in}};
  files.written = {{"--out", flags.out}, {"--state-out", flags.state_out}};
  files.data_folders = {flags.data};
  return files;
}

RunFiles files_of(const BenchFlags& flags) {
  RunFiles files;
  files.read = {{kModel, flags.model}};
  add_descriptions(files.read, flags.model);
  files.whole = {{"--reference", flags.reference}};
  files.written = {{"--json", flags.json}};
  return files;
}

RunFiles files_of(const PreprocessFlags& flags) {
  RunFiles files;
  files.read = {{"the image", flags.image}, {kModel, flags.model}};
  if (!flags.model.empty()) {
    add_descriptions(files.read, flags.model);
  }
  files.written = {{"--dump", flags.dump}};
  return files;
}

// Copies have a folder of their own and are never written twice.
RunFiles files_of(const CorruptFlags&) { return {}; }

RunFiles files_of(const MergeFlags& flags) {
  RunFiles files;
  for (const fs::path& file : flags.results) {
    files.read.push_back({"a shard", file});
  }
  files.written = {{"--results-file", flags.results_file}, {"--html", flags.html}};
  return files;
}

void check_files(const RunFiles& files) {
  for (const NamedFile& file : files.whole) {
    refuse_device(file.name, file.file);
  }
  std::vector<NamedFile> earlier;
  for (const NamedFile& written : files.written) {
    if (written.file.empty() || is_special(written.file)) {
      continue;
    }
    check_apart(written, files.read);
    check_apart(written, files.whole);
    check_apart(written, earlier);
    earlier.push_back(written);
    if (std::any_of(files.data_folders.begin(), files.data_folders.end(),
                    [&](const fs::path& folder) { return is_image_in(written.file, folder); })) {
      throw_taken(written, "an image of the data");
    }
  }
}

bool lies_in(const fs::path& path, const fs::path& folder) { return begins_with(real(path), real(folder)); }

}  // namespace ttscale::cli
