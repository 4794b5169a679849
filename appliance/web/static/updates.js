// Brings an update to the box in pieces, and says how far it is. Without it there is the USB stick.
"use strict";

const PIECE = 1 << 20;

async function send(path, method, body, kind) {
  const answer = await fetch(path, { method, body, headers: { "Content-Type": kind } });
  if (!answer.ok) throw new Error((await answer.json()).error);
}

async function bring(form) {
  const file = form.elements.file.files[0];
  const bar = form.querySelector("progress");
  const error = form.querySelector(".error");
  const button = form.querySelector("button");
  if (!file) return;
  button.disabled = true;
  bar.hidden = false;
  error.hidden = true;
  try {
    for (let at = 0; at < file.size; at += PIECE) {
      await send(`/updates/file?at=${at}`, "PUT", file.slice(at, at + PIECE), "application/octet-stream");
      bar.value = Math.min(1, (at + PIECE) / file.size);
    }
    await send("/api/v1/update/bring", "POST", "{}", "application/json");
    location.reload();
  } catch (trouble) {
    error.textContent = trouble.message;
    error.hidden = false;
    bar.hidden = true;
    button.disabled = false;
  }
}

for (const form of document.querySelectorAll("form[data-bring]")) {
  form.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    bring(form);
  });
}
