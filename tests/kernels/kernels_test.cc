// Every instruction set of this machine against the plain reference, bit for bit. A NaN is a NaN,
// whatever its payload.

#include "engine/kernels/kernels.h"

#include <doctest/doctest.h>

#include <random>
#include <string>

#include "engine/kernels/rotary.h"
#include "kernels/reference.h"

namespace gonka::engine::kernels {
namespace {

using reference::Row;

bool Same(float a, float b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b);
}

// Ordinary numbers, or with odd ones among them: signed zeros, denormals, huge, infinite, NaN.
class Numbers {
 public:
  explicit Numbers(unsigned seed) : random_(seed) {}
  float Ordinary() { return normal_(random_); }
  float Odd() {
    static constexpr float kOdd[] = {0.0f,
                                     -0.0f,
                                     0x1p-140f,
                                     -0x1p-149f,
                                     0x1p-100f,
                                     0x1p120f,
                                     -3e38f,
                                     std::numeric_limits<float>::infinity(),
                                     -std::numeric_limits<float>::infinity(),
                                     std::numeric_limits<float>::quiet_NaN()};
    return random_() % 40 == 0 ? kOdd[random_() % 10] : Ordinary();
  }
  Row Some(size_t count, bool odd) {
    Row row(count);
    for (float& x : row) x = odd ? Odd() : Ordinary();
    return row;
  }
  size_t Below(size_t bound) { return random_() % bound; }
  uint8_t Byte() { return static_cast<uint8_t>(random_()); }

