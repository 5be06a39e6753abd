#include "json.h"

#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string_view>

namespace lpreg::golden {
namespace {

class Parser {
 public:
  explicit Parser(const std::string& text) : text_(text) {}

  Json parse() {
    Json value = parse_value();
    skip_spaces();
    if (at_ != text_.size()) fail();
    return value;
  }

 private:
  [[noreturn]] void fail() const {
    throw std::runtime_error("JSON: unexpected text at offset " + std::to_string(at_));
  }

  void skip_spaces() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
      ++at_;
  }

  bool take(char c) {
    skip_spaces();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool take_word(const char* word) {
    if (text_.compare(at_, std::strlen(word), word) != 0) return false;
    at_ += std::strlen(word);
    return true;
  }

  Json parse_value() {
    skip_spaces();
    Json value;
    if (take('{')) return nested(&Parser::parse_object);
    if (take('[')) return nested(&Parser::parse_array);
    if (at_ < text_.size() && text_[at_] == '"') {
      value.kind = Json::Kind::kString;
      value.text = parse_string();
      return value;
    }
    if (take_word("null")) return value;
    const bool truth = take_word("true");
    if (truth || take_word("false")) {
      value.kind = Json::Kind::kBoolean;
      value.number = truth ? 1 : 0;
      return value;
    }
    return parse_number();
  }

  Json nested(Json (Parser::*parse_inner)()) {
    constexpr int kDeepest = 64;  // a stack overflow cannot be caught
    if (++depth_ > kDeepest) fail();
    Json value = (this->*parse_inner)();
    --depth_;
    return value;
  }

  // Python writes Infinity and NaN too; strtod reads them.
  Json parse_number() {
    char* end = nullptr;
    Json value;
    value.kind = Json::Kind::kNumber;
    value.number = std::strtod(text_.c_str() + at_, &end);
    if (end == text_.c_str() + at_) fail();
    at_ = static_cast<size_t>(end - text_.c_str());
    return value;
  }

  Json parse_array() {
    Json value;
    value.kind = Json::Kind::kArray;
    if (take(']')) return value;
    do value.elements.push_back(parse_value());
    while (take(','));
    if (!take(']')) fail();
    return value;
  }

  Json parse_object() {
    Json value;
    value.kind = Json::Kind::kObject;
    if (take('}')) return value;
    do {
      skip_spaces();
      const std::string name = parse_string();
      if (!take(':')) fail();
      value.members[name] = parse_value();
    } while (take(','));
    if (!take('}')) fail();
    return value;
  }

  std::string parse_string() {
    if (at_ >= text_.size() || text_[at_++] != '"') fail();
    std::string value;
    while (at_ < text_.size() && text_[at_] != '"') {
      if (text_[at_] == '\\') {
        ++at_;
        append_escaped(&value);
      } else {
        value += text_[at_++];
      }
    }
    if (at_++ >= text_.size()) fail();
    return value;
  }

  void append_escaped(std::string* value) {
    constexpr std::string_view names = "\"\\/bfnrt";
    constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
    if (at_ >= text_.size()) fail();
    const char c = text_[at_++];
    if (const size_t found = names.find(c); found != std::string_view::npos) {
      *value += meanings[found];
      return;
    }
    if (c != 'u' || at_ + 4 > text_.size()) fail();
    // Only notes for people hold such characters: their exact form does not matter here.
    at_ += 4;
    *value += '?';
  }

  const std::string& text_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

const Json& Json::operator[](const std::string& name) const {
  static const Json absent;
  const auto found = members.find(name);
  return found == members.end() ? absent : found->second;
}

Json parse_json(const std::string& text) { return Parser(text).parse(); }

}  // namespace lpreg::golden
