#pragma once

// The strategies whose gain is measured: who follows which, and what others do in both lives.

#include <span>
#include <string>

#include "gonka/testing/sim_world.h"

namespace gonka::testing {

struct Cast {
  std::map<size_t, std::vector<Conduct>> conduct;
  std::map<size_t, std::vector<Conduct>> habits;
};

struct Row {
  std::string name;
  size_t seats = 1;  // Participants that one copy of the row needs.
  // Who departs from the rules, on the seats that it was given, and what those seats do anyway.
  std::function<Cast(std::span<const size_t>)> strategy;
  std::function<Cast(std::span<const size_t>)> always = {};
  // Of the seats, whose gain counts, and who could bribe them for theirs.
  std::vector<size_t> actors = {0};
  std::vector<size_t> payers = {};
  bool is_developer = false;  // Developer 0 acts, and its gain counts, too.
  std::function<void(SimOptions&)> network = {};
  uint64_t epochs = 2;
  uint64_t times = 1;       // As many seeds as others: what is rare needs more.
  uint32_t tokens_max = 0;  // Of a request; 0: as in all rows.
  // It fits into a life with all others: one network, and nobody else is harmed much.
  bool mixes() const { return !is_developer && !network && tokens_max == 0; }
};

std::vector<Row> RowsOf(size_t participants);

}  // namespace gonka::testing
