// The HTTP front over real loopback sockets: raw bytes in, status and closing out.
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "edge/http/listener.h"
#include "tests/support/http_client.h"

namespace milepost::edge::http {
namespace {

using std::chrono::milliseconds;
using test::Answer;
using test::Client;
using test::kPatience;
using ::testing::HasSubstr;

// Two loops with a thread each, and a listener.
class Server {
 public:
  explicit Server(const Limits& limits = {}) {
    AddRoutes();
    listener_ = std::make_unique<Listener>(std::vector<Loop>{{&contexts_[0], &router_}, {&contexts_[1], &router_}}, limits);
    const absl::Status status = listener_->Open("127.0.0.1", 0);
    EXPECT_TRUE(status.ok()) << status;
    for (auto& context : contexts_) {
      threads_.emplace_back([&context] {
        const auto guard = boost::asio::make_work_guard(context);
        context.run();
      });
    }
  }

  ~Server() {
    listener_->Stop();
    for (auto& context : contexts_) context.stop();
    for (std::thread& thread : threads_) thread.join();
  }

  Listener& listener() { return *listener_; }
  uint16_t port() const { return listener_->port(); }

  // Waits until so many connections are open.
  bool WaitForConnections(size_t count) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (listener_->connections() != count) {
      if (std::chrono::steady_clock::now() > until) return false;
      std::this_thread::yield();
    }
    return true;
  }

  std::promise<void> wait_began, client_gone;
  std::promise<Responder> parked;

 private:
  void AddRoutes() {
    const Handler echo = [](Request request, Responder responder) {
      responder.Respond(Json(absl::StrCat(request.method, " ", request.path, " ", request.query, " ",
                                          request.body.size(), " ", request.Header("X-Word").value_or("-"))));
    };
    router_.Add("GET", "/echo", echo);
    router_.Add("GET", "/v1/jobs/{job}", echo);
    router_.Add("POST", "/echo", echo);
    router_.Add("GET", "/big", [](Request, Responder responder) {
      responder.Respond(Json(std::string(8 * 1024 * 1024, 'x')));
    });
    router_.Add("GET", "/empty", [](Request, Responder responder) { responder.Respond({204, {}, "not sent"}); });
    router_.Add("GET", "/drop", [](Request, Responder) {});
    router_.Add("GET", "/park", [this](Request, Responder responder) { parked.set_value(std::move(responder)); });
    router_.Add("GET", "/wait", [this](Request, Responder responder) {
      auto kept = std::make_shared<std::optional<Responder>>(std::move(responder));
      (*kept)->OnClientGone([this, weak = std::weak_ptr(kept)] {
        if (const auto alive = weak.lock()) (*alive)->Respond(Json("\"gone\""));
        waiting_.reset();
        client_gone.set_value();
      });
      waiting_ = std::move(kept);
      wait_began.set_value();
    });
    router_.Add("GET", "/stream", [this](Request, Responder responder) {
      ConnectionSlot slot = responder.TakeSlot();
      Socket socket = responder.TakeSocket();
      if (!socket.is_open()) return;
      EXPECT_TRUE(socket.non_blocking());
      const std::string bytes = "HTTP/1.1 200 OK\r\n\r\nstreamed";
      EXPECT_EQ(socket.write_some(boost::asio::buffer(bytes)), bytes.size());
      streams_.emplace_back(std::move(socket), std::move(slot));
    });
    router_.Add("GET", "/uncounted", [this](Request, Responder responder) {
      streams_.emplace_back(responder.TakeSocket(), ConnectionSlot());
      streams_.back().first.write_some(boost::asio::buffer("HTTP/1.1 200 OK\r\n\r\n", 19));
    });
    router_.Add("GET", "/end", [this](Request, Responder responder) {
      streams_.clear();
      responder.Respond(Json("{}"));
    });
  }

  boost::asio::io_context contexts_[2] = {boost::asio::io_context(1), boost::asio::io_context(1)};
  Router router_;
  std::unique_ptr<Listener> listener_;
  std::shared_ptr<std::optional<Responder>> waiting_;
  std::vector<std::pair<Socket, ConnectionSlot>> streams_;
  std::vector<std::thread> threads_;
};

Limits ShortDeadlines() {
  Limits limits;
  limits.header_deadline = limits.body_deadline = limits.idle_keepalive = milliseconds(100);
  limits.write_deadline = limits.linger_deadline = milliseconds(200);
  return limits;
}

std::string Get(absl::string_view target) { return absl::StrCat("GET ", target, " HTTP/1.1\r\nHost: h\r\n\r\n"); }

std::string Post(absl::string_view fields, absl::string_view body) {
  return absl::StrCat("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n", fields, "\r\n", body);
}

TEST(HttpFrontTest, AnswersAndKeepsTheConnection) {
  Server server;
  Client client(server.port());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(client.Send(Get(absl::StrCat("/echo?a=", i))));
    const auto answer = client.Read();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, absl::StrCat("GET /echo a=", i, " 0 -"));
    EXPECT_EQ(answer->headers.count("connection"), 0u);
    EXPECT_EQ(answer->headers.count("date"), 1u);
  }
  EXPECT_TRUE(server.WaitForConnections(1));
  client.Close();
  EXPECT_TRUE(server.WaitForConnections(0));
}

