// Passkeys: asks the browser for one, and tells the box what it said (WebAuthn Level 2). Where a
// browser knows none, nothing of this is shown.
"use strict";

const octets = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (sign) => sign.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");

async function ask(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.error);
  return said;
}

function plain(credential) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = text(credential.response[name]);
  }
  return { id: credential.id, rawId: text(credential.rawId), type: credential.type, clientExtensionResults: {}, response };
}

async function make(form) {
  const { token, options } = await ask("/api/v1/me/passkeys/begin", { now: form.elements.now.value });
  options.challenge = octets(options.challenge);
  options.user.id = octets(options.user.id);
  for (const each of options.excludeCredentials ?? []) each.id = octets(each.id);
  const credential = await navigator.credentials.create({ publicKey: options });
  await ask("/api/v1/me/passkeys", {
    token,
    name: form.elements.name.value,
    credential: JSON.stringify(plain(credential)),
  });
  location.replace("/me");
}

async function show(form) {
  const { token, options } = await ask("/login/passkey/begin", {});
  options.challenge = octets(options.challenge);
  const credential = await navigator.credentials.get({ publicKey: options });
  const { then } = await ask("/login/passkey", {
    token,
    credential: plain(credential),
    next: form.elements.next.value,
  });
  location.assign(then);
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (!window.PublicKeyCredential) continue;
  for (const each of [form, form.closest("details")]) if (each) each.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const told = form.querySelector("[role=alert]");
    told.hidden = true;
    try {
      await (form.dataset.passkey === "make" ? make(form) : show(form));
    } catch (error) {
      // the browser's own words are for programmers; those of the box are for people
      told.textContent = error instanceof DOMException ? told.dataset.else : error.message;
      told.hidden = false;
    }
  });
}
