#include "parser.h"

#include <algorithm>
#include <charconv>

#include "builtins.h"
#include "fmt/format.h"
#include "lexer.h"

namespace gonka::model::jinja {
namespace {

// Bounds the recursion of parser, interpreter and destructors.
constexpr uint32_t kHeightMax = 150;
constexpr uint32_t kBlocksMax = 40;

using MutableExpr = std::unique_ptr<Expr>;
using MutableStmt = std::unique_ptr<Stmt>;

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  absl::StatusOr<Body> ParseTemplate() {
    GONKA_ASSIGN_OR_RETURN(Body body, ParseBody());
    if (Peek().type != TokenType::kEnd) {
      return Unexpected(fmt::format("tag {}", Peek(1).text));
    }
    return body;
  }

 private:
  const Token& Peek(size_t ahead = 0) const {
    return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
  }
  Token Next() {
    Token token = Peek();
    if (at_ + 1 < tokens_.size()) ++at_;
    return token;
  }
  bool IsOperator(std::string_view text) const {
    return Peek().type == TokenType::kOperator && Peek().text == text;
  }
  bool IsName(std::string_view text, size_t ahead = 0) const {
    return Peek(ahead).type == TokenType::kName && Peek(ahead).text == text;
  }
  bool SkipOperator(std::string_view text) {
    if (!IsOperator(text)) return false;
    Next();
    return true;
  }
  bool SkipName(std::string_view text) {
    if (!IsName(text)) return false;
    Next();
    return true;
  }
  absl::Status Unexpected(const std::string& what) const {
    return ErrorAt(Peek().line, what + " is not expected");
  }
  std::string Describe() const {
    switch (Peek().type) {
      case TokenType::kEnd:
        return "the end of the template";
      case TokenType::kText:
        return "text";
      default:
        return fmt::format("\"{}\"", Peek().text);
    }
  }
  absl::Status ExpectOperator(std::string_view text) {
    if (SkipOperator(text)) return absl::OkStatus();
    return ErrorAt(Peek().line, fmt::format("\"{}\" is expected before {}", text, Describe()));
  }
  absl::Status ExpectType(TokenType type, std::string_view text) {
    if (Peek().type != type) {
      return ErrorAt(Peek().line, fmt::format("{} is expected before {}", text, Describe()));
    }
    Next();
    return absl::OkStatus();
  }
  absl::StatusOr<std::string> ExpectName(std::string_view what) {
    if (Peek().type != TokenType::kName) {
      return ErrorAt(Peek().line, fmt::format("{} is expected before {}", what, Describe()));
    }
    return Next().text;
  }

  // ---- Statements ----

  // Up to a tag that does not start a statement (such as "endif") or the end.
  absl::StatusOr<Body> ParseBody() {
    Body body;
    if (++blocks_ > kBlocksMax) return ErrorAt(Peek().line, "blocks are nested too deeply");
    while (true) {
      const Token& token = Peek();
      if (token.type == TokenType::kText) {
        auto stmt = NewStmt(StmtKind::kText);
        stmt->text = Next().text;
        body.push_back(std::move(stmt));
      } else if (token.type == TokenType::kExprBegin) {
        auto stmt = NewStmt(StmtKind::kOutput);
        Next();
        GONKA_ASSIGN_OR_RETURN(stmt->expr, ParseTupleOrExpr());
        GONKA_RETURN_IF_ERROR(ExpectType(TokenType::kExprEnd, "}}"));
        body.push_back(std::move(stmt));
      } else if (token.type == TokenType::kStmtBegin && !IsClosingTag()) {
        GONKA_RETURN_IF_ERROR(ParseStatement(body));
      } else {
        break;
      }
    }
    --blocks_;
    return body;
  }

