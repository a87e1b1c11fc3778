package nstarx.jdbc;

import java.io.IOException;
import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.Driver;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.Set;

/** One session of a JDBC driver. */
final class Session {
  private static final int BATCH_ROWS = 65_536;
  private static final long BATCH_BYTES = 2 << 20;
  /** Rows of a first fetch; later ones by the rows' size. */
  private static final int FIRST_FETCH = 16;
  private static final int MOST_FETCH = 10_000;
  private static final Set<String> READING = Set.of("select", "with", "values", "table", "from", "show");

  private final Wire wire;
  private Connection line;
  private ObjectTree objects;
  private volatile Statement running;

  Session(Wire wire) {
    this.wire = wire;
    wire.onCancel(this::cancel);
  }

  /** What a cancel stops from now on. */
  <S extends Statement> S running(S statement) {
    running = statement;
    return statement;
  }

  private void cancel() {
    Statement statement = running;
    if (statement == null) return;
    try {
      statement.cancel();
    } catch (SQLException | RuntimeException error) {
      // It has ended by itself, or can't be stopped: then the server ends this process.
    }
  }

  Map<String, Object> open(Map<String, Object> request) throws SQLException, Failure {
    String name = (String) request.get("entrypoint");
    Map<?, ?> database = (Map<?, ?>) request.get("database");
    Properties properties = new Properties();
    for (Object options : List.of(database, request.get("connection"))) {
      for (Map.Entry<?, ?> option : ((Map<?, ?>) options).entrySet()) {
        properties.setProperty((String) option.getKey(), (String) option.getValue());
      }
    }
    String url = (String) request.get("url");
    line = connect(name, url, properties);
    if (Boolean.TRUE.equals(request.get("read_only"))) line.setReadOnly(true);
    for (Object text : (List<?>) request.get("session")) run((String) text);
    return facts();
  }

  private static Connection connect(String name, String url, Properties properties) throws SQLException, Failure {
    Driver driver;
    if (name.isEmpty()) {
      try {
        driver = DriverManager.getDriver(url);
      } catch (SQLException error) {
        throw missing("none of the jars has a driver that takes the URL");
      }
    } else {
      try {
        driver = (Driver) Class.forName(name).getDeclaredConstructor().newInstance();
      } catch (ReflectiveOperationException | LinkageError | ClassCastException error) {
        throw missing("the jars have no usable driver " + name + ": " + error);
      }
    }
    Connection line = driver.connect(url, properties);
    if (line == null) throw missing("the driver does not take the URL");
    return line;
  }

  private static Failure missing(String message) {
    return new Failure(Failure.NOT_FOUND, "adapter.driver_missing", message);
  }

  private Map<String, Object> facts() throws SQLException {
    DatabaseMetaData about = line.getMetaData();
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("server", about.getDatabaseProductName());
    out.put("server_version", about.getDatabaseProductVersion());
    out.put("driver", about.getDriverName());
    out.put("driver_version", about.getDriverVersion());
    return out;
  }

  void run(String text) throws SQLException {
    try (Statement statement = running(line.createStatement())) {
      statement.execute(text);
    } finally {
      running = null;
    }
  }

  Map<String, Object> query(String text, List<?> parameters) throws SQLException, Failure {
    // Drivers stream rows only inside of a transaction; other statements must not be in one.
    boolean reads = READING.contains(firstWord(text));
    if (reads) line.setAutoCommit(false);
    boolean done = false;
    try {
      long affected = stream(text, parameters);
      if (reads) line.commit();
      done = true;
      return Map.of("rows_affected", affected);
    } finally {
      running = null;
      if (reads) endTransaction(done);
    }
  }

  private void endTransaction(boolean done) {
    try {
      if (!done) line.rollback();
      line.setAutoCommit(true);
    } catch (SQLException error) {
      // The line is broken, which the next request says.
    }
  }

