package nstarx.jdbc;

import java.sql.SQLException;
import java.sql.SQLFeatureNotSupportedException;
import java.sql.SQLTimeoutException;
import java.util.LinkedHashMap;
import java.util.Map;

/** What went wrong, as the server takes it: a code of its own, or numbers of ADBC and an SQLSTATE. */
final class Failure extends Exception {
  private static final long serialVersionUID = 1;

  static final int INTERNAL = 9;
  static final int IO = 10;
  static final int CANCELLED = 11;
  static final int TIMEOUT = 12;
  static final int UNSUPPORTED = 2;
  static final int NOT_FOUND = 3;
  static final int INVALID_ARGUMENT = 5;
  static final int INVALID_DATA = 7;

  private final int status;
  private final String code;
  private final String sqlstate;
  private final int vendorCode;

  Failure(int status, String message) {
    this(status, null, message);
  }

  Failure(int status, String code, String message) {
    super(message);
    this.status = status;
    this.code = code;
    this.sqlstate = null;
    this.vendorCode = 0;
  }

  private Failure(SQLException error, int status, String message) {
    super(message);
    this.status = status;
    this.code = null;
    this.sqlstate = error.getSQLState();
    this.vendorCode = error.getErrorCode();
  }

  static Failure noSuch(String path) {
    return new Failure(NOT_FOUND, "there is no '" + path + "'");
  }

  /** A value of a column that its type can't hold. */
  static Failure badValue(String column, String what) {
    return new Failure(INVALID_DATA, "column '" + column + "': " + what);
  }

  /** Of anything that a driver throws; `cancelled` when it was asked to stop. */
  static Failure of(Throwable error, boolean cancelled) {
    if (cancelled) return new Failure(CANCELLED, "cancelled");
    if (error instanceof Failure known) return known;
    if (error instanceof OutOfMemoryError) {
      return new Failure(INTERNAL, "adapter.out_of_memory", "the driver needs more memory than driver.memory_mb");
    }
    if (error instanceof SQLException failed) {
      SQLException told = failed;
      // Of a batch the first says only that it failed.
      if (failed.getNextException() != null && failed instanceof java.sql.BatchUpdateException) {
        told = failed.getNextException();
      }
      int status = IO;
      if (told instanceof SQLFeatureNotSupportedException) status = UNSUPPORTED;
      if (told instanceof SQLTimeoutException) status = TIMEOUT;
      if (causedByMemory(told)) {
        return new Failure(INTERNAL, "adapter.out_of_memory", "the driver needs more memory than driver.memory_mb");
      }
      return new Failure(told, status, String.valueOf(told.getMessage()));
    }
    return new Failure(INTERNAL, error.getClass().getName() + ": " + error.getMessage());
  }

  private static boolean causedByMemory(Throwable error) {
    Throwable cause = error;
    for (int depth = 0; cause != null && depth < 8; ++depth) {
      if (cause instanceof OutOfMemoryError) return true;
      cause = cause.getCause();
    }
    return false;
  }

  boolean fatal() {
    return "adapter.out_of_memory".equals(code);
  }

  Map<String, Object> asJson() {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("status", (long) status);
    out.put("vendor_code", (long) vendorCode);
    out.put("sqlstate", sqlstate == null ? "" : sqlstate);
    if (code != null) out.put("code", code);
    String message = getMessage() == null ? "" : getMessage();
    out.put("message", message.length() > 8192 ? message.substring(0, 8192) : message);
    return out;
  }
}
