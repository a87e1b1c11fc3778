#include "net/xml.h"

#include <charconv>

#include "base/json.h"

namespace nstarx::net {
namespace {

constexpr int kDepthMax = 32;
constexpr size_t kElementsMax = 200'000;

Error Malformed(size_t offset, std::string_view why) {
  return Error(ErrorKind::kUnavailable, "response.malformed_xml",
               fmt::format("The server's answer is not well-formed XML: {}", why))
      .WithDetail("offset", static_cast<int64_t>(offset));
}

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool EndsName(char c) { return IsSpace(c) || c == '>' || c == '/' || c == '=' || c == '<'; }

void AppendUtf8(std::string& out, uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Result<XmlElement> Document() {
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
    NSTARX_RETURN_IF_ERROR(SkipProlog());
    XmlElement root;
    NSTARX_RETURN_IF_ERROR(Element(root, 1));
    NSTARX_RETURN_IF_ERROR(SkipProlog());
    if (at_ != text_.size()) return Malformed(at_, "text after the root element");
    return root;
  }

 private:
  bool Starts(std::string_view what) const { return text_.substr(at_).starts_with(what); }

  Status SkipUntil(std::string_view end) {
    const size_t found = text_.find(end, at_);
    if (found == std::string_view::npos) return Malformed(at_, "it ends too early");
    at_ = found + end.size();
    return {};
  }

  Status SkipProlog() {
    while (at_ < text_.size()) {
      if (IsSpace(text_[at_])) {
        ++at_;
      } else if (Starts("<?")) {
        NSTARX_RETURN_IF_ERROR(SkipUntil("?>"));
      } else if (Starts("<!--")) {
        NSTARX_RETURN_IF_ERROR(SkipUntil("-->"));
      } else {
        break;
      }
    }
    return {};
  }

  Status Name(std::string& name) {
    const size_t begin = at_;
    while (at_ < text_.size() && !EndsName(text_[at_])) ++at_;
    std::string_view full = text_.substr(begin, at_ - begin);
    const size_t colon = full.rfind(':');
    if (colon != std::string_view::npos) full.remove_prefix(colon + 1);
    if (full.empty() || full.find_first_of("!?&\"'") != std::string_view::npos) {
      return Malformed(begin, "an element has no name");
    }
    name = full;
    return {};
  }

  /// Past the attributes; true when the element is empty ("/>").
  Result<bool> Attributes() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '>') {
        ++at_;
        return false;
      }
      if (Starts("/>")) {
        at_ += 2;
        return true;
      }
      if (c == '"' || c == '\'') {
        const size_t end = text_.find(c, at_ + 1);
        if (end == std::string_view::npos) break;
        at_ = end + 1;
      } else if (c == '<') {
        return Malformed(at_, "'<' inside a tag");
      } else {
        ++at_;
      }
    }
    return Malformed(at_, "a tag is not closed");
  }

  Status Reference(std::string& out) {
    const size_t end = text_.find(';', at_);
    if (end == std::string_view::npos || end - at_ > 10) return Malformed(at_, "a stray '&'");
    std::string_view name = text_.substr(at_ + 1, end - at_ - 1);
    if (name == "amp") {
      out += '&';
    } else if (name == "lt") {
      out += '<';
    } else if (name == "gt") {
      out += '>';
    } else if (name == "quot") {
      out += '"';
    } else if (name == "apos") {
      out += '\'';
    } else if (name.starts_with('#')) {
      name.remove_prefix(1);
      const int base = name.starts_with('x') ? 16 : 10;
      if (base == 16) name.remove_prefix(1);
      uint32_t code = 0;
      const auto [stop, problem] =
          std::from_chars(name.data(), name.data() + name.size(), code, base);
      if (name.empty() || problem != std::errc() || stop != name.data() + name.size() ||
          code == 0 || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
        return Malformed(at_, "a character reference names no character");
      }
      AppendUtf8(out, code);
    } else {
      return Malformed(at_, "an unknown entity");
    }
    at_ = end + 1;
    return {};
  }

  Status Element(XmlElement& element, int depth) {
    if (depth > kDepthMax) return Malformed(at_, "it is nested too deeply");
    if (++elements_ > kElementsMax) return Malformed(at_, "it has too many elements");
    if (!Starts("<")) return Malformed(at_, "an element was expected");
    ++at_;
    NSTARX_RETURN_IF_ERROR(Name(element.name));
    NSTARX_TRY(const bool empty, Attributes());
    if (empty) return {};
    while (at_ < text_.size()) {
      if (Starts("</")) {
        at_ += 2;
        std::string name;
        NSTARX_RETURN_IF_ERROR(Name(name));
        if (name != element.name) return Malformed(at_, "tags do not match");
        while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
        if (!Starts(">")) return Malformed(at_, "a tag is not closed");
        ++at_;
        return {};
      }
      if (Starts("<!--")) {
        NSTARX_RETURN_IF_ERROR(SkipUntil("-->"));
      } else if (Starts("<![CDATA[")) {
        const size_t begin = at_ + 9;
        NSTARX_RETURN_IF_ERROR(SkipUntil("]]>"));
        element.text += text_.substr(begin, at_ - 3 - begin);
      } else if (text_[at_] == '<') {
        NSTARX_RETURN_IF_ERROR(Element(element.children.emplace_back(), depth + 1));
      } else if (text_[at_] == '&') {
        NSTARX_RETURN_IF_ERROR(Reference(element.text));
      } else {
        const size_t end = std::min(text_.find_first_of("<&", at_), text_.size());
        element.text += text_.substr(at_, end - at_);
        at_ = end;
      }
    }
    return Malformed(at_, "it ends too early");
  }

  std::string_view text_;
  size_t at_ = 0;
  size_t elements_ = 0;
};

}  // namespace

const XmlElement* XmlElement::Find(std::string_view child) const {
  for (const XmlElement& candidate : children) {
    if (candidate.name == child) return &candidate;
  }
  return nullptr;
}

std::string_view XmlElement::TextOf(std::string_view child) const {
  const XmlElement* found = Find(child);
  return found == nullptr ? std::string_view() : std::string_view(found->text);
}

Result<XmlElement> ParseXml(std::string_view document) {
  if (!IsUtf8(document)) return Malformed(0, "it is not UTF-8");
  return Reader(document).Document();
}

std::string EscapeXml(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

}  // namespace nstarx::net
