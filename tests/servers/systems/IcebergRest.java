// Iceberg's reference REST servlet on loopback, in memory, behind a check of a bearer token: PORT WAREHOUSE; TOKEN in
// the environment (empty: none is wanted).
import jakarta.servlet.DispatcherType;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.net.InetSocketAddress;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.iceberg.CatalogUtil;
import org.apache.iceberg.catalog.Catalog;
import org.apache.iceberg.rest.RESTCatalogAdapter;
import org.apache.iceberg.rest.RESTCatalogServlet;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.servlet.FilterHolder;
import org.eclipse.jetty.servlet.ServletContextHandler;
import org.eclipse.jetty.servlet.ServletHolder;

public class IcebergRest {
  public static void main(String[] arguments) throws Exception {
    Map<String, String> settings = new HashMap<>();
    settings.put("catalog-impl", "org.apache.iceberg.jdbc.JdbcCatalog");
    settings.put("uri", "jdbc:sqlite::memory:");
    settings.put("warehouse", arguments[1]);
    settings.put("io-impl", "org.apache.iceberg.hadoop.HadoopFileIO");
    settings.put("jdbc.schema-version", "V1");
    settings.put("clients", "1");
    Catalog catalog = CatalogUtil.buildIcebergCatalog("rest", settings, new Configuration());
    ServletContextHandler handler = new ServletContextHandler(ServletContextHandler.NO_SESSIONS);
    handler.setContextPath("/");
    handler.addServlet(new ServletHolder(new RESTCatalogServlet(new RESTCatalogAdapter(catalog))), "/*");
    String token = System.getenv("TOKEN");
    if (token != null && !token.isEmpty()) {
      handler.addFilter(
          new FilterHolder(
              (request, response, chain) -> {
                String given = ((HttpServletRequest) request).getHeader("Authorization");
                if (("Bearer " + token).equals(given)) {
                  chain.doFilter(request, response);
                } else {
                  ((HttpServletResponse) response).sendError(401);
                }
              }),
          "/*",
          EnumSet.of(DispatcherType.REQUEST));
    }
    Server server = new Server(new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0])));
    server.setHandler(handler);
    server.start();
    server.join();
  }
}
