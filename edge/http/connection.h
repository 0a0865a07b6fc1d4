// One plain connection: requests in, answers out, one after the other.
#pragma once

#include <atomic>
#include <boost/asio/basic_waitable_timer.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "edge/http/body_budget.h"
#include "edge/http/connection_slot.h"
#include "edge/http/cors.h"
#include "edge/http/limits.h"
#include "edge/http/request_reader.h"
#include "edge/http/responder.h"
#include "edge/http/router.h"
#include "edge/http/socket.h"

namespace milepost::edge::http {

// What all connections of a listener share. Any thread.
struct Front {
  Front(const Limits& limits, Cors cors) : limits(limits), cors(std::move(cors)), bodies(limits.total_body_bytes) {}

  const Limits limits;
  const Cors cors;
  BodyBudget bodies;
  std::shared_ptr<std::atomic<size_t>> open = std::make_shared<std::atomic<size_t>>(0);
  std::atomic<bool> stopping = false;
};

// Lives in one loop and is touched by its thread only (Dropped aside). Owned by the operations that are pending on it
// and by the Responder of the request that is being handled; ends when there is neither.
class Connection final : public ResponseSink, public std::enable_shared_from_this<Connection> {
 public:
  // `router` outlives the loop. `shed`: there are too many connections; answers one request with Shed and closes.
  Connection(Socket socket, ConnectionSlot slot, std::shared_ptr<Front> front, const Router& router, bool shed);

  // Begins to read. Once, on the loop's thread.
  void Start();

  void Respond(Response response) override;
  Socket TakeSocket() override;
  ConnectionSlot TakeSlot() override { return std::move(slot_); }
  void OnClientGone(std::function<void()> callback) override;
  void Dropped(std::shared_ptr<ResponseSink> self) override;

 private:
  using Clock = std::chrono::steady_clock;
  using Timer = boost::asio::basic_waitable_timer<Clock, boost::asio::wait_traits<Clock>, Executor>;
  using Error = boost::system::error_code;

  enum class State {
    kReading,    // a request, or waits for one
    kHandling,   // a handler has the Responder
    kWriting,    // an answer
    kLingering,  // answered for the last time; reads until the client closes
    kClosed,     // or the socket was taken
  };

  void WaitReadable();
  void OnReadable();
  void ReadRequest();
  void Act(RequestReader::Next next);
  void Handle();
  void WriteContinue();
  void LookWhetherClientIsGone();
  void Answer(Response response, bool keep_alive);
  void Write();
  void OnWritten();
  void Linger();
  void Discard();
  void Close();

  void SetDeadline(Clock::duration from_now);
  void ArmTimer();
  void OnTimer();

  std::shared_ptr<Front> front_;  // shared: connections may outlive the listener
  const Router& router_;
  Socket socket_;
  Timer timer_;
  ConnectionSlot slot_;
  State state_ = State::kReading;
  const bool shed_;
  bool wait_pending_ = false;
  bool timer_pending_ = false;
  bool keep_alive_ = false;  // after the answer that is being written
  Clock::time_point deadline_ = Clock::time_point::max();
  RequestReader::Phase phase_ = RequestReader::Phase::kIdle;  // that the deadline was set for

  RequestReader reader_;
  std::function<void()> gone_;
  HeaderFields extra_;  // that go with the answer to the request at hand
  std::string head_;    // of the answer
  std::string body_;
  size_t written_ = 0;    // bytes of both
  size_t discarded_ = 0;  // bytes read while lingering
};

}  // namespace milepost::edge::http
