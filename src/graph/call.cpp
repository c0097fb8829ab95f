// SPDX-License-Identifier: MIT
// Arguments and outputs of forward.
#include "graph/call.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <torch/csrc/jit/ir/ir.h>
#include <torch/script.h>

#include "base/option_text.h"
#include "graph/archive.h"
#include "ttscale/error.h"

namespace ttscale::graph {
namespace {

using torch::jit::Module;

std::string describe(const std::vector<c10::Argument>& arguments) {
  std::vector<std::string> types;
  for (std::size_t i = 1; i < arguments.size(); ++i) {  // 0 is the module itself
    types.push_back(arguments[i].name() + ": " + arguments[i].type()->str());
  }
  return "(" + join(types) + ")";
}

/// A tensor that a model returns, and what it is called: "logits", "0", "1.aux"; the only one has no name.
using Output = std::pair<std::string, at::Tensor>;

void collect(const c10::IValue& value, const std::string& name, std::vector<Output>& out) {
  const auto below = [&](const std::string& key) { return name.empty() ? key : name + "." + key; };
  if (value.isTensor()) {
    out.emplace_back(name, value.toTensor());
  } else if (value.isTuple()) {
    const auto& elements = value.toTupleRef().elements();
    for (std::size_t i = 0; i < elements.size(); ++i) {
      collect(elements[i], below(std::to_string(i)), out);
    }
  } else if (value.isList()) {
    const auto elements = value.toListRef();
    for (std::size_t i = 0; i < elements.size(); ++i) {
      collect(elements[i], below(std::to_string(i)), out);
    }
  } else if (value.isGenericDict()) {
    for (const auto& entry : value.toGenericDict()) {
      if (entry.key().isString()) {
        collect(entry.value(), below(entry.key().toStringRef()), out);
      }
    }
  }
}

std::string describe(const std::vector<Output>& outputs) {
  std::vector<std::string> texts;
  texts.reserve(outputs.size());
  for (const auto& [name, tensor] : outputs) {
    texts.push_back(name + " " + c10::str(tensor.sizes()));
  }
  return join(texts);
}

at::Tensor choose(const c10::IValue& value, const std::string& wanted, std::int64_t images) {
  if (value.isTensor()) {
    if (!wanted.empty()) {
      throw UsageError("output: the model returns one tensor, which needs no name; leave \"" + wanted + "\" out");
    }
    return value.toTensor();
  }
  std::vector<Output> outputs;
  collect(value, "", outputs);
  auto found = std::find_if(outputs.begin(), outputs.end(), [&](const Output& output) {
    return wanted.empty() ? output.second.dim() == 2 && output.second.size(0) == images : output.first == wanted;
  });
  // Models of segmentation: one map of scores, or beside others, as torchvision's have it, the one called out.
  if (wanted.empty() && found == outputs.end()) {
    found = std::find_if(outputs.begin(), outputs.end(), [&](const Output& output) {
      return output.second.dim() == 4 && output.second.size(0) == images &&
             (outputs.size() == 1 || output.first == "out");
    });
  }
  if (found != outputs.end()) {
    return found->second;
  }
  if (outputs.empty()) {
    throw ModelError(
        "the model returns " + value.type()->str() +
        ", expected a tensor, or a tuple, list or dictionary of them; wrap it in a module that returns the "
        "scores");
  }
  if (wanted.empty()) {
    throw ModelError("the model returns no tensor [N, classes] or [N, classes, H, W], found " + describe(outputs) +
                     "; name the one that counts by --output");
  }
  throw UsageError("output: the model returns no \"" + wanted + "\", it has " + describe(outputs));
}

}  // namespace

void check_signature(const Module& module, const CallOptions& call) {
  const auto forward = module.find_method("forward");
  if (!forward) {
    throw ModelError("the module has no forward method; save the module whose forward(images) returns the scores");
  }
  const auto& arguments = forward->function().getSchema().arguments();
  const auto count = static_cast<std::int64_t>(arguments.size()) - 1;
  if (call.input_index < 0 || (call.input_index >= count && count > 0)) {
    throw UsageError("input_index: expected 0 to " + std::to_string(count - 1) + " for forward" + describe(arguments) +
                     ", found " + std::to_string(call.input_index));
  }
  const auto image = static_cast<std::size_t>(call.input_index) + 1;
  bool others = true;  // need not be given
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    others = others && (i == image || arguments[i].default_value());
  }
  const bool tensor = image < arguments.size() && c10::TensorType::get()->isSubtypeOf(*arguments[image].type());
  if (!tensor || !others) {
    throw ModelError("forward must take one image tensor, found " + describe(arguments) +
                     (tensor || count < 2 ? "; wrap the model in a module that does"
                                          : "; choose the images' argument by --input-index, or wrap the model in a "
                                            "module that takes images alone"));
  }
}

namespace {

c10::IValue outputs(Module& module, const CallOptions& call, const at::Tensor& images) {
  if (call.input_index == 0) {
    return module.forward({images});
  }
  const auto& arguments = module.get_method("forward").function().getSchema().arguments();
  return module.forward({}, {{arguments.at(static_cast<std::size_t>(call.input_index) + 1).name(), images}});
}

}  // namespace

at::Tensor run_forward(Module& module, const CallOptions& call, const at::Tensor& images) {
  c10::IValue output;
  try {
    output = outputs(module, call, images);
  } catch (const std::exception& error) {
    throw ModelError("the model fails on images " + c10::str(images.sizes()) + ": " + reason(error) +
                     "; check the size, the channels and the preprocessing of the images");
  }
  return choose(output, call.output, images.size(0));
}

at::Tensor try_forward(Module& module, const CallOptions& call, const at::Tensor& images) {
  return choose(outputs(module, call, images), call.output, images.size(0));
}

void prepend_script(Module& module, const CallOptions& call, const std::string& name, const std::string& source) {
  module.define(source);
  const auto script = module.get_method(name).graph()->copy();
  const auto graph = module.get_method("forward").graph();
  torch::jit::Value* images = graph->inputs().at(static_cast<std::size_t>(call.input_index) + 1);
  const std::vector<torch::jit::Use> uses = images->uses();  // of the model, not of the script
  {
    const torch::jit::WithInsertPoint here(*graph->block()->nodes().begin());
    torch::jit::Value* scaled = torch::jit::insertGraph(*graph, *script, {graph->inputs().at(0), images}).at(0);
    for (const torch::jit::Use& use : uses) {
      use.user->replaceInput(use.offset, scaled);
    }
  }
  module.type()->unsafeRemoveMethod(name);
  graph->lint();
}

}  // namespace ttscale::graph
