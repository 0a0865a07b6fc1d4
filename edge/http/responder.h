// How a handler answers a request: now or later, with a response, or by taking the socket over.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "edge/http/connection_slot.h"
#include "edge/http/cors.h"
#include "edge/http/response.h"
#include "edge/http/socket.h"

namespace milepost::edge::http {

// What stands behind a Responder: a connection, or a fake in a test.
class ResponseSink {
 public:
  virtual ~ResponseSink() = default;
  virtual void Respond(Response response) = 0;
  virtual Socket TakeSocket() = 0;
  virtual ConnectionSlot TakeSlot() = 0;
  virtual void OnClientGone(std::function<void()> callback) = 0;
  // The responder was destroyed and nothing had been called. Any thread: `self`, which is this, is for taking along
  // to the right one.
  virtual void Dropped(std::shared_ptr<ResponseSink> self) = 0;
};

// Move-only. Exactly one of Respond and TakeSocket is called, once, on the thread of the request's loop, while
// the handler runs or at any time after; a Responder that is destroyed without (on any thread, while the loop
// exists) answers 500. All is safe, and does nothing, if the client has vanished meanwhile.
class Responder {
 public:
  // `extra`: header fields that go with the answer, whatever it is. They are the sink's business, but a stream's: it takes them.
  Responder(std::shared_ptr<ResponseSink> sink, bool head_only, HeaderFields extra = {}, bool preflight = false)
      : sink_(std::move(sink)), extra_(std::move(extra)), head_only_(head_only), preflight_(preflight) {}
  Responder(Responder&&) noexcept = default;
  Responder& operator=(Responder&& other) noexcept;
  ~Responder();

  // Answers. The body is left out by itself if the request was HEAD.
  void Respond(Response response);

  // The connection gives its socket up for streaming and forgets it. The socket is non-blocking, nothing has
  // been written to it, and no operation is pending on it; what the client sent after its request so far
  // was thrown away. It may be closed already: then is_open() is false.
  Socket TakeSocket();

  // To be called beside TakeSocket: the place among the open connections, to be kept as long as the socket.
  // Not taken, it is given back when the Responder ends, and the stream is not counted.
  ConnectionSlot TakeSlot();

  // True for HEAD: a stream answers with its header only.
  bool head_only() const { return head_only_; }
  // Fields for the header of a stream, beside its own.
  const HeaderFields& extra() const { return extra_; }
  // True if the answer to OPTIONS goes to a browser that asks for another origin's page, and may have what it asks for.
  bool preflight() const { return preflight_; }

  // Calls back at most once, on the loop's thread, if the client closes before the answer, so that a long
  // wait can end. An answer given then is still sent: the client may have closed only its sending side. Not
  // called any more after Respond or TakeSocket, so after them this does nothing. `callback` must not own this Responder (it would keep
  // itself alive).
  void OnClientGone(std::function<void()> callback);

 private:
  std::shared_ptr<ResponseSink> sink_;  // shared with the operations that are pending on the connection
  HeaderFields extra_;
  bool head_only_;
  bool preflight_;
  bool answered_ = false;
};

}  // namespace milepost::edge::http
