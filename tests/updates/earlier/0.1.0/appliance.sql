BEGIN TRANSACTION;
CREATE TABLE "accounts" (
   "address" TEXT PRIMARY KEY,
   "name" TEXT DEFAULT '',
   "quota" INTEGER NOT NULL DEFAULT 0,
   "argon2" TEXT,
   "scram_salt" BLOB,
   "scram_iterations" INTEGER,
   "scram_stored_key" BLOB,
   "scram_server_key" BLOB,
   "created" REAL NOT NULL
);
INSERT INTO "accounts" VALUES('anna@office.test','',0,'$argon2id$v=19$m=19456,t=2,p=1$BanTenO2E998zamIjSfTTQ$WclHR0O+yYd3b6Fz0nfn6aGJqtxgl2S62HocEiCx37Q',X'9BA293A1DB006986FF4A8F43F46967A8',10000,X'4D41CD12B1BA662011E21CB5E85FB66AF7CBCA606AC8980EF4E276C204290EB4',X'DFB948A88F051E737143EF86A7008503C764DC78DCBC0230F01119A81E9024D0',1.7956615626609015464e+09);
INSERT INTO "accounts" VALUES('ben@office.test','',0,'$argon2id$v=19$m=19456,t=2,p=1$x2dXxImf605jocXa4kd8fg$Sby35HiqwaAoNu+g99YJ6gkvoqJ+DrObwDyc5AU494E',X'C276A1EB017BC4FF78114C8ECBCD22FB',10000,X'8C91C0EC2D9A60A0782EBC0D4A41C45FA903CDED384DDDBE50A2C899E90912D2',X'2546CCFB14F98EE3DE37CC5561F63D6E41A56546386C8CB2CF67433019A85D4E',1.79566156275537776951e+09);
CREATE TABLE "aliases" (
   "alias" TEXT,
   "target" TEXT,
   PRIMARY KEY ("alias", "target")
);
INSERT INTO "aliases" VALUES('info@office.test','anna@office.test');
CREATE TABLE "answered" (
   "address" TEXT,
   "sender" TEXT,
   "mark" TEXT,
   "at" REAL,
   PRIMARY KEY ("address", "sender", "mark")
);
CREATE TABLE "answers" (
   "address" TEXT PRIMARY KEY,
   "born" REAL,
   "is_on" INTEGER,
   "begin" TEXT,
   "end" TEXT,
   "subject" TEXT,
   "text" TEXT,
   "inside_text" TEXT
);
CREATE TABLE "app_passwords" (
   "id" INTEGER PRIMARY KEY,
   "address" TEXT,
   "name" TEXT,
   "hash" TEXT,
   "services" TEXT,
   "created" REAL,
   "last_used" REAL,
   "last_peer" TEXT
);
INSERT INTO "app_passwords" VALUES(1,'anna@office.test','phone','35d28cdd2b4d2ef763ef362452687ace3824755c68c01e54d6b5a7ffc416b4d7','imap',1.79566156512739491459e+09,0.0,'');
CREATE TABLE "audit" (
   "id" INTEGER PRIMARY KEY,
   "at" REAL,
   "who" TEXT,
   "what" TEXT
);
CREATE TABLE "backup_facts" (
   "name" TEXT PRIMARY KEY,
   "value" TEXT
);
CREATE TABLE backup_read (target text not null, file text not null, round int not null, octets int not null, primary key (target, file)) without rowid;
CREATE TABLE "backup_runs" (
   "id" INTEGER PRIMARY KEY,
   "target" TEXT,
   "started" REAL,
   "ended" REAL,
   "outcome" TEXT,
   "sentence" TEXT,
   "version" TEXT,
   "details" TEXT
);
CREATE TABLE "backup_targets" (
   "id" TEXT PRIMARY KEY,
   "label" TEXT,
   "location" TEXT,
   "environment" TEXT,
   "added" REAL,
   "last_run" REAL,
   "last_proven" REAL,
   "proven_version" TEXT,
   "rounds" INTEGER,
   "needs_mending" INTEGER
, "read_since" INTEGER NOT NULL DEFAULT -1, "compared_to" INTEGER NOT NULL DEFAULT 0, "lap_began" REAL NOT NULL DEFAULT 0.0, "compared_since" REAL NOT NULL DEFAULT 0.0, "damaged_files" INTEGER NOT NULL DEFAULT 0, "damaged_octets" INTEGER NOT NULL DEFAULT 0);
CREATE TABLE "devices" (
   "name" TEXT PRIMARY KEY,
   "address" TEXT,
   "account" TEXT,
   "per_hour" INTEGER
);
CREATE TABLE "dkim_keys" (
   "domain" TEXT,
   "selector" TEXT,
   "algorithm" TEXT,
   "private" TEXT,
   "stage" TEXT,
   "since" REAL,
   PRIMARY KEY ("domain", "selector")
);
CREATE TABLE "domains" (
   "name" TEXT PRIMARY KEY,
   "created" REAL
, "is_shared" INTEGER NOT NULL DEFAULT 0);
INSERT INTO "domains" VALUES('office.test',1.79566156264159750943e+09,0);
CREATE TABLE "fetch_given" (
   "source" TEXT,
   "message" TEXT,
   "recipient" TEXT,
   "mark" TEXT,
   "at" REAL,
   PRIMARY KEY ("source", "message", "recipient")
);
CREATE TABLE "fetch_sources" (
   "name" TEXT PRIMARY KEY,
   "kind" TEXT,
   "host" TEXT,
   "user" TEXT,
   "deliver_to" TEXT,
   "secret" TEXT,
   "security" TEXT,
   "folder" TEXT,
   "fields" TEXT,
   "consent" TEXT,
   "port" INTEGER,
   "keep_days" INTEGER,
   "largest_octets" INTEGER,
   "minutes" INTEGER
);
CREATE TABLE "fetch_taken" (
   "source" TEXT,
   "mark" TEXT,
   "at" REAL,
   "outcome" TEXT, "digest" TEXT NOT NULL DEFAULT '', "missing" REAL NOT NULL DEFAULT 0.0,
   PRIMARY KEY ("source", "mark")
);
CREATE TABLE "forwards" (
   "address" TEXT PRIMARY KEY,
   "target" TEXT,
   "keeps_copy" INTEGER,
   "created" REAL
);
CREATE TABLE "frozen" (
   "key" TEXT PRIMARY KEY,
   "since" REAL,
   "reason" TEXT
);
CREATE TABLE "greylist" (
   "contact" TEXT PRIMARY KEY,
   "first" REAL,
   "passed" REAL
);
CREATE TABLE "handed" (
   "address" TEXT,
   "target" TEXT,
   "mailbox" TEXT,
   "uidvalidity" INTEGER,
   "uid" INTEGER,
   PRIMARY KEY ("address", "target", "mailbox")
);
CREATE TABLE "handovers" (
   "address" TEXT,
   "target" TEXT,
   "folders" TEXT,
   "who" TEXT,
   "began" REAL,
   "done" INTEGER,
   PRIMARY KEY ("address", "target")
);
CREATE TABLE "health_ends" (
   "id" INTEGER PRIMARY KEY,
   "at" REAL,
   "what" TEXT
);
CREATE TABLE "health_measurements" (
   "day" TEXT,
   "kind" TEXT,
   "at" REAL,
   "value" REAL,
   PRIMARY KEY ("kind", "day")
);
INSERT INTO "health_measurements" VALUES('2026-11-26','space-mail',1.79566156503510451314e+09,55885365248.0);
CREATE TABLE "health_outbox" (
   "id" INTEGER PRIMARY KEY,
   "channel" TEXT,
   "notice" TEXT,
   "attempts" INTEGER,
   "next_try" REAL
);
CREATE TABLE health_samples (kind text, step int, at int, total real, number int, low real, high real, primary key (kind, step, at)) without rowid;
INSERT INTO "health_samples" VALUES('came',300,1795661400,1.0,2,0.0,1.0);
INSERT INTO "health_samples" VALUES('came',1800,1795660200,1.0,2,0.0,1.0);
INSERT INTO "health_samples" VALUES('came',3600,1795658400,1.0,2,0.0,1.0);
INSERT INTO "health_samples" VALUES('size',300,1795661400,108944293888.0,1,108944293888.0,108944293888.0);
INSERT INTO "health_samples" VALUES('size',1800,1795660200,108944293888.0,1,108944293888.0,108944293888.0);
INSERT INTO "health_samples" VALUES('size',3600,1795658400,108944293888.0,1,108944293888.0,108944293888.0);
INSERT INTO "health_samples" VALUES('space',300,1795661400,55885365248.0,1,55885365248.0,55885365248.0);
INSERT INTO "health_samples" VALUES('space',1800,1795660200,55885365248.0,1,55885365248.0,55885365248.0);
INSERT INTO "health_samples" VALUES('space',3600,1795658400,55885365248.0,1,55885365248.0,55885365248.0);
INSERT INTO "health_samples" VALUES('waiting',300,1795661400,0.0,1,0.0,0.0);
INSERT INTO "health_samples" VALUES('waiting',1800,1795660200,0.0,1,0.0,0.0);
INSERT INTO "health_samples" VALUES('waiting',3600,1795658400,0.0,1,0.0,0.0);
INSERT INTO "health_samples" VALUES('went',300,1795661400,0.0,2,0.0,0.0);
INSERT INTO "health_samples" VALUES('went',1800,1795660200,0.0,2,0.0,0.0);
INSERT INTO "health_samples" VALUES('went',3600,1795658400,0.0,2,0.0,0.0);
CREATE TABLE "health_state" (
   "name" TEXT PRIMARY KEY,
   "value" TEXT
);
INSERT INTO "health_state" VALUES('reported','1795661565.040082');
INSERT INTO "health_state" VALUES('run','ended');
CREATE TABLE "health_told" (
   "key" TEXT PRIMARY KEY,
   "severity" INTEGER,
   "sentence" TEXT,
   "at" REAL,
   "gone_at" REAL
);
CREATE TABLE migration_folders (id integer primary key, move int not null, theirs text not null, ours text not null, shown int not null default 0, here int not null default 0, kept int not null default 0, unique (move, theirs));
CREATE TABLE migration_left (move int not null, folder int not null, validity int not null, uid int not null, why text not null, about text not null, tries int not null, at real not null, primary key (folder, validity, uid)) without rowid;
CREATE TABLE "migration_moves" (
   "account" TEXT,
   "host" TEXT,
   "user" TEXT,
   "secret" TEXT,
   "security" TEXT,
   "consent" TEXT,
   "state" TEXT,
   "key" TEXT,
   "words" TEXT,
   "made_at" REAL,
   "copied_at" REAL,
   "ended_at" REAL,
   "number" INTEGER PRIMARY KEY,
   "port" INTEGER,
   "is_paused" INTEGER
);
CREATE TABLE migration_taken (folder int not null, validity int not null, uid int not null, move int not null, digest blob not null, same text not null, primary key (folder, validity, uid)) without rowid;
CREATE TABLE "partings" (
   "address" TEXT PRIMARY KEY,
   "locked" REAL NOT NULL DEFAULT 0.0,
   "refuses" INTEGER NOT NULL DEFAULT 0,
   "keep_until" TEXT NOT NULL DEFAULT '',
   "removes" INTEGER NOT NULL DEFAULT 0,
   "told" TEXT NOT NULL DEFAULT '',
   "held" REAL NOT NULL DEFAULT 0.0
);
CREATE TABLE "relay_choices" (
   "what" TEXT PRIMARY KEY,
   "way" TEXT
);
CREATE TABLE "relay_refusals" (
   "domain" TEXT PRIMARY KEY,
   "until" REAL,
   "reason" TEXT
);
CREATE TABLE "relay_routes" (
   "id" INTEGER PRIMARY KEY,
   "way" TEXT,
   "sender" TEXT,
   "recipient" TEXT
);
CREATE TABLE "relays" (
   "name" TEXT PRIMARY KEY,
   "host" TEXT,
   "port" INTEGER,
   "tls" TEXT,
   "username" TEXT,
   "password" TEXT
);
CREATE TABLE "report_tally" (
   "kind" TEXT,
   "day" TEXT,
   "domain" TEXT,
   "what" TEXT,
   "count" INTEGER,
   PRIMARY KEY ("kind", "day", "domain", "what")
);
CREATE TABLE "reports_received" (
   "kind" TEXT,
   "organization" TEXT,
   "identity" TEXT,
   "domain" TEXT,
   "at" REAL,
   "begin" TEXT,
   "good" INTEGER,
   "bad" INTEGER,
   "details" TEXT,
   PRIMARY KEY ("kind", "organization", "identity", "domain")
);
CREATE TABLE rooms (name text primary key, version int not null);
INSERT INTO "rooms" VALUES('relay',1);
INSERT INTO "rooms" VALUES('filters',1);
INSERT INTO "rooms" VALUES('greylist',1);
INSERT INTO "rooms" VALUES('trace',1);
INSERT INTO "rooms" VALUES('reports',1);
INSERT INTO "rooms" VALUES('senders',2);
INSERT INTO "rooms" VALUES('fetch',2);
INSERT INTO "rooms" VALUES('migration',2);
INSERT INTO "rooms" VALUES('backup',2);
INSERT INTO "rooms" VALUES('health',1);
INSERT INTO "rooms" VALUES('health-samples',1);
INSERT INTO "rooms" VALUES('answering',1);
INSERT INTO "rooms" VALUES('web',4);
INSERT INTO "rooms" VALUES('web-settings',1);
CREATE TABLE "secrets" (
   "name" TEXT PRIMARY KEY,
   "value" BLOB
);
CREATE TABLE "sent" (
   "key" TEXT,
   "at" REAL,
   "recipients" INTEGER,
   PRIMARY KEY ("key", "at")
);
CREATE TABLE "sts_policies" (
   "domain" TEXT PRIMARY KEY,
   "id" TEXT,
   "mode" TEXT,
   "patterns" TEXT,
   "max_age" INTEGER,
   "until" REAL
);
CREATE TABLE "trace_events" (
   "id" INTEGER PRIMARY KEY,
   "at" REAL,
   "what" TEXT,
   "queue_id" TEXT,
   "sender" TEXT,
   "recipient" TEXT,
   "words" TEXT,
   "remote" TEXT,
   "reply" TEXT,
   "security" TEXT,
   "next_try" REAL
);
INSERT INTO "trace_events" VALUES(1,1.79566156549856829642e+09,'delivered','Qhoibj904j0','','anna@office.test','INBOX','','','',0.0);
CREATE TABLE "trace_messages" (
   "queue_id" TEXT PRIMARY KEY,
   "at" REAL,
   "sender" TEXT,
   "recipients" TEXT,
   "message_id" TEXT,
   "peer" TEXT,
   "account" TEXT,
   "source" TEXT,
   "verdict" TEXT,
   "size" INTEGER,
   "subject" TEXT
);
INSERT INTO "trace_messages" VALUES('Qhoibj904j0',1.79566156535345435138e+09,'x@example.org','["anna@office.test"]','','127.0.0.1','','','',189,'');
CREATE TABLE "web_audit" (
   "id" INTEGER PRIMARY KEY,
   "at" REAL,
   "who" TEXT,
   "peer" TEXT,
   "act" TEXT,
   "details" TEXT,
   "chain" TEXT
);
CREATE TABLE "web_facts" (
   "name" TEXT PRIMARY KEY,
   "value" TEXT
);
CREATE TABLE "web_import" (
   "number" INTEGER PRIMARY KEY,
   "address" TEXT,
   "name" TEXT,
   "quota" TEXT,
   "problem" TEXT,
   "chosen" INTEGER,
   "outcome" TEXT
, "verifier" TEXT NOT NULL DEFAULT '');
CREATE TABLE "web_passkeys" (
   "id" TEXT PRIMARY KEY,
   "login" TEXT,
   "born" REAL,
   "name" TEXT,
   "rp" TEXT,
   "credential" BLOB,
   "counter" INTEGER,
   "created" REAL,
   "last_used" REAL
);
CREATE TABLE "web_people" (
   "login" TEXT PRIMARY KEY,
   "name" TEXT,
   "role" TEXT,
   "argon2" TEXT,
   "totp" TEXT,
   "totp_used" INTEGER,
   "language" TEXT,
   "created" REAL
);
CREATE TABLE "web_sessions" (
   "id" TEXT PRIMARY KEY,
   "login" TEXT,
   "created" REAL,
   "last_seen" REAL,
   "peer" TEXT,
   "agent" TEXT
);
CREATE TABLE "web_settings" (
   "id" INTEGER PRIMARY KEY,
   "at" REAL,
   "who" TEXT,
   "peer" TEXT,
   "content" TEXT,
   "changes" TEXT
);
CREATE TABLE "web_tokens" (
   "id" INTEGER PRIMARY KEY,
   "hash" TEXT,
   "name" TEXT,
   "login" TEXT,
   "scopes" TEXT,
   "created" REAL,
   "expires" REAL,
   "last_used" REAL
);
CREATE UNIQUE INDEX "idx_app_passwords_hash"
    ON "app_passwords" ("hash");
