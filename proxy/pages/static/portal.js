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
addEventListener("pageshow", (event) => {
  for (const form of document.forms) delete form.dataset.sent;
  // What was typed there before was judged already.
  const [arrival] = performance.getEntriesByType("navigation");
  if (field && (event.persisted || arrival?.type === "back_forward")) field.value = "";
});

// A password that was typed is shown by a press, and hidden again by another or when it is sent.
for (const button of document.querySelectorAll("button[data-shows]")) {
  const shown = document.getElementById(button.dataset.shows);
  const show = (isShown) => {
    shown.type = isShown ? "text" : "password";
    button.setAttribute("aria-pressed", String(isShown));
  };
  button.hidden = false;
  button.addEventListener("click", () => show(shown.type === "password"));
  shown.form.addEventListener("submit", () => show(false)); // what browsers offer to keep is a password
}

// Better said before a password is typed in vain.
const cookiesOff = document.getElementById("cookies-off");
if (cookiesOff) {
  const probe = "gatepost-probe=1; Path=/.gatepost/; SameSite=Lax";
  document.cookie = probe;
  cookiesOff.hidden = document.cookie.includes("gatepost-probe=1") || document.getElementById("error") !== null;
  document.cookie = `${probe}; Max-Age=0`;
}

// The passcode in a whole message that was pasted: the one number that is as long as a passcode.
const passcodeIn = (text, length) => {
  const numbers = (text.match(/[0-9](?:[ \u00a0-]?[0-9])*/g) ?? []).map((number) => number.replace(/[^0-9]/g, ""));
  const found = new Set(numbers.filter((number) => number.length === length));
  return found.size === 1 ? [...found][0] : "";
};

// Send the passcode as soon as all its digits are there, as the page says then (WCAG 2.2, 3.2.2).
const field = document.querySelector("input[data-digits]");
if (field) {
  field.setAttribute("aria-describedby", `${field.getAttribute("aria-describedby")} sends`);
  const length = Number(field.dataset.digits);
  field.addEventListener("paste", (event) => {
    // A field of one line would join the lines of a message, and so their numbers.
    const passcode = passcodeIn(event.clipboardData?.getData("text") ?? "", length);
    if (!passcode) return;
    event.preventDefault();
    field.value = passcode;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
  field.addEventListener("input", () => {
    if (field.value.replace(/[^0-9]/g, "").length === length) field.form.requestSubmit();
  });
}

// Say when the passcode has expired, and offer a new one.
const over = document.getElementById("over");
if (over) {
  const until = Date.now() + Number(over.dataset.left) * 1000;
  const tick = () => {
    const left = until - Date.now();
    if (left > 0) {
      setTimeout(tick, Math.min(left, 1000)); // in small steps: a computer may sleep meanwhile
      return;
    }
    const wasTyping = document.activeElement === field;
    field.form.hidden = document.querySelector(".aside").hidden = true;
    over.append(document.getElementById("when-over").content.cloneNode(true));
    if (wasTyping) over.querySelector("button").focus();
  };
  tick();
}

// A phone that received the passcode offers to fill it in (WebOTP); what is typed or sent meanwhile ends the wait.
if (field && "otp" in field.dataset && "OTPCredential" in window) {
  const waiting = new AbortController();
  for (const form of document.forms) form.addEventListener("submit", () => waiting.abort());
  addEventListener("pagehide", () => waiting.abort());
  navigator.credentials.get({ otp: { transport: ["sms"] }, signal: waiting.signal }).then(
    (otp) => {
      if (!otp || !otp.code || field.form.dataset.sent) return;
      field.value = otp.code;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    },
    () => {}, // declined, or aborted
  );
}

// Count down until the passcode may be sent again.
for (const button of document.querySelectorAll("button[data-wait]")) {
  const label = button.textContent;
  const ready = Date.now() + Number(button.dataset.wait) * 1000;
  document.getElementById("when").hidden = true;
  const tick = () => {
    const left = Math.ceil((ready - Date.now()) / 1000);
    button.disabled = left > 0;
    if (button.dataset.waiting) {
      button.textContent = left > 0 ? button.dataset.waiting.replace("{seconds}", String(left)) : label;
    }
    if (left > 0) setTimeout(tick, 250);
  };
  tick();
}

// What became of the message, for as long as somebody looks: ever more seldom, and no longer than a passcode lives.
const progress = document.querySelector("[data-status]");
if (progress) {
  const until = Date.now() + 600_000;
  let pause = 3000;
  const ask = async () => {
    if (Date.now() > until) return;
    if (document.visibilityState === "visible") {
      try {
        const answer = await fetch(progress.dataset.status, { headers: { Accept: "application/json" } });
        if (!answer.ok) return; // the challenge is over
        const told = await answer.json();
        if (progress.textContent !== told.text) progress.textContent = told.text;
        document.getElementById("lead").textContent = told.lead;
        progress.dataset.state = told.state;
        progress.classList.toggle("wrong", told.state === "failed" || told.state === "not_sent");
        if (told.settled) return;
      } catch {
        // Out of reach for a moment: ask later.
      }
    }
    pause = Math.min(pause * 1.3, 20_000);
    setTimeout(ask, pause);
  };
  setTimeout(ask, pause);
}

// Whether what the page waits for has come (a manager's answer, a report): then it is loaded again, and not before.
const waiting = document.querySelector("[data-answer]");
if (waiting) {
  const ask = async () => {
    if (document.visibilityState === "visible") {
      try {
        const answer = await fetch(waiting.dataset.answer, { headers: { Accept: "application/json" } });
        if (!answer.ok || answer.redirected || !(await answer.json()).waits) {
          location.reload();
          return;
        }
      } catch {
        // Out of reach for a moment: ask later.
      }
    }
    setTimeout(ask, 3000);
  };
  setTimeout(ask, 3000);
}

// Instants in the person's own time zone, and as they write them where the page is in their language.
const page = document.documentElement.lang;
const theirs = (navigator.languages ?? [navigator.language]).find((each) => each.split("-")[0] === page.split("-")[0]);
const instant = (moment, style) => moment.toLocaleString(theirs ?? page, theirs ? style : { ...style, hourCycle: "h23" });
for (const time of document.querySelectorAll("time[datetime]")) {
  const moment = new Date(time.dateTime);
  if ("clock" in time.dataset && moment.toDateString() === new Date().toDateString()) {
    const timeStyle = time.dataset.clock === "seconds" ? "medium" : "short";
    time.textContent = instant(moment, { timeStyle });
  } else {
    time.textContent = instant(moment, { dateStyle: "medium", timeStyle: "short" });
  }
}

// What is true only where this script runs.
for (const part of document.querySelectorAll("[data-scripted]")) part.hidden = false;

// Browsers keep the fragment of an address (#/orders/42) through redirects and forms that go to their page's own address,
// but not through links. (Without this script, buttons stand in their place: `proxy.pages.onward`.)
for (const link of document.querySelectorAll("a[data-onward], .languages a")) {
  const address = new URL(link.href);
  if (address.href === location.href.split("#")[0]) {
    link.addEventListener("click", (event) => { event.preventDefault(); location.reload(); });
  } else if (!address.hash && !link.target) {
    address.hash = location.hash;
    link.href = address.href;
  }
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

// The window in which somebody signed in for another page has done its work. Browsers close what a script opened.
if (document.querySelector("[data-closes]")) close();
