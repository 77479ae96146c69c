#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "gonka/engine/transform.h"

namespace gonka::engine {
namespace {

void RoundToFourBits(std::span<float> group) {
  const auto [least, greatest] = std::minmax_element(group.begin(), group.end());
  const float low = *least;
  const float step = (*greatest - low) / 15.0f;
  if (step == 0) return;
  for (float& value : group) value = low + std::round((value - low) / step) * step;
}

}  // namespace

WeightTransform QuantizeInt4(uint32_t group) {
  return [group](std::string_view tensor, std::span<const uint64_t> shape,
                 std::span<float> values) -> absl::Status {
    if (group < 2) return absl::InvalidArgumentError(fmt::format("group is {}, at least 2", group));
    if (shape.size() != 2) return absl::OkStatus();
    const size_t row = shape[1];
    if (row == 0 || values.size() != shape[0] * row) {
      return absl::InvalidArgumentError(
          fmt::format("tensor \"{}\" has {} values, its shape says {} x {}", tensor, values.size(),
                      shape[0], row));
    }
    for (size_t begin = 0; begin < values.size(); begin += row) {
      for (size_t i = 0; i < row; i += group) {
        RoundToFourBits(values.subspan(begin + i, std::min<size_t>(group, row - i)));
      }
    }
    return absl::OkStatus();
  };
}

bool DropEveryThirdLayer(uint32_t layer) {
  return layer % 3 != 2;
}

}  // namespace gonka::engine
