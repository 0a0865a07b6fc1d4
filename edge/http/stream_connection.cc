#include "edge/http/stream_connection.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <utility>

#include "boost/asio/buffer.hpp"

namespace milepost::edge::http {
namespace {

using boost::system::error_code;

// A client that sends more than this on a stream is not one of ours.
constexpr uint16_t kMaxInputBytes = 1024;
// Pause before a failed read is made again; the trunk's reconnect is usually quicker than that.
constexpr absl::Duration kReadPause = absl::Milliseconds(200);

// Half-open peers are noticed by unacknowledged bytes; heartbeats see to it that there are some.
void SetUserTimeout(Socket& socket, absl::Duration timeout) {
  const unsigned int ms = absl::ToInt64Milliseconds(timeout);
  setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

}  // namespace

void StreamConnection::Start(Streams& streams, Socket socket, ConnectionSlot slot, sse::StreamRequest request,
                             std::string follow_job, HeaderFields extra) {
  if (!socket.is_open()) return;  // the client has vanished meanwhile
  auto stream = std::make_shared<StreamConnection>(streams, std::move(socket), std::move(slot), std::move(request),
                                                   std::move(follow_job), std::move(extra));
  stream->session_.Start();
  streams.source().FeedsChanged();
  stream->WaitReadable();
  if (streams.draining()) stream->session_.End(sse::Goodbye::kDraining, 1000 + 4 * (streams.RetryMs() - 500));
  stream->Pump();
  if (!stream->closed_) streams.TickAt(*stream, stream->NextDue());
}

StreamConnection::StreamConnection(Streams& streams, Socket socket, ConnectionSlot slot, sse::StreamRequest request,
                                   std::string follow_job, HeaderFields extra)
    : streams_(streams),
      socket_(std::move(socket)),
      slot_(std::move(slot)),
      session_(std::move(request),
               {.retry_ms = streams.RetryMs(),
                .heartbeat = streams.options().heartbeat,
                .follow_job = std::move(follow_job),
                .extra_head = std::move(extra)},
               streams.table(), [this](bool events) { OnWake(events); }),
      last_write_ms_(streams.now_ms()) {
  error_code ignored;
  socket_.native_non_blocking(true, ignored);
  SetUserTimeout(socket_, streams.options().stall);
  streams_.Opened(*this);
}

StreamConnection::~StreamConnection() { Close(); }

void StreamConnection::OnWake(bool events) {
  if (closed_ || pumping_) return;
  if (events && !blocked_ && streams_.now_ms() - last_write_ms_ < absl::ToInt64Milliseconds(streams_.options().flush)) {
    streams_.DelayFlush(*this);
    return;
  }
  Pump();
}

void StreamConnection::Flush() { Pump(); }

void StreamConnection::Pump() {
  if (closed_ || blocked_ || lingering_ || pumping_) return;
  pumping_ = true;
  bool going = true;
  while (going && !closed_) {
    switch (session_.Next()) {
      case sse::Session::Step::kWrite:
        going = Write();
        break;
      case sse::Session::Step::kRead:
        StartRead();
        break;
      case sse::Session::Step::kEnd:
        Linger();
        going = false;
        break;
      case sse::Session::Step::kIdle:
        going = false;
        break;
    }
  }
  pumping_ = false;
  if (!closed_ && session_.read_failed()) RetryReadLater();
}

// One system call. False if the socket takes no more for now, or is broken.
bool StreamConnection::Write() {
  std::vector<sse::Piece>& pieces = streams_.pieces;
  session_.Gather(pieces);
  if (pieces.empty()) return true;  // all that waited was filtered out
  std::array<iovec, sse::kMaxPieces + 4> vectors;
  size_t total = 0;
  for (size_t i = 0; i < pieces.size(); ++i) {
    vectors[i] = {const_cast<char*>(pieces[i].bytes.data()), pieces[i].bytes.size()};
    total += pieces[i].bytes.size();
  }
  msghdr message = {};
  message.msg_iov = vectors.data();
  message.msg_iovlen = pieces.size();
  const ssize_t sent = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
    Close();
    return false;
  }
  const size_t bytes = std::max<ssize_t>(sent, 0);
  const bool full = bytes < total;
  session_.Sent(pieces, bytes, full);
  if (bytes > 0) last_write_ms_ = streams_.now_ms();
  if (full) WaitWritable();
  return !full;
}

void StreamConnection::WaitWritable() {
  blocked_ = true;
  blocked_since_ms_ = streams_.now_ms();
  socket_.async_wait(Socket::wait_write, [self = shared_from_this()](const error_code& error) {
    if (error || self->closed_) return;
    self->blocked_ = false;
    self->Pump();
  });
}

// A stream takes no input; but only a pending read notices that the client has gone.
void StreamConnection::WaitReadable() {
  socket_.async_wait(Socket::wait_read, [self = shared_from_this()](error_code error) {
    if (self->closed_) return;
    std::array<char, kMaxInputBytes> discarded;
    const size_t bytes = error ? 0 : self->socket_.read_some(boost::asio::buffer(discarded), error);
    if (error == boost::asio::error::would_block) {
      bytes == 0 ? self->WaitReadable() : void();
      return;
    }
    if (error || (self->input_bytes_ += bytes) > kMaxInputBytes) {
      self->Close();
      return;
    }
    self->WaitReadable();
  });
}

void StreamConnection::StartRead() {
  uint64_t ticket = 0;
  feed::ReadSpec spec = session_.NextRead(ticket);
  streams_.source().Read(std::move(spec), [weak = weak_from_this(), ticket](absl::StatusOr<feed::PagePtr> page) {
    const auto self = weak.lock();
    if (self != nullptr && !self->closed_) self->session_.OnPage(ticket, page);
  });
}

void StreamConnection::RetryReadLater() {
  if (std::exchange(retrying_, true)) return;
  auto timer = std::make_shared<boost::asio::steady_timer>(socket_.get_executor());
  timer->expires_after(absl::ToChronoMilliseconds(kReadPause));
  timer->async_wait([weak = weak_from_this(), timer](const error_code& error) {
    const auto self = weak.lock();
    if (error || self == nullptr || self->closed_) return;
    self->retrying_ = false;
    self->session_.RetryRead();
    self->Pump();
  });
}

int64_t StreamConnection::NextDue() const {
  if (lingering_) return last_write_ms_ + absl::ToInt64Milliseconds(streams_.options().linger);
  int64_t due = last_write_ms_ + absl::ToInt64Milliseconds(streams_.options().heartbeat);
  if (blocked_) due = blocked_since_ms_ + absl::ToInt64Milliseconds(streams_.options().stall);
  if (goodbye_at_ms_ != 0) due = std::min(due, goodbye_at_ms_);
  return due;
}

void StreamConnection::Tick(int64_t now_ms) {
  const auto self = shared_from_this();
  if (goodbye_at_ms_ != 0 && now_ms >= goodbye_at_ms_) {
    goodbye_at_ms_ = 0;
    session_.End(sse::Goodbye::kDraining, 1000 + 4 * (streams_.RetryMs() - 500));
    Pump();
  } else if ((lingering_ || blocked_) && now_ms >= NextDue()) {
    Close();
  } else if (!blocked_ && !lingering_) {
    session_.CheckRetryWait(absl::Now());
    if (now_ms >= NextDue()) session_.Heartbeat(absl::Now());
    Pump();
  }
  if (!closed_) streams_.TickAt(*this, std::max(NextDue(), now_ms + 1));
}

// The client closes when it has read the last chunk; closing first could take bytes from it (RFC 9112, 9.6).
void StreamConnection::Linger() {
  lingering_ = true;
  streams_.table().Leave(session_, streams_.now_ms());
  error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
  tick_hook_.unlink();
  streams_.TickAt(*this, NextDue());
}

void StreamConnection::Close() {
  if (std::exchange(closed_, true)) return;
  streams_.table().Leave(session_, streams_.now_ms());
  tick_hook_.unlink();
  flush_hook_.unlink();
  error_code ignored;
  socket_.close(ignored);
  slot_ = ConnectionSlot();
  streams_.Closed();
}

}  // namespace milepost::edge::http
