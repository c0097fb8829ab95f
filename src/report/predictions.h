// SPDX-License-Identifier: MIT
// The predictions of every image as CSV, written while the evaluation runs.
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/descriptor.h"
#include "eval/evaluate.h"

namespace ttscale::report {

/// Writes the columns `domain,rule,path,label,prediction,confidence,protocol,batch_size,seed` (RFC 4180) in stream
/// order. Label and prediction are class indices; where the model gave no softmax (NaN) the prediction is -1 and the
/// confidence "nan".
class PredictionsWriter {
 public:
  /// Opens (and empties) the file and writes the header. Throws Error naming the path and the reason.
  explicit PredictionsWriter(const std::filesystem::path& file);

  /// Goes on after the first `bytes` of a file that an earlier run wrote; what follows them is dropped. Throws
  /// DataError if the file is shorter.
  PredictionsWriter(const std::filesystem::path& file, std::int64_t bytes);

  /// Appends the rows of a batch and hands them to the operating system, so that a crash loses none. If that fails,
  /// the file ends with the last whole batch. Throws Error.
  void write(const eval::PredictionBatch& batch);

  /// Waits until the disk has everything, and returns the length of the file.
  std::int64_t sync();

  /// Syncs and closes. Throws Error if the system could not keep what was written.
  void close();

 private:
  void append(const std::string& rows);

  Descriptor file_;
  std::int64_t size_ = 0;
};

}  // namespace ttscale::report
