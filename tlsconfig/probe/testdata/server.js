// Serves TLS as each line of a file says, faults included, until it is killed.
const tls = require("tls"), fs = require("fs"), constants = require("crypto").constants;

for (const line of fs.readFileSync(process.argv[2], "utf8").trim().split("\n")) {
  const [port, cert, key, ca, lowest, highest, suites, order, clients, sessions, http2] = line.split(" ");
  tls.createServer({
    cert: fs.readFileSync(cert), key: fs.readFileSync(key), ca: fs.readFileSync(ca), dhparam: "auto",
    minVersion: "TLSv" + (lowest === "1.0" ? "1" : lowest), maxVersion: "TLSv" + highest,
    // Old versions sign with SHA-1, which OpenSSL has at level 0 only.
    ciphers: suites + (lowest === "1.0" ? ":@SECLEVEL=0" : "") + (highest === "1.3" ? ":TLS_AES_256_GCM_SHA384" : ""), honorCipherOrder: order === "server",
    requestCert: clients !== "none", rejectUnauthorized: clients === "required",
    secureOptions: sessions === "on" ? 0 : constants.SSL_OP_NO_TICKET,
    ALPNProtocols: http2 === "on" ? ["h2", "http/1.1"] : ["http/1.1"],
  }, (conn) => {
    conn.on("error", () => {});
    const presented = Object.keys(conn.getPeerCertificate() || {}).length > 0;
    if ((clients === "any" && !presented) || (clients === "optional" && presented && !conn.authorized)) return conn.destroy();
    conn.once("data", () => conn.end("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nserved"));
  }).on("tlsClientError", () => {}).listen(Number(port), "127.0.0.1");
}
