// SPDX-License-Identifier: MIT
// The document around the sections.
#pragma once

#include <string>

#include "report/html/markup.h"

namespace ttscale::report::html {

/// A whole document: title and subtitle above, links to the sections, the sections.
std::string page(const std::string& title, const Markup& subtitle, const Markup& navigation, const Markup& content,
                 const Markup& footer);

}  // namespace ttscale::report::html
