#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "cli/console.h"
#include "cli/http_client.h"

namespace nstarx::cli {

/// A terminal whose user answers questions by what is asked; everything shown is kept.
class ScriptedConsole : public Console {
 public:
  Status Out(std::string_view text) override {
    out += text;
    return {};
  }
  void Err(std::string_view text) override { err += text; }
  Result<std::string> ReadLine(std::string_view prompt) override {
    out += prompt;
    asked.emplace_back(prompt);
    for (auto& [part, answers] : script) {
      if (prompt.find(part) == prompt.npos || answers.empty()) continue;
      std::string answer = answers.front();
      answers.pop_front();
      out += answer + "\n";
      return answer;
    }
    if (asked.size() > 200 || hang_up) {
      return Error(ErrorKind::kCancelled, "client.input_ended", "the input ended");
    }
    out += "\n";
    return std::string();
  }
  Result<Secret> ReadSecret(std::string_view prompt) override {
    out += prompt;
    asked.emplace_back(prompt);
    for (auto& [part, answers] : script) {
      if (prompt.find(part) == prompt.npos || answers.empty()) continue;
      Secret secret(answers.front());
      answers.pop_front();
      return secret;
    }
    return Secret();
  }
  Result<std::string> ReadAll(size_t) override { return input; }
  bool input_is_terminal() const override { return terminal; }
  bool output_is_terminal() const override { return terminal; }
  bool error_is_terminal() const override { return terminal; }
  int width() const override { return 100; }

  /// Part of a question → the answers to give, one after the other; Enter when there is none.
  std::vector<std::pair<std::string, std::deque<std::string>>> script;
  std::vector<std::string> asked;
  std::string input;
  std::string out;
  std::string err;
  bool terminal = true;
  bool hang_up = false;

 private:
  bool colours() const override { return false; }
};

/// A server that answers by method and path and remembers what it was sent.
class FakeApi : public Api {
 public:
  using Handler = std::function<Result<Answer>(const Request&)>;

  void On(const std::string& method_and_path, Handler handler) {
    handlers_[method_and_path] = std::move(handler);
  }
  void OnJson(const std::string& method_and_path, std::string body) {
    On(method_and_path, [body = std::move(body)](const Request&) {
      return Result<Answer>(Answer{.status = 200, .headers = {}, .body = body});
    });
  }

  Result<Answer> Send(const Request& request) override {
    sent.push_back(request);
    const std::string path = request.path.substr(0, request.path.find('?'));
    const auto found = handlers_.find(request.method + " " + path);
    if (found == handlers_.end()) {
      return NotFound("route.not_found", "no " + request.method + " " + path);
    }
    return found->second(request);
  }
  Result<Answer> Stream(const Request& request, const Sink& sink) override {
    NSTARX_TRY(Answer answer, Send(request));
    // In small pieces, as a network has it.
    for (std::string_view rest = answer.body; !rest.empty();
         rest.remove_prefix(std::min<size_t>(5, rest.size()))) {
      NSTARX_RETURN_IF_ERROR(sink(rest.substr(0, 5)));
    }
    return answer;
  }

  std::vector<Request> sent;

 private:
  std::map<std::string, Handler> handlers_;
};

/// An Api that passes on to another, for a Session that wants to own one.
class BorrowedApi : public Api {
 public:
  explicit BorrowedApi(Api& api) : api_(api) {}
  Result<Answer> Send(const Request& request) override { return api_.Send(request); }
  Result<Answer> Stream(const Request& request, const Sink& sink) override {
    return api_.Stream(request, sink);
  }

 private:
  Api& api_;
};

}  // namespace nstarx::cli
