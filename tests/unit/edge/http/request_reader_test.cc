// From bytes to requests, without sockets: the same requests come out however the bytes are cut.
#include "edge/http/request_reader.h"

#include <cstring>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace milepost::edge::http {
namespace {

using Next = RequestReader::Next;
using ::testing::ElementsAre;

// What a reader makes of bytes, as one word each.
class Transcript {
 public:
  explicit Transcript(const Limits& limits = {}) : limits_(limits), budget_(limits.total_body_bytes) {}

  // Feeds the pieces to a new reader.
  std::vector<std::string> Of(const std::vector<std::string>& pieces) {
    RequestReader reader(limits_, budget_, "1.2.3.4:5");
    std::vector<std::string> words;
    for (const std::string& piece : pieces) {
      size_t used = 0;
      while (used < piece.size()) {
        const RequestReader::Space space = reader.Prepare();
        const size_t bytes = std::min(space.size, piece.size() - used);
        std::memcpy(space.data, piece.data() + used, bytes);
        used += bytes;
        if (!Follow(reader, reader.Commit(bytes), &words)) return words;
      }
    }
    words.push_back(reader.phase() == RequestReader::Phase::kIdle   ? "idle"
                    : reader.phase() == RequestReader::Phase::kHead ? "head"
                                                                    : "body");
    return words;
  }

  // True if the whole budget is there again.
  bool BudgetIsWhole() {
    const bool whole = budget_.Take(limits_.total_body_bytes);
    if (whole) budget_.GiveBack(limits_.total_body_bytes);
    return whole;
  }

 private:
  static bool Follow(RequestReader& reader, Next next, std::vector<std::string>* words) {
    while (next != Next::kRead) {
      if (next == Next::kRefuse) {
        words->push_back(absl::StrCat(reader.refusal().status));
        return false;
      }
      if (next == Next::kContinue) {
        words->push_back("continue");
        return true;
      }
      const bool keep_alive = reader.keep_alive();
      const Request request = reader.TakeRequest();
      words->push_back(absl::StrCat(request.method, " ", request.path, "?", request.query, " ", request.body,
                                    keep_alive ? "" : " last"));
      next = reader.NextRequest();
    }
    return true;
  }

  const Limits limits_;
  BodyBudget budget_;
};

const char kTwo[] =
    "\r\nPOST /a%20b?q%20 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    "2;x=y\r\nab\r\n1\r\nc\r\n0\r\nT: t\r\n\r\n"
    "GET /c HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

TEST(RequestReaderTest, EveryCutIntoTwoGivesTheSameRequests) {
  const std::string bytes = kTwo;
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    EXPECT_THAT(Transcript().Of({bytes.substr(0, cut), bytes.substr(cut)}),
                ElementsAre("POST /a b?q%20 abc", "GET /c?  last", "idle"))
        << cut;
  }
}

TEST(RequestReaderTest, SingleBytesGiveTheSameRequests) {
  std::vector<std::string> pieces;
  for (char c : std::string(kTwo)) pieces.emplace_back(1, c);
  EXPECT_THAT(Transcript().Of(pieces), ElementsAre("POST /a b?q%20 abc", "GET /c?  last", "idle"));
}

TEST(RequestReaderTest, EveryBeginningOfARequestWaitsForMore) {
  const std::string bytes = kTwo;
  const size_t head = bytes.find("2;x=y"), end = bytes.find("GET /c");
  for (size_t length = 1; length < end; ++length) {
    const auto words = Transcript().Of({bytes.substr(0, length)});
    EXPECT_THAT(words, ElementsAre(length >= head ? "body" : length == 2 ? "idle" : "head")) << length;
  }
}

TEST(RequestReaderTest, ARefusalComesAtTheFirstByteThatProvesIt) {
  // Not at a deadline: the reader of such a request would wait for an end that never comes.
  EXPECT_THAT(Transcript().Of({"GET / HTTP/1.1\n"}), ElementsAre("400"));
  EXPECT_THAT(Transcript().Of({"GET / HTTP/1.1\rH"}), ElementsAre("400"));
  EXPECT_THAT(Transcript().Of({"\n"}), ElementsAre("400"));
  EXPECT_THAT(Transcript().Of({std::string(Limits().header_bytes, 'x')}), ElementsAre("431"));
}

TEST(RequestReaderTest, TheTargetMayBeAbsolute) {
  const auto target = [](const std::string& text) {
    return Transcript().Of({"GET " + text + " HTTP/1.1\r\nHost: h\r\n\r\n"})[0];
  };
  EXPECT_EQ(target("http://h"), "GET /? ");
  EXPECT_EQ(target("HTTPS://h:1/a?b?c"), "GET /a?b?c ");
  EXPECT_EQ(target("http://h?b"), "GET /?b ");
  EXPECT_EQ(target("ftp://h/a"), "400");
  EXPECT_EQ(target("h:80"), "400");
}

TEST(RequestReaderTest, APathIsDecodedOnce) {
  const auto path = [](const std::string& text) {
    return Transcript().Of({"GET " + text + " HTTP/1.1\r\nHost: h\r\n\r\n"})[0];
  };
  EXPECT_EQ(path("/v1/jobs/job%3A42"), "GET /v1/jobs/job:42? ");
  EXPECT_EQ(path("/%2541+%3F"), "GET /%41+?? ");
  for (const char* bad : {"/%", "/%4", "/%zz", "/%2f", "/%2F", "/%00", "/%0d%0a", "/%7f", "/a#b", "x", "*"}) {
    EXPECT_EQ(path(bad), "400") << bad;
  }
}

TEST(RequestReaderTest, OnlyABodyThatIsNotThereYetIsAskedFor) {
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n";
  EXPECT_THAT(Transcript().Of({head, "x"}), ElementsAre("continue", "POST /? x", "idle"));
  EXPECT_THAT(Transcript().Of({head + "x"}), ElementsAre("POST /? x", "idle"));
  EXPECT_THAT(Transcript().Of({"POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n"}), ElementsAre("body"));
}

TEST(RequestReaderTest, BodiesGiveTheirBudgetBackHoweverTheyEnd) {
  Limits limits;
  limits.total_body_bytes = 10;
  Transcript transcript(limits);
  const std::string ten = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n";
  EXPECT_THAT(transcript.Of({ten + "0123456789" + ten + "01234"}), ElementsAre("POST /? 0123456789", "body"));
  EXPECT_TRUE(transcript.BudgetIsWhole());
  EXPECT_THAT(transcript.Of({"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n"}), ElementsAre("503"));
  EXPECT_TRUE(transcript.BudgetIsWhole());
  const std::string chunked = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_THAT(transcript.Of({chunked + "a\r\n0123456789\r\n", "1\r\nx\r\n"}), ElementsAre("503"));
  EXPECT_THAT(transcript.Of({chunked + "a\r\n0123456789\r\nzz\r\n"}), ElementsAre("400"));
  EXPECT_TRUE(transcript.BudgetIsWhole());
}

}  // namespace
}  // namespace milepost::edge::http
