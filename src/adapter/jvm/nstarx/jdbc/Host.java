package nstarx.jdbc;

import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/** The process that runs a JDBC driver for one session; the server starts it and speaks over its descriptor 0. */
public final class Host {
  private static final int OUT_OF_MEMORY = 3;

  private final Wire wire = new Wire();
  private final Session session = new Session(wire);
  private boolean opened = false;

  private Host() {}

  public static void main(String[] arguments) {
    // A driver's words may hold what it was given.
    PrintStream nowhere = new PrintStream(OutputStream.nullOutputStream());
    System.setOut(nowhere);
    System.setErr(nowhere);
    new Host().serve();
  }

  private void serve() {
    while (true) {
      Wire.Frame frame = wire.next();
      if (frame.kind() != 'Q') continue; // the rest of an ingest that has failed
      try {
        wire.say('R', answer(new String(frame.payload(), StandardCharsets.UTF_8)));
      } catch (Throwable error) {
        Failure failure = Failure.of(error, wire.cancelled());
        wire.say('X', failure.asJson());
        // After that no object of the driver is sure to be whole.
        if (failure.fatal()) Runtime.getRuntime().halt(OUT_OF_MEMORY);
      }
    }
  }

  @SuppressWarnings("unchecked")
  private Map<String, Object> answer(String text) throws Exception {
    Map<String, Object> request = (Map<String, Object>) Json.read(text);
    String op = (String) request.get("op");
    if (op.equals("open")) {
      Map<String, Object> facts = session.open(request);
      opened = true;
      return facts;
    }
    if (!opened) Wire.leave();
    String path = (String) request.get("path");
    switch (op) {
      case "run" -> {
        session.run((String) request.get("text"));
        return Map.of();
      }
      case "query" -> {
        return session.query((String) request.get("text"), (List<?>) request.get("parameters"));
      }
      case "list" -> {
        return session.list(path, (Long) request.get("limit"));
      }
      case "describe" -> {
        return session.describe(path);
      }
      case "quote" -> {
        return session.quote(path);
      }
      case "ingest" -> {
        Wire.Stream in = wire.new Stream();
        try {
          return session.ingest(path, (String) request.get("mode"), in);
        } finally {
          in.drain();
        }
      }
      default -> {
        Wire.leave();
        return Map.of();
      }
    }
  }
}
