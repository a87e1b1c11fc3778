#pragma once

#include <boost/json.hpp>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nstarx {

/// The closed list of what can go wrong; one table maps it to HTTP status and CLI exit code
/// (error_table.h).
enum class ErrorKind {
  kInvalidArgument,
  kUnauthenticated,
  kPermissionDenied,
  kNotFound,
  kAlreadyExists,
  kConflict,
  kUnimplemented,
  kUnavailable,
  kDeadlineExceeded,
  kCancelled,
  kResourceExhausted,
  kDataLoss,
  kInternal,
};

/// What the caller should do next.
enum class Action { kRetry, kFixInput, kFixCredentials, kAskOperator, kReportBug };

std::string_view ToString(ErrorKind kind);
std::string_view ToString(Action action);
/// The action that usually follows from a kind.
Action DefaultAction(ErrorKind kind);

/// Why a call failed. Cheap to move, copyable, immutable once returned. Never holds a secret, a
/// whole DSN or bound parameters: whoever makes one redacts first.
class Error {
 public:
  /// `code` is stable and documented, e.g. "tls.certificate_expired"; `message` is one sentence.
  Error(ErrorKind kind, std::string code, std::string message);
  Error(const Error& other);
  Error(Error&& other) noexcept;
  Error& operator=(const Error& other);
  Error& operator=(Error&& other) noexcept;
  ~Error();

  ErrorKind kind() const;
  const std::string& code() const;
  const std::string& message() const;
  /// Stage of a connection test or of a call: resolve, tunnel, tcp, tls, login, privileges, query,
  /// … or empty.
  const std::string& stage() const;
  const std::vector<std::string>& hints() const;
  Action action() const;
  /// Connection type that raised it, or empty.
  const std::string& connector() const;
  /// The system's own code, e.g. "1045" or "NoSuchBucket"; empty if none.
  const std::string& vendor_code() const;
  const std::string& sqlstate() const;
  /// Machine-readable extras: position, field, suggestions.
  const boost::json::object& details() const;

  Error& WithStage(std::string_view stage);
  Error& WithHint(std::string hint);
  Error& WithHints(std::vector<std::string> hints);
  Error& WithAction(Action action);
  Error& WithConnector(std::string_view type);
  Error& WithVendorCode(std::string code);
  Error& WithSqlstate(std::string sqlstate);
  /// Any text or JSON value.
  template <class T>
  Error& WithDetail(std::string_view key, T&& value) {
    if constexpr (std::is_convertible_v<T&&, std::string_view>) {
      return SetDetail(key, boost::json::string(std::string_view(value)));
    } else {
      return SetDetail(key, boost::json::value(std::forward<T>(value)));
    }
  }
  Error& WithMessage(std::string message);

  /// {"code", "title", "detail", "stage", "hints", "action", …}: the body of problem+json less
  /// status and ids.
  boost::json::object ToJson() const;
  /// "code: message (stage)", for logs and terminals.
  std::string ToString() const;

 private:
  Error& SetDetail(std::string_view key, boost::json::value value);
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A value or an Error.
template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
  // NOLINTNEXTLINE(google-explicit-constructor): `return Error(...)` reads as what it is.
  Result(Error error) : std::expected<T, Error>(std::unexpect, std::move(error)) {}
  Result()
    requires std::is_default_constructible_v<T>
  = default;
};

/// Success or an Error; success costs nothing.
class [[nodiscard]] Status : public std::expected<void, Error> {
 public:
  using std::expected<void, Error>::expected;
  Status() = default;
  // NOLINTNEXTLINE(google-explicit-constructor)
  Status(Error error) : std::expected<void, Error>(std::unexpect, std::move(error)) {}
};

// Short makers for the kinds that are raised everywhere.
Error InvalidArgument(std::string code, std::string message);
Error NotFound(std::string code, std::string message);
Error Unavailable(std::string code, std::string message);
Error DeadlineExceeded(std::string code, std::string message);
Error Cancelled(std::string message);
Error Internal(std::string message);
Error Unimplemented(std::string code, std::string message);

[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);

}  // namespace nstarx

#define NSTARX_CONCAT_INNER(a, b) a##b
#define NSTARX_CONCAT(a, b) NSTARX_CONCAT_INNER(a, b)

/// Returns the error of a Status or Result from the enclosing function, else goes on.
#define NSTARX_RETURN_IF_ERROR(...)                                 \
  do {                                                              \
    if (auto nstarx_status = (__VA_ARGS__); !nstarx_status) {       \
      return ::std::unexpected(::std::move(nstarx_status).error()); \
    }                                                               \
  } while (false)

/// NSTARX_TRY(auto session, Open(...)): declares and sets, or returns the error.
#define NSTARX_TRY(declaration, ...)                                                        \
  auto NSTARX_CONCAT(nstarx_result_, __LINE__) = (__VA_ARGS__);                             \
  if (!NSTARX_CONCAT(nstarx_result_, __LINE__)) {                                           \
    return ::std::unexpected(::std::move(NSTARX_CONCAT(nstarx_result_, __LINE__)).error()); \
  }                                                                                         \
  declaration = ::std::move(*NSTARX_CONCAT(nstarx_result_, __LINE__))

/// Aborts with a message when a broken invariant is found; never used on input.
#define NSTARX_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::nstarx::CheckFailed(#condition, __FILE__, __LINE__))

/// Names the lock that guards a member; checked by clang's thread-safety analysis where the lock is
/// annotated, and a note to the reader elsewhere.
#define NSTARX_GUARDED_BY(lock)
