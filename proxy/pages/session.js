// Gatepost's part of a single-page app: tells before the session ends, signs in again in a window of its own, and then
// repeats what waited. The manual is docs/single-page-apps.md.
"use strict";
(() => {
const { style, words } = {/* filled in when this is served */};
const { fetch, WebSocket, XMLHttpRequest } = window;
const own = `${location.origin}/.gatepost/`;
const wholePage = document.currentScript?.dataset.signIn === "page";
let person, timer, isOut, isGone, isRepeating, told = 0, count = 0;
const waiting = [];

const make = (tag, attributes) => {
  const element = document.createElement(tag);
  element.className = `gatepost-session-${tag}`;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
};
const [id, about] = ["gatepost-session", "gatepost-session-about"];
const dialog = make("dialog", {
  "role": "alertdialog", "aria-labelledby": id, "aria-describedby": about, "lang": words.lang, "dir": words.dir,
});
const title = make("h2", { id, tabindex: -1 }); // gets the focus: who is typing presses nothing
const text = make("p", { id: about, role: "status" });
const button = make("button", { type: "button" });
dialog.append(title, text, button);
document.head.append(make("link", { rel: "stylesheet", href: style }));
dialog.onclose = () => {
  if (!isOut) return;
  const { activeElement } = document;
  dialog.show(); // Escape moves it aside
  activeElement.focus();
};
const show = (heading, sentence, label, press) => {
  title.textContent = heading;
  text.textContent = sentence;
  button.textContent = label;
  button.onclick = press;
  if (!dialog.isConnected) {
    dialog.open = false; // an app may have taken it away while it was open
    document.body.append(dialog);
  }
  if (!dialog.open) dialog.showModal();
  title.focus();
};

// By GET, though the page may be the answer to a form; a fragment would keep that from being a new request.
const loadAgain = () => (location.hash ? location.reload() : location.assign(location.href));
const signIn = () => {
  const opened = !wholePage && open(`${own}signed-in`, "_blank", "popup,width=480,height=720");
  if (opened) opened.opener = null;
  if (opened) text.textContent = words.waitText;
  else if (wholePage) loadAgain();
  else show(words.out, words.blockedText, words.signInHere, loadAgain);
};

// How many seconds later to ask again.
const heed = (now) => {
  if (!now.signed_in) {
    if (!person && !waiting.length) return 300;
    if (!isOut) show(words.out, words.outText, words.signIn, signIn);
    isOut = true;
    return document.hidden ? 60 : 3;
  }
  isGone ||= now.person !== person && (person || waiting.length > 0); // in doubt, somebody else
  if (isGone) loadAgain();
  if (isGone) return 60;
  person = now.person;
  const left = Math.min(now.idle_in, now.ends_in), spare = left - now.warn;
  if (isOut || spare > 0) {
    isOut = false;
    told = 0;
    dialog.close();
  }
  repeat();
  if (spare > 0) return Math.min(spare, 3600);
  const end = Date.now() + left * 1000;
  if (Math.abs(end - told) > 9000) { // told once, and again if it has moved
    const time = new Date(end).toLocaleTimeString(words.lang, { timeStyle: "short" });
    const [sentence, label, press] = now.idle_in < now.ends_in
      ? [words.soonText, words.stay, () => ask("POST")] : [words.endText, words.ok, () => dialog.close()];
    show(words.soon, sentence.replace("{time}", time), label, press);
    told = end;
  }
  return 5; // another tab may put it off
};
const ask = async (method) => {
  let now = {}, next = 5;
  try {
    const answer = await fetch(`${own}session`, { method, headers: { "X-Requested-With": "session.js" } });
    now = await answer.json();
    if (answer.ok) next = heed(now);
  } catch {} // out of reach
  clearTimeout(timer);
  timer = setTimeout(ask, next * 1000);
  return now;
};

const isOurs = (url) => new URL(url, document.baseURI).host === location.host;
const isRefused = (status, challenge) => status === 401 && /\bGatepost\b/.test(challenge);
const newCall = (method) => ({ number: count++, isSafe: /^(GET|HEAD)$/i.test(method), refusals: 0 });
const isHeld = (call) => isGone || isRepeating || waiting.length || (isOut && !call.isSafe);
// A page may ask all night: of what changes nothing, the rest is refused as without this script.
const isLeftOut = (call) => call.isSafe && waiting.length >= 500;
// Who says "signed in" may not have heard of the end yet: what is refused when it is repeated waits once more.
const mayWait = (call) => call.refusals < 3;
const wait = async (call, again) => {
  call.again = again;
  if (waiting.push(call) === 1 || (isRepeating && call.refusals && !call.isSafe)) await ask();
};
const repeat = async () => {
  if (isRepeating) return;
  isRepeating = true;
  while (waiting.length && !isOut && !isGone) {
    const call = waiting.sort((one, other) => one.number - other.number).shift();
    const repeated = call.again();
    if (!call.isSafe) await repeated;
  }
  isRepeating = false;
};

window.fetch = async (input, init) => {
  if (!isOurs(input.url ?? input) || init?.body instanceof ReadableStream) return fetch(input, init);
  const request = new Request(input, init), { credentials, method, signal } = request;
  if (credentials === "omit") return fetch(request);
  const call = newCall(method);
  if (isLeftOut(call)) return fetch(request);
  const send = async () => {
    const answer = await fetch(request.clone());
    if (!isRefused(answer.status, answer.headers.get("WWW-Authenticate")) || !mayWait(call)) return answer;
    call.refusals++;
  };
  const answer = !isHeld(call) && await send();
  if (answer) return answer;
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
    const again = async () => {
      try {
        const answer = await send();
        if (answer) resolve(answer);
        else await wait(call, again);
      } catch (error) {
        reject(error);
      }
    };
    wait(call, again);
  });
};

