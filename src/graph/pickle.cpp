// SPDX-License-Identifier: MIT
// Writes with LibTorch's own pickling, without the types of lists and dictionaries.
#include "graph/pickle.h"

#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/serialization/export.h>
#include <torch/csrc/jit/serialization/pickler.h>

namespace ttscale::graph {

std::string pickle(const c10::IValue& value) {
  // torch::jit::pickle_save() would note the type of every list and dictionary by a function that
  // torch.load(weights_only=True) refuses to call.
  std::string content;
  torch::jit::Pickler pickler([&](const char* bytes, std::size_t size) { content.append(bytes, size); },
                              /*tensor_table=*/nullptr, /*type_renamer=*/nullptr, /*memoized_class_types=*/nullptr,
                              /*get_tensor_id=*/nullptr, /*tag_aggregates=*/false);
  pickler.protocol();
  pickler.pushIValue(value);
  pickler.stop();
  std::string file;
  caffe2::serialize::PyTorchStreamWriter writer([&](const void* bytes, std::size_t size) {
    file.append(static_cast<const char*>(bytes), size);
    return size;
  });
  torch::jit::writeArchiveAndTensors("data", content.data(), content.size(), pickler.tensorData(), writer);
  return file;
}

}  // namespace ttscale::graph
