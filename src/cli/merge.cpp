// SPDX-License-Identifier: MIT
// `ttscale merge`: the results of all shards as those of one evaluation.
#include "eval/merge.h"

#include "base/file.h"
#include "cli/commands.h"
#include "cli/result_files.h"
#include "cli/streams.h"
#include "eval/result_json.h"
#include "ttscale/error.h"

namespace ttscale::cli {

void run(const MergeFlags& flags) {
  const report::ResultsFormat format = results_format(flags.results_file, flags.results_format);
  for (const auto& file : {flags.results_file, flags.html}) {
    if (!file.empty()) {
      check_writable(file);
    }
  }
  std::vector<eval::EvalResult> shards;
  std::vector<std::string> names;
  for (const std::filesystem::path& file : flags.results) {
    shards.push_back(eval::read_results(file));
    names.push_back(file.string());
  }
  const eval::EvalResult result = eval::merge(shards, names);
  if (!flags.results_file.empty()) {
    report::check_format(result.plan, format);
    report::write_results(result, flags.results_file, format);
  }
  if (!flags.html.empty()) {
    write_page(result, flags.html, flags.command);
  }
  write_stdout(report::to_table(result, table_options()));
}

}  // namespace ttscale::cli
