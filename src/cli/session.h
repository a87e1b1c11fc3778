#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "cli/command.h"
#include "cli/console.h"
#include "cli/http_client.h"
#include "cli/run.h"

namespace nstarx::cli {

/// $XDG_DATA_HOME/nstarx, else ~/.local/share/nstarx.
std::string DefaultDataDirectory();

/// What one run of the program works with: console, server, global flags.
class Session {
 public:
  /// A fake server in tests; by default the one that the global flags lead to.
  using ApiMaker = std::function<std::unique_ptr<Api>(const ServerAddress&)>;

  Session(Console& console, const Arguments& globals, const ServeCommand& serve,
          ApiMaker make_api = MakeHttpClient)
      : console_(console), globals_(globals), serve_(serve), make_api_(std::move(make_api)) {}

  Console& console() { return console_; }
  const Arguments& globals() const { return globals_; }
  const ServeCommand& serve() const { return serve_; }

  /// The server: flags, then environment, then credentials.json of the data directory.
  /// client.no_key when there is no key to show.
  Result<Api*> api();
  /// Address and key as far as they are known, for doctor and health.
  ServerAddress Address() const;
  /// Of --data, else the default.
  std::string DataDirectory() const;

  /// Prints a JSON document, indented on a terminal.
  Status PrintJson(const json::value& value);
  /// Prints rows in the format asked for (`table`, `json` prints `document`, `csv`).
  Status PrintRows(const Arguments& arguments, const json::value& document,
                   const std::vector<std::string>& headers,
                   const std::vector<std::vector<std::string>>& rows);
  /// "Deleted x." and the like, on standard error so that output stays data; nothing for scripts
  /// (`-o json`), whose standard error is a problem document or empty.
  void Note(std::string_view text) {
    if (!quiet_) console_.Err(std::string(text) + "\n");
  }
  void set_quiet(bool quiet) { quiet_ = quiet; }
  /// Prints code, sentence, stage and hints, or the problem document with `as_json`.
  void PrintError(const Error& error, bool as_json);

 private:
  Console& console_;
  const Arguments& globals_;
  const ServeCommand& serve_;
  ApiMaker make_api_;
  bool quiet_ = false;
  std::unique_ptr<Api> api_;
};

/// /connections/{ref}, with the rest of the path as it is.
std::string ConnectionPath(std::string_view ref, std::string_view rest = "");
/// A JSON value as a table cell: text bare, null empty, lists comma-separated, the rest as JSON.
std::string CellOf(const json::value& value);
/// The member of a (dotted) path as a cell, empty when it is not there.
std::string CellAt(const json::object& object, std::string_view path);
/// The members of "items".
const json::array& Items(const json::object& page);
/// JSON with two spaces of indentation.
std::string PrettyJson(const json::value& value);

}  // namespace nstarx::cli
