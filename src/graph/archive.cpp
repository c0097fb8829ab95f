// SPDX-License-Identifier: MIT
// Loading TorchScript archives.
#include "graph/archive.h"

#include <algorithm>
#include <sstream>

#include <torch/csrc/jit/serialization/import.h>
#include <torch/cuda.h>
#include <torch/script.h>

#include "ttscale/error.h"

namespace ttscale::graph {
namespace {

c10::Device parse_device(const std::string& text) {
  c10::optional<c10::Device> device;
  try {
    device.emplace(text);
  } catch (const c10::Error&) {
    throw UsageError("unknown device '" + text + "'; expected cpu, cuda or cuda:N");
  }
  const auto gpus = static_cast<std::size_t>(torch::cuda::device_count());
  const auto index = static_cast<std::size_t>(std::max<c10::DeviceIndex>(device->index(), 0));
  if (device->is_cpu() || (device->is_cuda() && index < gpus)) {
    return *device;
  }
  throw UsageError("device '" + text + "' is not there: this machine and LibTorch offer cpu and " + std::to_string(gpus) + " CUDA devices");
}

std::string not_an_archive(const std::filesystem::path& archive, const std::string& why) {
  return archive.string() + " is not a TorchScript archive (" + why + "); write one in Python with torch.jit.script(model).save(...) or " +
         "torch.jit.trace(model, example).save(...)";
}

}  // namespace

std::string reason(const std::exception& error) {
  const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
  std::istringstream text(torch_error != nullptr ? torch_error->what_without_backtrace() : error.what());
  std::string first;
  std::string runtime;
  for (std::string line; std::getline(text, line);) {
    constexpr const char* kMark = "RuntimeError: ";
    if (const auto at = line.find(kMark); at != std::string::npos) {
      runtime = line.substr(at + std::char_traits<char>::length(kMark));
    }
    if (first.empty()) {
      first = line;
    }
  }
  std::string out = runtime.empty() ? first : runtime;
  if (const auto dump = out.find(" Exception raised from "); dump != std::string::npos) {
    out.resize(dump);
  }
  while (!out.empty() && (out.back() == '.' || out.back() == ' ')) {
    out.pop_back();
  }
  return out;
}

torch::jit::Module load(const std::filesystem::path& archive, const std::string& device) {
  const c10::Device target = parse_device(device);
  std::error_code code;
  if (!std::filesystem::exists(archive, code)) {
    throw ModelError("model " + archive.string() + " does not exist; name a TorchScript archive");
  }
  if (!std::filesystem::is_regular_file(archive, code)) {
    throw ModelError("model " + archive.string() + " is not a file; name a TorchScript archive");
  }
  try {
    torch::jit::Module module = torch::jit::load(archive.string(), target);
    if (!module.find_method("forward")) {
      throw ModelError(archive.string() + " has no forward method; save the module whose forward(images) returns the scores");
    }
    return module;
  } catch (const c10::Error& error) {
    throw ModelError(not_an_archive(archive, reason(error)));
  } catch (const torch::jit::ErrorReport& error) {
    const std::string why = reason(error);
    const bool unknown = std::string(error.what()).find("Unknown builtin op") != std::string::npos;
    throw ModelError(archive.string() + " cannot be loaded: " + why + (unknown ? "; load the library that defines the operator first" : ""));
  }
}

}  // namespace ttscale::graph
