// A round with imapflow: folders, append, fetch, flags, move, delete, and IDLE that tells of mail
// sent by nodemailer meanwhile. Messages are the files 0.eml, 1.eml and so on.
import { readFileSync, writeFileSync } from "node:fs";
import { ImapFlow } from "imapflow";
import nodemailer from "nodemailer";

const wanted = JSON.parse(readFileSync(0, "utf8"));
const tls = { ca: readFileSync(wanted.ca) };
const client = new ImapFlow({
  host: wanted.host,
  port: wanted.port,
  secure: wanted.security === "tls",
  doSTARTTLS: wanted.security === "starttls" ? true : wanted.security === "plain" ? false : undefined,
  auth: { user: wanted.user, pass: wanted.password },
  tls,
  logger: false,
});
await client.connect();
const told = { secure: client.secureConnection };

await client.mailboxCreate("Büro");
told.folders = (await client.list()).map((each) => each.path).sort();
await client.mailboxOpen("Büro");
for (let n = 0; n < wanted.number; n++) {
  await client.append("Büro", readFileSync(`${n}.eml`), ["\\Flagged"]);
}
for await (const each of client.fetch("1:*", { source: true, envelope: true })) {
  writeFileSync(`${each.seq - 1}.fetched`, each.source);
  if (each.seq === 1) told.subject = each.envelope.subject;
}
// imapflow reads no structure of more than 25 levels, which one of the ugly messages has
told.types = [];
for await (const each of client.fetch("1:4", { bodyStructure: true })) {
  told.types.push(each.bodyStructure.type);
}
await client.messageFlagsAdd("1:2", ["\\Seen"]);
told.seen = (await client.search({ seen: true })).length;
await client.messageMove("1", "Archive");
await client.messageDelete("1");
told.left = (await client.search({ all: true })).length;
told.moved = (await client.status("Archive", { messages: true })).messages;

await client.mailboxOpen("INBOX");
const news = new Promise((resolve, reject) => {
  client.on("exists", (event) => resolve(event.count));
  setTimeout(() => reject(new Error("no news")), 8000).unref();
});
const idling = client.idle();
const transport = nodemailer.createTransport({
  host: wanted.host,
  port: wanted.submission,
  secure: true,
  auth: { user: wanted.sender, pass: wanted.sender_password },
  tls,
});
await transport.sendMail({ from: wanted.sender, to: wanted.user, subject: "by nodemailer", text: "Grüße" });
told.news = await news;
transport.close();
await client.mailboxClose();
await idling;
await client.logout();
console.log(JSON.stringify(told));