  bool IsClosingTag() const {
    constexpr std::string_view kClosing[] = {"endif",  "elif",     "else",         "endfor",
                                             "endset", "endmacro", "endgeneration"};
    const std::string& name = Peek(1).text;
    return std::find(std::begin(kClosing), std::end(kClosing), name) != std::end(kClosing);
  }

  MutableStmt NewStmt(StmtKind kind) const {
    auto stmt = std::make_unique<Stmt>();
    stmt->kind = kind;
    stmt->line = Peek().line;
    return stmt;
  }

  absl::Status ParseStatement(Body& body) {
    Next();  // {%
    const int line = Peek().line;
    GONKA_ASSIGN_OR_RETURN(const std::string name, ExpectName("a statement"));
    if (name == "generation") {  // Marks what a training set would learn; of no meaning here.
      GONKA_RETURN_IF_ERROR(EndTag());
      GONKA_ASSIGN_OR_RETURN(Body inner, ParseBody());
      for (auto& stmt : inner) body.push_back(std::move(stmt));
      return CloseBlock("endgeneration");
    }
    absl::StatusOr<MutableStmt> stmt = name == "if"         ? ParseIf()
                                       : name == "for"      ? ParseFor()
                                       : name == "set"      ? ParseSet()
                                       : name == "macro"    ? ParseMacro()
                                       : name == "break"    ? ParseJump(StmtKind::kBreak)
                                       : name == "continue" ? ParseJump(StmtKind::kContinue)
                                                            : Unsupported(line, name);
    if (!stmt.ok()) return stmt.status();
    (*stmt)->line = line;
    body.push_back(*std::move(stmt));
    return absl::OkStatus();
  }

  static absl::StatusOr<MutableStmt> Unsupported(int line, const std::string& name) {
    return ErrorAt(line, fmt::format("statement \"{}\" is not supported", name));
  }

  absl::Status EndTag() { return ExpectType(TokenType::kStmtEnd, "%}"); }

  absl::Status CloseBlock(std::string_view name) {
    if (Peek().type != TokenType::kStmtBegin || !IsName(name, 1)) {
      return ErrorAt(Peek().line, fmt::format("\"{}\" is expected before {}", name,
                                              Peek().type == TokenType::kStmtBegin
                                                  ? fmt::format("\"{}\"", Peek(1).text)
                                                  : Describe()));
    }
    Next();
    Next();
    return EndTag();
  }

  absl::StatusOr<MutableStmt> ParseIf() {
    ++conditions_;
    absl::StatusOr<MutableStmt> stmt = ParseBranches();
    --conditions_;
    return stmt;
  }

  absl::StatusOr<MutableStmt> ParseBranches() {
    MutableStmt stmt = NewStmt(StmtKind::kIf);
    while (true) {
      Branch branch;
      GONKA_ASSIGN_OR_RETURN(branch.condition, ParseExpr());
      GONKA_RETURN_IF_ERROR(EndTag());
      GONKA_ASSIGN_OR_RETURN(branch.body, ParseBody());
      stmt->branches.push_back(std::move(branch));
      if (!IsName("elif", 1)) break;
      Next();
      Next();
    }
    if (IsName("else", 1)) {
      Branch branch;
      GONKA_RETURN_IF_ERROR(CloseBlock("else"));
      GONKA_ASSIGN_OR_RETURN(branch.body, ParseBody());
      stmt->branches.push_back(std::move(branch));
    }
    GONKA_RETURN_IF_ERROR(CloseBlock("endif"));
    return stmt;
  }

