// SPDX-License-Identifier: MIT
// Mean corruption error of ImageNet-C and its relative form, in units of AlexNet's errors.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ttscale::metrics {

/// Top-1 error, 0..1, of one kind of corruption, by severity 1..5.
using SeverityErrors = std::map<std::int64_t, double>;

/// The 15 kinds of ImageNet-C that the mean corruption error is made of, in the order of the paper.
const std::vector<std::string>& standard_corruptions();

/// What the errors of a model on ImageNet-C amount to. In each of these 1 is as bad as AlexNet.
struct CorruptionError {
  std::optional<double> mean;             ///< mCE; none if something is missing
  std::optional<double> relative_mean;    ///< relative mCE; none if something or the clean error is missing
  std::map<std::string, double> by_kind;  ///< CE of each complete standard kind
  std::map<std::string, double>
      relative_by_kind;              ///< relative CE of each complete standard kind; needs the clean error
  std::vector<std::string> missing;  ///< "fog" or "fog/4": standard kinds and severities without an error
  std::vector<std::string> ignored;  ///< kinds given that are not among the 15 (the four extra ones, others)
};

/// Hendrycks & Dietterich 2019 (arXiv:1903.12261): CE of a kind is the sum of its errors over severities 1..5 over that
/// of AlexNet; mCE the mean of CE over the 15 kinds. The relative form subtracts the clean error from each error, for
/// the model and for AlexNet. AlexNet's errors are the published ones, on the full 50 000 images; RobustBench divides
/// by others, measured on its 5 000, so its numbers differ. An error that is NaN is missing. Throws UsageError for a
/// severity outside 1..5 or an error outside 0..1.
CorruptionError corruption_error(const std::map<std::string, SeverityErrors>& errors,
                                 std::optional<double> clean_error = std::nullopt);

}  // namespace ttscale::metrics
