// SPDX-License-Identifier: MIT
// The style sheet of the page, for light and dark screens.
#pragma once

namespace ttscale::report::html {

/// CSS without anything that is loaded from elsewhere.
const char* style_sheet();

}  // namespace ttscale::report::html
