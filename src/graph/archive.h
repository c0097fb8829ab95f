// SPDX-License-Identifier: MIT
// Loading TorchScript archives, and the one-line form of what LibTorch throws.
#pragma once

#include <exception>
#include <filesystem>
#include <string>

namespace torch::jit {
struct Module;
}

namespace ttscale::graph {

/// Loads an archive onto a device ("cpu", "cuda", "cuda:1"). Throws ModelError if the file is missing or no TorchScript
/// archive with a forward, UsageError for a device that does not exist here. Loading runs code of the archive.
torch::jit::Module load(const std::filesystem::path& archive, const std::string& device = "cpu");

/// The reason in a LibTorch exception, without backtrace and TorchScript source listing: one line.
std::string reason(const std::exception& error);

}  // namespace ttscale::graph
