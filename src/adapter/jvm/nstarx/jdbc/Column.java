package nstarx.jdbc;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.ZoneOffset;
import java.util.List;

/** The values of one column of a batch, in Arrow's layout. */
final class Column {
  private static final BigInteger TWO_TO_64 = BigInteger.ONE.shiftLeft(64);

  final String name;
  final ArrowType type;
  private final Column items; // of a list
  private final Bytes valid = new Bytes();
  private final Bytes values = new Bytes();
  private final Bytes offsets = new Bytes();
  private int count = 0;
  private int nulls = 0;

  Column(String name, ArrowType type) {
    this.name = name;
    this.type = type;
    this.items = type.item() == null ? null : new Column(name, type.item());
    clear();
  }

  void clear() {
    valid.clear();
    values.clear();
    offsets.clear();
    count = 0;
    nulls = 0;
    if (hasOffsets()) offsets.putInt(0);
    if (items != null) items.clear();
  }

  int byteCount() {
    return values.size + offsets.size + (items == null ? 0 : items.byteCount());
  }

  void addNull() {
    valid.setBit(count, false);
    ++nulls;
    switch (type.kind()) {
      case BOOL -> values.setBit(count, false);
      case TEXT, BINARY -> offsets.putInt(values.size);
      case LIST -> offsets.putInt(items.count);
      default -> values.putZeros(type.width());
    }
    ++count;
  }

  void addBool(boolean value) {
    values.setBit(count, value);
    added();
  }

  void addWhole(long value) throws Failure {
    long least = type.width() == 8 ? Long.MIN_VALUE : -(1L << (8 * type.width() - 1));
    long most = ~least;
    if (type.kind() == ArrowType.Kind.UNSIGNED) {
      least = 0;
      most = type.width() == 8 ? Long.MAX_VALUE : (1L << (8 * type.width())) - 1;
    }
    if (value < least || value > most) throw bad(value + " is beyond " + type);
    values.putNumber(value, type.width());
    added();
  }

  /** Of 64 bits without a sign. */
  void addUnsigned(BigInteger value) throws Failure {
    if (value.signum() < 0 || value.compareTo(TWO_TO_64) >= 0) throw bad(value + " is beyond uint64");
    values.putLong(value.longValue());
    added();
  }

  void addReal(double value) {
    if (type.width() == 4) {
      values.putInt(Float.floatToRawIntBits((float) value));
    } else {
      values.putLong(Double.doubleToRawLongBits(value));
    }
    added();
  }

  void addDecimal(BigDecimal value) throws Failure {
    BigInteger digits;
    try {
      digits = value.setScale(type.scale(), RoundingMode.UNNECESSARY).unscaledValue();
    } catch (ArithmeticException error) {
      throw bad("a value has more than the declared " + type.scale() + " digits after the point");
    }
    if (digits.abs().compareTo(BigInteger.TEN.pow(type.precision())) >= 0) {
      throw bad("a value has more than the declared " + type.precision() + " digits");
    }
    byte[] big = digits.toByteArray();
    int sign = digits.signum() < 0 ? 0xFF : 0;
    for (int i = 0; i < type.width(); ++i) values.putByte(i < big.length ? big[big.length - 1 - i] : sign);
    added();
  }

  void addDate(LocalDate value) throws Failure {
    long days = value.toEpochDay();
    if (days != (int) days) throw bad("a date beyond date32");
    values.putInt((int) days);
    added();
  }

  void addTime(LocalTime value) {
    values.putLong(value.toNanoOfDay());
    added();
  }

  void addTimestamp(LocalDateTime value) throws Failure {
    addMoment(value.toEpochSecond(ZoneOffset.UTC), value.getNano());
  }

  void addInstant(Instant value) throws Failure {
    addMoment(value.getEpochSecond(), value.getNano());
  }

  private void addMoment(long seconds, int nanos) throws Failure {
    long perSecond = type.scale() == 9 ? 1_000_000_000L : 1_000_000L;
    long step = 1_000_000_000L / perSecond;
    if (nanos % step != 0) throw bad("a time has more than 6 digits of a second");
    try {
      // Before 1970 the sum is nearer to zero than the product.
      long whole = seconds < 0
          ? Math.addExact(Math.multiplyExact(seconds + 1, perSecond), nanos / step - perSecond)
          : Math.addExact(Math.multiplyExact(seconds, perSecond), nanos / step);
      values.putLong(whole);
    } catch (ArithmeticException error) {
      throw bad("a time beyond " + type);
    }
    added();
  }

  void addText(String value) {
    byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
    addBinary(utf8);
  }

  void addBinary(byte[] value) {
    values.put(value, 0, value.length);
    offsets.putInt(values.size);
    added();
  }

  void addList(Object[] list) throws Failure {
    for (Object item : list) items.addItem(item);
    offsets.putInt(items.count);
    added();
  }

  private void addItem(Object item) throws Failure {
    switch (type.kind()) {
      case BOOL -> {
        if (item instanceof Boolean truth) addBool(truth);
        else refuseItem(item);
      }
      case SIGNED -> {
        if (item instanceof Number number && !(item instanceof BigDecimal)) addWhole(number.longValue());
        else refuseItem(item);
      }
      case FLOAT -> {
        if (item instanceof Number number) addReal(number.doubleValue());
        else refuseItem(item);
      }
      case BINARY -> {
        if (item instanceof byte[] bytes) addBinary(bytes);
        else refuseItem(item);
      }
      default -> {
        if (item instanceof BigDecimal number) addText(number.toPlainString());
        else if (item instanceof String text) addText(text);
        else if (item != null && !item.getClass().isArray()) addText(item.toString());
        else refuseItem(item);
      }
    }
  }

  private void refuseItem(Object item) throws Failure {
    if (item != null) throw bad("an array with items that are no " + type);
    addNull();
  }

  Failure bad(String what) {
    return Failure.badValue(name, what);
  }

  private boolean hasOffsets() {
    return switch (type.kind()) {
      case TEXT, BINARY, LIST -> true;
      default -> false;
    };
  }

  private void added() {
    valid.setBit(count, true);
    ++count;
  }

  /** Its nodes, buffers and bytes, as a RecordBatch of Message.fbs has them: itself, then its children. */
  void write(List<long[]> nodes, List<long[]> buffers, Bytes body) {
    nodes.add(new long[] {count, nulls});
    writeBuffer(valid, buffers, body);
    if (hasOffsets()) writeBuffer(offsets, buffers, body);
    if (items == null) {
      writeBuffer(values, buffers, body);
    } else {
      items.write(nodes, buffers, body);
    }
  }

  private static void writeBuffer(Bytes bytes, List<long[]> buffers, Bytes body) {
    buffers.add(new long[] {body.size, bytes.size});
    body.put(bytes.data, 0, bytes.size);
    body.pad();
  }
}