  absl::StatusOr<MutableStmt> ParseFor() {
    MutableStmt stmt = NewStmt(StmtKind::kFor);
    GONKA_RETURN_IF_ERROR(ParseTargets(*stmt));
    if (!SkipName("in")) return ErrorAt(Peek().line, "\"in\" is expected in a for loop");
    GONKA_ASSIGN_OR_RETURN(stmt->expr, ParseOr());
    if (SkipName("if")) {
      GONKA_ASSIGN_OR_RETURN(stmt->filter, ParseExpr());
    }
    if (IsName("recursive")) return ErrorAt(Peek().line, "recursive loops are not supported");
    GONKA_RETURN_IF_ERROR(EndTag());
    ++loops_;
    absl::StatusOr<Body> body = ParseBody();
    --loops_;
    if (!body.ok()) return body.status();
    stmt->body = *std::move(body);
    if (IsName("else", 1)) {
      GONKA_RETURN_IF_ERROR(CloseBlock("else"));
      GONKA_ASSIGN_OR_RETURN(stmt->other, ParseBody());
    }
    GONKA_RETURN_IF_ERROR(CloseBlock("endfor"));
    return stmt;
  }

  absl::Status ParseTargets(Stmt& stmt) {
    const bool bracketed = SkipOperator("(");
    do {
      GONKA_ASSIGN_OR_RETURN(std::string name, ExpectName("a variable"));
      stmt.targets.push_back(std::move(name));
    } while (SkipOperator(","));
    return bracketed ? ExpectOperator(")") : absl::OkStatus();
  }

  absl::StatusOr<MutableStmt> ParseSet() {
    MutableStmt stmt = NewStmt(StmtKind::kSet);
    GONKA_RETURN_IF_ERROR(ParseTargets(*stmt));
    if (stmt->targets.size() == 1 && SkipOperator(".")) {
      GONKA_ASSIGN_OR_RETURN(stmt->attribute, ExpectName("an attribute"));
    }
    if (SkipOperator("=")) {
      GONKA_ASSIGN_OR_RETURN(stmt->expr, ParseTupleOrExpr());
      GONKA_RETURN_IF_ERROR(EndTag());
      return stmt;
    }
    if (stmt->targets.size() != 1 || !stmt->attribute.empty()) {
      return ErrorAt(Peek().line, "\"=\" is expected in a set statement");
    }
    stmt->kind = StmtKind::kCapture;
    if (IsOperator("|")) {
      // The filters apply to what the block prints, which the interpreter calls by this name.
      MutableExpr printed = NewExpr(ExprKind::kName);
      printed->name = kCaptured;
      GONKA_ASSIGN_OR_RETURN(stmt->expr, ParseFilters(std::move(printed)));
    }
    GONKA_RETURN_IF_ERROR(EndTag());
    GONKA_ASSIGN_OR_RETURN(stmt->body, ParseBody());
    GONKA_RETURN_IF_ERROR(CloseBlock("endset"));
    return stmt;
  }

  absl::StatusOr<MutableStmt> ParseMacro() {
    MutableStmt stmt = NewStmt(StmtKind::kMacro);
    auto macro = std::make_unique<MacroStmt>();
    GONKA_ASSIGN_OR_RETURN(macro->name, ExpectName("a macro's name"));
    GONKA_RETURN_IF_ERROR(ExpectOperator("("));
    while (!IsOperator(")")) {
      MacroStmt::Parameter parameter;
      GONKA_ASSIGN_OR_RETURN(parameter.name, ExpectName("a parameter"));
      if (SkipOperator("=")) {
        GONKA_ASSIGN_OR_RETURN(parameter.fallback, ParseExpr());
      }
      macro->parameters.push_back(std::move(parameter));
      if (!SkipOperator(",")) break;
    }
    GONKA_RETURN_IF_ERROR(ExpectOperator(")"));
    GONKA_RETURN_IF_ERROR(EndTag());
    const uint32_t outer_loops = std::exchange(loops_, 0);
    absl::StatusOr<Body> body = ParseBody();
    loops_ = outer_loops;
    if (!body.ok()) return body.status();
    macro->body = *std::move(body);
    GONKA_RETURN_IF_ERROR(CloseBlock("endmacro"));
    stmt->macro = std::move(macro);
    return stmt;
  }

