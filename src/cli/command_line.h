// SPDX-License-Identifier: MIT
// argv -> options.
#pragma once

#include "cli/options.h"

namespace ttscale::cli {

/// Reads the command line; prints help or version to stdout when asked. Throws UsageError that names the flag and the
/// help to read.
Invocation parse_command_line(int argc, const char* const* argv);

}  // namespace ttscale::cli
