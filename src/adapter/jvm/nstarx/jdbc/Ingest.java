package nstarx.jdbc;

import java.io.IOException;
import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** Writes an Arrow stream into a table: batches in one transaction, all or nothing. */
final class Ingest {
  private static final int BLOCK_ROWS = 1000;
  private static final long BLOCK_BYTES = 4 << 20;

  private final Connection line;
  private final ObjectTree objects;
  private final Session session;

  Ingest(Connection line, ObjectTree objects, Session session) {
    this.line = line;
    this.objects = objects;
    this.session = session;
  }

  long run(String path, String mode, Wire.Stream in) throws SQLException, IOException, Failure {
    ArrowReader rows = new ArrowReader(in);
    ObjectTree.Name name = objects.targetOf(path);
    boolean created = false;
    line.setAutoCommit(false);
    try {
      if (!mode.equals("append")) {
        String text = createText(objects.quoted(name), rows.fields());
        if (mode.equals("replace") && objects.exists(name)) execute("DROP TABLE " + objects.quoted(name));
        execute(text);
        created = true;
      }
      long written = insert(name, rows);
      if (!in.drain()) throw new Failure(Failure.CANCELLED, "the sender left");
      line.commit();
      created = false;
      return written;
    } finally {
      undo(created, name);
    }
  }

  /** Without effect after a commit. */
  private void undo(boolean created, ObjectTree.Name name) {
    try {
      line.rollback();
      line.setAutoCommit(true);
      // Some systems commit what makes a table.
      if (created && objects.exists(name)) execute("DROP TABLE " + objects.quoted(name));
    } catch (SQLException error) {
      // The first failure is the one to tell; a broken line shows itself at the next request.
    }
  }

  private void execute(String text) throws SQLException {
    try (Statement statement = session.running(line.createStatement())) {
      statement.execute(text);
    }
  }

  private long insert(ObjectTree.Name name, ArrowReader rows) throws SQLException, IOException, Failure {
    List<String> columns = new ArrayList<>();
    List<String> marks = new ArrayList<>();
    for (ArrowReader.Field field : rows.fields()) {
      columns.add(objects.quotedName(field.name()));
      marks.add("?");
    }
    String text = "INSERT INTO " + objects.quoted(name) + " (" + String.join(", ", columns) + ") VALUES ("
        + String.join(", ", marks) + ")";
    long written = 0;
    try (PreparedStatement statement = session.running(line.prepareStatement(text))) {
      while (rows.next()) {
        int pending = 0;
        long bytes = 0;
        for (int row = 0; row < rows.rows(); ++row) {
          for (int i = 0; i < columns.size(); ++i) {
            Object value = rows.value(i, row);
            bytes += value instanceof String words ? words.length() : value instanceof byte[] raw ? raw.length : 16;
            bind(statement, i + 1, rows.fields().get(i), value);
          }
          statement.addBatch();
          if (++pending == BLOCK_ROWS || bytes > BLOCK_BYTES) {
            statement.executeBatch();
            pending = 0;
            bytes = 0;
          }
        }
        if (pending > 0) statement.executeBatch();
        written += rows.rows();
      }
    }
    return written;
  }

  private static void bind(PreparedStatement statement, int place, ArrowReader.Field field, Object value)
      throws SQLException {
    if (value == null) {
      statement.setNull(place, sqlTypeOf(field));
    } else if (value instanceof Long number) {
      statement.setLong(place, number);
    } else if (value instanceof Double number && field.width() == 4) {
      statement.setFloat(place, number.floatValue());
    } else if (value instanceof Double number) {
      statement.setDouble(place, number);
    } else if (value instanceof BigDecimal number) {
      statement.setBigDecimal(place, number);
    } else if (value instanceof String text) {
      statement.setString(place, text);
    } else if (value instanceof byte[] bytes) {
      statement.setBytes(place, bytes);
    } else if (value instanceof Boolean truth) {
      statement.setBoolean(place, truth);
    } else {
      statement.setObject(place, value);
    }
  }

