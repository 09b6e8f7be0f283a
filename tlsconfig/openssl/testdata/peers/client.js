// Connects once for each line of standard input and prints what came of it.
const tls = require("tls"), fs = require("fs");

function get(port, suite, cert, key, ca, name) {
  return new Promise((resolve) => {
    const options = { host: "127.0.0.1", port, servername: name, ca: fs.readFileSync(ca), ciphers: suite, maxVersion: "TLSv1.2" };
    if (cert !== "-") Object.assign(options, { cert: fs.readFileSync(cert), key: fs.readFileSync(key) });
    let answer = "";
    const conn = tls.connect(options, () => conn.write("GET / HTTP/1.0\r\n\r\n"));
    conn.on("data", (chunk) => (answer += chunk));
    conn.on("error", (e) => resolve(String(e)));
    conn.on("end", () => resolve(answer));
  });
}

(async () => {
  for (const line of fs.readFileSync(0, "utf8").trim().split("\n")) {
    const [port, suite, , cert, key, ca, name] = line.split(" ");
    console.log((await get(port, suite, cert, key, ca, name)).replace(/[\r\n]+/g, " "));
  }
})();
