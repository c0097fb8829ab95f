// SPDX-License-Identifier: MIT
// The formulas of input.cpp once more, line by line, in TorchScript. Types are numbers there: 4 int64, 6 float32, 7
// float64.
#include "adapt/input_script.h"

#include <iomanip>
#include <limits>
#include <sstream>
#include <vector>

namespace ttscale {
namespace {

std::string number(double value) {
  std::ostringstream out;
  out << std::setprecision(std::numeric_limits<double>::max_digits10) << value;
  const std::string text = out.str();
  return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
}

std::string numbers(const std::vector<double>& values) {
  std::string out = "[";
  for (const double value : values) {
    out += (out.size() > 1 ? ", " : "") + number(value);
  }
  return out + "]";
}

constexpr const char* kWorkingType = "  w = x if x.dtype == 7 else x.to(dtype=6)\n";

/// The shape that broadcasts one value per scope against x.
const char* scope_shape(InputScope scope) {
  switch (scope) {
    case InputScope::kBatch:
      return "[1, x.size(1)] + [1] * (x.dim() - 2)";
    case InputScope::kImage:
      return "[x.size(0)] + [1] * (x.dim() - 1)";
    default:
      return "[x.size(0), x.size(1)] + [1] * (x.dim() - 2)";
  }
}

/// A variable that holds values of a channel, to broadcast against x.
std::string per_channel(const char* name, const std::vector<double>& values) {
  return std::string("  ") + name + " = torch.tensor(" + numbers(values) +
         ", dtype=w.dtype, device=x.device).view([1, -1] + [1] * (x.dim() - 2))\n";
}

std::string standardize_script(const Standardize& options) {
  const char* const dims = options.scope == InputScope::kBatch   ? "[0] + [i for i in range(2, x.dim())]"
                           : options.scope == InputScope::kImage ? "[i for i in range(1, x.dim())]"
                                                                 : "[i for i in range(2, x.dim())]";
  return std::string(kWorkingType) + per_channel("mean", options.mean) + per_channel("std", options.std) +
         "  z = (w - mean) / std\n"
         "  finite = torch.isfinite(z).flatten(1).all(1).view([x.size(0)] + [1] * (x.dim() - 1))\n"
         "  d = torch.where(finite, z, torch.zeros_like(z)).to(dtype=7)\n"
         "  counted = finite.to(dtype=7).expand_as(d)\n"
         "  dims = " +
         dims +
         "\n"
         "  n = counted.sum(dims, True).clamp_min(1)\n"
         "  m = d.sum(dims, True) / n\n"
         "  s = (((d - m).square() * counted).sum(dims, True) / n).sqrt()\n"
         "  varies = s > m.abs().clamp_min(1e-6) * 1e-6\n"
         "  y = ((d - m) / s).to(dtype=w.dtype) * std + mean\n"
         "  return torch.where(finite.logical_and(varies), y, w).to(dtype=x.dtype)\n";
}

std::string min_max_script(const MinMax& options) {
  const char* const rows = options.scope == InputScope::kBatch   ? "pixels.transpose(0, 1).reshape([x.size(1), -1])"
                           : options.scope == InputScope::kImage ? "pixels.reshape([x.size(0), -1])"
                                                                 : "pixels.reshape([x.size(0) * x.size(1), -1])";
  const auto quantile = [](const char* name, double q) {
    const std::string n = name;
    return "  " + n + "_at = (count - 1).clamp_min(0).to(dtype=7) * " + number(q) + "\n  " + n +
           "_below = ordered.gather(1, " + n + "_at.floor().to(dtype=4).unsqueeze(1)).squeeze(1)\n  " + n +
           "_above = ordered.gather(1, " + n + "_at.ceil().to(dtype=4).unsqueeze(1)).squeeze(1)\n  " + n + " = (" + n +
           "_below + (" + n + "_above - " + n + "_below) * (" + n + "_at - " + n +
           "_at.floor()).to(dtype=w.dtype)).view(shape)\n";
  };
  return std::string(kWorkingType) + per_channel("mean", options.mean) + per_channel("std", options.std) +
         "  pixels = w * std + mean\n  shape = " + scope_shape(options.scope) + "\n  all = " + rows +
         "\n"
         "  rows = torch.where(torch.isfinite(all), all, torch.zeros_like(all) / 0.0)\n"  // NaN, which sorts last
         "  ordered, order = torch.sort(rows, 1)\n"
         "  count = torch.isnan(rows).logical_not().sum([1])\n" +
         quantile("low", options.lower_quantile) + quantile("high", options.upper_quantile) +
         "  noise = torch.maximum(low.abs(), high.abs()) * 1e-6\n"
         "  usable = (high - low > noise).logical_and(torch.isfinite(w))\n"
         "  y = ((pixels - low) / (high - low)).clamp(0, 1) * " +
         number(options.high - options.low) + " + " + number(options.low) +
         "\n  return torch.where(usable, (y - mean) / std, w).to(dtype=x.dtype)\n";
}

}  // namespace

std::string input_script(const std::string& name, const InputScaling& scaling) {
  const std::string head = "def " + name + "(self, x: Tensor) -> Tensor:\n";
  if (const auto* chosen = std::get_if<Standardize>(&scaling)) {
    return head + standardize_script(*chosen);
  }
  if (const auto* chosen = std::get_if<MinMax>(&scaling)) {
    return head + min_max_script(*chosen);
  }
  return {};
}

}  // namespace ttscale
