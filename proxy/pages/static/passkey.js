// Passkeys (WebAuthn). A page that asks for one has a form with what to ask for, and a field for the answer.
"use strict";

const octets = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
const textOf = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const known = (list) => (list ?? []).map((each) => ({ ...each, id: octets(each.id) }));

const made = async (asked) => {
  const user = { ...asked.user, id: octets(asked.user.id) };
  const publicKey = {
    ...asked,
    challenge: octets(asked.challenge),
    user,
    excludeCredentials: known(asked.excludeCredentials),
  };
  const credential = await navigator.credentials.create({ publicKey });
  const { attestationObject, clientDataJSON } = credential.response;
  return [
    credential,
    {
      attestationObject: textOf(attestationObject),
      clientDataJSON: textOf(clientDataJSON),
      transports: credential.response.getTransports?.() ?? [],
    },
  ];
};

const proven = async (asked, how = {}) => {
  const publicKey = {
    ...asked,
    challenge: octets(asked.challenge),
    allowCredentials: known(asked.allowCredentials),
  };
  const credential = await navigator.credentials.get({ publicKey, ...how });
  const { authenticatorData, clientDataJSON, signature, userHandle } = credential.response;
  return [
    credential,
    {
      authenticatorData: textOf(authenticatorData),
      clientDataJSON: textOf(clientDataJSON),
      signature: textOf(signature),
      userHandle: userHandle && userHandle.byteLength ? textOf(userHandle) : null,
    },
  ];
};

// What to ask the browser for, and the stamp that goes back with its answer.
const ask = async (form) => {
  if (form.dataset.options) return { options: JSON.parse(form.dataset.options) };
  // Asked for when it is needed, so that a page that was open for long is no obstacle.
  const told = await fetch(form.dataset.passkey, { headers: { Accept: "application/json" }, cache: "no-store" });
  if (!told.ok) throw new Error(String(told.status));
  return told.json();
};

const send = (form, stamp, [credential, response]) => {
  if (stamp) form.elements.passkey_stamp.value = stamp;
  form.elements[form.dataset.field].value = JSON.stringify({
    id: credential.id,
    rawId: textOf(credential.rawId),
    type: credential.type,
    response,
  });
  form.requestSubmit();
};

// A form whose passkeys the browser offers where it fills in names ("conditional mediation"). It waits there for as
// long as the page is open. What was asked for holds for five minutes, so it is asked for again before.
const FRESH_MS = 240_000;
const autofill = (form) => {
  let waiting = null;
  let askedAt = 0;
  const stop = () => waiting?.abort();
  const start = async () => {
    stop();
    const mine = (waiting = new AbortController());
    askedAt = Date.now();
    try {
      const { options, stamp } = await ask(form);
      if (mine.signal.aborted) return;
      send(form, stamp, await proven(options, { mediation: "conditional", signal: mine.signal }));
    } catch {
      // Stopped or declined, or we cannot be asked: there is the button.
    }
  };
  const renew = () => {
    if (document.visibilityState === "visible" && Date.now() - askedAt > FRESH_MS) start();
  };
  setInterval(renew, 30_000);
  document.addEventListener("visibilitychange", renew);
  start();
  return { start, stop };
};

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const button = form.querySelector("button");
  const show = (what) => {
    for (const said of form.querySelectorAll("[data-said]")) said.hidden = said.dataset.said !== what;
  };
  if (!window.PublicKeyCredential) {
    show("unsupported");
    continue;
  }
  show("");
  button.hidden = false;
  if ("focus" in button.dataset) button.focus();
  let offered = null;
  if (document.querySelector('[autocomplete~="webauthn"]')) {
    PublicKeyCredential.isConditionalMediationAvailable?.().then((available) => {
      if (available) offered = autofill(form);
    });
  }
  // Return in its one text field would send it without the answer.
  form.addEventListener("submit", (event) => {
    if (form.elements[form.dataset.field].value) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    button.click();
  });
  button.addEventListener("click", async () => {
    if (button.disabled || !form.reportValidity()) return;
    button.disabled = true;
    show("");
    offered?.stop(); // browsers take one at a time
    try {
      const { options, stamp } = await ask(form);
      send(form, stamp, await (options.user ? made : proven)(options));
    } catch (error) {
      // Declined, timed out, or there is none here.
      show(error.name === "InvalidStateError" ? "there" : "failed");
      offered?.start();
    } finally {
      button.disabled = false;
    }
  });
}
