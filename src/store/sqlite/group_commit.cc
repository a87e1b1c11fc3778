#include "store/sqlite/group_commit.h"

#include <pthread.h>

#include <utility>

namespace nstarx::store {
namespace {

constexpr size_t kBatchMax = 256;

}  // namespace

GroupCommit::GroupCommit(std::unique_ptr<Database> database)
    : database_(std::move(database)), thread_([this] { Loop(); }) {
  pthread_setname_np(thread_.native_handle(), "store-writer");
}

GroupCommit::~GroupCommit() {
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
  }
  ready_.notify_one();
  thread_.join();
}

Status GroupCommit::Run(Work work) {
  Ticket ticket{.work = std::move(work)};
  {
    std::lock_guard lock(mutex_);
    queue_.push_back(&ticket);
  }
  ready_.notify_one();
  ticket.done.acquire();
  return std::move(ticket.status);
}

void GroupCommit::Loop() {
  while (true) {
    std::deque<Ticket*> batch;
    {
      std::unique_lock lock(mutex_);
      ready_.wait(lock, [this] { return closing_ || !queue_.empty(); });
      if (queue_.empty()) return;
      while (!queue_.empty() && batch.size() < kBatchMax) {
        batch.push_back(queue_.front());
        queue_.pop_front();
      }
    }
    const Status committed = Commit(batch);
    for (Ticket* ticket : batch) {
      if (!committed && ticket->status) ticket->status = committed;
      // The ticket lives on the waiting thread's stack and is gone after this.
      ticket->done.release();
    }
  }
}

Status GroupCommit::Commit(std::deque<Ticket*>& batch) {
  NSTARX_RETURN_IF_ERROR(database_->Execute("BEGIN IMMEDIATE"));
  bool any = false;
  for (Ticket* ticket : batch) {
    ticket->status = RunOne(*ticket);
    any = any || ticket->status;
    // A full disk or a failing one makes SQLite give up the whole transaction.
    if (!database_->in_transaction()) return ticket->status;
  }
  if (any) {
    Status committed = database_->Execute("COMMIT");
    if (committed) return committed;
    if (database_->in_transaction()) static_cast<void>(database_->Execute("ROLLBACK"));
    return committed;
  }
  return database_->Execute("ROLLBACK");
}

Status GroupCommit::RunOne(Ticket& ticket) {
  NSTARX_RETURN_IF_ERROR(database_->Execute("SAVEPOINT work"));
  Status status = ticket.work(*database_);
  if (!database_->in_transaction()) {
    if (status) return Internal("the store gave up a transaction");
    return status;
  }
  if (!status) NSTARX_RETURN_IF_ERROR(database_->Execute("ROLLBACK TO work"));
  NSTARX_RETURN_IF_ERROR(database_->Execute("RELEASE work"));
  return status;
}

}  // namespace nstarx::store
