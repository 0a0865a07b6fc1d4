#include "edge/http/connection.h"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "edge/http/response_head.h"

namespace milepost::edge::http {
namespace {

namespace asio = boost::asio;

// What a refused client may go on to send before it sees the answer; more closes the connection at once.
constexpr size_t kMaxDiscarded = 4 * 1024 * 1024;

// Browsers that are sent away come back spread over this time, in milliseconds.
constexpr unsigned kShedRetryMin = 1000;
constexpr unsigned kShedRetryMax = 5000;

bool WouldBlock(const boost::system::error_code& error) {
  return error == asio::error::would_block || error == asio::error::try_again;
}

std::string RemoteOf(const Socket& socket) {
  boost::system::error_code error;
  const auto endpoint = socket.remote_endpoint(error);
  if (error) return "unknown";
  const std::string ip = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + ip + "]" : ip) + ":" + std::to_string(endpoint.port());
}

// Streams must not be refused by a status, which stops a browser for good.
bool IsStream(const Request& request) {
  if (absl::StrContains(request.Header("Accept").value_or(""), "text/event-stream")) return true;
  if (request.method == "POST") return request.path == "/v1/events:watch";
  return request.path == "/v1/events" ||
         (absl::StartsWith(request.path, "/v1/jobs/") && absl::EndsWith(request.path, "/events"));
}

}  // namespace

Connection::Connection(Socket socket, ConnectionSlot slot, std::shared_ptr<Front> front, const Router& router, bool shed)
    : front_(std::move(front)),
      router_(router),
      socket_(std::move(socket)),
      timer_(socket_.get_executor()),
      slot_(std::move(slot)),
      shed_(shed),
      reader_(front_->limits, front_->bodies, RemoteOf(socket_)) {}

void Connection::Start() {
  Error error;
  socket_.non_blocking(true, error);
  if (!error) socket_.set_option(asio::ip::tcp::no_delay(true), error);
  if (error) return Close();
  SetDeadline(front_->limits.header_deadline);
  WaitReadable();
}

// ---- reading

void Connection::WaitReadable() {
  if (wait_pending_) return;
  wait_pending_ = true;
  socket_.async_wait(Socket::wait_read, [self = shared_from_this()](Error error) {
    self->wait_pending_ = false;
    if (!error) self->OnReadable();
  });
}

void Connection::OnReadable() {
  switch (state_) {
    case State::kReading:
      return ReadRequest();
    case State::kHandling:
      return LookWhetherClientIsGone();
    case State::kLingering:
      return Discard();
    case State::kWriting:  // reads on after it
    case State::kClosed:
      return;
  }
}

void Connection::ReadRequest() {
  while (state_ == State::kReading) {
    const RequestReader::Space space = reader_.Prepare();
    Error error;
    const size_t bytes = socket_.read_some(asio::buffer(space.data, space.size), error);
    if (WouldBlock(error)) return WaitReadable();
    // The end of what the client sends comes either between two requests, or inside one that nobody can answer.
    if (error) return Close();
    const RequestReader::Next next = reader_.Commit(bytes);
    if (next != RequestReader::Next::kRead) return Act(next);
    if (reader_.phase() != phase_) Act(next);
  }
}

void Connection::Act(RequestReader::Next next) {
  switch (next) {
    case RequestReader::Next::kRead: {
      phase_ = reader_.phase();
      const Limits& limits = front_->limits;
      SetDeadline(phase_ == RequestReader::Phase::kIdle   ? limits.idle_keepalive
                  : phase_ == RequestReader::Phase::kHead ? limits.header_deadline
                                                          : limits.body_deadline);
      return;
    }
    case RequestReader::Next::kContinue:
      return WriteContinue();
    case RequestReader::Next::kRequest:
      return Handle();
    case RequestReader::Next::kRefuse:
      return Answer(std::move(reader_.refusal()), /*keep_alive=*/false);
  }
}

void Connection::Handle() {
  state_ = State::kHandling;
  deadline_ = Clock::time_point::max();
  Request request = reader_.TakeRequest();
  const std::string allowed = front_->cors.Allow(request.Header("Origin").value_or(""));
  extra_ = front_->cors.Fields(allowed);
  if (shed_) {
    absl::InsecureBitGen random;
    return Answer(Shed(IsStream(request), absl::Uniform(absl::IntervalClosed, random, kShedRetryMin, kShedRetryMax)), false);
  }
  const bool preflight = !allowed.empty() && request.Header("Access-Control-Request-Method").has_value();
  router_.Handle(std::move(request), Responder(shared_from_this(), reader_.head_only(), extra_, preflight));
}

// ---- what the Responder asks for

void Connection::Respond(Response response) {
  if (state_ != State::kHandling) return;
  Answer(std::move(response), reader_.keep_alive() && !front_->stopping);
}

