// SPDX-License-Identifier: MIT
// How a rule looks in every drawing: a colour and a dash pattern of its own.
#pragma once

#include <string>

#include "report/html/markup.h"
#include "report/html/summary.h"

namespace ttscale::report::html {

/// The class of a rule: "rs" for source, "r0" ... "r6" for the others, again from "r0" after seven.
std::string rule_class(const Summary& summary, const std::string& rule);

/// A list of rules with samples of their lines. `id` makes the samples' ids unique.
Markup rule_legend(const Summary& summary, const std::string& id);

/// The class of a gain in a heat map: "d-5" ... "d5" by kGainSteps; "dn" for none.
std::string gain_class(double points);

/// The key to gain_class().
Markup gain_legend();

}  // namespace ttscale::report::html
