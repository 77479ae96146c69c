#pragma once

// Golden tables: one row a line, cells apart by spaces, # starts a comment line.

#include <doctest/doctest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace gonka::golden {

using Row = std::vector<std::string>;

inline std::vector<Row> ReadTable(const std::string& name, size_t columns) {
  const std::string path = std::string(GONKA_SOURCE_DIR) + "/tests/golden/" + name;
  std::ifstream file(path);
  REQUIRE_MESSAGE(file.is_open(), path);
  std::vector<Row> rows;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream cells(line);
    Row row;
    for (std::string cell; cells >> cell;) row.push_back(cell);
    REQUIRE_MESSAGE(row.size() == columns, path << ": " << line);
    rows.push_back(row);
  }
  REQUIRE_MESSAGE(!rows.empty(), path);
  return rows;
}

inline uint64_t Number(const std::string& cell) {
  size_t read = 0;
  const uint64_t value = std::stoull(cell, &read);
  REQUIRE_MESSAGE(read == cell.size(), cell);
  return value;
}

// "1000,2000" as numbers.
inline std::vector<uint64_t> Numbers(const std::string& cell) {
  std::vector<uint64_t> numbers;
  std::istringstream parts(cell);
  for (std::string part; std::getline(parts, part, ',');) numbers.push_back(Number(part));
  return numbers;
}

}  // namespace gonka::golden
