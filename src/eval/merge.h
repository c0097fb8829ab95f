// SPDX-License-Identifier: MIT
// The results of all shards of one evaluation, put together.
#pragma once

#include <string>
#include <vector>

#include "eval/result.h"

namespace ttscale::eval {

/// What an evaluation without shards would have given: cells in its order, counts of classes added up, examples ranked
/// anew. `names` are those of the files, for messages. Throws DataError, naming files and difference, for results of
/// different work, for a shard that is missing, comes twice or is not complete, and for results that are no shards.
EvalResult merge(const std::vector<EvalResult>& shards, const std::vector<std::string>& names);

}  // namespace ttscale::eval
