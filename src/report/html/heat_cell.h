// SPDX-License-Identifier: MIT
// A cell of a heat map: the value, the gain below it, the colour of the gain.
#pragma once

#include <string>

#include "report/html/markup.h"
#include "report/html/summary.h"

namespace ttscale::report::html {

/// <td> of a rule on a domain; `detailed` adds what shows when it is pointed at.
Markup heat_cell(const Summary& summary, const Group& group, const std::string& domain, const std::string& rule,
                 bool detailed);

/// <td> of a mean.
Markup mean_cell(double value, const Gain& gain);

/// <td> for a domain that does not exist.
Markup blank_cell();

}  // namespace ttscale::report::html
