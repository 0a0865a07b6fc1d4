#include "tools/milepost/flags.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/contract/resource.h"

namespace milepost::tool {
namespace {

absl::Status Bad(absl::string_view value, absl::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat(contract::Quoted(value), " is not ", expected));
}

absl::Status SetDuration(absl::string_view text, int64_t* milliseconds) {
  const struct {
    const char* suffix;
    double milliseconds;
  } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"", 1000}};
  for (const auto& unit : units) {
    absl::string_view number = text;
    double value;
    if (!absl::ConsumeSuffix(&number, unit.suffix)) continue;
    constexpr double kMaxMilliseconds = 1000.0 * 3600 * 24 * 365;
    if (!absl::SimpleAtod(number, &value) || !(value >= 0) || value * unit.milliseconds > kMaxMilliseconds) break;
    *milliseconds = static_cast<int64_t>(value * unit.milliseconds);
    return absl::OkStatus();
  }
  return Bad(text, "a time such as 2s, 500ms or 1m");
}

}  // namespace

void FlagSet::String(std::string name, std::string* target, std::string value, std::string help) {
  flags_.push_back({name, value, help, [target](absl::string_view text) {
                      *target = std::string(text);
                      return absl::OkStatus();
                    }});
}

void FlagSet::String(std::string name, std::optional<std::string>* target, std::string value, std::string help) {
  flags_.push_back({name, value, help, [target](absl::string_view text) {
                      *target = std::string(text);
                      return absl::OkStatus();
                    }});
}

void FlagSet::Strings(std::string name, std::vector<std::string>* target, std::string value, std::string help) {
  flags_.push_back({name, value, help, [target](absl::string_view text) {
                      target->push_back(std::string(text));
                      return absl::OkStatus();
                    }});
}

void FlagSet::Number(std::string name, std::optional<double>* target, std::string value, std::string help) {
  flags_.push_back({name, value, help, [target](absl::string_view text) {
                      double number;
                      if (!absl::SimpleAtod(text, &number)) return Bad(text, "a number");
                      *target = number;
                      return absl::OkStatus();
                    }});
}

void FlagSet::Integer(std::string name, std::optional<uint32_t>* target, std::string value, std::string help) {
  flags_.push_back({name, value, help, [target](absl::string_view text) {
                      uint32_t number;
                      if (!absl::SimpleAtoi(text, &number)) return Bad(text, "a whole number from 0 to 4294967295");
                      *target = number;
                      return absl::OkStatus();
                    }});
}

void FlagSet::Duration(std::string name, int64_t* target, std::string value, std::string help) {
  flags_.push_back({name, value, help, [target](absl::string_view text) { return SetDuration(text, target); }});
}

void FlagSet::Switch(std::string name, bool* target, std::string help) {
  flags_.push_back({name, "", help, [target](absl::string_view) {
                      *target = true;
                      return absl::OkStatus();
                    }});
}

void FlagSet::Short(char letter, std::string name) {
  for (Flag& flag : flags_) {
    if (flag.name == name) flag.letter = letter;
  }
}

absl::Status FlagSet::Parse(const std::vector<std::string>& args, FlagOrder order, std::vector<std::string>* operands) {
  for (size_t at = 0; at < args.size() && !help_; ++at) {
    const std::string& arg = args[at];
    if (arg == "--") {
      operands->insert(operands->end(), args.begin() + at + 1, args.end());
      break;
    }
    if (arg == "--help" || arg == "-h") {
      help_ = true;
    } else if (arg.size() > 1 && arg[0] == '-') {
      if (absl::Status status = ParseOne(args, &at); !status.ok()) return status;
    } else if (order == FlagOrder::kBeforeFirst) {
      operands->insert(operands->end(), args.begin() + at, args.end());
      break;
    } else {
      operands->push_back(arg);
    }
  }
  return absl::OkStatus();
}

absl::Status FlagSet::ParseOne(const std::vector<std::string>& args, size_t* at) {
  // A letter is written out, and then goes the way of the long names.
  std::string written_out;
  if (args[*at].size() > 1 && args[*at][1] != '-') {
    for (const Flag& known : flags_) {
      if (known.letter != args[*at][1]) continue;
      const absl::string_view rest = absl::string_view(args[*at]).substr(2);
      written_out = absl::StrCat("--", known.name, rest.empty() || rest[0] == '=' ? "" : "=", rest);
    }
  }
  const absl::string_view arg = written_out.empty() ? args[*at] : written_out;
  const size_t equals = arg.find('=');
  const absl::string_view given = arg.substr(0, equals);
  const auto flag = std::find_if(flags_.begin(), flags_.end(), [&](const Flag& f) { return given == absl::StrCat("--", f.name); });
  if (flag == flags_.end()) return absl::InvalidArgumentError(absl::StrCat("unknown flag ", contract::Quoted(given), "; --help lists them"));

  std::string value;
  if (flag->value.empty()) {
    if (equals != absl::string_view::npos) return absl::InvalidArgumentError(absl::StrCat("--", flag->name, " takes no value"));
  } else if (equals != absl::string_view::npos) {
    value = std::string(arg.substr(equals + 1));
  } else if (*at + 1 < args.size()) {
    value = args[++*at];
  } else {
    return absl::InvalidArgumentError(absl::StrCat("--", flag->name, " needs a value: --", flag->name, "=", flag->value));
  }
  const absl::Status status = flag->set(value);
  if (!status.ok()) return absl::InvalidArgumentError(absl::StrCat("--", flag->name, ": ", status.message()));
  return absl::OkStatus();
}

std::string FlagSet::Describe() const {
  constexpr size_t kColumn = 30;
  std::string text;
  for (const Flag& flag : flags_) {
    std::string left = absl::StrCat("  --", flag.name, flag.value.empty() ? "" : "=", flag.value);
    left.resize(std::max(kColumn, left.size() + 2), ' ');
    absl::StrAppend(&text, left, flag.help, "\n");
  }
  return text;
}

}  // namespace milepost::tool
