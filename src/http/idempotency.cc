#include "http/idempotency.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "http/problem.h"
#include "store/store.h"

namespace nstarx::http {
namespace {

constexpr size_t kKeyBytesMax = 255;

std::string KeyedHash(std::string_view key, std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &size);
  std::string out;
  for (unsigned int i = 0; i < size; ++i) out += fmt::format("{:02x}", digest[i]);
  return out;
}

// A kept answer is its header lines, an empty line, and its body.
std::string Pack(const Response& response) {
  std::string out = "Content-Type: " + response.content_type + "\n";
  for (const auto& [name, value] : response.headers) out += name + ": " + value + "\n";
  return out + "\n" + response.body;
}

Response Unpack(int status, std::string_view packed) {
  Response response;
  response.status = status;
  while (!packed.empty() && packed.front() != '\n') {
    const size_t end = std::min(packed.find('\n'), packed.size());
    const std::string_view line = packed.substr(0, end);
    const size_t colon = line.find(": ");
    if (colon != line.npos) {
      if (line.substr(0, colon) == "Content-Type") {
        response.content_type = line.substr(colon + 2);
      } else {
        response.With(line.substr(0, colon), std::string(line.substr(colon + 2)));
      }
    }
    packed.remove_prefix(std::min(end + 1, packed.size()));
  }
  if (!packed.empty()) response.body = packed.substr(1);
  return response;
}

bool MayEndOtherwise(int status) {
  return status >= 500 || status == 401 || status == 403 || status == 408 || status == 429 ||
         status == 499;
}

}  // namespace

Result<std::unique_ptr<Idempotency::Claim>> Idempotency::Begin(std::string_view caller,
                                                               std::string_view key,
                                                               const Request& request) {
  const auto visible = [](char c) { return c > 0x20 && c < 0x7F; };
  if (key.empty() || key.size() > kKeyBytesMax || !std::ranges::all_of(key, visible)) {
    return InvalidArgument(
               "request.invalid_idempotency_key",
               fmt::format("an Idempotency-Key is 1 to {} visible ASCII characters", kKeyBytesMax))
        .WithHint("Use a new random UUID for every request that is not a repeat.");
  }
  std::string text(ToString(request.method));
  text.append(" ").append(request.target).append("\n").append(request.body);
  std::string stored_key = KeyedHash("nstarx idempotency key", key);
  std::string fingerprint = KeyedHash(key, text);
  {
    std::lock_guard guard(lock_);
    if (!running_.insert(std::string(caller) + " " + stored_key).second) {
      return Error(ErrorKind::kAlreadyExists, "idempotency.in_progress",
                   "the first request with this Idempotency-Key is still running")
          .WithAction(Action::kRetry)
          .WithHint("Repeat the request in a moment to get the first one's answer.");
    }
  }
  return std::make_unique<Claim>(*this, std::string(caller), std::move(stored_key),
                                 std::move(fingerprint));
}

Idempotency::Claim::~Claim() {
  std::lock_guard guard(owner_.lock_);
  owner_.running_.erase(caller_ + " " + key_);
}

Result<std::optional<Response>> Idempotency::Claim::Replay() {
  NSTARX_TRY(auto found, owner_.store_.FindAnswer(caller_, key_));
  if (!found) return std::optional<Response>();
  if (found->fingerprint != fingerprint_) {
    return Error(ErrorKind::kAlreadyExists, "idempotency.key_reused",
                 "this Idempotency-Key was used for another request")
        .WithAction(Action::kFixInput)
        .WithHint("Use a new key for every request that is not a repeat.");
  }
  Response response = Unpack(found->status, found->body);
  response.With("Idempotency-Replayed", "true");
  return std::optional<Response>(std::move(response));
}

Status Idempotency::Claim::Keep(const Response& response, bool shows_secret,
                                std::string_view request_id) {
  if (MayEndOtherwise(response.status) || response.stream) return {};
  store::StoredAnswer answer;
  answer.fingerprint = fingerprint_;
  answer.at = owner_.clock_.Now();
  if (shows_secret && response.status < 300) {
    const Response instead = ProblemResponse(
        Error(ErrorKind::kAlreadyExists, "idempotency.key_shown_once",
              "the first request with this Idempotency-Key made an API key, which is shown once")
            .WithHint("Revoke that key if its answer was lost, and make a new one."),
        request_id);
    answer.status = instead.status;
    answer.body = Pack(instead);
  } else {
    answer.status = response.status;
    answer.body = Pack(response);
  }
  return owner_.store_.KeepAnswer(caller_, key_, answer);
}

}  // namespace nstarx::http
