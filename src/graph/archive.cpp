// SPDX-License-Identifier: MIT
// Loading TorchScript archives.
#include "graph/archive.h"

#include <algorithm>
#include <cctype>
#include <optional>
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
  throw UsageError("device '" + text + "' is not there: this machine and LibTorch offer cpu and " +
                   std::to_string(gpus) + " CUDA devices");
}

std::string not_an_archive(const std::filesystem::path& archive, const std::string& why) {
  return archive.string() + " is not a TorchScript archive (" + why +
         "); write one in Python with torch.jit.script(model).save(...) or " +
         "torch.jit.trace(model, example).save(...)";
}

/// The text behind "RuntimeError: ", "builtins.ValueError: ", "torch.jit.Error: " and the like at the start of a line.
std::optional<std::string> after_exception_name(const std::string& line) {
  const auto colon = line.find(": ");
  const std::string name = line.substr(0, colon);
  const auto ends_with = [&](const std::string& end) {
    return name.size() >= end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0;
  };
  const bool word = std::all_of(name.begin(), name.end(),
                                [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '.'; });
  return colon != std::string::npos && word && (ends_with("Error") || ends_with("Exception"))
             ? std::optional<std::string>(line.substr(colon + 2))
             : std::nullopt;
}

}  // namespace

std::string reason(const std::exception& error) {
  const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
  std::istringstream text(torch_error != nullptr ? torch_error->what_without_backtrace() : error.what());
  std::string out;
  bool found = false;  // the line that names the exception; what follows it belongs to its message
  for (std::string line; std::getline(text, line);) {
    if (const auto message = after_exception_name(line)) {
      out = *message;
      found = true;
    } else if (found) {
      out += " " + line;
    } else if (out.empty()) {
      out = line;
    }
  }
  if (const auto dump = out.find(" Exception raised from "); dump != std::string::npos) {
    out.resize(dump);
  }
  out.erase(out.find_last_not_of(". \t") + 1);
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
      throw ModelError(archive.string() +
                       " has no forward method; save the module whose forward(images) returns the scores");
    }
    return module;
  } catch (const ModelError&) {
    throw;
  } catch (const c10::Error& error) {
    throw ModelError(not_an_archive(archive, reason(error)));
  } catch (
      const std::exception& error) {  // code of the archive that does not compile, or that raises while it is loaded
    const bool unknown = std::string(error.what()).find("Unknown builtin op") != std::string::npos;
    throw ModelError(archive.string() + " cannot be loaded: " + reason(error) +
                     (unknown ? "; load the library that defines the operator first" : ""));
  }
}

}  // namespace ttscale::graph
