// SPDX-License-Identifier: MIT
// Marks what libttscale.so shows to the outside; everything else is hidden.
#pragma once

#define TTSCALE_API __attribute__((visibility("default")))
