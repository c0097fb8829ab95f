// SPDX-License-Identifier: MIT
// Archives around a pickle: checksums would keep mutations from everything behind them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ttscale::fuzz {

/// A zip archive as LibTorch writes it, with `pickle` as its data.pkl and records data/0, data/1, ... of that many
/// zeros.
std::string archive_of(std::string_view pickle, const std::vector<std::size_t>& sizes);

/// The data.pkl of an archive.
std::string pickle_in(const std::string& archive);

}  // namespace ttscale::fuzz
