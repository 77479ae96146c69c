#include "gonka/model/gguf.h"

#include <doctest/doctest.h>

#include <cstdlib>

#include "gguf_builder.h"

using namespace gonka;
using namespace gonka::model;
using gonka::model::test::GgufBuilder;

namespace {

std::string Refusal(Bytes file) {
  const auto gguf = Gguf::FromBytes("x.gguf", std::move(file));
  return gguf.ok() ? "accepted" : Message(gguf.status());
}

void CheckRefused(Bytes file, const std::string& expected) {
  const std::string refusal = Refusal(std::move(file));
  CHECK_MESSAGE(refusal == "x.gguf: " + expected, refusal);
}

Bytes OneTensor(std::string_view name, const std::vector<uint64_t>& shape, uint32_t type,
                uint64_t offset, size_t data_bytes = 64) {
  Bytes file = GgufBuilder().TensorEntry(name, shape, type, offset).Build();
  file.resize(file.size() + data_bytes);
  return file;
}

}  // namespace

TEST_CASE("a file gives back its metadata and tensors") {
  GgufBuilder builder;
  builder.Uint("a.count", 7).Float("a.ratio", 0.5f).Bool("a.flag", true).String("a.name", "x");
  builder.Strings("a.words", {"one", "", "three"}).Ints("a.numbers", {3, -4});
  builder.Key("a.small", GgufType::kInt8).U8(0xFE);
  builder.Tensor("m", {2, 3}, TensorType::kF32, test::FloatBytes({1, 2, 3, 4, 5, 6}));
  builder.Tensor("b", {1}, TensorType::kBF16, {0x80, 0x3F});
  const auto gguf = Gguf::FromBytes("x.gguf", builder.Build());
  REQUIRE(gguf.ok());
  const Gguf& file = **gguf;
  CHECK(*file.Uint("a.count") == 7);
  CHECK(*file.Float("a.ratio") == 0.5);
  CHECK(*file.Bool("a.flag"));
  CHECK(*file.String("a.name") == "x");
  CHECK(*file.Strings("a.words") == std::vector<std::string_view>{"one", "", "three"});
  CHECK(*file.Ints("a.numbers") == std::vector<int64_t>{3, -4});
  CHECK(file.tensors().size() == 2);
  const GgufTensor* matrix = file.FindTensor("m");
  REQUIRE(matrix != nullptr);
  CHECK(matrix->shape == std::vector<uint64_t>{2, 3});
  CHECK(file.TensorBytes(*matrix).size() == 24);
  CHECK(file.FindTensor("none") == nullptr);

  CHECK(Message(file.Uint("a.none").status()) == "x.gguf: metadata \"a.none\" is missing");
  CHECK(Message(file.Uint("a.name").status()) ==
        "x.gguf: metadata \"a.name\" must be an integer, it is a string");
  CHECK(Message(file.Uint("a.small").status()) ==
        "x.gguf: metadata \"a.small\" must not be negative, it is -2");
  CHECK(Message(file.Strings("a.numbers").status()) ==
        "x.gguf: metadata \"a.numbers\" must be an array of strings");
}

