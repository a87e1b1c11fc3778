package nstarx.jdbc;

import java.io.IOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;

/** Reads the Arrow IPC stream of an ingest: columns of single values. */
final class ArrowReader {
  /** A column: `kind` is its place in the union Type of Schema.fbs, `width` in bytes. */
  record Field(String name, int kind, int width, boolean signed, int precision, int scale, int unit, boolean zoned) {}

  static final int INT = 2;
  static final int FLOAT = 3;
  static final int BINARY = 4;
  static final int TEXT = 5;
  static final int BOOL = 6;
  static final int DECIMAL = 7;
  static final int DATE = 8;
  static final int TIME = 9;
  static final int TIMESTAMP = 10;
  static final int LARGE_BINARY = 19;
  static final int LARGE_TEXT = 20;
  private static final int MAX_MESSAGE = 1 << 30;

  private final Wire.Stream in;
  private final List<Field> fields = new ArrayList<>();
  private ByteBuffer meta;
  private ByteBuffer body;
  private int rows = 0;
  private int[][] buffers; // by column: begin of validity (-1: none), of offsets or values, of bytes

  ArrowReader(Wire.Stream in) throws IOException, Failure {
    this.in = in;
    if (!readMessage()) throw new IOException("no rows were sent");
    int schema = headerOf(1);
    int list = target(schema, 1);
    for (int i = 0; i < meta.getInt(list); ++i) fields.add(readField(indirect(list + 4 + 4 * i)));
  }

  List<Field> fields() {
    return fields;
  }

  int rows() {
    return rows;
  }

  /** The next batch; false at the end. */
  boolean next() throws IOException, Failure {
    if (!readMessage()) return false;
    int batch = headerOf(3);
    if (field(batch, 3) != 0) throw new Failure(Failure.INVALID_DATA, "compressed rows");
    rows = (int) meta.getLong(field(batch, 0));
    int list = target(batch, 2);
    int at = list + 4;
    buffers = new int[fields.size()][3];
    for (int i = 0; i < buffers.length; ++i) {
      int count = hasOffsets(fields.get(i)) ? 3 : 2;
      for (int part = 0; part < count; ++part, at += 16) {
        boolean absent = part == 0 && meta.getLong(at + 8) == 0;
        buffers[i][part] = absent ? -1 : Math.toIntExact(meta.getLong(at));
      }
    }
    return true;
  }

  /** Java's value of it: Boolean, Long, BigDecimal, Double, String, byte[], java.time; null. */
  Object value(int column, int row) {
    int[] parts = buffers[column];
    if (parts[0] >= 0 && (body.get(parts[0] + row / 8) >> (row % 8) & 1) == 0) return null;
    Field field = fields.get(column);
    return switch (field.kind) {
      case BOOL -> (body.get(parts[1] + row / 8) >> (row % 8) & 1) == 1;
      case INT -> whole(field, parts[1] + row * field.width);
      case FLOAT -> field.width == 4 ? (Object) (double) body.getFloat(parts[1] + row * 4)
          : (Object) body.getDouble(parts[1] + row * 8);
      case DECIMAL -> decimal(field, parts[1] + row * field.width);
      case DATE -> LocalDate.ofEpochDay(field.width == 4 ? body.getInt(parts[1] + row * 4)
          : Math.floorDiv(body.getLong(parts[1] + row * 8), 86_400_000L));
      case TIME -> LocalTime.ofNanoOfDay(number(parts[1] + row * field.width, field.width) * nanosOf(field));
      case TIMESTAMP -> moment(field, body.getLong(parts[1] + row * 8));
      case TEXT, LARGE_TEXT -> new String(bytes(field, parts, row), StandardCharsets.UTF_8);
      default -> bytes(field, parts, row);
    };
  }

  private static boolean hasOffsets(Field field) {
    return switch (field.kind) {
      case TEXT, BINARY, LARGE_TEXT, LARGE_BINARY -> true;
      default -> false;
    };
  }

  private long number(int at, int width) {
    return switch (width) {
      case 1 -> body.get(at);
      case 2 -> body.getShort(at);
      case 4 -> body.getInt(at);
      default -> body.getLong(at);
    };
  }

  private Object whole(Field field, int at) {
    long value = number(at, field.width);
    if (field.signed) return value;
    if (field.width < 8) return value & ((1L << (8 * field.width)) - 1);
    return new BigDecimal(new BigInteger(Long.toUnsignedString(value)));
  }

  private BigDecimal decimal(Field field, int at) {
    byte[] big = new byte[field.width];
    for (int i = 0; i < big.length; ++i) big[big.length - 1 - i] = body.get(at + i);
    return new BigDecimal(new BigInteger(big), field.scale);
  }

  private static long nanosOf(Field field) {
    return switch (field.unit) {
      case 0 -> 1_000_000_000L;
      case 1 -> 1_000_000L;
      case 2 -> 1_000L;
      default -> 1L;
    };
  }

