#include <bson/bson.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <vector>

#include "connectors/mongodb/mongodb_statement.h"

// The shell's db.collection.method(…).method(…), with arguments in extended JSON.

namespace nstarx::connectors::mongodb {
namespace {

struct Call {
  std::string method;
  Bson arguments;  ///< an array
  size_t offset = 0;
};

bool IsNameByte(char byte) {
  return std::isalnum(static_cast<unsigned char>(byte)) != 0 || byte == '_' || byte == '$' ||
         byte == '-' || (static_cast<unsigned char>(byte) & 0x80) != 0;
}

class ShellReader {
 public:
  explicit ShellReader(std::string_view text) : text_(text) {}

  /// Past "db."; false when the text begins otherwise.
  bool Begins() {
    SkipBlank();
    if (!text_.substr(at_).starts_with("db.")) return false;
    at_ += 3;
    return true;
  }

  /// name.name.method(…).method(…)
  Status Read() {
    std::vector<std::string> names;
    for (;;) {
      const size_t begin = at_;
      while (at_ < text_.size() && IsNameByte(text_[at_])) ++at_;
      std::string name(text_.substr(begin, at_ - begin));
      if (name.empty()) return Wrong("A name was expected");
      SkipBlank();
      if (at_ < text_.size() && text_[at_] == '(') {
        NSTARX_TRY(Bson arguments, Arguments());
        if (name == "getCollection" && names.empty() && calls.empty()) {
          names.push_back(TextOf(*arguments));
        } else {
          calls.push_back({std::move(name), std::move(arguments), begin});
        }
      } else if (calls.empty()) {
        names.push_back(std::move(name));
      } else {
        return Wrong("A '(' was expected");
      }
      SkipBlank();
      if (at_ < text_.size() && text_[at_] == '.') {
        ++at_;
        continue;
      }
      if (text_.substr(at_).find_first_not_of("; \t\r\n") != std::string_view::npos) {
        return Wrong("A '.' was expected");
      }
      break;
    }
    if (calls.empty()) return Wrong("A method was expected, like .find({})");
    collection = fmt::format("{}", fmt::join(names, "."));
    if (collection.empty()) return Wrong("A collection was expected, like db.orders.find({})");
    return {};
  }

  Error Wrong(std::string_view what, size_t at) const { return SyntaxError(what, text_, at); }
  Error Wrong(std::string_view what) const { return Wrong(what, at_); }

  std::string collection;
  std::vector<Call> calls;

 private:
  void SkipBlank() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
  }

  static std::string TextOf(const bson_t& arguments) {
    bson_iter_t iter;
    if (!bson_iter_init_find(&iter, &arguments, "0") || !BSON_ITER_HOLDS_UTF8(&iter)) return {};
    return bson_iter_utf8(&iter, nullptr);
  }

  /// What stands between the brackets at the current place.
  Result<Bson> Arguments() {
    const size_t begin = ++at_;
    int depth = 1;
    bool quoted = false;
    for (; at_ < text_.size(); ++at_) {
      const char byte = text_[at_];
      if (quoted) {
        if (byte == '\\') ++at_;
        if (byte == '"') quoted = false;
        continue;
      }
      if (byte == '"') quoted = true;
      if (byte == '(' || byte == '[' || byte == '{') ++depth;
      if ((byte == ')' || byte == ']' || byte == '}') && --depth == 0) break;
    }
    if (at_ >= text_.size()) return Wrong("A ')' is missing", begin - 1);
    const std::string list = fmt::format("[{}]", text_.substr(begin, at_ - begin));
    ++at_;
    return ParseExtendedJson(list, text_, begin - 1);
  }