  absl::StatusOr<MutableStmt> ParseJump(StmtKind kind) {
    if (loops_ == 0) return ErrorAt(Peek().line, "break and continue need a loop");
    MutableStmt stmt = NewStmt(kind);
    GONKA_RETURN_IF_ERROR(EndTag());
    return stmt;
  }

  // ---- Expressions, loosest first ----

  MutableExpr NewExpr(ExprKind kind) const {
    auto expr = std::make_unique<Expr>();
    expr->kind = kind;
    expr->line = Peek().line;
    return expr;
  }

  absl::Status AddArg(Expr& parent, ExprPtr child) const {
    if (child) parent.height = std::max(parent.height, child->height + 1);
    if (parent.height > kHeightMax) return ErrorAt(parent.line, "expression is nested too deeply");
    parent.args.push_back(std::move(child));
    return absl::OkStatus();
  }

  absl::StatusOr<MutableExpr> ParseTupleOrExpr() {
    GONKA_ASSIGN_OR_RETURN(MutableExpr first, ParseExpr());
    if (!IsOperator(",")) return first;
    return ParseTupleRest(std::move(first));
  }

  absl::StatusOr<MutableExpr> ParseTupleRest(MutableExpr first) {
    MutableExpr tuple = NewExpr(ExprKind::kList);
    GONKA_RETURN_IF_ERROR(AddArg(*tuple, std::move(first)));
    while (SkipOperator(",")) {
      if (IsOperator(")") || Peek().type == TokenType::kStmtEnd ||
          Peek().type == TokenType::kExprEnd) {
        break;
      }
      GONKA_ASSIGN_OR_RETURN(MutableExpr item, ParseExpr());
      GONKA_RETURN_IF_ERROR(AddArg(*tuple, std::move(item)));
    }
    return tuple;
  }

  absl::StatusOr<MutableExpr> ParseExpr() {
    if (++depth_ > kHeightMax) return ErrorAt(Peek().line, "expression is nested too deeply");
    absl::StatusOr<MutableExpr> expr = ParseConditional();
    --depth_;
    return expr;
  }

  absl::StatusOr<MutableExpr> ParseConditional() {
    GONKA_ASSIGN_OR_RETURN(MutableExpr expr, ParseOr());
    while (IsName("if")) {
      MutableExpr conditional = NewExpr(ExprKind::kConditional);
      Next();
      GONKA_RETURN_IF_ERROR(AddArg(*conditional, std::move(expr)));
      GONKA_ASSIGN_OR_RETURN(MutableExpr condition, ParseOr());
      GONKA_RETURN_IF_ERROR(AddArg(*conditional, std::move(condition)));
      MutableExpr otherwise;
      if (SkipName("else")) {
        GONKA_ASSIGN_OR_RETURN(otherwise, ParseExpr());
      }
      GONKA_RETURN_IF_ERROR(AddArg(*conditional, std::move(otherwise)));
      expr = std::move(conditional);
    }
    return expr;
  }

  absl::StatusOr<MutableExpr> Binary(ExprKind kind, std::string_view name, MutableExpr left,
                                     MutableExpr right) const {
    MutableExpr expr = NewExpr(kind);
    expr->line = left->line;
    expr->name = name;
    GONKA_RETURN_IF_ERROR(AddArg(*expr, std::move(left)));
    GONKA_RETURN_IF_ERROR(AddArg(*expr, std::move(right)));
    return expr;
  }

  absl::StatusOr<MutableExpr> ParseOr() {
    GONKA_ASSIGN_OR_RETURN(MutableExpr left, ParseAnd());
    while (SkipName("or")) {
      GONKA_ASSIGN_OR_RETURN(MutableExpr right, ParseAnd());
      GONKA_ASSIGN_OR_RETURN(left, Binary(ExprKind::kOr, "or", std::move(left), std::move(right)));
    }
    return left;
  }

