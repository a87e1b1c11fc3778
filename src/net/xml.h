#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace nstarx::net {

/// An element of the small XML that services of object stores and AWS answer with. Namespace
/// prefixes are dropped, attributes are skipped.
struct XmlElement {
  std::string name;
  std::string text;  ///< all character data directly inside, entities resolved
  std::vector<XmlElement> children;

  /// The first child of that name, or null.
  const XmlElement* Find(std::string_view child) const;
  /// The text of the first child of that name, or empty.
  std::string_view TextOf(std::string_view child) const;
};

/// Parses a hostile answer: at most 32 levels, 200,000 elements, no document type, only the five
/// named entities and character references. response.malformed_xml otherwise.
Result<XmlElement> ParseXml(std::string_view document);

/// `text` with &, < and > escaped, for request bodies.
std::string EscapeXml(std::string_view text);

}  // namespace nstarx::net
