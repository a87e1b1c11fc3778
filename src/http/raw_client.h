#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace nstarx::http {

/// One answer as it came over the wire; for tests.
struct WireAnswer {
  int status = 0;
  std::map<std::string, std::string> fields;  ///< lower-case names
  std::string body;
  std::map<std::string, std::string> trailer;
  bool complete = false;  ///< the framing said so
};

/// A blocking client that sends exactly the bytes it is given; for tests.
class RawClient {
 public:
  explicit RawClient(int port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawClient() { Close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return connected_; }
  int handle() const { return socket_; }
  void Close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

  WireAnswer Read(bool head_only = false) {
    WireAnswer answer;
    const auto status = Line();
    if (!status || status->size() < 12) return answer;
    std::from_chars(status->data() + 9, status->data() + 12, answer.status);
    if (!ReadFields(answer.fields)) return answer;
    if (head_only || answer.status == 204 || answer.status == 304 || answer.status < 200) {
      answer.complete = true;
    } else if (answer.fields.contains("content-length")) {
      answer.complete = Take(std::stoul(answer.fields["content-length"]), answer.body);
    } else if (answer.fields["transfer-encoding"] == "chunked") {
      answer.complete = ReadChunks(answer);
    } else {
      while (Fill()) {
      }
      answer.body = std::exchange(buffer_, {});
      answer.complete = !reset_;
    }
    return answer;
  }
  WireAnswer Ask(std::string_view bytes) {
    Send(bytes);
    return Read();
  }
  /// True when the server has closed the connection within five seconds.
  bool ClosedByServer() {
    while (Fill()) {
    }
    return ended_;
  }

 private:
  bool Fill() {
    pollfd handle{socket_, POLLIN, 0};
    if (::poll(&handle, 1, 5000) <= 0) return false;
    char piece[65536];
    const ssize_t got = ::recv(socket_, piece, sizeof piece, 0);
    if (got <= 0) {
      ended_ = true;
      reset_ = got < 0;
      return false;
    }
    buffer_.append(piece, static_cast<size_t>(got));
    return true;
  }
  std::optional<std::string> Line() {
    size_t end = 0;
    while ((end = buffer_.find("\r\n")) == buffer_.npos) {
      if (!Fill()) return std::nullopt;
    }
    std::string line = buffer_.substr(0, end);
    buffer_.erase(0, end + 2);
    return line;
  }
  bool Take(size_t bytes, std::string& into) {
    while (buffer_.size() < bytes) {
      if (!Fill()) {
        into += std::exchange(buffer_, {});
        return false;
      }
    }
    into += buffer_.substr(0, bytes);
    buffer_.erase(0, bytes);
    return true;
  }
  bool ReadFields(std::map<std::string, std::string>& fields) {
    while (true) {
      auto line = Line();
      if (!line) return false;
      if (line->empty()) return true;
      const size_t colon = line->find(": ");
      std::string name = line->substr(0, colon);
      for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      fields[name] = line->substr(colon + 2);
    }
  }
  bool ReadChunks(WireAnswer& answer) {
    while (true) {
      const auto size = Line();
      if (!size) return false;
      const size_t bytes = std::stoul(*size, nullptr, 16);
      if (bytes == 0) return ReadFields(answer.trailer);
      std::string end;
      if (!Take(bytes, answer.body) || !Take(2, end)) return false;
    }
  }

  int socket_;
  bool connected_ = false;
  bool ended_ = false;
  bool reset_ = false;
  std::string buffer_;
};

}  // namespace nstarx::http