  absl::StatusOr<MutableExpr> ParseAnd() {
    GONKA_ASSIGN_OR_RETURN(MutableExpr left, ParseNot());
    while (SkipName("and")) {
      GONKA_ASSIGN_OR_RETURN(MutableExpr right, ParseNot());
      GONKA_ASSIGN_OR_RETURN(left,
                             Binary(ExprKind::kAnd, "and", std::move(left), std::move(right)));
    }
    return left;
  }

  absl::StatusOr<MutableExpr> ParseNot() {
    if (!IsName("not")) return ParseCompare();
    MutableExpr expr = NewExpr(ExprKind::kNot);
    Next();
    if (++depth_ > kHeightMax) return ErrorAt(Peek().line, "expression is nested too deeply");
    GONKA_ASSIGN_OR_RETURN(MutableExpr inner, ParseNot());
    --depth_;
    GONKA_RETURN_IF_ERROR(AddArg(*expr, std::move(inner)));
    return expr;
  }

  // The comparison that starts here, or "".
  std::string TakeComparison() {
    constexpr std::string_view kOperators[] = {"==", "!=", "<", "<=", ">", ">="};
    if (Peek().type == TokenType::kOperator &&
        std::find(std::begin(kOperators), std::end(kOperators), Peek().text) !=
            std::end(kOperators)) {
      return Next().text;
    }
    if (SkipName("in")) return "in";
    if (IsName("not") && IsName("in", 1)) {
      Next();
      Next();
      return "not in";
    }
    return "";
  }

  absl::StatusOr<MutableExpr> ParseCompare() {
    GONKA_ASSIGN_OR_RETURN(MutableExpr left, ParseSum());
    MutableExpr compare;
    for (std::string op = TakeComparison(); !op.empty(); op = TakeComparison()) {
      if (!compare) {
        compare = NewExpr(ExprKind::kCompare);
        GONKA_RETURN_IF_ERROR(AddArg(*compare, std::move(left)));
      }
      GONKA_ASSIGN_OR_RETURN(MutableExpr right, ParseSum());
      compare->operators.push_back(std::move(op));
      GONKA_RETURN_IF_ERROR(AddArg(*compare, std::move(right)));
    }
    return compare ? std::move(compare) : std::move(left);
  }

  absl::StatusOr<MutableExpr> ParseSum() {
    GONKA_ASSIGN_OR_RETURN(MutableExpr left, ParseConcat());
    while (IsOperator("+") || IsOperator("-")) {
      const std::string op = Next().text;
      GONKA_ASSIGN_OR_RETURN(MutableExpr right, ParseConcat());
      GONKA_ASSIGN_OR_RETURN(left,
                             Binary(ExprKind::kBinary, op, std::move(left), std::move(right)));
    }
    return left;
  }

  absl::StatusOr<MutableExpr> ParseConcat() {
    GONKA_ASSIGN_OR_RETURN(MutableExpr left, ParseProduct());
    while (SkipOperator("~")) {
      GONKA_ASSIGN_OR_RETURN(MutableExpr right, ParseProduct());
      GONKA_ASSIGN_OR_RETURN(left,
                             Binary(ExprKind::kBinary, "~", std::move(left), std::move(right)));
    }
    return left;
  }

  absl::StatusOr<MutableExpr> ParseProduct() {
    GONKA_ASSIGN_OR_RETURN(MutableExpr left, ParsePower());
    while (IsOperator("*") || IsOperator("/") || IsOperator("//") || IsOperator("%")) {
      const std::string op = Next().text;
      GONKA_ASSIGN_OR_RETURN(MutableExpr right, ParsePower());
      GONKA_ASSIGN_OR_RETURN(left,
                             Binary(ExprKind::kBinary, op, std::move(left), std::move(right)));
    }
    return left;
  }

