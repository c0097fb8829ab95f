// SPDX-License-Identifier: MIT
// The loader: a window of batches moves over the samples, workers fill it image by image, next() takes its front.
#include "data/loader.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "data/batch_slot.h"
#include "ttscale/error.h"

namespace ttscale::data {
namespace {

void check_range(const char* field, std::int64_t value, std::int64_t least, std::int64_t most) {
  if (value < least || value > most) {
    throw UsageError(std::string(field) + ": expected " + std::to_string(least) + " to " + std::to_string(most) +
                     ", found " + std::to_string(value));
  }
}

}  // namespace

OnError parse_on_error(const std::string& text) {
  if (text != "stop" && text != "skip") {
    throw UsageError("on_error: expected stop or skip, found \"" + text + "\"");
  }
  return text == "stop" ? OnError::kStop : OnError::kSkip;
}

void LoaderOptions::validate() const {
  check_range("batch_size", batch_size, 1, 1 << 20);
  check_range("workers", workers, 0, 1024);
  check_range("prefetch_batches", prefetch_batches, 0, 1 << 20);
  check_range("max_pixels", decode.max_pixels, 1, std::int64_t{1} << 40);
}

class Loader::Impl {
 public:
  Impl(std::vector<Sample> samples, LoaderOptions options, Transform transform)
      : samples_(std::move(samples)), options_(std::move(options)), transform_(std::move(transform)) {
    options_.validate();
    if (!transform_) {
      throw UsageError("loader: expected a transform, found none");
    }
    start();
  }

  ~Impl() { stop(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  std::optional<Batch> next() {
    if (failure_ != nullptr) {
      std::rethrow_exception(failure_);
    }
    try {
      return next_batch();
    } catch (...) {
      failure_ = std::current_exception();
      stop();
      throw;
    }
  }

  [[nodiscard]] const std::vector<Skipped>& skipped() const { return skipped_; }

 private:
  // A batch in the window and how many of its images are still missing.
  struct Entry {
    std::unique_ptr<BatchSlot> slot;
    std::size_t missing = 0;
  };

  // One image to read; the slot outlives the task because it leaves the window only when complete.
  struct Task {
    Entry* entry = nullptr;
    std::size_t index = 0;
  };

  [[nodiscard]] std::size_t batch_size() const { return static_cast<std::size_t>(options_.batch_size); }

  void start() {
    try {
      for (std::int64_t i = 0; i < options_.workers; ++i) {
        workers_.emplace_back([this] { work(); });
      }
    } catch (...) {  // no more threads: those that run must end before the members they use
      stop();
      throw;
    }
  }

  void stop() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
    }
    has_work_.notify_all();
    for (auto& worker : workers_) {
      worker.join();
    }
    workers_.clear();
  }

  void work() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
      has_work_.wait(lock, [this] { return stopping_ || has_task(); });
      if (stopping_) {
        return;
      }
      const Task task = take_task();
      lock.unlock();
      load(*task.entry->slot, task.index);
      lock.lock();
      if (--task.entry->missing == 0) {
        has_batch_.notify_one();
      }
    }
  }

  // Whether a sample is left that lies inside the window. Needs the mutex.
  [[nodiscard]] bool has_task() const {
    const std::size_t window = front_batch_ + 1 + static_cast<std::size_t>(options_.prefetch_batches);
    return next_sample_ < samples_.size() && next_sample_ / batch_size() < window;
  }

  // Needs the mutex and a task.
  Task take_task() {
    const std::size_t index = next_sample_ % batch_size();
    if (index == 0) {
      window_.push_back(make_entry());
    }
    ++next_sample_;
    return {window_.back().get(), index};
  }

  // The batch that begins at the next sample.
  [[nodiscard]] std::unique_ptr<Entry> make_entry() const {
    const std::size_t end = std::min(next_sample_ + batch_size(), samples_.size());
    const auto at = [this](std::size_t i) { return samples_.begin() + static_cast<std::ptrdiff_t>(i); };
    auto entry = std::make_unique<Entry>();
    entry->slot = std::make_unique<BatchSlot>(std::vector<Sample>(at(next_sample_), at(end)));
    entry->missing = end - next_sample_;
    return entry;
  }

  void load(BatchSlot& slot, std::size_t index) const noexcept {
    try {
      const Sample& sample = slot.samples()[index];
      const at::Tensor hwc = decoded(sample);
      slot.store(index, transform_(hwc, sample), options_.label_maps ? options_.label_maps(hwc, sample) : at::Tensor());
    } catch (...) {
      slot.fail(index, std::current_exception());
    }
  }

  [[nodiscard]] at::Tensor decoded(const Sample& sample) const {
    return options_.cache ? options_.cache->get(sample.path, options_.decode)
                          : image::decode(sample.path, options_.decode);
  }

  std::optional<Batch> next_batch() {
    while (front_batch_ * batch_size() < samples_.size()) {
      const std::unique_ptr<Entry> entry = options_.workers == 0 ? load_here() : wait_for_front();
      FinishedBatch finished = entry->slot->finish(options_.on_error);
      std::move(finished.skipped.begin(), finished.skipped.end(), std::back_inserter(skipped_));
      if (finished.batch) {
        return std::move(finished.batch);
      }
    }
    if (!options_.may_be_empty && !samples_.empty() && skipped_.size() == samples_.size()) {
      throw DataError("data: expected at least one readable image, found none among " +
                      std::to_string(samples_.size()) + "; the first problem was: " + skipped_.front().reason);
    }
    return std::nullopt;
  }

  std::unique_ptr<Entry> load_here() {
    std::unique_ptr<Entry> entry = make_entry();
    for (std::size_t i = 0; i < entry->slot->samples().size(); ++i) {
      load(*entry->slot, i);
    }
    next_sample_ += entry->missing;
    ++front_batch_;
    return entry;
  }

  std::unique_ptr<Entry> wait_for_front() {
    std::unique_lock<std::mutex> lock(mutex_);
    has_batch_.wait(lock, [this] { return !window_.empty() && window_.front()->missing == 0; });
    std::unique_ptr<Entry> entry = std::move(window_.front());
    window_.pop_front();
    ++front_batch_;
    lock.unlock();
    has_work_.notify_all();
    return entry;
  }

  const std::vector<Sample> samples_;
  const LoaderOptions options_;
  const Transform transform_;
  std::vector<Skipped> skipped_;  // this and failure_: of the thread that calls next()
  std::exception_ptr failure_;

  std::mutex mutex_;  // of everything below
  std::condition_variable has_work_;
  std::condition_variable has_batch_;
  std::deque<std::unique_ptr<Entry>> window_;
  std::size_t front_batch_ = 0;  // number of the batch at the front of the window
  std::size_t next_sample_ = 0;  // next to be handed to a worker
  bool stopping_ = false;
  std::vector<std::thread> workers_;
};

Loader::Loader(std::vector<Sample> samples, LoaderOptions options, Transform transform)
    : impl_(std::make_unique<Impl>(std::move(samples), std::move(options), std::move(transform))) {}

Loader::~Loader() = default;

std::optional<Batch> Loader::next() { return impl_->next(); }

const std::vector<Skipped>& Loader::skipped() const { return impl_->skipped(); }

}  // namespace ttscale::data
