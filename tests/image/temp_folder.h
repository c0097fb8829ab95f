// SPDX-License-Identifier: MIT
// The header's former place, for branches that still name it.
#pragma once

#include "../temp_folder.h"
