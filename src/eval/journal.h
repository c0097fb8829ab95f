// SPDX-License-Identifier: MIT
// What is finished of an evaluation, on disk: an interrupted run goes on from it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/descriptor.h"
#include "eval/result.h"

namespace ttscale::eval {

/// Results that became final together, and how far the work was then.
struct Checkpoint {
  std::int64_t unit = 0;   ///< index of the stream in the work of this shard
  std::int64_t parts = 0;  ///< parts of it that are done
  bool unit_done = false;
  std::vector<Cell> cells;
  std::vector<RuleClasses> classes;  ///< of these cells, to be added up
  std::vector<Example> examples;
  std::vector<SkippedFile> skipped;
  std::int64_t work = 0;               ///< images met so far, over all units
  std::int64_t predictions_bytes = 0;  ///< length of the predictions file
};

/// What a journal holds.
struct JournalText {
  std::vector<Checkpoint> checkpoints;
  std::size_t whole_lines = 0;  ///< bytes of the text up to the end of its last whole line
};

/// The lines of a journal, each with its end.
std::string journal_header(const EvalPlan& plan);
std::string journal_line(const Checkpoint& checkpoint);

/// Reads the text of a journal; `file` is for messages. Throws DataError, naming the difference, if it belongs to other
/// work or is damaged.
JournalText parse_journal(const std::string& text, const EvalPlan& plan, const std::filesystem::path& file);

/// Reads the lines behind a header, of which the first is line `number` of the file; a last line without its end is
/// left out. Throws DataError, naming the line, if one is damaged.
std::vector<Checkpoint> parse_checkpoints(const std::string& lines, const std::filesystem::path& file,
                                          std::size_t number);

/// A file of lines: a header that names the work, then a line a checkpoint, each on the disk before the work goes on. A
/// line that was cut by a crash is dropped. Statistics of a stream that is not at its end lie in files beside it.
class Journal {
 public:
  /// Opens or makes the file. Throws DataError, naming the difference, if it belongs to other work or is damaged; Error
  /// if it cannot be read or written.
  Journal(const std::filesystem::path& file, const EvalPlan& plan);

  /// What the file held when it was opened, in order.
  [[nodiscard]] const std::vector<Checkpoint>& checkpoints() const { return checkpoints_; }

  /// Appends a checkpoint and waits until the disk has it. Statistics it needs must have been saved before.
  void append(const Checkpoint& checkpoint);

  /// Where the statistics of a rule lie at a checkpoint inside a stream.
  [[nodiscard]] std::filesystem::path state_file(const Checkpoint& at, std::size_t rule) const;
  /// Removes them.
  void remove_states(const Checkpoint& at, std::size_t rules) const;

 private:
  void read(const EvalPlan& plan);
  void remove_orphans() const;
  [[nodiscard]] std::filesystem::path state_prefix(const Checkpoint& at) const;

  std::filesystem::path file_;
  std::vector<Checkpoint> checkpoints_;
  std::optional<Descriptor> out_;
};

}  // namespace ttscale::eval
