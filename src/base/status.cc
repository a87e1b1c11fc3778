#include "base/status.h"

#include <cstdio>
#include <cstdlib>

namespace nstarx {

struct Error::Impl {
  ErrorKind kind = ErrorKind::kInternal;
  Action action = Action::kReportBug;
  std::string code;
  std::string message;
  std::string stage;
  std::string connector;
  std::string vendor_code;
  std::string sqlstate;
  std::vector<std::string> hints;
  boost::json::object details;
};

std::string_view ToString(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalidArgument:
      return "invalid_argument";
    case ErrorKind::kUnauthenticated:
      return "unauthenticated";
    case ErrorKind::kPermissionDenied:
      return "permission_denied";
    case ErrorKind::kNotFound:
      return "not_found";
    case ErrorKind::kAlreadyExists:
      return "already_exists";
    case ErrorKind::kConflict:
      return "conflict";
    case ErrorKind::kUnimplemented:
      return "unimplemented";
    case ErrorKind::kUnavailable:
      return "unavailable";
    case ErrorKind::kDeadlineExceeded:
      return "deadline_exceeded";
    case ErrorKind::kCancelled:
      return "cancelled";
    case ErrorKind::kResourceExhausted:
      return "resource_exhausted";
    case ErrorKind::kDataLoss:
      return "data_loss";
    case ErrorKind::kInternal:
      return "internal";
  }
  return "internal";
}

std::string_view ToString(Action action) {
  switch (action) {
    case Action::kRetry:
      return "retry";
    case Action::kFixInput:
      return "fix_input";
    case Action::kFixCredentials:
      return "fix_credentials";
    case Action::kAskOperator:
      return "ask_operator";
    case Action::kReportBug:
      return "report_bug";
  }
  return "report_bug";
}

Action DefaultAction(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalidArgument:
    case ErrorKind::kNotFound:
    case ErrorKind::kAlreadyExists:
    case ErrorKind::kConflict:
    case ErrorKind::kUnimplemented:
      return Action::kFixInput;
    case ErrorKind::kUnauthenticated:
      return Action::kFixCredentials;
    case ErrorKind::kPermissionDenied:
      return Action::kAskOperator;
    case ErrorKind::kUnavailable:
    case ErrorKind::kDeadlineExceeded:
    case ErrorKind::kCancelled:
    case ErrorKind::kResourceExhausted:
      return Action::kRetry;
    case ErrorKind::kDataLoss:
      return Action::kAskOperator;
    case ErrorKind::kInternal:
      return Action::kReportBug;
  }
  return Action::kReportBug;
}

Error::Error(ErrorKind kind, std::string code, std::string message)
    : impl_(std::make_unique<Impl>()) {
  impl_->kind = kind;
  impl_->action = DefaultAction(kind);
  impl_->code = std::move(code);
  impl_->message = std::move(message);
}

Error::Error(const Error& other) : impl_(std::make_unique<Impl>(*other.impl_)) {}
Error::Error(Error&& other) noexcept = default;
Error& Error::operator=(const Error& other) {
  if (this != &other) impl_ = std::make_unique<Impl>(*other.impl_);
  return *this;
}
Error& Error::operator=(Error&& other) noexcept = default;
Error::~Error() = default;

ErrorKind Error::kind() const { return impl_->kind; }
const std::string& Error::code() const { return impl_->code; }
const std::string& Error::message() const { return impl_->message; }
const std::string& Error::stage() const { return impl_->stage; }
const std::vector<std::string>& Error::hints() const { return impl_->hints; }
Action Error::action() const { return impl_->action; }
const std::string& Error::connector() const { return impl_->connector; }
const std::string& Error::vendor_code() const { return impl_->vendor_code; }
const std::string& Error::sqlstate() const { return impl_->sqlstate; }
const boost::json::object& Error::details() const { return impl_->details; }

Error& Error::WithStage(std::string_view stage) {
  impl_->stage = stage;
  return *this;
}
Error& Error::WithHint(std::string hint) {
  impl_->hints.push_back(std::move(hint));
  return *this;
}
Error& Error::WithHints(std::vector<std::string> hints) {
  impl_->hints = std::move(hints);
  return *this;
}
Error& Error::WithAction(Action action) {
  impl_->action = action;
  return *this;
}
Error& Error::WithConnector(std::string_view type) {
  impl_->connector = type;
  return *this;
}
Error& Error::WithVendorCode(std::string code) {
  impl_->vendor_code = std::move(code);
  return *this;
}
Error& Error::WithSqlstate(std::string sqlstate) {
  impl_->sqlstate = std::move(sqlstate);
  return *this;
}
Error& Error::SetDetail(std::string_view key, boost::json::value value) {
  impl_->details[key] = std::move(value);
  return *this;
}
Error& Error::WithMessage(std::string message) {
  impl_->message = std::move(message);
  return *this;
}

boost::json::object Error::ToJson() const {
  boost::json::object out;
  out["code"] = impl_->code;
  out["detail"] = impl_->message;
  out["kind"] = nstarx::ToString(impl_->kind);
  out["action"] = nstarx::ToString(impl_->action);
  if (!impl_->stage.empty()) out["stage"] = impl_->stage;
  boost::json::array hints;
  for (const auto& hint : impl_->hints) hints.emplace_back(hint);
  out["hints"] = std::move(hints);
  if (!impl_->connector.empty()) out["connector"] = impl_->connector;
  if (!impl_->vendor_code.empty()) out["vendor_code"] = impl_->vendor_code;
  if (!impl_->sqlstate.empty()) out["sqlstate"] = impl_->sqlstate;
  if (!impl_->details.empty()) out["details"] = impl_->details;
  return out;
}

std::string Error::ToString() const {
  std::string out = impl_->code + ": " + impl_->message;
  if (!impl_->stage.empty()) out += " (stage " + impl_->stage + ")";
  return out;
}

Error InvalidArgument(std::string code, std::string message) {
  return {ErrorKind::kInvalidArgument, std::move(code), std::move(message)};
}
Error NotFound(std::string code, std::string message) {
  return {ErrorKind::kNotFound, std::move(code), std::move(message)};
}
Error Unavailable(std::string code, std::string message) {
  return {ErrorKind::kUnavailable, std::move(code), std::move(message)};
}
Error DeadlineExceeded(std::string code, std::string message) {
  return {ErrorKind::kDeadlineExceeded, std::move(code), std::move(message)};
}
Error Cancelled(std::string message) {
  return {ErrorKind::kCancelled, "query.cancelled", std::move(message)};
}
Error Internal(std::string message) {
  return {ErrorKind::kInternal, "internal", std::move(message)};
}
Error Unimplemented(std::string code, std::string message) {
  return {ErrorKind::kUnimplemented, std::move(code), std::move(message)};
}

void CheckFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "nstarx: broken invariant: %s at %s:%d\n", condition, file, line);
  std::abort();
}

}  // namespace nstarx
