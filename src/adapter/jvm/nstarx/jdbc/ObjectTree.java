package nstarx.jdbc;

import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * Browsing through DatabaseMetaData. Levels that a system has not got, or has one of, are left out of paths, as in
 * src/adapter/object_tree.h.
 */
final class ObjectTree {
  /** catalog.schema.table, of which any may be null. */
  record Name(String catalog, String schema, String table) {}

  private final Connection line;
  private final String quote;
  private final boolean hasSchemas;
  private final boolean hasCatalogs;
  private final String catalog; // the one; null: none, or any

  ObjectTree(Connection line) throws SQLException {
    this.line = line;
    DatabaseMetaData about = line.getMetaData();
    String said = about.getIdentifierQuoteString();
    quote = said == null ? "" : said.trim();
    String current = line.getCatalog();
    List<String> catalogs = current == null || current.isEmpty() ? texts(about.getCatalogs(), 1) : List.of();
    if (current != null && !current.isEmpty()) {
      catalog = current;
    } else {
      catalog = catalogs.size() == 1 ? catalogs.get(0) : null;
    }
    hasCatalogs = catalogs.size() > 1;
    hasSchemas = !texts(about.getSchemas(), 1).isEmpty();
  }

  private static List<String> texts(ResultSet rows, int place) throws SQLException {
    List<String> out = new ArrayList<>();
    try (rows) {
      while (rows.next()) {
        String text = rows.getString(place);
        if (text != null && !text.isEmpty()) out.add(text);
      }
    }
    return out;
  }

  Map<String, Object> list(String path, long limit) throws SQLException, Failure {
    Name name = nameOf(path);
    List<Map<String, Object>> items = new ArrayList<>();
    DatabaseMetaData about = line.getMetaData();
    if (name.table != null) {
      if (kindOf(name) == null) throw Failure.noSuch(path);
    } else if (hasCatalogs && name.catalog == null) {
      for (String each : texts(about.getCatalogs(), 1)) {
        items.add(item(each, pathOf(new Name(each, null, null)), "catalog", true));
      }
    } else if (hasSchemas && name.schema == null) {
      for (String each : schemas(name.catalog)) {
        items.add(item(each, pathOf(new Name(name.catalog, each, null)), "schema", true));
      }
    } else {
      boolean known = !hasSchemas || schemas(name.catalog).contains(name.schema);
      if (!known) throw Failure.noSuch(path);
      for (Map.Entry<String, String> table : tables(name).entrySet()) {
        String full = pathOf(new Name(name.catalog, name.schema, table.getKey()));
        items.add(item(table.getKey(), full, table.getValue(), false));
      }
    }
    items.sort(Comparator.comparing(row -> (String) row.get("name")));
    return Map.of("items", items.size() > limit ? items.subList(0, (int) limit) : items);
  }

