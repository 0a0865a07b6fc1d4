"""The seeded bugs: small changes that break a promise of the log, and for each one the experiment that must notice.

A row is (bug, name, file, old text, new text, experiment). `bug` is the class, which several rows may show at several
places. The old text stands exactly once in the file; `seeded_bugs --check` sees to it that this stays so.
"""
from collections import namedtuple

Seed = namedtuple("Seed", "bug name file old new experiment")


class Unit(namedtuple("Unit", "binary case")):
    """One GoogleTest case."""

    targets = property(lambda self: [self.binary])
    __str__ = lambda self: f"{self.binary} {self.case}"


class Script(namedtuple("Script", "path case targets")):
    """One unittest case of a script that starts the programs."""

    __str__ = lambda self: f"{self.path} {self.case}"


SERVERS = ("milepost-eventd", "milepost-edge")

SEEDS = [
    Seed("ack before sync", "ack-before-sync", "services/history/rocks_history.cc",
         "options.sync = options_.sync;",
         "options.sync = false;",
         Script("tests/fault/power_loss_test.py", "PowerLossTest.test_what_was_acked_survives", (*SERVERS, "power_loss"))),
    Seed("ack before sync", "ack-despite-failed-write", "services/log/embedded_log.cc",
         "return history_->Store(batch->entries);",
         "(void)history_->Store(batch->entries);\n  return absl::OkStatus();",
         Unit("log_test", "EmbeddedLogTest.ABatchThatWasNotStoredIsNeverAnsweredAsStoredNorPublished")),

    Seed("dedup off", "dedup-off", "services/jobs/fold.cc",
         "fresh = input.number != 0 && producer.marks.Add(input.number);",
         "producer.marks.Add(input.number);",
         Unit("jobs_test", "FoldTest.ANumberIsStoredOnceAndAckedAgain")),
    Seed("dedup off", "dedup-off-for-keys", "services/jobs/fold.cc",
         "if (!fresh || input.event == nullptr || Repeats(input, &verdict)) return verdict;",
         "if (!fresh || input.event == nullptr) return verdict;\n  Repeats(input, &verdict);",
         Unit("jobs_test", "FoldTest.ARepeatedCallGetsItsFirstResults")),
    Seed("dedup off", "dedup-forgotten-at-restart", "services/jobs/fold_rows.cc",
         "for (auto& row : producers_) fold_->producers_.FindOrAdd(row.key, row.used) = std::move(row.value);",
         "",
         Unit("jobs_test", "FoldRowsTest.AReloadedFoldGivesTheSameVerdictsFromThereOn")),

    Seed("resume >= for >", "resume-repeats-from-memory", "services/history/memory_history.cc",
         "for (uint64_t seq = query.after + 1; seq <= end; ++seq) {",
         "for (uint64_t seq = query.after; seq <= end; ++seq) {",
         Unit("hub_test", "HubTest.ResumesAfterLastTakenEvent")),
    Seed("resume >= for >", "resume-repeats-from-store", "services/history/rocks_read.cc",
         "rows->Seek(IndexKey(name, std::max(query.after + 1, from)))",
         "rows->Seek(IndexKey(name, std::max(query.after, from)))",
         Unit("rocks_history_test", "RocksHistoryTest.TheWindowAndTheStoreAnswerAlike")),
    Seed("resume >= for >", "resume-repeats-in-edge", "edge/feed/feed.cc",
         "[&](const FramePtr& frame) { return frame->seq() <= position; }",
         "[&](const FramePtr& frame) { return frame->seq() < position; }",
         Unit("session_test", "SessionTest.EveryReaderSeesEveryEventOnceInOrderInEveryHistory")),

    Seed("epoch ignored", "epoch-ignored", "services/hub/hub.cc",
         "if (cursor->epoch != epoch_) {",
         "if (cursor->epoch.empty()) {",
         Unit("hub_test", "HubTest.WordsAndBadCursorsLeadWhereTheContractSays")),
    Seed("epoch ignored", "end-of-epoch-ignored", "services/hub/hub.cc",
         "if (!last || cursor->seq > *last) return",
         "if (!last) return",
         Unit("hub_store_test", "HubStoreTest.CursorsOfEarlierLivesResumeAndThoseOfNoLifeDoNot")),
    Seed("epoch ignored", "epoch-ignored-in-edge", "edge/sse/session_place.cc",
         "if (cursor && cursor->epoch == head.epoch && ",
         "if (cursor && ",
         Unit("session_test", "SessionTest.EveryReaderSeesEveryEventOnceInOrderInEveryHistory")),
    Seed("epoch ignored", "epoch-of-page-ignored", "edge/sse/session.cc",
         "answer.ok() && table_.position() && (*answer)->position.epoch == table_.position()->epoch;",
         "answer.ok() && table_.position();",
         Unit("session_test", "SessionStepsTest.AnAnswerOfAnotherEpochThanTheTrunksIsNotUsed")),

    Seed("trim under a reader", "trim-under-a-reader", "services/history/rocks_read.cc",
         "if (query.after < builder.page.floor) {",
         "if (query.after < builder.page.floor && query.names == nullptr) {",
         Unit("rocks_history_test", "RocksHistoryTest.ReadersUnderATrimGetAllOrAreToldThatTheyDidNot")),
    Seed("trim under a reader", "trim-past-the-views", "services/history/rocks_history.cc",
         "segments_.TakeExpired(now_nanos, views_seq_)",
         "segments_.TakeExpired(now_nanos, head_)",
         Unit("rocks_history_test", "RocksHistoryTest.NothingIsTrimmedPastTheViews")),

    Seed("error read as end of log", "error-read-as-end", "services/history/rocks_read.cc",
         "return rows->status().ok() ? Missing(seq) : Explain(store_->dir, rows->status());",
         "return absl::OkStatus();",
         Unit("rocks_history_test", "RocksHistoryTest.AHoleInTheLogIsDataLossAndNeverASilentGap")),
    Seed("error read as end of log", "error-of-index-read-as-end", "services/history/rocks_read.cc",
         "if (found[i].IsNotFound()) return Missing(seq);",
         "if (found[i].IsNotFound()) return absl::OkStatus();",
         Unit("rocks_history_test", "RocksHistoryTest.AHoleInTheLogIsDataLossAndNeverASilentGap")),
    Seed("error read as end of log", "hole-read-as-end-of-replay", "services/history/rocks_history.cc",
         "if (SeqOfKey(rows->key()) != expected) return Missing(expected);",
         "if (SeqOfKey(rows->key()) != expected) return absl::OkStatus();",
         Unit("rocks_history_test", "RocksHistoryTest.AHoleInTheLogIsDataLossAndNeverASilentGap")),
    Seed("error read as end of log", "error-skipped-by-subscription", "services/hub/subscription.cc",
         "    batch->status = std::move(page.status);\n    return;\n",
         "    page.position = range.through;\n",
         Unit("hub_store_test", "HubStoreTest.WhatCannotBeReadIsToldAndNotSkipped")),
    Seed("error read as end of log", "error-answered-as-end", "services/rpc/read.cc",
         "if (!page.status.ok()) return call.reactor->Finish(ToGrpc(page.status));",
         "",
         Script("tests/fault/damaged_region_test.py", "DamagedRegionTest.test_the_reader_gets_a_reset_and_what_comes_after",
                SERVERS)),

    Seed("two writers for one number", "two-streams-of-a-producer", "services/rpc/publish_stream.cc",
         'before->End(absl::AbortedError("producer_id: a newer stream of this producer took over"));',
         "(void)before;",
         Unit("service_test", "ProducerTest.ASecondStreamOfAProducerEndsTheFirst")),
    Seed("two writers for one number", "number-given-again-after-error", "services/log/embedded_log.cc",
         "      down_ = status;\n",
         "      head_ -= batch.entries.size();\n",
         Unit("hub_store_test", "HubStoreTest.AfterAFailedWriteReadersSeeEachStoredEventOnceAndNothingElse")),
    Seed("two writers for one number", "two-processes-on-a-store", "services/history/rocks_store.cc",
         "rocksdb::DB* db = nullptr;",
         'rocksdb::DB* db = nullptr;\n  std::remove((dir + "/LOCK").c_str());',
         Script("tests/integration/lifecycle_test.py", "StoreTest.test_a_store_has_one_writer", SERVERS)),

    Seed("position ahead of delivery", "position-ahead-of-list", "services/hub/subscription.cc",
         "if (ready_.empty()) position_ = std::max(position_, head);",
         "position_ = std::max(position_, head);",
         Unit("hub_test", "HubPropertyTest.ReadersGetWhatTheyCarryInOrderOnceAndComplete")),
    Seed("position ahead of delivery", "head-told-before-events", "services/hub/hub.cc",
         "    for (const history::Entry& entry : entries) {\n      if (entry.event == nullptr) continue;",
         "    head_.store(entries.back().seq, std::memory_order_release);\n"
         "    for (const history::Entry& entry : entries) {\n      if (entry.event == nullptr) continue;",
         Unit("hub_test", "HubThreadsTest.NoEventFollowsAPositionThatIsPastIt")),
    Seed("position ahead of delivery", "heartbeat-ahead-of-events", "edge/sse/session.cc",
         "if (Live() && !HasEvents()) position_",
         "if (Live()) position_",
         Unit("session_test", "SessionTest.EveryReaderSeesEveryEventOnceInOrderInEveryHistory")),

    Seed("join from the tail before `from`", "join-before-from", "services/hub/hub.cc",
         "const uint64_t from = head() + 1;",
         "const uint64_t from = head();",
         Unit("hub_test", "HubTest.AnUpdateIsMarkedWhereItTookEffect")),
    Seed("join from the tail before `from`", "join-does-not-wait-for-from", "edge/sse/session.cc",
         "fresh_ == nullptr && joined() && ServedByFeeds();",
         "fresh_ == nullptr && joined();",
         Unit("session_test", "SessionTest.EveryReaderSeesEveryEventOnceInOrderInEveryHistory")),

    Seed("rejection acked as stored", "rejection-acked-as-stored", "services/rpc/publish_stream.cc",
         "for (const auto& rejection : invalid) *reply_.add_rejections() = rejection;",
         "",
         Unit("service_test", "ProducerTest.EveryBadEventIsRejectedByItselfAndTheStreamGoesOn")),
    Seed("rejection acked as stored", "refusal-of-the-fold-acked-as-stored", "services/rpc/publish_stream.cc",
         "Reject(first + i, outcome.status);",
         "(void)i;",
         Unit("service_test", "ProducerTest.WhatTheFoldRefusesIsRejectedAndUsesItsNumberUp")),
]
