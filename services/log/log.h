// Log: what gives records their order and makes them durable.
//
// An engine orders records, then for each: fold, store in the History, make durable; only then are the
// appender answered and the readers woken. The interface is asynchronous because an engine may give the
// numbers itself and confirm later, from its own thread or from another machine.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "milepost/v1/event.pb.h"
#include "services/history/history.h"

namespace milepost::log {

// Makes repeating a Publish call safe.
struct IdempotencyKey {
  std::string key;         // with its caller, as one string
  std::string content;     // digest of all events of the call
  size_t events = 0;       // how many the call has
};

// What is appended.
struct Record {
  // Valid by itself. Null: only uses up the producer's number, because the event was rejected before.
  std::unique_ptr<v1::ProgressEvent> event;
  std::string producer;    // empty: not from a numbered stream
  uint64_t number = 0;     // the producer's number, from 1; 0, without an event: it releases its lease
  bool first_of_stream = false;  // the producer will never send a lower number again
  int64_t lease_nanos = 0;       // of the stream that it is the first of; 0: the default
  std::shared_ptr<const IdempotencyKey> idempotency;  // null: none; shared by the call's records
  size_t index = 0;        // place in the call
  size_t bytes = 0;        // of the encoded event; counts for the limit of what waits
  uint64_t only_after = 0; // not 0: void if the job has an event after this one
};

// What became of a record.
struct Outcome {
  uint64_t seq = 0;             // where the event is in the log; 0 if it was void
  absl::Status status;          // why it was void; OK for a repeated one, which was stored before
  uint64_t producer_mark = 0;   // all numbers of its producer up to here are in the log or rejected
};

// What an engine does with records once they have their order. Each function is called by one thread at a time, in
// order; Publish of one batch may run beside Fold and Upkeep of the next, and no function runs beside Recover.
class Pipeline {
 public:
  virtual ~Pipeline() = default;

  // The verdict on one record. Takes record.event.
  virtual history::Entry Fold(uint64_t seq, int64_t commit_nanos, Record& record, Outcome* outcome) = 0;

  // The records of one commit were folded and are about to be stored; what is folded next is of the next commit. Called as
  // Fold is.
  virtual void Seal() {}

  // The contiguous mark of a producer after what was folded so far; 0 if it is not known.
  virtual uint64_t ProducerMark(absl::string_view producer) const { return 0; }

  // The entries are stored and durable: readers may see them.
  virtual void Publish(std::span<const history::Entry> entries) = 0;

  // All that was folded is stored, and there is time for what can wait. Called as Fold is.
  virtual void Upkeep() {}

  // Storing failed, and it is not known which of the records that were folded last are stored. Reopens the history,
  // folds what it holds from anew, and publishes what was not. After an error it is called again later.
  virtual absl::Status Recover() { return absl::OkStatus(); }
};

// Thread-safe.
class Log {
 public:
  // Called once, on any thread, without a lock held: one outcome for each record, in order.
  using Done = std::function<void(std::vector<Outcome>)>;

  virtual ~Log() = default;

  // Appends records one after the other. Never blocks for long; `done` may run before this returns.
  // After Close the outcomes are UNAVAILABLE.
  virtual void Append(std::vector<Record> records, Done done) = 0;

  // Answers with one outcome: the producer's mark, of which all is durable, in its place among the appends. Errors are
  // those of Append.
  virtual void Ask(std::string producer, Done done) = 0;

  // Takes nothing more, and returns when all that was taken is answered.
  virtual void Close() = 0;
};

}  // namespace milepost::log
