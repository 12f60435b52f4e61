"use strict";

const byId = (id) => document.getElementById(id);
const page = crypto.randomUUID();
let number = 0;

const send = async (change) => {
  try {
    const answer = await fetch("/changes", { method: "POST", body: JSON.stringify(change) });
    byId("sent").textContent = answer.ok ? `Sent ${(await answer.json()).number} times` : `Answered ${answer.status}`;
  } catch {
    setTimeout(send, 1000, change); // the connection broke: the number says which change this is
  }
};
setInterval(() => send({ page, number: ++number, text: byId("text").value }), 1000);

const live = new WebSocket(`${location.origin.replace("http", "ws")}/live`);
live.onopen = () => { byId("live").textContent = "connected"; };
live.onclose = () => { byId("live").textContent = "closed"; };
live.onmessage = (message) => {
  const [from, heard] = message.data.split(" ");
  if (from === page) byId("live").textContent = `heard ${heard}`;
};