TEST_CASE("a file that is not sound is refused with the thing and its value") {
  CheckRefused({}, "file of 0 bytes ends within the magic number");
  CheckRefused(ToBytes(AsBytes("PK\x03\x04....")),
               "not a GGUF file: it starts with 504b0304, not \"GGUF\"");
  GgufBuilder old;
  old.version = 2;
  CheckRefused(old.Build(), "GGUF version 2 is not supported, only version 3");
  CheckRefused(GgufBuilder().Uint("a", 1).Uint("a", 2).Build(),
               "metadata \"a\" stands in the file twice");
  CheckRefused(OneTensor("t", {4}, 0, 8),
               "tensor \"t\" starts at 8, which is not a multiple of "
               "the alignment 32");
  CheckRefused(OneTensor("t", {17}, 0, 0),
               "tensor \"t\" of 68 bytes ends beyond the file of 128 bytes");
  CheckRefused(OneTensor("t", {4}, 0, ~uint64_t{31}),
               "tensor \"t\" of 16 bytes ends beyond the file of 128 bytes");
  CheckRefused(OneTensor("t", {uint64_t{1} << 62, 16}, 0, 0, 32),
               "tensor \"t\" of shape [4611686018427387904, 16] and type F32 is larger than the "
               "file of 128 bytes");
  CheckRefused(OneTensor("t", {2, 0}, 0, 0), "tensor \"t\" has a dimension of length 0");
  CheckRefused(OneTensor("t", {1, 1, 1, 1, 1}, 0, 0),
               "tensor \"t\" has 5 dimensions, 1 to 4 are accepted");
  CheckRefused(OneTensor("t", {4}, 6, 0),
               "tensor \"t\" has GGML type 6, supported are F32, F16, "
               "BF16, Q4_0, Q4_1, Q8_0, Q4_K and Q6_K");
  CheckRefused(OneTensor("t", {33}, 8, 0),
               "tensor \"t\" has rows of 33 values, not a multiple of Q8_0's block of 32");
  CheckRefused(OneTensor(std::string(65, 't'), {4}, 0, 0),
               "name of tensor 0 is 65 bytes long, at most 64 are accepted");
}

TEST_CASE("tensors that share bytes or a name are refused") {
  Bytes overlapping =
      GgufBuilder().TensorEntry("a", {16}, 0, 0).TensorEntry("b", {16}, 0, 32).Build();
  overlapping.resize(overlapping.size() + 96);
  CheckRefused(overlapping, "tensors \"a\" and \"b\" overlap in the file");
  GgufBuilder twice;
  twice.Tensor("a", {1}, TensorType::kF32, test::FloatBytes({1}));
  twice.Tensor("a", {1}, TensorType::kF32, test::FloatBytes({1}));
  CheckRefused(twice.Build(), "tensor \"a\" stands in the file twice");
}

TEST_CASE("counts and lengths that the file cannot hold are refused before anything is allocated") {
  GgufBuilder array;
  auto& out = array.Key("a", GgufType::kArray);
  out.Int(static_cast<uint32_t>(GgufType::kUint64));
  out.Int(uint64_t{1} << 61);
  CheckRefused(array.Build(),
               "metadata \"a\" claims 2305843009213693952 elements, but only 15 bytes of the file "
               "are left");
  Bytes many = GgufBuilder().Build();
  many[8 + 7] = 0x40;
  CheckRefused(many, "4611686018427387904 tensors, at most 65536 are accepted");
  GgufBuilder nested;
  auto& deep = nested.Key("a", GgufType::kArray);
  for (int depth = 0; depth < 6; ++depth) {
    deep.Int(static_cast<uint32_t>(GgufType::kArray));
    deep.Int(uint64_t{1});
  }
  CheckRefused(nested.Build(), "metadata \"a\" nests arrays deeper than 4");
  GgufBuilder type;
  type.Key("a", static_cast<GgufType>(13)).U8(0);
  CheckRefused(type.Build(), "metadata \"a\" has the unknown type 13");
  CheckRefused(GgufBuilder().Uint("general.alignment", 24).Build(),
               "general.alignment must be a power of two from 8 to 65536, not 24");
}

TEST_CASE("a sound file cut off anywhere is refused") {
  GgufBuilder builder = test::LlamaConfig();
  builder.Strings("a.words", {"one", "two"});
  builder.Tensor("m", {2, 4}, TensorType::kF32, test::FloatBytes({1, 2, 3, 4, 5, 6, 7, 8}));
  const Bytes whole = builder.Build();
  REQUIRE(Refusal(whole) == "accepted");
  for (size_t size = 0; size < whole.size(); ++size) {
    CHECK_FALSE(Gguf::FromBytes("x", Bytes(whole.begin(), whole.begin() + size)).ok());
  }
}

TEST_CASE("paths that are no file are named") {
  CHECK(Message(Gguf::Open("/nowhere/x.gguf").status()) ==
        "/nowhere/x.gguf: cannot open: No such file or directory");
  CHECK(Message(Gguf::Open("/").status()) == "/: not a regular file");
}
