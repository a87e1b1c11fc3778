#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/status.h"

namespace nstarx {

/// The role of a caller in the whole deployment, weakest first.
enum class Role { kViewer, kUser, kEditor, kAdmin };
std::string_view ToString(Role role);
Result<Role> ParseRole(std::string_view text);

/// Who calls. A plain value; made by access/ from a key, or by the daemon for its own jobs.
struct Principal {
  std::string id;                   ///< user id, e.g. "usr_…"; "system" for the daemon itself
  std::string name;                 ///< shown in audit and owner fields
  Role role = Role::kViewer;        ///< what the caller may do at most
  std::vector<std::string> teams;   ///< team names
  std::string key_id;               ///< API key that was shown, or empty
  std::vector<std::string> scopes;  ///< of the key: "*" or e.g. "connections:read"; see access/
  std::string remote_address;       ///< of the socket, without port; "local" for in-process calls
};

/// What every call carries: until when, whether to stop, for which request, on whose behalf.
/// Copyable; the copy shares the stop source. The deadline only ever shrinks on the way down.
class Context {
 public:
  using SteadyClock = std::chrono::steady_clock;

  Context() = default;
  Context(Principal principal, std::string request_id)
      : principal_(std::move(principal)), request_id_(std::move(request_id)) {}

  const Principal& principal() const { return principal_; }
  void set_principal(Principal principal) { principal_ = std::move(principal); }
  const std::string& request_id() const { return request_id_; }

  SteadyClock::time_point deadline() const { return deadline_; }
  /// A copy whose deadline is at most `limit` from now.
  Context WithTimeout(std::chrono::milliseconds limit) const;
  /// A copy that is also stopped by `token`; replaces the token it had, so chain at the outermost
  /// place.
  Context WithStop(std::stop_token token) const;

  /// Time left, never negative; capped at 24 h when there is no deadline.
  std::chrono::milliseconds remaining() const;
  bool expired() const { return SteadyClock::now() >= deadline_; }
  bool stop_requested() const { return stop_.stop_requested(); }
  std::stop_token stop_token() const { return stop_; }

  /// OK, or `query.timeout` / `query.cancelled`.
  Status Check() const;

 private:
  Principal principal_;
  std::string request_id_;
  SteadyClock::time_point deadline_ = SteadyClock::time_point::max();
  std::stop_token stop_;
};

}  // namespace nstarx
