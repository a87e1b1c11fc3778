import java.nio.file.Path;
import org.codelibs.opensearch.runner.OpenSearchRunner;

/** Runs one OpenSearch node on 127.0.0.1: HTTP_PORT TRANSPORT_PORT FOLDER. */
public final class OpensearchNode {
  public static void main(String[] arguments) throws Exception {
    OpenSearchRunner runner = new OpenSearchRunner();
    runner.onBuild(
        (number, settings) -> {
          settings.remove("cluster.initial_master_nodes");
          settings.remove("cluster.initial_cluster_manager_nodes");
          settings.remove("discovery.seed_hosts");
          settings.put("network.host", "127.0.0.1");
          settings.put("http.host", "127.0.0.1");
          settings.put("http.port", arguments[0]);
          settings.put("transport.port", arguments[1]);
          settings.put("discovery.type", "single-node");
          settings.put("cluster.routing.allocation.disk.threshold_enabled", false);
        });
    runner.build(
        OpenSearchRunner.newConfigs()
            .basePath(Path.of(arguments[2]).toString())
            .clusterName("nstarx-tests")
            .numOfNode(1)
            .disableESLogger());
    Thread.currentThread().join();
  }
}
