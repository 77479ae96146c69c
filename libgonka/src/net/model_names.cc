#include "net/model_names.h"

#include <algorithm>

namespace gonka::net {
namespace {

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// Levenshtein's.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string ClosestName(std::string_view name, const std::vector<std::string>& names) {
  const std::string wanted = Lower(name);
  std::string closest;
  size_t least = SIZE_MAX;
  for (const std::string& candidate : names) {
    const std::string other = Lower(candidate);
    const bool part = wanted.size() >= 3 && (other.find(wanted) != other.npos ||
                                             (!other.empty() && wanted.find(other) != other.npos));
    size_t distance = Distance(wanted, other);
    if (distance * 3 > std::max(wanted.size(), other.size()) && !part) continue;
    if (distance < least) {
      least = distance;
      closest = candidate;
    }
  }
  return closest;
}

}  // namespace gonka::net
