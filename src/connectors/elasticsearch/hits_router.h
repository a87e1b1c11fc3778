#pragma once

#include <fmt/format.h>

#include <set>
#include <string>
#include <string_view>
#include <tuple>

#include "connectors/documents/json_text.h"
#include "connectors/documents/json_walk.h"

namespace nstarx::connectors::elasticsearch {

/// What of a hit besides its document becomes columns. All that a hit has beside these does so too,
/// under its name with '_' before it (_highlight, _inner_hits, _fields, _routing, …).
struct Meta {
  bool id = true;
  bool index = false;
  bool score = false;
  bool sort = false;
  bool fields_are_columns = false;  ///< the members of "fields", where no document is asked for
};

/// A sink for a whole answer of _search that hands each hit on to another sink as one document.
template <class Sink>
class HitsRouter {
 public:
  HitsRouter(Sink& sink, Meta meta) : sink_(sink), meta_(meta) {}

  int64_t hits() const { return hits_; }  ///< of the answer, those left out too
  int64_t kept() const { return kept_; }
  bool timed_out() const { return timed_out_; }
  const std::string& shards() { return shards_.text(); }  ///< text of "_shards"
  const std::string& scroll_id() const { return scroll_id_; }
  const std::string& pit_id() const { return pit_id_; }
  const std::string& last_sort() const { return last_sort_; }  ///< text of the last hit's "sort"
  bool saw_hits() const { return saw_hits_; }

  /// Before the next answer. With `ties`, the hits whose sort values are those of the last hit are
  /// remembered and left out when they come again.
  void NextAnswer(bool ties) {
    ties_ = ties;
    left_out_ = std::move(tied_);
    tied_ = left_out_;  // of the same sort values still, until another value comes
    hits_ = kept_ = 0;
    saw_hits_ = false;
    shards_.Clear();
    depth_ = 0;
    mode_ = Mode::kNone;
    list_ = false;
  }

  void Key(std::string_view name) {
    if (mode_ != Mode::kNone) {
      Emit([&](auto& out) { out.Key(name); });
    } else if (depth_ == 1) {
      top_ = name;
    } else if (depth_ == 2) {
      second_ = name;
    } else if (InHit()) {
      member_ = name;
    }
  }
  void BeginObject() { Begin(true); }
  void EndObject() { End(true); }
  void BeginArray() { Begin(false); }
  void EndArray() { End(false); }

  void Null() {
    Scalar([](auto& out) { out.Null(); }, member_ == "_score" || member_ == "max_score");
  }
  void Bool(bool value) {
    if (mode_ == Mode::kNone && depth_ == 1 && top_ == "timed_out") timed_out_ = value;
    Scalar([value](auto& out) { out.Bool(value); });
  }
  void Int(int64_t value) {
    if (AtScore()) {
      score_ = static_cast<double>(value);
      return;
    }
    Scalar([value](auto& out) { out.Int(value); });
  }
  void Double(double value) {
    if (AtScore()) {
      score_ = value;
      return;
    }
    Scalar([value](auto& out) { out.Double(value); });
  }
  void Decimal(std::string_view value) {
    Scalar([value](auto& out) { out.Decimal(value); });
  }
  void String(std::string_view value) {
    if (mode_ == Mode::kNone && depth_ == 1) {
      if (top_ == "_scroll_id") scroll_id_ = value;
      if (top_ == "pit_id") pit_id_ = value;
    } else if (mode_ == Mode::kNone && InHit() && member_ == "_id") {
      id_ = value;
      return;
    } else if (mode_ == Mode::kNone && InHit() && member_ == "_index") {
      index_ = value;
      return;
    } else if (mode_ == Mode::kNone && InHit() && member_ == "_routing" && !open_) {
      routing_ = value;
      has_routing_ = true;
      return;
    }
    // What every document of version 7 has says nothing.
    Scalar([value](auto& out) { out.String(value); }, member_ == "_type" && value == "_doc");
  }

  // JSON has none of these.
  void Binary(std::string_view) {}
  void Timestamp(int64_t) {}
  void BeginDocument() {}
  void EndDocument() {}

 private:
  enum class Mode {
    kNone,
    kDocument,  ///< members go on as the document's own
    kColumn,    ///< one value goes on under its name
    kSort,
    kShards,
  };
  static constexpr int kHit = 4;

  bool InHit() const { return list_ && depth_ == kHit; }
  bool AtScore() const { return mode_ == Mode::kNone && InHit() && member_ == "_score"; }

  template <class Event>
  void Emit(Event event) {
    if (mode_ == Mode::kSort) {
      event(sort_);
    } else if (mode_ == Mode::kShards) {
      event(shards_);
    } else if (!skipped_) {
      event(sink_);
    }
  }

