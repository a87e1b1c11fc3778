#include "http/body_channel.h"

#include <algorithm>
#include <cstring>

namespace nstarx::http {

Result<size_t> BodyChannel::Read(const Context& context, std::span<std::byte> into) {
  if (into.empty()) return size_t{0};
  std::unique_lock lock(lock_);
  if (!wanted_) {
    wanted_ = true;
    wake_();
  }
  const auto deadline =
      std::min(context.deadline(), Context::SteadyClock::now() + std::chrono::hours(24));
  changed_.wait_until(lock, context.stop_token(), deadline, [this] {
    return position_ < data_.size() || finished_ || error_.has_value();
  });
  if (position_ == data_.size()) {
    if (error_) return *error_;
    if (finished_) return size_t{0};
    NSTARX_RETURN_IF_ERROR(context.Check());
    return DeadlineExceeded("request.timeout", "the body did not arrive in time");
  }
  const size_t bytes = std::min(into.size(), data_.size() - position_);
  std::memcpy(into.data(), data_.data() + position_, bytes);
  position_ += bytes;
  const bool was_full = data_.size() - position_ + bytes > kRoom / 2;
  if (position_ == data_.size()) {
    data_.clear();
    position_ = 0;
  } else if (position_ >= kRoom / 2) {
    data_.erase(0, position_);
    position_ = 0;
  }
  if (was_full) wake_();
  return bytes;
}

bool BodyChannel::wanted() const {
  std::lock_guard guard(lock_);
  return wanted_;
}

size_t BodyChannel::room() const {
  std::lock_guard guard(lock_);
  const size_t held = data_.size() - position_;
  return held >= kRoom ? 0 : kRoom - held;
}

void BodyChannel::Push(std::string_view bytes) {
  std::lock_guard guard(lock_);
  data_.append(bytes);
  changed_.notify_one();
}

void BodyChannel::Finish() {
  std::lock_guard guard(lock_);
  finished_ = true;
  changed_.notify_all();
}

bool BodyChannel::finished() const {
  std::lock_guard guard(lock_);
  return finished_;
}

void BodyChannel::Fail(Error error) {
  std::lock_guard guard(lock_);
  if (!finished_ && !error_) error_ = std::move(error);
  changed_.notify_all();
}

}  // namespace nstarx::http
