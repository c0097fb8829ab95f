// SPDX-License-Identifier: MIT
// The predictions of every image as CSV, written while the evaluation runs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "eval/evaluate.h"

namespace ttscale::report {

/// Writes the columns `domain,rule,path,label,prediction,confidence` (RFC 4180) in stream order. Label and prediction
/// are class indices; where the model gave no softmax (NaN) they are -1 and "nan".
class PredictionsWriter {
 public:
  /// Opens (and empties) the file and writes the header. Throws Error naming the path and the reason.
  explicit PredictionsWriter(const std::filesystem::path& file);
  /// Closes the file; what close() would have thrown is lost.
  ~PredictionsWriter();
  PredictionsWriter(const PredictionsWriter&) = delete;
  PredictionsWriter& operator=(const PredictionsWriter&) = delete;

  /// Appends the rows of a batch and hands them to the operating system, so that a crash loses none. Throws Error.
  void write(const eval::PredictionBatch& batch);

  /// Syncs and closes. Throws Error if the system could not keep what was written.
  void close();

 private:
  std::filesystem::path file_;
  int descriptor_ = -1;
};

}  // namespace ttscale::report
