package nstarx.jdbc;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/** Bytes that grow; numbers little endian. */
final class Bytes {
  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle INTS =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

  byte[] data = new byte[256];
  int size = 0;

  void putByte(int value) {
    reserve(1);
    data[size++] = (byte) value;
  }

  void putInt(int value) {
    reserve(4);
    INTS.set(data, size, value);
    size += 4;
  }

  void putLong(long value) {
    reserve(8);
    LONGS.set(data, size, value);
    size += 8;
  }

  /** The lowest `width` bytes of the number. */
  void putNumber(long value, int width) {
    if (width == 8) {
      putLong(value);
    } else if (width == 4) {
      putInt((int) value);
    } else {
      for (int i = 0; i < width; ++i) putByte((int) (value >> (8 * i)));
    }
  }

  void put(byte[] bytes, int begin, int count) {
    reserve(count);
    System.arraycopy(bytes, begin, data, size, count);
    size += count;
  }

  void putZeros(int count) {
    reserve(count);
    Arrays.fill(data, size, size + count, (byte) 0);
    size += count;
  }

  /** Arrow's buffers begin at multiples of eight. */
  void pad() {
    putZeros(-size & 7);
  }

  void setBit(int place, boolean value) {
    while (size <= place / 8) putByte(0);
    if (value) data[place / 8] |= (byte) (1 << (place % 8));
  }

  void clear() {
    size = 0;
  }

  private void reserve(int more) {
    if (size + more > data.length) {
      data = Arrays.copyOf(data, Math.max(Math.multiplyExact(data.length, 2), Math.addExact(size, more)));
    }
  }
}
