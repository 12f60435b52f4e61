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

const proven = async (asked) => {
  const publicKey = {
    ...asked,
    challenge: octets(asked.challenge),
    allowCredentials: known(asked.allowCredentials),
  };
  const credential = await navigator.credentials.get({ publicKey });
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
    try {
      let asked = JSON.parse(form.dataset.options || "null");
      if (!asked) {
        // Asked for at the press, so that a page that was open for long is no obstacle.
        const told = await fetch(form.dataset.passkey, { headers: { Accept: "application/json" }, cache: "no-store" });
        if (!told.ok) throw new Error(String(told.status));
        const found = await told.json();
        asked = found.options;
        form.elements.passkey_stamp.value = found.stamp;
      }
      const [credential, response] = await (asked.user ? made : proven)(asked);
      form.elements[form.dataset.field].value = JSON.stringify({
        id: credential.id,
        rawId: textOf(credential.rawId),
        type: credential.type,
        response,
      });
      form.requestSubmit();
    } catch (error) {
      // Declined, timed out, or there is none here.
      show(error.name === "InvalidStateError" ? "there" : "failed");
    } finally {
      button.disabled = false;
    }
  });
}
