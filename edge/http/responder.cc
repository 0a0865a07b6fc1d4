#include "edge/http/responder.h"

#include <cassert>

namespace milepost::edge::http {

Responder& Responder::operator=(Responder&& other) noexcept {
  std::swap(sink_, other.sink_);
  std::swap(extra_, other.extra_);
  std::swap(head_only_, other.head_only_);
  std::swap(preflight_, other.preflight_);
  std::swap(answered_, other.answered_);
  return *this;
}

Responder::~Responder() {
  if (!sink_ || answered_) return;
  ResponseSink* const sink = sink_.get();
  sink->Dropped(std::move(sink_));
}

void Responder::Respond(Response response) {
  assert(sink_ && !answered_);
  answered_ = true;
  sink_->Respond(std::move(response));
}

Socket Responder::TakeSocket() {
  assert(sink_ && !answered_);
  answered_ = true;
  return sink_->TakeSocket();
}

ConnectionSlot Responder::TakeSlot() { return sink_->TakeSlot(); }

void Responder::OnClientGone(std::function<void()> callback) {
  if (!answered_) sink_->OnClientGone(std::move(callback));
}

}  // namespace milepost::edge::http