Socket Connection::TakeSocket() {
  if (state_ != State::kHandling) return Socket(socket_.get_executor());
  Error ignored;
  if (wait_pending_) socket_.cancel(ignored);
  timer_.cancel();
  gone_ = nullptr;
  state_ = State::kClosed;
  return std::move(socket_);
}

void Connection::OnClientGone(std::function<void()> callback) {
  if (state_ != State::kHandling) return;
  gone_ = std::move(callback);
  WaitReadable();
}

void Connection::LookWhetherClientIsGone() {
  char byte = 0;
  Error error;
  socket_.receive(asio::buffer(&byte, 1), asio::socket_base::message_peek, error);
  if (WouldBlock(error)) return WaitReadable();
  // Bytes of a next request hide what follows them: no longer looked at.
  if (!error || !gone_) return;
  std::exchange(gone_, nullptr)();
}

void Connection::Dropped(std::shared_ptr<ResponseSink> self) {
  asio::post(socket_.get_executor(), [this, self = std::move(self)] {
    Respond(Problem(absl::InternalError("the request was dropped without an answer: try again")));
  });
}

// ---- writing

void Connection::WriteContinue() {
  // So short that it fits what the kernel keeps for a client that has nothing to read yet.
  constexpr absl::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  Error error;
  if (socket_.write_some(asio::buffer(kContinue.data(), kContinue.size()), error) != kContinue.size()) return Close();
  Act(RequestReader::Next::kRead);
  WaitReadable();
}

void Connection::Answer(Response response, bool keep_alive) {
  gone_ = nullptr;
  state_ = State::kWriting;
  keep_alive_ = keep_alive;
  for (auto& field : std::exchange(extra_, {})) response.headers.push_back(std::move(field));
  head_ = FormatHead(response, keep_alive, reader_.http10(), absl::Now());
  body_ = reader_.head_only() || IsBodiless(response.status) ? std::string() : std::move(response.body);
  written_ = 0;
  Write();
}

void Connection::Write() {
  SetDeadline(front_->limits.write_deadline);
  const size_t in_head = std::min(written_, head_.size());
  const size_t in_body = written_ - in_head;
  const std::array<asio::const_buffer, 2> rest = {asio::buffer(head_) + in_head, asio::buffer(body_) + in_body};
  socket_.async_write_some(rest, [self = shared_from_this()](Error error, size_t bytes) {
    if (self->state_ != State::kWriting) return;
    if (error) return self->Close();
    self->written_ += bytes;
    if (self->written_ < self->head_.size() + self->body_.size()) return self->Write();
    self->OnWritten();
  });
}

void Connection::OnWritten() {
  head_ = std::string();
  body_ = std::string();
  if (!keep_alive_) return Linger();
  state_ = State::kReading;
  const RequestReader::Next next = reader_.NextRequest();
  Act(next);
  if (next == RequestReader::Next::kRead) WaitReadable();
}

// A close with bytes unread would reset the connection, and the client might lose the answer.
void Connection::Linger() {
  Error error;
  socket_.shutdown(Socket::shutdown_send, error);
  if (error) return Close();
  state_ = State::kLingering;
  SetDeadline(front_->limits.linger_deadline);
  WaitReadable();
}

void Connection::Discard() {
  std::array<char, 4096> bytes;
  while (discarded_ < kMaxDiscarded) {
    Error error;
    discarded_ += socket_.read_some(asio::buffer(bytes), error);
    if (WouldBlock(error)) return WaitReadable();
    if (error) break;
  }
  Close();
}

void Connection::Close() {
  state_ = State::kClosed;
  Error ignored;
  socket_.close(ignored);
  timer_.cancel();
}

// ---- deadlines

// Deadlines are set far more often than they expire: the timer is only set anew if it would fire too late.
void Connection::SetDeadline(Clock::duration from_now) {
  deadline_ = Clock::now() + from_now;
  if (!timer_pending_ || timer_.expiry() > deadline_) ArmTimer();
}

void Connection::ArmTimer() {
  timer_pending_ = true;
  timer_.expires_at(deadline_);
  timer_.async_wait([self = shared_from_this()](Error error) {
    if (!error) self->OnTimer();
  });
}

void Connection::OnTimer() {
  timer_pending_ = false;
  if (state_ == State::kClosed || deadline_ == Clock::time_point::max()) return;
  if (Clock::now() < deadline_) return ArmTimer();
  if (state_ != State::kReading || phase_ == RequestReader::Phase::kIdle) return Close();
  Answer(Problem(408, ReasonPhrase(408), "the request did not arrive in time: send it at once"), /*keep_alive=*/false);
}

}  // namespace milepost::edge::http
