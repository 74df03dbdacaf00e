// A cluster of three workers that answer on a port of 127.0.0.1; ends on SIGTERM. Run by tests/programs/reports/executed.rs.
//
// cluster.js PORT CERT KEY
"use strict";

const cluster = require("cluster");
const fs = require("fs");
const https = require("https");

const [port, cert, key] = process.argv.slice(2);

if (cluster.isPrimary) {
  for (let count = 0; count < 3; count++) cluster.fork();
  process.on("SIGTERM", () => cluster.disconnect(() => process.exit()));
} else {
  const options = { cert: fs.readFileSync(cert), key: fs.readFileSync(key) };
  https.createServer(options, (request, response) => response.end("answer")).listen(port, "127.0.0.1");
}
