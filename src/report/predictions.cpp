// SPDX-License-Identifier: MIT
// A row an image and rule.
#include "report/predictions.h"

#include <fcntl.h>
#include <unistd.h>

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
  append("domain,rule,path,label,prediction,confidence\n");
}

void PredictionsWriter::write(const eval::PredictionBatch& batch) {
  std::string rows;
  for (std::size_t i = 0; i < batch.predictions.size(); ++i) {
    const data::Sample& sample = batch.samples[i];
    const metrics::Prediction& prediction = batch.predictions[i];
    rows += csv_row({batch.domain, batch.rule, sample.path.string(), std::to_string(sample.label),
                     std::to_string(prediction.index), confidence_text(prediction.confidence)});
  }
  append(rows);
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
