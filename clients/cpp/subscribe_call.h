// One Subscribe call.
#pragma once

#include <mutex>
#include <optional>

#include "absl/status/status.h"
#include "clients/cpp/wakeup.h"
#include "milepost/v1/event_service.grpc.pb.h"

namespace milepost::client {

// Holds one response at a time: the next one is read when this one was taken, so a slow reader slows the service down
// and costs no memory. Owned by the subscriber's driver thread, which calls the public methods and destroys the call
// only when `done`. gRPC's threads call the reactions. `mutex_` guards what they share.
class SubscribeCall final : public grpc::ClientReadReactor<v1::SubscribeResponse> {
 public:
  // `wakeup` is woken when Take or over or done has something new.
  SubscribeCall(v1::EventService::Stub& stub, v1::SubscribeRequest request, Wakeup& wakeup);

  // The next response, if it is there; then the one after it is asked for.
  std::optional<v1::SubscribeResponse> Take();
  void Cancel() { context_.TryCancel(); }
  // To be called once, when the stream is over.
  void Release() { RemoveHold(); }

  bool over() const;
  bool done() const;
  absl::Status status() const;

 private:
  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

  Wakeup& wakeup_;
  const v1::SubscribeRequest request_;
  grpc::ClientContext context_;
  v1::SubscribeResponse response_;  // of the read under way, or waiting to be taken

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  bool ready_ = false;
  bool over_ = false;
  bool done_ = false;
  absl::Status status_;
};

}  // namespace milepost::client