  private long stream(String text, List<?> parameters) throws SQLException, Failure {
    if (parameters.isEmpty()) {
      try (Statement statement = running(line.createStatement())) {
        statement.setFetchSize(FIRST_FETCH);
        return pass(statement, statement.execute(text));
      }
    }
    try (PreparedStatement statement = running(line.prepareStatement(text))) {
      for (int i = 0; i < parameters.size(); ++i) bind(statement, i + 1, parameters.get(i));
      statement.setFetchSize(FIRST_FETCH);
      return pass(statement, statement.execute());
    }
  }

  private static void bind(PreparedStatement statement, int place, Object value) throws SQLException, Failure {
    if (value == null) {
      statement.setNull(place, Types.NULL);
    } else if (value instanceof Long || value instanceof Double || value instanceof Boolean
        || value instanceof String || value instanceof BigDecimal) {
      statement.setObject(place, value);
    } else {
      throw new Failure(Failure.INVALID_ARGUMENT, "parameter " + place + " is no single value");
    }
  }

  private long pass(Statement statement, boolean hasRows) throws SQLException, Failure {
    ArrowWriter writer = new ArrowWriter(wire);
    if (!hasRows) {
      writer.writeSchema(List.of());
      writer.writeEnd();
      return statement.getUpdateCount();
    }
    try (ResultSet rows = statement.getResultSet()) {
      RowReader reader = new RowReader(rows);
      writer.writeSchema(reader.columns());
      int count = 0;
      boolean sized = false;
      while (rows.next()) {
        if (wire.cancelled()) throw new Failure(Failure.CANCELLED, "cancelled");
        reader.take();
        ++count;
        boolean full = count == BATCH_ROWS || ((count & 31) == 0 || count < 32) && reader.byteCount() > BATCH_BYTES;
        if (!sized && (count == FIRST_FETCH || full)) {
          sized = true;
          long rowBytes = Math.max(1, 2 * reader.byteCount() / count);
          rows.setFetchSize((int) Math.max(8, Math.min(MOST_FETCH, BATCH_BYTES / rowBytes)));
        }
        if (full) {
          writer.writeBatch(reader.columns(), count);
          reader.clear();
          count = 0;
          sized = false;
        }
      }
      if (wire.cancelled()) throw new Failure(Failure.CANCELLED, "cancelled");
      if (count > 0) writer.writeBatch(reader.columns(), count);
      writer.writeEnd();
      return -1;
    }
  }

  /** The statement's first word in small letters, behind comments and brackets. */
  static String firstWord(String text) {
    int at = 0;
    while (at < text.length()) {
      char letter = text.charAt(at);
      if (text.startsWith("--", at)) {
        int end = text.indexOf('\n', at);
        at = end < 0 ? text.length() : end + 1;
      } else if (text.startsWith("/*", at)) {
        int end = text.indexOf("*/", at + 2);
        at = end < 0 ? text.length() : end + 2;
      } else if (letter <= ' ' || letter == '(' || letter == ';') {
        ++at;
      } else {
        break;
      }
    }
    int begin = at;
    while (at < text.length() && Character.isLetter(text.charAt(at))) ++at;
    return text.substring(begin, at).toLowerCase(Locale.ROOT);
  }

  private ObjectTree objects() throws SQLException {
    if (objects == null) objects = new ObjectTree(line);
    return objects;
  }

  Map<String, Object> list(String path, long limit) throws SQLException, Failure {
    return objects().list(path, limit);
  }

  Map<String, Object> describe(String path) throws SQLException, Failure {
    return objects().describe(path);
  }

  Map<String, Object> quote(String path) throws SQLException, Failure {
    return Map.of("path", objects().quoted(path));
  }

  Map<String, Object> ingest(String path, String mode, Wire.Stream in) throws SQLException, IOException, Failure {
    try {
      return Map.of("rows", new Ingest(line, objects(), this).run(path, mode, in));
    } finally {
      running = null;
    }
  }
}
