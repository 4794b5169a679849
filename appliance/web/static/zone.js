// The browser knows its time zone; without this the country tells.
"use strict";

const zone = document.querySelector("select[data-place=zone]");
const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && !zone.value && [...zone.options].some((each) => each.value === here)) {
  zone.value = here;
}
