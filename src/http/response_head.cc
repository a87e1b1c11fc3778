#include "http/response_head.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>

#include "base/id.h"
#include "base/json.h"
#include "base/percent.h"
#include "http/problem.h"

namespace nstarx::http {
namespace {

void AppendField(std::string& head, std::string_view name, std::string_view value) {
  head.append(name).append(": ");
  const size_t start = head.size();
  head.append(value);
  for (size_t i = start; i < head.size(); ++i) {
    const auto c = static_cast<unsigned char>(head[i]);
    if ((c < 0x20 && c != '\t') || c == 0x7F) head[i] = ' ';
  }
  head.append("\r\n");
}

std::string_view DateNow() {
  thread_local int64_t at = 0;
  thread_local std::string text;
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (now.tv_sec != at) {
    at = now.tv_sec;
    text = HttpDate(at);
  }
  return text;
}

}  // namespace

std::string HttpDate(int64_t unix_seconds) {
  constexpr std::string_view kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const time_t seconds = unix_seconds;
  tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[parts.tm_wday],
                     parts.tm_mday, kMonths[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour,
                     parts.tm_min, parts.tm_sec);
}

std::string ResponseHead(const Response& response, const HeadFacts& facts) {
  std::string head;
  head.reserve(384);
  head.append("HTTP/1.1 ")
      .append(fmt::format_int(response.status).c_str())
      .append(" ")
      .append(ReasonOf(response.status))
      .append("\r\nDate: ")
      .append(DateNow())
      .append("\r\n");
  if (!response.content_type.empty()) AppendField(head, "Content-Type", response.content_type);
  if (facts.chunked) {
    head.append("Transfer-Encoding: chunked\r\nTrailer: nstarx-error\r\n");
  } else if (facts.length && response.status != 204 && response.status != 304) {
    head.append("Content-Length: ").append(fmt::format_int(*facts.length).c_str()).append("\r\n");
  }
  AppendField(head, "X-Request-Id", facts.request_id);
  bool has_cache_rule = false;
  for (const auto& [name, value] : response.headers) {
    has_cache_rule = has_cache_rule || name == "Cache-Control";
    AppendField(head, name, value);
  }
  if (!has_cache_rule) head.append("Cache-Control: no-store\r\n");
  head.append("X-Content-Type-Options: nosniff\r\n");
  if (!facts.keep_alive) {
    head.append("Connection: close\r\n");
  } else if (!facts.http11) {
    head.append("Connection: keep-alive\r\n");
  }
  return head.append("\r\n");
}

std::string ChunkedEnd(const std::optional<Error>& failure, std::string_view request_id) {
  if (!failure) return "0\r\n\r\n";
  return "0\r\nnstarx-error: " +
         PercentEncode(json::serialize(ProblemDocument(*failure, request_id))) + "\r\n\r\n";
}

std::string RequestIdOf(std::string_view sent) {
  const auto sane = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == ':' || c == '-';
  };
  if (!sent.empty() && sent.size() <= 128 && std::ranges::all_of(sent, sane)) {
    return std::string(sent);
  }
  return NewId("req");
}

}  // namespace nstarx::http
