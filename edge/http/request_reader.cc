#include "edge/http/request_reader.h"

#include <algorithm>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cassert>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "edge/http/head_check.h"

namespace milepost::edge::http {
namespace {

namespace beast = boost::beast;

Response Refusal(unsigned status, absl::string_view detail) { return Problem(status, ReasonPhrase(status), detail); }

absl::string_view View(beast::string_view text) { return {text.data(), text.size()}; }

// Why Beast refused, as an answer.
Response FromError(beast::error_code error, const Limits& limits) {
  using Code = beast::http::error;
  if (error == Code::body_limit) {
    return Refusal(413, absl::StrCat("body: longer than ", limits.body_bytes, " bytes: send several requests"));
  }
  if (error == Code::header_limit) {
    return Refusal(431, absl::StrCat("header: longer than ", limits.header_bytes, " bytes: send fewer fields"));
  }
  return Refusal(400, absl::StrCat("this is no HTTP request: ", error.message()));
}

}  // namespace

struct RequestReader::Parser {
  beast::http::request_parser<beast::http::string_body> beast;
};

RequestReader::RequestReader(const Limits& limits, BodyBudget& budget, std::string remote)
    : limits_(limits), budget_(budget), remote_(std::move(remote)) {}

RequestReader::~RequestReader() { ReleaseBody(); }

RequestReader::Space RequestReader::Prepare() {
  if (!buffer_) buffer_ = std::make_unique_for_overwrite<char[]>(limits_.header_bytes);
  if (begin_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  assert(end_ < limits_.header_bytes);
  return {buffer_.get() + end_, limits_.header_bytes - end_};
}

RequestReader::Next RequestReader::Commit(size_t bytes) {
  end_ += bytes;
  return Proceed();
}

RequestReader::Next RequestReader::NextRequest() {
  ReleaseBody();
  request_ = Request();
  head_only_ = false;
  const Next next = Proceed();
  if (next == Next::kRead && begin_ == end_) {
    buffer_.reset();  // a connection that waits for its next request costs no buffer
    begin_ = end_ = 0;
  }
  return next;
}

Request RequestReader::TakeRequest() { return std::exchange(request_, Request{.http10 = request_.http10}); }

RequestReader::Phase RequestReader::phase() const {
  if (parser_) return Phase::kBody;
  return begin_ == end_ ? Phase::kIdle : Phase::kHead;
}

RequestReader::Next RequestReader::Proceed() { return parser_ ? ReadBody() : ReadHead(); }

// A few old clients end a body with an empty line that belongs to nothing (RFC 9112, 2.2).
void RequestReader::SkipEmptyLines() {
  while (scanned_ <= 1 && end_ - begin_ >= 2 && buffer_[begin_] == '\r' && buffer_[begin_ + 1] == '\n') {
    begin_ += 2;
    scanned_ = 0;
  }
}

RequestReader::Next RequestReader::ReadHead() {
  SkipEmptyLines();
  const absl::string_view text(buffer_.get() + begin_, end_ - begin_);
  for (; scanned_ < text.size(); ++scanned_) {
    const char c = text[scanned_];
    const char before = scanned_ > 0 ? text[scanned_ - 1] : '\0';
    // A CR and a LF only stand together: others take one alone for the end of a line.
    if ((c == '\n') != (before == '\r')) {
      return Refuse(Refusal(400, "header: a line does not end in CR LF: send both"));
    }
    if (c == '\n' && scanned_ >= 3 && text.substr(scanned_ - 3, 4) == "\r\n\r\n") return ParseHead(scanned_ + 1);
  }
  if (text.size() < limits_.header_bytes) return Next::kRead;
  return Refuse(Refusal(431, absl::StrCat("header: longer than ", limits_.header_bytes,
                                          " bytes: send fewer fields, and long lists by POST /v1/events:watch")));
}

RequestReader::Next RequestReader::ParseHead(size_t head_bytes) {
  const absl::string_view head(buffer_.get() + begin_, head_bytes);
  head_only_ = absl::StartsWith(head, "HEAD ");
  if (auto refusal = RefuseHeadBytes(head, limits_.max_headers)) return Refuse(*std::move(refusal));

  parser_ = std::make_unique<Parser>();
  auto& beast_parser = parser_->beast;
  beast_parser.header_limit(static_cast<uint32_t>(limits_.header_bytes) + 1);  // counted here
  beast_parser.body_limit(limits_.body_bytes);
  beast::error_code error;
  const size_t used = beast_parser.put(boost::asio::buffer(head.data(), head.size()), error);
  if (!error && (used != head_bytes || !beast_parser.is_header_done())) error = beast::http::error::bad_line_ending;
  if (error == beast::http::error::bad_version) return Refuse(RefuseVersion(head));
  if (error) return Refuse(FromError(error, limits_));
  begin_ += head_bytes;
  scanned_ = 0;

  const auto& message = beast_parser.get();
  request_.method = std::string(View(message.method_string()));
  request_.target = std::string(View(message.target()));
  request_.http10 = message.version() == 10;
  request_.remote = remote_;
  for (const auto& field : message) {
    request_.headers.emplace_back(View(field.name_string()), View(field.value()));
  }
  if (auto refusal = RefuseFields(request_)) return Refuse(*std::move(refusal));
  if (auto refusal = SplitTarget(&request_)) return Refuse(*std::move(refusal));
  keep_alive_ = beast_parser.keep_alive();
  return StartBody();
}

RequestReader::Next RequestReader::StartBody() {
  const auto& beast_parser = parser_->beast;
  const uint64_t length = beast_parser.content_length().value_or(0);
  const bool has_body = beast_parser.chunked() || length > 0;
  if (has_body && (request_.method == "GET" || request_.method == "HEAD")) {
    return Refuse(Refusal(400, absl::StrCat("body: ", request_.method, " has none: leave it out")));
  }
  if (!Reserve(length)) return Next::kRefuse;
  const Next next = ReadBody();
  const bool waits = next == Next::kRead && begin_ == end_ && !request_.http10 && request_.Header("Expect");
  return waits ? Next::kContinue : next;
}

RequestReader::Next RequestReader::ReadBody() {
  auto& beast_parser = parser_->beast;
  while (!beast_parser.is_done() && begin_ < end_) {
    beast::error_code error;
    const size_t used = beast_parser.put(boost::asio::buffer(buffer_.get() + begin_, end_ - begin_), error);
    begin_ += used;
    if (error == beast::http::error::need_more || (!error && used == 0)) break;
    if (error) return Refuse(FromError(error, limits_));
  }
  const size_t size = beast_parser.get().body().size();
  if (size > reserved_ && !Reserve(size - reserved_)) return Next::kRefuse;
  if (!beast_parser.is_done()) {
    // What is left now is the beginning of a line between chunks.
    if (end_ - begin_ < limits_.header_bytes) return Next::kRead;
    return Refuse(Refusal(400, "body: a line between chunks is too long: send no extensions and no trailer"));
  }
  request_.body = std::move(beast_parser.get().body());
  parser_.reset();
  return Next::kRequest;
}

RequestReader::Next RequestReader::Refuse(Response refusal) {
  keep_alive_ = false;
  refusal_ = std::move(refusal);
  return Next::kRefuse;
}

bool RequestReader::Reserve(size_t bytes) {
  if (!budget_.Take(bytes)) {
    Refuse(Refusal(503, "body: too many requests with bodies at once: try again later"));
    return false;
  }
  reserved_ += bytes;
  return true;
}

void RequestReader::ReleaseBody() { budget_.GiveBack(std::exchange(reserved_, 0)); }

}  // namespace milepost::edge::http
