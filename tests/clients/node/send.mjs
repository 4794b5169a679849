// Sends the file "message" with nodemailer, unchanged.
import { readFileSync } from "node:fs";
import nodemailer from "nodemailer";

const wanted = JSON.parse(readFileSync(0, "utf8"));
const transport = nodemailer.createTransport({
  host: wanted.host,
  port: wanted.port,
  secure: wanted.security === "tls",
  requireTLS: wanted.security === "starttls",
  ignoreTLS: wanted.security === "plain",
  auth: { user: wanted.user, pass: wanted.password },
  tls: { ca: readFileSync(wanted.ca) },
});
const done = await transport.sendMail({
  envelope: { from: wanted.user, to: [wanted.to] },
  raw: readFileSync("message"),
});
transport.close();
console.log(JSON.stringify({ response: done.response }));
