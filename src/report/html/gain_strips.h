// SPDX-License-Identifier: MIT
// One line a rule, on which each domain is a dot at its gain against source.
#pragma once

#include "report/html/markup.h"
#include "report/html/summary.h"

namespace ttscale::report::html {

/// The rules of a group with their mean, gain, and a strip of the domains' gains.
Markup gain_strips(const Summary& summary, const Group& group);

}  // namespace ttscale::report::html
