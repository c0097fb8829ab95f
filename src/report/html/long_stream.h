// SPDX-License-Identifier: MIT
// One stream over all domains as one wide drawing: domains that follow each other, with marks where one ends, or
// domains that are mixed.
#pragma once

#include <string>

#include "report/html/markup.h"
#include "report/html/summary.h"

namespace ttscale::report::html {

/// Whether the protocol of the group leads one stream through all domains.
bool is_one_stream(const Group& group);

/// Whether its domains are mixed in that stream.
bool is_mixed(const Group& group);

/// The curves of such a group; empty where cells have none. `id` makes ids unique.
Markup long_stream(const Summary& summary, const Group& group, const std::string& id);

}  // namespace ttscale::report::html
