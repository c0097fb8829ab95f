// SPDX-License-Identifier: MIT
// The program's log: lines of base/log.h go to stderr through spdlog.
#pragma once

namespace ttscale::cli {

/// What of the log is shown; errors always are.
enum class Verbosity { kQuiet, kNormal, kVerbose };

/// Sends the process's log to stderr from now on.
void install_log(Verbosity verbosity);

}  // namespace ttscale::cli
