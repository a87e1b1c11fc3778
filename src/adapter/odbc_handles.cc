#include "adapter/odbc_handles.h"

#include <arrow-adbc/adbc.h>

#include <cstring>

namespace nstarx::adapter {

std::u16string ToWide(std::string_view text) {
  std::u16string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const size_t more = lead < 0x80 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
    char32_t point = more == 0 ? lead : lead & (0x3F >> more);
    for (size_t k = 1; k <= more && i + k < text.size(); ++k) {
      point = (point << 6) | (static_cast<unsigned char>(text[i + k]) & 0x3F);
    }
    if (i + more >= text.size() && more > 0) point = 0xFFFD;  // cut short
    i += more + 1;
    if (point < 0x10000) {
      out += static_cast<char16_t>(point);
    } else {
      out += static_cast<char16_t>(0xD800 + ((point - 0x10000) >> 10));
      out += static_cast<char16_t>(0xDC00 + ((point - 0x10000) & 0x3FF));
    }
  }
  return out;
}

void AppendUtf8(const char16_t* text, size_t size, std::string* out) {
  for (size_t i = 0; i < size; ++i) {
    char32_t point = text[i];
    const bool high = point >= 0xD800 && point < 0xDC00;
    if (high && i + 1 < size && text[i + 1] >= 0xDC00 && text[i + 1] < 0xE000) {
      point = 0x10000 + ((point - 0xD800) << 10) + (text[++i] - 0xDC00);
    } else if (point >= 0xD800 && point < 0xE000) {
      point = 0xFFFD;  // half a pair
    }
    if (point < 0x80) {
      *out += static_cast<char>(point);
    } else if (point < 0x800) {
      *out += static_cast<char>(0xC0 | (point >> 6));
      *out += static_cast<char>(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
      *out += static_cast<char>(0xE0 | (point >> 12));
      *out += static_cast<char>(0x80 | ((point >> 6) & 0x3F));
      *out += static_cast<char>(0x80 | (point & 0x3F));
    } else {
      *out += static_cast<char>(0xF0 | (point >> 18));
      *out += static_cast<char>(0x80 | ((point >> 12) & 0x3F));
      *out += static_cast<char>(0x80 | ((point >> 6) & 0x3F));
      *out += static_cast<char>(0x80 | (point & 0x3F));
    }
  }
}

DriverError OdbcFailure(SQLSMALLINT type, SQLHANDLE handle) {
  DriverError out{.status = ADBC_STATUS_INTERNAL};
  char16_t state[6] = {};
  char16_t text[1024] = {};
  SQLINTEGER vendor = 0;
  SQLSMALLINT size = 0;
  for (SQLSMALLINT row = 1; row <= 4; ++row) {
    if (!SQL_SUCCEEDED(SQLGetDiagRecW(type, handle, row, reinterpret_cast<SQLWCHAR*>(state),
                                      &vendor, reinterpret_cast<SQLWCHAR*>(text),
                                      static_cast<SQLSMALLINT>(std::size(text)), &size))) {
      break;
    }
    if (row == 1) {
      AppendUtf8(state, 5, &out.sqlstate);
      out.vendor_code = vendor;
    } else {
      out.message += "; ";
    }
    AppendUtf8(
        text,
        std::min<size_t>(static_cast<size_t>(std::max<SQLSMALLINT>(size, 0)), std::size(text) - 1),
        &out.message);
  }
  if (out.sqlstate == "HY008") out.status = ADBC_STATUS_CANCELLED;
  if (out.sqlstate == "HYT00" || out.sqlstate == "HYT01") out.status = ADBC_STATUS_TIMEOUT;
  if (out.sqlstate == "HYC00" || out.sqlstate == "IM001") out.status = ADBC_STATUS_NOT_IMPLEMENTED;
  return out;
}

}  // namespace nstarx::adapter
