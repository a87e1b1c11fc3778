#include "connectors/custom_catalog/json_path.h"

#include <fmt/format.h>

#include <charconv>

namespace nstarx::connectors::custom_catalog {
namespace {

constexpr size_t kTextMax = 1024;

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || static_cast<unsigned char>(c) >= 0x80;
}

}  // namespace

class JsonPath::Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Result<std::vector<Step>> Whole() {
    if (text_.size() > kTextMax || !Take('$')) return Wrong("it must begin with $");
    NSTARX_TRY(std::vector<Step> steps, Steps(true));
    if (at_ != text_.size()) return Wrong("something follows that is not understood");
    return steps;
  }

 private:
  Error Wrong(std::string_view why) const {
    return InvalidArgument("config.malformed_path",
                           fmt::format("'{}' is no path that is understood: {} (at {})",
                                       text_.substr(0, 100), why, at_))
        .WithDetail("position", static_cast<int64_t>(at_))
        .WithHint("For example: $.items[*].name, or $.a['b-c'][0].");
  }
  bool Take(char wanted) {
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  void SkipSpaces() {
    while (Take(' ')) {
    }
  }

  Result<std::vector<Step>> Steps(bool filters) {
    std::vector<Step> steps;
    for (;;) {
      if (Take('.')) {
        if (Take('*')) {
          steps.emplace_back(Any());
          continue;
        }
        const size_t begin = at_;
        while (at_ < text_.size() && IsNameCharacter(text_[at_])) ++at_;
        if (at_ == begin) return Wrong("a name is missing");
        steps.emplace_back(std::string(text_.substr(begin, at_ - begin)));
      } else if (Take('[')) {
        NSTARX_TRY(Step step, Bracket(filters));
        steps.push_back(std::move(step));
      } else {
        return steps;
      }
    }
  }

  Result<Step> Bracket(bool filters) {
    Step step;
    if (Take('*')) {
      step = Any();
    } else if (Take('?')) {
      if (!filters) return Wrong("a filter has no filter inside");
      NSTARX_TRY(step, FilterStep());
    } else if (at_ < text_.size() && (text_[at_] == '\'' || text_[at_] == '"')) {
      NSTARX_TRY(step, Quoted());
    } else {
      int64_t number = 0;
      const char* end = text_.data() + text_.size();
      const auto [stop, error] = std::from_chars(text_.data() + at_, end, number);
      if (error != std::errc()) return Wrong("a name in quotes, a number or * is missing");
      at_ = static_cast<size_t>(stop - text_.data());
      step = number;
    }
    if (!Take(']')) return Wrong("] is missing");
    return step;
  }

  Result<std::string> Quoted() {
    const char quote = text_[at_++];
    std::string out;
    while (at_ < text_.size()) {
      char c = text_[at_++];
      if (c == quote) return out;
      if (c == '\\' && at_ < text_.size()) c = text_[at_++];
      out += c;
    }
    return Wrong("a quote is not closed");
  }

  Result<Step> FilterStep() {
    auto filter = std::make_shared<Filter>();  // shared: paths are copied, filters are not
    if (!Take('@')) return Wrong("a filter begins with @");
    NSTARX_TRY(filter->left, Steps(false));
    SkipSpaces();
    if (!Take('=') || !Take('=')) return Wrong("a filter compares with ==");
    SkipSpaces();
    if (Take('$')) {
      filter->from_root = true;
      NSTARX_TRY(filter->right, Steps(false));
    } else if (at_ < text_.size() && (text_[at_] == '\'' || text_[at_] == '"')) {
      NSTARX_TRY(const std::string text, Quoted());
      filter->literal = json::string(text);
    } else {
      const size_t end = std::min(text_.find(']', at_), text_.size());
      auto literal = ParseJson(text_.substr(at_, end - at_));
      if (!literal || literal->is_structured()) return Wrong("a filter's value is missing");
      filter->literal = std::move(*literal);
      at_ = end;
    }
    SkipSpaces();
    return Step(std::shared_ptr<const Filter>(std::move(filter)));
  }

  std::string_view text_;
  size_t at_ = 0;
};

Result<JsonPath> JsonPath::Parse(std::string_view text) {
  JsonPath out;
  NSTARX_TRY(out.steps_, Reader(text).Whole());
  return out;
}

bool JsonPath::Matches(const Filter& filter, const json::value& item, const json::value& root) {
  const auto left = Walk(filter.left, item, root);
  if (left.empty()) return false;
  if (!filter.from_root) return *left.front() == filter.literal;
  const auto right = Walk(filter.right, root, root);
  return !right.empty() && *left.front() == *right.front();
}

std::vector<const json::value*> JsonPath::Walk(const std::vector<Step>& steps,
                                               const json::value& start, const json::value& root) {
  std::vector<const json::value*> now{&start};
  for (const Step& step : steps) {
    std::vector<const json::value*> next;
    for (const json::value* value : now) {
      if (const auto* name = std::get_if<std::string>(&step)) {
        if (!value->is_object()) continue;
        if (const json::value* member = value->get_object().if_contains(*name)) {
          next.push_back(member);
        }
      } else if (const auto* index = std::get_if<int64_t>(&step)) {
        if (!value->is_array()) continue;
        const auto size = static_cast<int64_t>(value->get_array().size());
        const int64_t at = *index < 0 && *index >= -size ? size + *index : *index;
        if (at >= 0 && at < size) next.push_back(&value->get_array()[static_cast<size_t>(at)]);
      } else {
        const auto* filter = std::get_if<std::shared_ptr<const Filter>>(&step);
        const auto take = [&](const json::value& item) {
          if (filter == nullptr || Matches(**filter, item, root)) next.push_back(&item);
        };
        if (value->is_array()) {
          for (const json::value& item : value->get_array()) take(item);
        } else if (value->is_object()) {
          for (const auto& member : value->get_object()) take(member.value());
        }
      }
    }
    now = std::move(next);
  }
  return now;
}

std::vector<const json::value*> JsonPath::Find(const json::value& root) const {
  return Walk(steps_, root, root);
}

const json::value* JsonPath::First(const json::value& root) const {
  const auto found = Find(root);
  return found.empty() ? nullptr : found.front();
}

}  // namespace nstarx::connectors::custom_catalog
