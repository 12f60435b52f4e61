"use strict";

const byId = (id) => document.getElementById(id);

const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`);
const tell = (id, text, good) => {
  byId(id).textContent = text;
  byId(id).dataset.good = good;
};
socket.onopen = () => tell("socket-state", "connected", true);
socket.onclose = () => tell("socket-state", "closed", false);
socket.onmessage = (message) => {
  const line = document.createElement("li");
  line.textContent = message.data;
  byId("echoes").prepend(line);
  while (byId("echoes").childElementCount > 4) byId("echoes").lastElementChild.remove();
};
byId("echo-form").onsubmit = (event) => {
  event.preventDefault();
  if (socket.readyState === WebSocket.OPEN) socket.send(byId("echo-text").value);
};

byId("upload-form").onsubmit = async (event) => {
  event.preventDefault();
  const file = byId("upload-file").files[0];
  if (!file) return tell("upload-state", "Choose a file first", false);
  tell("upload-state", "uploading", true);
  try {
    const answer = await fetch("/upload", { method: "POST", body: file });
    if (!answer.ok) throw new Error(`answered ${answer.status}`);
    const result = await answer.json();
    tell("upload-state", `${result.bytes} bytes, SHA-256 ${result.sha256}`, true);
  } catch (error) {
    tell("upload-state", `failed: ${error.message}`, false);
  }
};

const events = new EventSource("/events");
events.onopen = () => tell("events-state", "streaming", true);
events.onerror = () => tell("events-state", "interrupted", false);
events.onmessage = (event) => { byId("clock").textContent = event.data; };
