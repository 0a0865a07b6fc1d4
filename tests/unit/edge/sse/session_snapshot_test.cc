// Snapshots of a session: their order, and what a slow reader costs.
#include "tests/unit/edge/sse/session_steps.h"

namespace milepost::edge::sse {
namespace {

using ::testing::ElementsAre;

using SessionSnapshotTest = SessionStepsTest;

TEST_F(SessionSnapshotTest, SnapshotsComeInOrderAndOnlyTheLastHasTheId) {
  for (const bool names : {true, false}) {
    decoder_ = test::StreamDecoder();
    if (session_ != nullptr) table_.Leave(*session_, 0);
    StreamRequest request;
    request.resources = {"job:1", "user:2", "job:3"};
    request.names = names;
    Start(request);
    const auto spec = AnswerSnapshots(12, {Snapshot("job:1", 5), Snapshot("user:2", 300'000), Snapshot("job:3", 2)});
    EXPECT_EQ(spec.resources, request.resources);
    Drain();
    const auto& frames = decoder_.frames();
    ASSERT_EQ(frames.size(), 4u);
    std::vector<size_t> sizes;
    for (size_t i = 1; i < 4; ++i) {
      sizes.push_back(frames[i].data.size());
      EXPECT_EQ(frames[i].own_id, i == 3) << i;
      EXPECT_EQ(frames[i].event, names ? "snapshot" : "");
    }
    EXPECT_THAT(sizes, ElementsAre(5u, 300'000u, 2u));
    EXPECT_EQ(frames[3].id, "abcd1234-12");
  }
}

TEST_F(SessionSnapshotTest, ASlowReaderKeepsAFewSnapshotsAndGetsTheRestAsTheyAreLater) {
  StreamRequest request;
  for (int i = 0; i < 100; ++i) request.resources.push_back("job:" + std::to_string(i));
  Start(request);
  std::vector<std::weak_ptr<const std::string>> alive;
  std::vector<feed::SnapshotFrame> snapshots;
  for (const std::string& name : request.resources) {
    snapshots.push_back(Snapshot(name, 256 << 10));
    alive.push_back(snapshots.back().json);
  }
  AnswerSnapshots(10, std::move(snapshots));
  EXPECT_EQ(Drain(1000), Session::Step::kWrite) << "the socket is full";
  const size_t kept = std::count_if(alive.begin(), alive.end(), [](const auto& json) { return !json.expired(); });
  EXPECT_LE(kept, kMaxWaitingSnapshots / (256 << 10) + 1);
  session_->Heartbeat(absl::UnixEpoch());
  EXPECT_EQ(Drain(), Session::Step::kRead);
  Deliver({Notice(11)});
  const size_t first = kept;
  for (size_t begin = first; begin < 100;) {
    std::vector<feed::SnapshotFrame> rest;
    const size_t end = std::min<size_t>(begin + kFewSnapshots, 100);
    for (size_t i = begin; i < end; ++i) rest.push_back(Snapshot(request.resources[i], 2));
    const auto spec = AnswerSnapshots(15, std::move(rest));
    EXPECT_EQ(spec.resources, std::vector<std::string>(request.resources.begin() + begin, request.resources.begin() + end));
    EXPECT_EQ(spec.at_least, 10u);
    Drain();
    begin = end;
  }
  // The id is where the first were taken: events follow from there.
  std::vector<std::string> ids;
  size_t count = 0;
  for (const test::SseFrame& frame : decoder_.frames()) {
    count += frame.event == "snapshot";
    if (frame.own_id) ids.push_back(frame.event + " " + frame.id);
  }
  EXPECT_EQ(count, 100u);
  EXPECT_THAT(ids, ElementsAre("snapshot abcd1234-10", "notice abcd1234-11"));
}

TEST_F(SessionSnapshotTest, WhoWasSlowInTheMiddleOfASnapshotGetsItAgainWhole) {
  StreamRequest request;
  request.resources = {"job:1", "job:2"};
  Start(request);
  std::vector<feed::SnapshotFrame> snapshots;
  for (const char* name : {"job:1", "job:1", "job:1", "job:1", "job:1", "job:1", "job:1", "job:2", "job:2"}) {
    snapshots.push_back(Snapshot(name, 256 << 10));
  }
  AnswerSnapshots(10, std::move(snapshots));
  EXPECT_EQ(Drain(1000), Session::Step::kWrite) << "the socket is full";
  EXPECT_EQ(Drain(), Session::Step::kRead);
  const auto spec = AnswerSnapshots(10, {Snapshot("job:1", 2), Snapshot("job:2", 2)});
  EXPECT_THAT(spec.resources, ElementsAre("job:1", "job:2"));
}

TEST_F(SessionSnapshotTest, FreshOnesAtTheEndOfTheLogArePlacedWhereTheirSnapshotsWere) {
  StreamRequest request;
  request.resources = {"job:1", "job:2"};
  request.cursor = "latest";
  request.fresh = {"job:2"};
  Start(request);
  const auto spec = AnswerSnapshots(12, {Snapshot("job:2", 2)});
  EXPECT_THAT(spec.resources, ElementsAre("job:2"));
  Deliver({Notice(11), Notice(12), Notice(13)});
  Drain();
  std::vector<std::string> ids;
  for (const test::SseFrame& frame : decoder_.frames()) {
    if (frame.own_id) ids.push_back(frame.event + " " + frame.id);
  }
  EXPECT_THAT(ids, ElementsAre("snapshot abcd1234-12", "notice abcd1234-13"));
}

TEST_F(SessionSnapshotTest, FreshSnapshotsThatCameLaterAreNotOlderThanTheFirst) {
  StreamRequest request;
  request.resources = {"job:1", "job:2", "job:3"};
  request.fresh = {"job:2", "job:3"};
  request.cursor = "abcd1234-5";
  Start(request);
  AnswerSnapshots(10, {Snapshot("job:2", 2 << 20), Snapshot("job:3", 2)});
  uint64_t ticket = 0;
  ASSERT_EQ(session_->Next(), Session::Step::kRead);
  EXPECT_EQ(session_->NextRead(ticket).after, "abcd1234-5");
  auto page = std::make_shared<feed::Page>();
  page->position = {kEpoch, 6};
  page->frames = {Notice(6)};
  page->more = true;
  session_->OnPage(ticket, feed::PagePtr(std::move(page)));
  EXPECT_EQ(Drain(1000), Session::Step::kWrite) << "the socket is full";
  EXPECT_EQ(Drain(), Session::Step::kRead);
  // Events of job:3 are not sent before 10: a snapshot from before would leave a gap.
  const auto spec = AnswerSnapshots(12, {Snapshot("job:3", 2)});
  EXPECT_THAT(spec.resources, ElementsAre("job:3"));
  EXPECT_EQ(spec.at_least, 10u);
}

TEST_F(SessionSnapshotTest, SnapshotsTooLargeForOneAnswerAreReadInParts) {
  StreamRequest request;
  for (size_t i = 0; i < kFewSnapshots + 1; ++i) request.resources.push_back("job:" + std::to_string(i));
  Start(request);
  uint64_t ticket = 0;
  ASSERT_EQ(session_->Next(), Session::Step::kRead);
  session_->NextRead(ticket);
  session_->OnPage(ticket, absl::ResourceExhaustedError("larger than max"));
  session_->RetryRead();
  std::vector<feed::SnapshotFrame> snapshots;
  for (size_t i = 0; i < kFewSnapshots; ++i) snapshots.push_back(Snapshot(request.resources[i], 2));
  EXPECT_EQ(AnswerSnapshots(10, std::move(snapshots)).resources.size(), kFewSnapshots);
  EXPECT_EQ(Drain(), Session::Step::kRead);
  EXPECT_THAT(AnswerSnapshots(10, {Snapshot(request.resources.back(), 2)}).resources, ElementsAre(request.resources.back()));
  Drain();
  EXPECT_EQ(decoder_.frames().size(), kFewSnapshots + 2);
  EXPECT_EQ(decoder_.frames().back().id, "abcd1234-10");
}

TEST_F(SessionSnapshotTest, AResetWithTooManySnapshotsIsFoundOutByASmallerRead) {
  StreamRequest request;
  for (size_t i = 0; i < kFewSnapshots + 1; ++i) request.resources.push_back("job:" + std::to_string(i));
  request.cursor = "zzzz9999-5";
  Start(request);
  const auto too_large = [&] {
    uint64_t ticket = 0;
    ASSERT_EQ(session_->Next(), Session::Step::kRead);
    EXPECT_EQ(session_->NextRead(ticket).resources.size(), kFewSnapshots + 1);
    session_->OnPage(ticket, absl::ResourceExhaustedError("larger than max"));
    EXPECT_EQ(session_->Next(), Session::Step::kIdle) << "not again at once";
    session_->RetryRead();
  };
  const auto answer = [&](bool reset) {
    uint64_t ticket = 0;
    ASSERT_EQ(session_->Next(), Session::Step::kRead);
    const auto spec = session_->NextRead(ticket);
    EXPECT_EQ(spec.after, "zzzz9999-5");
    EXPECT_EQ(spec.resources.size(), kFewSnapshots);
    auto page = std::make_shared<feed::Page>();
    page->position = {kEpoch, 10};
    if (reset) {
      page->reset.emplace();
      page->reset->set_reason(v1::Reset::EPOCH);
      for (const std::string& name : spec.resources) page->snapshots.push_back(Snapshot(name, 2));
    }
    session_->OnPage(ticket, feed::PagePtr(std::move(page)));
  };
  too_large();
  answer(false);  // a part is no answer
  EXPECT_FALSE(session_->position().has_value());
  too_large();
  answer(true);
  EXPECT_EQ(Drain(), Session::Step::kRead);
  EXPECT_THAT(AnswerSnapshots(12, {Snapshot(request.resources.back(), 2)}).resources, ElementsAre(request.resources.back()));
  Drain();
  EXPECT_EQ(decoder_.frames().size(), kFewSnapshots + 3);
  EXPECT_EQ(decoder_.frames()[1].event, "reset");
  EXPECT_EQ(decoder_.frames().back().id, "abcd1234-10");
}

}  // namespace
}  // namespace milepost::edge::sse
