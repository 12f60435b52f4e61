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
const isSafe = (method) => /^(GET|HEAD)$/i.test(method);
const isHeld = (call) => isGone || isRepeating || waiting.length || (isOut && !call.isSafe);
const wait = (call, again) => {
  if (waiting.push({ ...call, again }) === 1) ask();
};
const repeat = async () => {
  if (isRepeating) return;
  isRepeating = true;
  while (waiting.length) {
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
  const call = { number: count++, isSafe: isSafe(method) };
  if (!isHeld(call)) {
    const answer = await fetch(request.clone());
    if (!isRefused(answer.status, answer.headers.get("WWW-Authenticate"))) return answer;
  }
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
    wait(call, () => fetch(request).then(resolve, reject));
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
    [this.#given, this.#fields, this.#done] = [given, [], null];
    this.#call = isOurs(given[1]) && given[2] !== false && { number: count++, isSafe: isSafe(given[0]) };
  }
  setRequestHeader(...field) {
    super.setRequestHeader(...field);
    this.#fields.push(field);
  }
  send(body) {
    this.#body = body;
    if (this.#call && isHeld(this.#call)) this.#wait();
    else super.send(body);
  }
  abort() {
    this.#call = null;
    super.abort();
  }
  #wait() {
    this.#waits = true;
    wait(this.#call, () => new Promise((done) => {
      if (!this.#call) return done();
      super.open(...this.#given);
      for (const field of this.#fields) super.setRequestHeader(...field);
      [this.#waits, this.#done] = [false, done];
      super.send(this.#body);
    }));
  }
  #heed(event) {
    const isOver = event.type === "loadend";
    if (this.#done) {
      if (isOver) this.#done();
    } else if (this.#call && (this.#waits || isRefused(this.status, this.getResponseHeader("WWW-Authenticate")))) {
      event.stopImmediatePropagation();
      if (isOver) this.#wait();
    }
  }
};

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
    for (const kind of ["open", "message", "error", "close"]) real.addEventListener(kind, (event) => this.#heed(event));
  }
  async #heed(event) {
    const { type, code } = event;
    if (type === "error") return void (this.#error = event); // a close follows
    if (type === "close" && person && !this.#isLeft) {
      this.#waits = true;
      // Gatepost says 4401 where it can.
      if (code === 4401 || (code === 1006 && (await ask()).signed_in === false)) {
        return wait({ number: count++, isSafe: true }, () => this.#isLeft || this.#dial());
      }
    }
    if (type !== "message") this.#waits = false;
    if (type === "close" && this.#error) this.#tell(this.#error);
    this.#tell(event);
    if (type === "open") this.#unsent.splice(0).forEach((data) => this.#real.send(data));
  }
  #tell(event) {
    const same = new event.constructor(event.type, event);
    this.dispatchEvent(same);
    this[`on${event.type}`]?.(same);
  }
};

for (const kind of ["visibilitychange", "focus"]) addEventListener(kind, () => document.hidden || ask());
ask();
})();
