import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.Principal;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.List;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedKeyManager;

/** A client (no arguments: a connection for each line of input) or a server (CA, then port, certificate, key each). */
class Peer {
    public static void main(String[] args) throws Exception {
        if (args.length == 0) {
            var in = new BufferedReader(new InputStreamReader(System.in));
            for (String line; (line = in.readLine()) != null;) {
                String[] job = line.split(" ");
                String result;
                try {
                    result = get(Integer.parseInt(job[0]), job[2], job[3], job[4], job[5], job[6]);
                } catch (IOException e) {
                    result = e.toString();
                }
                System.out.println(result.replaceAll("[\r\n]+", " "));
            }
            return;
        }
        for (int i = 1; i < args.length; i += 3) {
            var context = context(args[i + 1], args[i + 2], args[0]);
            var listener = (SSLServerSocket) context.getServerSocketFactory()
                .createServerSocket(Integer.parseInt(args[i]), 50, InetAddress.getLoopbackAddress());
            listener.setNeedClientAuth(true);
            listener.setEnabledProtocols(new String[] {"TLSv1.2"});
            var thread = new Thread(() -> serve(listener));
            thread.setDaemon(true);
            thread.start();
        }
        while (System.in.read() >= 0) { }
    }

    static void serve(SSLServerSocket listener) {
        while (true) {
            try (Socket conn = listener.accept()) {
                conn.setTcpNoDelay(true);
                conn.getInputStream().read(new byte[4096]);
                conn.getOutputStream().write("HTTP/1.0 200 OK\r\n\r\nserved".getBytes());
            } catch (IOException e) {
                // The next one.
            }
        }
    }

    static String get(int port, String suite, String cert, String key, String ca, String name) throws Exception {
        try (var conn = (SSLSocket) context(cert, key, ca).getSocketFactory().createSocket(InetAddress.getLoopbackAddress(), port)) {
            conn.setSoTimeout(10000);
            conn.setTcpNoDelay(true);
            conn.setEnabledProtocols(new String[] {"TLSv1.2"});
            conn.setEnabledCipherSuites(new String[] {suite});
            SSLParameters p = conn.getSSLParameters();
            p.setServerNames(List.of(new SNIHostName(name)));
            conn.setSSLParameters(p);
            conn.getOutputStream().write("GET / HTTP/1.0\r\n\r\n".getBytes());
            return new String(conn.getInputStream().readAllBytes());
        }
    }

    static SSLContext context(String cert, String key, String ca) throws Exception {
        var certificates = CertificateFactory.getInstance("X.509");
        var trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        int n = 0;
        try (var in = new FileInputStream(ca)) {
            for (Certificate c : certificates.generateCertificates(in)) {
                trusted.setCertificateEntry("ca" + n++, c);
            }
        }
        var trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(trusted);
        KeyManager[] keys = null;
        if (!cert.equals("-")) {
            try (var in = new FileInputStream(cert)) {
                var chain = certificates.generateCertificates(in).toArray(new X509Certificate[0]);
                String pem = Files.readString(Path.of(key)).replaceAll("-----[A-Z ]+-----|\\s", "");
                var spec = new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem));
                keys = new KeyManager[] {new Only(chain, KeyFactory.getInstance("RSA").generatePrivate(spec))};
            }
        }
        var context = SSLContext.getInstance("TLSv1.2");
        context.init(keys, trust.getTrustManagers(), null);
        return context;
    }

    /** Presents one certificate, whichever CAs the other end asks for. */
    static class Only extends X509ExtendedKeyManager {
        private final X509Certificate[] chain;
        private final PrivateKey key;

        Only(X509Certificate[] chain, PrivateKey key) {
            this.chain = chain;
            this.key = key;
        }

        public String chooseClientAlias(String[] types, Principal[] issuers, Socket socket) { return "only"; }
        public String chooseServerAlias(String type, Principal[] issuers, Socket socket) { return type.equals("RSA") ? "only" : null; }
        public X509Certificate[] getCertificateChain(String alias) { return chain; }
        public PrivateKey getPrivateKey(String alias) { return key; }
        public String[] getClientAliases(String type, Principal[] issuers) { return new String[] {"only"}; }
        public String[] getServerAliases(String type, Principal[] issuers) { return new String[] {"only"}; }
    }
}
