#include "net/model_names.h"

#include <doctest/doctest.h>

namespace gonka::net {
namespace {

TEST_CASE("a model's name with a slip in it leads to the right one, and nonsense to none") {
  const std::vector<std::string> names = {"SmolLM2 135M", "tiny", "meta-llama/Llama-3.2-1B"};
  struct Row {
    const char* wanted;
    const char* closest;
  };
  static constexpr Row kTable[] = {
      {"smollm2 135m", "SmolLM2 135M"},
      {"SmolLM2-135M", "SmolLM2 135M"},
      {"Tiny", "tiny"},
      {"tiny.gguf", "tiny"},
      {"llama-3.2-1b", "meta-llama/Llama-3.2-1B"},
      {"gpt-4o", ""},
      {"", ""},
      {"x", ""},
  };
  for (const Row& row : kTable) {
    CAPTURE(row.wanted);
    CHECK(ClosestName(row.wanted, names) == row.closest);
  }
}

}  // namespace
}  // namespace gonka::net
