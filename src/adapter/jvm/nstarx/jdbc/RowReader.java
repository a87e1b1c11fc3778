package nstarx.jdbc;

import java.math.BigDecimal;
import java.sql.Array;
import java.sql.Date;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Time;
import java.sql.Timestamp;
import java.sql.Types;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** A ResultSet's rows into columns, by the types that the driver declares. */
final class RowReader {
  private static final int MAX_DIGITS = 76;
  private static final int TIMESTAMP_WITH_LOCAL_ZONE = -102; // Oracle's own number
  private static final int TIMESTAMP_WITH_ZONE = -101;
  private static final int DATETIMEOFFSET = -155; // SQL Server's
  private static final int BINARY_FLOAT = 100; // Oracle's
  private static final int BINARY_DOUBLE = 101;

  private final ResultSet rows;
  private final List<Column> columns = new ArrayList<>();
  /** By column: the driver gives java.time itself. */
  private final boolean[] modern;

  RowReader(ResultSet rows) throws SQLException {
    this.rows = rows;
    ResultSetMetaData declared = rows.getMetaData();
    for (int i = 1; i <= declared.getColumnCount(); ++i) {
      columns.add(new Column(declared.getColumnLabel(i), typeOf(declared, i)));
    }
    modern = new boolean[columns.size()];
    java.util.Arrays.fill(modern, true);
  }

  List<Column> columns() {
    return columns;
  }

  void clear() {
    for (Column column : columns) column.clear();
  }

  long byteCount() {
    long bytes = 0;
    for (Column column : columns) bytes += column.byteCount();
    return bytes;
  }

  /** Takes the row at which the cursor is. */
  void take() throws SQLException, Failure {
    for (int i = 0; i < columns.size(); ++i) {
      Column column = columns.get(i);
      try {
        takeValue(column, i);
      } catch (SQLException | RuntimeException error) {
        if (error instanceof SQLException failed && isOfSession(failed)) throw failed;
        throw column.bad("a value that is no " + column.type + ": " + error.getMessage());
      }
    }
  }

  private static boolean isOfSession(SQLException error) {
    String state = error.getSQLState();
    return state != null && (state.startsWith("08") || state.startsWith("57"));
  }

  private void takeValue(Column column, int i) throws SQLException, Failure {
    int place = i + 1;
    switch (column.type.kind()) {
      case BOOL -> {
        boolean value = rows.getBoolean(place);
        if (rows.wasNull()) column.addNull();
        else column.addBool(value);
      }
      case SIGNED -> takeWhole(column, place);
      case UNSIGNED -> {
        if (column.type.width() < 8) {
          takeWhole(column, place);
          return;
        }
        BigDecimal value = rows.getBigDecimal(place);
        if (value == null) column.addNull();
        else column.addUnsigned(value.toBigIntegerExact());
      }
      case FLOAT -> {
        double value = column.type.width() == 4 ? rows.getFloat(place) : rows.getDouble(place);
        if (rows.wasNull()) column.addNull();
        else column.addReal(value);
      }
      case DECIMAL -> {
        BigDecimal value = rows.getBigDecimal(place);
        if (value == null) column.addNull();
        else column.addDecimal(value);
      }
      case TEXT -> {
        String value = rows.getString(place);
        if (value == null) column.addNull();
        else column.addText(value);
      }
      case BINARY -> {
        byte[] value = rows.getBytes(place);
        if (value == null) column.addNull();
        else column.addBinary(value);
      }
      case LIST -> takeList(column, place);
      default -> takeMoment(column, i);
    }
  }

  private void takeWhole(Column column, int place) throws SQLException, Failure {
    long value = rows.getLong(place);
    if (rows.wasNull()) column.addNull();
    else column.addWhole(value);
  }

  private void takeList(Column column, int place) throws SQLException, Failure {
    Array value = rows.getArray(place);
    if (value == null) {
      column.addNull();
      return;
    }
    if (!(value.getArray() instanceof Object[] items)) throw column.bad("an array of another kind");
    column.addList(items);
    value.free();
  }

  private void takeMoment(Column column, int i) throws SQLException, Failure {
    if (modern[i]) {
      try {
        takeModern(column, i + 1);
        return;
      } catch (java.sql.SQLFeatureNotSupportedException | AbstractMethodError error) {
        modern[i] = false; // a driver of before JDBC 4.2
      }
    }
    takeClassic(column, i + 1);
  }

  private void takeModern(Column column, int place) throws SQLException, Failure {
    switch (column.type.kind()) {
      case DATE -> {
        LocalDate value = rows.getObject(place, LocalDate.class);
        if (value == null) column.addNull();
        else column.addDate(value);
      }
      case TIME -> {
        LocalTime value = rows.getObject(place, LocalTime.class);
        if (value == null) column.addNull();
        else column.addTime(value);
      }
      case TIMESTAMP -> {
        LocalDateTime value = rows.getObject(place, LocalDateTime.class);
        if (value == null) column.addNull();
        else column.addTimestamp(value);
      }
      default -> {
        OffsetDateTime value = rows.getObject(place, OffsetDateTime.class);
        if (value == null) column.addNull();
        else column.addInstant(value.toInstant());
      }
    }
  }