window.XMLHttpRequest = class extends XMLHttpRequest {
  #call; #given; #fields; #body; #waits; #done;
  constructor() {
    super();
    for (const kind of ["readystatechange", "progress", "load", "loadend"]) {
      this.addEventListener(kind, (event) => this.#heed(event), true); // before the app's own
    }
  }
  open(...given) {
    super.open(...given);
    this.#done?.(); // natively too, this gives up what was under way
    [this.#given, this.#fields, this.#waits, this.#done] = [given, [], false, null];
    this.#call = isOurs(given[1]) && given[2] !== false && newCall(given[0]);
  }
  setRequestHeader(...field) {
    super.setRequestHeader(...field);
    this.#fields.push(field);
  }
  send(body) {
    this.#body = body;
    if (this.#call && isLeftOut(this.#call)) this.#call = null;
    if (this.#call && isHeld(this.#call)) this.#wait();
    else super.send(body);
  }
  abort() {
    const waited = this.#waits;
    [this.#call, this.#waits] = [null, false];
    super.abort();
    if (waited) for (const kind of ["abort", "loadend"]) this.dispatchEvent(new ProgressEvent(kind));
  }
  #wait() {
    const call = this.#call;
    this.#waits = true;
    return wait(call, () => new Promise((done) => {
      if (this.#call !== call) return done(); // given up, or open for another one
      super.open(...this.#given);
      for (const field of this.#fields) super.setRequestHeader(...field);
      [this.#waits, this.#done] = [false, done];
      super.send(this.#body);
    }));
  }
  #heed(event) {
    const isOver = event.type === "loadend", call = this.#call, done = this.#done;
    const isOfUs = call && mayWait(call) && isRefused(this.status, this.getResponseHeader("WWW-Authenticate"));
    if (this.#waits || isOfUs) event.stopImmediatePropagation();
    if (isOver && isOfUs) {
      call.refusals++;
      this.#done = null;
      this.#wait().then(done);
    } else if (isOver) done?.();
  }
};

const kinds = ["open", "message", "error", "close"];
window.WebSocket = class Socket extends EventTarget {
  #given; #real; #kind = "blob"; #waits; #isLeft; #error; #unsent = [];
  static {
    ["CONNECTING", "OPEN", "CLOSING", "CLOSED"].forEach((name, value) => {
      this[name] = this.prototype[name] = value;
    });
    for (const name of ["url", "protocol", "extensions", "bufferedAmount"]) {
      Object.defineProperty(this.prototype, name, { get() { return this.#real[name]; } });
    }
  }
  constructor(...given) {
    if (!isOurs(given[0])) return new WebSocket(...given);
    super();
    for (const kind of kinds) this.addEventListener(kind, (event) => this[`on${kind}`]?.(event));
    this.#given = given;
    this.#dial();
  }
  get readyState() { return this.#waits ? 0 : this.#real.readyState; }
  get binaryType() { return this.#kind; }
  set binaryType(kind) { this.#real.binaryType = this.#kind = kind; }
  send(data) {
    if (this.#waits) this.#unsent.push(data);
    else this.#real.send(data);
  }
  close(...why) {
    this.#isLeft = true;
    if (this.#waits && this.#real.readyState === 3) this.#tell(new CloseEvent("close", { code: 1000, wasClean: true }));
    this.#waits = false;
    this.#real.close(...why);
  }
  #dial() {
    const real = this.#real = new WebSocket(...this.#given);
    this.#error = null;
    real.binaryType = this.#kind;
    for (const kind of kinds) real.addEventListener(kind, (event) => this.#heed(event));
  }
  async #heed(event) {
    const { type, code, reason } = event;
    if (type === "error") return void (this.#error = event); // a close follows
    if (type === "close" && person && !this.#isLeft) {
      this.#waits = true;
      // Gatepost says so where it can; many an app has a 4401 of its own.
      const isOfUs = code === 4401 && reason === "session ended";
      if (isOfUs || (code === 1006 && (await ask()).signed_in === false)) {
        return wait(newCall("GET"), () => this.#isLeft || this.#dial());
      }
    }
    if (type !== "message") this.#waits = false;
    if (type === "close" && this.#error) this.#tell(this.#error);
    this.#tell(event);
    if (type === "open") this.#unsent.splice(0).forEach((data) => this.#real.send(data));
  }
  #tell(event) {
    this.dispatchEvent(new event.constructor(event.type, event));
  }
};

for (const kind of ["visibilitychange", "focus"]) addEventListener(kind, () => document.hidden || ask());
ask();
})();
