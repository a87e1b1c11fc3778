#include "engine/engine.h"

#include <fmt/format.h>

#include <duckdb/catalog/catalog.hpp>
#include <duckdb/common/virtual_file_system.hpp>
#include <duckdb/parser/parsed_data/create_table_function_info.hpp>
#include <duckdb/parser/parser.hpp>
#include <duckdb/parser/statement/explain_statement.hpp>

#include "engine/failure.h"
#include "engine/row_stream.h"

namespace nstarx::engine {
namespace {

using connector::Statement;

EngineFailure::Kind KindOf(duckdb::ExceptionType type) {
  using duckdb::ExceptionType;
  using Kind = EngineFailure::Kind;
  switch (type) {
    case ExceptionType::PARSER:
    case ExceptionType::SYNTAX:
      return Kind::kParser;
    case ExceptionType::BINDER:
      return Kind::kBinder;
    case ExceptionType::CATALOG:
      return Kind::kCatalog;
    case ExceptionType::IO:
    case ExceptionType::HTTP:
      return Kind::kIo;
    case ExceptionType::CONVERSION:
    case ExceptionType::OUT_OF_RANGE:
    case ExceptionType::INVALID_INPUT:
    case ExceptionType::MISMATCH_TYPE:
    case ExceptionType::INVALID_TYPE:
    case ExceptionType::DIVIDE_BY_ZERO:
    case ExceptionType::DECIMAL:
      return Kind::kValue;
    case ExceptionType::PERMISSION:
    case ExceptionType::MISSING_EXTENSION:
    case ExceptionType::AUTOLOAD:
      return Kind::kPermission;
    case ExceptionType::OUT_OF_MEMORY:
      return Kind::kMemory;
    case ExceptionType::INTERRUPT:
      return Kind::kInterrupt;
    case ExceptionType::NOT_IMPLEMENTED:
      return Kind::kUnsupported;
    case ExceptionType::PARAMETER_NOT_RESOLVED:
    case ExceptionType::PARAMETER_NOT_ALLOWED:
      return Kind::kParameters;
    case ExceptionType::INTERNAL:
    case ExceptionType::FATAL:
      return Kind::kInternal;
    default:
      return Kind::kOther;
  }
}

EngineFailure FailureOf(const duckdb::ErrorData& data) {
  EngineFailure failure{.kind = KindOf(data.Type()), .message = data.RawMessage(), .position = {}};
  if (const auto found = data.ExtraInfo().find("position"); found != data.ExtraInfo().end()) {
    failure.position = found->second;
  }
  return failure;
}

Error NotAllowed(std::string_view subject) {
  return Error(ErrorKind::kPermissionDenied, "query.not_allowed",
               fmt::format("Only SELECT, WITH, DESCRIBE, SUMMARIZE, SHOW and EXPLAIN run over {}",
                           subject))
      .WithStage("query")
      .WithAction(Action::kFixInput);
}

bool IsReading(const duckdb::SQLStatement& statement) {
  if (statement.type == duckdb::StatementType::SELECT_STATEMENT) return true;
  if (statement.type != duckdb::StatementType::EXPLAIN_STATEMENT) return false;
  return statement.Cast<duckdb::ExplainStatement>().stmt->type ==
         duckdb::StatementType::SELECT_STATEMENT;
}

duckdb::unique_ptr<duckdb::FunctionData> RefuseFunction(duckdb::ClientContext&,
                                                        duckdb::TableFunctionBindInput& input,
                                                        duckdb::vector<duckdb::LogicalType>&,
                                                        duckdb::vector<duckdb::string>&) {
  throw duckdb::PermissionException("The function %s can not be used here",
                                    input.table_function.name);
}

/// Puts a refusal in the place of table functions that change the engine's state, take addresses or
/// open whole databases.
void WithdrawFunctions(duckdb::Connection& connection) {
  static constexpr const char* kWithdrawn[] = {
      "arrow_scan",     "arrow_scan_dumb",  "checkpoint",          "disable_logging",
      "enable_logging", "force_checkpoint", "disable_profiling",   "enable_profiling",
      "read_duckdb",    "seq_scan",         "truncate_duckdb_logs"};
  connection.BeginTransaction();
  auto& catalog = duckdb::Catalog::GetSystemCatalog(*connection.context);
  for (const char* name : kWithdrawn) {
    duckdb::TableFunction function(name, {}, nullptr, RefuseFunction);
    function.varargs = duckdb::LogicalType::ANY;
    function.named_parameters["storage"] = duckdb::LogicalType::ANY;
    duckdb::CreateTableFunctionInfo info(std::move(function));
    info.on_conflict = duckdb::OnCreateConflict::REPLACE_ON_CONFLICT;
    info.internal = true;
    catalog.CreateTableFunction(*connection.context, info);
  }
  connection.Commit();
}

Result<duckdb::vector<duckdb::Value>> Bind(const json::array& parameters) {
  duckdb::vector<duckdb::Value> values;
  for (const json::value& value : parameters) {
    switch (value.kind()) {
      case json::kind::null:
        values.emplace_back();
        break;
      case json::kind::bool_:
        values.push_back(duckdb::Value::BOOLEAN(value.get_bool()));
        break;
      case json::kind::int64:
        values.push_back(duckdb::Value::BIGINT(value.get_int64()));
        break;
      case json::kind::uint64:
        values.push_back(duckdb::Value::UBIGINT(value.get_uint64()));
        break;
      case json::kind::double_:
        values.push_back(duckdb::Value::DOUBLE(value.get_double()));
        break;
      case json::kind::string:
        values.emplace_back(std::string(value.get_string()));
        break;
      default:
        return InvalidArgument("query.invalid_parameters",
                               "A parameter must be null, a boolean, a number or a string")
            .WithStage("query");
    }
  }
  return values;
}

}  // namespace

Engine::Engine(EngineSettings settings, EngineHooks hooks)
    : settings_(std::move(settings)),
      hooks_(std::move(hooks)),
      watchdog_([this] { Interrupt(); }) {}

Result<std::unique_ptr<Engine>> Engine::Open(EngineSettings settings,
                                             duckdb::unique_ptr<SpillFileSystem> files,
                                             EngineHooks hooks) {
  std::unique_ptr<Engine> engine(new Engine(std::move(settings), std::move(hooks)));
  NSTARX_RETURN_IF_ERROR(engine->Start(std::move(files)));
  return engine;
}

Status Engine::Start(duckdb::unique_ptr<SpillFileSystem> files) {
  try {
    duckdb::DBConfig config;
    const std::string spill_name = files->spill_name();
    config.file_system = duckdb::make_uniq<duckdb::VirtualFileSystem>(std::move(files));
    config.options.maximum_threads = static_cast<duckdb::idx_t>(settings_.threads);
    config.options.maximum_memory = static_cast<duckdb::idx_t>(settings_.memory_limit_bytes);
    config.options.maximum_swap_space = static_cast<duckdb::idx_t>(settings_.spill_limit_bytes);
    config.options.temporary_directory = spill_name;
    for (const char* off :
         {"autoinstall_known_extensions", "autoload_known_extensions", "allow_community_extensions",
          "allow_unsigned_extensions", "allow_persistent_secrets"}) {
      config.SetOptionByName(off, duckdb::Value::BOOLEAN(false));
    }
    config.SetOptionByName("enable_external_file_cache",
                           duckdb::Value::BOOLEAN(settings_.cache_files));
    hooks_.configure(config);
    database_ = std::make_unique<duckdb::DuckDB>(nullptr, &config);
    connection_ = std::make_unique<duckdb::Connection>(*database_);
    WithdrawFunctions(*connection_);
    hooks_.prepare(*connection_);
    for (const char* setting :
         {"SET TimeZone = 'UTC'", "SET streaming_buffer_size = '1MiB'",
          "SET preserve_insertion_order = false", "SET arrow_lossless_conversion = false",
          "SET enable_progress_bar = false", "SET allocator_background_threads = true",
          "SET allocator_flush_threshold = '8MiB'", "SET lock_configuration = true"}) {
      const auto done = connection_->Query(setting);
      if (done->HasError()) {
        return Internal("The query engine refused a setting: " + done->GetError());
      }
    }
  } catch (const std::exception& problem) {
    return Internal(std::string("The query engine did not start: ") +
                    duckdb::ErrorData(problem).RawMessage());
  }
  return {};
}

Error Engine::Explain(const Context& context, const duckdb::ErrorData& data,
                      const Statement& statement) {
  if (const Status alive = context.Check(); !alive) return alive.error();
  if (auto failure = hooks_.take_failure()) return *std::move(failure);
  return FromEngineFailure(FailureOf(data), statement);
}

void Engine::Interrupt() {
  hooks_.stop();
  connection_->Interrupt();
}

duckdb::unique_ptr<duckdb::SQLStatement> Engine::Parse(const std::string& text) {
  try {
    duckdb::Parser parser(connection_->context->GetParserOptions());
    parser.ParseQuery(text);
    if (parser.statements.size() == 1) return std::move(parser.statements.front());
  } catch (const std::exception&) {  // What is wrong is said by Run.
  }
  return nullptr;
}

Result<duckdb::unique_ptr<duckdb::QueryResult>> Engine::Run(const Context& context,
                                                            const Statement& statement) {
  NSTARX_RETURN_IF_ERROR(context.Check());
  NSTARX_TRY(auto values, Bind(statement.parameters));
  const Watchdog::Watch watch(watchdog_, context);
  try {
    duckdb::Parser parser(connection_->context->GetParserOptions());
    parser.ParseQuery(statement.text);
    auto& statements = parser.statements;
    if (statements.empty()) {
      return InvalidArgument("query.empty", "The query is empty").WithStage("query");
    }
    if (statements.size() > 1) {
      return InvalidArgument("query.many_statements", "Only one statement can be run at a time")
          .WithStage("query");
    }
    if (!IsReading(*statements.front())) return NotAllowed(settings_.subject);
    const size_t wanted = statements.front()->named_param_map.size();
    if (wanted != values.size()) {
      return InvalidArgument("query.invalid_parameters",
                             fmt::format("The statement has {} parameters, {} were given", wanted,
                                         values.size()))
          .WithStage("query");
    }
    auto pending = connection_->PendingQuery(std::move(statements.front()), values,
                                             duckdb::QueryResultOutputType::ALLOW_STREAMING);
    if (pending->HasError()) return Explain(context, pending->GetErrorObject(), statement);
    auto result = pending->Execute();
    if (result->HasError()) return Explain(context, result->GetErrorObject(), statement);
    return result;
  } catch (const std::exception& problem) {
    return Explain(context, duckdb::ErrorData(problem), statement);
  }
}

Result<std::unique_ptr<connector::BatchStream>> Engine::Execute(const Context& context,
                                                                const Statement& statement) {
  NSTARX_TRY(auto result, Run(context, statement));
  return StreamRows(*this, statement, std::move(result));
}

}  // namespace nstarx::engine