 private:
  std::mt19937 random_;
  std::normal_distribution<float> normal_{0, 1};
};

// Runs every instruction set and returns how many of their results differ from `expected`.
struct Case {
  const Matrix& weight;
  size_t rows;
  const Row& x;  // [rows][inputs]
};
void CheckLinear(const Case& c, const std::vector<Row>& expected) {
  const size_t inputs = c.weight.inputs();
  const size_t outputs = c.weight.outputs();
  for (const Kernels* kernels : AvailableKernels()) {
    CAPTURE(kernels->name);
    Row sums(c.rows * (inputs / kGroup) + 1);
    if (HasMinimum(c.weight.format())) {
      for (size_t r = 0; r < c.rows; ++r) {
        kernels->group_sums(&c.x[r * inputs], inputs, &sums[r * (inputs / kGroup)]);
      }
    }
    Row y(c.rows * c.weight.stride());
    const LinearTask task{.weight = &c.weight,
                          .x = c.x.data(),
                          .x_stride = inputs,
                          .rows = c.rows,
                          .group_sums = sums.data(),
                          .y = y.data(),
                          .y_stride = c.weight.stride()};
    // Cut at an odd place, as threads would.
    const size_t pairs = c.weight.panels() / 2;
    kernels->linear(task, pairs / 3, pairs);
    kernels->linear(task, 0, pairs / 3);
    size_t different = 0;
    for (size_t r = 0; r < c.rows; ++r) {
      for (size_t n = 0; n < outputs; ++n) {
        different += !Same(y[r * c.weight.stride() + n], expected[r][n]);
      }
    }
    CHECK(different == 0);
  }
}

constexpr size_t kRowCounts[] = {1, 2, 3, 5, 6, 7, 12, 13, 31};

TEST_CASE("this machine's instruction sets") {
  std::string names;
  for (const Kernels* kernels : AvailableKernels()) names += std::string(kernels->name) + " ";
  MESSAGE("kernels tested: " << names);
  CHECK(std::string(AvailableKernels().back()->name) == "scalar");
  CHECK(SoundArithmetic());
}

TEST_CASE(
    "products with weights in fp32, bf16 and int8 are the reference's, whatever the numbers") {
  Numbers numbers(1);
  for (const Format format : {Format::kF32, Format::kBf16, Format::kInt8}) {
    CAPTURE(FormatName(format));
    for (const size_t inputs : {1, 7, 32, 255, 256, 257, 577}) {
      const size_t outputs = 1 + numbers.Below(100);
      const bool odd = numbers.Below(2) == 0;
      CAPTURE(inputs);
      CAPTURE(odd);
      const Row weights = numbers.Some(outputs * inputs, odd && format != Format::kInt8);
      Matrix matrix = Matrix::Create(format, outputs, inputs).value();
      matrix.SetRows(0, weights);
      const size_t rows = kRowCounts[numbers.Below(std::size(kRowCounts))];
      const Row x = numbers.Some(rows * inputs, odd);
      std::vector<Row> expected(rows, Row(outputs));
      for (size_t n = 0; n < outputs; ++n) {
        Row row(weights.begin() + static_cast<ptrdiff_t>(n * inputs),
                weights.begin() + static_cast<ptrdiff_t>((n + 1) * inputs));
        float scale = 1;
        if (format == Format::kBf16) {
          for (float& w : row) w = reference::NearestBf16(w);
        }
        if (format == Format::kInt8) {
          const reference::Int8Row narrow = reference::ToInt8(row);
          row = narrow.q;
          scale = narrow.scale;
        }
        for (size_t r = 0; r < rows; ++r) {
          const float dot = reference::Dot(
              inputs, [&](size_t k) { return row[k]; }, &x[r * inputs]);
          expected[r][n] = format == Format::kInt8 ? dot * scale : dot;
        }
        Row read(inputs);
        matrix.ReadRow(n, read);
        for (size_t k = 0; k < inputs; ++k) {
          CHECK(Same(read[k], format == Format::kInt8 ? row[k] * scale : row[k]));
        }
      }
      CheckLinear({matrix, rows, x}, expected);
    }
  }
}

// Any bytes are a row, but for scales that are not finite.
Bytes RandomStored(Numbers& numbers, size_t blocks, size_t bytes, size_t halves) {
  Bytes stored(blocks * bytes);
  for (uint8_t& byte : stored) byte = numbers.Byte();
  for (size_t b = 0; b < blocks; ++b) {
    for (size_t h = 0; h < halves; ++h) {
      uint8_t& high = stored[b * bytes + 2 * h + 1];
      if ((high & 0x7C) == 0x7C) high &= 0xBF;
    }
  }
  return stored;
}

TEST_CASE("products with GGUF's own grids are the reference's, whatever the file says") {
  struct Grid {
    Format format;
    reference::Kind kind;
    size_t values, bytes, halves;
  };
  const Grid grids[] = {{Format::kQ8_0, reference::Kind::kQ8_0, 32, 34, 1},
                        {Format::kQ4_0, reference::Kind::kQ4_0, 32, 18, 1},
                        {Format::kQ4_1, reference::Kind::kQ4_1, 32, 20, 2},
                        {Format::kQ4_K, reference::Kind::kQ4_K, 256, 144, 2}};
  Numbers numbers(2);
  for (const Grid& grid : grids) {
    CAPTURE(FormatName(grid.format));
    for (const size_t units : {1, 2, 3, 9, 18}) {
      const size_t inputs = units * grid.values;
      const size_t outputs = 1 + numbers.Below(70);
      const size_t rows = kRowCounts[numbers.Below(std::size(kRowCounts))];
      CAPTURE(inputs);
      const size_t row_bytes = units * grid.bytes;
      const Bytes stored = RandomStored(numbers, outputs * units, grid.bytes, grid.halves);
      Matrix matrix = Matrix::Create(grid.format, outputs, inputs).value();
      // In two parts, as a query and a key matrix that lie under one another.
      const size_t cut = outputs / 2 * row_bytes;
      CHECK(matrix.SetStoredRows(0, ByteSpan(stored).first(cut)).ok());
      CHECK(matrix.SetStoredRows(outputs / 2, ByteSpan(stored).subspan(cut)).ok());
      const Row x = numbers.Some(rows * inputs, units % 2 == 0);
      std::vector<Row> expected(rows, Row(outputs));
      for (size_t n = 0; n < outputs; ++n) {
        const auto groups = reference::Groups(grid.kind, stored.data() + n * row_bytes, inputs);
        for (size_t r = 0; r < rows; ++r) {
          expected[r][n] = reference::DotGroups(groups, HasMinimum(grid.format), &x[r * inputs]);
        }
        Row read(inputs);
        matrix.ReadRow(n, read);
        for (size_t k = 0; k < inputs; ++k) {
          const reference::Group& group = groups[k / 32];
          const float value = group.q[k % 32] * group.d;
          CHECK(Same(read[k], HasMinimum(grid.format) ? value + group.m : value));
        }
      }
      CheckLinear({matrix, rows, x}, expected);
    }
  }
}

TEST_CASE("a scale that is no number is refused, and so are rows that groups do not divide") {
  Bytes stored(2 * 18);
  stored[18 + 1] = 0x7C;
  Matrix matrix = Matrix::Create(Format::kQ4_0, 1, 64).value();
  CHECK(matrix.SetStoredRows(0, stored).message() ==
        "row 0 has a scale that is not a finite number, in the group of weight 32");
  CHECK(Matrix::Create(Format::kQ4_K, 1, 288).status().message() ==
        "a matrix of 1 x 288 cannot be q4_k: rows are multiples of 256");
}

TEST_CASE("norm, gate and softmax of rows of any length are the reference's") {
  Numbers numbers(3);
  for (const size_t count : {1, 15, 16, 17, 64, 191, 576}) {
    for (const bool odd : {false, true}) {
      CAPTURE(count);
      CAPTURE(odd);
      const Row x = numbers.Some(count, odd), w = numbers.Some(count, odd);
      const Row norm = reference::RmsNorm(x, w, 1e-5f);
      Row weights = x;
      const float sum = reference::Softmax(weights);
      for (const Kernels* kernels : AvailableKernels()) {
        CAPTURE(kernels->name);
        Row out(count);
        size_t different = 0;
        kernels->rms_norm(x.data(), w.data(), count, 1e-5f, out.data());
        for (size_t i = 0; i < count; ++i) different += !Same(out[i], norm[i]);
        kernels->swiglu(x.data(), w.data(), count, out.data());
        for (size_t i = 0; i < count; ++i) different += !Same(out[i], reference::Silu(x[i]) * w[i]);
        out = x;
        float total = 0;
        kernels->softmax(out.data(), count, &total);
        for (size_t i = 0; i < count; ++i) different += !Same(out[i], weights[i]);
        CHECK(different == 0);
        CHECK(Same(total, sum));
      }
    }
  }
}

TEST_CASE("the exponential is right to two units in the last place where it is a normal number") {
  double worst = 0;
  for (float x = -87.0f; x < 88.5f; x += 0.0137f) {
    const double exact = std::exp(static_cast<double>(x));
    worst = std::max(worst, std::abs(reference::Exp(x) / exact - 1));
  }
  CHECK(worst < 2 * 0x1p-23);
  CHECK(reference::Exp(0) == 1);
  CHECK(reference::Exp(-200) == 0);
  CHECK(std::isinf(reference::Exp(100)));
}

TEST_CASE("attention over pages is the reference's, together or row by row") {
  Numbers numbers(4);
  for (const size_t dim : {8, 32, 64, 80}) {
    const size_t tokens = 300 + numbers.Below(300);
    CAPTURE(dim);
    CAPTURE(tokens);
    std::vector<Row> keys, values;
    for (size_t t = 0; t < tokens; ++t) {
      keys.push_back(numbers.Some(dim, dim == 32));
      values.push_back(numbers.Some(dim, dim == 32));
    }
    // Memory behind the last token holds garbage.
    const size_t pages = tokens / kPageTokens + 1;
    const size_t padded = (dim + kPanel - 1) / kPanel * kPanel;
    constexpr float kGarbage = std::numeric_limits<float>::quiet_NaN();
    std::vector<Row> key_pages(pages, Row(kPageTokens * dim, kGarbage));
    std::vector<Row> value_pages(pages, Row(kPageTokens * padded, kGarbage));
    for (size_t t = 0; t < tokens; ++t) {
      const size_t at = t % kPageTokens;
      for (size_t d = 0; d < dim; ++d) {
        key_pages[t / kPageTokens][(at / kPanel * dim + d) * kPanel + at % kPanel] = keys[t][d];
        value_pages[t / kPageTokens][(d / kPanel * kPageTokens + at) * kPanel + d % kPanel] =
            values[t][d];
      }
    }
    std::vector<const float*> key_pointers, value_pointers;
    for (size_t p = 0; p < pages; ++p) {
      key_pointers.push_back(key_pages[p].data());
      value_pointers.push_back(value_pages[p].data());
    }
    const Row queries = numbers.Some(kAttentionRows * dim, false);
    const size_t ends[kAttentionRows] = {tokens - 3, tokens - 3, tokens - 2, tokens - 1, 1, 255};
    // A window that begins anywhere in a block, at its end, or one token before the row itself.
    const size_t windows[kAttentionRows] = {7, tokens - 4, 255, 256, 0, 254};
    const float scale = 1.0f / std::sqrt(static_cast<float>(dim));
    for (const Kernels* kernels : AvailableKernels()) {
      CAPTURE(kernels->name);
      const auto scratch = AllocateFloats(AttentionScratch(dim, tokens));
      for (const size_t* begins : {static_cast<const size_t*>(nullptr), &windows[0]}) {
        for (const size_t step : {kAttentionRows, size_t{1}}) {
          size_t different = 0;
          for (size_t r = 0; r < kAttentionRows; r += step) {
            Row out(step * padded);
            kernels->attend({.head_dim = dim,
                             .key_pages = key_pointers.data(),
                             .value_pages = value_pointers.data(),
                             .rows = step,
                             .queries = &queries[r * dim],
                             .begins = begins == nullptr ? nullptr : begins + r,
                             .ends = ends + r,
                             .scale = scale,
                             .out = out.data(),
                             .scratch = scratch.get()});
            for (size_t i = 0; i < step; ++i) {
              const size_t begin = begins == nullptr ? 0 : begins[r + i];
              const Row expected = reference::Attend(&queries[(r + i) * dim], keys, values,
                                                     {begin, ends[r + i]}, scale);
              for (size_t d = 0; d < dim; ++d) {
                different += !Same(out[i * padded + d], expected[d]);
              }
            }
          }
          CHECK(different == 0);
        }
      }
    }
  }
}

TEST_CASE("rotary tables are right to a float's last place, and hash to the same everywhere") {
  double worst = 0;
  uint64_t hash = 14695981039346656037ULL;
  for (const double theta : {10'000.0, 500'000.0}) {
    model::ModelConfig config;
    config.head_dim = 64;
    config.rope_theta = static_cast<float>(theta);
    const RotaryTable table = MakeRotaryTable(RopeFrequencies(config, {}), 1, 4096);
    for (size_t position = 0; position < 4096; ++position) {
      for (size_t i = 0; i < 32; ++i) {
        const double angle =
            static_cast<double>(position) * std::pow(theta, -2.0 * static_cast<double>(i) / 64);
        const float cos = table.cos[position * 32 + i], sin = table.sin[position * 32 + i];
        worst = std::max({worst, std::abs(cos - std::cos(angle)), std::abs(sin - std::sin(angle))});
        for (const float value : {cos, sin}) {
          hash = (hash ^ std::bit_cast<uint32_t>(value)) * 1099511628211ULL;
        }
      }
    }
  }
  CHECK(worst < 0x1p-24);
  CHECK(hash == 14002337618311367312ULL);
}

}  // namespace
}  // namespace gonka::engine::kernels