  private static Object moment(Field field, long value) {
    long perSecond = 1_000_000_000L / nanosOf(field);
    long seconds = Math.floorDiv(value, perSecond);
    int nanos = (int) (Math.floorMod(value, perSecond) * nanosOf(field));
    if (field.zoned) return Instant.ofEpochSecond(seconds, nanos).atOffset(ZoneOffset.UTC);
    return LocalDateTime.ofEpochSecond(seconds, nanos, ZoneOffset.UTC);
  }

  private byte[] bytes(Field field, int[] parts, int row) {
    boolean large = field.kind == LARGE_TEXT || field.kind == LARGE_BINARY;
    long begin = large ? body.getLong(parts[1] + row * 8) : body.getInt(parts[1] + row * 4);
    long end = large ? body.getLong(parts[1] + (row + 1) * 8) : body.getInt(parts[1] + (row + 1) * 4);
    byte[] out = new byte[Math.toIntExact(end - begin)];
    body.get(Math.toIntExact(parts[2] + begin), out);
    return out;
  }

  private boolean readMessage() throws IOException, Failure {
    byte[] head = new byte[8];
    in.readExactly(head);
    int size = ByteBuffer.wrap(head).order(ByteOrder.LITTLE_ENDIAN).getInt(4);
    if (size == 0) return false;
    if (size < 0 || size > MAX_MESSAGE) throw new Failure(Failure.INVALID_DATA, "no Arrow stream");
    meta = take(size);
    int root = indirect(0);
    int length = field(root, 3);
    long bodySize = length == 0 ? 0 : meta.getLong(length);
    if (bodySize < 0 || bodySize > MAX_MESSAGE) throw new Failure(Failure.INVALID_DATA, "a batch is too large");
    body = take((int) bodySize);
    return true;
  }

  private ByteBuffer take(int size) throws IOException {
    byte[] bytes = new byte[size];
    in.readExactly(bytes);
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private int headerOf(int kind) throws Failure {
    int root = indirect(0);
    int said = field(root, 1);
    if (said == 0 || meta.get(said) != kind) throw new Failure(Failure.UNSUPPORTED, "dictionaries can't be written");
    return target(root, 2);
  }

  private Field readField(int at) throws Failure {
    int nameAt = target(at, 0);
    byte[] utf8 = new byte[meta.getInt(nameAt)];
    meta.get(nameAt + 4, utf8);
    String name = new String(utf8, StandardCharsets.UTF_8);
    int kind = meta.get(field(at, 2));
    if (field(at, 4) != 0) throw Failure.badValue(name, "a dictionary can't be written");
    int type = target(at, 3);
    return switch (kind) {
      case BOOL, TEXT, BINARY, LARGE_TEXT, LARGE_BINARY -> new Field(name, kind, 0, false, 0, 0, 0, false);
      case INT -> new Field(name, kind, number(type, 0, 0) / 8, flag(type, 1), 0, 0, 0, false);
      case FLOAT -> {
        int size = shortOf(type, 0, 0);
        if (size == 0) throw Failure.badValue(name, "half floats can't be written");
        yield new Field(name, kind, size == 1 ? 4 : 8, true, 0, 0, 0, false);
      }
      case DECIMAL -> new Field(
          name, kind, number(type, 2, 128) / 8, true, number(type, 0, 0), number(type, 1, 0), 0, false);
      case DATE -> new Field(name, kind, shortOf(type, 0, 1) == 0 ? 4 : 8, true, 0, 0, 0, false);
      case TIME -> new Field(name, kind, number(type, 1, 32) / 8, true, 0, 0, shortOf(type, 0, 1), false);
      case TIMESTAMP -> new Field(name, kind, 8, true, 0, 0, shortOf(type, 0, 0), field(type, 1) != 0);
      default -> throw new Failure(Failure.UNSUPPORTED, "column '" + name + "': its Arrow type can't be written");
    };
  }

  /** Where a table's field lies; 0 when it is left out. */
  private int field(int table, int number) {
    int vtable = table - meta.getInt(table);
    int slot = 4 + 2 * number;
    if (slot >= meta.getShort(vtable)) return 0;
    int offset = meta.getShort(vtable + slot) & 0xFFFF;
    return offset == 0 ? 0 : table + offset;
  }

  private int indirect(int at) {
    return at + meta.getInt(at);
  }

  private int target(int table, int number) {
    return indirect(field(table, number));
  }

  private int number(int table, int place, int otherwise) {
    int at = field(table, place);
    return at == 0 ? otherwise : meta.getInt(at);
  }

  private int shortOf(int table, int place, int otherwise) {
    int at = field(table, place);
    return at == 0 ? otherwise : meta.getShort(at);
  }

  private boolean flag(int table, int place) {
    int at = field(table, place);
    return at != 0 && meta.get(at) != 0;
  }
}
