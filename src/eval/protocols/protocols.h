// SPDX-License-Identifier: MIT
// How each protocol is made; what it is stands in the file of its name.
#pragma once

#include <filesystem>
#include <memory>

#include "base/option_text.h"
#include "eval/protocol.h"

namespace ttscale::eval {

std::unique_ptr<Protocol> make_reset_each_domain();
std::unique_ptr<Protocol> make_continual();
std::unique_ptr<Protocol> make_gradual();
std::unique_ptr<Protocol> make_mixed();
std::unique_ptr<Protocol> make_correlated(const OptionText& text);
std::unique_ptr<Protocol> make_mixed_correlated(const OptionText& text);
std::unique_ptr<Protocol> make_recurring(const OptionText& text);
std::unique_ptr<Protocol> make_short(const OptionText& text);
std::unique_ptr<Protocol> make_episodic();
std::unique_ptr<Protocol> make_replay(const std::filesystem::path& file);

}  // namespace ttscale::eval
