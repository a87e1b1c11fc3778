package nstarx.jdbc;

/** The types that rows have in Arrow, and how its metadata says them. */
record ArrowType(Kind kind, int width, int precision, int scale, ArrowType item) {
  enum Kind { BOOL, SIGNED, UNSIGNED, FLOAT, DECIMAL, DATE, TIME, TIMESTAMP, INSTANT, TEXT, BINARY, LIST }

  static final ArrowType BOOL = new ArrowType(Kind.BOOL, 0, 0, 0, null);
  static final ArrowType TEXT = new ArrowType(Kind.TEXT, 0, 0, 0, null);
  static final ArrowType BINARY = new ArrowType(Kind.BINARY, 0, 0, 0, null);
  static final ArrowType DATE = new ArrowType(Kind.DATE, 4, 0, 0, null);
  /** Nanoseconds of the day. */
  static final ArrowType TIME = new ArrowType(Kind.TIME, 8, 0, 9, null);
  static final ArrowType UINT8 = new ArrowType(Kind.UNSIGNED, 1, 0, 0, null);
  static final ArrowType UINT64 = new ArrowType(Kind.UNSIGNED, 8, 0, 0, null);

  static ArrowType signed(int bytes) {
    return new ArrowType(Kind.SIGNED, bytes, 0, 0, null);
  }

  static ArrowType real(int bytes) {
    return new ArrowType(Kind.FLOAT, bytes, 0, 0, null);
  }

  static ArrowType decimal(int precision, int scale) {
    return new ArrowType(Kind.DECIMAL, precision > 38 ? 32 : 16, precision, scale, null);
  }

  /** Without a zone; digits of a second: 6 or 9. */
  static ArrowType timestamp(int digits) {
    return new ArrowType(Kind.TIMESTAMP, 8, 0, digits, null);
  }

  static ArrowType instant(int digits) {
    return new ArrowType(Kind.INSTANT, 8, 0, digits, null);
  }

  static ArrowType list(ArrowType item) {
    return new ArrowType(Kind.LIST, 0, 0, 0, item);
  }

  /** As Arrow's C++ prints it. */
  @Override
  public String toString() {
    return switch (kind) {
      case BOOL -> "bool";
      case SIGNED -> "int" + 8 * width;
      case UNSIGNED -> "uint" + 8 * width;
      case FLOAT -> width == 4 ? "float" : "double";
      case DECIMAL -> "decimal" + 8 * width + "(" + precision + ", " + scale + ")";
      case DATE -> "date32[day]";
      case TIME -> "time64[ns]";
      case TIMESTAMP -> "timestamp[" + unitName() + "]";
      case INSTANT -> "timestamp[" + unitName() + ", tz=UTC]";
      case TEXT -> "string";
      case BINARY -> "binary";
      case LIST -> "list<item: " + item + ">";
    };
  }

  private String unitName() {
    return scale == 9 ? "ns" : "us";
  }

  private int unit() {
    return scale == 9 ? 3 : 2;
  }

  /** A Field of Schema.fbs. */
  int writeField(FlatBuilder flat, String name, boolean nullable) {
    int[] children = item == null ? new int[0] : new int[] {item.writeField(flat, "item", true)};
    int childList = flat.offsets(children);
    int nameText = flat.text(name);
    int type = writeType(flat);
    flat.startTable(7);
    flat.addOffset(0, nameText);
    flat.addByte(1, nullable ? 1 : 0);
    flat.addByte(2, number());
    flat.addOffset(3, type);
    flat.addOffset(5, childList);
    return flat.endTable();
  }

  /** Its place in the union Type of Schema.fbs. */
  private int number() {
    return switch (kind) {
      case SIGNED, UNSIGNED -> 2;
      case FLOAT -> 3;
      case BINARY -> 4;
      case TEXT -> 5;
      case BOOL -> 6;
      case DECIMAL -> 7;
      case DATE -> 8;
      case TIME -> 9;
      case TIMESTAMP, INSTANT -> 10;
      case LIST -> 12;
    };
  }

  private int writeType(FlatBuilder flat) {
    int zone = kind == Kind.INSTANT ? flat.text("UTC") : 0;
    flat.startTable(3);
    switch (kind) {
      case SIGNED, UNSIGNED -> {
        flat.addInt(0, 8 * width);
        flat.addByte(1, kind == Kind.SIGNED ? 1 : 0);
      }
      case FLOAT -> flat.addShort(0, width == 4 ? 1 : 2);
      case DECIMAL -> {
        flat.addInt(0, precision);
        flat.addInt(1, scale);
        flat.addInt(2, 8 * width);
      }
      case DATE -> flat.addShort(0, 0);
      case TIME -> {
        flat.addShort(0, unit());
        flat.addInt(1, 64);
      }
      case TIMESTAMP -> flat.addShort(0, unit());
      case INSTANT -> {
        flat.addShort(0, unit());
        flat.addOffset(1, zone);
      }
      default -> {}
    }
    return flat.endTable();
  }
}
