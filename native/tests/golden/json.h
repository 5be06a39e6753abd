// JSON, as far as safetensors headers and their metadata need it.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace lpreg::golden {

struct Json {
  enum class Kind { kNull, kBoolean, kNumber, kString, kArray, kObject };
  Kind kind = Kind::kNull;
  double number = 0;  // of a boolean: 0 or 1
  std::string text;
  std::vector<Json> elements;
  std::map<std::string, Json> members;

  // The member of this name; null (kNull) when there is none.
  const Json& operator[](const std::string& name) const;
  bool present() const { return kind != Kind::kNull; }
  double number_or(double fallback) const { return kind == Kind::kNumber ? number : fallback; }
  std::string text_or(const char* fallback) const { return kind == Kind::kString ? text : fallback; }
};

// Throws std::runtime_error with the offset of what it does not understand.
Json parse_json(const std::string& text);

}  // namespace lpreg::golden
