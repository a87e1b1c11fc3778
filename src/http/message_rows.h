#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/status.h"
#include "connector/facets.h"

namespace nstarx::http {

/// The text of one JSON value inside of another, as the sender wrote it: numbers keep all their
/// digits. `object` must be valid JSON and an object; empty when it has no such member.
std::string_view RawMember(std::string_view object, std::string_view name);

/// Messages for StreamFacet::Produce from a JSON body {"topic", "messages": [{"key", "value",
/// "headers", "partition", "timestamp"}, …]}; sets `topic` when the body names one. A value that is
/// text is its UTF-8 bytes, null is none, and anything else is its JSON.
Result<std::unique_ptr<connector::BatchStream>> MessagesOfJson(std::string_view body,
                                                               std::string& topic);

/// The same from NDJSON, one such message a line, while it arrives.
std::unique_ptr<connector::BatchStream> MessagesOfNdjson(
    std::unique_ptr<connector::ByteStream> body);

/// The same from decoded rows: with a column `value` (or `key`) they are messages; without, each
/// row is a JSON object that becomes one message's value.
Result<std::unique_ptr<connector::BatchStream>> MessagesOfRows(
    std::unique_ptr<connector::BatchStream> rows);

}  // namespace nstarx::http