  absl::StatusOr<MutableExpr> ParsePower() {
    GONKA_ASSIGN_OR_RETURN(MutableExpr left, ParseUnary(true));
    while (SkipOperator("**")) {
      GONKA_ASSIGN_OR_RETURN(MutableExpr right, ParseUnary(true));
      GONKA_ASSIGN_OR_RETURN(left,
                             Binary(ExprKind::kBinary, "**", std::move(left), std::move(right)));
    }
    return left;
  }

  absl::StatusOr<MutableExpr> ParseUnary(bool with_filters) {
    MutableExpr expr;
    if (IsOperator("-") || IsOperator("+")) {
      MutableExpr negate = NewExpr(ExprKind::kNegate);
      const bool minus = Next().text == "-";
      if (++depth_ > kHeightMax) return ErrorAt(Peek().line, "expression is nested too deeply");
      GONKA_ASSIGN_OR_RETURN(expr, ParseUnary(false));
      --depth_;
      if (minus) {
        GONKA_RETURN_IF_ERROR(AddArg(*negate, std::move(expr)));
        expr = std::move(negate);
      }
    } else {
      GONKA_ASSIGN_OR_RETURN(expr, ParsePrimary());
      GONKA_ASSIGN_OR_RETURN(expr, ParsePostfix(std::move(expr)));
    }
    return with_filters ? ParseFilters(std::move(expr)) : std::move(expr);
  }

  absl::StatusOr<MutableExpr> ParsePostfix(MutableExpr expr) {
    while (IsOperator(".") || IsOperator("[") || IsOperator("(")) {
      const std::string op = Peek().text;
      if (op == "(") {
        GONKA_ASSIGN_OR_RETURN(expr, ParseCall(std::move(expr)));
      } else if (op == "[") {
        GONKA_ASSIGN_OR_RETURN(expr, ParseSubscript(std::move(expr)));
      } else {
        MutableExpr attribute = NewExpr(ExprKind::kAttribute);
        Next();
        GONKA_ASSIGN_OR_RETURN(attribute->name, ExpectName("an attribute"));
        GONKA_RETURN_IF_ERROR(AddArg(*attribute, std::move(expr)));
        expr = std::move(attribute);
      }
    }
    return expr;
  }

  absl::StatusOr<MutableExpr> ParseCall(MutableExpr callee) {
    MutableExpr call = NewExpr(ExprKind::kCall);
    GONKA_RETURN_IF_ERROR(AddArg(*call, std::move(callee)));
    GONKA_RETURN_IF_ERROR(ParseArguments(*call));
    return call;
  }

  // "(a, b, name=c)"
  absl::Status ParseArguments(Expr& call) {
    GONKA_RETURN_IF_ERROR(ExpectOperator("("));
    while (!IsOperator(")")) {
      if (Peek().type == TokenType::kName && Peek(1).type == TokenType::kOperator &&
          Peek(1).text == "=") {
        std::string name = Next().text;
        Next();
        GONKA_ASSIGN_OR_RETURN(MutableExpr value, ParseExpr());
        call.height = std::max(call.height, value->height + 1);
        call.named.emplace_back(std::move(name), std::move(value));
      } else {
        if (!call.named.empty()) {
          return ErrorAt(Peek().line, "a positional argument follows a named one");
        }
        GONKA_ASSIGN_OR_RETURN(MutableExpr value, ParseExpr());
        GONKA_RETURN_IF_ERROR(AddArg(call, std::move(value)));
      }
      if (!SkipOperator(",")) break;
    }
    return ExpectOperator(")");
  }

  absl::StatusOr<MutableExpr> ParseSubscript(MutableExpr object) {
    MutableExpr expr = NewExpr(ExprKind::kIndex);
    Next();
    GONKA_RETURN_IF_ERROR(AddArg(*expr, std::move(object)));
    for (int part = 0; part < 3; ++part) {
      MutableExpr bound;
      if (!IsOperator(":") && !IsOperator("]")) {
        GONKA_ASSIGN_OR_RETURN(bound, ParseExpr());
      }
      GONKA_RETURN_IF_ERROR(AddArg(*expr, std::move(bound)));
      if (!SkipOperator(":")) break;
      expr->kind = ExprKind::kSlice;
    }
    if (expr->kind == ExprKind::kIndex && !expr->args[1]) {
      return ErrorAt(expr->line, "an index is expected before \"]\"");
    }
    if (expr->kind == ExprKind::kSlice) expr->args.resize(4);
    GONKA_RETURN_IF_ERROR(ExpectOperator("]"));
    return expr;
  }

