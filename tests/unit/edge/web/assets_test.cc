#include "edge/web/assets.h"

#include <fstream>
#include <iterator>
#include <string>

#include "gtest/gtest.h"

namespace milepost::edge::web {
namespace {

std::string ReadSource(const std::string& name) {
  std::ifstream file(std::string(MILEPOST_WEB_SOURCE) + "/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(AssetsTest, EveryFileIsServedByteForByte) {
  const struct {
    const char* path;
    const char* file;
    const char* content_type;
  } cases[] = {{"/", "index.html", "text/html; charset=utf-8"},
               {"/dashboard.css", "dashboard.css", "text/css; charset=utf-8"},
               {"/job_page.css", "job_page.css", "text/css; charset=utf-8"},
               {"/dashboard.js", "dashboard.js", "text/javascript; charset=utf-8"},
               {"/job_page.js", "job_page.js", "text/javascript; charset=utf-8"},
               {"/milepost/elements.js", "elements.js", "text/javascript; charset=utf-8"},
               {"/clients/web/elements/job_element.js", "../../clients/web/elements/job_element.js", "text/javascript; charset=utf-8"},
               {"/milepost.js", "milepost.js", "text/javascript; charset=utf-8"},
               {"/clients/web/milepost.js", "../../clients/web/milepost.js", "text/javascript; charset=utf-8"},
               {"/clients/web/job_state.js", "../../clients/web/job_state.js", "text/javascript; charset=utf-8"},
               {"/icon.svg", "icon.svg", "image/svg+xml"}};
  for (const auto& c : cases) {
    const Asset* asset = FindAsset(c.path);
    ASSERT_NE(asset, nullptr) << c.path;
    const std::string source = ReadSource(c.file);
    ASSERT_FALSE(source.empty()) << c.file;
    EXPECT_TRUE(asset->bytes == source) << c.path;
    EXPECT_EQ(asset->content_type, c.content_type);
    EXPECT_EQ(asset->path, c.path);
  }
}

TEST(AssetsTest, EtagsAreQuotedAndDiffer) {
  const Asset* page = FindAsset("/");
  const Asset* style = FindAsset("/dashboard.css");
  ASSERT_TRUE(page != nullptr && style != nullptr);
  EXPECT_EQ(page->etag.size(), 18u);
  EXPECT_EQ(page->etag.front(), '"');
  EXPECT_EQ(page->etag.back(), '"');
  EXPECT_NE(page->etag, style->etag);
}

TEST(AssetsTest, OnlyExactPathsAreFound) {
  for (const char* path : {"", "//", "/index.html", "/dashboard.css/", "/Dashboard.css", "dashboard.css", "/../dashboard.css"}) {
    EXPECT_EQ(FindAsset(path), nullptr) << path;
  }
}

// The policy allows no inline script or style, so a page that holds one is broken in every browser.
TEST(AssetsTest, PageKeepsToItsOwnPolicy) {
  const std::string page(FindAsset("/")->bytes);
  for (const char* banned : {"<style", " style=", " onclick", " onload", "javascript:", "http://", "https://", "<script>"}) {
    EXPECT_EQ(page.find(banned), std::string::npos) << banned;
  }
}

}  // namespace
}  // namespace milepost::edge::web
