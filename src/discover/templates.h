#pragma once

#include <memory>
#include <string_view>

#include "audit/journal.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/json.h"
#include "base/status.h"
#include "connector/connector.h"
#include "registry/registry.h"
#include "store/store.h"

namespace nstarx::discover {

/// Templates: parts of a connection draft under a name. A type's own variants have the name
/// "postgresql/rds" and can't be changed; those of users are shared as connections are. Every call
/// checks the caller's permission first; writes are in the journal. Thread-safe.
class Templates {
 public:
  static std::unique_ptr<Templates> Make(store::Store& store, registry::Registry& registry,
                                         const connector::ConnectorTable& connectors,
                                         audit::Journal& journal, const Clock& clock);
  virtual ~Templates() = default;

  /// `body` as POST /templates takes it; with "connection" it starts from that connection's public
  /// content. config.secret_in_template, template.name_taken, template.too_many.
  virtual Result<json::object> Create(const Context& context, const json::object& body) = 0;
  virtual Result<json::object> Get(const Context& context, std::string_view ref) = 0;
  /// The variants of the types and the templates that the caller may see; of all types when `type`
  /// is empty.
  virtual Result<json::array> List(const Context& context, std::string_view type) = 0;
  /// RFC 7396 patch of what Get shows; `expected_version` 0: no check.
  virtual Result<json::object> Update(const Context& context, std::string_view ref,
                                      const json::object& patch, int64_t expected_version) = 0;
  virtual Status Delete(const Context& context, std::string_view ref) = 0;

  /// `draft` with what its member "template" names laid beneath; without that member it is returned
  /// as it is. template.placeholder_left names values that still are "<…>".
  virtual Result<json::object> Apply(const Context& context, json::object draft) = 0;
};

}  // namespace nstarx::discover
