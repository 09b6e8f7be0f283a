// Serves on each port, certificate, key given, until its input ends.
const tls = require("tls"), fs = require("fs");

const [ca, ...rest] = process.argv.slice(2);
for (let i = 0; i < rest.length; i += 3) {
  const [port, cert, key] = rest.slice(i, i + 3);
  tls.createServer({
    cert: fs.readFileSync(cert), key: fs.readFileSync(key), ca: fs.readFileSync(ca),
    requestCert: true, rejectUnauthorized: true, ciphers: "ALL", dhparam: "auto", maxVersion: "TLSv1.2",
  }, (conn) => {
    conn.on("error", () => {});
    conn.once("data", () => conn.end("HTTP/1.0 200 OK\r\n\r\nserved"));
  }).on("tlsClientError", () => {}).listen(Number(port), "127.0.0.1");
}
process.stdin.resume().on("end", () => process.exit());
