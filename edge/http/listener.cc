#include "edge/http/listener.h"

#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <chrono>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "edge/http/connection.h"
#include "edge/http/socket.h"
#include "proto/contract/resource.h"

namespace milepost::edge::http {
namespace {

namespace asio = boost::asio;
using Error = boost::system::error_code;
using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, Executor>;
using Clock = std::chrono::steady_clock;
using Timer = asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor>;

// How long nothing is accepted after the system refused a descriptor or memory. Clients wait in the kernel's queue
// meanwhile; trying on at once would only burn a core.
constexpr std::chrono::milliseconds kAcceptPause{100};

// So many connections are accepted before the loop gets to do something else.
constexpr int kMaxAcceptsAtOnce = 64;

// An open descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }
  void Release() { fd_ = -1; }

 private:
  int fd_;
};

absl::StatusOr<asio::ip::address> ParseAddress(absl::string_view text) {
  absl::string_view bare = text;
  if (absl::ConsumePrefix(&bare, "[")) absl::ConsumeSuffix(&bare, "]");
  if (bare == "localhost") bare = "127.0.0.1";
  Error error;
  const asio::ip::address address = asio::ip::make_address(std::string(bare), error);
  if (error) {
    return absl::InvalidArgumentError(absl::StrCat("cannot listen on ", contract::Quoted(text),
                                                   ": this is no IP address: write one such as 127.0.0.1"));
  }
  return address;
}

absl::Status OpenError(absl::string_view where, const Error& error) {
  if (error == asio::error::address_in_use) {
    return absl::AlreadyExistsError(absl::StrCat("cannot listen on ", where, ": the port is taken by another process: ",
                                                 "stop it or choose another port (0 picks a free one)"));
  }
  if (error == asio::error::access_denied) {
    return absl::PermissionDeniedError(
        absl::StrCat("cannot listen on ", where, ": permission denied: choose a port from 1024 on"));
  }
  if (error == boost::system::errc::address_not_available) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", where, ": this machine has no such address: choose one of its own"));
  }
  return absl::UnavailableError(absl::StrCat("cannot listen on ", where, ": ", error.message()));
}

}  // namespace

// Lives on the first loop; what other threads call (Stop, the counts) is posted or atomic.
struct Listener::Impl : std::enable_shared_from_this<Listener::Impl> {
  Impl(std::vector<Loop> loops, const Limits& limits, Cors cors)
      : loops(std::move(loops)),
        front(std::make_shared<Front>(limits, std::move(cors))),
        acceptor(this->loops.front().context->get_executor()),
        pause(this->loops.front().context->get_executor()) {}

  void WaitForClients();
  void AcceptAll();
  void HandOver(Descriptor fd);
  void Pause(const Error& error);

  const std::vector<Loop> loops;
  const std::shared_ptr<Front> front;  // shared with the connections
  Acceptor acceptor;
  Timer pause;
  asio::ip::tcp protocol = asio::ip::tcp::v4();
  size_t next_loop = 0;
  bool pausing = false;  // the system refused, and nothing was accepted since
  std::string address;
  uint16_t port = 0;
};

void Listener::Impl::WaitForClients() {
  acceptor.async_wait(Acceptor::wait_read, [self = shared_from_this()](Error error) {
    if (!error) self->AcceptAll();
  });
}

// The descriptor is accepted bare and becomes a socket on its own loop: asynchronous operations that reach from one
// context into another would dictate the order in which contexts may be destroyed.
void Listener::Impl::AcceptAll() {
  for (int i = 0; i < kMaxAcceptsAtOnce && acceptor.is_open(); ++i) {
    const int fd = accept4(acceptor.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      HandOver(Descriptor(fd));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      break;
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      return Pause(Error(errno, boost::system::system_category()));
    }
    // Any other error is that of one client, which went away while it waited.
  }
  if (acceptor.is_open()) WaitForClients();
}

void Listener::Impl::HandOver(Descriptor fd) {
  if (std::exchange(pausing, false)) spdlog::info("accepting connections again");
  const size_t open = front->open->load(std::memory_order_relaxed);
  if (open >= front->limits.connections + front->limits.refusals) return;
  const Loop& loop = loops[next_loop++ % loops.size()];
  auto start = [fd = std::move(fd), slot = ConnectionSlot(front->open), front = front, loop, protocol = protocol,
                shed = open >= front->limits.connections]() mutable {
    Socket socket(loop.context->get_executor());
    Error error;
    socket.assign(protocol, fd.get(), error);
    if (error) return;
    fd.Release();
    std::make_shared<Connection>(std::move(socket), std::move(slot), std::move(front), *loop.router, shed)->Start();
  };
  asio::post(*loop.context, std::move(start));
}

void Listener::Impl::Pause(const Error& error) {
  if (!std::exchange(pausing, true)) spdlog::warn("cannot accept connections, trying again: {}", error.message());
  pause.expires_after(kAcceptPause);
  pause.async_wait([self = shared_from_this()](Error cancelled) {
    if (!cancelled) self->AcceptAll();
  });
}

Listener::Listener(std::vector<Loop> loops, const Limits& limits, Cors cors)
    : impl_(std::make_shared<Impl>(std::move(loops), limits, std::move(cors))) {}

Listener::~Listener() { Stop(); }

absl::Status Listener::Open(absl::string_view address, uint16_t port) {
  absl::StatusOr<asio::ip::address> ip = ParseAddress(address);
  if (!ip.ok()) return ip.status();
  const auto format = [&](uint16_t bound) {
    return ip->is_v6() ? absl::StrCat("[", ip->to_string(), "]:", bound) : absl::StrCat(ip->to_string(), ":", bound);
  };
  const asio::ip::tcp::endpoint endpoint(*ip, port);
  Acceptor& acceptor = impl_->acceptor;
  Error error;
  acceptor.open(endpoint.protocol(), error);
  // Lets a restarted edge have its port back at once; on Linux a port that is listened on stays taken.
  if (!error) acceptor.set_option(Acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(Acceptor::max_listen_connections, error);
  if (!error) acceptor.native_non_blocking(true, error);
  if (error) {
    Error ignored;
    acceptor.close(ignored);
    return OpenError(format(port), error);
  }
  impl_->protocol = endpoint.protocol();
  impl_->port = acceptor.local_endpoint().port();
  impl_->address = format(impl_->port);
  impl_->WaitForClients();
  return absl::OkStatus();
}

const std::string& Listener::address() const { return impl_->address; }
uint16_t Listener::port() const { return impl_->port; }

void Listener::Stop() {
  if (impl_->front->stopping.exchange(true)) return;
  asio::post(*impl_->loops.front().context, [impl = impl_] {
    Error ignored;
    impl->acceptor.close(ignored);
    impl->pause.cancel();
  });
}

size_t Listener::connections() const { return impl_->front->open->load(std::memory_order_relaxed); }

}  // namespace milepost::edge::http
