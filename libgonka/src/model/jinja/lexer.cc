#include "lexer.h"

#include <algorithm>
#include <cctype>

#include "fmt/format.h"
#include "model/utf8.h"

namespace gonka::model::jinja {
namespace {

bool IsSpace(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
bool IsNameStart(char c) {
  return c == '_' || std::isalpha(static_cast<unsigned char>(c)) != 0;
}
bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}
bool IsNameChar(char c) {
  return IsNameStart(c) || IsDigit(c);
}

// Newlines as "\n", and without the one at the very end.
std::string Normalize(std::string_view source) {
  std::string out;
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out += source[i];
    } else if (i + 1 == source.size() || source[i + 1] != '\n') {
      out += '\n';
    }
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(Normalize(source)) {}

  absl::StatusOr<std::vector<Token>> Lex() {
    while (at_ < source_.size()) {
      const size_t tag = FindTag();
      EmitText(tag);
      if (tag == std::string::npos) break;
      GONKA_RETURN_IF_ERROR(LexTag());
    }
    Emit(TokenType::kEnd, "");
    return std::move(tokens_);
  }

 private:
  bool StartsWith(std::string_view text) const {
    return std::string_view(source_).substr(at_).starts_with(text);
  }

  size_t FindTag() const {
    for (size_t i = at_; i + 1 < source_.size(); ++i) {
      if (source_[i] != '{') continue;
      const char kind = source_[i + 1];
      if (kind == '{' || kind == '%' || kind == '#') return i;
    }
    return std::string::npos;
  }

  // The text up to tag, less what the tag's sign and lstrip_blocks take from its end.
  void EmitText(size_t tag) {
    const size_t end = std::min(tag, source_.size());
    std::string_view text = std::string_view(source_).substr(at_, end - at_);
    if (tag != std::string::npos) text = StripBeforeTag(text, tag);
    if (!text.empty()) Emit(TokenType::kText, text);
    AdvanceTo(end);
  }

  std::string_view StripBeforeTag(std::string_view text, size_t tag) const {
    const char sign = tag + 2 < source_.size() ? source_[tag + 2] : ' ';
    if (sign == '-') {
      while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
      return text;
    }
    if (sign == '+' || source_[tag + 1] == '{') return text;
    const size_t newline = text.rfind('\n');
    if (newline == std::string_view::npos && !line_starting_) return text;
    const size_t line = newline == std::string_view::npos ? 0 : newline + 1;
    const std::string_view last_line = text.substr(line);
    return std::all_of(last_line.begin(), last_line.end(), IsSpace) ? text.substr(0, line) : text;
  }

  absl::Status LexTag() {
    const char kind = source_[at_ + 1];
    tag_line_ = line_;
    AdvanceTo(at_ + 2);
    if (kind == '#') return LexComment();
    if (at_ < source_.size() && (source_[at_] == '-' || source_[at_] == '+')) AdvanceTo(at_ + 1);
    const bool statement = kind == '%';
    if (statement && IsRaw()) return LexRaw();
    Emit(statement ? TokenType::kStmtBegin : TokenType::kExprBegin, statement ? "{%" : "{{");
    return LexInside(statement);
  }

  absl::Status LexComment() {
    const size_t end = source_.find("#}", at_);
    if (end == std::string::npos) return ErrorAt(tag_line_, "comment {# is not closed");
    const char sign = end > at_ ? source_[end - 1] : ' ';
    AdvanceTo(end + 2);
    StripAfterTag(sign, true);
    return absl::OkStatus();
  }

  // After a tag that ended with sign: "-" takes all whitespace, a block tag takes one newline.
  void StripAfterTag(char sign, bool takes_newline) {
    const size_t begin = at_;
    size_t end = at_;
    if (sign == '-') {
      while (end < source_.size() && IsSpace(source_[end])) ++end;
    } else if (takes_newline && sign != '+' && end < source_.size() && source_[end] == '\n') {
      ++end;
    }
    AdvanceTo(end);
    line_starting_ = end > begin && source_[end - 1] == '\n';
  }