  private static Map<String, Object> item(String name, String path, String kind, boolean parent) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("name", name);
    out.put("path", path);
    out.put("kind", kind);
    out.put("has_children", parent);
    return out;
  }

  private List<String> schemas(String in) throws SQLException {
    List<String> out = new ArrayList<>();
    try (ResultSet rows = line.getMetaData().getSchemas()) {
      while (rows.next()) {
        String of = rows.getString(2);
        if (in == null || of == null || of.isEmpty() || of.equals(in)) out.add(rows.getString(1));
      }
    }
    return out;
  }

  /** Names and kinds of the tables of a schema, or of the one that `name` says. */
  private Map<String, String> tables(Name name) throws SQLException {
    Map<String, String> out = new TreeMap<>();
    try (ResultSet rows = line.getMetaData().getTables(name.catalog, pattern(name.schema), pattern(name.table), null)) {
      while (rows.next()) {
        String table = rows.getString("TABLE_NAME");
        String schema = rows.getString("TABLE_SCHEM");
        String kind = String.valueOf(rows.getString("TABLE_TYPE")).toLowerCase(Locale.ROOT).replace(' ', '_');
        // What holds no rows of its own that a statement could read.
        if (kind.endsWith("index") || kind.endsWith("sequence") || kind.equals("type")) continue;
        if (name.schema != null && schema != null && !schema.equals(name.schema)) continue;
        if (name.table != null && !table.equals(name.table)) continue;
        out.put(table, kind.isEmpty() || kind.equals("base_table") ? "table" : kind);
      }
    }
    return out;
  }

  private String kindOf(Name name) throws SQLException {
    return tables(name).get(name.table);
  }

  boolean exists(Name name) throws SQLException {
    return kindOf(name) != null;
  }

  /** A name as the pattern that fits it alone. */
  private String pattern(String name) throws SQLException {
    if (name == null) return null;
    String escape = line.getMetaData().getSearchStringEscape();
    if (escape == null || escape.isEmpty()) return name;
    return name.replace(escape, escape + escape).replace("_", escape + "_").replace("%", escape + "%");
  }

  Map<String, Object> describe(String path) throws SQLException, Failure {
    Name name = nameOf(path);
    String kind = name.table == null ? null : kindOf(name);
    if (kind == null) throw Failure.noSuch(path);
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("path", path);
    out.put("kind", kind);
    out.put("table_columns", columns(name));
    out.put("table_constraints", keys(name));
    out.put("arrow_types", arrowTypes(name));
    return out;
  }

  private List<Object> columns(Name name) throws SQLException {
    List<Object> out = new ArrayList<>();
    DatabaseMetaData about = line.getMetaData();
    try (ResultSet rows = about.getColumns(name.catalog, pattern(name.schema), pattern(name.table), null)) {
      while (rows.next()) {
        if (!name.table.equals(rows.getString("TABLE_NAME"))) continue;
        Map<String, Object> column = new LinkedHashMap<>();
        column.put("column_name", rows.getString("COLUMN_NAME"));
        column.put("xdbc_type_name", text(rows.getString("TYPE_NAME")));
        column.put("xdbc_nullable", (long) rows.getInt("NULLABLE"));
        column.put("remarks", text(rows.getString("REMARKS")));
        column.put("xdbc_column_def", text(rows.getString("COLUMN_DEF")));
        out.add(column);
      }
    }
    return out;
  }

  private static String text(String value) {
    return value == null ? "" : value;
  }

  private List<Object> keys(Name name) throws SQLException {
    Map<Integer, String> columns = new TreeMap<>();
    String key = "";
    try (ResultSet rows = line.getMetaData().getPrimaryKeys(name.catalog, name.schema, name.table)) {
      while (rows.next()) {
        String column = rows.getString("COLUMN_NAME");
        int place = rows.getInt("KEY_SEQ");
        key = text(rows.getString("PK_NAME"));
        columns.put(place, column);
      }
    }
    if (columns.isEmpty()) return List.of();
    return List.of(Map.of("constraint_name", key, "constraint_type", "PRIMARY KEY", "constraint_column_names",
        new ArrayList<>(columns.values())));
  }

  private Map<String, Object> arrowTypes(Name name) throws SQLException {
    Map<String, Object> out = new LinkedHashMap<>();
    try (Statement statement = line.createStatement();
        ResultSet rows = statement.executeQuery("SELECT * FROM " + quoted(name) + " WHERE 1 = 0")) {
      for (Column column : new RowReader(rows).columns()) out.put(column.name, column.type.toString());
    }
    return out;
  }

  /** As the system's SQL has it. */
  String quoted(String path) throws Failure {
    Name name = nameOf(path);
    if (name.table == null) throw Failure.noSuch(path);
    return quoted(name);
  }

  String quoted(Name name) {
    StringBuilder out = new StringBuilder();
    if (hasCatalogs && name.catalog != null) out.append(quotedName(name.catalog)).append('.');
    if (name.schema != null) out.append(quotedName(name.schema)).append('.');
    return out.append(quotedName(name.table)).toString();
  }

  String quotedName(String name) {
    return quote.isEmpty() ? name : quote + name.replace(quote, quote + quote) + quote;
  }

  Name nameOf(String path) throws Failure {
    if (path.isEmpty()) return new Name(catalog, null, null);
    List<String> parts = split(path);
    if (parts.contains("")) throw Failure.noSuch(path);
    int next = 0;
    String inCatalog = hasCatalogs ? parts.get(next++) : catalog;
    String schema = hasSchemas && next < parts.size() ? parts.get(next++) : null;
    String table = next < parts.size() ? parts.get(next++) : null;
    if (next < parts.size()) throw Failure.noSuch(path);
    return new Name(inCatalog, schema, table);
  }

  /** Of a table that may not be there yet: a path too short for all levels names one in the current schema. */
  Name targetOf(String path) throws SQLException, Failure {
    Name name = nameOf(path);
    if (name.table != null) return name;
    if (name.schema == null) throw Failure.noSuch(path);
    return new Name(name.catalog, line.getSchema(), name.schema);
  }

  private static List<String> split(String path) {
    List<String> out = new ArrayList<>();
    StringBuilder part = new StringBuilder();
    boolean inQuotes = false;
    for (int i = 0; i < path.length(); ++i) {
      char letter = path.charAt(i);
      if (inQuotes && letter == '"' && i + 1 < path.length() && path.charAt(i + 1) == '"') {
        part.append('"');
        ++i;
      } else if (letter == '"') {
        inQuotes = !inQuotes;
      } else if (letter == '.' && !inQuotes) {
        out.add(part.toString());
        part.setLength(0);
      } else {
        part.append(letter);
      }
    }
    out.add(part.toString());
    return out;
  }

  private String pathOf(Name name) {
    List<String> parts = new ArrayList<>();
    if (hasCatalogs && name.catalog != null) parts.add(part(name.catalog));
    if (hasSchemas && name.schema != null) parts.add(part(name.schema));
    if (name.table != null) parts.add(part(name.table));
    return String.join(".", parts);
  }

  private static String part(String name) {
    return name.matches("[a-z_][a-z0-9_]*") ? name : '"' + name.replace("\"", "\"\"") + '"';
  }
}
