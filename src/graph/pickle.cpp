// SPDX-License-Identifier: MIT
// LibTorch's own pickling, without the names of types.
#include "graph/pickle.h"

#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/serialization/pickle.h>

namespace ttscale::graph {

// Not torch::jit::pickle_save: it names the types of lists and dictionaries through a global that
// torch.load(weights_only=True) refuses.
std::string pickle(const c10::IValue& value) {
  std::string data;
  torch::jit::Pickler pickler([&](const char* bytes, std::size_t size) { data.append(bytes, size); }, nullptr, nullptr,
                              nullptr, nullptr, /*tag_aggregates=*/false);
  pickler.protocol();
  pickler.pushIValue(value);
  pickler.stop();

  std::string out;
  caffe2::serialize::PyTorchStreamWriter writer([&](const void* bytes, std::size_t size) {
    out.append(static_cast<const char*>(bytes), size);
    return size;
  });
  std::size_t index = 0;
  for (const at::Tensor& tensor : pickler.tensorData()) {
    const at::Storage storage = tensor.cpu().storage();
    writer.writeRecord("data/" + std::to_string(index++), storage.data(), storage.nbytes());
  }
  writer.writeRecord("data.pkl", data.data(), data.size());
  writer.writeEndOfFile();
  return out;
}

c10::IValue unpickle(const std::string& bytes) { return torch::jit::pickle_load({bytes.begin(), bytes.end()}); }

}  // namespace ttscale::graph
