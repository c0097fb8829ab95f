// SPDX-License-Identifier: MIT
// torch::pickle_save with errors that a user can act on.
#include "cli/tensor_file.h"

#include <torch/csrc/jit/serialization/pickle.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

#include "ttscale/error.h"

namespace ttscale::cli {

void save_tensor(const at::Tensor& tensor, const std::filesystem::path& file) {
  const std::vector<char> bytes = torch::jit::pickle_save(tensor);
  errno = 0;
  std::ofstream out(file, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out) {
    throw Error("cannot write " + file.string() + ": " + std::strerror(errno) + "; choose another --dump");
  }
}

}  // namespace ttscale::cli
