// Keeps what changes by itself up to date, and lets the lamps blink. Every page works without it.
"use strict";

// An element with data-live="SECONDS" and an id is fetched anew from the page it stands on.
async function refresh(element) {
  if (document.hidden || element.contains(document.activeElement)) return;
  try {
    const answer = await fetch(location.href, { headers: { "X-Live": element.id } });
    if (answer.redirected || !answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const part = fresh.getElementById(element.id);
    if (part && !("live" in part.dataset)) clearInterval(Number(element.dataset.timer));
    if (part && part.innerHTML !== element.dataset.seen) {
      element.dataset.seen = part.innerHTML;
      element.replaceChildren(...part.childNodes);
      light(element);
    }
  } catch {
    // the box restarts, or the network is away: the next try will tell
  }
}

// A bulb with data-rhythm="ON OFF ON OFF ..." in seconds; none: it shines without a break.
const rhythms = new WeakMap();
function light(root) {
  for (const bulb of root.querySelectorAll(".bulb")) {
    const rhythm = bulb.dataset.rhythm.split(" ").filter(Boolean).map(Number);
    if (rhythm.length < 2 || rhythms.has(bulb)) continue;
    rhythms.set(bulb, true);
    let step = 0;
    const next = () => {
      if (!bulb.isConnected) return;
      bulb.classList.toggle("dark", step % 2 === 1);
      setTimeout(next, rhythm[step] * 1000);
      step = (step + 1) % rhythm.length;
    };
    next();
  }
}

for (const element of document.querySelectorAll("[data-live]")) {
  element.dataset.seen = element.innerHTML;
  element.dataset.timer = setInterval(() => refresh(element), Number(element.dataset.live) * 1000);
}
if (!matchMedia("(prefers-reduced-motion: reduce)").matches) light(document);

// A link with data-go="SECONDS" is followed by itself after them.
for (const link of document.querySelectorAll("[data-go]")) {
  setTimeout(() => link.click(), Number(link.dataset.go) * 1000);
}
