// SPDX-License-Identifier: MIT
// Results as real evaluations give them, made up from a seed: accuracy falls with severity, adapting wins most of it
// back, and loses where a batch holds few images or one class.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "eval/result.h"

namespace ttscale::report {

/// What to make up.
struct SampleOptions {
  std::vector<std::string> domains;
  std::vector<std::string> rules = {"source", "batch", "prior:count=16"};
  std::vector<eval::Setting> settings = {{"reset-each-domain", 64, 42}};
  std::vector<std::string> classes;  ///< empty: those of Fashion-MNIST
  std::int64_t images = 500;         ///< a domain
  std::int64_t sites = 15;
  std::int64_t examples = 4;  ///< losses, and as many gains, of each rule
  eval::Task task = eval::Task::kClassification;
};

/// A whole result; every number of a cell follows from the same counts.
eval::EvalResult make_sample(const SampleOptions& options);

/// The result after so many domains of its first setting: a later domain is unfinished.
eval::EvalResult interrupted(eval::EvalResult result, std::size_t domains);

/// Nine domains, the first clean, the last one that adapting makes worse.
std::vector<std::string> nine_domains();

/// The nineteen kinds of ImageNet-C at five severities.
std::vector<std::string> ninety_five_domains();

/// Three domains under source, batch and auto, whose guards kept batch everywhere, held and then rolled back auto on
/// the first domain, and left it so on the second.
eval::EvalResult guarded();

/// Every page that is looked at and checked: its name and the result.
std::vector<std::pair<std::string, eval::EvalResult>> all_samples();

}  // namespace ttscale::report
