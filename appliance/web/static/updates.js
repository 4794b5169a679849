// Brings an update to the box in pieces, and says how far it is. Without it there is the USB stick.
"use strict";

const PIECE = 1 << 20;

async function put(query, body) {
  const answer = await fetch(`/updates/file?${query}`, { method: "PUT", body });
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
      await put(`at=${at}`, file.slice(at, at + PIECE));
      bar.value = Math.min(1, (at + PIECE) / file.size);
    }
    await put("end=1", null);
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