  // At the inside of a tag: is it "raw" alone?
  bool IsRaw() const {
    size_t i = at_;
    while (i < source_.size() && IsSpace(source_[i])) ++i;
    if (source_.compare(i, 3, "raw") != 0) return false;
    i += 3;
    while (i < source_.size() && IsSpace(source_[i])) ++i;
    if (i < source_.size() && (source_[i] == '-' || source_[i] == '+')) ++i;
    return source_.compare(i, 2, "%}") == 0;
  }

  absl::Status LexRaw() {
    const size_t close = source_.find("%}", at_);
    const char sign = source_[close - 1];
    AdvanceTo(close + 2);
    StripAfterTag(sign, true);
    for (size_t tag = source_.find("{%", at_); tag != std::string::npos;
         tag = source_.find("{%", tag + 2)) {
      size_t i = tag + 2;
      if (i < source_.size() && (source_[i] == '-' || source_[i] == '+')) ++i;
      while (i < source_.size() && IsSpace(source_[i])) ++i;
      if (source_.compare(i, 6, "endraw") != 0) continue;
      const size_t end = source_.find("%}", i);
      if (end == std::string::npos) break;
      EmitText(tag);
      const char end_sign = source_[end - 1];
      AdvanceTo(end + 2);
      StripAfterTag(end_sign, true);
      return absl::OkStatus();
    }
    return ErrorAt(tag_line_, "raw is not closed");
  }

  absl::Status LexInside(bool statement) {
    const std::string_view close = statement ? "%}" : "}}";
    std::string open;  // Brackets that are still open.
    while (true) {
      while (at_ < source_.size() && IsSpace(source_[at_])) AdvanceTo(at_ + 1);
      if (at_ == source_.size()) {
        return ErrorAt(tag_line_, fmt::format("tag {} is not closed", statement ? "{%" : "{{"));
      }
      if (open.empty() && CloseTag(close, statement)) return absl::OkStatus();
      const char c = source_[at_];
      if (IsNameStart(c)) {
        LexName();
      } else if (IsDigit(c)) {
        LexNumber();
      } else if (c == '"' || c == '\'') {
        GONKA_RETURN_IF_ERROR(LexString(c));
      } else {
        GONKA_RETURN_IF_ERROR(LexOperator(open));
      }
    }
  }

  bool CloseTag(std::string_view close, bool statement) {
    const bool has_sign = source_[at_] == '-' || source_[at_] == '+';
    const char sign = has_sign ? source_[at_] : ' ';
    if (source_.compare(at_ + (has_sign ? 1 : 0), 2, close) != 0) return false;
    Emit(statement ? TokenType::kStmtEnd : TokenType::kExprEnd, close);
    AdvanceTo(at_ + (has_sign ? 3 : 2));
    StripAfterTag(sign, statement);
    return true;
  }

  void LexName() {
    size_t end = at_;
    while (end < source_.size() && IsNameChar(source_[end])) ++end;
    EmitTo(TokenType::kName, end);
  }

  void LexNumber() {
    size_t end = at_;
    TokenType type = TokenType::kInt;
    const auto digits = [&] {
      while (end < source_.size() && (IsDigit(source_[end]) || source_[end] == '_')) ++end;
    };
    digits();
    if (end + 1 < source_.size() && source_[end] == '.' && IsDigit(source_[end + 1])) {
      type = TokenType::kFloat;
      ++end;
      digits();
    }
    if (end < source_.size() && (source_[end] == 'e' || source_[end] == 'E')) {
      size_t exponent = end + 1;
      if (exponent < source_.size() && (source_[exponent] == '+' || source_[exponent] == '-')) {
        ++exponent;
      }
      if (exponent < source_.size() && IsDigit(source_[exponent])) {
        type = TokenType::kFloat;
        end = exponent;
        digits();
      }
    }
    EmitTo(type, end);
    std::erase(tokens_.back().text, '_');
  }

