package nstarx.jdbc;

import java.util.ArrayList;
import java.util.List;

/** Writes an Arrow IPC stream into data frames. */
final class ArrowWriter {
  private static final int VERSION_5 = 4;
  private static final int SCHEMA = 1;
  private static final int RECORD_BATCH = 3;

  private final Wire wire;
  private final Bytes body = new Bytes();
  private final Bytes out = new Bytes();

  ArrowWriter(Wire wire) {
    this.wire = wire;
  }

  void writeSchema(List<Column> columns) {
    FlatBuilder flat = new FlatBuilder();
    int[] fields = new int[columns.size()];
    for (int i = 0; i < fields.length; ++i) {
      fields[i] = columns.get(i).type.writeField(flat, columns.get(i).name, true);
    }
    int list = flat.offsets(fields);
    flat.startTable(4);
    flat.addShort(0, 0);
    flat.addOffset(1, list);
    send(flat, flat.endTable(), SCHEMA);
  }

  void writeBatch(List<Column> columns, int rows) {
    List<long[]> nodes = new ArrayList<>();
    List<long[]> buffers = new ArrayList<>();
    body.clear();
    for (Column column : columns) column.write(nodes, buffers, body);
    FlatBuilder flat = new FlatBuilder();
    int bufferList = pairs(flat, buffers);
    int nodeList = pairs(flat, nodes);
    flat.startTable(4);
    flat.addLong(0, rows);
    flat.addOffset(1, nodeList);
    flat.addOffset(2, bufferList);
    send(flat, flat.endTable(), RECORD_BATCH);
  }

  void writeEnd() {
    wire.sayData(new byte[] {-1, -1, -1, -1, 0, 0, 0, 0}, 8);
  }

  private static int pairs(FlatBuilder flat, List<long[]> list) {
    flat.startVector(16, list.size(), 8);
    for (int i = list.size() - 1; i >= 0; --i) {
      flat.putLong(list.get(i)[1]);
      flat.putLong(list.get(i)[0]);
    }
    return flat.endVector(list.size());
  }

  private void send(FlatBuilder flat, int header, int kind) {
    flat.startTable(5);
    flat.addLong(3, kind == SCHEMA ? 0 : body.size);
    flat.addOffset(2, header);
    flat.addShort(0, VERSION_5);
    flat.addByte(1, kind);
    byte[] message = flat.finish(flat.endTable());
    out.clear();
    out.putInt(-1);
    out.putInt(message.length);
    out.put(message, 0, message.length);
    if (kind != SCHEMA) out.put(body.data, 0, body.size);
    wire.sayData(out.data, out.size);
  }
}
