#include "arguments.h"

#include <cstdlib>
#include <sstream>

namespace lpreg::bench {
namespace {

std::vector<std::string> words_of(const std::string& list) {
  std::vector<std::string> words;
  std::istringstream stream(list);
  for (std::string word; std::getline(stream, word, ',');) words.push_back(word);
  return words;
}

bool parse_numbers(const std::string& list, std::vector<int64_t>* numbers) {
  numbers->clear();
  for (const std::string& word : words_of(list)) {
    char* end = nullptr;
    numbers->push_back(std::strtoll(word.c_str(), &end, 10));
    if (*end != '\0' || numbers->back() < 1) return false;
  }
  return !numbers->empty();
}

bool parse_words(const std::string& list, const std::vector<std::string>& known,
                 std::vector<std::string>* words) {
  *words = words_of(list);
  for (const std::string& word : *words) {
    bool found = false;
    for (const std::string& candidate : known) found = found || candidate == word;
    if (!found) return false;
  }
  return !words->empty();
}

}  // namespace

const char kUsage[] =
    "usage: lpreg_bench [--vocab N,...] [--rows N,...] [--dtype float32,bfloat16] [--logits peaked,flat]\n"
    "                   [--runs N] [--seconds N]\n";

bool parse(int argc, char** argv, Arguments* arguments) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const std::string value = argv[i + 1];
    std::vector<int64_t> number;
    bool understood = false;
    if (name == "--vocab") understood = parse_numbers(value, &arguments->vocabs);
    if (name == "--rows") understood = parse_numbers(value, &arguments->rows);
    if (name == "--dtype") understood = parse_words(value, {"float32", "bfloat16"}, &arguments->dtypes);
    if (name == "--logits") understood = parse_words(value, {"peaked", "flat"}, &arguments->logits);
    if (name == "--runs" && parse_numbers(value, &number)) {
      arguments->runs = static_cast<int>(number[0]);
      understood = true;
    }
    if (name == "--seconds" && parse_numbers(value, &number)) {
      arguments->seconds = static_cast<double>(number[0]);
      understood = true;
    }
    if (!understood) return false;
  }
  return argc % 2 == 1;
}

}  // namespace lpreg::bench