  absl::Status LexString(char quote) {
    const int line = line_;
    std::string value;
    size_t i = at_ + 1;
    for (; i < source_.size() && source_[i] != quote;) {
      if (source_[i] != '\\') {
        value += source_[i++];
        continue;
      }
      GONKA_ASSIGN_OR_RETURN(i, Escape(i + 1, value));
    }
    if (i >= source_.size()) return ErrorAt(line, "string is not closed");
    AdvanceTo(i + 1);
    tokens_.push_back({TokenType::kString, std::move(value), line});
    return absl::OkStatus();
  }

  // Appends what the escape at i (after the backslash) stands for, and returns where it ends.
  absl::StatusOr<size_t> Escape(size_t i, std::string& value) {
    if (i >= source_.size()) return ErrorAt(line_, "string is not closed");
    constexpr std::string_view kNames = "ntrbfva0\\'\"";
    constexpr std::string_view kValues("\n\t\r\b\f\v\a\0\\'\"", 11);
    const char c = source_[i];
    const size_t simple = kNames.find(c);
    if (c == '\n') return i + 1;
    if (simple != std::string_view::npos) {
      value += kValues[simple];
      return i + 1;
    }
    const int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits == 0) {  // Python keeps the backslash.
      value += '\\';
      value += c;
      return i + 1;
    }
    uint32_t code = 0;
    for (int k = 1; k <= digits; ++k) {
      const char digit = i + k < source_.size() ? source_[i + k] : ' ';
      if (std::isxdigit(static_cast<unsigned char>(digit)) == 0) {
        return ErrorAt(line_, fmt::format("escape \\{} needs {} hex digits", c, digits));
      }
      code =
          code << 4 | static_cast<uint32_t>(IsDigit(digit) ? digit - '0' : (digit | 32) - 'a' + 10);
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
      return ErrorAt(line_, fmt::format("U+{:X} is no character", code));
    }
    AppendUtf8(value, code);
    return i + 1 + static_cast<size_t>(digits);
  }

  absl::Status LexOperator(std::string& open) {
    constexpr std::string_view kDouble[] = {"==", "!=", "<=", ">=", "//", "**"};
    constexpr std::string_view kSingle = "+-*/%~<>=|.,:()[]{}";
    for (const std::string_view op : kDouble) {
      if (StartsWith(op)) {
        EmitTo(TokenType::kOperator, at_ + 2);
        return absl::OkStatus();
      }
    }
    const char c = source_[at_];
    if (kSingle.find(c) == std::string_view::npos) {
      return ErrorAt(
          line_, static_cast<unsigned char>(c) < 0x80 && std::isprint(c) != 0
                     ? fmt::format("character '{}' is not expected", c)
                     : fmt::format("byte 0x{:02x} is not expected", static_cast<unsigned char>(c)));
    }
    if (c == '(' || c == '[' || c == '{') open += c;
    if (c == ')' || c == ']' || c == '}') {
      const char opening = c == ')' ? '(' : c == ']' ? '[' : '{';
      if (open.empty() || open.back() != opening) {
        return ErrorAt(line_, fmt::format("'{}' closes nothing", c));
      }
      open.pop_back();
    }
    EmitTo(TokenType::kOperator, at_ + 1);
    return absl::OkStatus();
  }

  void Emit(TokenType type, std::string_view text) {
    tokens_.push_back({type, std::string(text), line_});
  }
  void EmitTo(TokenType type, size_t end) {
    Emit(type, std::string_view(source_).substr(at_, end - at_));
    AdvanceTo(end);
  }
  void AdvanceTo(size_t end) {
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<ptrdiff_t>(at_),
                                         source_.begin() + static_cast<ptrdiff_t>(end), '\n'));
    at_ = end;
  }

  const std::string source_;
  size_t at_ = 0;
  int line_ = 1;
  int tag_line_ = 1;
  bool line_starting_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

absl::StatusOr<std::vector<Token>> Lex(std::string_view source) {
  return Lexer(source).Lex();
}

absl::Status ErrorAt(int line, const std::string& message) {
  return absl::InvalidArgumentError(fmt::format("chat template line {}: {}", line, message));
}

}  // namespace gonka::model::jinja
