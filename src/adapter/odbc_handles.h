#pragma once

#include <sql.h>
#include <sqlext.h>

#include <string>
#include <string_view>
#include <utility>

#include "adapter/driver.h"

#undef BOOL  // a macro of unixODBC, a name of Arrow's

namespace nstarx::adapter {

/// An ODBC handle that frees itself.
template <SQLSMALLINT kType>
class OdbcHandle {
 public:
  OdbcHandle() = default;
  OdbcHandle(OdbcHandle&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  OdbcHandle& operator=(OdbcHandle&&) = delete;
  ~OdbcHandle() {
    if (handle_ != nullptr) SQLFreeHandle(kType, handle_);
  }
  bool Make(SQLHANDLE parent) { return SQL_SUCCEEDED(SQLAllocHandle(kType, parent, &handle_)); }
  SQLHANDLE get() const { return handle_; }
  static constexpr SQLSMALLINT type() { return kType; }

 private:
  SQLHANDLE handle_ = nullptr;
};
using OdbcEnvironment = OdbcHandle<SQL_HANDLE_ENV>;
using OdbcLine = OdbcHandle<SQL_HANDLE_DBC>;
using OdbcStatement = OdbcHandle<SQL_HANDLE_STMT>;

/// The diagnostics of a handle as a failure.
DriverError OdbcFailure(SQLSMALLINT type, SQLHANDLE handle);

template <SQLSMALLINT kType>
DriverStatus OdbcCheck(const OdbcHandle<kType>& handle, SQLRETURN code) {
  if (SQL_SUCCEEDED(code) || code == SQL_NO_DATA) return {};
  return std::unexpected(OdbcFailure(kType, handle.get()));
}

/// UTF-8 from and to what ODBC's wide functions take (UTF-16).
std::u16string ToWide(std::string_view text);
void AppendUtf8(const char16_t* text, size_t size, std::string* out);

inline SQLWCHAR* WideData(std::u16string& text) { return reinterpret_cast<SQLWCHAR*>(text.data()); }

}  // namespace nstarx::adapter
