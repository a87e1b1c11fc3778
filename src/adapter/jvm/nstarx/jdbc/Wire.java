package nstarx.jdbc;

import java.io.DataInputStream;
import java.io.EOFException;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;

/**
 * Frames over the socket to the server (src/adapter/frames.h), which is file descriptor 0 both ways. A thread of its
 * own reads, so that a cancel gets through at any time.
 */
final class Wire {
  /** A frame: its kind and what it holds. */
  record Frame(char kind, byte[] payload) {}

  static final int MAX_FRAME = 16 << 20;
  static final int PIECE = 1 << 20;
  private static final int QUEUED = 8;
  private static final long LEAVE_GRACE_MS = 2000;
  private static final long STOP_AGAIN_MS = 200;

  private final DataInputStream in = new DataInputStream(new FileInputStream(FileDescriptor.in));
  private final OutputStream out = new FileOutputStream(FileDescriptor.in);
  private final BlockingQueue<Frame> inbox = new ArrayBlockingQueue<>(QUEUED);
  private volatile boolean cancelled = false;
  private volatile boolean busy = false; // from a request's arrival to its reply
  private volatile Runnable stop = () -> {};

  Wire() {
    Thread reader = new Thread(this::readAll, "reader");
    reader.setDaemon(true);
    reader.start();
  }

  /** What a cancel calls, from another thread. */
  void onCancel(Runnable action) {
    stop = action;
  }

  boolean cancelled() {
    return cancelled;
  }

  Frame next() {
    while (true) {
      try {
        return inbox.take();
      } catch (InterruptedException error) {
        // Nobody interrupts this thread but drivers that stop a statement.
      }
    }
  }

  void say(char kind, Object json) {
    byte[] bytes = Json.write(json).getBytes(StandardCharsets.UTF_8);
    say(kind, bytes, 0, bytes.length);
  }

  void say(char kind, byte[] bytes, int begin, int size) {
    if (kind == 'R' || kind == 'X') busy = false;
    byte[] header = {(byte) kind, (byte) size, (byte) (size >> 8), (byte) (size >> 16), (byte) (size >> 24)};
    try {
      out.write(header);
      out.write(bytes, begin, size);
    } catch (IOException error) {
      leave(); // Nobody is there to hear of it.
    }
  }

  /** An Arrow stream's bytes in pieces. */
  void sayData(byte[] bytes, int size) {
    for (int at = 0; at < size; at += PIECE) say('D', bytes, at, Math.min(PIECE, size - at));
  }

  static void leave() {
    Runtime.getRuntime().halt(0);
  }

  /** A cancel that comes before the driver has begun is lost on it: again until the reply. */
  private Thread startToStop() {
    cancelled = true;
    Thread stopper = new Thread(() -> {
      try {
        while (busy && cancelled) {
          stop.run();
          Thread.sleep(STOP_AGAIN_MS);
        }
      } catch (InterruptedException error) {
        Thread.currentThread().interrupt();
      }
    }, "stop");
    stopper.setDaemon(true);
    stopper.start();
    return stopper;
  }

  private void readAll() {
    try {
      while (true) {
        char kind = (char) in.readUnsignedByte();
        int size = Integer.reverseBytes(in.readInt());
        if (size < 0 || size > MAX_FRAME || "QDEC".indexOf(kind) < 0) break;
        byte[] payload = new byte[size];
        in.readFully(payload);
        Frame frame = new Frame(kind, payload);
        if (kind == 'Q') {
          cancelled = false;
          busy = true;
        }
        if (kind == 'C') startToStop();
        inbox.put(frame);
      }
    } catch (IOException | InterruptedException | RuntimeException error) {
      // The server is gone, or this session is.
    }
    try {
      startToStop().join(LEAVE_GRACE_MS);
    } catch (InterruptedException error) {
      Thread.currentThread().interrupt();
    }
    leave();
  }

  /** The data frames of one ingest, until its end. */
  final class Stream extends InputStream {
    private byte[] piece = new byte[0];
    private int at = 0;
    private boolean ended = false;
    private boolean complete = false;

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
    }

    @Override
    public int read(byte[] into, int begin, int size) {
      while (at == piece.length) {
        if (!advance()) return -1;
      }
      int count = Math.min(size, piece.length - at);
      System.arraycopy(piece, at, into, begin, count);
      at += count;
      return count;
    }

    void readExactly(byte[] into) throws IOException {
      if (readNBytes(into, 0, into.length) != into.length) throw new EOFException("the rows end too early");
    }

    /** Takes what the request still sends; false when the server gave up in the middle. */
    boolean drain() {
      while (advance()) piece = new byte[0];
      return complete;
    }

    private boolean advance() {
      if (ended) return false;
      Frame frame = next();
      at = 0;
      piece = frame.kind() == 'D' ? frame.payload() : new byte[0];
      ended = frame.kind() != 'D';
      complete = frame.kind() == 'E';
      return !ended;
    }
  }
}