CREATE UNIQUE INDEX "idx_app_passwords_address_name"
    ON "app_passwords" ("address", "name");
CREATE INDEX "idx_greylist_first"
    ON "greylist" ("first");
CREATE INDEX "idx_trace_messages_at"
    ON "trace_messages" ("at");
CREATE INDEX "idx_trace_events_queue_id"
    ON "trace_events" ("queue_id");
CREATE INDEX "idx_trace_events_at"
    ON "trace_events" ("at");
CREATE UNIQUE INDEX "idx_devices_address"
    ON "devices" ("address");
CREATE INDEX "idx_fetch_taken_source_digest"
    ON "fetch_taken" ("source", "digest");
CREATE INDEX migration_digests on migration_taken (move, digest);
CREATE INDEX migration_sames on migration_taken (move, same) where same != '';
CREATE UNIQUE INDEX "idx_backup_targets_label"
    ON "backup_targets" ("label");
CREATE INDEX "idx_answered_at"
    ON "answered" ("at");
CREATE INDEX "idx_web_sessions_login"
    ON "web_sessions" ("login");
CREATE UNIQUE INDEX "idx_web_tokens_hash"
    ON "web_tokens" ("hash");
CREATE INDEX "idx_web_passkeys_login"
    ON "web_passkeys" ("login");
COMMIT;
PRAGMA user_version = 6;
