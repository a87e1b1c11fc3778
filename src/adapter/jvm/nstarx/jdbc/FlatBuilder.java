package nstarx.jdbc;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Writes a FlatBuffer back to front, as much of it as Arrow's metadata needs. */
final class FlatBuilder {
  private byte[] bytes = new byte[1024];
  private int head = bytes.length;
  private int alignment = 1;
  private int[] fields = {};
  private int tableStart = 0;

  int offset() {
    return bytes.length - head;
  }

  void putByte(int value) {
    align(1, 0);
    put(value, 1);
  }

  void putLong(long value) {
    align(8, 0);
    put(value, 8);
  }

  int text(String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    align(4, utf8.length + 1);
    put(0, 1);
    reserve(utf8.length);
    head -= utf8.length;
    System.arraycopy(utf8, 0, bytes, head, utf8.length);
    put(utf8.length, 4);
    return offset();
  }

  void startVector(int itemSize, int count, int itemAlignment) {
    align(4, itemSize * count);
    align(itemAlignment, itemSize * count);
  }

  int endVector(int count) {
    put(count, 4);
    return offset();
  }

  int offsets(int[] targets) {
    startVector(4, targets.length, 4);
    for (int i = targets.length - 1; i >= 0; --i) putOffset(targets[i]);
    return endVector(targets.length);
  }

  void startTable(int count) {
    fields = new int[count];
    tableStart = offset();
  }

  void addByte(int field, int value) {
    putByte(value);
    fields[field] = offset();
  }

  void addShort(int field, int value) {
    align(2, 0);
    put(value, 2);
    fields[field] = offset();
  }

  void addInt(int field, int value) {
    align(4, 0);
    put(value, 4);
    fields[field] = offset();
  }

  void addLong(int field, long value) {
    putLong(value);
    fields[field] = offset();
  }

  void addOffset(int field, int target) {
    putOffset(target);
    fields[field] = offset();
  }

  int endTable() {
    align(4, 0);
    put(0, 4); // where the vtable is; known below
    int table = offset();
    for (int i = fields.length - 1; i >= 0; --i) {
      align(2, 0);
      put(fields[i] == 0 ? 0 : table - fields[i], 2);
    }
    align(2, 0);
    put(table - tableStart, 2);
    put(4 + 2L * fields.length, 2);
    int distance = offset() - table;
    int at = bytes.length - table;
    for (int i = 0; i < 4; ++i) bytes[at + i] = (byte) (distance >> (8 * i));
    return table;
  }

  byte[] finish(int root) {
    align(Math.max(alignment, 8), 4);
    putOffset(root);
    return Arrays.copyOfRange(bytes, head, bytes.length);
  }

  private void putOffset(int target) {
    align(4, 0);
    put(offset() - target + 4L, 4);
  }

  /** Room and padding so that after `more` bytes the next value of this size is aligned. */
  private void align(int size, int more) {
    alignment = Math.max(alignment, size);
    int padding = (-(offset() + more)) & (size - 1);
    reserve(padding + size + more);
    head -= padding;
  }

  private void put(long value, int size) {
    reserve(size);
    head -= size;
    for (int i = 0; i < size; ++i) bytes[head + i] = (byte) (value >> (8 * i));
  }

  private void reserve(int size) {
    if (head >= size) return;
    int grown = Math.max(bytes.length * 2, bytes.length + size);
    byte[] larger = new byte[grown];
    System.arraycopy(bytes, head, larger, grown - offset(), offset());
    head = grown - offset();
    bytes = larger;
  }
}
