// SPDX-License-Identifier: MIT
// Tensors as files that Python reads.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>

namespace ttscale::cli {

/// Writes a tensor so that torch.load returns it. Throws Error naming the file if it cannot be written in full.
void save_tensor(const at::Tensor& tensor, const std::filesystem::path& file);

}  // namespace ttscale::cli
