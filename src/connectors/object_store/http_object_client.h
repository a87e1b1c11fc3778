#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "connectors/object_store/object_client.h"
#include "net/http_client.h"

namespace nstarx::connectors::object_store {

/// What the REST clients have in common: signing just before sending, repeating what may help,
/// GETs that resume.
class HttpObjectClient : public ObjectClient {
 public:
  Result<std::unique_ptr<connector::ByteStream>> Get(const Context& context, std::string_view key,
                                                     connector::ObjectRange range) final;

 protected:
  explicit HttpObjectClient(std::unique_ptr<net::HttpClient> http) : http_(std::move(http)) {}

  /// Adds what proves who asks.
  virtual Status Authorize(const Context& context, net::HttpRequest& request) = 0;
  virtual Error FailureOf(const net::HttpReply& reply, std::string_view subject) const = 0;
  /// A GET of the whole object.
  virtual net::HttpRequest GetRequest(std::string_view key) const = 0;
  /// What of a first reply names the object's version; by default its ETag.
  virtual std::string VersionOf(const net::HttpReply& reply) const;
  /// Lets the request succeed only for that version; by default with If-Match.
  virtual void Pin(net::HttpRequest& request, const std::string& version) const;

  /// Sends, again when that is safe and may help; a status of 300 or more (other than
  /// `also_good`) is an error.
  Result<net::HttpReply> Exchange(const Context& context, const net::HttpRequest& request,
                                  std::string_view subject, int also_good = 0);
  Result<std::unique_ptr<connector::ByteStream>> StartGet(const Context& context,
                                                          std::string_view key, int64_t offset,
                                                          std::optional<int64_t> length,
                                                          const std::string& version,
                                                          net::HttpReply& reply);

 private:
  friend class ResumingGet;
  const std::unique_ptr<net::HttpClient> http_;
};

/// Waits with jitter before attempt `attempt` + 1; ends with the context.
Status Pause(const Context& context, int attempt);
/// The number that the text is, or `fallback`.
int64_t ToInt(std::string_view text, int64_t fallback);
/// An ETag without its quotes.
std::string Unquoted(std::string_view etag);
/// Reads "Mon, 23 Nov 2026 07:18:19 GMT"; the epoch for anything else.
TimePoint ParseHttpTime(std::string_view text);
/// Writes it.
std::string FormatHttpTime(TimePoint time);
/// Undoes percent-encoding; '+' stays or becomes a blank.
std::string PercentDecode(std::string_view text, bool plus_is_blank);
/// Size, time, ETag and type of a reply's headers.
connector::ObjectInfo InfoOf(const net::HttpReply& reply, std::string_view key);

}  // namespace nstarx::connectors::object_store
