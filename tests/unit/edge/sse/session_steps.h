// Sessions step by step, over a trunk that is open at position 10.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "edge/sse/session.h"
#include "proto/contract/cursor.h"
#include "tests/support/stream_decoder.h"

namespace milepost::edge::sse {

inline constexpr char kEpoch[] = "abcd1234";

// A session whose socket takes everything, over a trunk that is open at position 10.
class SessionStepsTest : public ::testing::Test {
 protected:
  SessionStepsTest() : table_(feed::FeedTableOptions{}) {
    table_.OpenTrunk(10);
    table_.OnOpened({kEpoch, 10});
  }
  ~SessionStepsTest() override {
    if (session_ != nullptr) table_.Leave(*session_, 0);
  }

  void Start(StreamRequest request, std::string follow_job = "", bool answer = true) {
    SessionOptions options;
    options.retry_ms = 777;
    following_ = !follow_job.empty() && answer;
    options.follow_job = std::move(follow_job);
    session_ = std::make_unique<Session>(std::move(request), options, table_, [](bool) {});
    session_->Start();
    if (const auto update = table_.NextUpdate(100)) table_.OnApplied(update->revision, 11);
    Drain();
  }

  static StreamRequest Tail(const std::string& resource) {
    StreamRequest request;
    request.resources = {resource};
    request.snapshot = false;
    return request;
  }

  feed::FramePtr Event(uint64_t seq, const std::function<void(v1::ProgressEvent&)>& fill) {
    v1::ProgressEvent event;
    event.set_job("job:1");
    event.set_seq(seq);
    fill(event);
    return std::make_shared<const feed::Frame>(event, kEpoch);
  }
  feed::FramePtr Notice(uint64_t seq) {
    return Event(seq, [](v1::ProgressEvent& event) { event.mutable_notice()->set_text("n"); });
  }
  feed::FramePtr Progress(uint64_t seq, const std::string& step) {
    return Event(seq, [&](v1::ProgressEvent& event) { event.mutable_progress()->set_step(step); });
  }

  void Deliver(std::vector<feed::FramePtr> frames) {
    const uint64_t through = frames.back()->seq();
    table_.OnEvents(frames, {kEpoch, through});
  }

  // Lets the session write until it has nothing to say; the last step.
  Session::Step Drain(size_t budget = SIZE_MAX) {
    std::vector<Piece> pieces;
    while (session_->Next() == Session::Step::kWrite || AnswerStanding()) {
      if (session_->Next() != Session::Step::kWrite) continue;
      session_->Gather(pieces);
      std::string bytes;
      for (const Piece& piece : pieces) bytes.append(piece.bytes.data(), piece.bytes.size());
      const size_t sent = std::min(budget, bytes.size());
      budget -= sent;
      session_->Sent(pieces, sent, sent < bytes.size());
      decoder_.Feed(absl::string_view(bytes).substr(0, sent));
      ++writes_;
      if (sent < bytes.size()) return Session::Step::kWrite;
    }
    EXPECT_EQ(decoder_.error(), "");
    return session_->Next();
  }

  // A followed stream asks where its job stands; `standing_` is the answer.
  bool AnswerStanding() {
    if (!following_ || session_->Next() != Session::Step::kRead) return false;
    uint64_t ticket = 0;
    const feed::ReadSpec spec = session_->NextRead(ticket);
    EXPECT_TRUE(spec.snapshot && spec.after.empty());
    EXPECT_THAT(spec.resources, testing::ElementsAre("job:1"));
    auto page = std::make_shared<feed::Page>();
    page->position = *table_.position();
    page->snapshots = {Snapshot("job:1", 2)};
    page->snapshots[0].own = standing_;
    session_->OnPage(ticket, feed::PagePtr(std::move(page)));
    return true;
  }

  // A snapshot whose data has so many bytes, at least 2.
  static feed::SnapshotFrame Snapshot(const std::string& resource, size_t bytes) {
    return {resource, std::make_shared<const std::string>("{" + std::string(bytes - 2, ' ') + "}")};
  }

  // Answers the read that the session wants with these snapshots; what was asked for.
  feed::ReadSpec AnswerSnapshots(uint64_t position, std::vector<feed::SnapshotFrame> snapshots) {
    EXPECT_EQ(session_->Next(), Session::Step::kRead);
    uint64_t ticket = 0;
    const feed::ReadSpec spec = session_->NextRead(ticket);
    EXPECT_TRUE(spec.snapshot);
    auto page = std::make_shared<feed::Page>();
    page->position = {kEpoch, position};
    page->snapshots = std::move(snapshots);
    session_->OnPage(ticket, feed::PagePtr(std::move(page)));
    return spec;
  }

  std::vector<std::string> Events() {
    std::vector<std::string> names;
    for (const test::SseFrame& frame : std::exchange(decoder_.frames(), {})) names.push_back(frame.event);
    return names;
  }

  feed::FeedTable table_;
  std::unique_ptr<Session> session_;
  test::StreamDecoder decoder_;
  int writes_ = 0;
  bool following_ = false;
  feed::JobStanding standing_;
};

}  // namespace milepost::edge::sse
