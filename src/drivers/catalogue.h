#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/status.h"
#include "drivers/index.h"
#include "drivers/signature.h"
#include "drivers/source.h"

namespace nstarx::drivers {

/// Where drivers come from; all of it is the operator's choice.
struct Sources {
  std::vector<Location> indexes;  ///< an index document, or the folder of drivers.json
  std::vector<Location> maven;    ///< repositories in Maven's layout
  std::vector<Location> pypi;     ///< package indexes with the simple API (HTML or JSON)
  TrustedKeys keys;
  std::string ca_pem;  ///< instead of the system's
};

/// A driver that an index offers.
struct Offer {
  IndexEntry entry;
  Location index;         ///< empty text: the built-in one
  std::string text;       ///< the document, when it is signed
  std::string signature;  ///< of the document; empty: none was asked for
  std::string signed_by;  ///< hex of the key
};

/// One version of it, ready to be read: files with absolute URLs.
struct Release {
  std::string version;
  std::vector<IndexedFile> files;
  std::string source;
};

/// An index that could not be read.
struct IndexProblem {
  std::string index;
  Error error;
};

/// The indexes and repositories of `Sources`. Thread-safe.
class Catalogue {
 public:
  explicit Catalogue(Sources sources) : sources_(std::move(sources)), source_(sources_.ca_pem) {}

  struct Offers {
    std::vector<Offer> offers;  ///< sorted by id; of two with an id that of the first index
    std::vector<IndexProblem> problems;
  };
  /// Folders are read anew each time. HTTP indexes are asked only with `refresh`; else what they
  /// said last counts.
  Offers List(const Context& context, bool refresh);
  /// Asks the indexes. driver.unknown, or the problem of the index that might have it.
  Result<Offer> Find(const Context& context, std::string_view id);
  /// What the offer's index or repository has, releases only, oldest first.
  Result<std::vector<std::string>> Versions(const Context& context, const Offer& offer);
  /// driver.unknown_version. The newest release when `version` is empty.
  Result<Release> Read(const Context& context, const Offer& offer, std::string_view version);

  const TrustedKeys& keys() const { return sources_.keys; }
  const Source& source() const { return source_; }

 private:
  struct Document {
    Index index;
    std::string text;
    std::string signature;
    std::string signed_by;
  };
  Result<Document> ReadIndex(const Context& context, const Location& at) const;
  Result<std::vector<Release>> Releases(const Context& context, const Offer& offer,
                                        std::string_view wanted) const;

  const Sources sources_;
  const Source source_;
  std::mutex lock_;
  std::map<std::string, Document> read_ NSTARX_GUARDED_BY(lock_);  ///< of HTTP indexes
};

}  // namespace nstarx::drivers
