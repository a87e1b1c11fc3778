import com.amazonaws.services.dynamodbv2.local.main.ServerRunner;
import com.amazonaws.services.dynamodbv2.local.server.DynamoDBProxyServer;
import java.lang.reflect.Field;
import java.util.Arrays;
import org.eclipse.jetty.server.Connector;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;

/** DynamoDB Local has no option for the address it listens on: sets loopback before it starts. Argument: port. */
public final class DynamodbEmulator {
  public static void main(String[] arguments) throws Exception {
    DynamoDBProxyServer emulator =
        ServerRunner.createServerFromCommandLineArgs(
            new String[] {"-inMemory", "-disableTelemetry", "-port", arguments[0]});
    Field field =
        Arrays.stream(DynamoDBProxyServer.class.getDeclaredFields())
            .filter(each -> each.getType() == Server.class)
            .findFirst()
            .orElseThrow();
    field.setAccessible(true);
    for (Connector connector : ((Server) field.get(emulator)).getConnectors()) {
      ((ServerConnector) connector).setHost("127.0.0.1");
    }
    emulator.start();
    emulator.join();
  }
}