  private static int sqlTypeOf(ArrowReader.Field field) {
    return switch (field.kind()) {
      case ArrowReader.BOOL -> Types.BOOLEAN;
      case ArrowReader.INT -> field.width() == 8 && !field.signed() ? Types.NUMERIC : Types.BIGINT;
      case ArrowReader.FLOAT -> field.width() == 4 ? Types.REAL : Types.DOUBLE;
      case ArrowReader.DECIMAL -> Types.NUMERIC;
      case ArrowReader.DATE -> Types.DATE;
      case ArrowReader.TIME -> Types.TIME;
      case ArrowReader.TIMESTAMP -> field.zoned() ? Types.TIMESTAMP_WITH_TIMEZONE : Types.TIMESTAMP;
      case ArrowReader.TEXT, ArrowReader.LARGE_TEXT -> Types.VARCHAR;
      default -> Types.VARBINARY;
    };
  }

  private String createText(String table, List<ArrowReader.Field> fields) throws SQLException, Failure {
    Map<String, Integer> known = knownTypes();
    List<String> columns = new ArrayList<>();
    for (ArrowReader.Field field : fields) {
      String type = columnType(field, known);
      if (type == null) {
        throw new Failure(Failure.UNSUPPORTED, "column '" + field.name() + "': the system has no type for it that is "
            + "known here; make the table first, then append");
      }
      columns.add(objects.quotedName(field.name()) + " " + type);
    }
    return "CREATE TABLE " + table + " (" + String.join(", ", columns) + ")";
  }

  /** The system's type names, as the driver lists them. */
  private Map<String, Integer> knownTypes() throws SQLException {
    Map<String, Integer> out = new TreeMap<>();
    DatabaseMetaData about = line.getMetaData();
    try (ResultSet rows = about.getTypeInfo()) {
      while (rows.next()) {
        out.putIfAbsent(rows.getString("TYPE_NAME").toLowerCase(Locale.ROOT), rows.getInt("DATA_TYPE"));
      }
    }
    return out;
  }

  private static String columnType(ArrowReader.Field field, Map<String, Integer> known) {
    return switch (field.kind()) {
      case ArrowReader.BOOL -> first(known, "boolean", "bool", "bit");
      case ArrowReader.INT -> {
        int bits = 8 * field.width() + (field.signed() ? 0 : 1);
        yield bits <= 16 ? "SMALLINT" : bits <= 32 ? "INTEGER" : bits <= 64 ? "BIGINT" : "DECIMAL(20,0)";
      }
      case ArrowReader.FLOAT -> field.width() == 4 ? first(known, "real", "float4", "float", "double precision")
          : first(known, "double precision", "float8", "double", "float");
      case ArrowReader.DECIMAL -> "DECIMAL(" + field.precision() + "," + field.scale() + ")";
      case ArrowReader.DATE -> "DATE";
      case ArrowReader.TIME -> field.unit() < 2 ? "TIME" : first(known, "time", "time(6)");
      case ArrowReader.TIMESTAMP -> field.zoned()
          ? first(known, "timestamptz", "timestamp with time zone", "datetimeoffset")
          : sixDigits(first(known, "datetime2", "datetime", "timestamp"));
      case ArrowReader.TEXT, ArrowReader.LARGE_TEXT -> first(known, "longtext", "nclob", "text", "clob",
          "character large object", "varchar");
      default -> first(known, "bytea", "longblob", "blob", "binary large object", "varbinary");
    };
  }

  private static String sixDigits(String type) {
    return "DATETIME".equals(type) ? "DATETIME(6)" : type;
  }

  private static String first(Map<String, Integer> known, String... names) {
    for (String name : names) {
      if (known.containsKey(name)) return name.toUpperCase(Locale.ROOT);
    }
    return null;
  }
}
