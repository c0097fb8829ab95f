// SPDX-License-Identifier: MIT
// The score of each task.
#include "eval/domain_score.h"

#include "eval/classification_score.h"
#include "eval/label_maps.h"
#include "eval/segmentation_score.h"

namespace ttscale::eval {

std::unique_ptr<DomainScore> make_domain_score(const EvalOptions& options, const RuleSet& runs, std::int64_t images) {
  if (options.task == Task::kSegmentation) {
    return std::make_unique<SegmentationScore>(runs.size(), runs.source(), ignored_label(options));
  }
  return std::make_unique<ClassificationScore>(runs.size(), runs.source(), images, options.examples);
}

}  // namespace ttscale::eval