  /** The JVM's own zone is UTC, so nothing is shifted. */
  private void takeClassic(Column column, int place) throws SQLException, Failure {
    switch (column.type.kind()) {
      case DATE -> {
        Date value = rows.getDate(place);
        if (value == null) column.addNull();
        else column.addDate(value.toLocalDate());
      }
      case TIME -> {
        Time value = rows.getTime(place);
        if (value == null) column.addNull();
        else column.addTime(value.toLocalTime());
      }
      case TIMESTAMP -> {
        Timestamp value = rows.getTimestamp(place);
        if (value == null) column.addNull();
        else column.addTimestamp(value.toLocalDateTime());
      }
      default -> {
        Timestamp value = rows.getTimestamp(place);
        if (value == null) column.addNull();
        else column.addInstant(value.toInstant());
      }
    }
  }

  static ArrowType typeOf(ResultSetMetaData declared, int i) throws SQLException {
    int type = declared.getColumnType(i);
    String native_ = String.valueOf(declared.getColumnTypeName(i)).toLowerCase(Locale.ROOT);
    switch (type) {
      case Types.BOOLEAN, Types.BIT -> {
        String java = String.valueOf(declared.getColumnClassName(i));
        // PostgreSQL's driver says Boolean of bit strings too.
        boolean one = type == Types.BOOLEAN || declared.getPrecision(i) == 1;
        if (java.equals("java.lang.Boolean") && one) return ArrowType.BOOL;
        return java.equals("[B") || java.equals("byte[]") ? ArrowType.BINARY : ArrowType.TEXT;
      }
      case Types.TINYINT -> {
        return declared.isSigned(i) ? ArrowType.signed(1) : ArrowType.UINT8;
      }
      case Types.SMALLINT -> {
        return ArrowType.signed(declared.isSigned(i) ? 2 : 4);
      }
      case Types.INTEGER -> {
        return ArrowType.signed(declared.isSigned(i) ? 4 : 8);
      }
      case Types.BIGINT -> {
        return declared.isSigned(i) ? ArrowType.signed(8) : ArrowType.UINT64;
      }
      case Types.REAL, BINARY_FLOAT -> {
        return ArrowType.real(4);
      }
      case Types.FLOAT, Types.DOUBLE, BINARY_DOUBLE -> {
        // PostgreSQL's money is no double, whatever its driver says.
        return native_.equals("money") ? ArrowType.TEXT : ArrowType.real(8);
      }
      case Types.NUMERIC, Types.DECIMAL -> {
        return decimalOf(declared.getPrecision(i), declared.getScale(i));
      }
      case Types.DATE -> {
        return ArrowType.DATE;
      }
      case Types.TIME -> {
        return native_.equals("timetz") || native_.contains("with time zone") ? ArrowType.TEXT : ArrowType.TIME;
      }
      case Types.TIMESTAMP -> {
        boolean zoned = native_.equals("timestamptz") || native_.contains("with time zone");
        return zoned ? ArrowType.instant(digitsOf(declared, i)) : ArrowType.timestamp(digitsOf(declared, i));
      }
      case Types.TIMESTAMP_WITH_TIMEZONE, TIMESTAMP_WITH_LOCAL_ZONE, TIMESTAMP_WITH_ZONE, DATETIMEOFFSET -> {
        return ArrowType.instant(digitsOf(declared, i));
      }
      case Types.BINARY, Types.VARBINARY, Types.LONGVARBINARY, Types.BLOB -> {
        return ArrowType.BINARY;
      }
      case Types.ARRAY -> {
        return ArrowType.list(itemOf(native_));
      }
      default -> {
        return ArrowType.TEXT;
      }
    }
  }

  /** Without declared digits, or with more than Arrow has: the digits as text. */
  private static ArrowType decimalOf(int precision, int scale) {
    int digits = Math.max(precision, scale) + Math.max(-scale, 0);
    if (precision <= 0 || digits > MAX_DIGITS || scale < -MAX_DIGITS) return ArrowType.TEXT;
    return ArrowType.decimal(digits, Math.max(scale, 0));
  }

  private static int digitsOf(ResultSetMetaData declared, int i) throws SQLException {
    return declared.getScale(i) > 6 ? 9 : 6;
  }

  /** By the names that drivers give arrays: `_int4` (PostgreSQL), `INTEGER ARRAY` (H2). */
  private static ArrowType itemOf(String name) {
    String item = name.replaceFirst("^_", "").replaceFirst("\\[\\]$", "").replaceFirst(" array(\\[\\d+\\])?$", "");
    return switch (item) {
      case "bool", "boolean" -> ArrowType.BOOL;
      case "int2", "smallint" -> ArrowType.signed(2);
      case "int4", "integer", "int" -> ArrowType.signed(4);
      case "int8", "bigint" -> ArrowType.signed(8);
      case "float4", "real" -> ArrowType.real(4);
      case "float8", "double precision", "double" -> ArrowType.real(8);
      case "bytea" -> ArrowType.BINARY;
      default -> ArrowType.TEXT;
    };
  }

}
