// SPDX-License-Identifier: MIT
// Domains that follow each other in one stream, drawn as one curve with marks where a domain ends.
#pragma once

#include <string>

#include "report/html/markup.h"
#include "report/html/summary.h"

namespace ttscale::report::html {

/// The curves of a group; empty where cells have none. `id` makes ids unique.
Markup long_stream(const Summary& summary, const Group& group, const std::string& id);

}  // namespace ttscale::report::html
