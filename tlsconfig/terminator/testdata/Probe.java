import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;

/** Prints what this virtual machine does by default as a server and as a client. */
class Probe {
    public static void main(String[] args) throws Exception {
        SSLContext context = SSLContext.getDefault();
        print("server", context.createSSLEngine("client", 443), false);
        print("client", context.createSSLEngine("server", 443), true);
    }

    static void print(String role, javax.net.ssl.SSLEngine engine, boolean client) {
        engine.setUseClientMode(client);
        SSLParameters p = engine.getSSLParameters();
        System.out.println(role + " " + String.join(",", p.getProtocols()) + " " + String.join(",", p.getCipherSuites())
            + " " + p.getUseCipherSuitesOrder());
    }
}
