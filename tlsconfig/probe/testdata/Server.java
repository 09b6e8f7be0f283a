import java.io.FileInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.Security;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Base64;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedTrustManager;

/** Serves TLS as each line of a file says, faults included, until it is killed. */
class Server {
    public static void main(String[] args) throws Exception {
        Security.setProperty("jdk.tls.disabledAlgorithms", "SSLv3"); // else there are no old versions
        System.setProperty("jdk.tls.server.enableSessionTicketExtension", "false");
        for (String line : Files.readAllLines(Path.of(args[0]))) {
            String[] s = line.split(" ");
            var listener = (SSLServerSocket) context(s[1], s[2], s[3], s[8].equals("any")).getServerSocketFactory()
                .createServerSocket(Integer.parseInt(s[0]), 50, InetAddress.getLoopbackAddress());
            var parameters = listener.getSSLParameters();
            var protocols = new ArrayList<>(List.of("TLSv1.2"));
            if (s[4].equals("1.0")) {
                protocols.addAll(List.of("TLSv1.1", "TLSv1"));
            }
            var suites = new ArrayList<>(List.of(s[6].split(":")));
            if (s[5].equals("1.3")) {
                protocols.add("TLSv1.3");
                suites.add("TLS_AES_256_GCM_SHA384");
            }
            parameters.setProtocols(protocols.toArray(new String[0]));
            parameters.setCipherSuites(suites.toArray(new String[0]));
            parameters.setUseCipherSuitesOrder(s[7].equals("server"));
            switch (s[8]) { // each of the two setters undoes the other
                case "required", "any" -> parameters.setNeedClientAuth(true);
                case "optional" -> parameters.setWantClientAuth(true);
            }
            parameters.setApplicationProtocols(s[10].equals("on") ? new String[] {"h2", "http/1.1"} : new String[] {"http/1.1"});
            listener.setSSLParameters(parameters);
            new Thread(() -> serve(listener, s[9].equals("on"))).start();
        }
    }

    static void serve(SSLServerSocket listener, boolean sessions) {
        while (true) {
            try (var conn = (SSLSocket) listener.accept()) {
                conn.setTcpNoDelay(true);
                conn.startHandshake();
                if (!sessions) {
                    conn.getSession().invalidate();
                }
                conn.getInputStream().read(new byte[4096]);
                conn.getOutputStream().write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nserved".getBytes());
            } catch (IOException e) {
                // The next one.
            }
        }
    }

    static SSLContext context(String cert, String key, String ca, boolean any) throws Exception {
        var certificates = CertificateFactory.getInstance("X.509");
        var trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        try (var in = new FileInputStream(ca)) {
            for (Certificate c : certificates.generateCertificates(in)) {
                trusted.setCertificateEntry("ca" + trusted.size(), c);
            }
        }
        var trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(trusted);
        var own = KeyStore.getInstance("PKCS12");
        own.load(null, null);
        try (var in = new FileInputStream(cert)) {
            var chain = certificates.generateCertificates(in).toArray(new Certificate[0]);
            String pem = Files.readString(Path.of(key)).replaceAll("-----[A-Z ]+-----|\\s", "");
            own.setKeyEntry("own", KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem))), new char[0], chain);
        }
        var keys = KeyManagerFactory.getInstance("SunX509");
        keys.init(own, new char[0]);
        var context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), any ? new TrustManager[] {new Anything()} : trust.getTrustManagers(), null);
        return context;
    }

    static class Anything extends X509ExtendedTrustManager {
        public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket) { }
        public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket) { }
        public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine) { }
        public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine) { }
        public void checkClientTrusted(X509Certificate[] chain, String type) { }
        public void checkServerTrusted(X509Certificate[] chain, String type) { }
        public X509Certificate[] getAcceptedIssuers() { return new X509Certificate[0]; }
    }
}
