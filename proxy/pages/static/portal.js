// Comfort only: every page works without this script.
"use strict";

// A form is sent once: a second click would cancel the answer that carries the cookie.
for (const form of document.forms) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
}
// A page taken from the back/forward cache may be sent again.
addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});

// Send the passcode as soon as all its digits are there.
const field = document.querySelector("input[data-digits]");
if (field) {
  field.addEventListener("input", () => {
    const digits = field.value.replace(/[^0-9]/g, "");
    if (digits.length === Number(field.dataset.digits)) field.form.requestSubmit();
  });
}

// Count down until the passcode may be sent again.
const button = document.querySelector("button[data-wait]");
if (button) {
  const label = button.textContent;
  const ready = Date.now() + Number(button.dataset.wait) * 1000;
  document.getElementById("when").hidden = true;
  const tick = () => {
    const left = Math.ceil((ready - Date.now()) / 1000);
    button.disabled = left > 0;
    button.textContent = left > 0 ? button.dataset.waiting.replace("{seconds}", String(left)) : label;
    if (left > 0) setTimeout(tick, 250);
  };
  tick();
}

// Instants in the person's own time zone.
for (const time of document.querySelectorAll("time[datetime]")) {
  const moment = new Date(time.dateTime);
  time.textContent = moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

// A tab that was left waiting while another one signed in goes on by itself once it is looked at.
if (document.querySelector("form[data-reload]")) {
  let touched = false;
  for (const kind of ["keydown", "pointerdown", "input", "submit"]) {
    addEventListener(kind, (event) => { touched ||= event.isTrusted; }, true);
  }
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible" && !touched) location.reload();
  });
}
