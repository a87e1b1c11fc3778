#pragma once

// DuckDB's own headers, made to compile as C++23: there unique_ptr's destructor is constexpr and so
// needs a complete type earlier than duckdb/main/profiling_utils.hpp has one.
#include <memory>

namespace duckdb {
struct ActiveTimer;
}

template <>
struct std::default_delete<duckdb::ActiveTimer> {
  void operator()(duckdb::ActiveTimer* timer) const noexcept;
};

#include <duckdb.hpp>
#include <duckdb/main/profiling_utils.hpp>

inline void std::default_delete<duckdb::ActiveTimer>::operator()(
    duckdb::ActiveTimer* timer) const noexcept {
  delete timer;
}