struct Case {
  std::string what;
  std::string bytes;
  int status;
};

std::vector<Case> RefusedRequests() {
  const std::string nul("\0", 1);
  return {
      // Request lines.
      {"no words", "\r\n\r\nx\r\n\r\n", 400},
      {"no version", "GET /echo\r\n\r\n", 400},
      {"HTTP/0.9", "GET /echo HTTP/0.9\r\nHost: h\r\n\r\n", 505},
      {"HTTP/1.2", "GET /echo HTTP/1.2\r\nHost: h\r\n\r\n", 505},
      {"HTTP/2.0", "GET /echo HTTP/2.0\r\nHost: h\r\n\r\n", 505},
      {"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"no protocol", "GET /echo SPDY/1.1\r\nHost: h\r\n\r\n", 400},
      {"lower case version", "GET /echo http/1.1\r\nHost: h\r\n\r\n", 400},
      {"two spaces", "GET  /echo HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"a space at the end", "GET /echo HTTP/1.1 \r\nHost: h\r\n\r\n", 400},
      {"a leading space", " GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"a tab", "GET\t/echo HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"a space in the target", "GET /ec ho HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"a method that is no token", "G(T /echo HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"an empty target", "GET  HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"a relative target", Get("echo"), 400},
      {"a star for GET", Get("*"), 400},
      {"a fragment", Get("/echo#x"), 400},
      {"a byte past ASCII", Get("/ech\xC3\xB6"), 400},
      {"a NUL in the target", "GET /ec" + nul + "ho HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"a bad escape", Get("/echo%4"), 400},
      {"a bad escape in the middle", Get("/echo%zz/x"), 400},
      {"an encoded slash", Get("/v1/jobs/a%2Fb"), 400},
      {"an encoded NUL", Get("/echo%00"), 400},
      {"CONNECT", "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", 501},
      {"a TLS greeting", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 \r\n\r\n", 16), 400},

      // Lines and fields.
      {"a bare LF", "GET /echo HTTP/1.1\nHost: h\n\n", 400},
      {"a bare LF after a field", "GET /echo HTTP/1.1\r\nHost: h\nX: y\r\n\r\n", 400},
      {"a bare CR", "GET /echo HTTP/1.1\r\nHost: h\rX: y\r\n\r\n", 400},
      {"two CR", "GET /echo HTTP/1.1\r\r\nHost: h\r\n\r\n", 400},
      {"a folded line", "GET /echo HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", 400},
      {"a folded first line", "GET /echo HTTP/1.1\r\n Host: h\r\n\r\n", 400},
      {"a field without colon", "GET /echo HTTP/1.1\r\nHost: h\r\nword\r\n\r\n", 400},
      {"a field without name", "GET /echo HTTP/1.1\r\nHost: h\r\n: x\r\n\r\n", 400},
      {"a space before the colon", "GET /echo HTTP/1.1\r\nHost : h\r\n\r\n", 400},
      {"a space in a name", "GET /echo HTTP/1.1\r\nHost: h\r\nX Y: z\r\n\r\n", 400},
      {"a NUL in a value", "GET /echo HTTP/1.1\r\nHost: h\r\nX: a" + nul + "b\r\n\r\n", 400},
      {"a NUL in a name", "GET /echo HTTP/1.1\r\nHost: h\r\nX" + nul + ": a\r\n\r\n", 400},
      {"an escape character", "GET /echo HTTP/1.1\r\nHost: h\r\nX: \x1b[2J\r\n\r\n", 400},
      {"a DEL", "GET /echo HTTP/1.1\r\nHost: h\r\nX: \x7f\r\n\r\n", 400},

      // Host.
      {"no Host", "GET /echo HTTP/1.1\r\n\r\n", 400},
      {"two Hosts", "GET /echo HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", 400},
      {"two Hosts of other case", "GET /echo HTTP/1.1\r\nHost: h\r\nhOST: g\r\n\r\n", 400},
      {"an empty Host", "GET /echo HTTP/1.1\r\nHost:\r\n\r\n", 400},
      {"a Host with a space", "GET /echo HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
      {"a Host with a user", "GET /echo HTTP/1.1\r\nHost: u@h\r\n\r\n", 400},
      {"a Host with a path", "GET /echo HTTP/1.1\r\nHost: h/x\r\n\r\n", 400},
      {"a list of Hosts", "GET /echo HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400},

      // Where a body ends.
      {"Content-Length and chunked", Post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
      {"chunked and Content-Length", Post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "0\r\n\r\n"), 400},
      {"two lengths", Post("Content-Length: 2\r\nContent-Length: 3\r\n", "{}"), 400},
      {"the same length twice", Post("Content-Length: 2\r\nContent-Length: 2\r\n", "{}"), 400},
      {"a list of lengths", Post("Content-Length: 2, 2\r\n", "{}"), 400},
      {"a signed length", Post("Content-Length: +2\r\n", "{}"), 400},
      {"a negative length", Post("Content-Length: -2\r\n", "{}"), 400},
      {"a hexadecimal length", Post("Content-Length: 0x2\r\n", "{}"), 400},
      {"an empty length", Post("Content-Length:\r\n", "{}"), 400},
      {"a length past 64 bits", Post("Content-Length: 18446744073709551618\r\n", "{}"), 400},
      {"gzip and a length", Post("Transfer-Encoding: gzip\r\nContent-Length: 2\r\n", "{}"), 400},
      {"gzip", Post("Transfer-Encoding: gzip\r\n", ""), 501},
      {"identity", Post("Transfer-Encoding: identity\r\n", ""), 501},
      {"chunked twice in a list", Post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), 501},
      {"chunked twice", Post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
      {"gzip, chunked", Post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501},
      {"chunked, identity", Post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"), 501},
      {"xchunked", Post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), 501},
      {"chunked with a vertical tab", Post("Transfer-Encoding: \x0b" "chunked\r\n", "0\r\n\r\n"), 400},
      {"quoted chunked", Post("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"), 501},
      {"an empty Transfer-Encoding", Post("Transfer-Encoding:\r\n", ""), 501},
      {"chunked on HTTP/1.0",
       "POST /echo HTTP/1.0\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"a chunk size that is none", Post("Transfer-Encoding: chunked\r\n", "x\r\n{}\r\n0\r\n\r\n"), 400},
      {"a chunk size with 0x", Post("Transfer-Encoding: chunked\r\n", "0x2\r\n{}\r\n0\r\n\r\n"), 400},
      {"a negative chunk size", Post("Transfer-Encoding: chunked\r\n", "-2\r\n{}\r\n0\r\n\r\n"), 400},
      {"a signed chunk size", Post("Transfer-Encoding: chunked\r\n", "+2\r\n{}\r\n0\r\n\r\n"), 400},
      {"a space before a chunk size", Post("Transfer-Encoding: chunked\r\n", " 2\r\n{}\r\n0\r\n\r\n"), 400},
      {"no chunk size", Post("Transfer-Encoding: chunked\r\n", "\r\n{}\r\n0\r\n\r\n"), 400},
      {"a chunk size past 64 bits", Post("Transfer-Encoding: chunked\r\n", "10000000000000002\r\n{}\r\n0\r\n\r\n"), 400},
      {"a chunk that is longer than it says", Post("Transfer-Encoding: chunked\r\n", "2\r\n{}}\r\n0\r\n\r\n"), 400},
      {"a chunk size ended by LF", Post("Transfer-Encoding: chunked\r\n", "2\n{}\r\n0\r\n\r\n"), 400},
      {"a chunk ended by LF", Post("Transfer-Encoding: chunked\r\n", "2\r\n{}\n0\r\n\r\n"), 400},
      {"a GET with a body", "GET /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}", 400},
      {"a GET with a chunked body", "GET /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"an expectation", Post("Content-Length: 2\r\nExpect: the unexpected\r\n", "{}"), 417},
  };
}

TEST(HttpFrontTest, RefusesEveryMalformedRequestAndCloses) {
  Server server;
  for (const Case& test : RefusedRequests()) {
    SCOPED_TRACE(test.what);
    Client client(server.port());
    // What follows must never be taken for a request.
    client.Send(test.bytes + Get("/echo"));
    const auto answer = client.Read();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, test.status) << answer->body;
    EXPECT_EQ(answer->headers.at("connection"), "close");
    EXPECT_EQ(answer->headers.at("content-type"), "application/problem+json");
    EXPECT_THAT(answer->body, HasSubstr(absl::StrCat("\"status\":", test.status)));
    EXPECT_TRUE(client.Closed());
  }
}

TEST(HttpFrontTest, RefusesMalformedRequestsThatArriveByteByByte) {
  Server server;
  for (const Case& test : RefusedRequests()) {
    SCOPED_TRACE(test.what);
    Client client(server.port());
    for (char byte : test.bytes) {
      if (!client.Send(absl::string_view(&byte, 1))) break;
    }
    client.EndOfSending();
    const auto answer = client.Read();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, test.status) << answer->body;
    EXPECT_TRUE(client.Closed());
  }
}

std::vector<Case> AcceptedRequests() {
  return {
      {"plain", Get("/echo"), 200},
      {"an absolute target", Get("http://example.org:80/echo?x"), 200},
      {"an encoded letter", Get("/ech%6F"), 200},
      {"a missing path", Get("/nothing"), 404},
      {"an escape in a query is the handler's", Get("/echo?a=%zz"), 200},
      {"an empty line before", "\r\n" + Get("/echo"), 200},
      {"a length of none", "GET /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", 200},
      {"a tab in a value", "GET /echo HTTP/1.1\r\nHost: h\r\nX: a\tb\r\n\r\n", 200},
      {"a byte past ASCII in a value", "GET /echo HTTP/1.1\r\nHost: h\r\nX: \xC3\xB6\r\n\r\n", 200},
      {"an IPv6 host", "GET /echo HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", 200},
      {"an unknown upgrade", "GET /echo HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 200},
      {"a body", Post("Content-Length: 2\r\n", "{}"), 200},
      {"chunks", Post("Transfer-Encoding: chunked\r\n", "1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"), 200},
      {"chunks with extensions", Post("Transfer-Encoding: Chunked\r\n", "2;a=b;c=\"d\"\r\n{}\r\n0;e\r\n\r\n"), 200},
      {"a chunk size with zeros", Post("Transfer-Encoding: chunked\r\n", "0002\r\n{}\r\n000\r\n\r\n"), 200},
      {"a trailer", Post("Transfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\nX-Word: late\r\n\r\n"), 200},
      {"a type with a charset",
       "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Type: Application/JSON; charset=UTF-8\r\nContent-Length: 2\r\n\r\n{}", 200},
      {"lines", "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-ndjson\r\nContent-Length: 2\r\n\r\n{}", 200},
      {"no body and no type", "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", 200},
      {"no length", "POST /echo HTTP/1.1\r\nHost: h\r\n\r\n", 200},
      {"a body without type", "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}", 415},
      {"a form", "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}", 415},
      {"a charset", "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Type: application/json;charset=latin1\r\nContent-Length: "
                    "2\r\n\r\n{}", 415},
      {"a packed body", Post("Content-Length: 2\r\nContent-Encoding: gzip\r\n", "{}"), 415},
      {"an unknown method", "BREW /echo HTTP/1.1\r\nHost: h\r\n\r\n", 501},
      {"a lower case method", "get /echo HTTP/1.1\r\nHost: h\r\n\r\n", 501},
      {"a method that is not possible", "DELETE /echo HTTP/1.1\r\nHost: h\r\n\r\n", 405},
      {"a POST where only GET is", "POST /big HTTP/1.1\r\nHost: h\r\n\r\n", 405},
      {"a dropped request", Get("/drop"), 500},
  };
}

TEST(HttpFrontTest, TakesWellFormedRequestsAndGoesOn) {
  Server server;
  for (const Case& test : AcceptedRequests()) {
    SCOPED_TRACE(test.what);
    Client client(server.port());
    ASSERT_TRUE(client.Send(test.bytes + Get("/echo?next")));
    const auto answer = client.Read();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, test.status) << answer->body;
    const auto next = client.Read();
    ASSERT_TRUE(next);
    EXPECT_EQ(next->body, "GET /echo next 0 -");
    EXPECT_TRUE(client.Silent());
  }
}

TEST(HttpFrontTest, TakesRequestsByteByByte) {
  Server server;
  for (const Case& test : AcceptedRequests()) {
    SCOPED_TRACE(test.what);
    Client client(server.port());
    for (char byte : test.bytes) ASSERT_TRUE(client.Send(absl::string_view(&byte, 1)));
    const auto answer = client.Read();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, test.status) << answer->body;
  }
}

TEST(HttpFrontTest, AFieldOfATrailerIsNoField) {
  Server server;
  Client client(server.port());
  client.Send(Post("Transfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\nX-Word: late\r\n\r\n"));
  EXPECT_EQ(client.Read()->body, "POST /echo  2 -");
  client.Send(Post("Content-Length: 2\r\nX-Word:  early \r\n", "{}"));
  EXPECT_EQ(client.Read()->body, "POST /echo  2 early");
}

TEST(HttpFrontTest, HeadHasTheHeaderOfGetAndNoBody) {
  Server server;
  Client client(server.port());
  client.Send("HEAD /echo HTTP/1.1\r\nHost: h\r\n\r\nHEAD /nothing HTTP/1.1\r\nHost: h\r\n\r\n" + Get("/echo"));
  const auto head = client.Read(/*head=*/true);
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 200);
  EXPECT_EQ(head->headers.at("content-length"), absl::StrCat(absl::string_view("HEAD /echo  0 -").size()));
  const auto missing = client.Read(/*head=*/true);
  ASSERT_TRUE(missing);
  EXPECT_EQ(missing->status, 404);
  EXPECT_EQ(client.Read()->body, "GET /echo  0 -");
}

TEST(HttpFrontTest, ARefusedHeadHasNoBodyEither) {
  Server server;
  Client client(server.port());
  client.Send("HEAD /echo HTTP/1.1\r\n\r\n");
  const auto answer = client.Read(/*head=*/true);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 400);
  EXPECT_TRUE(client.Closed());
}

TEST(HttpFrontTest, OptionsTellsWhatIsAllowed) {
  Server server;
  Client client(server.port());
  const auto options = [&](absl::string_view target) {
    client.Send(absl::StrCat("OPTIONS ", target, " HTTP/1.1\r\nHost: h\r\n\r\n"));
    return client.Read();
  };
  auto answer = options("/echo");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 204);
  EXPECT_EQ(answer->headers.at("allow"), "GET, HEAD, OPTIONS, POST");
  EXPECT_EQ(answer->headers.count("content-length"), 0u);
  EXPECT_EQ(options("/big")->headers.at("allow"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(options("*")->status, 204);
  EXPECT_EQ(options("/nothing")->status, 404);
}

TEST(HttpFrontTest, AnAnswerWithoutBodySaysNoLength) {
  Server server;
  Client client(server.port());
  client.Send(Get("/empty") + Get("/echo"));
  const auto answer = client.Read();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 204);
  EXPECT_EQ(answer->headers.count("content-length"), 0u);
  EXPECT_EQ(client.Read()->status, 200);
}

TEST(HttpFrontTest, PipelinedRequestsAreAnsweredInOrder) {
  Server server;
  Client client(server.port());
  std::string bytes;
  for (int i = 0; i < 500; ++i) {
    absl::StrAppend(&bytes, i % 3 == 0 ? Post(absl::StrCat("Content-Length: ", i, "\r\n"), std::string(i, ' '))
                                       : Get(absl::StrCat("/echo?", i)));
  }
  ASSERT_TRUE(client.Send(bytes));
  client.EndOfSending();
  for (int i = 0; i < 500; ++i) {
    const auto answer = client.Read();
    ASSERT_TRUE(answer) << i;
    EXPECT_EQ(answer->body, i % 3 == 0 ? absl::StrCat("POST /echo  ", i, " -") : absl::StrCat("GET /echo ", i, " 0 -"));
  }
  EXPECT_TRUE(client.Closed());
}

TEST(HttpFrontTest, Http10ClosesUnlessAskedToStay) {
  Server server;
  Client closing(server.port());
  closing.Send("GET /echo HTTP/1.0\r\n\r\n");
  EXPECT_EQ(closing.Read()->headers.at("connection"), "close");
  EXPECT_TRUE(closing.Closed());
  Client staying(server.port());
  for (int i = 0; i < 2; ++i) {
    staying.Send("GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(staying.Read()->headers.at("connection"), "keep-alive");
  }
  staying.Send("GET /echo HTTP/1.1\r\nHost: h\r\nConnection: foo, close\r\n\r\n" + Get("/echo"));
  EXPECT_EQ(staying.Read()->headers.at("connection"), "close");
  EXPECT_TRUE(staying.Closed());
}

TEST(HttpFrontTest, AnswersAClientThatEndedItsSending) {
  Server server;
  Client client(server.port());
  client.Send(Get("/echo"));
  client.EndOfSending();
  EXPECT_EQ(client.Read()->status, 200);
  EXPECT_TRUE(client.Closed());
}

// ---- limits, at each and one past it

TEST(HttpFrontTest, TheHeaderMayBeAsLongAsTheLimit) {
  Server server;
  const size_t limit = Limits().header_bytes;
  const auto with_length = [](size_t bytes) {
    const std::string begin = "GET /echo HTTP/1.1\r\nHost: h\r\nX: ";
    return begin + std::string(bytes - begin.size() - 4, 'x') + "\r\n\r\n";
  };
  Client client(server.port());
  client.Send(with_length(limit) + with_length(limit));
  EXPECT_EQ(client.Read()->status, 200);
  EXPECT_EQ(client.Read()->status, 200);
  client.Send(with_length(limit + 1));
  EXPECT_EQ(client.Read()->status, 431);
  EXPECT_TRUE(client.Closed());
  Client endless(server.port());
  endless.Send("GET /" + std::string(2 * limit, 'a'));
  EXPECT_EQ(endless.Read()->status, 431);
}

TEST(HttpFrontTest, TheHeaderMayHaveAsManyFieldsAsTheLimit) {
  Server server;
  const auto with_fields = [](size_t count) {
    std::string bytes = "GET /echo HTTP/1.1\r\nHost: h\r\n";
    for (size_t i = 1; i < count; ++i) bytes += "X: y\r\n";
    return bytes + "\r\n";
  };
  Client client(server.port());
  client.Send(with_fields(Limits().max_headers));
  EXPECT_EQ(client.Read()->status, 200);
  client.Send(with_fields(Limits().max_headers + 1));
  EXPECT_EQ(client.Read()->status, 431);
  EXPECT_TRUE(client.Closed());
}

TEST(HttpFrontTest, TheBodyMayBeAsLongAsTheLimit) {
  Server server;
  const size_t limit = Limits().body_bytes;
  Client client(server.port());
  client.Send(Post(absl::StrCat("Content-Length: ", limit, "\r\n"), std::string(limit, ' ')));
  EXPECT_EQ(client.Read()->body, absl::StrCat("POST /echo  ", limit, " -"));
  client.Send(Post(absl::StrCat("Content-Length: ", limit + 1, "\r\n"), ""));
  EXPECT_EQ(client.Read()->status, 413);
  EXPECT_TRUE(client.Closed());
}

TEST(HttpFrontTest, AChunkedBodyMayBeAsLongAsTheLimit) {
  Server server;
  const size_t half = Limits().body_bytes / 2;
  const std::string chunk = absl::StrCat(absl::Hex(half), "\r\n", std::string(half, ' '), "\r\n");
  Client client(server.port());
  client.Send(Post("Transfer-Encoding: chunked\r\n", chunk + chunk + "0\r\n\r\n"));
  EXPECT_EQ(client.Read()->body, absl::StrCat("POST /echo  ", 2 * half, " -"));
  client.Send(Post("Transfer-Encoding: chunked\r\n", chunk + chunk + "1\r\n \r\n0\r\n\r\n"));
  EXPECT_EQ(client.Read()->status, 413);
  EXPECT_TRUE(client.Closed());
}

TEST(HttpFrontTest, AnAnswerToABodyThatIsTooLongReachesAClientThatGoesOnSending) {
  Server server;
  Client client(server.port());
  client.Send(Post("Content-Length: 3000000\r\n", ""));
  client.Send(std::string(3'000'000, ' '));
  EXPECT_EQ(client.Read()->status, 413);
}

TEST(HttpFrontTest, ALineBetweenChunksHasALimit) {
  Server server;
  for (const std::string& body :
       {"2;" + std::string(20'000, 'x') + "\r\n{}\r\n0\r\n\r\n", "2\r\n{}\r\n0\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n"}) {
    Client client(server.port());
    client.Send(Post("Transfer-Encoding: chunked\r\n", body));
    const auto answer = client.Read();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 400) << answer->body;
    EXPECT_TRUE(client.Closed());
  }
}

TEST(HttpFrontTest, AllBodiesTogetherHaveALimit) {
  Limits limits;
  limits.total_body_bytes = 1000;
  Server server(limits);
  Client first(server.port());
  first.Send(Post("Content-Length: 1000\r\nExpect: 100-continue\r\n", ""));
  EXPECT_EQ(first.Read()->status, 100);  // its bytes are reserved now
  Client one_more(server.port());
  one_more.Send(Post("Content-Length: 1\r\n", " "));
  const auto refused = one_more.Read();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 503);
  EXPECT_EQ(refused->headers.count("retry-after"), 1u);
  first.Send(std::string(1000, ' '));
  EXPECT_EQ(first.Read()->status, 200);
  first.Send(Post("Transfer-Encoding: chunked\r\n", "3e8\r\n" + std::string(1000, ' ') + "\r\n0\r\n\r\n"));
  EXPECT_EQ(first.Read()->body, "POST /echo  1000 -");
  first.Send(Post("Transfer-Encoding: chunked\r\n", "3e9\r\n" + std::string(1001, ' ') + "\r\n0\r\n\r\n"));
  EXPECT_EQ(first.Read()->status, 503);
  Client second(server.port());
  second.Send(Post("Content-Length: 1000\r\n", std::string(1000, ' ')));
  EXPECT_EQ(second.Read()->status, 200);
}

TEST(HttpFrontTest, PastTheConnectionLimitStreamsAreSentAwayGentlyAndOthersRefused) {
  Limits limits;
  limits.connections = 2;
  limits.refusals = 2;
  Server server(limits);
  Client first(server.port()), second(server.port());
  for (Client* client : {&first, &second}) {
    client->Send(Get("/echo"));
    EXPECT_EQ(client->Read()->status, 200);
  }
  Client plain(server.port()), stream(server.port());
  plain.Send(Get("/echo"));
  auto answer = plain.Read();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 503);
  EXPECT_EQ(answer->headers.count("retry-after"), 1u);
  stream.Send("GET /stream HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n");
  answer = stream.Read();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->headers.at("content-type"), "text/event-stream");
  EXPECT_THAT(answer->body, testing::MatchesRegex("retry: [1-5][0-9][0-9][0-9]\n\nevent: goodbye\ndata: .*\"shed\".*\n\n"));

  // Those two still hold their places; one more is closed without a word.
  Client past(server.port());
  past.Send(Get("/echo"));
  EXPECT_TRUE(past.Closed());

  first.Close();
  plain.Close();
  stream.Close();
  ASSERT_TRUE(server.WaitForConnections(1));
  Client again(server.port());
  again.Send(Get("/echo"));
  EXPECT_EQ(again.Read()->status, 200);
}

TEST(HttpFrontTest, PastTheConnectionLimitEveryRouteOfAStreamIsKnown) {
  Limits limits;
  limits.connections = 1;
  limits.refusals = 1;
  Server server(limits);
  Client first(server.port());
  first.Send(Get("/echo"));
  EXPECT_EQ(first.Read()->status, 200);
  const std::pair<std::string, int> cases[] = {
      {"GET /v1/events?resources=job:1", 200},
      {"GET /v1/jobs/job:1/events", 200},
      {"POST /v1/events:watch", 200},
      {"GET /v1/jobs/job:1", 503},
      {"GET /v1/poll?resources=job:1", 503},
      {"POST /v1/events", 503},
      {"POST /v1/jobs/job:1:cancel", 503},
      {"GET /", 503},
  };
  for (const auto& [line, status] : cases) {
    ASSERT_TRUE(server.WaitForConnections(1));
    Client client(server.port());
    const bool post = line[0] == 'P';
    client.Send(line + " HTTP/1.1\r\nHost: h\r\n" +
                (post ? "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}" : "\r\n"));
    const auto answer = client.Read();
    ASSERT_TRUE(answer) << line;
    EXPECT_EQ(answer->status, status) << line;
    client.Close();
  }
}

// ---- deadlines

TEST(HttpFrontTest, ASlowHeaderIsAnswered408) {
  Server server(ShortDeadlines());
  Client client(server.port());
  client.Send("GET /echo HT");
  EXPECT_EQ(client.Read()->status, 408);
  EXPECT_TRUE(client.Closed());
}

TEST(HttpFrontTest, AHeaderThatTricklesInDoesNotPutOffItsDeadline) {
  Limits limits = ShortDeadlines();
  limits.header_bytes = 16 * 1024 * 1024;  // is not reached before the deadline
  Server server(limits);
  Client client(server.port());
  client.Send("GET /echo HTTP/1.1\r\nX: ");
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (client.Silent() && client.Send("x")) {
    ASSERT_LT(std::chrono::steady_clock::now(), until);
  }
  const auto answer = client.Read();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 408);
}

TEST(HttpFrontTest, ADeadlineCountsThatIsEarlierThanTheOneBeforeIt) {
  Limits limits;
  limits.header_deadline = milliseconds(60'000);
  limits.body_deadline = milliseconds(100);
  Server server(limits);
  Client client(server.port());
  client.Send(Post("Content-Length: 2\r\n", "{"));
  const auto late = client.Read();
  ASSERT_TRUE(late);
  EXPECT_EQ(late->status, 408);
}

TEST(HttpFrontTest, ASlowBodyIsAnswered408) {
  Server server(ShortDeadlines());
  Client client(server.port());
  client.Send(Post("Content-Length: 2\r\n", "{"));
  EXPECT_EQ(client.Read()->status, 408);
  EXPECT_TRUE(client.Closed());
}

TEST(HttpFrontTest, AnIdleConnectionIsClosedWithoutAWord) {
  Server server(ShortDeadlines());
  Client fresh(server.port());
  EXPECT_TRUE(fresh.Closed());
  Client used(server.port());
  used.Send(Get("/echo"));
  EXPECT_EQ(used.Read()->status, 200);
  EXPECT_TRUE(used.Closed());
  EXPECT_TRUE(server.WaitForConnections(0));
}

TEST(HttpFrontTest, AClientThatTakesNothingIsClosed) {
  Server server(ShortDeadlines());
  Client client(server.port());
  client.Send(Get("/big"));
  EXPECT_TRUE(server.WaitForConnections(0));
}

TEST(HttpFrontTest, ARefusedClientThatStaysIsClosed) {
  Server server(ShortDeadlines());
  Client client(server.port());
  client.Send("GET /echo HTTP/1.1\r\n\r\n");
  EXPECT_EQ(client.Read()->status, 400);
  EXPECT_TRUE(server.WaitForConnections(0));
}

// ---- Expect

TEST(HttpFrontTest, AnExpectationIsMetBeforeTheBody) {
  Server server;
  Client client(server.port());
  for (int i = 0; i < 2; ++i) {
    client.Send(Post("Content-Length: 2\r\nExpect: 100-continue\r\n", ""));
    const auto interim = client.Read();
    ASSERT_TRUE(interim);
    EXPECT_EQ(interim->status, 100);
    client.Send("{}");
    EXPECT_EQ(client.Read()->status, 200);
  }
  // The body is there already, or there is none: no need to say so.
  client.Send(Post("Content-Length: 2\r\nExpect: 100-Continue\r\n", "{}"));
  EXPECT_EQ(client.Read()->status, 200);
  client.Send("GET /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.Read()->status, 200);
  client.Send(Post("Content-Length: 9000000\r\nExpect: 100-continue\r\n", ""));
  EXPECT_EQ(client.Read()->status, 413);
}

// ---- handlers that answer later, and streams

TEST(HttpFrontTest, AHandlerMayAnswerLater) {
  Server server;
  Client client(server.port());
  client.Send(Get("/park") + Get("/echo"));
  Responder responder = server.parked.get_future().get();
  EXPECT_TRUE(client.Silent());
  // Dropped by a foreign thread: answered on the right one.
  { const Responder dropped = std::move(responder); }
  EXPECT_EQ(client.Read()->status, 500);
  EXPECT_EQ(client.Read()->status, 200);
}

TEST(HttpFrontTest, ALongWaitLearnsThatItsClientIsGone) {
  for (const bool reset : {false, true}) {
    Server server;
    Client client(server.port());
    client.Send(Get("/wait"));
    server.wait_began.get_future().get();
    if (reset) {
      client.Reset();
    } else {
      client.Close();
    }
    EXPECT_EQ(server.client_gone.get_future().wait_for(kPatience), std::future_status::ready);
    EXPECT_TRUE(server.WaitForConnections(0));
  }
}

TEST(HttpFrontTest, AWaitThatIsCutShortByAnEndOfSendingIsAnswered) {
  Server server;
  Client client(server.port());
  client.Send(Get("/wait"));
  client.EndOfSending();
  EXPECT_EQ(client.Read()->body, "\"gone\"");
  EXPECT_TRUE(client.Closed());
}

TEST(HttpFrontTest, AStreamTakesTheSocketAndStaysCounted) {
  Server server;
  Client stream(server.port());
  stream.Send(Get("/stream") + "what follows is thrown away");
  const auto answer = stream.Read();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_TRUE(server.WaitForConnections(1));
  // Goes to the other loop; the one after it to the stream's own, which ends it.
  Client other(server.port()), same(server.port());
  other.Send(Get("/echo"));
  EXPECT_EQ(other.Read()->status, 200);
  same.Send(Get("/end"));
  EXPECT_EQ(same.Read()->status, 200);
  EXPECT_EQ(stream.ReadToEnd(), "streamed");
  EXPECT_TRUE(server.WaitForConnections(2));
}

TEST(HttpFrontTest, AConnectionIsFreedWhenItsSocketIsTaken) {
  Server server;
  Client stream(server.port());
  stream.Send(Get("/uncounted"));
  EXPECT_EQ(stream.Read()->status, 200);
  // The slot that nobody took ends with the connection.
  EXPECT_TRUE(server.WaitForConnections(0));
  EXPECT_TRUE(stream.Silent());
}

TEST(HttpFrontTest, ClientsThatVanishAtAnyPointLeaveNothingBehind) {
  Server server;
  const std::string request = Post("Content-Length: 40\r\n", std::string(40, ' ')) + Get("/big") + Get("/drop");
  for (size_t cut = 0; cut <= request.size(); cut += 3) {
    Client client(server.port());
    client.Send(request.substr(0, cut));
    if (cut % 2 == 0) {
      client.Reset();
    } else {
      client.Close();
    }
  }
  EXPECT_TRUE(server.WaitForConnections(0));
  Client client(server.port());
  client.Send(Get("/echo"));
  EXPECT_EQ(client.Read()->status, 200);
}

// ---- listening

TEST(ListenerTest, ATakenPortIsNoticed) {
  Server server;
  boost::asio::io_context context;
  Router router;
  Listener second({{&context, &router}}, {});
  const absl::Status status = second.Open("127.0.0.1", server.port());
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(status.message()), HasSubstr(absl::StrCat("127.0.0.1:", server.port(), ": the port is taken")));
}

TEST(ListenerTest, SaysWhatIsWrongWithAnAddress) {
  boost::asio::io_context context;
  Router router;
  for (const char* bad : {"", "nowhere", "256.1.1.1", "127.0.0.1:80", "[::1", "1.2.3"}) {
    Listener listener({{&context, &router}}, {});
    const absl::Status status = listener.Open(bad, 0);
    EXPECT_EQ(status.code(), bad == std::string("[::1") ? absl::StatusCode::kOk : absl::StatusCode::kInvalidArgument) << bad;
  }
  Listener foreign({{&context, &router}}, {});
  EXPECT_EQ(foreign.Open("192.0.2.1", 0).code(), absl::StatusCode::kUnavailable);
}

TEST(ListenerTest, ListensOnIpv6AndByName) {
  boost::asio::io_context context;
  Router router;
  Listener six({{&context, &router}}, {});
  if (six.Open("[::1]", 0).ok()) {
    EXPECT_EQ(six.address(), absl::StrCat("[::1]:", six.port()));
  }
  Listener name({{&context, &router}}, {});
  ASSERT_TRUE(name.Open("localhost", 0).ok());
  EXPECT_EQ(name.address(), absl::StrCat("127.0.0.1:", name.port()));
}

TEST(ListenerTest, StopClosesThePortAndLetsOpenConnectionsFinish) {
  Server server;
  Client open(server.port());
  open.Send(Get("/echo"));
  EXPECT_EQ(open.Read()->status, 200);
  server.listener().Stop();
  // The loop closes the port in its own time.
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (Client(server.port()).connected()) {
    ASSERT_LT(std::chrono::steady_clock::now(), until);
  }
  open.Send(Get("/echo"));
  const auto last = open.Read();
  ASSERT_TRUE(last);
  EXPECT_EQ(last->status, 200);
  EXPECT_EQ(last->headers.at("connection"), "close");
  EXPECT_TRUE(open.Closed());
}

TEST(ListenerTest, OutOfDescriptorsClientsWaitAndAreServedLater) {
  Server server;
  Client before(server.port());
  before.Send(Get("/echo"));
  EXPECT_EQ(before.Read()->status, 200);
  Client waiting(server.port()), more(server.port());  // accepted or not yet
  for (Client* client : {&waiting, &more}) {
    client->Send(Get("/echo"));
    EXPECT_EQ(client->Read()->status, 200);
  }
  // UBSan opens a pipe when it first checks the type of an object, here those of logging: not without descriptors.
  spdlog::warn("the next warning is wanted: {}", std::string("out of descriptors"));
  const int next = dup(0);
  close(next);
  rlimit old{};
  getrlimit(RLIMIT_NOFILE, &old);
  // Room for the client's own descriptor, and none for the server's.
  rlimit low = old;
  low.rlim_cur = static_cast<rlim_t>(next) + 1;
  setrlimit(RLIMIT_NOFILE, &low);
  Client late(server.port());
  EXPECT_TRUE(late.connected());  // by the kernel
  late.Send(Get("/echo"));
  before.Send(Get("/echo"));
  EXPECT_EQ(before.Read()->status, 200);  // the loop still turns
  EXPECT_TRUE(late.Silent());
  setrlimit(RLIMIT_NOFILE, &old);
  EXPECT_EQ(late.Read()->status, 200);
}

}  // namespace
}  // namespace milepost::edge::http