  std::string_view text_;
  size_t at_ = 0;
};

/// The n-th argument under another name; false when it is not there.
bool Take(const Call& call, const char* index, bson_t* into, const char* name) {
  bson_iter_t iter;
  if (!bson_iter_init_find(&iter, call.arguments.get(), index)) return false;
  bson_append_iter(into, name, -1, &iter);
  return true;
}

void TakeOrEmpty(const Call& call, const char* index, bson_t* into, const char* name) {
  if (Take(call, index, into, name)) return;
  bson_t empty = BSON_INITIALIZER;
  BSON_APPEND_DOCUMENT(into, name, &empty);
}

void Reading(const Call& call, const std::string& collection, bson_t* out) {
  if (call.method == "aggregate") {
    BSON_APPEND_UTF8(out, "aggregate", collection.c_str());
    if (!Take(call, "0", out, "pipeline")) {
      bson_t empty = BSON_INITIALIZER;
      BSON_APPEND_ARRAY(out, "pipeline", &empty);
    }
  } else if (call.method == "distinct") {
    BSON_APPEND_UTF8(out, "distinct", collection.c_str());
    Take(call, "0", out, "key");
    Take(call, "1", out, "query");
  } else if (call.method == "find" || call.method == "findOne") {
    BSON_APPEND_UTF8(out, "find", collection.c_str());
    TakeOrEmpty(call, "0", out, "filter");
    Take(call, "1", out, "projection");
    if (call.method == "findOne") BSON_APPEND_INT32(out, "limit", 1);
  } else {
    BSON_APPEND_UTF8(out, "count", collection.c_str());
    TakeOrEmpty(call, "0", out, "query");
  }
}

void Writing(const Call& call, const std::string& collection, bson_t* out) {
  const bool many = call.method.ends_with("Many");
  bson_t list;
  bson_t item;
  if (call.method.starts_with("insert")) {
    BSON_APPEND_UTF8(out, "insert", collection.c_str());
    if (many) {
      Take(call, "0", out, "documents");
      return;
    }
    BSON_APPEND_ARRAY_BEGIN(out, "documents", &list);
    Take(call, "0", &list, "0");
    bson_append_array_end(out, &list);
    return;
  }
  const bool update = call.method.starts_with("update");
  BSON_APPEND_UTF8(out, update ? "update" : "delete", collection.c_str());
  BSON_APPEND_ARRAY_BEGIN(out, update ? "updates" : "deletes", &list);
  BSON_APPEND_DOCUMENT_BEGIN(&list, "0", &item);
  TakeOrEmpty(call, "0", &item, "q");
  if (update) {
    TakeOrEmpty(call, "1", &item, "u");
    BSON_APPEND_BOOL(&item, "multi", many);
    bson_iter_t options;
    bson_iter_t upsert;
    if (bson_iter_init_find(&options, call.arguments.get(), "2") &&
        BSON_ITER_HOLDS_DOCUMENT(&options) && bson_iter_recurse(&options, &upsert) &&
        bson_iter_find(&upsert, "upsert")) {
      bson_append_iter(&item, "upsert", -1, &upsert);
    }
  } else {
    BSON_APPEND_INT32(&item, "limit", many ? 0 : 1);
  }
  bson_append_document_end(&list, &item);
  bson_append_array_end(out, &list);
}

}  // namespace

Result<Bson> ParseShell(std::string_view text) {
  ShellReader reader(text);
  if (!reader.Begins()) return Bson();
  NSTARX_RETURN_IF_ERROR(reader.Read());
  const Call& first = reader.calls.front();
  constexpr std::string_view kReads[] = {"find",     "findOne",        "aggregate",
                                         "distinct", "countDocuments", "estimatedDocumentCount"};
  constexpr std::string_view kWrites[] = {"insertOne",  "insertMany", "updateOne",
                                          "updateMany", "deleteOne",  "deleteMany"};
  Bson out(bson_new());
  if (std::ranges::find(kReads, first.method) != std::end(kReads)) {
    Reading(first, reader.collection, out.get());
  } else if (std::ranges::find(kWrites, first.method) != std::end(kWrites)) {
    Writing(first, reader.collection, out.get());
  } else {
    return reader.Wrong(fmt::format("There is no method '{}' here", first.method), first.offset);
  }
  for (size_t i = 1; i < reader.calls.size(); ++i) {
    const Call& call = reader.calls[i];
    const bool known = call.method == "sort" || call.method == "limit" || call.method == "skip" ||
                       call.method == "projection" || call.method == "hint" ||
                       call.method == "batchSize" || call.method == "comment" ||
                       call.method == "maxTimeMS" || call.method == "collation";
    if (call.method == "toArray" || call.method == "pretty") continue;
    if (!known || first.method != "find") {
      return reader.Wrong(fmt::format("There is no method '{}' here", call.method), call.offset);
    }
    if (!Take(call, "0", out.get(), call.method.c_str())) {
      return reader.Wrong(fmt::format("{}() needs a value", call.method), call.offset);
    }
  }
  return out;
}

}  // namespace nstarx::connectors::mongodb
