// SPDX-License-Identifier: MIT
// The process's standard streams: results on stdout must arrive or fail loudly, and a reader that leaves is no error.
#pragma once

#include <string>

namespace ttscale::cli {

/// Call first: fills standard streams that the caller has closed, so that no file opened later takes their place, and
/// lets writes to a closed pipe fail in place of killing the process before result files are written.
void prepare_streams();

/// Writes results to stdout and flushes. Throws Error if they did not all arrive (disk full, stdout closed). If the
/// reader of a pipe has left, ends the process by SIGPIPE, silently, as tools do.
void write_stdout(const std::string& text);

/// The text as one line that is safe on a terminal: line breaks become spaces, other control characters '?'.
std::string one_line(std::string text);

}  // namespace ttscale::cli
