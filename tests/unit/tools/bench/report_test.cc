#include "tools/bench/report/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace milepost::bench {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Row WholeRow() {
  Row row;
  row.workload = "fanout";
  row.system = "milepost";
  row.delivered = 10;
  row.expected = 10;
  row.unit = "µs/event";
  row.cost = 5.5;
  row.parts = {{"edge", 5.0}, {"eventd", 0.5}};
  return row;
}

TEST(ReportTest, MedianIsTheMiddleOrTheMeanOfTheTwo) {
  EXPECT_EQ(Median({3, 1, 2}), 2);
  EXPECT_EQ(Median({4, 1, 2, 3}), 2.5);
}

TEST(ReportTest, TableShowsCostAndParts) {
  const std::string table = FormatTable({}, {{"title", {WholeRow()}, {{"fanout", "claim", 1.0, 1.25}}}});
  EXPECT_THAT(table, HasSubstr("5.50 µs/event"));
  EXPECT_THAT(table, HasSubstr("edge 5.00, eventd 0.500"));
  EXPECT_THAT(table, HasSubstr("fanout: claim: 1.00 → yes"));
}

TEST(ReportTest, AVerdictMayAskForMoreInsteadOfLess) {
  EXPECT_TRUE((Verdict{"durable", "claim", 0.8, 0.8, Verdict::Better::kMore}.met()));
  EXPECT_FALSE((Verdict{"durable", "claim", 0.79, 0.8, Verdict::Better::kMore}.met()));
  EXPECT_FALSE((Verdict{"durable", "claim", std::nullopt, 0.8, Verdict::Better::kMore}.met()));
  EXPECT_FALSE((Verdict{"fanout", "claim", 1.3, 1.25}.met()));
}

TEST(ReportTest, TableMarksASystemThatDidNotDeliverAll) {
  Row row = WholeRow();
  row.delivered = 9;
  EXPECT_THAT(FormatTable({}, {{"title", {row}, {}}}), HasSubstr("**9/10**"));
}

TEST(ReportTest, JsonEscapesTextAndHasNullForWhatIsNotFinite) {
  Row row = WholeRow();
  row.cost = std::numeric_limits<double>::infinity();
  Row failed;
  failed.failed = true;
  failed.trouble = "a \"quote\"\n";
  const std::string json = FormatJson({}, {{"title", {row, failed}, {}}});
  EXPECT_THAT(json, HasSubstr(R"("cost":null)"));
  EXPECT_THAT(json, HasSubstr(R"("failed":"a \"quote\"\u000a")"));
}

TEST(ReportTest, FaultsAreFailuresShortfallsAndSenselessFiguresButNotSkips) {
  EXPECT_THAT(FindFaults({{"title", {WholeRow()}, {}}}), IsEmpty());
  Row skipped;
  skipped.trouble = "not installed";
  EXPECT_THAT(FindFaults({{"title", {skipped}, {}}}), IsEmpty());
  Row failed = skipped;
  failed.failed = true;
  Row partial = WholeRow();
  partial.delivered = 9;
  Row senseless = WholeRow();
  senseless.cost = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(FindFaults({{"title", {failed, partial, senseless}, {}}}), SizeIs(3));
}

}  // namespace
}  // namespace milepost::bench
