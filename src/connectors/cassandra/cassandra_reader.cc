#include "connectors/cassandra/cassandra_reader.h"

#include <arrow/api.h>

#include <algorithm>

#include "connectors/cassandra/cassandra_errors.h"

namespace nstarx::connectors::cassandra {
namespace {

constexpr int64_t kPageBytes = 1 << 20;  ///< what a page should have
constexpr int64_t kPageRowsMin = 20;

}  // namespace

PageStream::PageStream(CqlClient& client, StatementOwner& owner, std::stop_source stop,
                       Options options, const std::vector<ResultColumn>& columns)
    : client_(client),
      owner_(owner),
      stop_(std::move(stop)),
      options_(std::move(options)),
      columns_(columns),
      decoder_(columns, options_.numeric) {}

PageStream::~PageStream() { End(); }

Result<std::unique_ptr<PageStream>> PageStream::Continue(const Context& context, CqlClient& client,
                                                         StatementOwner& owner,
                                                         std::stop_source stop, Options options,
                                                         Request request, FirstPage first) {
  std::unique_ptr<PageStream> stream(new PageStream(
      client, owner, std::move(stop), std::move(options), first.head.metadata.columns));
  NSTARX_RETURN_IF_ERROR(
      stream->Take(context, first.head, std::move(first.body), std::move(request)));
  return stream;
}

Result<std::unique_ptr<PageStream>> PageStream::Scan(const Context& context, CqlClient& client,
                                                     StatementOwner& owner, std::stop_source stop,
                                                     Options options, std::deque<Request> requests,
                                                     const FirstPage& first) {
  std::unique_ptr<PageStream> stream(new PageStream(
      client, owner, std::move(stop), std::move(options), first.head.metadata.columns));
  stream->rows_seen_ = first.head.row_count;
  stream->bytes_seen_ = static_cast<int64_t>(first.body.size());
  stream->waiting_ = std::move(requests);
  NSTARX_RETURN_IF_ERROR(stream->StartLanes(context));
  return stream;
}

/// As many rows as make a page of the right size, as far as rows so far tell.
int32_t PageStream::PageRows() const {
  int64_t rows = rows_seen_ == 0 ? kFirstPageRows
                                 : kPageBytes * rows_seen_ / std::max<int64_t>(bytes_seen_, 1);
  rows = std::clamp<int64_t>(rows, kPageRowsMin, options_.page_rows_max);
  if (options_.limit) rows = std::min(rows, std::max<int64_t>(*options_.limit - rows_, 1));
  return static_cast<int32_t>(std::min<int64_t>(rows, options_.page_rows_max));
}

Status PageStream::Send(const Context& context, Request request, std::string_view paging_state) {
  const PageOptions page{
      .consistency = options_.consistency, .page_size = PageRows(), .paging_state = paging_state};
  NSTARX_TRY(const int16_t number, client_.Send(context, request.opcode, BodyOf(request, page)));
  in_flight_.emplace_back(number, std::move(request));
  return {};
}

Status PageStream::StartLanes(const Context& context) {
  while (!waiting_.empty() && static_cast<int>(in_flight_.size()) < options_.lanes) {
    Request next = std::move(waiting_.front());
    waiting_.pop_front();
    NSTARX_RETURN_IF_ERROR(Send(context, std::move(next), {}));
  }
  return {};
}

Status PageStream::Take(const Context& context, const ResultHead& head, std::string body,
                        Request request) {
  if (head.metadata.columns != columns_) {
    return Refuse("query.table_changed", "The table's columns changed while it was read");
  }
  page_ = std::move(body);
  page_at_ = head.rows_at;
  page_left_ = head.row_count;
  rows_seen_ += head.row_count;
  bytes_seen_ += static_cast<int64_t>(page_.size());
  const bool enough = options_.limit && rows_ + page_left_ >= *options_.limit;
  if (head.metadata.paging_state && !head.metadata.paging_state->empty() && !enough) {
    const int64_t before = rows_;
    rows_ += page_left_;  // What is asked for comes after these.
    Status sent = Send(context, std::move(request), *head.metadata.paging_state);
    rows_ = before;
    NSTARX_RETURN_IF_ERROR(std::move(sent));
  }
  return StartLanes(context);
}

Status PageStream::ReceivePage(const Context& context) {
  NSTARX_TRY(Answer answer, client_.Receive(context));
  const auto lane =
      std::ranges::find(in_flight_, answer.stream, [](const auto& sent) { return sent.first; });
  if (lane == in_flight_.end()) return ProtocolError("an answer out of turn");
  Request request = std::move(lane->second);
  in_flight_.erase(lane);
  if (answer.opcode == Opcode::kError) return ServerError(answer.body, options_.text);
  if (answer.opcode != Opcode::kResult) return ProtocolError("no result");
  NSTARX_TRY(const ResultHead head, ParseResult(answer.body));
  return Take(context, head, std::move(answer.body), std::move(request));
}

Result<std::shared_ptr<arrow::RecordBatch>> PageStream::NextBatch(const Context& context) {
  while (page_left_ == 0 || AtLimit()) {
    if (AtLimit() || in_flight_.empty()) return nullptr;
    NSTARX_RETURN_IF_ERROR(ReceivePage(context));
  }
  BodyReader reader(std::string_view(page_).substr(page_at_));
  while (page_left_ > 0 && !decoder_.full() && !AtLimit()) {
    NSTARX_RETURN_IF_ERROR(decoder_.Append(reader));
    --page_left_;
    ++rows_;
  }
  page_at_ = page_.size() - reader.left();
  return decoder_.Finish();
}

Result<std::shared_ptr<arrow::RecordBatch>> PageStream::Next(const Context& context) {
  if (ended_) return nullptr;
  const std::stop_callback forward(context.stop_token(), [this] { stop_.request_stop(); });
  const Context reading = context.WithStop(stop_.get_token());
  Result<std::shared_ptr<arrow::RecordBatch>> batch = nullptr;
  if (Status status = reading.Check(); !status) {
    batch = Named(std::move(status).error(), "query");
    client_.Break();  // What is under way is not worth waiting for.
  } else {
    batch = NextBatch(reading);
  }
  if (!batch || *batch == nullptr) End();
  return batch;
}

void PageStream::End() {
  if (ended_) return;
  ended_ = true;
  waiting_.clear();
  if (stop_.stop_requested()) {
    if (client_.in_flight() > 0) client_.Break();
  } else {
    client_.Quiesce();
  }
  owner_.StatementEnded();
}

NoRows::NoRows() : schema_(arrow::schema({})) {}

Result<std::shared_ptr<arrow::RecordBatch>> NoRows::Next(const Context&) { return nullptr; }

}  // namespace nstarx::connectors::cassandra
