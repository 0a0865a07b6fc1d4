#include "proto/contract/resource.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace milepost::contract {
namespace {

bool IsKindChar(char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '_' || c == '-'; }

bool IsIdChar(char c) { return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '~' || c == '-'; }

bool AllOf(absl::string_view text, bool (*predicate)(char)) {
  for (char c : text) {
    if (!predicate(c)) return false;
  }
  return true;
}

absl::Status Invalid(absl::string_view field, absl::string_view name, absl::string_view rule) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", Quoted(name), " ", rule));
}

absl::Status Validate(absl::string_view name, absl::string_view field, bool pattern_allowed) {
  const size_t colon = name.find(':');
  if (colon == absl::string_view::npos) {
    return Invalid(field, name, "is not a resource name: write kind:id, for example job:42");
  }
  if (!IsKind(name.substr(0, colon))) {
    return Invalid(field, name, "has a bad kind: it must match [a-z][a-z0-9_-]{0,31}");
  }
  absl::string_view id = name.substr(colon + 1);
  const bool is_pattern = !id.empty() && id.back() == '*';
  if (is_pattern) {
    if (!pattern_allowed) return Invalid(field, name, "is a pattern: a single resource is wanted here");
    id.remove_suffix(1);
  }
  if (id.size() > kMaxIdBytes || !AllOf(id, IsIdChar) || (id.empty() && !is_pattern)) {
    return Invalid(field, name, "has a bad id: it must match [A-Za-z0-9._~-]{1,128}");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidateResource(absl::string_view name, absl::string_view field) { return Validate(name, field, false); }

absl::Status ValidateResourceOrPattern(absl::string_view name, absl::string_view field) {
  return Validate(name, field, true);
}

bool IsPattern(absl::string_view name) { return !name.empty() && name.back() == '*'; }

bool Covers(absl::string_view pattern, absl::string_view resource) {
  if (!IsPattern(pattern)) return pattern == resource;
  pattern.remove_suffix(1);
  return resource.substr(0, pattern.size()) == pattern;
}

absl::string_view KindOf(absl::string_view resource) {
  const size_t colon = resource.find(':');
  return colon == absl::string_view::npos ? absl::string_view() : resource.substr(0, colon);
}

bool IsKind(absl::string_view text) {
  return !text.empty() && text.size() <= kMaxKindBytes && absl::ascii_islower(text[0]) && AllOf(text, IsKindChar);
}

std::string Quoted(absl::string_view input) {
  constexpr size_t kMaxQuoted = 64;
  const bool cut = input.size() > kMaxQuoted;
  return absl::StrCat("\"", absl::CHexEscape(input.substr(0, kMaxQuoted)), cut ? "\"…" : "\"");
}

}  // namespace milepost::contract
