// SPDX-License-Identifier: MIT
// Shifted copies of images: the corruptions of ImageNet-C and CIFAR-10-C (Hendrycks & Dietterich 2019), and shifts that
// cameras and pipelines cause.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace ttscale::shift {

/// Whose strengths a corruption has. Kinds of the group `real` have one set and ignore it.
enum class Parameters {
  kImageNet,  ///< ImageNet-C, for images of about 224x224
  kCifar,     ///< CIFAR-10-C, for images of about 32x32
};

/// The parameters of that name ("imagenet", "cifar"); throws UsageError for any other text.
Parameters parse_parameters(const std::string& text, const std::string& option = "parameters");

/// The name that parse_parameters() reads.
std::string to_string(Parameters parameters);

/// One kind of shift at one strength.
struct Shift {
  std::string kind;           ///< one of kinds()
  std::int64_t severity = 1;  ///< 1 (weakest) to 5

  /// "<kind>/<severity>": its folder, and its domain in `ttscale eval`.
  [[nodiscard]] std::string domain() const;
};

inline bool operator==(const Shift& a, const Shift& b) { return a.kind == b.kind && a.severity == b.severity; }

/// A named set of kinds.
struct Group {
  std::string name;
  std::vector<std::string> kinds;
};

/// `imagenet-c` (the 15 of the benchmark, in its order), `extra` (its 4 for validation), `all` (those 19) and `real`.
const std::vector<Group>& groups();

/// All kinds: those of `all`, then those of `real`.
const std::vector<std::string>& kinds();

/// Reads `gaussian_noise:3,5`, `all:5`, `real`: a kind or group, then its severities (none: 1 to 5). Several of them
/// are separated by ';' or white space. Kinds keep the order in which they are written, severities likewise; what is
/// named twice appears once. Throws UsageError that lists what is valid.
std::vector<Shift> parse_shifts(const std::string& text);

/// The same with kinds or groups and severities apart: every kind at every severity. Throws UsageError likewise.
std::vector<Shift> combine_shifts(const std::vector<std::string>& names, const std::vector<std::int64_t>& severities);

/// The seed of one image under one shift: a hash of `seed`, kind, severity and the image's path below its root, written
/// with '/'. The same on every platform; no two images of a folder share their noise, and neither do two shifts.
std::uint64_t image_seed(std::uint64_t seed, const Shift& shift, const std::string& relative_path);

/// Raised whenever the pixels of a kind change, so that a half-finished set is not completed with other pixels.
constexpr int kRevision = 2;

/// The image under the shift: uint8 [H, W, 3] RGB -> uint8 [H, W, 3] of the same size, contiguous, in memory of its
/// own. A pure function: the same arguments give the same pixels in any thread. Throws UsageError for another tensor,
/// an unknown kind, or a severity outside 1 to 5.
at::Tensor apply(const at::Tensor& hwc, const Shift& shift, Parameters parameters, std::uint64_t image_seed);

}  // namespace ttscale::shift
