// SPDX-License-Identifier: MIT
// A row an image and rule.
#include "report/predictions.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <string>

#include "report/csv.h"
#include "ttscale/error.h"

namespace ttscale::report {
namespace {

std::string confidence_text(double confidence) {
  constexpr int kDecimals = 6;
  return std::isnan(confidence) ? "nan" : csv_number(confidence, kDecimals);
}

}  // namespace

PredictionsWriter::PredictionsWriter(const std::filesystem::path& file)
    : file_(file, O_WRONLY | O_CREAT | O_TRUNC, file) {
  append("domain,rule,path,label,prediction,confidence,protocol,batch_size,seed\n");
}

PredictionsWriter::PredictionsWriter(const std::filesystem::path& file, std::int64_t bytes)
    : file_(file, O_WRONLY, file), size_(bytes) {
  struct stat status {};
  if (::fstat(file_.get(), &status) != 0 || status.st_size < bytes) {
    throw DataError("predictions: expected the " + std::to_string(bytes) + " bytes of the run that is resumed, found " +
                    std::to_string(status.st_size) + " in " + file.string() + "; begin anew without --resume");
  }
  if (::ftruncate(file_.get(), bytes) != 0 || ::lseek(file_.get(), bytes, SEEK_SET) < 0) {
    throw_cannot_write(file, errno);
  }
}

void PredictionsWriter::write(const eval::PredictionBatch& batch) {
  std::string rows;
  for (std::size_t i = 0; i < batch.predictions.size(); ++i) {
    const data::Sample& sample = batch.samples[i];
    const metrics::Prediction& prediction = batch.predictions[i];
    rows +=
        csv_row({batch.domains[static_cast<std::size_t>(sample.domain)].name, batch.rule, sample.path.string(),
                 std::to_string(sample.label), std::to_string(prediction.index), confidence_text(prediction.confidence),
                 batch.setting.protocol, std::to_string(batch.setting.batch_size), std::to_string(batch.setting.seed)});
  }
  append(rows);
}

std::int64_t PredictionsWriter::sync() {
  file_.sync();
  return size_;
}

void PredictionsWriter::close() { file_.close(); }

void PredictionsWriter::append(const std::string& rows) {
  try {
    file_.write(rows);
    size_ += static_cast<std::int64_t>(rows.size());
  } catch (const Error&) {
    // Half a row would be read as a whole one. Devices and pipes refuse to be cut, and need not be.
    [[maybe_unused]] const int ignored = ::ftruncate(file_.get(), size_);
    throw;
  }
}

}  // namespace ttscale::report
