// SPDX-License-Identifier: MIT
// Ctrl-C and `kill` end a run at the next batch, so that results computed until then are kept.
#pragma once

namespace ttscale::cli {

/// From now on the first SIGINT or SIGTERM is remembered; a second one ends the process at once.
void remember_interrupts();

/// Throws Error, with the exit code of a shell (128 + signal), if one has come.
void throw_if_interrupted();

}  // namespace ttscale::cli
