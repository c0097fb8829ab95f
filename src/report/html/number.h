// SPDX-License-Identifier: MIT
// Numbers as a page prints them. One that does not exist (NaN, infinite) is a dash that says so.
#pragma once

#include <cstdint>
#include <string>

#include "report/html/markup.h"

namespace ttscale::report::html {

/// What a dash means, for the note below a table.
constexpr const char* kDashNote =
    "A dash (–) stands for a number that does not exist: nothing was finished there, the model gave no finite scores, "
    "or the number belongs to another task.";

/// "12.30", with a true minus sign; "–" if not finite. For text and attributes.
std::string number_words(double value, int decimals);

/// "+12.3", "−0.4", "0.0"; "–" if not finite.
std::string signed_words(double value, int decimals);

/// "12 345".
std::string count_words(std::int64_t count);

/// As number_words(); a dash explains itself when pointed at.
Markup number(double value, int decimals);

/// As signed_words().
Markup signed_number(double value, int decimals);

/// "−14.2 to −7.4"; a dash if an end is missing.
std::string interval_words(double low, double high, int decimals);

/// A p-value: "0.034", "< 0.001"; "–" if not finite.
std::string p_value_words(double value);

}  // namespace ttscale::report::html
