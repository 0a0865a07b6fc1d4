// One PublishStream call.
#pragma once

#include <mutex>

#include "absl/status/status.h"
#include "clients/cpp/outbox.h"
#include "milepost/v1/event_service.grpc.pb.h"

namespace milepost::client {

// Carries requests from the outbox to the stream and answers back, at most one write and one read under way. Owned by
// the producer's driver thread, which calls the public methods, wakes by the outbox when `over` changes, and destroys
// the call only when `done`. gRPC's threads call the reactions. `mutex_` guards the flags.
class PublishCall final : public grpc::ClientBidiReactor<v1::PublishStreamRequest, v1::PublishStreamResponse> {
 public:
  PublishCall(v1::EventService::Stub& stub, Outbox& outbox);

  // Writes what there is, unless a write is under way.
  void Write();
  // No more writes: the service answers what it has and ends the stream.
  void HalfClose();
  void Cancel() { context_.TryCancel(); }
  // To be called once, when the stream is over or cancelled: this call makes no further use of it.
  void Release() { RemoveHold(); }

  // The stream ended or broke.
  bool over() const;
  // gRPC has finished with this object.
  bool done() const;
  absl::Status status() const;

 private:
  void OnWriteDone(bool ok) override;
  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;
  void WriteNext();

  Outbox& outbox_;
  grpc::ClientContext context_;
  v1::PublishStreamRequest request_;    // of the write under way
  v1::PublishStreamResponse response_;  // of the read under way

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  bool writing_ = false;
  bool closing_ = false;
  bool closed_ = false;
  bool over_ = false;
  bool done_ = false;
  absl::Status status_;
};

}  // namespace milepost::client
