import java.io.File;
import java.net.InetSocketAddress;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.hdfs.server.datanode.DataNode;
import org.apache.hadoop.hdfs.server.namenode.NameNode;
import org.apache.hadoop.metrics2.lib.DefaultMetricsSystem;

/** One name node and one data node in one process; with a folder as second argument also a standby name node. */
public class HdfsCluster {
    public static void main(String[] args) {
        try {
            run(args);
        } catch (Throwable failure) {
            failure.printStackTrace();
            Runtime.getRuntime().halt(1); // A part of a cluster is of no use.
        }
    }

    private static void run(String[] args) throws Exception {
        DefaultMetricsSystem.setMiniClusterMode(true);
        Configuration conf = new Configuration();
        if (!new File(args[0], "nn").exists()) {
            NameNode.format(conf);
        }
        NameNode active = NameNode.createNameNode(new String[0], conf);
        DataNode data = DataNode.createDataNode(new String[0], conf);
        if (args.length > 1) {
            Configuration other = new Configuration(false);
            other.addResource("core-default.xml");
            other.addResource("hdfs-default.xml");
            other.addResource(new File(args[1], "standby-site.xml").toURI().toURL());
            if (!new File(args[1], "nn").exists()) {
                NameNode.format(other);
            }
            NameNode.createNameNode(new String[0], other);
        }
        active.join();
        data.shutdown();
    }
}
