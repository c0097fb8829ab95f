// SPDX-License-Identifier: MIT
// Where scaling statistics cannot help, said in words.
#pragma once

#include <string>
#include <vector>

#include "ttscale/adapter.h"

namespace ttscale {

/// A line for each limit that the stream has met: too few images, predictions that collapse onto few classes, a model
/// whose normalisation layers cannot be adapted. `sites` are those of the model.
std::vector<std::string> limits(const StreamReport& report, const Rule& rule, const std::vector<Site>& sites);

}  // namespace ttscale