  absl::StatusOr<MutableExpr> ParseFilters(MutableExpr expr) {
    while (true) {
      if (IsOperator("|")) {
        GONKA_ASSIGN_OR_RETURN(expr, ParseFilter(std::move(expr)));
      } else if (IsName("is")) {
        GONKA_ASSIGN_OR_RETURN(expr, ParseTest(std::move(expr)));
      } else {
        return expr;
      }
    }
  }

  absl::StatusOr<MutableExpr> ParseFilter(MutableExpr subject) {
    MutableExpr filter = NewExpr(ExprKind::kFilter);
    Next();
    GONKA_ASSIGN_OR_RETURN(filter->name, ExpectName("a filter"));
    if (!IsFilter(filter->name) && conditions_ == 0) {
      return ErrorAt(filter->line, fmt::format("filter \"{}\" is not supported", filter->name));
    }
    GONKA_RETURN_IF_ERROR(AddArg(*filter, std::move(subject)));
    if (IsOperator("(")) GONKA_RETURN_IF_ERROR(ParseArguments(*filter));
    return filter;
  }

  absl::StatusOr<MutableExpr> ParseTest(MutableExpr subject) {
    MutableExpr test = NewExpr(ExprKind::kTest);
    Next();
    const bool negated = SkipName("not");
    GONKA_ASSIGN_OR_RETURN(test->name, ExpectName("a test"));
    if (!IsTest(test->name) && conditions_ == 0) {
      return ErrorAt(test->line, fmt::format("test \"{}\" is not supported", test->name));
    }
    GONKA_RETURN_IF_ERROR(AddArg(*test, std::move(subject)));
    if (IsOperator("(")) {
      GONKA_RETURN_IF_ERROR(ParseArguments(*test));
    } else if (StartsTestArgument()) {
      GONKA_ASSIGN_OR_RETURN(MutableExpr argument, ParsePrimary());
      GONKA_ASSIGN_OR_RETURN(argument, ParsePostfix(std::move(argument)));
      GONKA_RETURN_IF_ERROR(AddArg(*test, std::move(argument)));
    }
    if (!negated) return test;
    MutableExpr negation = NewExpr(ExprKind::kNot);
    GONKA_RETURN_IF_ERROR(AddArg(*negation, std::move(test)));
    return negation;
  }

  bool StartsTestArgument() const {
    constexpr std::string_view kWords[] = {"and", "or", "else", "if", "is", "in", "not"};
    switch (Peek().type) {
      case TokenType::kName:
        return std::find(std::begin(kWords), std::end(kWords), Peek().text) == std::end(kWords);
      case TokenType::kString:
      case TokenType::kInt:
      case TokenType::kFloat:
        return true;
      default:
        return IsOperator("[") || IsOperator("{");
    }
  }

  absl::StatusOr<MutableExpr> ParsePrimary() {
    switch (Peek().type) {
      case TokenType::kName:
        return ParseNameOrConstant();
      case TokenType::kString:
        return ParseStrings();
      case TokenType::kInt:
      case TokenType::kFloat:
        return ParseNumber();
      default:
        break;
    }
    if (IsOperator("(")) return ParseParenthesis();
    if (IsOperator("[")) return ParseList();
    if (IsOperator("{")) return ParseDict();
    return ErrorAt(Peek().line, fmt::format("an expression is expected before {}", Describe()));
  }