  void Begin(bool object) {
    ++depth_;
    const auto event = [object](auto& out) { object ? out.BeginObject() : out.BeginArray(); };
    if (mode_ != Mode::kNone) {
      Emit(event);
    } else if (depth_ == 2 && top_ == "_shards") {
      mode_ = Mode::kShards;
      mode_depth_ = depth_;
      shards_.Clear();
      Emit(event);
    } else if (!object && depth_ == 3 && top_ == "hits" && second_ == "hits") {
      list_ = saw_hits_ = true;
    } else if (list_ && depth_ == kHit) {
      BeginHit();
    } else if (list_ && depth_ == kHit + 1) {
      BeginMember(object, event);
    }
  }

  template <class Event>
  void BeginMember(bool object, Event event) {
    mode_depth_ = depth_;
    if (member_ == "sort") {
      mode_ = Mode::kSort;
      sort_.Clear();
      Emit(event);
      return;
    }
    Open();
    if (object && (member_ == "_source" || (member_ == "fields" && meta_.fields_are_columns))) {
      mode_ = Mode::kDocument;
      return;
    }
    mode_ = Mode::kColumn;
    Name();
    Emit(event);
  }

  void End(bool object) {
    if (mode_ != Mode::kNone) {
      if (mode_ != Mode::kDocument || depth_ > mode_depth_) {
        Emit([object](auto& out) { object ? out.EndObject() : out.EndArray(); });
      }
      if (depth_ == mode_depth_) mode_ = Mode::kNone;
    } else if (InHit()) {
      EndHit();
    } else if (list_ && depth_ == kHit - 1) {
      list_ = false;
    }
    --depth_;
  }

  void BeginHit() {
    ++hits_;
    open_ = skipped_ = has_routing_ = false;
    id_.clear();
    index_.clear();
    routing_.clear();
    sort_.Clear();
    score_ = kNoScore;
  }

  /// Begins the hit's document, with what is known of the hit itself.
  void Open() {
    if (open_) return;
    open_ = true;
    if (ties_) {
      key_ = fmt::format("{}\n{}\n{}", index_, routing_, id_);
      skipped_ = left_out_.contains(key_);
    }
    if (skipped_) return;
    ++kept_;
    sink_.BeginDocument();
    const auto text = [this](std::string_view name, std::string_view value) {
      sink_.Key(name);
      sink_.String(value);
    };
    if (meta_.id) text("_id", id_);
    if (meta_.index) text("_index", index_);
    if (has_routing_) text("_routing", routing_);
  }

  void EndHit() {
    Open();
    if (!skipped_) {
      if (meta_.score && score_ != kNoScore) {
        sink_.Key("_score");
        sink_.Double(score_);
      }
      if (meta_.sort && !sort_.text().empty()) {
        sink_.Key("_sort");
        std::ignore = documents::JsonWalk(sort_.text(), sink_, false);  // our own text
      }
      sink_.EndDocument();
    }
    if (ties_ && sort_.text() != last_sort_) tied_.clear();
    if (ties_) tied_.insert(key_);
    last_sort_ = sort_.text();
  }

  void Name() {
    if (skipped_) return;
    if (member_.starts_with('_')) {
      sink_.Key(member_);
    } else {
      sink_.Key("_" + member_);
    }
  }

  template <class Event>
  void Scalar(Event event, bool unsaid = false) {
    if (mode_ != Mode::kNone) {
      Emit(event);
    } else if (InHit() && !unsaid) {
      Open();
      Name();
      if (!skipped_) event(sink_);
    }
  }

  static constexpr double kNoScore = -1;

  Sink& sink_;
  Meta meta_;
  Mode mode_ = Mode::kNone;
  int depth_ = 0;
  int mode_depth_ = 0;
  bool list_ = false;
  bool saw_hits_ = false;
  bool ties_ = false;
  std::string top_;
  std::string second_;

  // The hit at hand.
  std::string member_;
  bool open_ = false;
  bool skipped_ = false;
  std::string id_;
  std::string index_;
  std::string routing_;
  bool has_routing_ = false;
  double score_ = kNoScore;
  std::string key_;
  documents::JsonText sort_{documents::JsonText::Dialect::kPlain};

  // The answer.
  std::string last_sort_;
  std::set<std::string> tied_;
  std::set<std::string> left_out_;
  documents::JsonText shards_{documents::JsonText::Dialect::kPlain};
  std::string scroll_id_;
  std::string pit_id_;
  int64_t hits_ = 0;
  int64_t kept_ = 0;
  bool timed_out_ = false;
};

}  // namespace nstarx::connectors::elasticsearch
