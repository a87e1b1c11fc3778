package nstarx.jdbc;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** JSON as the server writes it: maps, lists, strings, Long, BigInteger, Double, Boolean and null. */
final class Json {
  private final String text;
  private int at = 0;

  private Json(String text) {
    this.text = text;
  }

  static Object read(String text) throws Failure {
    try {
      return new Json(text).value();
    } catch (IndexOutOfBoundsException | NumberFormatException error) {
      throw new Failure(Failure.INTERNAL, "a request that is no JSON");
    }
  }

  static String write(Object value) {
    StringBuilder out = new StringBuilder();
    write(value, out);
    return out.toString();
  }

  private static void write(Object value, StringBuilder out) {
    if (value instanceof Map<?, ?> map) {
      out.append('{');
      String comma = "";
      for (Map.Entry<?, ?> row : map.entrySet()) {
        out.append(comma);
        writeText(String.valueOf(row.getKey()), out);
        out.append(':');
        write(row.getValue(), out);
        comma = ",";
      }
      out.append('}');
    } else if (value instanceof List<?> list) {
      out.append('[');
      String comma = "";
      for (Object item : list) {
        out.append(comma);
        write(item, out);
        comma = ",";
      }
      out.append(']');
    } else if (value == null || value instanceof Number || value instanceof Boolean) {
      out.append(value);
    } else {
      writeText(String.valueOf(value), out);
    }
  }

  private static void writeText(String text, StringBuilder out) {
    out.append('"');
    for (int i = 0; i < text.length(); ++i) {
      char letter = text.charAt(i);
      boolean lone = Character.isSurrogate(letter) && !isPair(text, i);
      if (letter == '"' || letter == '\\') {
        out.append('\\').append(letter);
      } else if (letter < 0x20) {
        out.append(String.format("\\u%04x", (int) letter));
      } else {
        out.append(lone ? '\ufffd' : letter);
      }
    }
    out.append('"');
  }

  private static boolean isPair(String text, int i) {
    char letter = text.charAt(i);
    if (Character.isHighSurrogate(letter)) {
      return i + 1 < text.length() && Character.isLowSurrogate(text.charAt(i + 1));
    }
    return i > 0 && Character.isHighSurrogate(text.charAt(i - 1));
  }

  private Object value() {
    skipSpace();
    return switch (text.charAt(at)) {
      case '{' -> object();
      case '[' -> array();
      case '"' -> string();
      case 't' -> word("true", Boolean.TRUE);
      case 'f' -> word("false", Boolean.FALSE);
      case 'n' -> word("null", null);
      default -> number();
    };
  }

  private Map<String, Object> object() {
    Map<String, Object> out = new LinkedHashMap<>();
    ++at;
    skipSpace();
    while (text.charAt(at) != '}') {
      String key = string();
      skipSpace();
      ++at; // the colon
      out.put(key, value());
      skipSpace();
      if (text.charAt(at) == ',') ++at;
      skipSpace();
    }
    ++at;
    return out;
  }

  private List<Object> array() {
    List<Object> out = new ArrayList<>();
    ++at;
    skipSpace();
    while (text.charAt(at) != ']') {
      out.add(value());
      skipSpace();
      if (text.charAt(at) == ',') ++at;
      skipSpace();
    }
    ++at;
    return out;
  }

  private String string() {
    StringBuilder out = new StringBuilder();
    ++at;
    while (text.charAt(at) != '"') {
      char letter = text.charAt(at++);
      if (letter != '\\') {
        out.append(letter);
        continue;
      }
      letter = text.charAt(at++);
      switch (letter) {
        case 'b' -> out.append('\b');
        case 'f' -> out.append('\f');
        case 'n' -> out.append('\n');
        case 'r' -> out.append('\r');
        case 't' -> out.append('\t');
        case 'u' -> {
          out.append((char) Integer.parseInt(text.substring(at, at + 4), 16));
          at += 4;
        }
        default -> out.append(letter);
      }
    }
    ++at;
    return out.toString();
  }

  private Object word(String word, Object meaning) {
    if (!text.startsWith(word, at)) throw new NumberFormatException();
    at += word.length();
    return meaning;
  }

  private Object number() {
    int begin = at;
    while (at < text.length() && "+-0123456789.eE".indexOf(text.charAt(at)) >= 0) ++at;
    String digits = text.substring(begin, at);
    if (digits.chars().allMatch(letter -> letter == '-' || Character.isDigit(letter))) {
      BigInteger whole = new BigInteger(digits);
      if (whole.bitLength() < 64) return whole.longValue();
      return new BigDecimal(whole);
    }
    return Double.valueOf(digits);
  }

  private void skipSpace() {
    while (at < text.length() && text.charAt(at) <= ' ') ++at;
  }
}