  absl::StatusOr<MutableExpr> ParseNameOrConstant() {
    MutableExpr expr = NewExpr(ExprKind::kLiteral);
    const std::string name = Next().text;
    if (name == "true" || name == "True") {
      expr->literal = Value(true);
    } else if (name == "false" || name == "False") {
      expr->literal = Value(false);
    } else if (name != "none" && name != "None") {
      expr->kind = ExprKind::kName;
      expr->name = name;
    }
    return expr;
  }

  // Strings side by side are one.
  absl::StatusOr<MutableExpr> ParseStrings() {
    MutableExpr expr = NewExpr(ExprKind::kLiteral);
    std::string text;
    while (Peek().type == TokenType::kString) text += Next().text;
    expr->literal = Value::String(Str::Trusted(text));
    return expr;
  }

  absl::StatusOr<MutableExpr> ParseNumber() {
    MutableExpr expr = NewExpr(ExprKind::kLiteral);
    const Token token = Next();
    const char* end = token.text.data() + token.text.size();
    int64_t integer = 0;
    double number = 0;
    const bool is_int = token.type == TokenType::kInt;
    const std::from_chars_result result = is_int ? std::from_chars(token.text.data(), end, integer)
                                                 : std::from_chars(token.text.data(), end, number);
    if (result.ec != std::errc() || result.ptr != end) {
      return ErrorAt(token.line, fmt::format("number {} is not supported", token.text));
    }
    expr->literal = is_int ? Value(integer) : Value(number);
    return expr;
  }

  absl::StatusOr<MutableExpr> ParseParenthesis() {
    Next();
    if (IsOperator(")")) {
      MutableExpr empty = NewExpr(ExprKind::kList);
      Next();
      return empty;
    }
    GONKA_ASSIGN_OR_RETURN(MutableExpr expr, ParseExpr());
    if (IsOperator(",")) {
      GONKA_ASSIGN_OR_RETURN(expr, ParseTupleRest(std::move(expr)));
    }
    GONKA_RETURN_IF_ERROR(ExpectOperator(")"));
    return expr;
  }

  absl::StatusOr<MutableExpr> ParseList() {
    MutableExpr list = NewExpr(ExprKind::kList);
    Next();
    while (!IsOperator("]")) {
      GONKA_ASSIGN_OR_RETURN(MutableExpr item, ParseExpr());
      GONKA_RETURN_IF_ERROR(AddArg(*list, std::move(item)));
      if (!SkipOperator(",")) break;
    }
    GONKA_RETURN_IF_ERROR(ExpectOperator("]"));
    return list;
  }

  absl::StatusOr<MutableExpr> ParseDict() {
    MutableExpr dict = NewExpr(ExprKind::kDict);
    Next();
    while (!IsOperator("}")) {
      GONKA_ASSIGN_OR_RETURN(MutableExpr key, ParseExpr());
      GONKA_RETURN_IF_ERROR(AddArg(*dict, std::move(key)));
      GONKA_RETURN_IF_ERROR(ExpectOperator(":"));
      GONKA_ASSIGN_OR_RETURN(MutableExpr value, ParseExpr());
      GONKA_RETURN_IF_ERROR(AddArg(*dict, std::move(value)));
      if (!SkipOperator(",")) break;
    }
    GONKA_RETURN_IF_ERROR(ExpectOperator("}"));
    return dict;
  }

  std::vector<Token> tokens_;
  size_t at_ = 0;
  uint32_t depth_ = 0;
  uint32_t blocks_ = 0;
  uint32_t loops_ = 0;
  uint32_t conditions_ = 0;  // What is unknown in one is refused when it is reached, as Jinja does.
};

}  // namespace

absl::StatusOr<Body> Parse(std::string_view source) {
  GONKA_ASSIGN_OR_RETURN(std::vector<Token> tokens, Lex(source));
  return Parser(std::move(tokens)).ParseTemplate();
}

}  // namespace gonka::model::jinja
