// Comfort only: every page works without this script.
"use strict";

// Send the form as soon as all digits are there, once.
const field = document.querySelector("input[data-digits]");
if (field) {
  let sent = false;
  field.addEventListener("input", () => {
    const digits = field.value.replace(/[^0-9]/g, "");
    if (!sent && digits.length === Number(field.dataset.digits)) {
      sent = true;
      field.form.requestSubmit();
    }
  });
  // A page taken from the back/forward cache may be sent again.
  addEventListener("pageshow", () => { sent = false; });
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
