// SPDX-License-Identifier: MIT
// Formats, widths and pages.
#include "cli/result_files.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "base/file.h"
#include "report/corruption.h"
#include "report/html.h"
#include "ttscale/version.h"

namespace ttscale::cli {

report::ResultsFormat results_format(const std::filesystem::path& file, const std::string& name) {
  return name.empty() ? report::guess_results_format(file) : report::parse_results_format(name);
}

report::TableOptions table_options() {
  report::TableOptions options;
  options.width = 120;
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    options.width = size.ws_col;
  }
  return options;
}

void write_page(const eval::EvalResult& result, const std::filesystem::path& file, const std::string& command) {
  report::HtmlOptions options;
  options.command = command;
  options.versions = "ttscale " + version() + ", LibTorch " + torch_version();
  options.extra_rows = report::corruption_rows(result);
  write_file(file, report::to_html(result, options));
}

}  // namespace ttscale::cli
